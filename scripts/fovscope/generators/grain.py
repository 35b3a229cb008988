"""Ready-made noise, of which images take cut-outs: to draw it anew would cost most of the time.

The tiles are the same in every process; which part of them lies where, turned how, follows from
the generator of random numbers of an image.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

_SIDE = 384
_SEED = 20240911
_SPOTS = 1.0  # SD above the mean from which noise is a spot


@cache
def _tile(step: int, spots: bool) -> NDArray[np.float32]:
    """Return a tile of mean 0 and SD 1 whose grains are about √2 ** step pixels wide."""
    noise = np.random.default_rng([_SEED, step]).standard_normal((_SIDE, _SIDE), np.float32)
    if step:
        width = 2 ** (step / 2)
        fine = gaussian_filter(noise, 0.3 * width, mode="wrap")
        noise = fine - gaussian_filter(noise, 0.6 * width, mode="wrap")
        noise /= noise.std()
    if spots:
        noise = np.maximum(noise - _SPOTS, 0)
    return (noise - noise.mean()) / noise.std()


def grain(
    shape: tuple[int, int], width: float, rng: np.random.Generator, *, spots: bool = False
) -> NDArray[np.float32]:
    """Return noise of mean 0 and SD 1 over many images.

    Parameters
    ----------
    shape : (int, int)
        Height and width, at most 384 pixels.
    width : float
        Of its grains, pixels; 1 is white noise.
    rng : Generator
        For the cut-out: four numbers.
    spots : bool
        Bright spots on an even ground, instead of as much above as below it.

    Returns
    -------
    ndarray of float32, shape `shape`
        Not to be written to: a view of what other images share.
    """
    tile = _tile(max(0, round(2 * np.log2(width))), spots)
    down, right, flip, turn = rng.random(4)
    if turn < 0.5:
        tile = tile.T
    top, left = (int(u * (_SIDE - n + 1)) for u, n in zip((down, right), shape, strict=True))
    part = tile[top : top + shape[0], left : left + shape[1]]
    return part[::-1] if flip < 0.5 else part
