"""Speed of a generator: images rendered a second, on one core.

    OMP_NUM_THREADS=1 python benchmarks/render.py                  # cells and sprites
    OMP_NUM_THREADS=1 python benchmarks/render.py synthetic_cells

The images are those of a design, as a source renders them: factors at random, no masks. CPU time
counts, so that other work on the machine disturbs little; the median of the turns is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import table

from fovscope.datasets.design import sample_design
from fovscope.generators.base import load_generator
from fovscope.generators.declared import declared_factors
from fovscope.registry import Catalogue

MARKS = {"cells": 300.0}
"""Images a second to reach."""


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = table.parser(__doc__)
    parser.add_argument("generators", nargs="*", default=["cells", "texture_dsprites"])
    parser.add_argument("--images", type=int, default=300, help="images a turn")
    parser.add_argument("--turns", type=int, default=5)
    return parser.parse_args()


def lines(arguments: argparse.Namespace) -> Iterator[table.Line]:
    """Render the images of each generator in turns and yield how many a second."""
    sizes = {"train_pairs": 1, "iid_train": arguments.images, "iid_test": 1, "pairs_per_factor": 1}
    for name in arguments.generators:
        entry = Catalogue().entry("generator", name)
        design = sample_design(declared_factors(entry), **sizes)
        design = design[(design["role"] == "image") & (design["split"] == "train")]
        images = load_generator(entry, {}).images(design, seed=0)
        turns = []
        for _ in range(arguments.turns + 1):
            start = time.process_time()
            for row in range(len(images)):
                images[row]
            turns.append(time.process_time() - start)
        yield table.Line(
            what=f"rendering {name}, {images[0].shape[0]} px, one core",
            ours=len(images) / statistics.median(turns[1:]),  # the first turn warms up
            unit="images/s",
            limit=MARKS.get(name),
        )


def main() -> None:
    """Print the lines."""
    arguments = parse_arguments()
    table.print_table(lines(arguments), with_head=not arguments.rows)


if __name__ == "__main__":
    main()
