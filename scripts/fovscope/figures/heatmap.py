"""Annotated heat maps: correlations, mutual information, movement along traversals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

SIGNED, UNSIGNED = "RdBu_r", "Greys"
"""Colours that can be told apart with any colour vision, of values with and without a sign."""

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
    unsigned: NDArray[np.bool_] | None = None,
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
    unsigned : ndarray of bool, shape (R, C), optional
        Of signed values those that are sizes only: in shades of grey.
    """
    lowest = -limit if signed else 0
    colours = SIGNED if signed else "Blues"
    axes.imshow(values, cmap=colours, vmin=lowest, vmax=limit, aspect="auto")
    if unsigned is not None:
        sizes = np.ma.masked_where(~unsigned, values)
        axes.imshow(sizes, cmap=UNSIGNED, vmin=0, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, labelsize=6)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            number = axes.text(
                *(column, row, _short(value)),
                ha="center",
                va="center",
                fontsize=5,
                fontweight="bold" if strong is not None and strong[row, column] else "normal",
                color="white" if abs(value) > _DARK * limit else "black",
            )
            number.set_in_layout(False)  # it lies within the axes, and there are thousands


def _short(value: float) -> str:
    """Return two decimals without the zero before them; nothing is less than zero by rounding."""
    return f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1)
