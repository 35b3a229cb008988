"""Limits of a generator's factors and nuisances from what is measured on a target, without labels.

What a source is made of should be what a target has: sizes, colours, background, noise and blur
beyond its range cost a network capacity and teach nothing. `measure_background` says of one image
what is outside of its object, `calibrate` turns the measured objects and backgrounds of training
images into limits, `calibrated_factors` brings them into the factors of a design, and the
generator takes the rest as its option `calibration`.

References
----------
Immerkær (1996), "Fast noise variance estimation", Comput. Vis. Image Underst. 64:300-302.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, convolve, maximum_filter, minimum_filter
from skimage.color import rgb2gray, rgb2hsv

from fovscope.factors import Factor
from fovscope.generators.declared import GeneratorError
from fovscope.interpret.handcrafted import CANVAS

QUANTILES = (0.02, 0.98)
"""Of the measured values, taken as limits."""

_DARK, _BRIGHT = 0.45, 0.4  # levels of the background, between which it may be either
_FEWEST = 20  # objects of which such quantiles can be taken at all
_AS_GREY = 2  # grey values that the channels of a grey image may differ by, from compression
_MARGIN = 3  # pixels about the object that are not background: halo and blur
_ALIKE = 0.12  # what differs more from the prevailing level belongs to other objects
_WINDOW = 9  # pixels across an edge
_SHARP = 0.56  # SD that is found at a sharp edge, pixels: what sampling alone does
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float64)

_OF_OBJECTS = {
    "Size": "equivalent_diameter",
    "Elongation": "elongation",
    "Intensity": "value",
    "side": "side",
}
_OF_BACKGROUNDS = {
    "background": "level",
    "background_saturation": "saturation",
    "gradient": "gradient",
    "noise": "noise",
    "blur": "blur",
    "grey": "grey",
}


def measure_background(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> dict[str, float]:
    """Measure what is outside of an object, and its edge.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB at native resolution.
    mask : ndarray of bool, shape (height, width)
        The object.

    Returns
    -------
    dict of str to float
        ``red``, ``green``, ``blue``: prevailing colour outside of the object, ``level`` and
        ``saturation``: its HSV value and saturation, all 0 to 1; ``gradient``: rise of the
        background from side to side over its level; ``noise``: SD of the noise, 0 to 1;
        ``blur``: SD of the Gaussian that the edge of the object is blurred by, pixels of the
        canvas of 224; ``grey``: 1 if the image has no colour, else 0. NaN where there is no
        background or no edge.
    """
    grey = rgb2gray(image)
    outside = ~binary_dilation(mask, iterations=_MARGIN)
    found = dict.fromkeys(
        ("red", "green", "blue", "level", "saturation", "gradient", "noise", "blur"), np.nan
    )
    found["grey"] = float(np.ptp(image.astype(np.int16), axis=2).max() <= _AS_GREY)
    if not outside.any():
        return found
    background = outside & (np.abs(grey - _prevailing(grey[outside])) < _ALIKE)
    colour = np.median(image[background], axis=0) / 255
    _, saturation, level = rgb2hsv(colour)
    found |= dict(zip(("red", "green", "blue"), colour.tolist(), strict=True))
    found |= {"level": float(level), "saturation": float(saturation)}
    # Light is partly added, as in the generator: a black background has a gradient too.
    found["gradient"] = _rise(grey, background) / (float(level) + 0.15)
    found["noise"] = _noise(grey, background)
    found["blur"] = _edge_width(grey, mask) * CANVAS / max(mask.shape)
    return found


def calibrate(objects: pd.DataFrame, backgrounds: pd.DataFrame) -> dict[str, list[float]]:
    """Return limits of factors and nuisances: the quantiles of what is measured on a target.

    Parameters
    ----------
    objects : DataFrame
        Of `fovscope.interpret.objects.measure_objects`, training images only. Doubtful ones,
        which have a `flag`, are left out.
    backgrounds : DataFrame
        `image_id` and what `measure_background` says of the same images, in any order.

    Returns
    -------
    dict of str to list of two float
        Low and high limit by name: ``Size``, ``Elongation``, ``Intensity``, of colour images
        ``Hue`` (an arc, which may end beyond 360°) and ``saturation``; ``background``,
        ``background_saturation``, ``contrast`` (object minus background), ``gradient``, ``noise``,
        ``blur``, ``side`` and ``grey``.

    Raises
    ------
    GeneratorError
        If fewer than 20 objects can be relied on.
    """
    sound = objects[objects["flag"] == ""].merge(
        backgrounds, on="image_id", suffixes=("", "_background"), validate="one_to_one"
    )
    if len(sound) < _FEWEST:
        raise GeneratorError(
            f"calibration: {len(sound)} of {len(objects)} objects are measured without doubt, "
            f"{_FEWEST} are needed; look at the masks, or go without calibration"
        )
    measured = {name: sound[column] for name, column in _OF_OBJECTS.items()}
    measured |= {
        name: sound[f"{column}_background" if column in objects else column]
        for name, column in _OF_BACKGROUNDS.items()
    }
    measured["contrast"] = measured["Intensity"] - measured["background"]
    coloured = sound[sound["grey"] == 0]
    if len(coloured) >= _FEWEST:
        measured["saturation"] = coloured["saturation"]
    limits = {name: _limits(values) for name, values in measured.items() if values.notna().any()}
    hues = coloured["hue"].dropna().to_numpy(float)
    if len(hues) >= _FEWEST:
        limits["Hue"] = _arc(hues)
    return limits


def calibrated_styles(calibration: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    """Return the styles of the generator ``cells`` that a target's images may be of.

    Parameters
    ----------
    calibration : mapping of str to (float, float)
        Limits, of which ``background`` and ``grey`` are used.

    Returns
    -------
    tuple of str
        On bright ground stained or unstained cells, by whether there is colour; on dark ground
        fluorescence and dark field. All where the background is of both kinds.
    """
    dark, bright = calibration["background"]
    if bright < _DARK:
        return ("fluorescence", "darkfield")
    if dark < _BRIGHT:
        return ("stained", "unstained", "fluorescence", "darkfield")
    coloured, grey = calibration["grey"]
    return ("stained",) * (coloured < 1) + ("unstained",) * (grey > 0)


def calibrated_factors(
    factors: Sequence[Factor], calibration: Mapping[str, Sequence[float]]
) -> tuple[Factor, ...]:
    """Return factors whose limits are narrowed to those of a calibration.

    Parameters
    ----------
    factors : sequence of Factor
        As a generator declares them.
    calibration : mapping of str to (float, float)
        Limits by name, as from `calibrate`; names of other things are ignored. Of a direction
        the arc is taken as it is, of anything else what both limits have in common.

    Raises
    ------
    GeneratorError
        If a factor has no limits, none in common with the calibration, or the same value in all
        images of the target.
    """
    return tuple(
        _narrowed(factor, *calibration[factor.name]) if factor.name in calibration else factor
        for factor in factors
    )


def _narrowed(factor: Factor, low: float, high: float) -> Factor:
    if factor.limits is None:
        raise GeneratorError(
            f"calibration: factor '{factor.name}' has a list of values and no limits to narrow; "
            "leave it out of the calibration"
        )
    if low == high:
        raise GeneratorError(
            f"calibration: '{factor.name}' is {low:g} {factor.unit}".rstrip()
            + " in all images of the target, and cannot be varied within that; look at the masks, "
            "or go without calibration"
        )
    if factor.period is None:
        low, high = max(low, factor.limits[0]), min(high, factor.limits[1])
    if not low < high:
        raise GeneratorError(
            f"calibration: factor '{factor.name}' is drawn between {factor.limits[0]:g} and "
            f"{factor.limits[1]:g} {factor.unit}".rstrip()
            + ", and hardly anything of the target lies there; leave it out of the calibration"
        )
    return replace(factor, limits=(float(low), float(high)))


def _limits(values: pd.Series) -> list[float]:
    return [float(limit) for limit in values.quantile(QUANTILES)]


def _arc(degrees: NDArray) -> list[float]:
    """Return the shortest arc with the share of directions that lies between `QUANTILES`."""
    degrees = np.sort(degrees % 360)
    kept = int(np.ceil((QUANTILES[1] - QUANTILES[0]) * len(degrees)))
    ends = np.concatenate([degrees, degrees + 360])[kept - 1 : kept - 1 + len(degrees)]
    first = int(np.argmin(ends - degrees))
    return [float(degrees[first]), float(ends[first])]


def _prevailing(levels: NDArray) -> float:
    """Return the most frequent level."""
    counts, edges = np.histogram(levels, bins=32, range=(0, 1))
    most = counts.argmax()
    return float((edges[most] + edges[most + 1]) / 2)


def _rise(grey: NDArray, background: NDArray[np.bool_]) -> float:
    """Return how much the plane through the background rises along the side of the image."""
    rows, columns = np.nonzero(background)
    side = max(grey.shape)
    plane = np.stack([np.ones(len(rows)), rows / side, columns / side], axis=1)
    slopes = np.linalg.lstsq(plane, grey[background], rcond=None)[0][1:]
    return float(np.hypot(*slopes))


def _noise(grey: NDArray, background: NDArray[np.bool_]) -> float:
    """Return the SD of white noise by what a plane and a parabola cannot explain (Immerkær)."""
    inner = binary_erosion(background, np.ones((3, 3)))
    if not inner.any():
        return np.nan
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(convolve(grey, _IMMERKAER)[inner]).mean())


def _edge_width(grey: NDArray, mask: NDArray[np.bool_]) -> float:
    """Return the SD of the Gaussian whose step is as steep as the outline, native pixels."""
    outline = binary_dilation(mask) & ~binary_erosion(mask)
    if not outline.any():
        return np.nan
    steepest = maximum_filter(np.hypot(*np.gradient(grey)), _WINDOW // 2)[outline]
    step = (maximum_filter(grey, _WINDOW) - minimum_filter(grey, _WINDOW))[outline]
    if not steepest.any():
        return np.nan
    width = np.median(step[steepest > 0] / steepest[steepest > 0]) / np.sqrt(2 * np.pi)
    return float(np.sqrt(max(width**2 - _SHARP**2, 0)))
