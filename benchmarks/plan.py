"""What planning costs: CPU seconds and memory of dry runs, for the full study and for larger ones.

    python benchmarks/plan.py                    config/paper.yaml: all to do, then all done
    python benchmarks/plan.py --sizes 1 4 16     so many targets, ten backbones, ten seeds

Targets are folders of a few tiny images in a temporary folder. A study that is done is one
whose files are there, empty, with Snakemake's records of them: no network runs.
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
    """Draw two classes of a few images, and masks for them."""
    for place in (folder, folder / "images", folder / "masks"):
        for label in ("a", "b"):
            (place / label).mkdir(parents=True, exist_ok=True)
            for number in range(5):
                Image.new("L", (size, size), number).save(place / label / f"{number}.png")
    return str(folder)


def paper_study(folder: Path) -> dict:
    """Return the full study, with folders that are there."""
    study = yaml.safe_load((ROOT / "config/paper.yaml").read_text("utf-8"))
    for name, target in study["targets"].items():
        make_images(folder / name)
        target["folder"] = str(folder / name / "images")
        if "masks" in target:
            target["masks"] = str(folder / name / "masks")
    return study


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
    (folder / "study.yaml").write_text(yaml.safe_dump(study), "utf-8")
    text, seconds, megabytes = snakemake(folder, "--dry-run", profile=profile)
    found = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    jobs = int(found[1]) if found else 0
    what = f"planning {name}: {jobs:,} jobs, {megabytes} MB"
    return table.Line(what=what, ours=seconds, limit=limit)


def pretend_done(folder: Path) -> None:
    """Make every file of a study, empty, with the records of Snakemake."""
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
            study = paper_study(folder / "images")
            profile = arguments.profile
            yield plan(folder, "paper.yaml, all to do", study, profile=profile, limit=LIMIT)
            pretend_done(folder)
            yield plan(folder, "paper.yaml, all done", study, profile=profile)


def main() -> None:
    """Print the lines."""
    arguments = parse_arguments()
    table.print_table(lines(arguments), with_head=not arguments.rows)


if __name__ == "__main__":
    main()
