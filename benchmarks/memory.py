"""Memory of the extraction of many images beside that of a tenth of them.

A job reads its image table whole and streams everything else. Each peak is that of a process of
its own, which starts at some 800 MB: PyTorch and its libraries.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import table

from fovscope.datasets.listing import write_info
from fovscope.datasets.prepare import prepare_design
from fovscope.factors import Factor
from fovscope.features.job import ExtractionJob, run_job
from fovscope.generators.base import Drawing, Generator
from fovscope.registry import Catalogue, generator
from fovscope.runtime.parquet import write_table
from fovscope.runtime.provenance import write_json
from fovscope.study.config import Backbone, Features

MANY, SIDE, MOST = 200_000, 32, 1.1
FACTORS = (
    Factor(name="Red", values=256),
    Factor(name="Green", values=256),
    Factor(name="Blue", values=256),
)


@generator("plain", factors=FACTORS)
class Plain(Generator):
    """Images of one colour, which cost nothing to draw."""

    factors = FACTORS

    def render(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Drawing:
        """Draw an image."""
        colour = np.array([factors[factor.name] for factor in FACTORS], np.uint8)
        return Drawing(np.full((SIDE, SIDE, 3), colour))


def prepared(folder: Path, images: int) -> ExtractionJob:
    """Write what a job reads: half of the images are in pairs."""
    entry = Catalogue([__file__]).entry("generator", "plain")
    sizes = {"train_pairs": images // 4, "iid_train": images // 4, "iid_test": images // 10}
    pairs = (images - 2 * sizes["train_pairs"] - sizes["iid_train"] - sizes["iid_test"]) // 6
    manifest = prepare_design(entry, {}, seed=0, pairs_per_factor=pairs, **sizes)
    write_table(folder / "table.parquet", manifest.table)
    write_info(folder / "info.json", manifest.info)
    task = {
        "backbone": Backbone(model="pixels", size=SIDE).model_dump(),
        "features": Features().model_dump(),
        "code": {__file__: ""},
    }
    write_json(folder / "task.json", task)
    return ExtractionJob(
        manifest=str(folder / "manifest.json"),
        task=str(folder / "task.json"),
        table=str(folder / "table.parquet"),
        info=str(folder / "info.json"),
        part=1,
        parts=1,
        threads=1,
        log="",
    )


def peak(images: int) -> float:
    """Return the peak of memory, in MB, of a job of its own."""
    with tempfile.TemporaryDirectory() as folder:
        job = json.dumps(asdict(prepared(Path(folder), images)))
        command = [sys.executable, __file__, job]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(said) / 1024


def own_peak() -> int:
    """Return the peak of this process in KB: a child's `ru_maxrss` begins with its parent's."""
    facts = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(facts["VmHWM"].split()[0])


def lines() -> Iterator[table.Line]:
    """Yield the one line."""
    few, many = peak(MANY // 10), peak(MANY)
    yield table.Line(
        what=f"memory of extraction, {MANY:,} generated images, pixels, {SIDE} px",
        ours=many,
        unit="MB",
        reference=few,
        against=f"{MANY // 10:,} images",
        limit=MOST * few,
    )


def main() -> None:
    """Print the line; as the process of a job, run it and print its peak in KB."""
    if sys.argv[1:2] and sys.argv[1].startswith("{"):
        run_job(ExtractionJob(**json.loads(sys.argv[1])))
        print(own_peak())
        return
    arguments = table.parser(__doc__).parse_args()
    table.print_table(lines(), with_head=not arguments.rows)


if __name__ == "__main__":
    main()
