"""A picture of many images with the outlines of their masks, to judge a segmentation by eye."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_erosion

_TILE, _MARGIN, _LINE = 96, 3, 12  # pixels: side of an image, frame around it, text below it
_COLUMNS, _TILES = 15, 180
_FLAGGED_SHARE = 0.4  # of the tiles at most
_OUTLINE, _DOUBT = (0, 158, 115), (213, 94, 0)  # told apart by the colour-blind (Okabe and Ito)


class Tile(NamedTuple):
    """An image of the sheet.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    mask : ndarray of bool, shape (height, width)
    flag : str
        What makes the mask doubtful; marks the tile unless empty.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    flag: str


def choose_rows(manifest: pd.DataFrame, flags: pd.Series) -> list[int]:
    """Return rows for a sheet: doubtful masks first, then images spread over all classes.

    Parameters
    ----------
    manifest : DataFrame
        With the column `label` where there are classes; without, images are spread over all.
    flags : Series of str
        In the same order; empty where nothing is doubtful.

    Returns
    -------
    list of int
        At most 180 positions in the manifest.
    """
    labels = manifest["label"] if "label" in manifest else pd.Series("", manifest.index)
    by_class = np.argsort(labels.to_numpy(), kind="stable")
    doubtful = (flags != "").to_numpy()[by_class]
    flagged = _spread(by_class[doubtful], round(_FLAGGED_SHARE * _TILES))
    return [*flagged, *_spread(by_class[~doubtful], _TILES - len(flagged))]


def contact_sheet(tiles: Iterable[Tile]) -> Image.Image:
    """Draw tiles with the outlines of their masks; flagged ones get a frame and the reason.

    Parameters
    ----------
    tiles : iterable of Tile
        From left to right, from top to bottom.

    Returns
    -------
    PIL.Image.Image
    """
    drawn = [_draw(tile) for tile in tiles]
    width, height = _TILE + 2 * _MARGIN, _TILE + 2 * _MARGIN + _LINE
    rows = -(-len(drawn) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * width, max(rows, 1) * height), "white")
    for place, tile in enumerate(drawn):
        row, column = divmod(place, _COLUMNS)
        sheet.paste(tile, (column * width, row * height))
    return sheet


def _spread(rows: NDArray[np.intp], count: int) -> list[int]:
    return [
        int(row) for row in rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]
    ]


def _draw(tile: Tile) -> Image.Image:
    height, width = tile.mask.shape
    factor = _TILE / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    # Outlines are drawn at the size of the tile, so that they are as thin for small images.
    image = np.array(Image.fromarray(tile.image).resize(size, Image.Resampling.BICUBIC))
    mask = np.array(Image.fromarray(tile.mask).resize(size, Image.Resampling.NEAREST))
    image[mask & ~binary_erosion(mask, border_value=0)] = _OUTLINE
    frame = _DOUBT if tile.flag else "#dddddd"
    drawn = Image.new("RGB", (_TILE + 2 * _MARGIN, _TILE + 2 * _MARGIN + _LINE), "white")
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((0, 0, _TILE + 2 * _MARGIN - 1, _TILE + 2 * _MARGIN - 1), fill=frame)
    drawn.paste(
        Image.fromarray(image),
        (_MARGIN + (_TILE - size[0]) // 2, _MARGIN + (_TILE - size[1]) // 2),
    )
    if tile.flag:
        pen.text((_MARGIN, _TILE + 2 * _MARGIN), tile.flag, _DOUBT, ImageFont.load_default(9))
    return drawn
