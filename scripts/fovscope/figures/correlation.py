"""Which dimension goes with which handcrafted feature: one heat map per target, stage by stage.

Shown is the mean |r|, because models that go with a feature in opposite directions cancel in the
mean of r as if none did. The sign of that mean is shown where the models largely share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fovscope.factors import Factor
from fovscope.figures.given import Given, kinds_of
from fovscope.figures.heatmap import SIGNED, UNSIGNED, draw_heatmap
from fovscope.figures.style import Drawing
from fovscope.interpret.features import FEATURES
from fovscope.registry import figure
from fovscope.tables.correlation import common_sign, without_parts

_MOST = 0.5
"""Share of the models in which a correlation must be significant to be printed in bold."""

_TITLES = {
    "transferred": "transferred",
    "finetuned": "fine-tuned",
    "scratch": "from scratch",
    "baseline": "",
}


@figure(
    "correlation",
    scope="input",
    of="targets",
    needs=("table:correlation",),
    facts=("factors",),
    section="What each dimension means",
    order=20,
    caption="Mean |r| (Pearson) over models of each latent dimension with each handcrafted "
    "feature, before and after fine-tuning; bold where it is significant in most models (false "
    "discovery rate 5 %). Red and blue: the sign that models share, which is arbitrary for a "
    "dimension as a whole. Grey: models point in opposite directions (the mean of r is less than "
    "half of the mean |r|), or the feature is a direction (hue, orientation), whose "
    "circular-linear R has no sign, or the factor owns two dimensions, cosine and sine, which are "
    "shown together. Features are grouped by what they are about, the strongest "
    "first; a frame marks the group that holds the counterparts of the dimension's factor.",
)
def correlation(given: Given) -> Drawing:
    """Correlation of each dimension with each handcrafted feature, as heat maps.

    Parameters
    ----------
    given : Given
        The long table ``correlation``; option ``factors``.
    """
    long = given.lines("correlation")
    long = without_parts(long[long["score"] == "pearson"])
    factors = [Factor.from_json(factor) for factor in given.options.get("factors", ())]
    draw = partial(draw_correlations, long=long, factors=factors)
    return Drawing(*correlation_size(long), draw)


def groups_of(factors: Sequence[Factor]) -> dict[str, set[str]]:
    """Return the groups of features, by factor, in which its counterparts lie."""
    groups: dict[str, set[str]] = {}
    for factor in factors:
        own = {FEATURES[name].group for name in factor.counterparts}
        groups[factor.name] = groups.get(factor.name, set()) | own
    return groups


def in_groups(long: pd.DataFrame, factors: Sequence[Factor]) -> list[str]:
    """Return the features by their group, the one with the strongest correlation first.

    Groups come in the order of the factors that they hold counterparts of, so that frames lie on
    a diagonal; the others after them.
    """
    of_factors = [group for own in groups_of(factors).values() for group in sorted(own)]
    others = [feature.group for feature in FEATURES.values()]
    groups = list(dict.fromkeys(of_factors + others))
    strongest = long.groupby("feature", sort=False).agg(
        group=("group", "first"), strength=("mean_abs", "max")
    )
    order = strongest.assign(rank=strongest["group"].map(groups.index)).sort_values(
        ["rank", "strength"], ascending=[True, False], kind="stable"
    )
    return list(order.index)


def correlation_size(long: pd.DataFrame) -> tuple[float, float]:
    """Return width and height in inches that leave room for every number."""
    panels = _panels(long)
    columns = sum(_widths(panels))
    return 0.27 * columns + 2, len(panels) * (0.165 * long["feature"].nunique() + 0.9)


def draw_correlations(canvas: Figure, long: pd.DataFrame, factors: Sequence[Factor]) -> None:
    """Draw the mean |r| over models: a row of panels per recipe, in it a panel per stage.

    Red or blue where models share a sign, grey where they do not or where there is none, as of a
    direction. Bold where most models are significant; framed where the group of features holds
    counterparts of the factor that the dimension is named after.

    Parameters
    ----------
    canvas : Figure
        Empty.
    long : pandas.DataFrame
        Rows of one target, input and score of the long correlation table.
    factors : sequence of Factor
        Those of the sources.
    """
    features = in_groups(long, factors)
    groups = list(long.drop_duplicates("feature").set_index("feature")["group"][features])
    rows = _panels(long)
    widths = _widths(rows)
    panels = canvas.subplots(
        len(rows), len(widths), sharey=True, squeeze=False, width_ratios=widths
    )
    drawn = []
    for line, axes_of_line in zip(rows, panels, strict=True):
        for axes in axes_of_line[len(line) :]:
            axes.remove()
        for (title, of_panel), axes in zip(line.items(), axes_of_line, strict=False):
            dimensions = _draw_panel(axes, of_panel, features)
            drawn.append(axes)
            axes.set_title(title)
            _show_groups(axes, groups, dimensions, groups_of(factors))
    for colours, lowest, label in (
        (UNSIGNED, 0, "mean |r| without a common sign"),  # the last one comes next to the panels
        (SIGNED, -1, "mean |r| with the common sign"),
    ):
        shown = ScalarMappable(Normalize(lowest, 1), colours)
        bar = canvas.colorbar(shown, ax=drawn, shrink=0.5 / len(rows), aspect=30, pad=0.02)
        bar.set_ticks([lowest, (lowest + 1) / 2, 1])
        bar.set_label(label, fontsize=6)
        bar.ax.tick_params(labelsize=6)


def _panels(long: pd.DataFrame) -> list[dict[str, pd.DataFrame]]:
    """Return the lines of each panel by title: a row per recipe, and one for what has none."""
    rows = []
    for _, of_recipe in long.assign(kind=kinds_of(long)).groupby("recipe", sort=False):
        row = {}
        for stage, title in _TITLES.items():
            of_stage = of_recipe[of_recipe["stage"] == stage]
            for kind, lines in of_stage.groupby("kind", sort=False):
                row[", ".join(filter(None, (title, kind)))] = lines
        rows.append(row)
    return rows


def _widths(rows: Sequence[Mapping[str, pd.DataFrame]]) -> list[int]:
    """Return the dimensions of the widest panel in each column."""
    counts = [[lines["dimension"].nunique() for lines in row.values()] for row in rows]
    most = max(len(row) for row in counts)
    return [max(row[k] for row in counts if len(row) > k) for k in range(most)]


def _draw_panel(axes: Axes, lines: pd.DataFrame, features: list[str]) -> list[str]:
    """Draw one heat map, and return the names of its dimensions."""
    dimensions = list(dict.fromkeys(lines["dimension"]))
    strength, sign, significant = (
        lines.assign(sign=common_sign)
        .pivot(index="feature", columns="dimension", values=value)
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
    return dimensions


def _show_groups(
    axes: Axes, groups: list[str], dimensions: list[str], own: Mapping[str, set[str]]
) -> None:
    """Part the groups of features, and frame those of the factor that a dimension is named for."""
    for group in dict.fromkeys(groups):
        first, count = groups.index(group), groups.count(group)
        if first:
            axes.axhline(first - 0.5, color="black", lw=0.6)
        for place, name in enumerate(dimensions):
            if group in own.get(name, ()):
                corner = place - 0.5, first - 0.5
                axes.add_patch(Rectangle(corner, 1, count, fill=False, lw=1.2, clip_on=False))
