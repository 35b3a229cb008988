"""What lies behind an object: the picture with the object taken out.

The hole is filled from the pixels around it by pull-push interpolation (normalised averages on
ever coarser grids, the coarse ones used where nothing finer is known), and gets noise with the
spectrum of the noise around it. Pixels that look like the surroundings of the object count most,
so that a neighbour that touches the object is not smeared into its place.

References
----------
Gortler et al. (1996), "The lumigraph", SIGGRAPH: 43-54, section 3.4 (pull-push);
Galerne, Gousseau and Morel (2011), "Random phase textures", IEEE Trans. Image Process. 20:257-267
(asymptotic discrete spot noise).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

_RING = 3  # pixels around the hole whose colour is that of the surroundings
_TOLERANCE = 3.0  # robust SDs of the ring within which a pixel belongs to the surroundings
_LEAST_TOLERANCE = 6.0  # grey values; a ring without noise would admit nothing
_OTHERS = 0.01  # weight of pixels that do not look like the surroundings
_CELLS = 10  # per side at most, of the grid on which the illumination is averaged
_NOTHING = 1e-12  # in place of a weight of 0


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A picture without its object.

    Attributes
    ----------
    image : ndarray of float32, shape (side, side, 3)
        The picture outside of the hole, the filling in it; grey values.
    illumination : ndarray of float32, shape (side, side, 3)
        The slowly varying colour of the surroundings, without noise and neighbours.
    noise : ndarray of float32, shape (side, side, 3)
        Fresh noise, as it is in the surroundings of the object.
    """

    image: Pixels
    illumination: Pixels
    noise: Pixels


def rebuild_background(
    image: Pixels, hole: Mask, known: Mask, *, rng: np.random.Generator
) -> Backdrop:
    """Take an object out of a picture.

    Parameters
    ----------
    image : ndarray of float32, shape (side, side, 3)
        Grey values, 0 to 255.
    hole : ndarray of bool, shape (side, side)
        The object and what it casts around itself.
    known : ndarray of bool, shape (side, side)
        Where the picture is; False on the padding.
    rng : Generator
        For the noise.

    Returns
    -------
    Backdrop
        Its image continues the picture over the padding.
    """
    outside = known & ~hole
    if not outside.any():  # a crop without any background: its border is the best guess
        outside = known & ~ndimage.binary_erosion(known)
    like = _surroundings(image, hole, outside)
    weights = like + np.float32(_OTHERS) * (outside & ~like)
    levels = _pull(image, weights)
    illumination = _illumination(levels, len(image))
    residual = np.where(like[..., np.newaxis], image - illumination, 0)
    noise = spot_noise(_without_slow_parts(residual, like), like, rng)
    filled = np.where(outside[..., np.newaxis], image, _push(levels) + noise)
    return Backdrop(filled, illumination, noise)


def spot_noise(residual: Pixels, where: Mask, rng: np.random.Generator) -> Pixels:
    """Return noise with the spectrum of a residual that is known in some places.

    Parameters
    ----------
    residual : ndarray of float32, shape (side, side, channels)
        0 where it is not known.
    where : ndarray of bool, shape (side, side)
        Where it is known.
    rng : Generator

    Returns
    -------
    ndarray of float32, shape (side, side, channels)
        Gaussian, of the SD, the autocorrelation and the correlation of channels of the residual.
    """
    shape = residual.shape[:2]
    white = fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    spot = fft.rfft2(residual, axes=(0, 1)) / np.sqrt(max(where.sum(), 1))
    return fft.irfft2(spot * white[..., np.newaxis], shape, axes=(0, 1)).astype(np.float32)


def _surroundings(image: Pixels, hole: Mask, outside: Mask) -> Mask:
    """Return the pixels that have about the colour of the ring around the hole."""
    ring = ndimage.binary_dilation(hole, iterations=_RING) & outside
    colours = image[ring if ring.any() else outside]
    centre = np.median(colours, axis=0)
    deviation = np.abs(colours - centre).max(axis=1)
    tolerance = max(_TOLERANCE * 1.4826 * float(np.median(deviation)), _LEAST_TOLERANCE)
    return outside & (np.abs(image - centre).max(axis=2) <= tolerance)


def _illumination(levels: list[Pixels], side: int) -> Pixels:
    """Return normalised averages of the picture over a coarse grid, interpolated."""
    depth, coarse = next(
        (depth, level) for depth, level in enumerate(levels) if len(level) <= _CELLS
    )
    smooth = ndimage.gaussian_filter(coarse, (2, 2, 0), mode="nearest", truncate=2)
    colours = smooth[..., :3] / np.maximum(smooth[..., 3:], _NOTHING)
    planes = np.ascontiguousarray(np.moveaxis(colours, 2, 0))
    # The last of the coarse pixels reach beyond the square where its side is no multiple of them.
    box = 0, 0, *2 * (side / 2**depth,)
    how = Image.Resampling.BICUBIC
    return np.dstack([Image.fromarray(plane).resize((side, side), how, box) for plane in planes])


def _without_slow_parts(residual: Pixels, where: Mask) -> Pixels:
    """Return what in a residual is finer than a few pixels, outliers cut: noise, not shading."""
    weights = where[..., np.newaxis].astype(np.float32)
    smooth = ndimage.gaussian_filter(np.dstack([residual, weights]), (2, 2, 0), truncate=2)
    fine = weights * (residual - smooth[..., :3] / np.maximum(smooth[..., 3:], 1e-6))
    limit = 3 * 1.4826 * np.median(np.abs(fine[where]), axis=0) if where.any() else 0
    return np.clip(fine, -limit, limit)


def _pull(image: Pixels, weights: Pixels) -> list[Pixels]:
    """Return sums of weighted colours, and of weights, over ever larger squares of pixels."""
    levels = [np.dstack([image * weights[..., np.newaxis], weights])]
    while len(levels[-1]) > 1:
        odd = len(levels[-1]) % 2
        even = np.pad(levels[-1], ((0, odd), (0, odd), (0, 0)))
        rows = even[::2] + even[1::2]
        levels.append(rows[:, ::2] + rows[:, 1::2])
    return levels


def _push(levels: list[Pixels]) -> Pixels:
    """Return the colours, where none is known those of the next coarser level between."""
    filled = levels[-1][..., :3] / np.maximum(levels[-1][..., 3:], _NOTHING)
    for level in reversed(levels[:-1]):
        side = len(level)
        filled = _doubled(_doubled(filled, side).swapaxes(0, 1), side).swapaxes(0, 1)
        weight = level[..., 3:]
        share = np.minimum(weight, 1)
        filled += share * (level[..., :3] / np.maximum(weight, _NOTHING) - filled)
    return filled


def _doubled(image: Pixels, side: int) -> Pixels:
    """Return an image with twice as many rows, `side` of them, interpolated between."""
    around = np.pad(image, ((1, 1), (0, 0), (0, 0)), mode="edge")
    rows = np.empty((2 * len(image), *image.shape[1:]), image.dtype)
    rows[::2] = 0.75 * image + 0.25 * around[:-2]
    rows[1::2] = 0.75 * image + 0.25 * around[2:]
    return rows[:side]
