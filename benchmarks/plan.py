"""What planning costs: CPU seconds and memory of dry runs, for the full study and for larger ones.

    python benchmarks/plan.py                    config/paper.yaml to do, with wide.yaml, done
    python benchmarks/plan.py --sizes 1 4 16     so many targets, ten backbones, ten seeds

A study to do needs no data. Targets of others are folders of a few tiny images in a temporary
folder. A study that is done is one whose files are there, empty, with Snakemake's records of them:
no network runs.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import table
import yaml
from PIL import Image
from snakemake.utils import update_config

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 8.0
"""CPU seconds within which the full study is to be planned."""


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = table.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", help="numbers of targets")
    parser.add_argument("--profile", help="a Python profile of the dry run goes to this file")
    return parser.parse_args()


def make_images(folder: Path, size: int = 8) -> str:
    """Draw two classes of a few images."""
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(5):
            Image.new("L", (size, size), number).save(folder / label / f"{number}.png")
    return str(folder)


def written(*names: str) -> dict:
    """Return what files of `config` say, the later ones put into the first."""
    study: dict = {}
    for name in names:
        update_config(study, yaml.safe_load((ROOT / "config" / name).read_text("utf-8")))
    return study


def with_folders(study: dict, folder: Path) -> dict:
    """Return a study with folders in the place of what is retrieved."""
    targets = {name: {"folder": make_images(folder / name)} for name in study["targets"]}
    of_retrieved = ("sprites", "textures")
    sources = {
        name: {key: value for key, value in source.items() if key not in of_retrieved}
        for name, source in study["sources"].items()
    }
    return study | {"targets": targets, "sources": sources}


def large_study(folder: Path, targets: int) -> dict:
    """Return a study with so many targets, ten backbones and ten seeds."""
    names = [f"target{number}" for number in range(targets)]
    return {
        "betas": [1],
        "seeds": list(range(10)),
        "targets": {name: {"folder": make_images(folder / name)} for name in names},
        "backbones": {f"backbone{number}": "resnet50.tv2_in1k" for number in range(10)},
    }


def snakemake(folder: Path, *arguments: str, profile: str | None = None) -> tuple[str, float, int]:
    """Run Snakemake on the study of a folder; return what it says, seconds of CPU, and MB."""
    command = [sys.executable, *(["-m", "cProfile", "-o", profile] if profile else [])]
    command += ["-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", "study.yaml", "--profile", str(ROOT / "profiles/local")]
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            [*command, "--nocolor", *arguments], cwd=folder, stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        said.seek(0)
        text = said.read()
    if status:
        raise RuntimeError(text[-2000:])
    return text, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def plan(
    folder: Path,
    name: str,
    study: dict,
    *,
    profile: str | None = None,
    limit: float | None = None,
) -> table.Line:
    """Return the line of the dry run of a study: seconds of CPU, jobs and memory."""
    write(folder, study)
    text, seconds, megabytes = snakemake(folder, "--dry-run", profile=profile)
    found = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    jobs = int(found[1]) if found else 0
    what = f"planning {name}: {jobs:,} jobs, {megabytes} MB"
    return table.Line(what=what, ours=seconds, limit=limit)


def write(folder: Path, study: dict) -> None:
    """Write the configuration that is planned next; the first source is that of most recipes."""
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), "utf-8")


def pretend_done(folder: Path, study: dict) -> None:
    """Make every file of a study, empty, with the records of Snakemake."""
    write(folder, study)
    listed = snakemake(folder, "--summary")[0]
    for name in re.findall(r"^(results/\S+)\t", listed, re.MULTILINE):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}" if path.suffix == ".json" else "")
    snakemake(folder, "--touch", "--forceall", "--cores", "1")


def lines(arguments: argparse.Namespace) -> Iterator[table.Line]:
    """Yield a line for each plan."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in arguments.sizes or []:
            study = large_study(folder / "images", size)
            yield plan(folder, f"{size} targets", study, profile=arguments.profile)
        if arguments.sizes is None:
            study, profile = written("paper.yaml"), arguments.profile
            wide = written("paper.yaml", "wide.yaml")
            yield plan(folder, "paper.yaml, all to do", study, profile=profile, limit=LIMIT)
            yield plan(folder, "paper.yaml and wide.yaml, all to do", wide)
            study = with_folders(study, folder / "images")
            pretend_done(folder, study)
            yield plan(folder, "paper.yaml, all done", study, profile=profile)


def main() -> None:
    """Print the lines."""
    arguments = parse_arguments()
    table.print_table(lines(arguments), with_head=not arguments.rows)


if __name__ == "__main__":
    main()
