"""Which pixels of a mask file are the object, and what makes a mask suspicious.

The object is what is stored as non-zero, whatever the file would look like on a screen: binary
masks are often written as WhiteIsZero (ImageJ's inverting table, tifffile for booleans), labels
as palettes of any colours. Only where a mask went through JPEG or was resampled, so that grey
levels lie between the outside and the object, it is cut at half of its maximum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fovscope.datasets.listing import listed
from fovscope.datasets.stores import content
from fovscope.images.stored import Stored, read_stored, shown_samples

Mask = NDArray[np.bool_]

# What is suspicious; after a semicolon stands what was done, or what to do.
GREY_LEVELS = (
    "masks with grey levels, as of JPEG or resampling; they were cut at half of their maximum"
)
ALMOST_ALL = "masks that cover more than 95 % of their image; see that the object is not zero"
INVERTED = "masks whose complement looks like the object; if so, invert them"
EMPTY = "masks without an object"
PALETTE = (
    "palette masks whose first colour is not black, while another is; "
    "the first was taken for the outside"
)

_MOST = 0.95  # share of the image
_ALONG_BORDER = 0.9  # share of the image's border; objects reach less of it
_SMALLEST_HOLE = 16  # pixels; a smaller one is no object
_MOST_LABELS = 31  # whole numbers up to here are labels: grey levels of a mask reach further
_INSIDE = 0.75  # of the maximum, beyond which JPEG and filters swing; inside are values from here
_FLAT = 0.5  # share of lower values in areas of one value: of labels .7 to 1, of edges 0 to .3


class MaskReading(NamedTuple):
    """The object of a mask file.

    Attributes
    ----------
    mask : ndarray of bool, shape (height, width)
    doubts : tuple of str
        What is suspicious, each one of the constants of this module.
    """

    mask: Mask
    doubts: tuple[str, ...]


def examine_mask(data: bytes, path: Path) -> MaskReading:
    """Return the object of a mask file and what makes the mask suspicious.

    Parameters
    ----------
    data : bytes
        Content of the file.
    path : Path
        Its name, for error messages.

    Returns
    -------
    MaskReading

    Raises
    ------
    DataError
        If the file cannot be read, see `fovscope.images.stored.read_stored`.
    """
    stored = read_stored(data, path)
    levels = _levels(stored, path)
    grey = stored.palette is None and _is_grey_scale(levels, lossy=stored.lossy)
    mask = levels >= levels.max() / 2 if grey else levels != 0
    doubts = (
        (GREY_LEVELS, grey),
        (PALETTE, stored.palette is not None and _black_is_another(stored.palette, levels)),
        *_doubts(mask),
    )
    return MaskReading(mask, tuple(doubt for doubt, holds in doubts if holds))


def read_mask(path: Path) -> Mask:
    """Return the mask in a file: what is stored as non-zero is the object.

    Grey levels are cut at half of the maximum; `examine_mask` says where that was done.

    Parameters
    ----------
    path : Path
        Image file as in `fovscope.images.read.read_image`; its alpha is ignored.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    return examine_mask(content(path), path).mask


def warnings_of_masks(doubts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return one message per doubt about the masks of a data set.

    Parameters
    ----------
    doubts : mapping of str to sequence of str
        By name of a mask, its doubts.
    """
    by_doubt: dict[str, list[str]] = {}
    for name, found in doubts.items():
        for doubt in found:
            by_doubt.setdefault(doubt, []).append(name)
    return [listed(doubt, names) for doubt, names in by_doubt.items()]


def _levels(stored: Stored, path: Path) -> NDArray:
    """Return one number per pixel, 0 outside: of colours the largest, of a palette the index."""
    if stored.colours == "cmyk":
        return shown_samples(stored, path)[0].max(axis=2)
    colours = stored.samples if stored.alpha == "none" else stored.samples[..., :-1]
    return colours.max(axis=2) if colours.shape[2] > 1 else colours[..., 0]


def _is_grey_scale(levels: NDArray, *, lossy: bool) -> bool:
    """Tell whether values between 0 and the maximum are grey levels, and not labels.

    Labels fill areas; grey levels of a mask lie along edges and change from pixel to pixel. One
    value alone is a label, as of a border.
    """
    top = levels.max()
    between = (levels > 0) & (levels < top)
    lower = between & (levels < _INSIDE * top)
    if not lower.any():
        return False
    if lossy:
        return True
    if levels.dtype.kind != "f" and top <= _MOST_LABELS:
        return False
    several = np.ptp(levels[between]) > 0
    return bool(several and _in_flat_areas(levels)[lower].mean() < _FLAT)


def _in_flat_areas(levels: NDArray) -> Mask:
    """Return the pixels that lie in a square of 2 × 2 pixels of one value."""
    first = levels[:-1, :-1]
    alike = (levels[1:, :-1] == first) & (levels[:-1, 1:] == first) & (levels[1:, 1:] == first)
    flat = np.zeros(levels.shape, bool)
    for rows in (slice(None, -1), slice(1, None)):
        for columns in (slice(None, -1), slice(1, None)):
            flat[rows, columns] |= alike
    return flat


def _black_is_another(palette: NDArray[np.uint8], indices: NDArray) -> bool:
    """Tell whether index 0 is not black, but another one that is in use is."""
    black = ~palette[:, :3].any(axis=1)
    return bool(not black[0] and black[np.unique(indices)].any())


def _doubts(mask: Mask) -> tuple[tuple[str, bool], ...]:
    outside = mask.size - int(mask.sum())
    along = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    inverted = bool(along.mean() >= _ALONG_BORDER) and outside >= _SMALLEST_HOLE
    return (
        (EMPTY, outside == mask.size),
        (ALMOST_ALL, outside < (1 - _MOST) * mask.size),
        (INVERTED, inverted),
    )
