"""What can be set on a real image, which of it a target allows, and between which limits.

Settings are absolute, so that one value means the same on every image, rendered or real. Limits
are quantiles of what was measured of the target's own training objects: beyond them an edited
image would look like nothing that the target holds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope import FovscopeError
from fovscope.factors import Factor
from fovscope.interpret.handcrafted import CANVAS
from fovscope.interventions.factors import FACTORS

QUANTILES = (0.05, 0.95)
"""Share of the training objects below the lower and below the upper limit."""

_ELONGATED = 1.2  # median elongation above which a direction can be seen
_COLOURFUL = 0.05  # median saturation below which a hue is noise
_DISTINCT = 0.8  # share of objects with a hue, below which a target counts as grey
_CIRCLE = 300.0  # degrees; an arc of hues wider than this is the whole circle
_COVERS = 0.6  # share of the canvas above which too little background is left to rebuild it
_ENOUGH = 30  # objects; with fewer that end inside the picture, those at its border are taken too
_LONGEST = 1.15  # length of an object over the major axis of its ellipse, at the most usually
_MARGIN = 2.0  # pixels of the canvas between the object and its border
_LEAST_RATIO = 1.15  # of the limits of a factor whose steps are ratios; less cannot be seen
_SEEN = 0.05, 0.95  # brightness of an object that is neither black nor white
_LEAST_ROOM = 0.02  # share of the canvas by which a position has to vary

_AT_BORDER = frozenset({"reaches the border", "touches all sides", "too large"})


def reasons_against(objects: pd.DataFrame) -> pd.Series:
    """Say of each object why it is not edited; empty text where nothing stands against it.

    Parameters
    ----------
    objects : DataFrame
        As `fovscope.interpret.objects.measure_objects` returned it.

    Returns
    -------
    Series of str
        In the order of the rows. What is counted in a message: ``reasons.value_counts()``.

    Notes
    -----
    Objects that reach the border of their picture are cut there, and a cut end would show.
    Where hardly any object ends inside its picture, or most that are whole fill it (tight crops),
    those that touch the border are taken all the same: most of them only touch it.
    """
    flags = objects["flag"].astype(str)
    measured = objects["equivalent_diameter"].notna()
    share = objects["area"] / CANVAS**2
    strict = flags.where(flags != "", np.where(share > _COVERS, "covers too much", ""))
    strict = strict.mask(~measured, "empty").rename("reason")
    enough = max(min(_ENOUGH, 0.1 * len(objects)), 0.5 * (flags == "").sum())
    if (strict == "").sum() >= enough:
        return strict
    forgiven = flags.map(lambda flag: set(flag.split(", ")) <= _AT_BORDER | {""})
    return strict.mask(forgiven & measured, "")


def usable(objects: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which objects can be edited: the rows without a reason in `reasons_against`."""
    return (reasons_against(objects) == "").to_numpy()


def allowed(objects: pd.DataFrame) -> tuple[Factor, ...]:
    """Return what can be set on the images of a target, with limits from its own objects.

    Parameters
    ----------
    objects : DataFrame
        Of the training images, as `fovscope.interpret.objects.measure_objects` returned it. With
        a column `Texture` (`fovscope.interventions.edit.own_settings`) it can be set, too.

    Returns
    -------
    tuple of Factor
        In the order of `FACTORS`. Grey images have Intensity, colour images also Hue, if it is
        spread over the circle or else within the shortest arc that holds 90 % of the objects
        (its upper limit may exceed 360°). Orientation where objects are elongated enough to
        have one. Size so that an object of the median elongation fits in any direction.

    Raises
    ------
    FovscopeError
        If fewer than two objects can be edited, or they are all alike.
    """
    reasons = reasons_against(objects)
    kept = objects[reasons == ""]
    if len(kept) < 2:
        raise FovscopeError(
            f"{len(kept)} of {len(objects)} objects can be edited (the others: "
            f"{_counted(reasons)}); give masks, or leave interventions on this target out"
        )
    elongation = _between(kept["elongation"])
    length = CANVAS - 2 * _MARGIN
    # A large object may be too long for the canvas: what does not fit is drawn again.
    usual = _LONGEST * np.sqrt(kept["elongation"].median())
    size = _between(kept["equivalent_diameter"].clip(upper=length / usual))
    if size[1] < _LEAST_RATIO * size[0]:  # tight crops: what fits is smaller than what there is
        size = size[1] / _LEAST_RATIO**2, size[1]
    room = max(0.0, length - _LONGEST * np.sqrt(elongation[1]) * size[1]) / CANVAS
    place = float(0.5 - room / 2), float(0.5 + room / 2)
    found = {
        "Size": size,
        "Elongation": elongation if elongation[1] > _LEAST_RATIO * elongation[0] else None,
        "Orientation": (0.0, 180.0) if kept["elongation"].median() > _ELONGATED else None,
        "Hue": _hues(kept),
        "Intensity": _between(kept["value"].clip(*_SEEN)),
        "Texture": _between(kept["Texture"]) if "Texture" in kept else None,
        "PosX": place if room > _LEAST_ROOM else None,
        "PosY": place if room > _LEAST_ROOM else None,
    }
    return tuple(
        replace(factor, limits=limits)
        for factor in FACTORS
        if (limits := found[factor.name]) is not None and limits[0] < limits[1]
    )


def _between(values: pd.Series) -> tuple[float, float]:
    low, high = values.quantile(QUANTILES)
    return float(low), float(high)


def _hues(objects: pd.DataFrame) -> tuple[float, float] | None:
    """Return the shortest arc that holds most hues, or None where there is no colour."""
    hues = np.sort(objects["hue"].dropna().to_numpy())
    if len(hues) < _DISTINCT * len(objects) or objects["saturation"].median() < _COLOURFUL:
        return None
    held = int(np.ceil((QUANTILES[1] - QUANTILES[0]) * len(hues)))
    ends = np.concatenate([hues, hues + 360])[held - 1 :][: len(hues)]
    start = int((ends - hues).argmin())
    if ends[start] - hues[start] > _CIRCLE:
        return 0.0, 360.0
    return float(hues[start]), float(ends[start])


def _counted(reasons: pd.Series) -> str:
    counts = reasons[reasons != ""].value_counts()
    return "; ".join(f"{count} {reason}" for reason, count in counts.items())
