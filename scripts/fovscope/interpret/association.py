"""How latent dimensions go with handcrafted features: correlations and what chance makes of them.

Pearson and Spearman for plain features. For a direction (hue, orientation) the correlation with
its cosine and sine together, Mardia's circular-linear correlation: from 0 to 1, without a sign,
and the same wherever 0° lies; for Spearman both sides are ranked first, the direction to equally
spaced angles. An orientation repeats after 180°, so its angle is doubled.

Significance: features are permuted against codes, the dimensions of a model together; the null of
a feature pools its dimensions, which it meets all alike. P-values of a model, stage and coefficient
(all dimensions and features) are corrected together after Benjamini and Hochberg.

References
----------
Mardia (1976), "Linear-circular correlation coefficients and rhythmometry", Biometrika 63:403-405.
Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57:289-300.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import orth
from scipy.stats import false_discovery_control, rankdata

from fovscope.arrays import finite_codes
from fovscope.interpret.features import FEATURES

FloatArray = NDArray[np.float64]

_BATCH = 50  # permutations at a time: what fits the caches


def correlate(
    codes: ArrayLike, features: pd.DataFrame, *, seed: int, permutations: int = 1_000
) -> pd.DataFrame:
    """Correlate each latent dimension with each handcrafted feature.

    Parameters
    ----------
    codes : array_like, shape (N, d)
        Latent means of N images.
    features : DataFrame
        N rows with columns of `FEATURES`; those that are constant have no rows in the result.
    seed : int
        Of the permutations.
    permutations : int
        Random orders of the images; the smallest p-value is 1 / (1 + d·permutations).

    Returns
    -------
    DataFrame
        One row for each coefficient (`score`: ``pearson``, ``spearman``) × `dimension` × `feature`:
        `value` (of a direction from 0 to 1), `p` (two-sided, permutation) and `q` (Benjamini and
        Hochberg over the rows of a coefficient).

    Raises
    ------
    ValueError
        If codes are not finite or do not belong to the features.
    """
    codes = finite_codes(codes).astype(np.float64)
    if len(codes) != len(features):
        raise ValueError(f"{len(codes)} codes do not belong to {len(features)} rows of features")
    rng = np.random.default_rng(seed)
    tables = []
    for score in ("pearson", "spearman"):
        ranked = score == "spearman"
        unit_codes = _unit_columns(rankdata(codes, axis=0) if ranked else codes)
        bases = {
            name: _basis(features[name].to_numpy(float), FEATURES[name].period, ranked=ranked)
            for name in FEATURES
            if name in features
        }
        bases = {name: basis for name, basis in bases.items() if basis.size}
        values = np.stack([_coefficient(unit_codes.T @ basis) for basis in bases.values()], axis=1)
        p = _permutation_p(unit_codes, list(bases.values()), np.abs(values), permutations, rng)
        dimension, feature = np.indices(values.shape).reshape(2, -1)
        tables.append(
            pd.DataFrame(
                {
                    "score": score,
                    "dimension": dimension,
                    "feature": np.array(list(bases))[feature],
                    "value": values.ravel(),
                    "p": p.ravel(),
                    "q": false_discovery_control(p, axis=None).ravel(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _unit_columns(values: FloatArray) -> FloatArray:
    """Return columns of mean 0 and length 1, and of zeros where a column is constant."""
    centred = values - values.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    constant = length <= 1e-9 * np.abs(values).max(axis=0, initial=0) * np.sqrt(len(values))
    return np.where(constant, 0, centred / np.where(constant, 1, length))


def _basis(values: FloatArray, period: float | None, *, ranked: bool) -> FloatArray:
    """Return orthonormal columns, one of a plain feature, two of a direction, none of a constant.

    The length of a unit vector's projection on them is its (multiple) correlation.
    """
    if period is None:
        column = _unit_columns(rankdata(values)[:, None] if ranked else values[:, None])
        return column if column.any() else column[:, :0]
    known = np.isfinite(values)
    angle = 2 * np.pi * (values[known] % period) / period
    if ranked and known.any():
        angle = 2 * np.pi * rankdata(angle) / known.sum()
    # Where there is no direction (the hue of a grey object), neither axis is favoured.
    columns = np.zeros((len(values), 2))
    columns[known] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centred = columns - columns.mean(axis=0)
    return orth(centred, rcond=1e-9) if np.abs(centred).max() > 1e-9 else centred[:, :0]


def _coefficient(projections: FloatArray) -> FloatArray:
    """Return correlations (d,) from projections (d, 1 or 2) on the basis of a feature."""
    if projections.shape[1] == 1:
        return projections[:, 0]
    return np.linalg.norm(projections, axis=1)


def _permutation_p(
    unit_codes: FloatArray,
    bases: list[FloatArray],
    observed: FloatArray,
    permutations: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return two-sided p-values (d, features) of |correlations| of the same shape."""
    varying = unit_codes.any(axis=0)
    codes = unit_codes[:, varying].astype(np.float32)
    basis = np.concatenate(bases, axis=1).astype(np.float32)
    starts = np.cumsum([0] + [columns.shape[1] for columns in bases])[:-1]
    if not varying.any():
        return np.ones_like(observed)
    null = []
    for start in range(0, permutations, _BATCH):
        count = min(_BATCH, permutations - start)
        orders = rng.permuted(np.tile(np.arange(len(codes)), (count, 1)), axis=1)
        shuffled = codes[orders].transpose(0, 2, 1).reshape(-1, len(codes))
        null.append(np.sqrt(np.add.reduceat((shuffled @ basis) ** 2, starts, axis=1)))
    null = np.sort(np.concatenate(null), axis=0)
    # The observed order is one of the possible ones, hence + 1. Ties up to rounding count.
    at_least = [
        len(null) - np.searchsorted(column, values * (1 - 1e-6))
        for column, values in zip(null.T, observed.T, strict=True)
    ]
    return (1 + np.stack(at_least, axis=1)) / (1 + len(null))
