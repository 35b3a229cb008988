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

from fovscope.images.colour import brightest

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

_RING = 3  # pixels around the hole whose colour is that of the surroundings
_TOLERANCE = 3.0  # robust SDs of the ring within which a pixel belongs to the surroundings
_LEAST_TOLERANCE = 6.0  # grey values; a ring without noise would admit nothing
_OTHERS = 0.01  # weight of pixels that do not look like the surroundings
_CELLS = 10  # per side at most, of the grid on which the illumination is averaged
_FEWEST = 40  # pixels from which noise can be told
_SLOW = 2  # level of the pyramid, squares of 4 pixels, whose variation is no noise
_NOTHING = np.float32(1e-12)  # in place of a weight of 0


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A picture without its object, with noise of one draw.

    Attributes
    ----------
    image : ndarray of float32, shape (side, side, channels)
        The picture outside of the hole, the filling in it; grey values.
    illumination : ndarray of float32, shape (side, side, channels)
        The slowly varying colour of the surroundings, without noise and neighbours.
    noise : ndarray of float32, shape (side, side, channels)
        Fresh noise, as it is in the surroundings of the object.
    """

    image: Pixels
    illumination: Pixels
    noise: Pixels


@dataclass(frozen=True, eq=False)
class Background:
    """What is known of a picture without its object; noise is drawn for each use.

    Attributes
    ----------
    picture : ndarray of float32, shape (side, side, channels)
        The picture outside of the hole, colours without noise in it; grey values.
    outside : ndarray of bool, shape (side, side)
        Where that is the picture itself.
    illumination : ndarray of float32, shape (side, side, channels)
        As of a `Backdrop`.
    spectrum : ndarray of complex64, shape (channels, side, side // 2 + 1)
        Of the noise, by channel (`noise_spectrum`).
    """

    picture: Pixels
    outside: Mask
    illumination: Pixels
    spectrum: NDArray[np.complex64]

    def with_noise(self, rng: np.random.Generator) -> Backdrop:
        """Return the picture without its object, with noise in its place."""
        noise = spot_noise(self.spectrum, len(self.outside), rng)
        filled = self.picture + np.where(self.outside[..., np.newaxis], np.float32(0), noise)
        return Backdrop(filled, self.illumination, noise)


def rebuild_background(image: Pixels, hole: Mask, known: Mask) -> Background:
    """Take an object out of a picture.

    Parameters
    ----------
    image : ndarray of float32, shape (side, side, channels)
        Grey values, 0 to 255.
    hole : ndarray of bool, shape (side, side)
        The object and what it casts around itself.
    known : ndarray of bool, shape (side, side)
        Where the picture is; False on the padding.

    Returns
    -------
    Background
        It continues the picture over the padding.
    """
    outside = known & ~hole
    if not outside.any():  # a crop without any background: its border is the best guess
        outside = known & ~ndimage.binary_erosion(known)
    like = _surroundings(image, hole, outside)
    weights = np.where(like, 1, np.where(outside, _OTHERS, 0)).astype(np.float32)
    levels = _pull(image, weights)
    illumination = _illumination(levels)
    even = _even(like)
    fine = _clipped(image - _as_image(_raised(levels, _SLOW)), even)
    picture = np.where(outside[..., np.newaxis], image, _as_image(_push(levels)))
    return Background(picture, outside, illumination, noise_spectrum(fine, int(even.sum())))


def noise_spectrum(residual: Pixels, count: int) -> NDArray[np.complex64]:
    """Return the spectrum of noise of which a residual is known in some places.

    Parameters
    ----------
    residual : ndarray of float32, shape (side, side, channels)
        0 where it is not known.
    count : int
        Pixels where it is known.

    Returns
    -------
    ndarray of complex64, shape (channels, side, side // 2 + 1)
        Such that `spot_noise` has the SD of the residual.
    """
    return fft.rfft2(np.moveaxis(residual, 2, 0)) / np.float32(np.sqrt(max(count, 1)))


def spot_noise(spectrum: NDArray[np.complex64], side: int, rng: np.random.Generator) -> Pixels:
    """Return noise with the spectrum of a residual.

    Parameters
    ----------
    spectrum : ndarray of complex64, shape (channels, side, side // 2 + 1)
        As `noise_spectrum` returns.
    side : int
        Of the noise in pixels.
    rng : Generator

    Returns
    -------
    ndarray of float32, shape (side, side, channels)
        Gaussian, of the SD, the autocorrelation and the correlation of channels of the residual.
    """
    white = fft.rfft2(rng.standard_normal((side, side), dtype=np.float32))
    return _as_image(fft.irfft2(spectrum * white, (side, side)))


def _surroundings(image: Pixels, hole: Mask, outside: Mask) -> Mask:
    """Return the pixels that have about the colour of the ring around the hole."""
    ring = ndimage.maximum_filter(hole, 2 * _RING + 1) & outside
    colours = image[ring if ring.any() else outside]
    centre = np.median(colours, axis=0)
    deviation = brightest(np.abs(colours - centre))
    tolerance = max(_TOLERANCE * 1.4826 * float(np.median(deviation)), _LEAST_TOLERANCE)
    return outside & (brightest(np.abs(image - centre)) <= tolerance)


def _even(like: Mask) -> Mask:
    """Return the surroundings without their rim, where objects begin: nothing but noise is there.

    Of narrow surroundings a narrower rim is left out. Nothing is left where they are too few to
    tell what their noise is: better none than a guess.
    """
    for width in (2, 1):
        even = ndimage.minimum_filter(like, 2 * width + 1, mode="nearest")
        if even.sum() >= _FEWEST:
            return even
    return np.zeros_like(like)


def _clipped(residual: Pixels, where: Mask) -> Pixels:
    """Return a residual without outliers, which are no noise, and 0 where it is not wanted."""
    found = residual[where]
    if not found.size:
        return np.zeros_like(residual)
    limit = _TOLERANCE * 1.4826 * np.median(np.abs(found), axis=0)
    return np.clip(residual, -limit, limit) * where[..., np.newaxis]


# A pyramid: colours × weight, and weight, (channels + 1, side, side), over ever larger squares --


def _pull(image: Pixels, weights: Pixels) -> list[Pixels]:
    """Return sums of weighted colours, and of weights, down to a single pixel."""
    levels = [np.concatenate([np.moveaxis(image, 2, 0) * weights, weights[np.newaxis]])]
    while levels[-1].shape[1] > 1:
        odd = levels[-1].shape[1] % 2
        even = np.pad(levels[-1], ((0, 0), (0, odd), (0, odd)))
        rows = even[:, ::2] + even[:, 1::2]
        levels.append(rows[..., ::2] + rows[..., 1::2])
    return levels


def _push(levels: list[Pixels]) -> Pixels:
    """Return the colours, where none is known those of the next coarser level between."""
    filled = _colours(levels[-1])
    for level in reversed(levels[:-1]):
        filled = _doubled(filled, level.shape[1])
        filled += np.minimum(level[-1:], 1) * (_colours(level) - filled)
    return filled


def _raised(levels: list[Pixels], depth: int) -> Pixels:
    """Return the colours of a coarse level, interpolated."""
    raised = _colours(levels[depth])
    for level in reversed(levels[:depth]):
        raised = _doubled(raised, level.shape[1])
    return raised


def _illumination(levels: list[Pixels]) -> Pixels:
    """Return averages over squares of a few of the coarsest pixels, interpolated."""
    side = levels[0].shape[1]
    depth = next(depth for depth, level in enumerate(levels) if level.shape[1] <= _CELLS)
    smooth = ndimage.gaussian_filter(levels[depth], (0, 2, 2), mode="nearest", truncate=2)
    # The last of the coarse pixels reach beyond the square where its side is no multiple of them.
    box = 0, 0, *2 * (side / 2**depth,)
    how = Image.Resampling.BICUBIC
    planes = [Image.fromarray(plane).resize((side, side), how, box) for plane in _colours(smooth)]
    return _as_image(np.stack(planes))


def _colours(level: Pixels) -> Pixels:
    return level[:-1] / np.maximum(level[-1:], _NOTHING)


def _doubled(planes: Pixels, side: int) -> Pixels:
    """Return planes of twice as many pixels, up to `side` of them, interpolated between."""
    for _ in range(2):  # rows, then columns
        rows = np.empty((len(planes), 2 * planes.shape[1], planes.shape[2]), np.float32)
        near, far = 0.75 * planes, 0.25 * planes
        np.add(near[:, 1:], far[:, :-1], out=rows[:, 2::2])
        np.add(near[:, :-1], far[:, 1:], out=rows[:, 1:-1:2])
        rows[:, [0, -1]] = near[:, [0, -1]] + far[:, [0, -1]]
        planes = rows[:, :side].swapaxes(1, 2)
    return planes


def _as_image(planes: Pixels) -> Pixels:
    return np.ascontiguousarray(np.moveaxis(planes, 0, 2))
