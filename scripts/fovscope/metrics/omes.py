"""OMES: overlap and multiple encoding, measured by interventions on single factors.

Dapueto, Noceti, Odone (2024), "Transferring disentangled representations: bridging the gap
between synthetic and real images", arXiv 2409.18017, section 3. Pairs of samples differ in
one factor; a dimension that does not carry this factor stays the same (correlation 1
between the members), one that carries it does not.

Where pairs never share the value of the changed factor, a perfect dimension has
S = 1 - 1/(values - 1), not 1: read the score beside that of a perfect code
(`metrics.references`). That is no upper bound: for a factor of three values a dimension
that mixes it with others at 2 : 1 has S = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope.arrays import dimension_mask, finite_codes
from fovscope.metrics.work import Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]

_FEWEST_PAIRS = 3
"""Two pairs always correlate perfectly."""


@dataclass(frozen=True)
class OMES:
    """The score and what it was made from.

    Attributes
    ----------
    score : float
        Mean of `per_factor`.
    per_factor : ndarray, shape (K,)
        alpha x `overlap` + (1 - alpha) x `multiple_encoding`.
    overlap : ndarray, shape (K,)
        High when the dimensions that carry the factor carry no other (OS).
    multiple_encoding : ndarray, shape (K,)
        High when the factor is carried by one dimension only (ME).
    association : ndarray, shape (D, K)
        S, how far each dimension changes with each factor; NaN for inactive dimensions.
    """

    score: float
    per_factor: FloatArray
    overlap: FloatArray
    multiple_encoding: FloatArray
    association: FloatArray


def one_factor_correlation(
    first: ArrayLike, second: ArrayLike, changed_factor: ArrayLike, n_factors: int
) -> FloatArray:
    """Association S of dimensions with factors: 1 - |Pearson| between members of pairs.

    Parameters
    ----------
    first, second : array_like, shape (M, D)
        Codes of the two members of each pair.
    changed_factor : array_like of int, shape (M,)
        The factor, 0 to K - 1, in which the members differ.
    n_factors : int
        Number of factors K.

    Returns
    -------
    ndarray, shape (D, K)
        S from 0 (unchanged) to 1 (the members are unrelated). Where a dimension is
        constant in either member the correlation is undefined: S is 0 if the members
        are equal (nothing changed), else 1.

    Raises
    ------
    ValueError
        If codes are not finite, shapes disagree, or a factor has fewer than 3 pairs.
    """
    # In one layout: a product sums in the order of memory, and sums differ in their last digit.
    first, second = (np.ascontiguousarray(finite_codes(codes)) for codes in (first, second))
    changed_factor = np.asarray(changed_factor)
    if first.shape != second.shape or changed_factor.shape != first.shape[:1]:
        raise ValueError(
            f"pairs do not match: codes {first.shape} and {second.shape}, "
            f"changed factors {changed_factor.shape}"
        )
    factor = changed_factor.astype(np.intp)
    if (factor != changed_factor).any() or factor.min() < 0 or factor.max() >= n_factors:
        raise ValueError(f"changed factors must be whole numbers from 0 to {n_factors - 1}")
    counts = np.bincount(factor, minlength=n_factors)
    if counts.min() < _FEWEST_PAIRS:
        i = np.flatnonzero(counts < _FEWEST_PAIRS)[0]
        raise ValueError(f"factor {i} has {counts[i]} pairs; OMES needs at least {_FEWEST_PAIRS}")
    if (factor[1:] < factor[:-1]).any():
        order = np.argsort(factor, kind="stable")
        first, second = first[order], second[order]
    ends = np.cumsum(counts)[:-1]
    groups = zip(np.split(first, ends), np.split(second, ends), strict=True)
    return np.stack([_change(*members) for members in groups], axis=1)


def _change(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return 1 - |Pearson| of each column."""
    undefined = _constant(first) | _constant(second)
    # The sum over rows as a product with ones: BLAS is five times as fast as `mean`.
    share = np.full(len(first), 1 / len(first))
    x, y = first - share @ first, second - share @ second
    xx, yy, xy = (np.einsum("md,md->d", a, b) for a, b in ((x, x), (y, y), (x, y)))
    norm = np.sqrt(xx * yy)
    norm[undefined] = 1
    change = 1 - np.abs(xy) / norm
    if undefined.any():
        change[undefined] = (first != second).any(axis=0)[undefined]
    return change.clip(0, 1)  # rounding may leave -1e-16


