"""How the scores of a study move with the number of rows: what a small sample would have said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.evaluation.disentanglement import arrange, known_factors
from fovscope.metrics.honesty import score_by_size

SHOWN = {"mig": "MIG", "modularity": "Modularity", "irs": "IRS", "omes": "OMES"}
"""Scores without classifiers, which can be had at many sizes."""

_SMALLEST = 100


def scores_by_size(
    images: pd.DataFrame,
    facts: Mapping[str, Any],
    values: NDArray,
    *,
    active_sd: float,
    levels: int,
    options: Mapping[str, Mapping[str, Any]],
    points: int = 6,
) -> pd.DataFrame:
    """Return scores of codes at sizes from 100 rows to all, evenly on a log scale.

    Parameters
    ----------
    images : DataFrame
        The image table of N images with known factors.
    facts : mapping
        The facts beside it.
    values : ndarray, shape (N, d)
        Codes, in the order of the images.
    active_sd, levels, options
        As in section `metrics` of the configuration; options by metric.
    points : int
        Number of sizes.

    Returns
    -------
    DataFrame
        ``rows, score, value, floor, ceiling``.
    """
    factors = known_factors(images, facts, levels)
    train = len(factors.values.train)
    by_size = score_by_size(
        arrange(images, values),
        factors.values,
        factors.changed,
        sizes=np.unique(np.geomspace(min(_SMALLEST, train), train, points).astype(int)).tolist(),
        metrics=list(SHOWN),
        active_sd=active_sd,
        options={name: options[name] for name in SHOWN if name in options},
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
