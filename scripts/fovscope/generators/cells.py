"""Images of single cells, as microscopes of several kinds show them: a source made for microscopy.

Factors are what a biologist names first. All else is chance and differs between images: the kind
of microscope, outline, place of the nucleus, depth and rim, colours of the nucleus, background,
neighbours that the frame cuts, debris, blur, noise, native resolution and compression. So a
network that has learnt a factor here has learnt it whatever the look.

Geometry is exact (`outlines`): area, axis ratio and direction of the outline and the area of the
nucleus are those of the factors before pixels are counted. So are mean brightness and, within a
few degrees, mean hue of the object, because nucleus, depth and granules are added as departures
of mean 0. Defined as in `fovscope.interpret.handcrafted`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

from fovscope.factors import Factor
from fovscope.generators.base import Drawing, Generator
from fovscope.generators.cell_looks import (
    STYLES,
    Look,
    Nuisances,
    draw_look,
    draw_nuisances,
)
from fovscope.generators.declared import GeneratorError
from fovscope.generators.grain import grain
from fovscope.generators.outlines import Outlines, coverage, draw_outlines, posed
from fovscope.registry import generator

FACTORS = (
    Factor(
        name="Size",
        limits=(24.0, 150.0),
        unit="px",
        log=True,
        counterparts=("area", "equivalent_diameter", "perimeter"),
    ),
    Factor(
        name="Elongation",
        limits=(1.0, 5.0),
        log=True,
        counterparts=("elongation", "eccentricity", "circularity", "hu1", "hu2"),
    ),
    Factor(name="NucleusRatio", limits=(0.08, 0.5)),
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
    Factor(name="Hue", limits=(0.0, 360.0), period=360.0, unit="°", counterparts=("hue",)),
    Factor(
        name="Intensity",
        limits=(0.2, 0.85),
        counterparts=("value", "mean_red", "mean_green", "mean_blue"),
    ),
    Factor(
        name="Orientation",
        limits=(0.0, 180.0),
        period=180.0,
        unit="°",
        counterparts=("orientation",),
    ),
    Factor(name="PosX", limits=(0.42, 0.58), nuisance=True),
    Factor(name="PosY", limits=(0.42, 0.58), nuisance=True),
)
"""The factors of a cell, lengths in pixels of the canvas.

