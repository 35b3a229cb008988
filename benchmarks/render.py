"""Speed of a generator: images rendered a second, on one core.

    OMP_NUM_THREADS=1 python benchmarks/render.py                  # cells
    OMP_NUM_THREADS=1 python benchmarks/render.py texture_dsprites

The images are those of a design, as a source renders them: factors at random, no masks. CPU time
counts, so that other work on the machine disturbs little; the median of the turns is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time

from fovscope.datasets.design import sample_design
from fovscope.generators.base import load_generator
from fovscope.generators.declared import declared_factors
from fovscope.registry import Catalogue


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", nargs="?", default="cells")
    parser.add_argument("--images", type=int, default=300, help="images a turn")
    parser.add_argument("--turns", type=int, default=5)
    return parser.parse_args()


def main() -> None:
    """Render the same images in turns and print how many a second."""
    arguments = parse_arguments()
    entry = Catalogue().entry("generator", arguments.generator)
    sizes = {"train_pairs": 1, "iid_train": arguments.images, "iid_test": 1, "pairs_per_factor": 1}
    design = sample_design(declared_factors(entry), **sizes)
    design = design[(design["role"] == "image") & (design["split"] == "train")]
    images = load_generator(entry, {}).images(design, seed=0)
    turns = []
    for _ in range(arguments.turns + 1):
        start = time.process_time()
        for row in range(len(images)):
            images[row]
        turns.append(time.process_time() - start)
    rate = len(images) / statistics.median(turns[1:])  # the first turn warms up
    print(f"{arguments.generator}: {rate:.0f} images/s, {images[0].shape[0]} px")


if __name__ == "__main__":
    main()
