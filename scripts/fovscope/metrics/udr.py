"""UDR: how far models that differ in their seed alone agree, without any labels.

Duan et al. (2020), "Unsupervised model selection for variational disentangled representation
learning", arXiv 1905.12614, section 4 and appendix. Models that disentangle find the same
dimensions up to order, sign and scale; entangled ones all find their own mixture. For two
models R[a, b] says how strongly dimension a of one is related to dimension b of the other:
the absolute coefficients of a Lasso regression of b on all a (UDR_L, alpha = 0.1), or the
absolute rank correlation (UDR_S). A relation is one to one where a row or column has a
single large entry:

    UDR_ij = [sum_b max_a R[a, b]^2 / sum_a R[a, b] + sum_a max_b R[a, b]^2 / sum_b R[a, b]]
             / (d_a + d_b),

over the informative dimensions of both. A model's score is its median over the others.

Codes that agree perfectly do not score 1: Lasso shrinks each coefficient by alpha (a ceiling of
1 - alpha), and chance correlations of N rows, some .8/sqrt(N) each, add to the sums. So the
agreement of each model with its own copy is returned too. The public code of the authors
averages the two sums apart; this is the printed formula, equal where both models have as many
informative dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.linear_model import Lasso

from fovscope.arrays import dimension_mask, finite_codes

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class UDR:
    """Scores of a set of models.

    Attributes
    ----------
    per_model : ndarray, shape (n,)
        Median of a model's scores with the others.
    pairwise : ndarray, shape (n, n)
        Score of each pair, the row's model explaining the column's; NaN on the diagonal.
    ceiling : ndarray, shape (n,)
        Score of each model with a copy of itself: what perfect agreement gives on these rows.
    """

    per_model: FloatArray
    pairwise: FloatArray
    ceiling: FloatArray


def informative_dimensions(
    mean: ArrayLike, log_variance: ArrayLike, *, smallest_kl: float = 0.01
) -> NDArray[np.bool_]:
    """Return which dimensions a variational encoder uses.

    Parameters
    ----------
    mean, log_variance : array_like, shape (N, D)
        Of the posteriors.
    smallest_kl : float
        A dimension whose mean KL divergence from the standard normal prior, in nats, is not
        above this is not informative.

    Returns
    -------
    ndarray of bool, shape (D,)
        The mask, ready for `udr_scores`.
    """
    mean = finite_codes(mean).astype(np.float64)
    log_variance = finite_codes(log_variance).astype(np.float64)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    return kl.mean(axis=0) > smallest_kl


def udr_scores(
    codes: Sequence[ArrayLike],
    *,
    active: Sequence[ArrayLike] | None = None,
    variant: Literal["lasso", "spearman"] = "lasso",
    alpha: float = 0.1,
) -> UDR:
    """Unsupervised disentanglement ranking.

    Parameters
    ----------
    codes : sequence of n array_like, each of shape (N, D_i)
        Codes of the same N rows by each model.
    active : sequence of n array_like of bool, each of shape (D_i,), optional
        Informative dimensions of each model, e.g. by `informative_dimensions` or by their SD; the
        others are dropped, as constant ones always are.
    variant : {"lasso", "spearman"}
        How R is computed.
    alpha : float
        Weight of Lasso's penalty, for codes of unit variance.

    Returns
    -------
    UDR
        Scores from 0 to 1 (1 - alpha with Lasso), higher is better; 0 with a model without
        informative dimensions.

    Raises
    ------
    ValueError
        If there are fewer than 2 models, rows or masks do not match, codes are not finite, or
        the variant is not known.

    References
    ----------
    Duan et al. (2020), arXiv 1905.12614, equation 2.
    """
    tables = _standardised(codes, active, ranked=variant == "spearman")
    if variant == "spearman":
        relations = _products(tables)
    elif variant == "lasso":
        relations = _lasso_coefficients(tables, alpha)
    else:
        raise ValueError(f"variant must be lasso or spearman, not {variant!r}")
    pairwise = np.array([[one_to_one(relation) for relation in row] for row in relations])
    ceiling = pairwise.diagonal().copy()
    np.fill_diagonal(pairwise, np.nan)
    return UDR(per_model=np.nanmedian(pairwise, axis=0), pairwise=pairwise, ceiling=ceiling)


def one_to_one(relation: ArrayLike) -> float:
    """Return how far a matrix of relations is a permutation of ones.

    Parameters
    ----------
    relation : array_like, shape (D_a, D_b)
        Non-negative R.

    Returns
    -------
    float
        UDR_ij; a row or column of zeros adds 0.
    """
    relation = np.asarray(relation, dtype=np.float64)
    if relation.size == 0:
        return 0.0
    total = 0.0
    for axis in (0, 1):
        sums = relation.sum(axis=axis)
        total += (relation.max(axis=axis) ** 2 / np.where(sums > 0, sums, 1)).sum()
    return float(total / sum(relation.shape))


def _standardised(
    codes: Sequence[ArrayLike], active: Sequence[ArrayLike] | None, *, ranked: bool
) -> list[FloatArray]:
    """Return active dimensions, or their ranks, with mean 0 and SD 1."""
    tables = [finite_codes(table) for table in codes]
    if len(tables) < 2:
        raise ValueError("UDR compares models: give the codes of at least two")
    if len({len(table) for table in tables}) > 1:
        raise ValueError(
            f"the models' codes are not of the same rows: {[len(table) for table in tables]}"
        )
    if active is None:
        active = [np.ones(table.shape[1], dtype=bool) for table in tables]
    if len(active) != len(tables):
        raise ValueError(f"{len(active)} masks of active dimensions for {len(tables)} models")
    kept = []
    for table, mask in zip(tables, active, strict=True):
        moves = dimension_mask(mask, table.shape[1]) & (np.ptp(table, axis=0) > 0)
        table = table[:, moves].astype(np.float64)
        if ranked and table.shape[1]:
            table = rankdata(table, axis=0)
        kept.append((table - table.mean(axis=0)) / table.std(axis=0))
    return kept


def _products(tables: list[FloatArray]) -> list[list[FloatArray]]:
    """Return absolute correlations of all dimensions of all pairs of models."""
    n_rows = len(tables[0])
    return [[np.abs(first.T @ second) / n_rows for second in tables] for first in tables]


def _lasso_coefficients(tables: list[FloatArray], alpha: float) -> list[list[FloatArray]]:
    """Return absolute weights of each model's dimensions in the regression of the others'.

    One model explains all the others at once: the targets are independent problems that
    share the Gram matrix.
    """
    targets = np.hstack(tables)
    ends = np.cumsum([table.shape[1] for table in tables])[:-1]
    relations = []
    for table in tables:
        weights = np.zeros((table.shape[1], targets.shape[1]))
        if weights.size:
            # Codes that are nearly collinear need many of these steps, which cost next to nothing.
            lasso = Lasso(
                alpha=alpha, fit_intercept=False, precompute=True, tol=1e-9, max_iter=100_000
            )
            weights = np.abs(lasso.fit(table, targets).coef_).reshape(targets.shape[1], -1).T
        relations.append(np.split(weights, ends, axis=1))
    return relations
