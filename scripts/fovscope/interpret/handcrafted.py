"""Handcrafted features of one object (method, section 8).

Shape is measured on the mask at its native resolution, then lengths are given in pixels of the
square canvas of 224 pixels that a network sees; colour and texture are those of the native pixels
in the mask. Definitions, units and ranges: docs/interpretability.md.

References
----------
Haralick et al. (1973), IEEE Trans. SMC 3:610-621 (co-occurrence); Ojala et al. (2002), IEEE
Trans. PAMI 24:971-987 (local binary patterns); Hu (1962), IRE Trans. Inf. Theory 8:179-187
(moment invariants).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from skimage import img_as_float64
from skimage.color import rgb2gray
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.measure import regionprops_table

from fovscope.images.colour import hue_saturation_value

Mask = NDArray[np.bool_]

CANVAS = 224
"""Side in pixels of the canvas in whose units lengths are given."""

_LEVELS = 32  # grey levels of co-occurrence and entropy
_DIRECTIONS = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_REGION = ("area", "perimeter_crofton", "solidity", "extent", "orientation")
_REGION += ("axis_major_length", "axis_minor_length", "moments_hu")
_HU_DEGREES = (1, 2, 2, 2, 4, 3, 4)


def measure_object(image: NDArray[np.uint8], mask: Mask) -> dict[str, float]:
    """Measure an object.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB at native resolution.
    mask : ndarray of bool, shape (height, width)
        The object, of `segmentation.SMALLEST` pixels or more.

    Returns
    -------
    dict of str to float
        The features of `features.FEATURES` by name. Only `hue` can be NaN: of a grey object.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    image, inside = image[box], mask[box]
    grey = np.rint(255 * rgb2gray(image)).astype(np.uint8)
    return {
        **geometry(inside, scale=CANVAS / max(mask.shape)),
        **colour(image[inside]),
        **intensity(grey[inside]),
        **cooccurrence(grey, inside),
        **binary_patterns(grey, inside),
    }


def geometry(mask: Mask, *, scale: float = 1.0) -> dict[str, float]:
    """Measure size, form and direction of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        The object; several pieces are measured as one.
    scale : float
        Pixels of the canvas per native pixel.

    Returns
    -------
    dict of str to float
    """
    found = regionprops_table(mask.astype(np.uint8), properties=_REGION)
    region = {name: float(value[0]) for name, value in found.items()}
    area, perimeter = region["area"], region["perimeter_crofton"]
    # A pixel is a square, not a point: its own second moment is 1/12, so that rectangles come
    # out exact and a line of one pixel has a width.
    major, minor = (
        np.sqrt(region[f"axis_{name}_length"] ** 2 + 16 / 12) for name in ("major", "minor")
    )
    hu = [region[f"moments_hu-{order}"] for order in range(7)]
    return {
        "area": area * scale**2,
        "equivalent_diameter": np.sqrt(4 * area / np.pi) * scale,
        "perimeter": perimeter * scale,
        "circularity": 4 * np.pi * area / perimeter**2,
        "solidity": region["solidity"],
        "eccentricity": np.sqrt(1 - (minor / major) ** 2),
        "elongation": major / minor,
        "extent": region["extent"],
        # Roots bring all seven to the degree of the first and keep their sign.
        **{
            f"hu{order}": np.sign(value) * abs(value) ** (1 / degree)
            for order, (value, degree) in enumerate(zip(hu, _HU_DEGREES, strict=True), 1)
        },
        # scikit-image counts from the row axis, we from the x axis
        "orientation": (np.rad2deg(region["orientation"]) + 90) % 180,
    }


def colour(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Measure the mean colour of pixels (N, 3); hue is a direction, NaN where all are grey."""
    hue, saturation, value = hue_saturation_value(img_as_float64(pixels))
    # Hues are averaged as vectors as long as the pixel is colourful, so that the undefined hue
    # of grey pixels has no weight and 359° and 1° give 0°.
    vector = np.sum(saturation * value * np.exp(2j * np.pi * hue))
    red, green, blue = pixels.mean(axis=0)
    return {
        "mean_red": red,
        "mean_green": green,
        "mean_blue": blue,
        "hue": np.rad2deg(np.angle(vector)) % 360 if abs(vector) > 1e-6 * len(pixels) else np.nan,
        "saturation": saturation.mean(),
        "value": value.mean(),
    }


def intensity(grey: NDArray[np.uint8]) -> dict[str, float]:
    """Measure spread and entropy of grey values (N,)."""
    counts = np.bincount(_levels(grey), minlength=_LEVELS)
    return {"intensity_sd": grey.std(), "entropy": _entropy(counts)}


def cooccurrence(grey: NDArray[np.uint8], mask: Mask) -> dict[str, float]:
    """Measure the texture of neighbouring pixels, both in the mask, over four directions.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    dict of str to float
        Means over the directions 0°, 45°, 90°, 135° at a distance of one pixel, 32 levels.
    """
    marked = np.where(mask, _levels(grey) + 1, 0).astype(np.uint8)
    pairs = graycomatrix(marked, [1], _DIRECTIONS, levels=_LEVELS + 1, symmetric=True)
    pairs = pairs[1:, 1:]  # level 0 stands for outside
    found = pairs.sum(axis=(0, 1), keepdims=True)
    pairs = (pairs / np.maximum(found, 1))[..., found.ravel() > 0]
    return {
        f"glcm_{name}": graycoprops(pairs, name).mean()
        for name in ("contrast", "homogeneity", "energy", "correlation")
    }


def binary_patterns(grey: NDArray[np.uint8], mask: Mask) -> dict[str, float]:
    """Measure which local patterns prevail, rotation-invariant (uniform, 8 neighbours, radius 1).

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
    mask : ndarray of bool, shape (height, width)
        Pixels whose neighbours are all inside count; all where there are none such.

    Returns
    -------
    dict of str to float
        Share of pixels brighter than all neighbours (``spot``), with 3 to 5 adjoining ones not
        darker (``edge``), with none darker (``flat``), with a mixed pattern (``nonuniform``),
        and the entropy of all ten patterns.
    """
    patterns = local_binary_pattern(grey, P=8, R=1, method="uniform").astype(int)
    inner = binary_erosion(mask, np.ones((3, 3)))
    counts = np.bincount(patterns[inner if inner.any() else mask], minlength=10)
    share = counts / counts.sum()
    return {
        "lbp_spot": share[0],
        "lbp_edge": share[3:6].sum(),
        "lbp_flat": share[8],
        "lbp_nonuniform": share[9],
        "lbp_entropy": _entropy(counts),
    }


def _levels(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return grey // (256 // _LEVELS)


def _entropy(counts: NDArray[np.integer]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())
