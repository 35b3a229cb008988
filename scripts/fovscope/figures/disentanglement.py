"""Disentanglement before and after transfer, between floor and ceiling."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fovscope.figures.given import Given, kinds_of
from fovscope.figures.style import PAGE, PALETTE, Drawing
from fovscope.registry import figure

SHOWN = {
    "mig": "MIG",
    "dci_disentanglement": "DCI D",
    "dci_completeness": "DCI C",
    "dci_informativeness": "DCI I",
    "infom": "InfoM",
    "omes": "OMES",
}
"""Scores that are drawn, where the study has them."""

_BEFORE_AFTER = {"source": "before", "transferred": "before", "finetuned": "after"}
_MODELS = ["measured_on", "factors", "input", "recipe", "representation"]
_MARKS = {
    "before": ("before fine-tuning", "o", 0.15, PALETTE[0]),
    "after": ("after fine-tuning", "D", -0.15, PALETTE[5]),
    "untuned": ("without fine-tuning", "o", 0.0, PALETTE[0]),
}
"""Label, marker, place beside the line and colour."""


@figure(
    "disentanglement",
    scope="study",
    of="datasets",
    needs=("table:disentanglement",),
    section="Disentanglement",
    order=20,
    caption="Disentanglement before and after fine-tuning, or of models that go without, mean and "
    "SD over models; the grey bar goes from the floor (the same codes with shuffled rows) to the "
    "ceiling (a perfect code on the same rows). A star marks lines where binned handcrafted "
    "features stand in for factors that nobody knows.",
)
def disentanglement(given: Given) -> Drawing:
    """Disentanglement before and after fine-tuning, between floor and ceiling.

    Parameters
    ----------
    given : Given
        The long table ``disentanglement``.
    """
    long = given.tables["disentanglement"]
    present = set(long["score"])
    shown = {score: title for score, title in SHOWN.items() if score in present} or SHOWN
    size = before_after_size(long, shown)
    return Drawing(*size, lambda canvas: draw_before_after(canvas, long, shown))


def draw_before_after(canvas: Figure, long: pd.DataFrame, shown: Mapping[str, str]) -> None:
    """Draw a panel per score and a line for each (measured on, tuned on, input, recipe).

    Parameters
    ----------
    canvas : Figure
        Empty.
    long : pandas.DataFrame
        Long table of `fovscope.tables.disentanglement`: ``measured_on, factors, tuned_on, input,
        recipe, representation, stage, score, mean, sd, floor, ceiling``.
    shown : mapping of str to str
        Scores to draw and their titles.
    """
    long = long[long["score"].isin(shown)]
    lines = _lines(long)
    panels = canvas.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (score, title) in zip(panels, shown.items(), strict=True):
        for place, line in enumerate(lines.itertuples(index=False)):
            rows = _rows_of(long, line, score)
            if len(rows):
                _draw_line(axes, -place, rows, tuned=bool(line.tuned_on))
        axes.set(title=title, xlim=(-0.02, 1.02))
    panels[0].set_yticks(
        [-place for place in range(len(lines))],
        [_name(line) for line in lines.itertuples()],
        fontsize=6,
    )
    handles, labels = panels[0].get_legend_handles_labels()
    each = dict(zip(labels, handles, strict=True))
    canvas.legend(each.values(), each.keys(), loc="outside lower center", ncols=4)


def before_after_size(long: pd.DataFrame, shown: Mapping[str, str]) -> tuple[float, float]:
    """Return width and height in inches that `draw_before_after` needs."""
    return PAGE, 0.4 * len(_lines(long[long["score"].isin(shown)])) + 0.9


def _lines(long: pd.DataFrame) -> pd.DataFrame:
    """Return models by what they were tuned on, which is empty for those that never are."""
    models = long[long["stage"].isin(_BEFORE_AFTER)]
    tuned = models["stage"] == "finetuned"
    ever_tuned = tuned.groupby([models[column] for column in _MODELS]).transform("any")
    models = models.assign(tuned_on=models["tuned_on"].where(tuned, ""))[tuned | ~ever_tuned]
    return models.assign(kind=kinds_of(models))[[*_MODELS, "tuned_on", "kind"]].drop_duplicates()


def _name(line: tuple) -> str:
    """Return what a line is about; measured features stand in for factors that are not known."""
    stand_in = " *" if line.factors == "stand-in" else ""
    kind = f", {line.kind}" if line.kind else ""
    tuned_on = f"\n→ {line.tuned_on}" if line.tuned_on else ""
    return f"{line.measured_on}{stand_in}, {line.input}{kind}{tuned_on}"


def _rows_of(long: pd.DataFrame, line: tuple, score: str) -> pd.DataFrame:
    """Return before and after of one line; before there was no target to tune on."""
    same = (long["score"] == score) & (long["measured_on"] == line.measured_on)
    for column in ("input", "factors", "recipe", "representation"):
        same &= long[column] == getattr(line, column)
    same &= long["stage"].isin(_BEFORE_AFTER)
    same &= (long["stage"] != "finetuned") | (long["tuned_on"] == line.tuned_on)
    return long[same]


def _draw_line(axes: Axes, place: int, rows: pd.DataFrame, *, tuned: bool) -> None:
    floor, ceiling = rows.iloc[0][["floor", "ceiling"]]
    bar = {"color": "0.85", "lw": 5, "solid_capstyle": "butt", "zorder": 0}
    axes.plot([floor, ceiling], [place, place], label="floor to ceiling", **bar)
    for row in rows.itertuples():
        moment = _BEFORE_AFTER[row.stage] if tuned else "untuned"
        label, marker, beside, colour = _MARKS[moment]
        axes.errorbar(
            *(row.mean, place + beside),
            xerr=None if pd.isna(row.sd) else row.sd,
            fmt=marker,
            ms=4,
            color=colour,
            label=label,
        )
