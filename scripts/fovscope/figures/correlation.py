"""Which dimension goes with which handcrafted feature: one heat map a target, stage by stage.

Shown is the mean |r|, because models that go with a feature in opposite directions cancel in the
mean of r as if none did. The sign of that mean is shown where the models largely share it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fovscope.figures.heatmap import SIGNED, UNSIGNED, draw_heatmap
from fovscope.interpret.features import COUNTERPARTS
from fovscope.tables.correlation import common_sign

_MOST = 0.5
"""Share of the models in which a correlation must be significant to be printed in bold."""

_TITLES = {"transferred": "transferred", "finetuned": "fine-tuned"}
_FACTORS = list(COUNTERPARTS)


def in_groups(long: pd.DataFrame) -> list[str]:
    """Return the features by their factor, the one with the strongest correlation first."""
    strongest = long.groupby("feature", sort=False).agg(
        factor=("factor", "first"), strength=("mean_abs", "max")
    )
    rank = strongest["factor"].map(_FACTORS.index)
    order = strongest.assign(rank=rank).sort_values(
        ["rank", "strength"], ascending=[True, False], kind="stable"
    )
    return list(order.index)


def correlation_size(long: pd.DataFrame) -> tuple[float, float]:
    """Return width and height in inches that leave room for every number."""
    columns = long["stage"].nunique() * long["dimension"].nunique()
    return 0.27 * columns + 2, 0.165 * long["feature"].nunique() + 0.9


def draw_correlations(canvas: Figure, long: pd.DataFrame) -> None:
    """Draw the mean |r| over models, a panel a stage, features by factor.

    Red or blue where models share a sign, grey where they do not or where there is none, as of a
    direction. Bold where most models are significant; framed where a dimension has the name of
    the features' factor.

    Parameters
    ----------
    canvas : Figure
        Empty.
    long : pandas.DataFrame
        Rows of one target, input and score of the long correlation table.
    """
    features, dimensions = in_groups(long), list(dict.fromkeys(long["dimension"]))
    factors = long.drop_duplicates("feature").set_index("feature")["factor"][features]
    stages = [stage for stage in _TITLES if stage in set(long["stage"])]
    panels = canvas.subplots(1, len(stages), sharey=True, squeeze=False)[0]
    for axes, stage in zip(panels, stages, strict=True):
        rows = long[long["stage"] == stage].assign(sign=common_sign)
        strength, sign, significant = (
            rows.pivot(index="feature", columns="dimension", values=value)
            .reindex(index=features, columns=dimensions)
            .to_numpy()
            for value in ("mean_abs", "sign", "significant")
        )
        draw_heatmap(
            axes,
            np.where(sign < 0, -strength, strength),
            features,
            dimensions,
            signed=True,
            strong=significant > _MOST,
            unsigned=sign == 0,
        )
        axes.set_title(_TITLES[stage])
        _show_groups(axes, list(factors), dimensions)
    for colours, lowest, label in (
        (UNSIGNED, 0, "mean |r| without a common sign"),  # the last one comes next to the panels
        (SIGNED, -1, "mean |r| with the common sign"),
    ):
        shown = ScalarMappable(Normalize(lowest, 1), colours)
        bar = canvas.colorbar(shown, ax=panels, shrink=0.5, aspect=30, pad=0.02)
        bar.set_ticks([lowest, (lowest + 1) / 2, 1])
        bar.set_label(label, fontsize=6)
        bar.ax.tick_params(labelsize=6)


def _show_groups(axes: Axes, factors: list[str], dimensions: list[str]) -> None:
    """Part the features of different factors, and frame each factor's own dimension."""
    for factor in dict.fromkeys(factors):
        first, count = factors.index(factor), factors.count(factor)
        if first:
            axes.axhline(first - 0.5, color="black", lw=0.6)
        if factor in dimensions:
            corner = dimensions.index(factor) - 0.5, first - 0.5
            axes.add_patch(Rectangle(corner, 1, count, fill=False, lw=1.2, clip_on=False))
