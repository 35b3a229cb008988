"""A picture of objects as they are and with one property set at a time, to judge edits by eye."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fovscope.factors import Factor
from fovscope.figures.style import picture_font
from fovscope.images.channels import rgb_view
from fovscope.interventions.edit import Subject, edit
from fovscope.interventions.paint import EditError

_TILE, _GAP, _LINE = 96, 2, 14  # pixels: side of an image, gap between images, line of text
_IMPOSSIBLE = 238  # grey value of a tile whose object cannot be set so


def steps(factor: Factor, count: int = 3) -> list[float]:
    """Return values of a factor, evenly spaced on its scale from limit to limit.

    Parameters
    ----------
    factor : Factor
        With limits; of a whole period the end, which is the start again, is left out.
    count : int
        At least two.
    """
    low, high = factor.limits
    whole = factor.period is not None and high - low >= factor.period
    if factor.log:
        return [float(value) for value in np.geomspace(low, high, count)]
    return [float(value) for value in np.linspace(low, high, count, endpoint=not whole)]


def edit_sheet(subjects: Iterable[Subject], factors: Sequence[Factor], *, seed: int) -> Image.Image:
    """Draw a row per object: with nothing set, then with each factor at several values.

    Parameters
    ----------
    subjects : iterable of Subject
    factors : sequence of Factor
        What is set, with limits, as `fovscope.interventions.settings.allowed` returned them.
    seed : int
        Row i is made with ``numpy.random.default_rng([seed, i])``.

    Returns
    -------
    PIL.Image.Image
        With the settings above the columns. A tile is left grey where an object cannot have
        the value.
    """
    columns = [("", {})]
    for factor in factors:
        columns += [
            (f"{factor.name} {value:.3g}{factor.unit}", {factor.name: value})
            for value in steps(factor)
        ]
    rows = [
        [_tile(subject, settings, np.random.default_rng([seed, row])) for _, settings in columns]
        for row, subject in enumerate(subjects)
    ]
    step = _TILE + _GAP
    sheet = Image.new("RGB", (len(columns) * step, _LINE + len(rows) * step), "white")
    pen, font = ImageDraw.Draw(sheet), picture_font((title for title, _ in columns), 9)
    for place, (title, _) in enumerate(columns):
        pen.text((place * step, 0), title or "natural", "black", font)
        for row, tiles in enumerate(rows):
            tile = Image.fromarray(tiles[place])
            sheet.paste(tile, (place * step, _LINE + row * step))
    return sheet


def _tile(
    subject: Subject, settings: dict[str, float], rng: np.random.Generator
) -> NDArray[np.uint8]:
    try:
        image = rgb_view(edit(subject, settings, rng=rng).image)
    except EditError:  # a sheet shows what is possible, and where the limits are
        return np.full((_TILE, _TILE, 3), _IMPOSSIBLE, np.uint8)
    return np.asarray(Image.fromarray(image).resize((_TILE, _TILE), Image.Resampling.BICUBIC))
