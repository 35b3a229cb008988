"""How sure a number is that many rows of few images make: a bootstrap over the images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

RESAMPLES = 400
"""Drawn for an interval: the 2.5 % quantile then rests on ten of them."""


def bootstrap_interval(
    statistic: Callable[[NDArray[np.intp]], ArrayLike],
    groups: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> tuple[FloatArray, FloatArray]:
    """Return the 95 % percentile interval of a statistic over samples of whole groups.

    Rows of a group stay together, because they are no independent witnesses: an image that is
    edited five times is one image.

    Parameters
    ----------
    statistic : callable
        From the numbers of rows, each as often as it was drawn, to one or more numbers.
    groups : array_like, shape (N,)
        Group of each row.
    rng : numpy.random.Generator
        Source of the samples.
    resamples : int
        Number of samples.

    Returns
    -------
    low, high : ndarray
        Bounds in the shape of the statistic, over the samples in which it is finite; NaN with
        fewer than two groups.

    References
    ----------
    Davison and Hinkley (1997), Bootstrap Methods and their Application, sections 3.8 and 5.3.
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    if len(members) < 2:
        unknown = np.full_like(np.asarray(statistic(np.arange(len(group))), np.float64), np.nan)
        return unknown, unknown.copy()
    drawn = rng.integers(len(members), size=(resamples, len(members)))
    samples = np.array(
        [statistic(np.concatenate([members[k] for k in sample])) for sample in drawn], np.float64
    )
    bounds = np.full((2, *samples.shape[1:]), np.nan)
    known = np.isfinite(samples).any(axis=0)  # a quantile of nothing but NaN warns
    bounds[:, known] = np.nanquantile(samples[:, known], [0.025, 0.975], axis=0)
    return bounds[0], bounds[1]
