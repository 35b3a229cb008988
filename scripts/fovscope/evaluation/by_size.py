"""How the scores of a study move with the number of rows: what a small sample would have said."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.evaluation.disentanglement import source_factors, split_source
from fovscope.metrics.honesty import score_by_size
from fovscope.study.config import Metrics

SHOWN = {"mig": "MIG", "modularity": "Modularity", "irs": "IRS", "omes": "OMES"}
"""Scores without classifiers, which can be had at many sizes."""

_SMALLEST = 100


def source_scores_by_size(
    design: pd.DataFrame, codes: NDArray, *, options: Metrics, points: int = 6
) -> pd.DataFrame:
    """Return scores of source codes (N, d) at sizes from 100 rows to all, evenly on a log scale.

    Returns
    -------
    pandas.DataFrame
        ``rows, score, value, floor, ceiling``.
    """
    factors, changed = source_factors(design)
    train = len(factors.train)
    by_size = score_by_size(
        split_source(design, codes),
        factors,
        changed,
        sizes=np.unique(np.geomspace(min(_SMALLEST, train), train, points).astype(int)).tolist(),
        metrics=list(SHOWN),
        active_sd=options.active_sd,
        options={"mig": {"bins": options.mig_bins}},
    )
    return pd.DataFrame(
        [
            (rows, name, scores[name].value, scores[name].floor, scores[name].ceiling)
            for rows, scores in by_size.items()
            for name in SHOWN
            if name in scores  # some need more rows of each factor value
        ],
        columns=["rows", "score", "value", "floor", "ceiling"],
    )
