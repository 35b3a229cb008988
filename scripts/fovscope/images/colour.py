"""Colours of pixels, channel by channel.

NumPy takes several times as long for a maximum over an axis of three values as for one of three
arrays, and scikit-image takes two of them for each colour.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def brightest(pixels: Floats) -> Floats:
    """Return the largest channel, shape (...), of each pixel, shape (..., channels)."""
    return reduce(np.maximum, np.moveaxis(pixels, -1, 0))


def hue_saturation_value(pixels: Floats) -> tuple[Floats, Floats, Floats]:
    """Return hue, saturation and value, each of shape (N,); the numbers of `skimage.color.rgb2hsv`.

    Parameters
    ----------
    pixels : ndarray of float, shape (N, 3)
        Red, green and blue, of which 1 is white.

    Returns
    -------
    hue, saturation, value : ndarray of float, shape (N,)
        Hue in turns, from 0 to 1; that of grey is 0.
    """
    red, green, blue = np.ascontiguousarray(pixels.T)
    value = np.maximum(np.maximum(red, green), blue)
    span = value - np.minimum(np.minimum(red, green), blue)
    with np.errstate(invalid="ignore", divide="ignore"):
        sixths = np.where(red == value, (green - blue) / span, 0)
        sixths = np.where(green == value, 2.0 + (blue - red) / span, sixths)
        sixths = np.where(blue == value, 4.0 + (red - green) / span, sixths)
        hue = np.where(span == 0, 0, (sixths / 6.0) % 1.0)
        saturation = np.where(span == 0, 0, span / value)
    return hue, saturation, value
