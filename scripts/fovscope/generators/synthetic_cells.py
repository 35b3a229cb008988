"""Generated images of stained cells with known factors, exact masks and classes.

A target to try every stage on: brightfield cytology in the manner of a Pap or Giemsa smear,
one cell per image. Six factors are drawn independently and uniformly (`RANGES`); all else
(outline, place of the nucleus, chromatin, illumination, noise) is chance. Colours follow the
law of Beer and Lambert: stains add up in optical density.

The class is drawn from `class_probabilities`, a soft rule on five of the factors. Nobody who
knows all factors can be right more often than 91.1 % of the time (the mean over cells of the
largest class probability; 10^6 simulated cells).

On demand a few cells are of another class, `ODD`: spiny all round, like a burr cell. It is
planted for detectors of what nobody has seen; all other cells stay as they are without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter, zoom
from scipy.special import expit
from skimage.color import hsv2rgb

from fovscope.factors import Factor
from fovscope.generators.base import Drawing, Example, Generator, draw_factors
from fovscope.registry import generator

SIDE = 128
"""Side of an image in pixels."""

FACTORS = (
    Factor(
        name="Size",
        limits=(1300.0, 4200.0),
        unit="px²",
        counterparts=("area", "equivalent_diameter"),
    ),
    Factor(name="Elongation", limits=(1.1, 2.1), counterparts=("elongation", "eccentricity")),
    Factor(name="NucleusRatio", limits=(0.1, 0.5)),
    Factor(
        name="Granularity",
        limits=(0.0, 1.0),
        counterparts=(
            "intensity_sd",
            "entropy",
            "glcm_contrast",
            "glcm_homogeneity",
            "glcm_energy",
            "glcm_correlation",
            "lbp_spot",
            "lbp_edge",
            "lbp_flat",
            "lbp_nonuniform",
            "lbp_entropy",
        ),
    ),
    Factor(name="Hue", limits=(215.0, 335.0), unit="°", counterparts=("hue",)),
    Factor(
        name="Orientation",
        limits=(0.0, 180.0),
        period=180.0,
        unit="°",
        counterparts=("orientation",),
    ),
)
"""The factors of a cell.

