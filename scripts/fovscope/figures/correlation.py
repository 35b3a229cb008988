"""Which dimension goes with which handcrafted feature: one heat map a target."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from fovscope.figures.heatmap import draw_heatmap
from fovscope.figures.style import PAGE

_MOST = 0.5
"""Share of the models in which a correlation must be significant to be printed in bold."""


def correlation_matrix(long: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return a column of the long correlation table as dimensions × features, in their order."""
    dimensions, features = (list(dict.fromkeys(long[name])) for name in ("dimension", "feature"))
    return long.pivot(index="dimension", columns="feature", values=value).loc[dimensions, features]


def correlation_size(long: pd.DataFrame) -> tuple[float, float]:
    """Return width and height in inches that leave room for every number."""
    return PAGE + 1, 0.19 * long["dimension"].nunique() + 1.1


def draw_correlations(canvas: Figure, long: pd.DataFrame) -> None:
    """Draw the mean r over models; bold where most models are significant.

    Parameters
    ----------
    canvas : Figure
        Empty.
    long : pandas.DataFrame
        Rows of one target, input, stage and score of the long correlation table.
    """
    mean = correlation_matrix(long, "mean")
    strong = correlation_matrix(long, "significant") > _MOST
    draw_heatmap(
        canvas.subplots(),
        mean.to_numpy(),
        list(mean.index),
        list(mean.columns),
        signed=True,
        strong=strong.to_numpy(),
    )
