"""How latent dimensions go with handcrafted features: correlations and what chance makes of them.

Pearson and Spearman for plain features. For a direction (hue, orientation) the correlation with
its cosine and sine together, Mardia's circular-linear correlation: from 0 to 1, without a sign,
and the same wherever 0° lies; for Spearman both sides are ranked first, the direction to equally
spaced angles. An orientation repeats after 180°, so its angle is doubled.

A pair of dimensions that holds the cosine and the sine of a direction is one name, so it is also
judged as one, by numbers from 0 to 1:

* with a plain feature by the multiple correlation R of the feature on both dimensions, the largest
  r of the feature with any direction in their plane; for Spearman all three are ranked;
* with a direction φ by the rotational correlation |corr(z_cos + i z_sin, exp(iφ))|, the modulus of
  the complex correlation coefficient. It is 1 exactly where the code is (cos φ, sin φ), turned by
  any angle, scaled and shifted. The mirror image (cos φ, -sin φ) does not count (that would be the
  reflectional correlation): an anchored model was told both coordinates, so one that turns the
  other way round has not learned the direction. Where directions keep to an arc, the two are hard
  to tell apart, because a short arc is a line, and a mirrored line is a turned one. For Spearman
  both directions are ranked to equally spaced angles, that of the code about its mean: Mardia's
  circular rank correlation, without its mirrored half.

R is chosen as the largest of a plane, hence by chance larger than the other: of N images R² is 2/N
and the square of the rotational correlation 1/N in the mean. That is on the safe side where one
asks whether a direction goes with its own counterpart more than with any other feature.

Significance: features are permuted against codes, the dimensions of a model together; the null of
a feature pools its dimensions, which it meets all alike. P-values of a model, stage and coefficient
(all dimensions and features) are corrected together after Benjamini and Hochberg. Pairs have a null
of their own, and are corrected among themselves: they repeat what their dimensions say.

References
----------
Mardia (1976), "Linear-circular correlation coefficients and rhythmometry", Biometrika 63:403-405.
Mardia (1975), "Statistics of directional data", J. R. Stat. Soc. B 37:349-393 (circular rank
correlation).
Anderson (2003), "An Introduction to Multivariate Statistical Analysis", 3rd edition, section 2.5
(multiple correlation).
Schreier and Scharf (2010), "Statistical Signal Processing of Complex-Valued Data", section 4.1.1
(rotational and reflectional correlation).
Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57:289-300.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import orth
from scipy.stats import false_discovery_control, rankdata

from fovscope.arrays import finite_codes
from fovscope.interpret.features import FEATURES, Feature

FloatArray = NDArray[np.float64]

COEFFICIENTS = ("pearson", "spearman")

_BATCH = 50  # permutations at a time: what fits the caches


def correlate(
    codes: ArrayLike,
    features: pd.DataFrame,
    *,
    described: Mapping[str, Feature] = FEATURES,
    seed: int,
    permutations: int = 1_000,
) -> pd.DataFrame:
    """Correlate each latent dimension with each feature.

    Parameters
    ----------
    codes : array_like, shape (N, d)
        Latent means of N images.
    features : DataFrame
        N rows with columns of `described`; those that are constant have no rows in the result.
    described : mapping of str to Feature
        What the columns are; by default the handcrafted features.
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
    codes = _checked(codes, features)
    rng = np.random.default_rng(seed)
    tables = []
    for score in COEFFICIENTS:
        ranked = score == "spearman"
        unit_codes = _unit_columns(rankdata(codes, axis=0) if ranked else codes)
        bases = {
            name: _basis(features[name].to_numpy(float), feature.period, ranked=ranked)
            for name, feature in described.items()
            if name in features
        }
        bases = {name: basis for name, basis in bases.items() if basis.size}
        values = np.stack([_coefficient(unit_codes.T @ basis) for basis in bases.values()], axis=1)
        p = _permutation_p(unit_codes, list(bases.values()), np.abs(values), permutations, rng)
        tables.append(_rows(score, range(codes.shape[1]), list(bases), values, p))
    return pd.concat(tables, ignore_index=True)