Size: area of the cell. Elongation: major over minor axis of the ellipse with the same second
moments. NucleusRatio: area of the nucleus over that of the cell. Granularity: size and contrast of
the granules in the cytoplasm, 0 none. Hue: of the stain, on the colour circle (blue over violet to
pink). Orientation: of the major axis, from the x axis, counter-clockwise on the screen.
"""

RANGES = {factor.name: factor.limits for factor in FACTORS}
"""Lowest and highest value of each factor."""

CLASSES = ("blast", "spindle", "granulocyte", "squamous")

ODD = "odd"
"""The class that is planted to be found."""

ODD_SHARE = 0.1
"""Chance of a cell to be odd, where they are asked for."""

_SOFTNESS = 0.03
_SPINES, _SPINE_LENGTH = 11, 0.25


@generator(
    "synthetic_cells",
    factors=FACTORS,
    classes=CLASSES,
    optional_classes={"odd_class": (ODD,)},
)
class SyntheticCells(Generator):
    """Stained cells, one per image, with exact masks and four classes.

    Parameters
    ----------
    odd_class : bool
        Whether a tenth of the cells of a target are spiny, of class ``odd``, planted to be found.
    """

    factors = FACTORS

    def __init__(self, *, odd_class: bool = False) -> None:
        self._odd_class = odd_class

    def render(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Drawing:
        """Draw a cell of given factors; it is never odd."""
        image, mask, _ = render_cell(factors, rng)
        return Drawing(image, mask)

    def make(self, index: int, seed: int) -> Example:
        """Make a cell of a target, with a class that its factors make likely."""
        cell = make_cell(index, seed, odd_class=self._odd_class)
        return Example(Drawing(cell.image, cell.mask), cell.factors, cell.label)


@dataclass(frozen=True)
class Cell:
    """One generated cell.

    Attributes
    ----------
    image : (128, 128, 3) array of uint8
        RGB.
    mask, nucleus_mask : (128, 128) array of uint8
        1 inside the cell and inside its nucleus, 0 outside.
    factors : dict of str to float
        Values of `FACTORS`.
    label : str
        One of `CLASSES`, or `ODD`.
    """

    image: np.ndarray
    mask: np.ndarray
    nucleus_mask: np.ndarray
    factors: dict[str, float]
    label: str


def generate_cells(n_images: int, seed: int, *, odd_class: bool = False) -> Iterator[Cell]:
    """Yield cells 0 .. n_images - 1 of a seed; the first ones do not depend on `n_images`."""
    return (make_cell(index, seed, odd_class=odd_class) for index in range(n_images))


def make_cell(index: int, seed: int, *, odd_class: bool = False) -> Cell:
    """Generate one cell; it depends on `seed` and `index` alone, and may be odd if that is on."""
    rng = np.random.default_rng([seed, index])
    factors, label = _draw(rng)
    odd = odd_class and _is_odd(index, seed)
    image, mask, nucleus_mask = render_cell(factors, rng, spiny=odd)
    return Cell(image, mask, nucleus_mask, factors, ODD if odd else label)


def _is_odd(index: int, seed: int) -> bool:
    # A stream of its own: whether odd cells are asked for changes nothing in the others.
    return bool(np.random.default_rng([seed, index, 1]).random() < ODD_SHARE)


def factor_table(n_images: int, seed: int) -> pd.DataFrame:
    """Return the label and factors of cells without making their images.

    Returns
    -------
    DataFrame
        One row per cell in order of its index: ``label`` and one column per factor.
    """
    drawn = (_draw(np.random.default_rng([seed, index])) for index in range(n_images))
    return pd.DataFrame([{"label": label, **factors} for factors, label in drawn])


def class_probabilities(factors: Mapping[str, float] | pd.DataFrame) -> np.ndarray:
    """Return the probability of each class given the factors.

    Three questions in turn, each with a soft threshold: is the nucleus large, the more so in a
    small cell (blast); is the cell long (spindle); is it granular, the more so if pink
    (granulocyte); what remains is squamous. Orientation has no say.

    Parameters
    ----------
    factors : dict or DataFrame
        Values of `FACTORS`, in the units of `RANGES`.

    Returns
    -------
    (4,) or (n, 4) array
        In the order of `CLASSES`.
    """
    u = {
        name: (np.asarray(factors[name]) - low) / (high - low)
        for name, (low, high) in RANGES.items()
    }
    large_nucleus = u["NucleusRatio"] - 0.3 * (u["Size"] - 0.5)
    granular = u["Granularity"] + 0.3 * (u["Hue"] - 0.5)
    blast = expit((large_nucleus - 0.72) / _SOFTNESS)
    spindle = expit((u["Elongation"] - 0.65) / _SOFTNESS) * (1 - blast)
    granulocyte = expit((granular - 0.5) / _SOFTNESS) * (1 - blast - spindle)
    return np.stack(
        [blast, spindle, granulocyte, 1 - blast - spindle - granulocyte],
        axis=-1,
    )


def _draw(rng: np.random.Generator) -> tuple[dict[str, float], str]:
    """Draw factors and label."""
    factors = draw_factors(FACTORS, rng)
    # Searched in the cumulative sums: `choice` insists on a sum of exactly 1.
    steps = np.cumsum(class_probabilities(factors))[:-1]
    return factors, CLASSES[int(np.searchsorted(steps, rng.random(), side="right"))]


def render_cell(
    factors: Mapping[str, float], rng: np.random.Generator, *, spiny: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make the image and the masks of a cell with given factors.

    Parameters
    ----------
    factors : dict of str to float
        Values of `FACTORS`, in the units of `RANGES`.
    rng : Generator
        For everything that the factors leave open.
    spiny : bool
        Whether spines stand out all round; area, elongation and orientation stay.

    Returns
    -------
    image : (128, 128, 3) array of uint8
    mask, nucleus_mask : (128, 128) array of uint8
    """
    cell, nucleus = _outlines(factors, rng, spiny=spiny)
    density = _cytoplasm(cell, nucleus, factors, rng)[..., None] * _stain(factors["Hue"], 0.38)
    # The nucleus takes up the blue dye: its hue goes only part of the way to pink.
    nuclear_hue = 250 + 0.45 * (factors["Hue"] - 250)
    density += _chromatin(nucleus, rng)[..., None] * _stain(nuclear_hue, 0.36)
    light = _illumination(rng) * np.exp(-density)
    image = _camera(light, rng)
    return image, (cell < 0).astype(np.uint8), (nucleus < 0).astype(np.uint8)


# Geometry ----------------------------------------------------------------------------------