Size: diameter of the circle of the same area. Elongation: major over minor axis of the ellipse with
the same second moments. NucleusRatio: area of the nucleus over that of the cell. Granularity:
strength of the granules in the cytoplasm. Hue and Intensity: mean colour and mean HSV value of the
object. Orientation: of the major axis, counter-clockwise on the screen. PosX, PosY: centre of the
cell from the top left, share of the side.
"""

SIDE = 224
"""Side of the canvas in pixels."""

ROUND = 1.15
"""Elongation below which a cell has no direction to speak of."""

Planes = NDArray[np.float32]
"""One or three channels of an image, (C, H, W) of float32 in [0, 1]."""


@generator(
    "cells",
    factors=FACTORS,
    classes=(),
    citation="fovscope: cells drawn for microscopy, one to an image",
)
class Cells(Generator):
    """Single cells in bright field, stained or not, in fluorescence and in dark field.

    Parameters
    ----------
    styles : list of str
        Kinds of microscopy to choose among.
    grey : bool, optional
        Grey images only, or colour images only; both without it.
    shared_nuisances : float
        Share of the pairs whose members differ in the changed factor alone, 0 to 1; the members
        of the others differ in everything that is left to chance as well.
    calibration : mapping, optional
        Limits of nuisances by name that replace the usual ones, as `calibrate` of
        `fovscope.generators.calibration` finds them on a target. Names of factors in it are left
        to the design.

    Raises
    ------
    GeneratorError
        If there is no style to choose or a share is none.
    """

    factors = FACTORS

    def __init__(
        self,
        *,
        styles: tuple[Literal["stained", "unstained", "fluorescence", "darkfield"], ...] = (
            "stained",
            "unstained",
            "fluorescence",
            "darkfield",
        ),
        grey: bool | None = None,
        shared_nuisances: float = 0.5,
        calibration: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        if not styles or set(styles) - set(STYLES):
            raise GeneratorError(
                f"cells: styles is {list(styles)}; name one or more of {', '.join(STYLES)}"
            )
        if not 0 <= shared_nuisances <= 1:
            raise GeneratorError(
                f"cells: shared_nuisances is {shared_nuisances}; it is a share, 0 to 1"
            )
        self.styles = tuple(styles)
        self.grey = grey
        self.shared_nuisances = shared_nuisances
        self.calibration = dict(calibration or {})

    def render(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Drawing:
        """Draw one cell, (224, 224, 3)."""
        image, cell = self._drawn(factors, rng)
        box = _box(cell, SIDE)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[box.window] = coverage([cell], box.shape, origin=box.origin) >= 0.5
        return Drawing(image, mask)

    def image(self, factors: Mapping[str, Any], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the image of `render`, without the time for its mask."""
        return self._drawn(factors, rng)[0]

    def _drawn(
        self, factors: Mapping[str, Any], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return an image and the outline of its cell, pixels of the canvas."""
        look = self._look(rng)
        nuisances = draw_nuisances(look, factors["Intensity"], self.calibration, rng)
        outlines = draw_outlines(factors["NucleusRatio"], rng)
        picture = _paint(factors, look, nuisances, outlines, rng)
        return _photograph(picture, nuisances, rng), _placed(outlines.cell, factors)

    def known(self, table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return where a factor can be seen in the image of a row; see `Generator.known`.

        A grey image shows no hue, some cells hide their nucleus or all that is inside, and a
        round one has no direction.
        """
        looks = [self._look_of(number, seed) for number in self.streams(table, seed=seed)]
        seen = {factor.name: np.ones(len(table), bool) for factor in self.factors}
        seen["Hue"] = np.array([not look.grey for look in looks], bool)
        seen["NucleusRatio"] = np.array([look.nucleus for look in looks], bool)
        seen["Granularity"] = np.array([look.inside for look in looks], bool)
        seen["Orientation"] = table["factor_Elongation"].to_numpy() >= ROUND
        return pd.DataFrame(seen, index=table.index)

    def streams(self, table: pd.DataFrame, *, seed: int) -> NDArray[np.int64]:
        """Return the number of each row's random stream: in a part of the pairs the first's.

        Pairs whose changed factor could not be seen in the shared look share nothing, as their
        members would be the same image.
        """
        numbers = super().streams(table, seed=seed)
        if "pair" not in table:
            return numbers
        first = numbers - table["member"].to_numpy(np.int64)  # the members of a pair are adjacent
        rows = zip(
            first.tolist(),
            table["pair"].tolist(),
            table["changed"].tolist(),
            table["factor_Elongation"].tolist(),
            strict=True,
        )
        shared = [
            pair >= 0 and self._shares(number, seed, changed.split(","), elongation)
            for number, pair, changed, elongation in rows
        ]
        return np.where(shared, first, numbers)

    def _shares(self, first: int, seed: int, changed: Sequence[str], elongation: float) -> bool:
        """Whether the members of a pair share their nuisances; `first` numbers the first one."""
        if np.random.default_rng([seed, first, 1]).random() >= self.shared_nuisances:
            return False
        look = self._look_of(first, seed)
        hidden = {
            "Hue": look.grey,
            "NucleusRatio": not look.nucleus,
            "Granularity": not look.inside,
        }
        return not all(hidden.get(name, False) for name in changed)

    def _look_of(self, number: int, seed: int) -> Look:
        return self._look(np.random.default_rng([seed, number]))

    def _look(self, rng: np.random.Generator) -> Look:
        return draw_look(self.styles, self.grey, self.calibration, rng)


# Painting ---------------------------------------------------------------------------------------


def _placed(points: NDArray, factors: Mapping[str, Any], scale: float = 1) -> NDArray:
    """Return an outline as the factors say, at `scale` pixels per pixel of the canvas."""
    return scale * posed(
        points,
        diameter=factors["Size"],
        elongation=factors["Elongation"],
        orientation=factors["Orientation"],
        centre=(factors["PosX"] * SIDE, factors["PosY"] * SIDE),
    )


@dataclass(frozen=True)
class _Box:
    """The part of a square picture that an object takes."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    @property
    def origin(self) -> tuple[int, int]:
        return self.left, self.top

    @property
    def window(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


def _box(points: NDArray, side: int, margin: float = 1) -> _Box:
    """Return the part of a picture that an outline takes, of one pixel at least."""
    left, top = (floor(start - margin) for start in points.min(axis=0).tolist())
    right, bottom = (ceil(stop + margin) for stop in points.max(axis=0).tolist())
    top, left = (min(max(start, 0), side - 1) for start in (top, left))
    return _Box(
        top,
        left,
        *(min(max(stop, start + 1), side) for start, stop in ((top, bottom), (left, right))),
    )


@dataclass(frozen=True, eq=False)
class _Palette:
    """Mean colours (C,) of the object and of the background, and of nucleus minus cytoplasm."""

    cell: Planes
    ground: Planes
    nucleus: Planes


def _paint(
    factors: Mapping[str, Any],
    look: Look,
    nuisances: Nuisances,
    outlines: Outlines,
    rng: np.random.Generator,
) -> Planes:
    """Return the picture at its native resolution, sharp to the blur of the optics, no noise."""
    scale = nuisances.side / SIDE
    palette = _palette(factors, look, nuisances, rng)
    picture = _background(palette, nuisances, rng)
    cell, nucleus = (
        _placed(points, factors, scale) for points in (outlines.cell, outlines.nucleus)
    )
    reach = float(np.ptp(cell, axis=0).max()) / scale / 2
    _add_neighbours(picture, palette, outlines, reach, rng)
    _add_debris(picture, palette, rng)

    width = rng.uniform(1.2, 6.0) * scale  # of rim and halo
    box = _box(cell, nuisances.side, margin=3 * width + 1)
    within = (slice(None), *box.window)
    inside = coverage([cell], box.shape, origin=box.origin)
    soft = rng.uniform(0, 2.5) * scale
    core = np.zeros_like(inside)
    if look.nucleus:
        core = _smooth(coverage([nucleus], box.shape, origin=box.origin), soft)
    near = _smooth(inside, width)
    halo = _halo_strength(look, rng)
    if halo:
        picture[within] += halo * (4 * near * (1 - near)) * (1 - inside)
    body = _body(factors, look, palette, inside, core, near, scale, rng)
    picture[within] += inside * (body - picture[within])

    blur = min(nuisances.blur, 0.06 * factors["Size"]) * scale
    if blur > 0.35:  # less is less than a pixel does
        _blur(picture, blur)
    _set_mean_value(picture[within], inside, factors["Intensity"])
    return picture


def _palette(
    factors: Mapping[str, Any], look: Look, nuisances: Nuisances, rng: np.random.Generator
) -> _Palette:
    hue, intensity = factors["Hue"], factors["Intensity"]
    ground_hue, many, turn, richer, brighter = rng.random(5)
    if look.style == "fluorescence":
        turn = (60 + 90 * turn) * np.sign(brighter - 0.5) if many < 0.6 else 0.0
        ratio = 0.35 + 0.5 * richer if brighter < 0.4 else 1.25 + 0.9 * richer
    elif look.style == "darkfield":
        turn = 60 * (turn - 0.5)
        ratio = 0.5 + 0.35 * richer if brighter < 0.5 else 1.2 + 0.5 * richer
    else:
        turn = 110 * (turn - 0.5)
        ratio = 0.4 + 0.4 * richer if brighter < 0.85 else 1.15 + 0.15 * richer
    # Two colours far apart mix to a dull mean.
    saturation = min(nuisances.saturation, 1.0 if abs(turn) < 50 else 0.6)
    cell = _colour(hue, saturation, intensity, look.grey)
    dense = _colour(hue + turn, min(1.0, saturation * (0.7 + 0.8 * many)), intensity, look.grey)
    nucleus = dense * np.float32(ratio) - cell if look.nucleus else np.zeros_like(cell)
    ground = _colour(
        360 * ground_hue, nuisances.background_saturation, nuisances.background, look.grey
    )
    return _Palette(cell, ground, nucleus)


def _colour(hue: float, saturation: float, value: float, grey: bool) -> Planes:
    """Return a colour by HSV, the hue in degrees: (3,), or (1,) without hue and saturation."""
    if grey:
        return np.array([value], np.float32)
    place = (np.array([5.0, 3.0, 1.0]) + hue / 60) % 6
    share = np.clip(np.minimum(place, 4 - place), 0, 1)
    return (value * (1 - saturation * share)).astype(np.float32)


def _background(palette: _Palette, nuisances: Nuisances, rng: np.random.Generator) -> Planes:
    """Return the background: level, gradient, vignette and texture."""
    side = nuisances.side
    angle, vignette, width, strength = rng.random(4)
    place = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    slope = np.float32(nuisances.gradient) * np.array(
        [np.cos(2 * np.pi * angle), np.sin(2 * np.pi * angle)], np.float32
    )
    fall = np.float32(1.2 * nuisances.gradient * vignette)
    light = (slope[0] * place - fall * place**2) + (slope[1] * place - fall * place**2)[:, None]
    light += np.float32(0.05 * strength**3) * grain((side, side), 2 ** (4 * width), rng)
    # In part light that is added, not absorbed: a black background has a gradient too.
    picture = (palette.ground + np.float32(0.15))[:, None, None] * light
    picture += palette.ground[:, None, None]
    return picture


def _add_neighbours(
    picture: Planes, palette: _Palette, outlines: Outlines, reach: float, rng: np.random.Generator
) -> None:
    """Lay cells of the same kind about the border, where the frame cuts them.

    Their sizes, axis ratios and directions are their own; from the cell in the middle, which
    reaches `reach` pixels of the canvas from its centre, they keep away.
    """
    crowd = int(rng.integers(1, 7)) if rng.random() < 0.5 else 0
    places = rng.random((crowd, 5))
    tone, dome, rough = rng.random(3)
    side = picture.shape[-1]
    scale = side / SIDE
    cells, cores = [], []
    for angle, gap, size, form, turn in places.tolist():
        diameter = 30 * 4.5**size
        elongation = 1 + 1.5 * form**2
        away = max(reach + 25 * gap + diameter / 2 * np.sqrt(elongation), 90 + 45 * gap)
        way = 2 * np.pi * angle
        across = (SIDE / 2 + away * np.cos(way), SIDE / 2 + away * np.sin(way))
        if max(abs(place - SIDE / 2) for place in across) > SIDE / 2 + 0.8 * diameter:
            continue  # out of the frame
        for layer, points in ((cells, outlines.cell), (cores, outlines.nucleus)):
            neighbour = posed(
                points[::3],
                diameter=diameter * scale,
                elongation=elongation,
                orientation=360 * turn,
                centre=(scale * across[0], scale * across[1]),
            )
            layer.append(neighbour)
    if not cells:
        return
    inside, core = coverage(cells, (side, side)), coverage(cores, (side, side))
    relief = np.float32(1.6 * dome - 0.4) * (_smooth(inside, 6 * scale) - np.float32(0.8))
    relief += np.float32(0.2 * rough**2) * grain((side, side), max(1.5, 5 * scale), rng)
    colour = palette.cell * np.float32(0.85 + 0.3 * tone) - np.float32(0.2) * palette.nucleus
    contrast = colour - palette.ground
    for plane, base, dense, away in zip(picture, colour, palette.nucleus, contrast, strict=True):
        plane += inside * (base + dense * core + away * relief - plane)


def _add_debris(picture: Planes, palette: _Palette, rng: np.random.Generator) -> None:
    """Lay specks anywhere over the background, denser than it or the other way."""
    amount, tone = rng.random(2)
    specks = rng.random((int(24 * (amount - 0.7)) if amount > 0.7 else 0, 3))
    if not len(specks):
        return
    side = picture.shape[-1]
    around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.stack([np.cos(around), np.sin(around)], axis=1)
    radii = 0.8 + 4 * specks[:, 2] ** 3
    dots = (SIDE * specks[:, None, :2] + radii[:, None, None] * circle) * (side / SIDE)
    strength = np.float32(1.2 * (tone - 0.3)) * (palette.cell - palette.ground)
    picture += strength[:, None, None] * coverage(list(dots), (side, side))


def _halo_strength(look: Look, rng: np.random.Generator) -> np.float32:
    """Return how much lighter the background is beside the cell."""
    there, strength = rng.random(2)
    low, high, share = {
        "stained": (-0.08, 0.1, 0.4),
        "unstained": (-0.2, 0.3, 0.7),
        "fluorescence": (0.0, 0.12, 0.5),
        "darkfield": (0.0, 0.2, 0.5),
    }[look.style]
    return np.float32(low + (high - low) * strength if there < share else 0)


def _body(
    factors: Mapping[str, Any],
    look: Look,
    palette: _Palette,
    inside: Planes,
    core: Planes,
    near: Planes,
    scale: float,
    rng: np.random.Generator,
) -> Planes:
    """Return the inside of the cell, of which `palette.cell` is the mean colour."""
    shape, size = inside.shape, factors["Size"] * scale
    thick = _smooth(near, 0.15 * size)
    dome, pallor, rim, rough, mottled, polarity = rng.random(6)
    steep = 2.6 if look.style in ("fluorescence", "darkfield") else 1.6  # no lid on what is thick
    relief = np.float32(steep * dome - 0.4) * (thick - np.float32(0.8))
    if pallor > 0.6:
        relief -= np.float32(2.2 * (pallor - 0.6)) * np.clip((thick - 0.75) * 4, 0, 1)
    relief += np.float32(2.4 * (rim - 0.35) ** 2 * np.sign(rim - 0.35)) * 4 * near * (1 - near)
    relief += np.float32(0.25 * rough**2) * grain(shape, max(2.0, 9 * scale), rng)
    chromatin = grain(shape, max(1.5, (2 + 5 * mottled) * scale), rng)

    contrast = palette.cell - palette.ground
    strength = float(np.abs(contrast).max())
    direction = contrast / max(strength, 0.05)
    spots, width, sign, power = rng.random(4)
    grains = grain(shape, max(1.4, (2.5 + 4 * width) * scale), rng, spots=bool(spots < 0.7))
    granules = factors["Granularity"] * (0.07 + 0.13 * strength) * (0.75 + 0.5 * power)
    granules = np.float32(granules * (-1 if sign < 0.25 else 1) * look.inside)
    modulation = np.float32(strength * look.inside) * relief + granules * grains * (1 - core)
    modulation -= _mean(modulation, inside)
    density = core * (1 + np.float32(0.25 * polarity) * chromatin)
    density -= _mean(density, inside)
    return np.clip(
        palette.cell[:, None, None]
        + palette.nucleus[:, None, None] * density
        + direction[:, None, None] * modulation,
        0,
        1,
    )


def _smooth(layer: Planes, width: float) -> Planes:
    """Return a layer averaged over squares of SD `width`, at one cost whatever the width."""
    span = round(np.sqrt(12) * width) | 1
    return uniform_filter(layer, span, mode="nearest") if span > 1 else layer


def _mean(layer: Planes, weight: Planes) -> np.float32:
    return np.vdot(layer, weight) / weight.sum()


def _blur(picture: Planes, width: float) -> None:
    """Blur in place by repeated means of three neighbours, to a Gaussian of SD `width`.

    For the small widths that occur this takes a third of the time of a filter of any width.
    """
    rounds = ceil(1.5 * width**2)
    side = np.float32(width**2 / rounds / 2)  # variances add: each round has 2 · side
    for _ in range(rounds):
        for axis in (-1, -2):
            lines = np.moveaxis(picture, axis, -1)
            lines[..., 1:-1] += side * (lines[..., 2:] + lines[..., :-2] - 2 * lines[..., 1:-1])


def _set_mean_value(part: Planes, inside: Planes, intensity: float) -> None:
    """Shift the object so that its mean HSV value is as given; neither hue nor chroma moves."""
    for _ in range(2):  # the second time for what the first one clipped
        part += inside * np.float32(intensity - _mean(part.max(axis=0), inside))
        np.clip(part, 0, 1, out=part)


# Taking the picture -----------------------------------------------------------------------------


def _photograph(
    picture: Planes, nuisances: Nuisances, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the image on the canvas: noise, 8 bit, compression, enlarged."""
    shape = picture.shape[1:]
    shot, coloured, packed, quality, filtered = rng.random(5)
    level = np.float32(nuisances.noise)
    if shot < 0.5:  # photons: the variance grows with the light
        level = level * np.sqrt(np.maximum(picture[0], 0.05))
    common = level * grain(shape, 1, rng)
    own = np.float32(coloured) * level if len(picture) == 3 and coloured < 0.5 else None
    for plane in picture:
        plane += common
        if own is not None:
            plane += own * grain(shape, 1, rng)
    picture *= 255
    picture += 0.5
    pixels = np.minimum(np.maximum(picture, 0, out=picture), 255, out=picture).astype(np.uint8)
    image = Image.fromarray(
        np.ascontiguousarray(pixels.transpose(1, 2, 0)) if len(pixels) == 3 else pixels[0]
    )
    if packed < 0.15:
        image = _compressed(image, int(35 + 60 * quality))
    if image.width != SIDE:
        filters = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)
        image = image.resize((SIDE, SIDE), filters[int(filtered < 0.5)])
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _compressed(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)
