"""Modularity: whether a latent dimension knows one factor only.

Ridgeway and Mozer (2018), "Learning deep disentangled embeddings with the F-statistic loss",
section 2. The squared mutual information of a dimension with every factor but its best one,
over that of the best and the number of the others, is its distance from an ideal dimension;
modularity is one minus this, averaged over dimensions. Mutual information is the plug-in
estimate with equal-width bins of `metrics.mig` (Ridgeway and Mozer, and Locatello et al.
2019: 20 bins). A dimension that knows nothing at all (constant) scores 0.

All dimensions weigh the same, however little they know. One of pure noise has, by the bias
of the estimate, more information on factors of many values than on those of few, and so
some modularity: read the score beside that of noise, and drop inactive dimensions first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope.metrics.mig import mutual_information
from fovscope.metrics.work import Breakdown, Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Modularity:
    """The score and its parts.

    Attributes
    ----------
    score : float
        Mean of `per_dimension`, from 0 to 1; 0 without dimensions.
    per_dimension : ndarray, shape (D,)
        1 where a dimension knows one factor only.
    per_factor : ndarray, shape (K,)
        Mean over the dimensions that know most of the factor; NaN where there are none.
    information : ndarray, shape (D, K)
        Mutual information in nats.
    """

    score: float
    per_dimension: FloatArray
    per_factor: FloatArray
    information: FloatArray


def modularity_score(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> Modularity:
    """Modularity of each dimension and on average.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        Latent codes.
    factors : array_like, shape (N, K)
        Discrete factor values.
    bins : int
        Equal-width bins per latent dimension.

    Returns
    -------
    Modularity
        1 for a perfect code; with one factor for any that is not constant.

    Raises
    ------
    ValueError
        If a dimension is not finite or a factor is constant.

    References
    ----------
    Ridgeway and Mozer (2018), arXiv 1802.05312; Locatello et al. (2019), arXiv 1811.12359.
    """
    information = mutual_information(codes, factors, bins=bins)
    n_dims, n_factors = information.shape
    best = information.max(axis=1)
    knows = best > 0
    squared = (information[knows] / best[knows, None]) ** 2
    per_dimension = np.zeros(n_dims)
    # The best factor itself adds 1; a single factor has no others to share a dimension with.
    per_dimension[knows] = 1 - (squared.sum(axis=1) - 1) / max(n_factors - 1, 1)
    return Modularity(
        score=float(per_dimension.mean()) if n_dims else 0.0,
        per_dimension=per_dimension,
        per_factor=mean_by_factor(per_dimension[knows], information[knows], np.ones(knows.sum())),
        information=information,
    )


@metric(
    "modularity",
    titles={"modularity": "Modularity"},
    ranges={"modularity": (0.0, 1.0)},
    group="intervention",
    fast={},
)
def modularity(work: Work, *, bins: int = 20) -> Values:
    """Modularity of the training rows.

    Parameters
    ----------
    work : Work
        Codes and factors.
    bins : int
        Equal-width bins per latent dimension.
    """
    result = modularity_score(work.codes.train, work.factors.train, bins=bins)
    return {"modularity": Breakdown(result.score, result.per_factor)}


def mean_by_factor(scores: FloatArray, relation: FloatArray, weights: FloatArray) -> FloatArray:
    """Average scores of dimensions over those that belong to each factor.

    Parameters
    ----------
    scores, weights : ndarray, shape (D,)
        One per dimension.
    relation : ndarray, shape (D, K)
        A dimension belongs to the factor with the largest entry of its row.

    Returns
    -------
    ndarray, shape (K,)
        Weighted means; NaN for a factor without dimensions.
    """
    n_factors = relation.shape[1]
    owner = relation.argmax(axis=1) if len(relation) else np.empty(0, dtype=np.intp)
    weight = np.bincount(owner, weights, minlength=n_factors)
    total = np.bincount(owner, weights * scores, minlength=n_factors)
    return np.divide(total, weight, out=np.full(n_factors, np.nan), where=weight > 0)
