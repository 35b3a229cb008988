"""Values on a line and on a circle: how far apart they are, and how much they spread.

A direction is a number that repeats after a period, such as a hue (360°) or the orientation of an
axis (180°); None stands for a plain number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def on_circle(values: ArrayLike, period: float) -> NDArray[np.complex128]:
    """Return directions as complex numbers of length 1, whose phase goes once around a period."""
    return np.exp(2j * np.pi * np.asarray(values, np.float64) / period)


def difference(first: ArrayLike, second: ArrayLike, period: float | None) -> FloatArray:
    """Return second minus first with its sign, of a direction by the shorter way.

    Parameters
    ----------
    first, second : array_like
        Values of the same shape.
    period : float or None
        Of a direction.

    Returns
    -------
    ndarray
        Of a direction from -period/2 up to, but without, period/2.
    """
    plain = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    return plain if period is None else (plain + period / 2) % period - period / 2


def spread(values: ArrayLike, period: float | None) -> float:
    """Return the standard deviation of values; of a direction the angular deviation.

    The latter is sqrt(2 (1 - R)) radians, R the length of the mean vector: the standard deviation
    for directions that lie close together, and never above sqrt(2) radians.

    Parameters
    ----------
    values : array_like, shape (N,)
        Values, all finite.
    period : float or None
        Of a direction, in whose unit the result is too.

    References
    ----------
    Zar (2010), Biostatistical Analysis, section 26.5.
    """
    if period is None:
        return float(np.std(values))
    length = min(abs(on_circle(values, period).mean()), 1.0)  # rounding may leave more
    return float(np.sqrt(2 * (1 - length)) * period / (2 * np.pi))