def correlate_pairs(
    codes: ArrayLike,
    features: pd.DataFrame,
    pairs: Sequence[tuple[int, int]],
    *,
    described: Mapping[str, Feature] = FEATURES,
    seed: int,
    permutations: int = 1_000,
) -> pd.DataFrame:
    """Correlate pairs of latent dimensions, cosine and sine, with each feature.

    Parameters
    ----------
    codes : array_like, shape (N, d)
        Latent means of N images.
    features : DataFrame
        As in `correlate`.
    pairs : sequence of (int, int)
        Dimensions that hold the cosine and the sine of a direction; one pair at least.
    described : mapping of str to Feature
        As in `correlate`.
    seed : int
        Of the permutations.
    permutations : int
        Random orders of the images; the smallest p-value is 1 / (1 + pairs·permutations).

    Returns
    -------
    DataFrame
        As of `correlate`, a pair in the place of a dimension: `dimension` is the first of both,
        and each `value` lies between 0 and 1.

    Raises
    ------
    ValueError
        If codes are not finite or do not belong to the features.
    """
    codes = _checked(codes, features)
    rng = np.random.default_rng(seed)
    tables = []
    for score in COEFFICIENTS:
        ranked = score == "spearman"
        names, others, plain = _plain_and_directions(features, described, ranked=ranked)
        sides = np.concatenate([_plane_and_points(codes[:, pair], ranked=ranked) for pair in pairs])
        values = _pair_coefficients(sides @ others, plain)
        small, others = sides.astype(np.float32), others.astype(np.float32)
        null = [
            _pair_coefficients(small.T[orders].transpose(0, 2, 1) @ others, plain)
            for orders in _orders(len(codes), permutations, rng)
        ]
        p = _p_values(np.concatenate(null).reshape(-1, len(names)), values)
        tables.append(_rows(score, [first for first, _ in pairs], names, values, p))
    return pd.concat(tables, ignore_index=True)


def _checked(codes: ArrayLike, features: pd.DataFrame) -> FloatArray:
    codes = finite_codes(codes).astype(np.float64)
    if len(codes) != len(features):
        raise ValueError(f"{len(codes)} codes do not belong to {len(features)} rows of features")
    return codes


def _rows(
    score: str,
    dimensions: Sequence[int],
    features: Sequence[str],
    values: FloatArray,
    p: FloatArray,
) -> pd.DataFrame:
    """Return values and p-values (dimensions, features) as rows, with false discoveries."""
    dimension, feature = np.indices(values.shape).reshape(2, -1)
    return pd.DataFrame(
        {
            "score": score,
            "dimension": np.array(dimensions)[dimension],
            "feature": np.array(features)[feature],
            "value": values.ravel(),
            "p": p.ravel(),
            "q": false_discovery_control(p, axis=None).ravel(),
        }
    )


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
    centred = _direction(values, period, ranked=ranked)
    return orth(centred, rcond=1e-9) if np.abs(centred).max() > 1e-9 else centred[:, :0]


def _direction(values: FloatArray, period: float, *, ranked: bool) -> FloatArray:
    """Return cosine and sine (N, 2) of a direction, centred."""
    known = np.isfinite(values)
    angle = 2 * np.pi * (values[known] % period) / period
    if ranked and known.any():
        angle = 2 * np.pi * rankdata(angle) / known.sum()
    # Where there is no direction (the hue of a grey object), neither axis is favoured.
    columns = np.zeros((len(values), 2))
    columns[known] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return columns - columns.mean(axis=0)


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
    for orders in _orders(len(codes), permutations, rng):
        shuffled = codes[orders].transpose(0, 2, 1).reshape(-1, len(codes))
        null.append(np.sqrt(np.add.reduceat((shuffled @ basis) ** 2, starts, axis=1)))
    return _p_values(np.concatenate(null), observed)


