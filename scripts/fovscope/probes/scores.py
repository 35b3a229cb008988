"""What is reported of a classifier: balanced accuracy first, the number of the paper.

Beside each number how sure it is over test images: a bootstrap, the classifier as it is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score


def classification_scores(true: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Score predicted labels; `confusion_shares` says which classes they confuse.

    Parameters
    ----------
    true, predicted : array_like of str or int, shape (N,)
        Labels.

    Returns
    -------
    dict of str to float
        ``balanced_accuracy`` (mean recall of the classes present in `true`), ``accuracy``
        and ``macro_f1`` (mean over classes present in either), each from 0 to 1.

    Raises
    ------
    ValueError
        If there are not as many predictions as labels.
    """
    # balanced_accuracy_score is this recall, plus a warning for each absent class.
    recall = recall_score(true, predicted, labels=np.unique(true), average="macro", zero_division=0)
    return {
        "balanced_accuracy": float(recall),
        "accuracy": float(accuracy_score(true, predicted)),
        "macro_f1": float(f1_score(true, predicted, average="macro", zero_division=0)),
    }


RESAMPLES = 1_000
"""Samples of the test images for an interval."""


def classification_intervals(
    true: ArrayLike,
    predicted: ArrayLike,
    groups: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> dict[str, tuple[float, float]]:
    """Return the 95 % percentile intervals of `classification_scores` over test images.

    All scores are functions of three counts a class, which are sums over groups: so a sample is
    how often it has each group, and no label is looked at again.

    Parameters
    ----------
    true, predicted : array_like of str or int, shape (N,)
        Labels.
    groups : array_like, shape (N,)
        Images of one group, of one slide for example, are drawn together.
    rng : numpy.random.Generator
        Source of the samples.
    resamples : int
        Number of samples.

    Returns
    -------
    dict of str to (float, float)
        By score; NaN with fewer than two groups. A class that a sample lacks is left out of its
        means, as in `classification_scores`.

    References
    ----------
    Davison and Hinkley (1997), Bootstrap Methods and their Application, sections 3.8 and 5.3.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    classes = np.union1d(true, predicted)
    is_right = true == predicted
    of_groups, group = np.unique(np.asarray(groups), return_inverse=True)
    if len(of_groups) < 2:
        return dict.fromkeys(("balanced_accuracy", "accuracy", "macro_f1"), (np.nan, np.nan))
    counts = np.zeros((len(of_groups), 3, len(classes)))
    for kind, labels in enumerate((true[is_right], true, predicted)):
        rows = group[is_right] if kind == 0 else group
        np.add.at(counts, (rows, kind, np.searchsorted(classes, labels)), 1)
    drawn = _drawn_counts(counts, resamples, rng)
    right, there, said = drawn[:, 0], drawn[:, 1], drawn[:, 2]
    samples = {
        "balanced_accuracy": _mean_ratio(right, there),
        "accuracy": right.sum(axis=1) / there.sum(axis=1),
        "macro_f1": _mean_ratio(2 * right, there + said),
    }
    return {
        name: tuple(np.quantile(values, [0.025, 0.975]).tolist())
        for name, values in samples.items()
    }


def _drawn_counts(
    counts: NDArray[np.float64], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the counts of samples of whole groups; `counts` has those of each group first."""
    groups, *shape = counts.shape
    counts = counts.reshape(groups, -1)
    samples = (rng.integers(groups, size=groups) for _ in range(resamples))
    drawn = [np.bincount(sample, minlength=groups) @ counts for sample in samples]
    return np.reshape(drawn, (resamples, *shape))


def _mean_ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean share over the classes (samples, C) that a sample has, shape (samples,)."""
    has = whole > 0
    shares = np.divide(part, whole, out=np.zeros_like(whole), where=has)
    return shares.sum(axis=1) / has.sum(axis=1)


def confusion_shares(true: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Return the confusion matrix, one row per cell, in shares of the true class.

    Parameters
    ----------
    true, predicted : array_like of str, shape (N,)
        Labels.

    Returns
    -------
    DataFrame
        ``true, predicted, value``: of the images of each class in `true`, the share that is
        predicted as each class of either; the shares of a class add up to 1.
    """
    classes, known = np.union1d(true, predicted), np.unique(true)
    shares = confusion_matrix(true, predicted, labels=classes, normalize="true")
    table = pd.DataFrame(shares, index=classes, columns=classes).loc[known]
    cells = table.rename_axis(index="true", columns="predicted").stack()
    return cells.rename("value").reset_index()
