"""Separated attribute predictability (SAP): whether one dimension alone predicts a factor.

Kumar, Sattigeri, Balakrishnan (2018), "Variational inference of disentangled latent concepts
from unlabeled observations", section 3. Each factor is predicted from each dimension alone;
SAP is the difference between the two best dimensions, averaged over factors. A constant
dimension, and a second one where there is only one, predict with score 0.

* Continuous factors: the squared correlation over training rows.
* Nominal factors, ``classifier="thresholds"`` (Kumar et al.): thresholds on the dimension,
  at most one fewer than there are values, scored by balanced accuracy. They are those of a
  classification tree (scikit-learn) with as many leaves as values, so chosen greedily.
* ``classifier="svm"`` (Locatello et al. 2019): a linear support vector classifier
  (C = 0.01, balanced class weights, one versus rest), scored by accuracy. On one dimension
  it predicts hardly more than the outer values, so that a perfect code of a factor of
  many values stays near 0. Dimensions are standardised first (ours): the penalty would
  otherwise depend on their scale.

Classifiers learn from training rows and are scored on test rows (Kumar et al. do both on
test rows). Dimensions that know nothing still predict with accuracy 1/values, so a perfect
code scores 1 - 1/values, averaged, for nominal factors, and 1 for continuous ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import recall_score
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from fovscope.arrays import as_labels, continuous_factors, train_and_test
from fovscope.metrics.mig import gaps
from fovscope.metrics.work import Breakdown, Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SAP:
    """The score and what it was made from.

    Attributes
    ----------
    score : float
        Mean of `per_factor`.
    per_factor : ndarray, shape (K,)
        Best minus second best dimension, from 0 to 1.
    predictability : ndarray, shape (D, K)
        How well each dimension predicts each factor, from 0 to 1.
    """

    score: float
    per_factor: FloatArray
    predictability: FloatArray


def sap_score(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    continuous: bool | Sequence[bool] = False,
    classifier: Literal["thresholds", "svm"] = "thresholds",
) -> SAP:
    """Difference between the two dimensions that predict a factor best.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Factor values; a nominal test value that training never saw counts as wrong.
    continuous : bool or sequence of bool, length K
        Which factors are numbers to regress, not names to classify.
    classifier : {"thresholds", "svm"}
        How nominal factors are predicted.

    Returns
    -------
    SAP
        Scores from 0 to 1, higher is better.

    Raises
    ------
    ValueError
        If something is not finite, a training factor is constant or a continuous one no
        number, shapes disagree, or the classifier is unknown.

    References
    ----------
    Kumar et al. (2018), arXiv 1711.00848; Locatello et al. (2019), arXiv 1811.12359.
    """
    if classifier not in ("thresholds", "svm"):
        raise ValueError(f"classifier is 'thresholds' or 'svm', not {classifier!r}")
    codes_train, factors_train, codes_test, factors_test = train_and_test(
        codes_train, factors_train, codes_test, factors_test, continuous=continuous
    )
    is_continuous = continuous_factors(continuous, factors_train)
    active = np.flatnonzero(np.ptp(codes_train, axis=0) > 0)
    train, test = codes_train[:, active], codes_test[:, active]
    mean, sd = train.mean(axis=0), train.std(axis=0)
    train, test = (train - mean) / sd, (test - mean) / sd
    predictability = np.zeros((codes_train.shape[1], factors_train.shape[1]))
    predict = _threshold_accuracy if classifier == "thresholds" else _svm_accuracy
    for k, (known, wanted) in enumerate(zip(factors_train.T, factors_test.T, strict=True)):
        if is_continuous[k]:
            value = known.astype(np.float64)
            value = (value - value.mean()) / value.std()
            predictability[active, k] = (value @ train / len(train)) ** 2
        else:
            known, wanted = as_labels(known, wanted)
            for d, z, z_test in zip(active, train.T, test.T, strict=True):
                predictability[d, k] = predict(z[:, None], known, z_test[:, None], wanted)
    per_factor = gaps(predictability)
    return SAP(float(per_factor.mean()), per_factor, predictability)


@metric(
    "sap",
    titles={"sap": "SAP"},
    ranges={"sap": (0.0, 1.0)},
    group="intervention",
    fits=True,
)
def sap(
    work: Work,
    *,
    continuous: bool | tuple[bool, ...] = False,
    classifier: Literal["thresholds", "svm"] = "thresholds",
) -> Values:
    """Difference between the two dimensions that predict a factor best.

    Parameters
    ----------
    work : Work
        Codes and factors.
    continuous : bool or tuple of bool, length K
        Which factors are numbers to regress, not names to classify.
    classifier : {"thresholds", "svm"}
        How nominal factors are predicted.
    """
    result = sap_score(*work.rows, continuous=continuous, classifier=classifier)
    return {"sap": Breakdown(result.score, result.per_factor)}


def _threshold_accuracy(z: NDArray, known: NDArray, z_test: NDArray, wanted: NDArray) -> float:
    """Return the balanced accuracy of one interval per value, on test rows."""
    tree = DecisionTreeClassifier(
        max_leaf_nodes=len(np.unique(known)), class_weight="balanced", random_state=0
    )
    predicted = tree.fit(z, known).predict(z_test)
    present = np.unique(wanted)
    return float(recall_score(wanted, predicted, labels=present, average="macro", zero_division=0))


def _svm_accuracy(z: NDArray, known: NDArray, z_test: NDArray, wanted: NDArray) -> float:
    """Return the accuracy of a linear support vector classifier on test rows."""
    svm = LinearSVC(C=0.01, class_weight="balanced", random_state=0).fit(z, known)
    return float(np.mean(svm.predict(z_test) == wanted))