def _orders(n: int, permutations: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield random orders of n images, (count, n) at a time."""
    for start in range(0, permutations, _BATCH):
        count = min(_BATCH, permutations - start)
        yield rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)


def _p_values(null: FloatArray, observed: FloatArray) -> FloatArray:
    """Return the p-values of `observed` (d, features) against a null (permutations, features)."""
    null = np.sort(null, axis=0)
    # The observed order is one of the possible ones, hence + 1. Ties up to rounding count.
    at_least = [
        len(null) - np.searchsorted(column, values * (1 - 1e-6))
        for column, values in zip(null.T, observed.T, strict=True)
    ]
    return (1 + np.stack(at_least, axis=1)) / (1 + len(null))


# Pairs of dimensions ---------------------------------------------------------------------------


def _plain_and_directions(
    features: pd.DataFrame, described: Mapping[str, Feature], *, ranked: bool
) -> tuple[list[str], FloatArray, int]:
    """Return what pairs are compared with.

    Returns
    -------
    names : list of str
        Of A plain features, then of B directions, without constant ones.
    others : ndarray, shape (N, A + 2 B)
        Plain features as unit columns, then the cosines of the directions, then their sines,
        centred and scaled as by `_unit_points`.
    plain : int
        Number A of plain features.
    """
    plain, directions = {}, {}
    for name, feature in described.items():
        if name not in features:
            continue
        values = features[name].to_numpy(float)
        if feature.period is None:
            plain[name] = _basis(values, None, ranked=ranked)
        else:
            directions[name] = _unit_points(_direction(values, feature.period, ranked=ranked))
    plain = {name: column for name, column in plain.items() if column.size}
    directions = {name: points for name, points in directions.items() if points.any()}
    cosines, sines = ([points[:, [k]] for points in directions.values()] for k in (0, 1))
    others = np.concatenate([*plain.values(), *cosines, *sines], axis=1)
    return [*plain, *directions], others, len(plain)


def _plane_and_points(pair: FloatArray, *, ranked: bool) -> FloatArray:
    """Return what a pair of dimensions (N, 2) is compared by, as rows of shape (4, N).

    The first two are orthonormal axes of all that the two dimensions can say of a plain feature,
    zeros in the place of an axis that they lack. The other two are the pair as points of a plane,
    as by `_unit_points`; for ranks on a circle.
    """
    unit = _unit_columns(rankdata(pair, axis=0) if ranked else pair)
    axes = orth(unit, rcond=1e-9) if unit.any() else unit[:, :0]
    plane = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
    points = np.where(_unit_columns(pair).any(axis=0), pair - pair.mean(axis=0), 0)
    if ranked and points.any():
        angle = np.arctan2(points[:, 1], points[:, 0])
        points = _direction(angle, 2 * np.pi, ranked=True)
    return np.concatenate([plane, _unit_points(points)], axis=1).T


def _unit_points(centred: FloatArray) -> FloatArray:
    """Return points (N, 2) scaled so that their squares sum to 1; zeros where all are one."""
    length = np.linalg.norm(centred)
    return centred / length if length > 1e-9 else np.zeros_like(centred)


def _pair_coefficients(products: NDArray[np.floating], plain: int) -> NDArray[np.floating]:
    """Return the correlations (..., P, A + B) of P pairs with A plain features and B directions.

    Parameters
    ----------
    products : ndarray, shape (..., 4 P, A + 2 B)
        Of the rows of `_plane_and_points` with the columns of `_plain_and_directions`.
    plain : int
        Number A of plain features.
    """
    products = products.reshape(*products.shape[:-2], -1, 4, products.shape[-1])
    multiple = np.linalg.norm(products[..., :2, :plain], axis=-2)
    cosine, sine = np.split(products[..., 2:, plain:], 2, axis=-1)  # (..., real and imaginary, B)
    real = cosine[..., 0, :] + sine[..., 1, :]  # of (x + iy)(cos φ - i sin φ)
    imaginary = cosine[..., 1, :] - sine[..., 0, :]
    return np.concatenate([multiple, np.hypot(real, imaginary)], axis=-1)
