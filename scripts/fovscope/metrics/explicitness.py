"""Explicitness: how well linear classifiers read each factor value from the whole code.

Ridgeway and Mozer (2018), "Learning deep disentangled embeddings with the F-statistic loss",
section 2. A logistic regression tells each value of a factor from all others; the score is
the area under its ROC curve (AUC) on test rows, averaged over values, then over factors.
(The E of DCI-ES, `metrics.dci_es`, is another quantity of the same name.)

* ``classifier="one_vs_rest"`` (Ridgeway and Mozer): one logistic regression per value. It
  cannot single out a value that lies between others on a line, so a code of one dimension
  per factor stays below 1: .83 for 3 equally frequent values, .75 for many.
* ``classifier="multinomial"`` (Locatello et al. 2019): one logistic regression per factor,
  whose probability of a value is scored. It can, and a perfect code scores 1.

Codes are standardised; C = 1. Noise scores .5. Explicitness sees no disentanglement: a
rotated code scores as the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from fovscope.arrays import as_labels, train_and_test
from fovscope.metrics.work import Breakdown, Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Explicitness:
    """The score and its parts.

    Attributes
    ----------
    score : float
        Mean of `per_factor`; .5 is chance.
    per_factor : ndarray, shape (K,)
        Mean AUC over the values of a factor; NaN where test rows have one value only.
    """

    score: float
    per_factor: FloatArray


def explicitness_score(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    classifier: Literal["one_vs_rest", "multinomial"] = "one_vs_rest",
) -> Explicitness:
    """Area under the ROC curve of logistic regressions, averaged over values and factors.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Discrete factor values. A value that the test rows lack has no AUC and is left
        out; one that training never saw counts as chance, .5.
    classifier : {"one_vs_rest", "multinomial"}
        One regression per value, or one per factor.

    Returns
    -------
    Explicitness
        The score, from about .5 to 1.

    Raises
    ------
    ValueError
        If something is not finite, a training factor is constant, shapes disagree, or the
        classifier is unknown.

    References
    ----------
    Ridgeway and Mozer (2018), arXiv 1802.05312; Locatello et al. (2019), arXiv 1811.12359.
    """
    if classifier not in ("one_vs_rest", "multinomial"):
        raise ValueError(f"classifier is 'one_vs_rest' or 'multinomial', not {classifier!r}")
    codes_train, factors_train, codes_test, factors_test = train_and_test(
        codes_train, factors_train, codes_test, factors_test
    )
    if codes_train.shape[1] == 0:  # nothing to rank by, as with a constant dimension
        codes_train, codes_test = np.zeros((len(codes_train), 1)), np.zeros((len(codes_test), 1))
    scaler = StandardScaler().fit(codes_train)
    x, x_test = scaler.transform(codes_train), scaler.transform(codes_test)
    per_factor = np.full(factors_train.shape[1], np.nan)
    for k, (known, wanted) in enumerate(zip(factors_train.T, factors_test.T, strict=True)):
        known, wanted = as_labels(known, wanted)
        present = np.unique(wanted)
        if len(present) == 1:
            continue
        rank = _rank_each_value(x, known, x_test, present, classifier)
        auc = [roc_auc_score(wanted == v, r) for v, r in zip(present, rank, strict=True)]
        per_factor[k] = np.mean(auc)
    scored = per_factor[~np.isnan(per_factor)]
    return Explicitness(float(scored.mean()) if len(scored) else np.nan, per_factor)


@metric(
    "explicitness",
    titles={"explicitness": "Explicitness"},
    ranges={"explicitness": (0.0, 1.0)},
    group="intervention",
    fits=True,
)
def explicitness(
    work: Work, *, classifier: Literal["one_vs_rest", "multinomial"] = "one_vs_rest"
) -> Values:
    """Area under the ROC curve of linear classifiers of each factor value.

    Parameters
    ----------
    work : Work
        Codes and factors.
    classifier : {"one_vs_rest", "multinomial"}
        One regression per value, or one per factor.
    """
    result = explicitness_score(*work.rows, classifier=classifier)
    return {"explicitness": Breakdown(result.score, result.per_factor)}


def _rank_each_value(
    x: NDArray,
    known: NDArray,
    x_test: NDArray,
    values: NDArray,
    classifier: Literal["one_vs_rest", "multinomial"],
) -> FloatArray:
    """Return how much test rows look like each value, shape (values, M); 0 if never seen."""
    ranks = np.zeros((len(values), len(x_test)))
    if classifier == "multinomial":
        model = LogisticRegression(max_iter=1_000).fit(x, known)
        seen = np.isin(values, model.classes_)
        column = np.searchsorted(model.classes_, values[seen])
        ranks[seen] = model.predict_proba(x_test)[:, column].T
        return ranks
    for i, value in enumerate(values):
        if (known == value).any():
            model = LogisticRegression(max_iter=1_000).fit(x, known == value)
            ranks[i] = model.decision_function(x_test)
    return ranks
