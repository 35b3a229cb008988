"""Targets that fovscope makes itself: images and masks as files, then a manifest as of any."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from PIL import Image

from fovscope.datasets.manifest import Manifest, manifest_from_table
from fovscope.generators.synthetic_cells import FACTORS, generate_cells
from fovscope.study.config import Target


def generate_target(options: Target, folder: Path, *, workers: int) -> Manifest:
    """Write the images of a generated target into `folder` and return their manifest.

    Parameters
    ----------
    options : Target
        With a `generator`.
    folder : Path
        Where the images go.
    workers : int
        Threads that read images.
    """
    table = write_cells(folder, options.images, seed=options.seed, odd_class=options.odd_class)
    return manifest_from_table(table, folder, options, factors=FACTORS, workers=workers)


def write_cells(folder: Path, count: int, *, seed: int, odd_class: bool = False) -> pd.DataFrame:
    """Write generated cells and their masks as PNG files.

    Parameters
    ----------
    folder : Path
        Gets the folders ``images`` and ``masks``.
    count : int
        Number of cells.
    seed : int
        Of the generator.
    odd_class : bool
        Whether some cells are of the planted class.

    Returns
    -------
    pandas.DataFrame
        One row a cell: ``path, mask, label`` and its factors.
    """
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for index, cell in enumerate(generate_cells(count, seed, odd_class=odd_class)):
        name = f"{index:06d}.png"
        Image.fromarray(cell.image).save(folder / "images" / name)
        Image.fromarray(cell.mask * 255).save(folder / "masks" / name)
        files = {"path": f"images/{name}", "mask": f"masks/{name}"}
        rows.append(files | {"label": cell.label} | cell.factors)
    return pd.DataFrame(rows)
