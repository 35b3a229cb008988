"""Annotated heat maps: correlations, mutual information, movement along traversals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

_DARK = 0.6
"""Share of the colour range beyond which text is white."""


def draw_heatmap(
    axes: Axes,
    values: NDArray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    signed: bool,
    limit: float = 1.0,
    strong: NDArray[np.bool_] | None = None,
) -> None:
    """Draw a matrix with its numbers.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    values : ndarray, shape (R, C)
        NaN is left blank.
    rows, columns : sequence of str
        Names.
    signed : bool
        Whether values go from -`limit` to `limit`, not from 0.
    limit : float
        Value of the strongest colour.
    strong : ndarray of bool, shape (R, C), optional
        Numbers to print in bold, such as significant ones.
    """
    axes.imshow(
        values,
        cmap="RdBu_r" if signed else "Blues",
        vmin=-limit if signed else 0,
        vmax=limit,
        aspect="auto",
    )
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, labelsize=6)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(
                *(column, row, f"{value:.2f}".replace("0.", ".", 1)),
                ha="center",
                va="center",
                fontsize=5,
                fontweight="bold" if strong is not None and strong[row, column] else "normal",
                color="white" if abs(value) > _DARK * limit else "black",
            )
