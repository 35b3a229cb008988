"""What the images of a data set look like: a row a class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fovscope.figures.style import PAGE, show_image
from fovscope.images.source import ImageSource

PER_CLASS = 8


def sample_rows(groups: pd.Series, seed: int) -> dict[str, list[int]]:
    """Draw up to `PER_CLASS` rows of each group, groups in alphabetical order."""
    rng = np.random.default_rng(seed)
    rows = pd.Series(range(len(groups))).groupby(groups.to_numpy()).agg(list)
    return {
        str(name): sorted(rng.permutation(of_group)[:PER_CLASS].tolist())
        for name, of_group in rows.items()
    }


def sample_size(rows: int) -> tuple[float, float]:
    """Return width and height in inches of `rows` rows of square images."""
    return PAGE, rows * (PAGE - 1.2) / PER_CLASS


def draw_samples(canvas: Figure, images: ImageSource, rows: dict[str, list[int]]) -> None:
    """Draw the images of each group in a row that bears its name."""
    grid = canvas.subplots(len(rows), PER_CLASS, squeeze=False)
    for (name, chosen), line in zip(rows.items(), grid, strict=True):
        for axes in line:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        for row, axes in zip(chosen, line, strict=False):
            show_image(axes, images[row])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=6)
