"""What the images of a data set look like: a row for each class, or for each value of a factor."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fovscope.factors import Factor
from fovscope.figures.given import THUMBNAIL, Given
from fovscope.figures.style import PAGE, Drawing, show_images, shown_name
from fovscope.images.source import ImageSource
from fovscope.registry import figure

PER_ROW = 8
"""Images in a row."""

_ROWS = 4
"""Rows of a data set of which neither classes nor factors are known."""


@figure(
    "samples",
    scope="dataset",
    of="datasets",
    needs=("images",),
    section="Data",
    order=10,
    caption="Some images of each class, or of each value of the first factor, drawn at random, as "
    "the network sees them.",
)
def samples(given: Given) -> Drawing:
    """Some images of a data set, drawn at random.

    Parameters
    ----------
    given : Given
        Image table and images.
    """
    rows = sample_rows(given.image_table, given.info, seed=0)
    images = given.open_images(THUMBNAIL)
    lines = sum(_lines_of(chosen) for chosen in rows.values())
    height = lines * (PAGE - 1.2) / PER_ROW
    return Drawing(PAGE, height, partial(draw_samples, images=images, rows=rows))


def sample_rows(table: pd.DataFrame, info: Mapping[str, object], seed: int) -> dict[str, list[int]]:
    """Draw rows of each group of an image table.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per image.
    info : mapping
        The facts beside it, of which ``factors`` is used.
    seed : int
        Of the draw.

    Returns
    -------
    dict of str to list of int
        By title up to `PER_ROW` rows: of each class, in alphabetical order; without classes of
        each value of the first factor whose values are listed; without such a factor, some rows
        of all images under no title.
    """
    rng = np.random.default_rng(seed)
    if "label" in table and table["label"].notna().any():
        groups, prefix = table["label"], ""
    else:
        factors = (Factor.from_json(factor) for factor in info.get("factors", ()))
        listed = [factor for factor in factors if factor.values is not None]
        if not listed:
            return {"": sorted(rng.permutation(len(table))[: _ROWS * PER_ROW].tolist())}
        groups, prefix = table[listed[0].column], f"{listed[0].name} "
    rows = pd.Series(range(len(groups))).groupby(groups.to_numpy()).agg(list)
    return {
        f"{prefix}{_written(value)}": sorted(rng.permutation(of_group)[:PER_ROW].tolist())
        for value, of_group in rows.items()
    }


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _lines_of(rows: list[int]) -> int:
    return -(-len(rows) // PER_ROW)


def draw_samples(canvas: Figure, images: ImageSource, rows: Mapping[str, list[int]]) -> None:
    """Draw the images of each group in rows of which the first bears its name."""
    lines = [
        (name if first == 0 else "", chosen[first : first + PER_ROW])
        for name, chosen in rows.items()
        for first in range(0, len(chosen), PER_ROW)
    ]
    grid = canvas.subplots(len(lines), squeeze=False)[:, 0]
    for (name, chosen), axes in zip(lines, grid, strict=True):
        show_images(axes, [images[row] for row in chosen], PER_ROW)
        axes.set_ylabel(shown_name(name), rotation=0, ha="right", va="center", fontsize=6)
