"""Why jobs will run, in words: a dry run of Snakemake, with its reasons read aloud.

Snakemake prints the values of the parameters that changed, before and now, without their
names. Here they are compared key by key: the digests of code, of images, and the configuration,
whose options are called as it calls them (`fovscope.study.expansion` has made the values).
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fovscope import FovscopeError
from fovscope.datasets.channel_files import digests_of_images
from fovscope.datasets.content import known_digests, summary
from fovscope.datasets.listing import read_info
from fovscope.runtime.parquet import read_table
from fovscope.study.config import section_fields

_JOB = re.compile(r"^Job \d+: (.*)\nReason: (.*)$", re.MULTILINE)
_PARAMS = re.compile(r"Params have changed since last execution: [^:]*: before: (.*) now: (.*) ")
_NOTHING = "<nothing exclusive>"
_CONTENT = {"files", "sha256"}
"""What a digest of files has and no part of the config: a backbone has a `sha256` too."""

_IN_CONFIG = (
    (r"options\.(?:panel|stand_ins)\.(?:metrics\.)?", "metrics."),
    (r"options\.(active_sd|factor_levels|resamples|widest)\b", r"metrics.\1"),
    (r"options\.trees\.", "probes.gbt."),
    (r"options\.(probes)\.", r"\1."),
    (r"options\.latent_dim\b", "model.latent_dim"),
    (r"options\.derived\.(?:(\w+)\.options\.)?", r"representations.\1."),
    (r"representation\.options\.", "representations."),
    (r"training\.", "source_training."),
    (r"(?:recipe|objective)\.(?:options\.)?", "recipes."),
    (r"backbone\.", "backbones."),
    (r"encoding\.", "encode."),
    (r"probe\.", "probes."),
)
"""Beginnings of the names of options among the parameters of jobs, and in the configuration."""

_CONTENT_OF = {"": "images", "files": "images", "content": "the file"}
"""What a digest is of, where it does not bear the name of the option that gives the file."""

_LISTED = 3
"""How many files of one reason are named."""


def why(targets: Sequence[str], options: Sequence[str], results: Path) -> str:
    """Return what will run and why, one paragraph per job.

    Parameters
    ----------
    targets : sequence of str
        Files or named targets; none for the whole study.
    options : sequence of str
        For Snakemake: ``--configfile``, ``--profile`` and so on.
    results : Path
        Results folder of the study.

    Raises
    ------
    FovscopeError
        If Snakemake cannot plan; the message is its own.
    """
    jobs = _JOB.findall(dry_run(targets, options))
    if not jobs:
        return "Nothing will run: everything is there and up to date."
    return "\n".join(
        "\n".join([message, *(f"    {reason}" for reason in explained(reasons, results))])
        for message, reasons in jobs
    )


def dry_run(targets: Sequence[str], options: Sequence[str], **env: str) -> str:
    """Return what Snakemake prints when it plans; raise `FovscopeError` if it cannot."""
    command = [sys.executable, "-m", "snakemake", "--dry-run"]
    # `--quiet` takes all words that follow, so that an option must come after it.
    command += ["--quiet", "host", "--nocolor", "--cores", "1"]
    run = subprocess.run(
        [*command, *options, *(["--", *targets] if targets else [])],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | env,
    )
    text = run.stdout + run.stderr
    if run.returncode:
        # Of a wrong option only what is wrong, without the list of all options.
        raise FovscopeError(text.partition("__main__.py: ")[2] or text)
    return text


def explained(reasons: str, results: Path) -> Iterator[str]:
    """Yield the reasons that Snakemake gives for one job, in words."""
    for part in _PARAMS.sub("", reasons).split("; "):
        if part.strip():
            yield _shortened(part.strip()[0].lower() + part.strip()[1:])
    for before, now in _PARAMS.findall(reasons):
        yield from _changes(_values(before), _values(now), results)


def _shortened(reason: str) -> str:
    """Return a reason with its first files in order; a table can be made of thousands."""
    what, colon, listed = reason.partition(": ")
    files = sorted(listed.split(", "))
    more = [f"and {len(files) - _LISTED} more"] if len(files) > _LISTED else []
    return what + colon + ", ".join(files[:_LISTED] + more)


def _values(text: str) -> list[Any]:
    return [] if text == _NOTHING else list(ast.literal_eval(f"[{text}]"))


def _changes(before: list[Any], now: list[Any], results: Path) -> Iterator[str]:
    before = list(before)
    for value in now:
        old = max(before, key=lambda other: _likeness(other, value), default=None)
        if type(old) is type(value):
            before.remove(old)
            yield from _difference("", old, value, results)
        else:
            yield f"newly used: {_shown(value)}"
    for value in before:
        yield f"no longer used: {_shown(value)}"


def _likeness(one: object, other: object) -> float:
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one.keys() & other.keys()) / max(1, len(one.keys() | other.keys()))
    return 0.5 * (type(one) is type(other))


def _difference(name: str, old: object, new: object, results: Path) -> Iterator[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        shown = f"{_in_config(name)} {_shown(old)} -> {_shown(new)}"
        yield f"config changed: {shown.strip()}"
    elif new.keys() >= _CONTENT:
        yield from _content_changes(name, old, new, results)
    elif all(key.endswith(".py") for key in old.keys() | new.keys()):
        for file in sorted(old.keys() | new.keys()):
            if file not in old:
                yield f"code added: {file}"
            elif file not in new:
                yield f"code no longer used: {file}"
            elif old[file] != new[file]:
                yield f"code changed: {file}"
    else:
        section = name or _section(new)
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                where = f"{section}.{key}" if section else key
                if key == "options":
                    where = _section(new.get(key) or {}) or where
                yield from _difference(where, old.get(key), new.get(key), results)


def _in_config(name: str) -> str:
    """Return what the configuration calls an option of a job."""
    for pattern, called in _IN_CONFIG:
        if match := re.match(pattern, name):
            return match.expand(called).replace("..", ".") + name[match.end() :]
    return name


def _section(values: Mapping[str, Any]) -> str:
    """Return the name of the section of the config that has most of these keys."""
    likeness = {
        name: _likeness(dict(values), dict.fromkeys(fields))
        for name, fields in section_fields().items()
    }
    best = max(likeness, key=likeness.__getitem__)
    return best if likeness[best] > 0.5 else ""


def _content_changes(name: str, old: dict, new: dict, results: Path) -> Iterator[str]:
    tables = ("table_sha256", "rows_sha256")  # features depend on the latter alone
    if any(old.get(key) != new.get(key) for key in tables):
        yield "table changed"
    if old.get("sha256") == new["sha256"]:
        return
    counts = _image_changes(new["sha256"], results)
    words = ", ".join(f"{number} {change}" for change, number in sorted(counts.items()))
    option = name.rpartition(".")[2]
    what = _CONTENT_OF.get(option, option)
    yield f"content of {what} changed" + (f": {words}" if words else "")


def _image_changes(digest: str, results: Path) -> Counter[str]:
    """Count the images and masks that differ from the manifest of the target with this digest."""
    for cache in sorted(results.glob(".fovscope/content/targets/*.json")):
        now = known_digests(cache)
        table = results / "data" / cache.stem / "manifest.parquet"
        if summary(now)["sha256"] == digest and table.exists():
            before = digests_of_images(read_table(table), read_info(table.with_suffix(".json")))
            return Counter(
                "added" if name not in before else "removed" if name not in now else "changed"
                for name in before.keys() | now.keys()
                if before.get(name) != now.get(name)
            )
    return Counter()


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
