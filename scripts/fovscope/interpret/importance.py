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

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import recall_score
from xgboost import XGBClassifier

from fovscope.arrays import finite_codes
from fovscope.probes.classifiers import fit_gbt
from fovscope.study.config import Probes


def dimension_importance(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    *,
    options: Probes,
    seed: int,
    repeats: int = 10,
    threads: int = 1,
) -> pd.DataFrame:
    """Fit the trees and ask how much each latent dimension matters to them.

    Parameters
    ----------
    train_codes, test_codes : array_like, shape (N, d), (M, d)
        Latent means.
    train_labels, test_labels : array_like of str or int, shape (N,), (M,)
        Classes.
    options : Probes
        Rounds, depth and learning rate of the trees.
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
    train_codes, test_codes = (
        finite_codes(codes).astype(np.float32) for codes in (train_codes, test_codes)
    )
    labels, classes = np.unique(train_labels, return_inverse=True)
    trees = fit_gbt(train_codes, classes, options=options, seed=seed, threads=threads)
    d = train_codes.shape[1]
    gains = trees.get_booster().get_score(importance_type="total_gain")
    gain = np.array([gains.get(f"f{k}", 0.0) for k in range(d)])
    rng = np.random.default_rng(seed)
    loss = _permutation_loss(trees, labels, test_codes, np.asarray(test_labels), repeats, rng)
    return pd.DataFrame(
        {
            "score": ["gain"] * d + ["permutation"] * d,
            "dimension": [*range(d), *range(d)],
            "value": [*(gain / max(gain.sum(), 1e-12)), *loss],
        }
    )


def _permutation_loss(
    trees: XGBClassifier,
    labels: NDArray,
    codes: NDArray[np.float32],
    true: NDArray,
    repeats: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the mean loss of balanced accuracy (d,) when a dimension is shuffled."""
    d = codes.shape[1]
    shuffled = np.tile(codes, (d, repeats, 1, 1))  # all in one prediction: calls are dear
    for k in range(d):
        values = np.tile(codes[:, k], (repeats, 1))
        shuffled[k, :, :, k] = rng.permuted(values, axis=1)
    present = np.unique(true)

    def balanced_accuracy(predicted: NDArray) -> float:
        recall = recall_score(true, predicted, labels=present, average="macro", zero_division=0)
        return float(recall)

    predicted = labels[trees.predict(shuffled.reshape(-1, d))].reshape(d, repeats, -1)
    before = balanced_accuracy(labels[trees.predict(codes)])
    after = [[balanced_accuracy(one) for one in of_dimension] for of_dimension in predicted]
    return before - np.mean(after, axis=1)
