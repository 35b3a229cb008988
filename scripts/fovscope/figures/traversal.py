"""Strips of images along each latent dimension."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from fovscope.figures.given import THUMBNAIL, Given
from fovscope.figures.style import PAGE, Drawing, show_images
from fovscope.images.source import ImageSource
from fovscope.registry import figure


@figure(
    "traversal",
    scope="model",
    of="datasets",
    needs=("images", "strips"),
    section="What each dimension means",
    order=50,
    caption="One dimension at a time is swept from its 5th to its 95th percentile, the others "
    "stay; shown is the real image that is nearest to it after the decoder. A dimension without "
    "effect is one that the model hardly uses. Of more than 20 dimensions those that vary most.",
)
def traversal(given: Given) -> Drawing:
    """Strips of images along each dimension of a model.

    Parameters
    ----------
    given : Given
        Strips, image table and images, names of the dimensions.
    """
    places = given.strips.pivot(index="dimension", columns="step", values="value")
    values, names = places.to_numpy(), [given.dimensions[k] for k in places.index]
    images = strip_images(given.strips, given.image_table, given.open_images(THUMBNAIL))

    def draw(canvas: Figure) -> None:
        draw_traversal(canvas, images, names, values)

    return Drawing(*traversal_size(*values.shape), draw)


def draw_traversal(
    canvas: Figure, images: NDArray[np.uint8], names: Sequence[str], values: NDArray
) -> None:
    """Draw one strip of images per dimension, its value below each image.

    A strip on which nothing changes is marked: models leave dimensions unused.

    Parameters
    ----------
    canvas : Figure
        Empty.
    images : ndarray, shape (d, steps, H, W, 3)
        What each dimension looks like at each of its values.
    names : sequence of str
        Of the d dimensions.
    values : ndarray, shape (d, steps)
        Latent values.
    """
    strips = canvas.subplots(len(values), squeeze=False)[:, 0]
    for axes, name, shown, at in zip(strips, names, images, values, strict=True):
        show_images(axes, shown)
        axes.set_xticks(range(len(at)), [f"{value:.1f}" for value in at])
        axes.tick_params(length=0, labelsize=6, pad=1)
        words = name.split(" ") + ["(no effect)"] * bool((shown == shown[0]).all())
        axes.set_ylabel("\n".join(words), rotation=0, ha="right", va="center", fontsize=7)


def traversal_size(dimensions: int, steps: int) -> tuple[float, float]:
    """Return width and height in inches at which the images of a strip are square."""
    side = (PAGE - 0.8) / steps
    return PAGE, dimensions * (side + 0.12) + 0.1


def strip_images(
    strips: pd.DataFrame, table: pd.DataFrame, images: ImageSource
) -> NDArray[np.uint8]:
    """Return the image (d, steps, H, W, 3) at each place of a traversal.

    Parameters
    ----------
    strips : pandas.DataFrame
        ``dimension, step, image_id``; with the column ``decoded``, PNG files, these are shown.
    table : pandas.DataFrame
        Image table of the data set, in the order of `images`.
    images : ImageSource
        All images of the data set.
    """
    kind = "decoded" if "decoded" in strips else "image_id"
    places = strips.pivot(index="dimension", columns="step", values=kind)
    if kind == "decoded":
        shown = np.stack(
            [np.array(Image.open(io.BytesIO(file))) for file in places.to_numpy().ravel()]
        )
    else:
        rows = pd.Index(table["image_id"]).get_indexer(places.to_numpy().ravel())
        shown = np.stack([images[int(row)] for row in rows])
    return shown.reshape(*places.shape, *shown.shape[1:])
