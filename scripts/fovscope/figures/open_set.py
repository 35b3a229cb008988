"""Why a class that no model has seen could be told apart: distance in each dimension."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fovscope.figures.style import PAGE, PALETTE

MEMBER = np.sqrt(2 / np.pi)
"""Mean distance of a member of a class from its centroid, in SDs of a normal distribution."""


def mistakes(long: pd.DataFrame, probe: str = "gbt") -> pd.DataFrame:
    """Return the distances of each held-out class from the class it is mostly mistaken for.

    Parameters
    ----------
    long : pandas.DataFrame
        Long table of `fovscope.tables.open_set`, rows of one target and input.
    probe : str
        Whose mistakes count.

    Returns
    -------
    pandas.DataFrame
        ``held_out, mistaken_for, share, dimension, mean, sd``.
    """
    rows = long[long["probe"] == probe]
    shares = rows[rows["score"] == "share"].sort_values("mean", kind="stable")
    most = shares.groupby("held_out", sort=False).tail(1).rename(columns={"mean": "share"})
    distances = rows[rows["score"] == "distance"]
    keys = ["held_out", "mistaken_for"]
    return distances[[*keys, "dimension", "mean", "sd"]].merge(most[[*keys, "share"]], on=keys)


def open_set_size(chosen: pd.DataFrame) -> tuple[float, float]:
    """Return width and height in inches: a row a held-out class."""
    return PAGE, 1.1 * chosen["held_out"].nunique() + 0.4


def draw_open_set(canvas: Figure, chosen: pd.DataFrame) -> None:
    """Draw a panel a held-out class, a bar a dimension; the line is where members lie."""
    panels = canvas.subplots(chosen["held_out"].nunique(), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, rows) in zip(panels, chosen.groupby("held_out", sort=True), strict=True):
        first = rows.iloc[0]
        axes.bar(rows["dimension"], rows["mean"], yerr=rows["sd"].fillna(0), color=PALETTE[4])
        axes.axhline(MEMBER, color="0.4", lw=0.8, ls="--")
        axes.set_ylabel("distance in SD", fontsize=6)
        axes.set_title(f"{name}, taken for {first.mistaken_for} ({100 * first.share:.0f} %)")
        axes.tick_params(labelsize=6)
