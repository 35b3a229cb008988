"""Screens in pictures: dose and response by compound, mechanisms that are taken for each other."""

from __future__ import annotations

from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fovscope.figures.given import Given
from fovscope.figures.heatmap import draw_heatmap
from fovscope.figures.style import PAGE, PALETTE, Drawing, shown_name
from fovscope.registry import figure
from fovscope.tables.profiles import CONFUSION
from fovscope.verdict import MEASURED

_PER_ROW = 4
_SHOWN = 3
"""Confusions that are drawn: those of the best profiles."""


@figure(
    "dose_response",
    scope="input",
    of="profiled",
    needs=("table:effects",),
    section="Profiles",
    order=30,
    caption="Dose and response of each compound: mean difference of its wells from the controls of "
    "their plates, in SD of the controls (band: 95 % interval), of the dimensions that bear a "
    "name; dashed where the name does not hold on this target. First recipe, last stage; without a "
    "named dimension measured properties.",
)
def dose_response(given: Given) -> Drawing:
    """Draw what each compound does to named dimensions, by concentration.

    Parameters
    ----------
    given : Given
        The long table ``effects``.
    """
    lines = given.lines("effects")
    if lines.empty:
        long = given.tables["effects"]
        of_target = long["target"] == given.place["dataset"]
        lines = long[of_target & (long["verdict"] == MEASURED)]
    else:
        first, last = lines.iloc[0], lines.iloc[-1]
        lines = lines[lines["recipe"] == first["recipe"]]
        stage = last["stage"] if (lines["stage"] == last["stage"]).any() else first["stage"]
        lines = lines[lines["stage"] == stage]
    compounds = max(1, lines["compound"].nunique())
    height = 0.6 + 1.5 * ceil(compounds / _PER_ROW)
    return Drawing(PAGE, height, lambda canvas: draw_responses(canvas, lines))


def draw_responses(canvas: Figure, lines: pd.DataFrame) -> None:
    """Draw a panel per compound, a line per named dimension."""
    if lines.empty:
        canvas.subplots().text(0.5, 0.5, "no dimension is named", ha="center")
        return
    compounds = list(lines.groupby("compound", sort=False))
    rows = ceil(len(compounds) / _PER_ROW)
    panels = canvas.subplots(rows, _PER_ROW, sharex=True, sharey=True, squeeze=False).ravel()
    names = lines[["factor", "part"]].drop_duplicates().to_numpy().tolist()
    colours = {tuple(name): PALETTE[k % len(PALETTE)] for k, name in enumerate(names)}
    handles = {}
    for axes, (compound, of_compound) in zip(panels, compounds, strict=False):
        for name, of_name in of_compound.groupby(["factor", "part"], sort=False):
            of_name = of_name.sort_values("concentration")
            doses = of_name["concentration"].fillna(1).to_numpy(float)
            holds = (of_name["verdict"] != "does not hold").all()
            look = {"color": colours[name], "ls": "-" if holds else "--"}
            (line,) = axes.plot(doses, of_name["mean"], marker="o", ms=2, lw=1, **look)
            low, high = of_name["low"].to_numpy(float), of_name["high"].to_numpy(float)
            axes.fill_between(doses, low, high, color=colours[name], alpha=0.2, lw=0)
            factor, part = name
            handles.setdefault(shown_name(f"{factor} ({part})" if part else factor), line)
        axes.axhline(0, color="0.6", lw=0.5)
        moa = of_compound["moa"].iloc[0]
        axes.set_title(shown_name(f"{compound}, {moa}" if moa else compound), fontsize=6)
        axes.tick_params(labelsize=5)
    _share_doses(panels[0], lines["concentration"])
    for axes in panels[len(compounds) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(compounds) - _PER_ROW) : len(compounds)]:  # none below them
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("concentration", fontsize=5)
    canvas.supylabel("effect, SD of controls", fontsize=6)
    canvas.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)


def _share_doses(axes: Axes, doses: pd.Series) -> None:
    """Mark the concentrations of the screen on the axis that all panels share."""
    ticks = sorted(doses.dropna().unique())
    if ticks and ticks[0] > 0:
        axes.set_xscale("log")
    # Written out: the labels of a logarithmic axis would be mathematics.
    axes.set_xticks(ticks, [f"{dose:g}" for dose in ticks])
    axes.minorticks_off()


@figure(
    "mechanisms",
    scope="dataset",
    of="profiled",
    needs=("table:profiles",),
    section="Profiles",
    order=40,
    caption="Mechanisms of action of treatments (rows) and of their nearest neighbours of another "
    "compound (columns), shares of the treatments of a mechanism, of the profiles with the best "
    "NSC.",
)
def mechanisms(given: Given) -> Drawing:
    """Draw the confusion of mechanisms of the best profiles.

    Parameters
    ----------
    given : Given
        The long table ``profiles``.
    """
    long = given.tables["profiles"]
    chosen = best(long[long["target"] == given.place["dataset"]])
    count = max(1, len(chosen))
    return Drawing(PAGE, 0.4 + PAGE / _SHOWN, lambda canvas: draw_confusions(canvas, chosen, count))


def best(long: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return titles and confusions of the profiles of the best NSC, the best one first.

    Of each representation the best stage and normalisation is taken.
    """
    keys = ["input", "recipe", "stage", "representation", "normalisation"]
    shown = long[long["score"] == CONFUSION]
    nsc = long[(long["score"] == "nsc") & (long["stage"] != "published")]
    ranked = nsc.dropna(subset=["mean"]).sort_values("mean", ascending=False, kind="stable")
    ranked = ranked.drop_duplicates(["input", "recipe", "representation"])
    found = []
    for line in ranked.head(_SHOWN).to_dict("records"):
        of_line = shown[(shown[keys] == pd.Series({key: line[key] for key in keys})).all(axis=1)]
        parts = [line[key] for key in ("recipe", "representation", "normalisation") if line[key]]
        found.append((f"{', '.join(parts)}: {100 * line['mean']:.0f} %", of_line))
    return found


def draw_confusions(canvas: Figure, chosen: list[tuple[str, pd.DataFrame]], count: int) -> None:
    """Draw a heat map for each confusion."""
    panels = canvas.subplots(1, count, squeeze=False)[0]
    if not chosen:
        panels[0].text(0.5, 0.5, "no treatment has a mechanism of action", ha="center")
        return
    for axes, (title, table) in zip(panels, chosen, strict=True):
        moas = sorted({*table["moa"], *table["neighbour_moa"]})
        wide = table.pivot(index="moa", columns="neighbour_moa", values="mean")
        shares = np.nan_to_num(wide.reindex(index=moas, columns=moas).to_numpy(float))
        names = [shown_name(moa) for moa in moas]
        draw_heatmap(axes, shares, names, names, signed=False)
        axes.set_title(shown_name(title), fontsize=6)
