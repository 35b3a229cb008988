"""Images beside what models of images make of them, and what else these models draw."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from fovscope.figures.given import Given
from fovscope.figures.style import PAGE, Drawing, show_images, shown_name
from fovscope.interpret.reconstruction import SHOWN
from fovscope.registry import figure


@figure(
    "reconstructions",
    scope="input",
    of="targets",
    needs=("decoded",),
    section="Reconstruction",
    order=76,
    caption="Test images and what the models of each recipe make of them; images on the straight "
    "line between the mean codes of two classes (of a screen, of two mechanisms of action); "
    "samples of the prior. Each channel is as bright as the model is shown it. One seed.",
)
def reconstructions(given: Given) -> Drawing:
    """Images, reconstructions, interpolations and samples, a row each.

    Parameters
    ----------
    given : Given
        Decoded images of all recipes.
    """
    rows = picture_rows(given.decoded)
    height = len(rows) * (PAGE - 1.2) / SHOWN

    def draw(canvas: Figure) -> None:
        grid = canvas.subplots(len(rows), squeeze=False)[:, 0]
        for (name, files), axes in zip(rows.items(), grid, strict=True):
            show_images(axes, [np.array(Image.open(io.BytesIO(file))) for file in files], SHOWN)
            axes.set_ylabel(shown_name(name), rotation=0, ha="right", va="center", fontsize=6)

    return Drawing(PAGE, height, draw)


def picture_rows(decoded: pd.DataFrame) -> dict[str, list[bytes]]:
    """Return the rows of pictures by title: images once, then kind by kind a row per recipe.

    Parameters
    ----------
    decoded : pandas.DataFrame
        ``recipe, kind, place, picture`` (a PNG file); kinds in the order in which they come.
    """
    rows = {}
    for kind, of_kind in decoded.groupby("kind", sort=False):
        for recipe, pictures in of_kind.groupby("recipe", sort=False):
            if kind == "images" and rows:
                break  # all models were shown the same
            title = "images" if kind == "images" else f"{recipe}: {kind}"
            rows[title] = pictures.sort_values("place")["picture"].tolist()
    return rows
