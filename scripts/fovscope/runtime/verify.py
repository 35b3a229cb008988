"""Find what is no longer what the jobs wrote, and images that are no longer what they read.

Everything is read and hashed: the outputs of each job against the digests that the job noted,
the shards of each feature store against its manifest, and that, like the images and masks,
against the manifest of the data set. An output that is absent is no mismatch: Snakemake makes
it again when it is needed. Of an archive, which is whole, everything must be there; images and
features are not in it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fovscope import FovscopeError
from fovscope.datasets.channel_files import digests_of_images
from fovscope.datasets.listing import DataError, read_info
from fovscope.datasets.stores import digest_of
from fovscope.features.store import verify_store
from fovscope.runtime.parquet import read_table
from fovscope.runtime.provenance import read_json

ARCHIVED = "digests/archive.sha256"
"""In an archive the digests of all its files; a results folder has none."""

_WORKERS = 4
_OUTPUTS = (
    "data/*/manifest.*",
    "features/*/*/manifest.json",
    "models/**/*.safetensors",
    "representations/**/*.parquet",
    "scores/**/*.parquet",
    "tables/*.parquet",
)
"""What must be on a list of digests; a results folder may hold files of other origin too."""

logger = logging.getLogger(__name__)


def verify_study(root: Path) -> list[str]:
    """Rehash everything of a study.

    Parameters
    ----------
    root : Path
        Its results folder.

    Returns
    -------
    list of str
        What does not match and what to do, one line for each file; empty when all is well.

    Raises
    ------
    FovscopeError
        If there is no study.
    """
    lists = digest_lists(root)
    if root / ARCHIVED in lists:
        return _verify_archive(root)
    noted: dict[Path, str] = {}
    problems = []
    for path in lists:
        entries = entries_of(path)
        noted |= {root / name: digest for name, digest in entries.items()}
        if not entries:
            problems.append(f"{path}: damaged; delete it")
    problems += [
        f"{path}: no list in {root / 'digests'} vouches for it; {_cure(path)}"
        for kind in _OUTPUTS
        for path in sorted(root.glob(kind))
        if path not in noted
    ]
    expected = {path: digest for path, digest in noted.items() if path.exists()}
    damaged = _mismatches(expected)
    problems += [f"{path}: not what its job wrote; {_cure(path)}" for path in damaged]
    # What is damaged itself cannot vouch for anything.
    sound = expected.keys() - set(damaged)
    stores = sorted(path for path in sound if path.match("features/*/*/manifest.json"))
    for store in stores:
        found = [*verify_store(store), *_other_images(store, sound)]
        problems += [f"{store.parent}: {problem}; {_cure(store)}" for problem in found]
    tables = sorted(path for path in sound if path.match("data/*/manifest.parquet"))
    for table in tables:
        info = table.with_suffix(".json")
        if info in sound:
            facts = read_info(info)
            # Images that a generator renders when they are needed are no files.
            problems += _changed_images(table, facts) if "root" in facts else []
        elif info not in damaged:
            problems.append(f"{info}: absent, so its images cannot be found; {_cure(info)}")
    absent = len(noted) - len(expected)
    logger.info(
        "%d files, %d feature stores and the images of %d data sets compared: %s%s",
        *(len(expected), len(stores), len(tables)),
        f"{len(problems)} do not match" if problems else "all match",
        f"; absent outputs: {absent}, a run makes those it needs" if absent else "",
    )
    return problems


def _verify_archive(root: Path) -> list[str]:
    """Rehash all files of an unpacked archive, which has neither images nor features."""
    entries = {root / name: digest for name, digest in entries_of(root / ARCHIVED).items()}
    if not entries:
        return [f"{root / ARCHIVED}: damaged; {_AGAIN}"]
    present = {path: digest for path, digest in entries.items() if path.exists()}
    absent = [path for path in entries if path not in present]
    damaged = _mismatches(present)
    unknown = [path for kind in _OUTPUTS for path in sorted(root.glob(kind)) if path not in entries]
    problems = [f"{path}: absent; {_AGAIN}" for path in absent]
    problems += [f"{path}: not what was archived; {_AGAIN}" for path in damaged]
    problems += [f"{path}: no file of the archive; remove it" for path in unknown]
    logger.info(
        "archive of %d files compared: %s",
        len(entries),
        f"{len(problems)} do not match" if problems else "all match",
    )
    return problems


_AGAIN = "unpack the archive again"


def digest_lists(root: Path) -> list[Path]:
    """Return the lists of digests that the jobs of a study noted.

    Raises
    ------
    FovscopeError
        If there is no study.
    """
    # Without what a kill left of a list that was being written.
    lists = sorted(p for p in root.glob("digests/**/*.sha256") if not p.name.startswith("."))
    if not lists:
        raise FovscopeError(
            f"{root} holds no finished job of a study: there are no digests of outputs in it; "
            "is it the results folder?"
        )
    return lists


def _cure(path: Path) -> str:
    # The target first: some options, `--configfile` for one, take all words that follow.
    return f"delete {path} and run: snakemake {path} <your options>"


def entries_of(path: Path) -> dict[str, str]:
    """Return name → digest of a list; nothing of one that is damaged."""
    lines = [line.split("  ", maxsplit=1) for line in path.read_text("utf-8").splitlines()]
    whole = all(len(line) == 2 and len(line[0]) == 64 for line in lines)
    return {name: digest for digest, name in lines} if whole else {}


def _other_images(store: Path, sound: Set[Path]) -> Iterator[str]:
    """Say if a store holds the features of other images than its data set has now."""
    info = store.parents[3] / "data" / store.parts[-3] / "manifest.json"
    if info in sound and read_json(info)["images_digest"] != read_json(store)["data_digest"]:
        yield f"features of other images than those of {info}"


def _changed_images(table: Path, facts: Mapping[str, Any]) -> list[str]:
    root = Path(facts["root"])
    expected = {
        # Masks lie beside the images: "../masks/1.png".
        Path(os.path.normpath(root / path)): digest
        for path, digest in digests_of_images(read_table(table), facts).items()
    }
    return [
        f"{path}: not the file that {table} lists; restore it, or {_cure(table)}"
        for path in _mismatches(expected)
    ]


def _mismatches(expected: dict[Path, str]) -> list[Path]:
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = pool.map(_digest, expected)
        return [
            path for path, digest in zip(expected, found, strict=True) if digest != expected[path]
        ]


def _digest(path: Path) -> str | None:
    try:
        return digest_of(path)
    except OSError as error:
        logger.warning("%s: %s", path, error.strerror)
    except DataError as error:
        logger.warning("%s", error)
    return None