def _outlines(
    factors: Mapping[str, float], rng: np.random.Generator, *, spiny: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the signed distances (about pixels, negative inside) of cell and nucleus."""
    area, elongation = factors["Size"], factors["Elongation"]
    angle = np.deg2rad(factors["Orientation"])
    centre = (SIDE - 1) / 2 + rng.uniform(-2, 2, size=2)
    cell = _blob_distance(
        centre, area, elongation, angle, roughness=0.045, rng=rng, spines=_SPINE_LENGTH * spiny
    )

    # Less elongated than the cell and shifted within the gap that this leaves on each axis.
    nuclear_area, nuclear_elongation = factors["NucleusRatio"] * area, elongation**0.7
    axes = np.sqrt(area / np.pi) * elongation ** np.array([0.5, -0.5])
    inner = np.sqrt(nuclear_area / np.pi) * nuclear_elongation ** np.array([0.5, -0.5])
    gap = np.maximum(0.88 * axes - 1.06 * inner, 0)
    direction = rng.uniform(0, 2 * np.pi)
    along, across = 0.7 * np.sqrt(rng.random()) * gap * (np.cos(direction), np.sin(direction))
    shift = (
        along * np.cos(angle) - across * np.sin(angle),
        -along * np.sin(angle) - across * np.cos(angle),
    )
    nucleus = _blob_distance(
        centre + shift, nuclear_area, nuclear_elongation, angle, roughness=0.025, rng=rng
    )
    return cell, np.maximum(nucleus, cell) if spiny else nucleus  # it stays between the spines


def _blob_distance(
    centre: np.ndarray,
    area: float,
    elongation: float,
    angle: float,
    roughness: float,
    rng: np.random.Generator,
    spines: float = 0,
) -> np.ndarray:
    """Return the approximate signed distance (pixels) to a smooth irregular outline.

    The outline is a circle with harmonics 3 to 6, stretched along the major axis: its area is
    exact before sampling; elongation and orientation are to first order in the roughness,
    because only harmonic 2 would enter the second moments. Spines are one harmonic more.
    """
    order = np.arange(3, 7)
    size = roughness * rng.standard_normal(4).clip(-1.5, 1.5) * (3 / order)
    phase = rng.uniform(0, 2 * np.pi, 4)
    if spines:
        order, size, phase = (
            np.append(known, more)
            for known, more in ((order, _SPINES), (size, spines), (phase, 0.0))
        )

    def radius(theta: np.ndarray) -> np.ndarray:
        return 1 + np.cos(theta[..., None] * order + phase) @ size

    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]])  # counter-clockwise on the screen, where y goes down
    forward = turn @ np.diag([elongation**0.5, elongation**-0.5])
    forward *= np.sqrt(area / (np.pi * (1 + np.sum(size**2) / 2)))  # ∮ radius²/2 = π (1 + Σ/2)

    pixels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1) - centre
    local = pixels @ np.linalg.inv(forward).T
    distance = np.hypot(local[..., 0], local[..., 1])
    excess = distance / radius(np.arctan2(local[..., 1], local[..., 0])) - 1
    return excess * np.sqrt(area / np.pi) * elongation**-0.5


def _inside(distance: np.ndarray, width: float) -> np.ndarray:
    """Return a soft indicator of the inside, whose edge is `width` pixels wide."""
    return expit(-distance / (width / 4))


# Appearance --------------------------------------------------------------------------------


def _noise(rng: np.random.Generator, scale: float) -> np.ndarray:
    """Return smooth noise of mean 0 and SD 1 with grains of about `scale` pixels (SD)."""
    step = max(1, int(scale))  # coarse noise is made on a coarse grid
    coarse = rng.standard_normal((-(-SIDE // step) + 2,) * 2)
    smooth = gaussian_filter(coarse, scale / step, mode="wrap")
    fine = smooth if step == 1 else zoom(smooth, step, order=1)
    fine = fine[:SIDE, :SIDE]
    return (fine - fine.mean()) / fine.std()


def _cytoplasm(
    cell: np.ndarray, nucleus: np.ndarray, factors: Mapping[str, float], rng: np.random.Generator
) -> np.ndarray:
    """Return the optical density of the cytoplasm and of the granules around the nucleus."""
    depth = np.clip(-cell / np.sqrt(factors["Size"] / np.pi), 0, 1)
    body = 0.34 + 0.2 * np.sqrt(depth) + 0.05 * _noise(rng, 7)
    membrane = 0.16 * np.exp(-0.5 * ((cell + 1.5) / 1.3) ** 2)
    grain = factors["Granularity"]
    spots = np.clip(_noise(rng, 0.8 + 0.6 * grain) - 0.6, 0, 1.2)
    granules = grain * spots * (1 - 0.85 * _inside(nucleus, 4))
    return _inside(cell, 2) * (body + membrane + granules)


def _chromatin(distance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the optical density of the nucleus: clumped chromatin and a dark rim."""
    clumps = 0.2 * _noise(rng, 2.2) + 0.1 * _noise(rng, 0.9)
    rim = 0.25 * np.exp(-0.5 * ((distance + 1.5) / 1.4) ** 2)
    return _inside(distance, 2) * np.clip(1.0 + clumps + rim, 0.3, None)


def _stain(hue: float, saturation: float) -> np.ndarray:
    """Return the RGB optical density of a unit of stain, of mean 0.6 whatever the hue."""
    transmitted = hsv2rgb(np.array([hue / 360, saturation, 1.0]))
    absorbed = -np.log(transmitted) + 0.12
    return 0.6 * absorbed / absorbed.mean()


def _illumination(rng: np.random.Generator) -> np.ndarray:
    """Return the light that a clear field lets through: pale, slightly uneven."""
    x = np.linspace(-1, 1, SIDE)
    tilt = rng.normal(0, 0.015, size=2)
    field = 1 + tilt[0] * x + tilt[1] * x[:, None] - 0.025 * (x**2 + x[:, None] ** 2)
    field += 0.008 * _noise(rng, 12)
    tint = np.array([0.93, 0.915, 0.91]) + rng.normal(0, 0.006, size=3)
    return field[..., None] * tint


def _camera(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur a little, add shot and read-out noise, and convert to 8 bits."""
    blurred = gaussian_filter(light, (0.8, 0.8, 0))
    noise = rng.standard_normal(light.shape) * np.sqrt(0.007**2 + 0.0002 * blurred)
    return np.rint(255 * np.clip(blurred + noise, 0, 1)).astype(np.uint8)
