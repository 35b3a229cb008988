"""Which latent dimensions tell the classes apart, for the gradient-boosted trees of the probes.

Two answers: the share of a dimension in the gain of all splits while fitting, and the loss of
balanced accuracy on the test images when its values are shuffled among them (permutation
importance, which also sees what the trees did not need: it is near 0 for a dimension whose
information others carry too).

References
----------
Breiman (2001), "Random forests", Machine Learning 45:5-32 (permutation importance).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.inspection import permutation_importance
from xgboost import XGBClassifier

from fovscope.probes.classifiers import probe_codes
from fovscope.probes.gbt import gbt


def dimension_importance(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    *,
    options: Mapping[str, Any],
    seed: int,
    repeats: int = 10,
    threads: int = 1,
) -> pd.DataFrame:
    """Fit the trees and ask how much each latent dimension matters to them.

    The shuffles are those of scikit-learn's `permutation_importance`. Development versions before
    0.1.0 drew their own, which estimated the same: over ten seeds, ten dimensions and 400 test
    images of four classes the losses differ by .005 (root mean square; .028 at most), and their
    means over seeds by less than .001.

    Parameters
    ----------
    train_codes, test_codes : array_like, shape (N, d), (M, d)
        Latent means.
    train_labels, test_labels : array_like of str or int, shape (N,), (M,)
        Classes.
    options : mapping of str to object
        Options of the trees, those of the probe ``gbt``.
    seed : int
        Of the trees and the shuffling.
    repeats : int
        How often each dimension is shuffled; the mean is reported.
    threads : int
        Of XGBoost.

    Returns
    -------
    DataFrame
        `score` (``gain``: share of the total gain, 0 to 1; ``permutation``: loss of balanced
        accuracy, -1 to 1), `dimension`, `value`.
    """
    train_codes, test_codes = probe_codes(train_codes), probe_codes(test_codes)
    labels, classes = np.unique(train_labels, return_inverse=True)
    trees = gbt(train_codes, classes, seed, threads, **options)
    d = train_codes.shape[1]
    gains = trees.get_booster().get_score(importance_type="total_gain")
    gain = np.array([gains.get(f"f{k}", 0.0) for k in range(d)])
    loss = _permutation_loss(trees, test_codes, _numbered(test_labels, labels), repeats, seed)
    return pd.DataFrame(
        {
            "score": ["gain"] * d + ["permutation"] * d,
            "dimension": [*range(d), *range(d)],
            "value": [*(gain / max(gain.sum(), 1e-12)), *loss],
        }
    )


def _numbered(labels: ArrayLike, known: NDArray) -> NDArray[np.intp]:
    """Return the class number of labels (N,), C where the C sorted known ones lack it."""
    labels = np.asarray(labels)
    numbers = np.searchsorted(known, labels).clip(max=len(known) - 1)
    return np.where(known[numbers] == labels, numbers, len(known))


def _permutation_loss(
    trees: XGBClassifier,
    codes: NDArray[np.float32],
    classes: NDArray[np.intp],
    repeats: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return the mean loss of balanced accuracy (d,) when a dimension is shuffled."""
    with warnings.catch_warnings():
        # A class without test images is left out of balanced accuracy, as in every other table.
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        found = permutation_importance(
            trees,
            codes,
            classes,
            scoring="balanced_accuracy",
            n_repeats=repeats,
            random_state=seed,
        )
    return found.importances_mean
