"""Why a class that no model has seen could be told apart: distance in each dimension."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fovscope.figures.given import Given, kinds_of
from fovscope.figures.style import PAGE, PALETTE, Drawing, shown_name
from fovscope.registry import figure

MEMBER = np.sqrt(2 / np.pi)
"""Mean distance of a member of a class from its centroid, in SDs of a normal distribution."""

_KEYS = ["kind", "held_out", "mistaken_for"]


@figure(
    "open_set",
    scope="input",
    of="open_set",
    needs=("table:open_set",),
    section="Open set",
    order=20,
    caption="Distance of held-out images from the centroid of the class they are mistaken for, in "
    "units of its spread; members of the class lie at the dashed line.",
)
def open_set(given: Given) -> Drawing:
    """In which dimensions held-out classes differ from those that they are mistaken for.

    Parameters
    ----------
    given : Given
        The long table ``open_set``.
    """
    chosen = mistakes(given.lines("open_set"))
    return Drawing(*open_set_size(chosen), lambda canvas: draw_open_set(canvas, chosen))


def mistakes(long: pd.DataFrame) -> pd.DataFrame:
    """Return the distances of each held-out class from the class it is mostly mistaken for.

    Parameters
    ----------
    long : pandas.DataFrame
        Long table of `fovscope.tables.open_set`, rows of one target and input.

    Returns
    -------
    pandas.DataFrame
        ``kind`` (recipe and representation, where there are several), ``held_out, mistaken_for,
        share, dimension, mean, sd``, as the first probe of the table has it.
    """
    first = next(probe for probe in long["probe"] if probe)
    rows = long.assign(kind=kinds_of(long))[long["probe"] == first]
    shares = rows[rows["score"] == "share"].sort_values("mean", kind="stable")
    most = shares.groupby(_KEYS[:-1], sort=False).tail(1).rename(columns={"mean": "share"})
    distances = rows[rows["score"] == "distance"]
    columns = [*_KEYS, "dimension", "mean", "sd"]
    return distances[columns].merge(most[[*_KEYS, "share"]], on=_KEYS)


def open_set_size(chosen: pd.DataFrame) -> tuple[float, float]:
    """Return width and height in inches: a panel for each held-out class."""
    return PAGE, 1.1 * chosen.groupby(_KEYS[:-1]).ngroups + 0.4


def draw_open_set(canvas: Figure, chosen: pd.DataFrame) -> None:
    """Draw a panel for each held-out class, a bar per dimension; the line is where members lie."""
    groups = chosen.groupby(_KEYS[:-1], sort=False)
    # Recipes bind dimensions to factors of their own, so that bars of one name are one below
    # the other only where there is one recipe.
    panels = canvas.subplots(groups.ngroups, 1, sharex=chosen["kind"].nunique() < 2, squeeze=False)[
        :, 0
    ]
    for axes, ((kind, name), rows) in zip(panels, groups, strict=True):
        first = rows.iloc[0]
        axes.bar(rows["dimension"], rows["mean"], yerr=rows["sd"].fillna(0), color=PALETTE[4])
        axes.axhline(MEMBER, color="0.4", lw=0.8, ls="--")
        axes.set_ylabel("distance in SD", fontsize=6)
        names = [shown_name(label) for label in (name, first.mistaken_for)]
        title = f"{names[0]}, taken for {names[1]} ({100 * first.share:.0f} %)"
        axes.set_title(f"{kind}: {title}" if kind else title)
        axes.tick_params(labelsize=6)
