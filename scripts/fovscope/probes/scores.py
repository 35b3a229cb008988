"""What is reported of a classifier: balanced accuracy first, the number of the paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
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