def _constant(codes: FloatArray) -> NDArray[np.bool_]:
    """Return whether each column has one value; most differ in the first and last row already."""
    constant = codes[0] == codes[-1]
    if constant.any():
        constant &= (codes == codes[0]).all(axis=0)
    return constant


def omes_score(
    first: ArrayLike,
    second: ArrayLike,
    changed_factor: ArrayLike,
    *,
    active: ArrayLike,
    alpha: float = 0.5,
    pooling: Literal["average", "max"] = "average",
) -> OMES:
    """Overlap and multiple encoding score.

    Parameters
    ----------
    first, second : array_like, shape (M, D)
        Codes of the two members of each pair.
    changed_factor : array_like of int, shape (M,)
        The factor, 0 to K - 1, in which the members differ; K is the largest plus one.
    active : array_like of bool, shape (D,)
        Dimensions to score; the others are dropped.
    alpha : float
        Weight of the overlap score.
    pooling : {"average", "max"}
        How the dimensions' scores of a factor become one.

    Returns
    -------
    OMES
        Scores from 0 to 1, higher is better; all 0 without an active dimension.

    Raises
    ------
    ValueError
        If codes are not finite, shapes disagree, a factor has fewer than 3 pairs, or `active`
        is no mask or the pooling not known.

    References
    ----------
    Dapueto et al. (2024), arXiv 2409.18017, section 3.
    """
    if pooling not in ("average", "max"):
        raise ValueError(f"pooling must be average or max, not {pooling!r}")
    association = _association(first, second, changed_factor)
    association[~dimension_mask(active, len(association))] = np.nan
    return _scored(association, alpha, pooling)


def _association(first: ArrayLike, second: ArrayLike, changed_factor: ArrayLike) -> FloatArray:
    """Return S for as many factors as the largest number tells."""
    n_factors = int(np.max(changed_factor, initial=0)) + 1
    return one_factor_correlation(first, second, changed_factor, n_factors)


def _scored(association: FloatArray, alpha: float, pooling: Literal["average", "max"]) -> OMES:
    """Return the score of S, where inactive dimensions are NaN."""
    S = association[~np.isnan(association).any(axis=1)]
    overlap = _pooled(S, _overlap_scores(S), pooling)
    multiple_encoding = _pooled(S, _overlap_scores(S.T).T, pooling)
    per_factor = alpha * overlap + (1 - alpha) * multiple_encoding
    return OMES(
        score=float(per_factor.mean()),
        per_factor=per_factor,
        overlap=overlap,
        multiple_encoding=multiple_encoding,
        association=association,
    )


@metric(
    "omes",
    titles={"omes": "OMES", "omes_max": "OMES max"},
    ranges={"omes": (0.0, 1.0), "omes_max": (0.0, 1.0)},
    group="intervention",
    needs_pairs=True,
    fast={},
)
def omes(work: Work, *, alpha: float = 0.5) -> Values:
    """Overlap and multiple encoding of pairs, with both ways of pooling.

    Parameters
    ----------
    work : Work
        Codes of pairs and the factors that they change; gains the matrix ``association``.
    alpha : float
        Weight of the overlap score; the rest goes to multiple encoding.
    """
    association = _association(work.codes.first, work.codes.second, work.changed_factor)
    work.matrices["association"] = association
    return {
        "omes": _scored(association, alpha, "average").per_factor,
        "omes_max": _scored(association, alpha, "max").per_factor,
    }


def _overlap_scores(S: FloatArray) -> FloatArray:
    """Return, for each entry, how far it is the only 1 in a row of zeros.

    OS[d, i] = 1 - mean_j |1{j = i} - S[d, j]|. As S is within [0, 1], the sum over j is
    that of the row, with the term of i itself replaced by 1 - S[d, i]. Multiple encoding
    is the same of the columns.
    """
    return 1 - (S.sum(axis=1, keepdims=True) - S + (1 - S)) / S.shape[1]


def _pooled(S: FloatArray, scores: FloatArray, pooling: Literal["average", "max"]) -> FloatArray:
    """Return one score per factor; 0 for a factor that no dimension carries."""
    if pooling == "max":
        return (S * scores).max(axis=0, initial=0)
    total = S.sum(axis=0)
    return (S**2 * scores).sum(axis=0) / np.where(total > 0, total, 1)
