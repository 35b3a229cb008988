"""Where the classes of a target lie in the latent space: scatter, pairs, distributions.

Without classes, all images are one group, and the dimensions that vary most are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fovscope.figures.given import Given
from fovscope.figures.style import COLUMN, PAGE, Drawing, class_styles, shown_name
from fovscope.registry import figure

UNKNOWN = "no class"
"""The group of images whose class is not known."""

_PAIRED = 4
"""Dimensions of which all pairs are drawn."""


@figure(
    "scatter",
    scope="model",
    of="targets",
    needs=("representation",),
    section="Which dimensions tell the classes apart",
    order=20,
    caption="The two dimensions whose class means differ most.",
)
def scatter(given: Given) -> Drawing:
    """Two dimensions of a representation against each other, by class.

    Parameters
    ----------
    given : Given
        Image table, representation, names of the dimensions.
    """
    codes, labels, names = given.values, class_labels(given.image_table), given.dimensions
    pair = most_separating(codes, labels, 2)
    return Drawing(
        COLUMN + 1.2,
        COLUMN,
        lambda canvas: draw_scatter(canvas, codes, labels, names, (pair[0], pair[-1])),
    )


@figure(
    "classes",
    scope="model",
    of="targets",
    needs=("representation",),
    section="Which dimensions tell the classes apart",
    order=30,
    caption="Values of each dimension by class: median, quartiles, 5th to 95th percentile.",
)
def classes(given: Given) -> Drawing:
    """Values of each dimension by class.

    Parameters
    ----------
    given : Given
        Image table, representation, names of the dimensions.
    """
    codes, labels, names = given.values, class_labels(given.image_table), given.dimensions
    height = 0.18 * len(set(labels)) + 0.8
    return Drawing(PAGE, height, lambda canvas: draw_distributions(canvas, codes, labels, names))


@figure(
    "pairs",
    scope="model",
    of="targets",
    needs=("representation",),
    section="Which dimensions tell the classes apart",
    order=40,
    caption="Pairs of the four dimensions whose class means differ most; distributions by class "
    "on the diagonal.",
)
def pairs(given: Given) -> Drawing:
    """Pairs of the dimensions that separate the classes best.

    Parameters
    ----------
    given : Given
        Image table, representation, names of the dimensions.
    """
    codes, labels, names = given.values, class_labels(given.image_table), given.dimensions
    chosen = most_separating(codes, labels, _PAIRED)
    return Drawing(PAGE, PAGE - 1, lambda canvas: draw_pairs(canvas, codes, labels, names, chosen))


def class_labels(table: pd.DataFrame) -> NDArray[np.str_]:
    """Return the class of each image of an image table, `UNKNOWN` where there is none."""
    if "label" not in table:
        return np.full(len(table), UNKNOWN)
    return table["label"].fillna(UNKNOWN).to_numpy(str)


def most_separating(codes: NDArray, labels: NDArray, count: int) -> list[int]:
    """Return the dimensions whose class means differ most, best first.

    Parameters
    ----------
    codes : ndarray, shape (N, d)
        Codes.
    labels : ndarray of str, shape (N,)
        Classes.
    count : int
        How many dimensions to return, at most.

    Returns
    -------
    list of int
        By the F statistic of a one-way analysis of variance; by variance where there is one class
        only. Dimensions that do not vary come last.
    """
    varying = np.flatnonzero(np.ptp(codes, axis=0) > 0)
    statistic = np.full(codes.shape[1], -np.inf)
    shown = codes[:, varying].astype(np.float64)
    one_class = len(set(labels)) < 2
    statistic[varying] = shown.var(axis=0) if one_class else _by_classes(shown, labels)
    return [int(k) for k in np.argsort(-statistic, kind="stable")[:count]]


def _by_classes(values: NDArray[np.float64], labels: NDArray) -> NDArray[np.float64]:
    """Return how much larger than within classes the variance of each column (N, k) is in all.

    This grows with the F statistic. That of scikit-learn takes longer to import than to draw with.
    """
    values = values - values.mean(axis=0)
    classes = pd.DataFrame(values).groupby(labels)
    within = ((values - classes.transform("mean")) ** 2).sum().to_numpy()
    with np.errstate(divide="ignore"):
        return (values**2).sum(axis=0) / within


def draw_scatter(
    canvas: Figure, codes: NDArray, labels: NDArray, names: Sequence[str], pair: tuple[int, int]
) -> None:
    """Draw two dimensions of codes (N, d) against each other, a colour per class."""
    axes = canvas.subplots()
    marks = _scatter(axes, codes, labels, pair, size=8)
    axes.set(xlabel=names[pair[0]], ylabel=names[pair[1]])
    _add_legend(canvas, marks, markerscale=1.5, handletextpad=0.2)


def draw_pairs(
    canvas: Figure, codes: NDArray, labels: NDArray, names: Sequence[str], chosen: Sequence[int]
) -> None:
    """Draw every pair of the chosen dimensions; their distribution by class on the diagonal."""
    grid = canvas.subplots(len(chosen), len(chosen), squeeze=False, sharex="col")
    styles = class_styles(sorted(set(labels)))
    marks: dict[str, Artist] = {}
    for row, axes_of_row in enumerate(grid):
        for column, axes in enumerate(axes_of_row):
            if row == column:
                for name, style in styles.items():
                    values = codes[labels == name, chosen[row]]
                    axes.hist(values, bins=20, histtype="step", color=style["color"], lw=0.8)
                axes.set_yticks([])
            else:
                marks = _scatter(axes, codes, labels, (chosen[column], chosen[row]), size=2)
            axes.tick_params(labelsize=6)
        axes_of_row[0].set_ylabel(names[chosen[row]])
    for axes, k in zip(grid[-1], chosen, strict=True):
        axes.set_xlabel(names[k])
    _add_legend(canvas, marks, markerscale=3)


def draw_distributions(
    canvas: Figure, codes: NDArray, labels: NDArray, names: Sequence[str]
) -> None:
    """Draw the values of each dimension by class: median, quartiles, 5th to 95th percentile."""
    present = sorted(set(labels))
    panels = canvas.subplots(1, codes.shape[1], sharey=True, squeeze=False)[0]
    places = np.arange(len(present), 0, -1)
    for k, axes in enumerate(panels):
        by_class = [codes[labels == name, k] for name in present]
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
        axes.set_title(names[k].replace(" ", "\n"), fontsize=6)
        axes.tick_params(labelsize=6)
        axes.tick_params(axis="x", labelsize=5)
        # With a step of 4, else the axis takes 2 where 5 leaves fewer than two numbers.
        axes.locator_params(axis="x", nbins=2, steps=[1, 2, 4, 5, 10], integer=True)
        axes.axvline(np.median(codes[:, k]), color="0.8", lw=0.6, zorder=0)
    panels[0].set_yticks(places, [shown_name(name) for name in present])


def _scatter(
    axes: Axes, codes: NDArray, labels: NDArray, pair: tuple[int, int], *, size: float
) -> dict[str, Artist]:
    """Draw the points of each class, and return them by its name."""
    return {
        name: axes.scatter(
            *codes[labels == name][:, pair].T, s=size, alpha=0.6, lw=0, rasterized=True, **style
        )
        for name, style in class_styles(sorted(set(labels))).items()
    }


def _add_legend(canvas: Figure, marks: Mapping[str, Artist], **options: float) -> None:
    names = [shown_name(name) for name in marks]
    canvas.legend(marks.values(), names, loc="outside right center", fontsize=6, **options)
