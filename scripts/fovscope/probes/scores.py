"""What is reported of a classifier: balanced accuracy first, the number of the paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, f1_score, recall_score


def classification_scores(true: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Score predicted labels.

    The confusion matrix beside them is `sklearn.metrics.confusion_matrix`.

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
