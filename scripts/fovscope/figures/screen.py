"""Wells of a screen in pictures: each where it stands on its plate, treatments among their like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from fovscope.dimensions import factor_of
from fovscope.figures.given import Given
from fovscope.figures.style import PAGE, Drawing, class_styles, shown_name
from fovscope.profiles.export import read_wells
from fovscope.profiles.normalisation import normalise
from fovscope.profiles.similarity import distances
from fovscope.profiles.wells import Profiles, pool_treatments
from fovscope.registry import figure

_PLATES, _PER_ROW = 12, 4
"""Plates that are drawn, and how many side by side."""

_POSITION = re.compile(r"([A-Z]{1,2})0*([1-9][0-9]*)")
_COLUMNS = 12
"""Columns of a plate whose wells have names that are no positions."""

_UNKNOWN = "no mechanism"
_EXACT = 1000
"""Treatments up to which t-SNE sums all forces one by one."""


@figure(
    "plates",
    scope="model",
    of="profiled",
    needs=("wells",),
    section="Profiles",
    order=50,
    caption="Wells where they stand on their plates (the first twelve plates): the number of "
    "cells, if it differs, and the mean of the first dimension that bears a name (of the first "
    "one, if none does), not normalised. Controls have a dot. Rows, columns and borders that stand "
    "out are of the plate, not of compounds.",
)
def plates(given: Given) -> Drawing:
    """Draw the wells of each plate by number of cells and by a dimension.

    Parameters
    ----------
    given : Given
        Wells of a model's codes.
    """
    wells, names = read_wells(given.wells)
    shown = next((k for k, name in enumerate(names) if factor_of(name)), 0)
    cells = wells.about["cells"]
    quantities = {"cells": cells} if cells.nunique() > 1 else {}
    quantities[names[shown]] = pd.Series(wells.values[:, shown])
    kept = list(wells.about["plate"].drop_duplicates())[:_PLATES]
    rows, columns = positions(wells.about)
    panel = 0.9 * PAGE / _PER_ROW * (rows.max() + 1) / (columns.max() + 1)
    height = len(quantities) * (0.3 + (0.25 + panel) * ceil(len(kept) / _PER_ROW))
    return Drawing(PAGE, height, lambda canvas: draw_plates(canvas, wells.about, quantities, kept))


def draw_plates(
    canvas: Figure, about: pd.DataFrame, quantities: Mapping[str, pd.Series], kept: list[str]
) -> None:
    """Draw a block for each quantity, a panel for each plate, in colours that the block shares."""
    rows, columns = positions(about)
    parts = canvas.subfigures(len(quantities), 1, squeeze=False)[:, 0]
    for part, (title, quantity) in zip(parts, quantities.items(), strict=True):
        panels = part.subplots(ceil(len(kept) / _PER_ROW), _PER_ROW, squeeze=False).ravel()
        of_kept = quantity[about["plate"].isin(kept)]
        low, high = of_kept.min(), of_kept.max()
        norm = Normalize(low, high) if low < high else Normalize(low - 0.5, high + 0.5)
        for axes, plate in zip(panels, kept, strict=False):
            grid = np.full((rows.max() + 1, columns.max() + 1), np.nan)
            here = (about["plate"] == plate).to_numpy()
            grid[rows[here], columns[here]] = quantity[here]
            drawn = axes.imshow(grid, cmap="viridis", norm=norm)
            controls = here & about["control"].to_numpy()
            look = {"ms": 2, "color": "white", "mec": "0.3", "mew": 0.3}
            axes.plot(columns[controls], rows[controls], ".", **look)
            axes.set_title(shown_name(plate), fontsize=6)
        for axes in panels:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        bar = part.colorbar(drawn, ax=panels.tolist())
        bar.set_label(shown_name(title), fontsize=6)
        bar.ax.tick_params(labelsize=5)


def positions(about: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return row and column of each well on its plate, from 0.

    ``A01`` is row 0, column 0; ``AA`` is the row after ``Z``. Where any name is no such position,
    the wells of each plate are laid in rows of twelve, in their order.

    Parameters
    ----------
    about : DataFrame
        ``plate, well`` of W wells.
    """
    found = [_POSITION.fullmatch(str(name)) for name in about["well"]]
    if not all(found):
        return np.divmod(about.groupby("plate").cumcount().to_numpy(), _COLUMNS)
    return (
        np.array([_row(match[1]) for match in found]),
        np.array([int(match[2]) - 1 for match in found]),
    )


def _row(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


@figure(
    "treatments",
    scope="model",
    of="profiled",
    needs=("wells",),
    facts=("profiles",),
    section="Profiles",
    order=60,
    caption="Treatments by t-SNE of the cosine distances between their profiles, by normalisation: "
    "near ones are alike, distances between groups mean little. Colour: mechanism of action; "
    "treatments without one are grey. All dimensions of the codes; first recipe, last stage.",
)
def treatments(given: Given) -> Drawing:
    """Draw treatments where their nearest neighbours are near, for each normalisation.

    Parameters
    ----------
    given : Given
        Wells of a model's codes, and the section `profiles` of the target.
    """
    wells, _ = read_wells(given.wells)
    options = given.options["profiles"]
    normalised = {
        how: pool_treatments(normalise(wells, how, regularisation=options["regularisation"]))
        for how in options["normalisations"]
    }
    height = 0.8 + PAGE / len(normalised)
    return Drawing(PAGE, height, lambda canvas: draw_treatments(canvas, normalised))


def draw_treatments(canvas: Figure, normalised: Mapping[str, Profiles]) -> None:
    """Draw a panel for each normalisation."""
    panels = canvas.subplots(1, len(normalised), squeeze=False)[0]
    handles = {}
    for axes, (how, profiles) in zip(panels, normalised.items(), strict=True):
        places = embedded(profiles.values)
        moas = profiles.about["moa"].fillna(_UNKNOWN).to_numpy()
        known = sorted(set(moas) - {_UNKNOWN})
        styles = class_styles(known) | {_UNKNOWN: {"color": "0.7", "marker": "."}}
        for moa in [*known, _UNKNOWN]:
            x, y = places[moas == moa].T
            if len(x):
                points = axes.scatter(x, y, s=12, linewidths=0, **styles[moa])
                handles.setdefault(shown_name(moa), points)
        axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
        axes.spines[:].set(visible=True, color="0.8")
        axes.set_title(how)
    canvas.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)


def embedded(values: NDArray) -> NDArray[np.float64]:
    """Return a place in the plane for each profile, by t-SNE (van der Maaten and Hinton 2008).

    Parameters
    ----------
    values : ndarray, shape (T, D)
        Profiles; distances are those of `fovscope.profiles.similarity`.

    Returns
    -------
    ndarray, shape (T, 2)
        Scale and direction mean nothing. Fewer than four profiles have no neighbourhoods: they
        stand in a row.
    """
    count = len(values)
    if count < 4:
        return np.stack([np.arange(count, dtype=float), np.zeros(count)], axis=1)
    tsne = TSNE(
        metric="precomputed",
        init="random",
        perplexity=min(30.0, (count - 1) / 3),
        method="exact" if count <= _EXACT else "barnes_hut",
        random_state=0,
    )
    return tsne.fit_transform(distances(values)).astype(np.float64)
