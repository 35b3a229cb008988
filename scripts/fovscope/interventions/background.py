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
_CELLS = 8  # per side, of the grid on which the illumination is averaged


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
    weights = like + _OTHERS * (outside & ~like)
    illumination = _illumination(image, weights)
    residual = np.where(like[..., np.newaxis], image - illumination, 0)
    noise = spot_noise(_without_slow_parts(residual, like), like, rng)
    filling = illumination + _pull_push(image - illumination, weights)
    filled = np.where(outside[..., np.newaxis], image, filling + noise)
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


def _illumination(image: Pixels, weights: NDArray) -> Pixels:
    """Return normalised averages of the picture over a coarse grid, interpolated."""
    side = len(image)
    weighted = _resize(np.dstack([image * weights[..., np.newaxis], weights]), _CELLS, "BOX")
    smooth = ndimage.gaussian_filter(weighted, (_CELLS / 4, _CELLS / 4, 0), mode="nearest")
    return _resize(smooth[..., :3] / np.maximum(smooth[..., 3:], 1e-12), side, "BICUBIC")


def _without_slow_parts(residual: Pixels, where: Mask) -> Pixels:
    """Return what in a residual is finer than a few pixels, outliers cut: noise, not shading."""
    weights = where[..., np.newaxis].astype(np.float32)
    smooth = ndimage.gaussian_filter(np.dstack([residual, weights]), (2, 2, 0), truncate=2)
    fine = weights * (residual - smooth[..., :3] / np.maximum(smooth[..., 3:], 1e-6))
    limit = 3 * 1.4826 * np.median(np.abs(fine[where]), axis=0) if where.any() else 0
    return np.clip(fine, -limit, limit)


def _pull_push(image: Pixels, weights: NDArray) -> Pixels:
    """Interpolate weighted pixels over the whole square."""
    levels = [np.dstack([image * weights[..., np.newaxis], weights]).astype(np.float32)]
    while len(levels[-1]) > 1:
        side = -(-len(levels[-1]) // 2)
        levels.append(4 * _resize(levels[-1], side, "BOX"))
    filled = levels[-1][..., :3] / np.maximum(levels[-1][..., 3:], 1e-12)
    for level in reversed(levels[:-1]):
        total = level[..., 3:]
        coarse = _resize(filled, len(level), "BILINEAR")
        own = level[..., :3] / np.maximum(total, 1e-12)
        filled = coarse + np.minimum(total, 1) * (own - coarse)
    return filled


def _resize(image: Pixels, side: int, filter_name: str) -> Pixels:
    """Return every channel of a square image at another side; filters average when it shrinks."""
    how = Image.Resampling[filter_name]
    channels = (
        Image.fromarray(np.ascontiguousarray(channel))
        for channel in np.moveaxis(image.astype(np.float32), 2, 0)
    )
    return np.dstack([np.asarray(channel.resize((side, side), how)) for channel in channels])
