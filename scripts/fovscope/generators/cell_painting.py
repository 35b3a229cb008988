"""Painting one cell and what is about it, and taking the picture of that.

The picture is made at the native resolution of a camera, in shares of full scale, one plane a
channel, then enlarged to the canvas as images of any data set are. Nucleus, depth, rim and granules
of a cell are departures of mean 0 from its mean colour, so that this stays as it is set; the order
is background, neighbours and specks, cell, blur, noise, 8 bit, compression.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, cos, floor, pi, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

from fovscope.generators.cell_looks import Look, Nuisances
from fovscope.generators.grain import grain
from fovscope.generators.outlines import Outlines, coverage, posed

SIDE = 224
"""Side of the canvas in pixels."""

Planes = NDArray[np.float32]
"""An image, (C, H, W), of one or three channels in [0, 1]."""

Layer = NDArray[np.float32]
"""What covers a part of it, (H, W)."""

Colour = NDArray[np.float32]
"""(C,)"""

_CIRCLE = np.array([(cos(pi * k / 6), sin(pi * k / 6)) for k in range(12)])


def mask_of(outlines: Outlines, factors: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Return the pixels of the canvas that are at least half inside a cell, 1 there, else 0.

    Parameters
    ----------
    outlines : Outlines
        From `draw_outlines`.
    factors : mapping
        Where and how large it is.
    """
    cell = _placed(outlines.cell, factors)
    box = _box(cell, SIDE)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[box.window] = coverage([[cell]], box.shape, origin=box.origin)[0] >= 0.5
    return mask


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

    cell: Colour
    ground: Colour
    nucleus: Colour


def paint(
    factors: Mapping[str, Any],
    look: Look,
    nuisances: Nuisances,
    outlines: Outlines,
    rng: np.random.Generator,
    *,
    stain: np.random.Generator | None = None,
) -> Planes:
    """Return a picture at its native resolution, as the optics of a microscope would show it.

    Parameters
    ----------
    factors : mapping
        Of the cell in the middle, as in `fovscope.generators.cells`.
    look, nuisances
        What the picture is like apart from them.
    outlines : Outlines
        From `draw_outlines`.
    rng : Generator
        For all else. How much is drawn from it does not depend on the factors.
    stain : Generator, optional
        For the colours of nucleus and background, and what granules look like: one in the same
        state for each cell stains all alike. Without it these are drawn from `rng` as well.

    Returns
    -------
    ndarray of float32, shape (C, side, side)
        One channel if the look is grey, else three; about 0 to 1, without noise.
    """
    scale = nuisances.side / SIDE
    stain = stain or rng
    palette = _palette(factors, look, nuisances, stain)
    picture = _background(palette, nuisances, rng)
    cell, nucleus = (
        _placed(points, factors, scale) for points in (outlines.cell, outlines.nucleus)
    )
    reach = float(np.ptp(cell, axis=0).max()) / scale / 2
    _add_others(picture, palette, outlines, reach, rng)

    width = rng.uniform(1.2, 6.0) * scale  # of rim and halo
    box = _box(cell, nuisances.side, margin=3 * width + 1)
    within = (slice(None), *box.window)
    soft = rng.uniform(0, 2.5) * scale
    inside, core = coverage([[cell], [nucleus]], box.shape, origin=box.origin)
    core = _smooth(core, soft) if look.nucleus else np.zeros_like(core)
    near = _smooth(inside, width)
    halo = _halo_strength(look, rng)
    if halo:
        picture[within] += halo * (4 * near * (1 - near)) * (1 - inside)
    body = _body(factors, look, palette, inside, core, near, scale, rng, stain)
    picture[within] += inside * (body - picture[within])

    # No more than leaves a small object visible, and a camera is worth its pixels.
    blur = min(nuisances.blur * scale, 0.06 * factors["Size"] * scale, 2.2)
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


def _colour(hue: float, saturation: float, value: float, grey: bool) -> Colour:
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
    light += np.float32(0.04 * strength**4) * grain((side, side), 2 ** (4 * width), rng)
    # In part light that is added, not absorbed: a black background has a gradient too.
    picture = (palette.ground + np.float32(0.15))[:, None, None] * light
    picture += palette.ground[:, None, None]
    return picture


