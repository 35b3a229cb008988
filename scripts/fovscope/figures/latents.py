"""Where the classes of a target lie in the latent space: scatter, pairs, distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.feature_selection import f_classif

from fovscope.figures.style import class_styles


def most_separating(codes: NDArray, labels: NDArray, count: int) -> list[int]:
    """Return the dimensions (of codes (N, d)) whose class means differ most, best first.

    Measured by the F statistic of a one-way analysis of variance; dimensions that do not
    vary come last.
    """
    varying = np.flatnonzero(np.ptp(codes, axis=0) > 0)
    statistic = np.full(codes.shape[1], -np.inf)
    statistic[varying] = f_classif(codes[:, varying].astype(np.float64), labels)[0]
    return [int(k) for k in np.argsort(-statistic, kind="stable")[:count]]


def draw_scatter(
    canvas: Figure, codes: NDArray, labels: NDArray, names: Sequence[str], pair: tuple[int, int]
) -> None:
    """Draw two dimensions of codes (N, d) against each other, a colour a class."""
    axes = canvas.subplots()
    _scatter(axes, codes, labels, pair, size=8)
    axes.set(xlabel=names[pair[0]], ylabel=names[pair[1]])
    canvas.legend(loc="outside right center", fontsize=6, markerscale=1.5, handletextpad=0.2)


def draw_pairs(
    canvas: Figure, codes: NDArray, labels: NDArray, names: Sequence[str], chosen: Sequence[int]
) -> None:
    """Draw every pair of the chosen dimensions; their distribution by class on the diagonal."""
    grid = canvas.subplots(len(chosen), len(chosen), squeeze=False, sharex="col")
    styles = class_styles(sorted(set(labels)))
    for row, axes_of_row in enumerate(grid):
        for column, axes in enumerate(axes_of_row):
            if row == column:
                for name, style in styles.items():
                    values = codes[labels == name, chosen[row]]
                    axes.hist(values, bins=20, histtype="step", color=style["color"], lw=0.8)
                axes.set_yticks([])
            else:
                _scatter(axes, codes, labels, (chosen[column], chosen[row]), size=2)
            axes.tick_params(labelsize=6)
        axes_of_row[0].set_ylabel(names[chosen[row]])
    for axes, k in zip(grid[-1], chosen, strict=True):
        axes.set_xlabel(names[k])
    handles, shown = grid[1][0].get_legend_handles_labels()
    canvas.legend(handles, shown, loc="outside right center", fontsize=6, markerscale=3)


def draw_distributions(
    canvas: Figure, codes: NDArray, labels: NDArray, names: Sequence[str]
) -> None:
    """Draw the values of each dimension by class: median, quartiles, 5th to 95th percentile."""
    classes = sorted(set(labels))
    panels = canvas.subplots(1, codes.shape[1], sharey=True, squeeze=False)[0]
    places = np.arange(len(classes), 0, -1)
    for k, axes in enumerate(panels):
        by_class = [codes[labels == name, k] for name in classes]
        axes.boxplot(
            by_class,
            positions=places,
            orientation="horizontal",
            whis=(5, 95),
            showfliers=False,
            widths=0.6,
            medianprops={"color": "#D55E00"},
            boxprops={"lw": 0.6},
            whiskerprops={"lw": 0.6},
            capprops={"lw": 0.6},
        )
        axes.set_title(names[k].replace(" ", "\n"))
        axes.tick_params(labelsize=6)
        axes.tick_params(axis="x", labelsize=5)
        # With a step of 4, else the axis takes 2 where 5 leaves fewer than two numbers.
        axes.locator_params(axis="x", nbins=2, steps=[1, 2, 4, 5, 10], integer=True)
        axes.axvline(np.median(codes[:, k]), color="0.8", lw=0.6, zorder=0)
    panels[0].set_yticks(places, classes)


def _scatter(
    axes: Axes, codes: NDArray, labels: NDArray, pair: tuple[int, int], *, size: float
) -> None:
    for name, style in class_styles(sorted(set(labels))).items():
        chosen = codes[labels == name]
        axes.scatter(
            *chosen[:, pair].T, s=size, alpha=0.6, lw=0, label=name, rasterized=True, **style
        )
