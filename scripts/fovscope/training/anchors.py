"""Anchors: the settings of images on the scale of latent dimensions.

A setting becomes a number of mean 0 and variance 1 over the training images: of a factor whose
steps are ratios its logarithm, of a direction cosine and sine of its angle, both on one scale, so
that a turn stays a turn. Sources that share a factor share its scale. Names without an order have
no anchor. It is NaN where a source has no such factor, or an image does not show it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.datasets.design import HIDDEN
from fovscope.factors import Bound, Factor

FloatArray = NDArray[np.float32]


def make_anchors(images: pd.DataFrame, bound: Sequence[Bound]) -> FloatArray:
    """Return the anchors of training images.

    Parameters
    ----------
    images : DataFrame
        Image tables of all sources, one below the other; N rows.
    bound : sequence of Bound
        Factors and their dimensions, which together are 0 … k - 1.

    Returns
    -------
    ndarray of float32, shape (N, k)
        NaN where unknown.
    """
    columns = [_standardised(_scaled(_known_values(images, one.factor), one)) for one in bound]
    return np.concatenate([*columns, np.empty((len(images), 0))], axis=1).astype(np.float32)


def changed_dimensions(changed: NDArray[np.bool_], bound: Sequence[Bound]) -> NDArray[np.bool_]:
    """Return which bound dimensions differ within pairs, from the factors that do.

    Parameters
    ----------
    changed : ndarray of bool, shape (P, K)
        In the order of `bound`.
    bound : sequence of Bound
        K factors and their dimensions.

    Returns
    -------
    ndarray of bool, shape (P, k)
    """
    return np.repeat(changed, [len(one.dimensions) for one in bound], axis=1)


def _known_values(images: pd.DataFrame, factor: Factor) -> NDArray[np.float64]:
    if factor.nominal or factor.column not in images:
        return np.full(len(images), np.nan)
    values = images[factor.column].to_numpy(np.float64, copy=True)
    if HIDDEN in images:
        hidden = [factor.name in str(names).split(",") for names in images[HIDDEN].fillna("")]
        values[hidden] = np.nan
    return values


def _scaled(values: NDArray[np.float64], one: Bound) -> NDArray[np.float64]:
    """Return settings (N,) as columns (N, 1), or (N, 2) of a direction with two dimensions."""
    if len(one.dimensions) == 2:
        angle = 2 * np.pi * values / one.factor.period
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (np.log(values) if one.factor.log else values)[:, None]


def _standardised(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns of mean 0 and a mean variance of 1 where known."""
    known = columns[np.isfinite(columns).all(axis=1)]
    if not len(known):
        return columns
    spread = np.sqrt(known.var(axis=0).mean())
    return (columns - known.mean(axis=0)) / (spread if spread > 0 else 1.0)
