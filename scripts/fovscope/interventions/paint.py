"""Colour, brightness and fine detail of an object, set to values.

Each change is exact on the pixels of the object: what a setting says is measured on the result,
and the change is corrected by what is missing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import hsv2rgb

from fovscope import FovscopeError
from fovscope.images.colour import brightest, hue_saturation_value

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

_DARKEST = 1.0  # grey value to which black is lifted before it is brightened
_INTERIOR = 0.3  # share of an object off its outline, below which all of it is measured
_NO_DETAIL = 1e-4  # contrast that is none, a share of the full scale
_ROUNDS = 5  # of correction
_CLOSE = 2e-3  # share of a setting that may be missing in the end


class EditError(FovscopeError):
    """A setting that an image cannot have."""


def hue_of(pixels: Pixels) -> float:
    """Return the hue of the mean colour in degrees; NaN where all pixels are grey.

    Parameters
    ----------
    pixels : ndarray, shape (N, 3)
        Grey values, 0 to 255.
    """
    # Saturation × value, the weight in handcrafted.colour, is the range of the channels; the
    # hue vector of that length is what the chroma plane of a hexagonal cone projects to.
    hue, saturation, value = hue_saturation_value(pixels / np.float32(255))
    vector = np.sum(saturation * value * np.exp(2j * np.pi * hue))
    return float(np.rad2deg(np.angle(vector)) % 360) if abs(vector) > 1e-6 * len(pixels) else np.nan


def intensity_of(pixels: Pixels) -> float:
    """Return the mean HSV value (0 to 1) of pixels (N, 3)."""
    return float(brightest(pixels).mean() / 255)


def interior_of(mask: Mask) -> Mask:
    """Return the pixels of an object off its outline; all of them where it is too thin.

    The blurred step at the outline is no detail of the object.
    """
    inner = ndimage.binary_erosion(mask, np.ones((3, 3)))
    return inner if inner.sum() > _INTERIOR * mask.sum() else mask


class Detail:
    """What is fine in an object: its pixels less their smoothed selves.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Of the object; only the pixels off its outline (`interior_of`) are averaged.
    scale : float
        SD of the Gaussian, pixels.
    """

    def __init__(self, mask: Mask, scale: float) -> None:
        self.interior = interior_of(mask)
        self._weights = self.interior.astype(np.float32)
        self._scale = scale
        self._sums = np.maximum(self._smooth(self._weights), 1e-6)

    def _smooth(self, plane: Pixels) -> Pixels:
        return ndimage.gaussian_filter(plane, self._scale, axes=(0, 1), truncate=3)

    def of(self, image: Pixels) -> Pixels:
        """Return the detail of an image or a plane; 0 outside of the interior."""
        shape = (Ellipsis, *(np.newaxis,) * (image.ndim - 2))
        weights = self._weights[shape]
        return weights * (image - self._smooth(image * weights) / self._sums[shape])

    def contrast(self, image: Pixels) -> float:
        """Return its RMS contrast, a share of the full scale.

        The channels are averaged first.
        """
        detail = self.of(image.mean(axis=2))[self.interior]
        return float(np.sqrt(np.mean(detail**2)) / 255)


def set_hue(image: Pixels, mask: Mask, cover: Pixels, wanted: float) -> Pixels:
    """Turn all colours of an object so that its hue is `wanted` degrees.

    Saturation and HSV value of each pixel stay.

    Parameters
    ----------
    image : ndarray of float32, shape (height, width, 3)
    mask : ndarray of bool, shape (height, width)
        Where the hue is measured.
    cover : ndarray of float32, shape (height, width)
        Share of the object in each pixel, 0 to 1.
    wanted : float

    Returns
    -------
    ndarray of float32, shape (height, width, 3)

    Raises
    ------
    EditError
        If the object is grey, or its channels are no colours.
    """
    if image.shape[2] != 3:
        raise EditError(f"Hue cannot be set on images of {image.shape[2]} channels; set Intensity")
    own = hue_of(image[mask])
    if np.isnan(own):
        raise EditError("Hue cannot be set on a grey object; set Intensity")
    part = cover > 0
    hue, *others = hue_saturation_value(np.clip(image[part], 0, 255) / np.float32(255))
    covered = _covering(image, part, cover)

    def turned(degrees: float) -> Pixels:
        moved = np.column_stack([(hue + (degrees - own) / 360) % 1, *others])
        return covered(255 * hsv2rgb(moved[np.newaxis])[0])

    def missing(result: Pixels) -> float:
        return (wanted - hue_of(result[mask]) + 180) % 360 - 180

    return _reach(turned, missing, own + (wanted - own + 180) % 360 - 180)


def set_intensity(image: Pixels, mask: Mask, cover: Pixels, wanted: float) -> Pixels:
    """Raise the HSV value of all pixels to a power so that its mean is `wanted`.

    Black and white stay, what lies between keeps its order, hue and saturation; nothing is
    clipped. The value is that of the first three channels; others are raised to the same power.
    Parameters as in `set_hue`, `wanted` between 0 and 1.

    Raises
    ------
    EditError
        If `wanted` is not between 0 and 1.
    """
    if not 0 < wanted < 1:
        raise EditError(f"Intensity {wanted:g} is not between 0 and 1")
    part = cover > 0
    inside = mask[part]
    pixels = np.maximum(image[part], 0)
    pixels, others = pixels[:, :3], pixels[:, 3:] / 255
    value = brightest(pixels)
    pixels = np.where(value[:, np.newaxis] < _DARKEST, _DARKEST, pixels)
    value = np.clip(value, _DARKEST, 255) / 255
    covered = _covering(image, part, cover)

    def shown(mean: float) -> Pixels:
        power = _power(value[inside], float(np.clip(mean, 0.001, 0.999)))
        colours = pixels * (value ** (power - 1))[:, np.newaxis]
        if others.size:
            colours = np.concatenate([colours, 255 * others**power], axis=1)
        return covered(colours)

    return _reach(shown, lambda result: wanted - intensity_of(result[mask][:, :3]), wanted)


def _power(values: Pixels, mean: float) -> float:
    """Return the power to which values in (0, 1] have this mean; the mean falls as it grows."""
    logs = np.log(np.minimum(values.astype(np.float64), 1 - 1e-6))
    power = 1.0
    for _ in range(20):
        powers = np.exp(power * logs)
        step = (powers.mean() - mean) / (powers * logs).mean()
        step = max(power - step, power / 4) / power
        power *= step
        if abs(step - 1) < 1e-6:
            break
    return power


def set_texture(
    image: Pixels, fine: Detail, cover: Pixels, wanted: float, *, noise: Pixels
) -> Pixels:
    """Amplify or smooth the detail of an object so that its RMS contrast is `wanted`.

    Parameters
    ----------
    image, cover
        As in `set_hue`.
    fine : Detail
        Of the object.
    wanted : float
        Share of the full scale.
    noise : ndarray of float32, shape (height, width, 3)
        That of the picture: it is put back as far as smoothing takes it away.

    Raises
    ------
    EditError
        If the object has no detail, or clipping at black and white keeps it below `wanted`.
    """
    own = fine.contrast(image)
    if own < _NO_DETAIL:
        raise EditError("Texture cannot be set on an object without any detail")
    base = image
    for _ in range(3):  # what one round of smoothing leaves would still be seen
        base = base - fine.of(base)
    detail, fraction = image - base, cover[..., np.newaxis]
    floor = fine.contrast(noise)
    grain = min(1.0, 0.7 * wanted / floor) if floor > 0 else 0.0

    def painted(contrast: float) -> Pixels:
        gain = max(contrast, 0.0) / own
        lost = np.sqrt(max(0.0, 1 - gain**2)) * grain
        return np.clip(image + fraction * ((gain - 1) * detail + lost * noise), 0, 255)

    result = _reach(painted, lambda shown: wanted - fine.contrast(shown), wanted)
    reached = fine.contrast(result)
    if not 0.9 < reached / wanted < 1.1:
        raise EditError(f"Texture {wanted:.3g} is out of reach: {reached:.3g} is what can be shown")
    return result


def _covering(image: Pixels, part: Mask, cover: Pixels) -> Callable[[NDArray], Pixels]:
    """Return what gives a part of an image new colours (N, 3), as far as the object covers it."""
    own, share = image[part], cover[part][:, np.newaxis]

    def covered(colours: NDArray) -> Pixels:
        result = image.copy()
        result[part] = own + share * (colours - own)
        return result

    return covered


def _reach(
    paint: Callable[[float], Pixels], missing: Callable[[Pixels], float], wanted: float
) -> Pixels:
    """Paint, and correct what is told to `paint` by what is missing."""
    told, result = wanted, paint(wanted)
    for _ in range(_ROUNDS):
        gap = missing(result)
        if abs(gap) < _CLOSE * max(abs(wanted), 0.01):
            break
        told += gap
        result = paint(told)
    return result