def _add_others(
    picture: Planes, palette: _Palette, outlines: Outlines, reach: float, rng: np.random.Generator
) -> None:
    """Lay neighbours and specks over the background; `reach` as of `_neighbours`."""
    side = picture.shape[-1]
    cells, cores = _neighbours(outlines, reach, side / SIDE, rng)
    specks = _specks(side / SIDE, rng)
    tone, dome, rough, dirt = rng.random(4)
    if cells:
        inside, core = coverage([cells, cores], (side, side))
        relief = np.float32(1.6 * dome - 0.4) * (_smooth(inside, 6 * side / SIDE) - np.float32(0.8))
        relief += np.float32(0.2 * rough**2) * grain((side, side), max(1.5, 5 * side / SIDE), rng)
        colour = palette.cell * np.float32(0.85 + 0.3 * tone) - np.float32(0.2) * palette.nucleus
        contrast = colour - palette.ground
        for plane, own, dense, away in zip(picture, colour, palette.nucleus, contrast, strict=True):
            plane += inside * (own + dense * core + away * relief - plane)
    if specks:  # denser than the background, or the other way
        strength = np.float32(1.2 * (dirt - 0.3)) * (palette.cell - palette.ground)
        picture += strength[:, None, None] * coverage([specks], (side, side))


def _neighbours(
    outlines: Outlines, reach: float, scale: float, rng: np.random.Generator
) -> tuple[list[NDArray], list[NDArray]]:
    """Return cells of the same kind about the border, where the frame cuts them, and their nuclei.

    Outline, nucleus and colours are like those of the cell in the middle, as in one smear; sizes,
    axis ratios and directions are their own. From that cell, which reaches `reach` pixels of the
    canvas from its centre, they keep away.
    """
    crowd = int(rng.integers(1, 7)) if rng.random() < 0.4 else 0
    cells, nuclei = [], []
    for angle, gap, size, form, turn in rng.random((crowd, 5)).tolist():
        diameter = 30 * 4.5**size
        elongation = 1 + 1.5 * form**2
        away = max(reach + 25 * gap + diameter / 2 * sqrt(elongation), 90 + 45 * gap)
        x, y = away * cos(2 * pi * angle), away * sin(2 * pi * angle)
        if max(abs(x), abs(y)) > SIDE / 2 + 0.8 * diameter:
            continue  # out of the frame
        for layer, points in ((cells, outlines.cell), (nuclei, outlines.nucleus)):
            neighbour = posed(
                points[::3],
                diameter=diameter * scale,
                elongation=elongation,
                orientation=360 * turn,
                centre=((SIDE / 2 + x) * scale, (SIDE / 2 + y) * scale),
            )
            layer.append(neighbour)
    return cells, nuclei


def _specks(scale: float, rng: np.random.Generator) -> list[NDArray]:
    """Return small discs anywhere, in a fifth of the images."""
    amount = rng.random()
    places = rng.random((int(40 * (amount - 0.8)) if amount > 0.8 else 0, 3))
    radii = 0.8 + 4 * places[:, 2] ** 3
    return list((SIDE * places[:, None, :2] + radii[:, None, None] * _CIRCLE) * scale)


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
    inside: Layer,
    core: Layer,
    near: Layer,
    scale: float,
    rng: np.random.Generator,
    stain: np.random.Generator,
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
    relief += np.float32(0.15 * rough**2) * grain(shape, max(2.0, 9 * scale), rng)
    chromatin = grain(shape, max(1.5, (2 + 5 * mottled) * scale), rng)

    contrast = palette.cell - palette.ground
    strength = float(np.abs(contrast).max())
    direction = contrast / max(strength, 0.05)
    spots, width, sign, power = stain.random(4)
    grains = grain(shape, max(1.4, (2.5 + 4 * width) * scale), rng, spots=bool(spots < 0.7))
    granules = factors["Granularity"] * (0.1 + 0.2 * strength) * (0.75 + 0.5 * power)
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


def _smooth(layer: Layer, width: float) -> Layer:
    """Return a layer averaged over squares of SD `width`, at one cost whatever the width."""
    span = round(np.sqrt(12) * width) | 1
    return uniform_filter(layer, span, mode="nearest") if span > 1 else layer


def _mean(layer: Layer, weight: Layer) -> np.float32:
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
            both = lines[..., 2:] + lines[..., :-2]
            both *= side
            lines[..., 1:-1] *= 1 - 2 * side
            lines[..., 1:-1] += both


def _set_mean_value(part: Planes, inside: Layer, intensity: float) -> None:
    """Shift the object so that its mean HSV value is as given; neither hue nor chroma moves."""
    for _ in range(3):  # again for what was clipped
        missing = np.float32(intensity - _mean(part.max(axis=0), inside))
        if abs(missing) < 0.002:
            return
        part += inside * missing
        np.minimum(np.maximum(part, 0, out=part), 1, out=part)


# Taking the picture -----------------------------------------------------------------------------


def photograph(
    picture: Planes, nuisances: Nuisances, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the image that a camera makes of a picture: noise, 8 bit, compression, enlarged.

    Parameters
    ----------
    picture : ndarray of float32, shape (C, side, side)
        From `paint`; written to.
    nuisances : Nuisances
        Of which the level of the noise counts.
    rng : Generator
        For all else.

    Returns
    -------
    ndarray of uint8, shape (224, 224, 3)
    """
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
