"""Gradient-boosted trees.

Dapueto, Pastore, Noceti, Odone (2025), arXiv 2506.20649: depth 4, learning rate 0.1, 100 rounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
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
) -> XGBClassifier | Pipeline:
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
        draws so many, and has 32 split points a column instead of 256. All trees together see
        twice as many, drawn by the seed.

    Returns
    -------
    XGBClassifier or Pipeline
        The fitted classifier; a pipeline if it sees only some of the columns.
    """
    width, seen = codes.shape[1], 2 * columns
    trees = XGBClassifier(
        n_estimators=rounds,
        max_depth=depth,
        learning_rate=learning_rate,
        # With few rows a tree costs what its split points do, columns × bins.
        max_bin=256 if width <= columns else 32,
        colsample_bytree=columns / max(columns, min(width, seen)),
        tree_method="hist",
        random_state=seed,
        n_jobs=threads,
    )
    if width <= seen:
        return trees.fit(codes, classes)
    # A histogram has all columns at hand, also those that its tree has not drawn.
    drawn = np.sort(np.random.default_rng(seed).choice(width, seen, replace=False))
    some = FunctionTransformer(np.take, kw_args={"indices": drawn, "axis": 1})
    return make_pipeline(some, trees).fit(codes, classes)
