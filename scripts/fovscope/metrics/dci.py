"""Disentanglement, completeness, informativeness (DCI).

Eastwood and Williams (2018), "A framework for the quantitative evaluation of disentangled
representations", section 2, as Locatello et al. (2019) made it common: one classifier of
gradient-boosted trees per factor, its importances as the matrix R (dimensions x factors),
each column summing to 1.

The trees are XGBoost's (`hist`) in place of scikit-learn's GradientBoosting, which needs
hours for 40-valued factors; importances are gain *sums*, the quantity that scikit-learn
calls impurity decrease. The two matrices correlate at .99 to 1.00; XGBoost, which
regularises, spreads less importance over noise, so that D and C come out .04 to .07 higher
and I within .02 (500 to 3,000 rows of mixed codes; `benchmarks/metrics.py --agreement 500`
measures it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from xgboost import XGBClassifier

from fovscope.arrays import train_and_test
from fovscope.metrics.work import Breakdown, Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]

_OFFSET = 1e-11
"""Added to each importance before entropies, as in Locatello et al. (2019)."""


@dataclass(frozen=True)
class DCI:
    """The three scores, each from 0 to 1, and what the first two were made from.

    Attributes
    ----------
    disentanglement : float
        Does a dimension matter for one factor only?
    completeness : float
        Is a factor predicted from one dimension only?
    informativeness : float
        Test accuracy, averaged over factors.
    importance : ndarray, shape (D, K)
        Importance of each dimension for each factor; a column sums to 1, or to 0 where
        no dimension helped.
    completeness_per_factor, informativeness_per_factor : ndarray, shape (K,)
        One minus the entropy of the factor's column; its test accuracy.
    cross_entropy : ndarray, shape (K,)
        Mean surprise of the classifiers on the test rows, in nats (a row costs at most
        ln N). A factor's entropy less this bounds the information on it in all codes
        together from below.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: FloatArray
    completeness_per_factor: FloatArray
    informativeness_per_factor: FloatArray
    cross_entropy: FloatArray


def dci_scores(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    rounds: int = 100,
    depth: int = 3,
    learning_rate: float = 0.1,
    seed: int = 0,
    threads: int = 1,
) -> DCI:
    """Fit one classifier per factor and score its importances.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Discrete factor values; a test value that training never saw counts as wrong.
    rounds, depth, learning_rate : int, int, float
        Boosting rounds, depth and shrinkage of the trees (scikit-learn's defaults).
    seed : int
        Seed of the classifiers.
    threads : int
        Threads of XGBoost. The problem is small: more threads than idle cores is slower
        by an order of magnitude.

    Returns
    -------
    DCI
        The scores and the importance matrix.

    Raises
    ------
    ValueError
        If a dimension is not finite, a training factor is constant, or shapes disagree.

    References
    ----------
    Eastwood and Williams (2018), ICLR; Locatello et al. (2019), arXiv 1811.12359.
    """
    codes_train, factors_train, codes_test, factors_test = train_and_test(
        codes_train, factors_train, codes_test, factors_test
    )
    importance = np.zeros((codes_train.shape[1], factors_train.shape[1]))
    accuracy, cross_entropy = np.empty((2, factors_train.shape[1]))
    for k, column in enumerate(factors_train.T):
        values, label = np.unique(column, return_inverse=True)
        if codes_train.shape[1] == 0:  # nothing to split on: how frequent each value is
            share = np.bincount(label) / len(label)
            probability = np.broadcast_to(share, (len(codes_test), len(values)))
        else:
            trees = XGBClassifier(
                n_estimators=rounds,
                max_depth=depth,
                learning_rate=learning_rate,
                tree_method="hist",
                importance_type="total_gain",
                random_state=seed,
                n_jobs=threads,
            ).fit(codes_train, label)
            probability = trees.predict_proba(codes_test)
            importance[:, k] = trees.feature_importances_
        true = factors_test[:, k]
        accuracy[k] = np.mean(values[probability.argmax(axis=1)] == true)
        of_true = (probability * (values == true[:, None])).sum(axis=1)
        cross_entropy[k] = -np.log(of_true.clip(min=1 / len(codes_train))).mean()
    return DCI(
        disentanglement=disentanglement(importance),
        completeness=completeness(importance),
        informativeness=float(accuracy.mean()),
        importance=importance,
        completeness_per_factor=(1 - _normalised_entropies(importance.T)) * importance.any(axis=0),
        informativeness_per_factor=accuracy,
        cross_entropy=cross_entropy,
    )


@metric(
    "dci",
    titles={
        "dci_disentanglement": "DCI D",
        "dci_completeness": "DCI C",
        "dci_informativeness": "DCI I",
    },
    ranges={
        "dci_disentanglement": (0.0, 1.0),
        "dci_completeness": (0.0, 1.0),
        "dci_informativeness": (0.0, 1.0),
    },
    group="information",
    fits=True,
    fast={"rounds": 5, "learning_rate": 0.5},
)
def dci(work: Work, *, rounds: int = 100, depth: int = 3, learning_rate: float = 0.1) -> Values:
    """Disentanglement, completeness and informativeness by boosted trees.

    Parameters
    ----------
    work : Work
        Codes and factors; gains the matrix ``importance`` and the result `DCI`.
    rounds : int
        Boosting rounds of the classifiers.
    depth : int
        Depth of their trees.
    learning_rate : float
        Shrinkage of the trees.
    """
    result = dci_scores(
        *work.rows,
        rounds=rounds,
        depth=depth,
        learning_rate=learning_rate,
        seed=work.seed,
        threads=work.threads,
    )
    work.matrices["importance"] = result.importance
    work.results["dci"] = result
    return {
        "dci_disentanglement": result.disentanglement,
        "dci_completeness": Breakdown(result.completeness, result.completeness_per_factor),
        "dci_informativeness": result.informativeness_per_factor,
    }


def disentanglement(importance: ArrayLike) -> float:
    """Return how far each dimension matters for one factor only.

    Parameters
    ----------
    importance : array_like, shape (D, K)
        Non-negative importances R.

    Returns
    -------
    float
        The sum over dimensions of their share of all importance times one minus the
        entropy (base K) of their row; 0 where nothing is important.
    """
    importance = np.asarray(importance, dtype=np.float64)
    if importance.sum() == 0:
        return 0.0
    share = importance.sum(axis=1) / importance.sum()
    return float(share @ (1 - _normalised_entropies(importance)))


def completeness(importance: ArrayLike) -> float:
    """Return how far each factor is predicted from one dimension only.

    Parameters
    ----------
    importance : array_like, shape (D, K)
        Non-negative importances R.

    Returns
    -------
    float
        The same as `disentanglement`, of the columns (entropy base D).
    """
    return disentanglement(np.asarray(importance).T)


def _normalised_entropies(rows: FloatArray) -> FloatArray:
    """Return the entropy of each row over that of a uniform row, from 0 to 1."""
    n_columns = rows.shape[1]
    if n_columns < 2:  # one place to be in: no uncertainty, and log base 1 does not exist
        return np.zeros(len(rows))
    shifted = rows + _OFFSET
    p = shifted / shifted.sum(axis=1, keepdims=True)
    return -(p * np.log(p)).sum(axis=1) / np.log(n_columns)
