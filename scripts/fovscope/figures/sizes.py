"""How scores move with the number of rows, between their floor and their ceiling."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from fovscope.evaluation.by_size import SHOWN, scores_by_size
from fovscope.figures.given import Given
from fovscope.figures.style import PAGE, PALETTE, Drawing
from fovscope.registry import figure


@figure(
    "sizes",
    scope="model",
    of="sources",
    needs=("representation",),
    facts=("metrics",),
    section="Disentanglement",
    order=30,
    caption="How scores of the source model move with the number of rows that they are computed "
    "from, between the floor (the same codes with shuffled rows) and the ceiling (a perfect code "
    "on these rows): compare models at the same number only.",
)
def sizes(given: Given) -> Drawing:
    """How the scores of a source model move with the number of rows.

    Parameters
    ----------
    given : Given
        Image table and representation; options of the metrics.
    """
    scores = scores_by_size(given.image_table, given.info, given.values, **given.options["metrics"])
    return Drawing(PAGE, 2.2, lambda canvas: draw_by_size(canvas, scores, SHOWN))


def draw_by_size(canvas: Figure, scores: pd.DataFrame, shown: Mapping[str, str]) -> None:
    """Draw one panel per score.

    Parameters
    ----------
    canvas : Figure
        Empty.
    scores : pandas.DataFrame
        ``rows, score, value, floor, ceiling``.
    shown : mapping of str to str
        Scores to draw and their titles.
    """
    panels = canvas.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (name, title) in zip(panels, shown.items(), strict=True):
        of_score = scores[scores["score"] == name]
        for kind, look in (
            ("ceiling", {"color": "0.5", "ls": ":", "marker": "_"}),
            ("value", {"color": PALETTE[0], "marker": "o", "ms": 3}),
            ("floor", {"color": "0.5", "ls": "--", "marker": "_"}),
        ):
            label = "model" if kind == "value" else kind
            axes.plot(of_score["rows"], of_score[kind], lw=1, label=label, **look)
        axes.set(title=title, xscale="log", xlabel="rows", ylim=(-0.02, 1.02))
        sizes = sorted(scores["rows"].unique())  # the same in each panel, whatever it could use
        axes.set_xlim(0.9 * sizes[0], 1.1 * sizes[-1])
        ticks = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]})
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.minorticks_off()
    canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
