"""Grey ranges that cannot be meant, told from what the samples of all images are like.

A single hot pixel, or one image that is white throughout, says nothing of the white level of a
data set: of each image two thousandths of the samples at either end do not count, and of each class
a twentieth of the images. A class of few dark images is not hidden by the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

ALMOST_BLACK = 1 / 8
"""Share of the range below which nearly nothing is seen: three bits are lost."""

_SOME_NOISE = 0.01
"""Share of the range by which values may go below zero without a word."""

_SIGNED_ZERO = 2**15
"""Where zero lies in samples of 16 bit with a sign that are stored without one."""

_ODD_IMAGES = 0.05
_DIM, _BRIGHT = 0.1, 0.2
"""Least shares of dim and of bright images that are told apart; fewer are odd ones."""

_GAP = 2
"""Factor that brightnesses of two kinds of images leave free, and those of one kind do not."""

_TELLS = 0.9
"""Share of the images whose class follows from the depth, above which that is called a leak."""


def grey_warnings(
    images: pd.DataFrame, white_level: float | None, black_level: float | None = None
) -> list[str]:
    """Return what is to be said of the grey range and the depth of images.

    Parameters
    ----------
    images : DataFrame
        One row per image, its name as index: `depth`, `white`, `low`, `middle` and `high` as in
        `fovscope.datasets.readings.Reading`; `label` where there are classes.
    white_level, black_level : float, optional
        Of the configuration.
    """
    labels = images["label"] if "label" in images else pd.Series("", images.index)
    images = images.assign(label=labels)
    said = _mixed_depths(images)
    for depth, part in images.groupby("depth"):
        white = white_level or part["white"].iloc[0]
        said += _of_one_depth(str(depth), part, white, black_level or 0, white_level is None)
    return said


def _mixed_depths(images: pd.DataFrame) -> list[str]:
    counts = pd.crosstab(images["depth"], images["label"])
    if len(counts) < 2:
        return []
    kinds = "; ".join(
        f"{depth} ({', '.join(f'{label}: {n}' if label else f'{n}' for label, n in row.items())})"
        for depth, row in ((depth, row[row > 0]) for depth, row in counts.iterrows())
    )
    total = len(images)
    told, largest = counts.max(axis=1).sum() / total, counts.sum(axis=0).max() / total
    message = f"images of several depths: {kinds}; save all of them in one"
    if told >= _TELLS and told > largest:
        message += f": the depth alone tells the class of {told:.0%}, and a network may learn it"
    return [message]


def _of_one_depth(
    depth: str, images: pd.DataFrame, white: float, black: float, by_default: bool
) -> Iterator[str]:
    labels = images.groupby("label")
    low = labels["low"].quantile(_ODD_IMAGES, interpolation="higher")
    high = labels["high"].quantile(1 - _ODD_IMAGES, interpolation="lower")
    whole = f"{len(images)} {depth} images"
    is_float = depth.endswith("float")
    top = images["high"].max() if is_float else high.max()
    if by_default and is_float and (high > white).any():
        yield (
            f"float images reach {top:g}, but white is {white:g}, and all that is brighter too: "
            f"set white_level, e.g. to {round_white(top)}"
        )
    elif (white_of_half := labels["middle"].median() >= white).any() and not by_default:
        yield (
            f"more than half of an image is white{_of(white_of_half)}, because white_level is "
            f"{white:g}; {whole} reach {top:g}"
        )
    if (low < black - _SOME_NOISE * (high - low)).any():
        remedy = "set black_level lower" if black else "save them with values of 0 and more"
        yield (
            f"{depth} images go down to {low.min():g}, but all that is below {black:g} is black: "
            f"{remedy}"
        )
    if top > 0 and high.min() < ALMOST_BLACK * high.max():
        dim = high < ALMOST_BLACK * high.max()
        yield (
            f"{depth} images reach {high[dim].max():g} at most{_of(dim)}, but {top:g} elsewhere: a "
            "network may learn that; bring all classes to one range"
        )
    else:
        yield from _two_kinds(whole, images)
    room = white - black
    dark = high - black < ALMOST_BLACK * room
    if dark.all() and top > black:  # of nothing but black no level can be told
        yield (
            f"{whole} use values up to {top:g}, but white is {white:g}: they are almost black; "
            f"set white_level, e.g. to {black + round_white(top - black):g}"
        )
        return
    contrast = (images["high"] - images["low"]).groupby(images["label"])
    blank = contrast.quantile(1 - _ODD_IMAGES, interpolation="lower") == 0
    narrow = ~dark & ~blank & (high - low < ALMOST_BLACK * room) & (depth != "8-bit")
    if narrow.any():
        start, reach = low[narrow].min(), high[narrow].max()
        is_signed = depth == "16-bit" and 0 <= start - _SIGNED_ZERO < reach - start
        offset = _SIGNED_ZERO if is_signed else start
        yield (
            f"{depth} images use values from {start:g} to {reach:g} only{_of(narrow)}, "
            f"{(reach - start) / room:.0%} of what white_level {white:g} gives room for: they are "
            f"almost one grey; set black_level, e.g. to {offset:g}, and white_level, e.g. to "
            f"{offset + round_white(reach - offset):g}"
        )


def _two_kinds(whole: str, images: pd.DataFrame) -> Iterator[str]:
    """Yield a warning where some images of each class are dim beside the others.

    Dim and bright objects differ by degrees; images of 12 bit among those of 16, or of another
    exposure, leave a gap.
    """
    seen = images[images["low"] < images["high"]]["high"]
    is_dim = seen < ALMOST_BLACK * seen.max()
    dim, bright = seen[is_dim], seen[~is_dim]
    if len(dim) <= _DIM * len(images) or len(bright) <= _BRIGHT * len(images):
        return
    ends = dim.quantile(1 - _ODD_IMAGES), bright.quantile(_ODD_IMAGES)
    if ends[0] * _GAP < ends[1]:
        yield (
            f"{len(dim)} of {whole} reach {dim.max():g} at most, and are almost black beside the "
            f"others, of which half reach {bright.median():g}: e.g. {dim.index[0]} beside "
            f"{bright.index[0]}; see whether they have fewer bits or another exposure, and bring "
            "all to one range, or whether their objects are dim, or missing, as they may be"
        )


def _of(classes: pd.Series) -> str:
    """Return which of several classes are meant, where not all are."""
    named = [str(label) for label, is_meant in classes.items() if is_meant and label]
    return f" in class {_listed(named)}" if named and not classes.all() else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def round_white(value: float) -> float | int:
    """Return the white of the fewest bits that hold a value."""
    return 2 ** int(np.ceil(value)).bit_length() - 1 if value > 1 else round(value, 3) or value
