"""Interventional robustness score (IRS): how still a dimension holds while its factor does.

Suter, Miladinović, Schölkopf, Bauer (2019), "Robustly disentangled causal mechanisms:
validating deep representations for interventional robustness", section 4, with the quantile
of Locatello et al. (2019). For each value of a factor: how far a dimension gets from its
mean over the samples of that value, at most, whatever the other factors do; averaged over
values, over the largest distance from the mean of all samples, subtracted from 1. A
dimension belongs to the factor with which it is most robust; the score averages over
dimensions, weighted by their largest distance.

Samples of one value are the rows given that have it; values weigh by their number of rows,
the expectation of the paper, or equally (`weights`, Locatello et al.). "At most" is the 99 %
quantile (Locatello et al.), 1.0 is the maximum of the paper. With few rows a value the
largest distance is underestimated, which lifts the score; so do noise dimensions, whose
quantile lies below the largest distance of all rows: read it beside that of noise. Because
dimensions are weighted by their range, scaling one changes the score; scaling all does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope.arrays import factor_table, finite_codes
from fovscope.metrics.groups import shared_values
from fovscope.metrics.modularity import mean_by_factor
from fovscope.metrics.work import Breakdown, Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class IRS:
    """The score and its parts.

    Attributes
    ----------
    score : float
        Weighted mean of the largest robustness of each dimension, at most 1.
    per_dimension : ndarray, shape (D,)
        Robustness with the factor that a dimension belongs to; NaN where it is constant.
    per_factor : ndarray, shape (K,)
        Weighted mean over the dimensions that belong to a factor; NaN without any.
    robustness : ndarray, shape (D, K)
        Of each dimension while each factor is fixed; NaN where a dimension is constant.
        Negative where fixing a factor moves the mean so far that distances grow.
    """

    score: float
    per_dimension: FloatArray
    per_factor: FloatArray
    robustness: FloatArray


def irs_score(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    quantile: float = 0.99,
    weights: Literal["rows", "values"] = "rows",
) -> IRS:
    """Interventional robustness of each dimension and on average.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        Latent codes; constant dimensions are left out.
    factors : array_like, shape (N, K)
        Discrete factor values.
    quantile : float
        Which distance stands for the largest; 1 is the definition of the paper.
    weights : {"rows", "values"}
        Whether each value of a factor weighs by its rows or as much as any other.

    Returns
    -------
    IRS
        1 for a perfect code; 0 if all dimensions are constant.

    Raises
    ------
    TooFewRowsError
        If a value of a factor is that of one row only.
    ValueError
        If a dimension is not finite, a factor is constant, or the weights are not known.

    References
    ----------
    Suter et al. (2019), arXiv 1811.00007; Locatello et al. (2019), arXiv 1811.12359.
    """
    if weights not in ("rows", "values"):
        raise ValueError(f"weights must be rows or values, not {weights!r}")
    codes = finite_codes(codes).astype(np.float64)
    factors = factor_table(factors, len(codes))
    active = np.ptp(codes, axis=0) > 0
    z = codes[:, active]
    largest = np.abs(z - z.mean(axis=0)).max(axis=0)
    distance = np.zeros((z.shape[1], factors.shape[1]))
    for k, shared in enumerate(shared_values(factors, fewest=2)):
        groups = shared.whole_groups()
        for rows in groups:
            same = z[rows]
            from_mean = np.abs(same - same.mean(axis=0))
            share = len(same) / len(z) if weights == "rows" else 1 / len(groups)
            distance[:, k] += share * np.quantile(from_mean, quantile, axis=0)
    robust = 1 - distance / largest[:, None]
    best = robust.max(axis=1)

    robustness = np.full((len(active), factors.shape[1]), np.nan)
    robustness[active] = robust
    per_dimension = np.full(len(active), np.nan)
    per_dimension[active] = best
    return IRS(
        score=float(np.average(best, weights=largest)) if len(best) else 0.0,
        per_dimension=per_dimension,
        per_factor=mean_by_factor(best, robust, largest),
        robustness=robustness,
    )


@metric(
    "irs",
    titles={"irs": "IRS"},
    ranges={"irs": (float("-inf"), 1.0)},
    group="intervention",
    fast={},
)
def irs(
    work: Work, *, quantile: float = 0.99, weights: Literal["rows", "values"] = "rows"
) -> Values:
    """Interventional robustness of the training rows.

    Parameters
    ----------
    work : Work
        Codes and factors.
    quantile : float
        Which distance stands for the largest; 1 is the definition of the paper.
    weights : {"rows", "values"}
        Whether each value of a factor weighs by its rows or as much as any other.
    """
    result = irs_score(work.codes.train, work.factors.train, quantile=quantile, weights=weights)
    return {"irs": Breakdown(result.score, result.per_factor)}
