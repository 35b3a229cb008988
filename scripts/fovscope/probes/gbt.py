"""Gradient-boosted trees.

Dapueto, Pastore, Noceti, Odone (2025), arXiv 2506.20649: depth 4, learning rate 0.1, 100 rounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xgboost import XGBClassifier

from fovscope.registry import probe


@probe("gbt", title="GBT")
def gbt(
    codes: NDArray[np.floating],
    classes: NDArray[np.integer],
    seed: int,
    threads: int,
    *,
    rounds: int = 100,
    depth: int = 4,
    learning_rate: float = 0.1,
    columns: int = 2_048,
) -> XGBClassifier:
    """Fit gradient-boosted trees.

    Parameters
    ----------
    codes : ndarray, shape (N, D)
        Representations.
    classes : ndarray of int, shape (N,)
        Class numbers 0 to C - 1, each present.
    seed, threads : int
        Seed and threads of XGBoost.
    rounds : int
        Boosting rounds.
    depth : int
        Depth of the trees.
    learning_rate : float
        Shrinkage of the trees.
    columns : int
        Columns that a tree may split on; of a wider representation, such as pixels, each tree
        draws so many, and has 32 split points a column instead of 256.

    Returns
    -------
    XGBClassifier
        The fitted classifier.
    """
    return XGBClassifier(
        n_estimators=rounds,
        max_depth=depth,
        learning_rate=learning_rate,
        # With few rows a tree costs what its split points do, columns × bins.
        max_bin=256 if codes.shape[1] <= columns else 32,
        colsample_bytree=columns / max(columns, codes.shape[1]),
        tree_method="hist",
        random_state=seed,
        n_jobs=threads,
    ).fit(codes, classes)
