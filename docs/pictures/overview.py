"""Draw the picture of the README from the demo's results: cells, ten numbers, names, confusions.

``make pictures`` runs it after ``make demo``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure
from numpy.typing import NDArray

from fovscope.datasets.listing import read_info
from fovscope.dimensions import owners
from fovscope.factors import bound_of
from fovscope.figures.heatmap import draw_heatmap
from fovscope.figures.style import PALETTE, figure, save, show_images
from fovscope.images.source import RGBView, open_images
from fovscope.records import read_table, representation_values
from fovscope.registry import Catalogue
from fovscope.runtime.provenance import read_json
from fovscope.verdict import HOLDS, OWN, PARTLY

RESULTS = Path("results")
PICTURE = Path(__file__).with_suffix(".png")
TARGET, MODEL = "synthetic_cells", "lite0/named@synthetic_cells/seed0"

WIDTH, HEIGHT = 10.0, 3.4
"""Inches."""

SIDE = 112
"""Pixels of a cell."""

COLOURS = {HOLDS: PALETTE[2], PARTLY: PALETTE[1]}
OTHER = "0.7"
"""Colour of a free dimension, and of a name that does not hold."""


def main() -> None:
    """Read what the demo made, and draw it."""
    data = RESULTS / "data" / TARGET
    images, info = read_table(data / "manifest.parquet"), read_info(data / "manifest.json")
    latents = read_table(RESULTS / "representations" / TARGET / MODEL / "transferred.parquet")
    bound = bound_of(read_json(RESULTS / "models" / MODEL / "source.json"))
    names = read_table(RESULTS / "tables/names.parquet").set_index("factor")
    confusion = read_table(RESULTS / "tables/confusion.parquet")
    values = representation_values(latents, images)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    owned = owners(values.shape[1], bound)
    of_test = images[images["split"] == "test"]
    rows = of_test.groupby("label").head(1).sort_values("label").index
    opened = RGBView(
        open_images(images, info, size=SIDE, interpolation="bilinear", catalogue=Catalogue())
    )
    with figure(WIDTH, HEIGHT) as canvas:
        cells, judged, mixed = canvas.subfigures(1, 3, width_ratios=[4.6, 3.0, 2.6])
        draw_cells(
            cells,
            [opened[int(row)] for row in rows],
            list(images["label"][rows]),
            values[rows],
            [owner.name or "free" for owner in owned],
            [COLOURS.get(names["verdict"].get(owner.factor), OTHER) for owner in owned],
        )
        draw_names(judged, names)
        draw_confusion(mixed, confusion)
        save(canvas, {"png": str(PICTURE)})


def draw_cells(
    canvas: SubFigure,
    images: Sequence[NDArray[np.uint8]],
    classes: Sequence[str],
    values: NDArray,
    names: Sequence[str],
    colours: Sequence[str],
) -> None:
    """Draw an image of each class, and its numbers (in SDs of all images) as bars."""
    canvas.suptitle("An image in, ten numbers out", fontsize=10)
    grid = canvas.subplots(len(images), 2, width_ratios=[1, 4], sharex="col")
    limit = 1.1 * np.abs(values).max()
    for (left, right), image, label, numbers in zip(grid, images, classes, values, strict=True):
        show_images(left, [image])
        left.set_ylabel(label, fontsize=7)
        right.bar(range(len(numbers)), numbers, color=colours)
        right.axhline(0, color="black", linewidth=0.5)
        right.set(ylim=(-limit, limit), yticks=[])
        right.spines[:].set_visible(False)
        right.tick_params(length=0)
    right.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    right.tick_params(labelsize=7)


def draw_names(canvas: SubFigure, names: pd.DataFrame) -> None:
    """Draw how strongly each dimension goes with its own factor, and with the next one."""
    canvas.suptitle("Which names hold on these images", fontsize=10)
    axes = canvas.subplots()
    places = np.arange(len(names))
    colours = [COLOURS.get(verdict, OTHER) for verdict in names["verdict"]]
    axes.barh(places - 0.2, names["own_mean"], 0.4, color=colours)
    axes.barh(places + 0.2, names["other_mean"], 0.4, color="0.85")
    axes.axvline(OWN, color="0.4", linewidth=0.7, linestyle=":")
    for place, verdict in zip(places, names["verdict"], strict=True):
        axes.text(0.02, place - 0.2, verdict, va="center", fontsize=6.5, color="white")
    axes.set_yticks(places, names.index, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("|r| with its property (colour), with the next (grey)", fontsize=7)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="x", labelsize=7)


def draw_confusion(canvas: SubFigure, confusion: pd.DataFrame) -> None:
    """Draw what boosted trees take the images of each class for, from the numbers alone."""
    canvas.suptitle("What ten numbers confuse", fontsize=10)
    rows = confusion[(confusion["representation"] == "latents") & (confusion["probe"] == "gbt")]
    shares = rows.pivot(index="class", columns="predicted", values="mean") / 100
    axes = canvas.subplots()
    draw_heatmap(axes, shares.to_numpy(), shares.index, shares.columns, signed=False)
    axes.set_xlabel("taken for", fontsize=7)
    axes.set_ylabel("share of the test images of", fontsize=7)
    axes.tick_params(labelsize=7)


if __name__ == "__main__":
    main()
