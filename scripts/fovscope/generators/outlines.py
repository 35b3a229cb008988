"""Irregular closed outlines of stated size, elongation and direction, and their pixels.

An outline is drawn as a radius per angle with lobes, corners, spines or rays, then bent, then
brought to area 1 and to second moments that are alike in all directions. From there `posed` maps it
so that area and moments are exactly those that are asked for: whatever the form, the ellipse with
the same moments has the stated axes. Points are (x, y) with y downwards, as pixels are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_POINTS = 128
_ANGLES = np.linspace(0, 2 * np.pi, _POINTS, endpoint=False)
_UNIT = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_LINES = 4  # through each row of pixels, at which edges are cut
_INSIDE = 0.93  # a nucleus reaches no farther than this share of the radius of its cell


@dataclass(frozen=True, eq=False)
class Outlines:
    """A cell and its nucleus.

    Attributes
    ----------
    cell, nucleus : ndarray of float64, shape (K, 2)
        Corners of the polygons.
    """

    cell: NDArray[np.float64]
    nucleus: NDArray[np.float64]


def draw_outlines(ratio: float, rng: np.random.Generator) -> Outlines:
    """Draw a cell of area 1 about the origin, with a nucleus of the given share of its area.

    How much is drawn from `rng` does not depend on `ratio`.

    Parameters
    ----------
    ratio : float
        Area of the nucleus over that of the cell, up to 0.6.
    rng : Generator
        For the form of both and the place of the nucleus.
    """
    body = _squarish(rng) * _waves(rng, 2, 5, 0.14)
    cell = body * _protrusions(rng)
    wish = (0.3 + 0.7 * body) * _waves(rng, 2, 4, 0.1)
    nucleus = _of_area(wish, _INSIDE * cell, ratio * _area_of_radii(cell))
    direction, place = rng.uniform(0, 2 * np.pi), rng.random()
    room = max(0.0, float((_INSIDE * cell - nucleus).min()))
    shift = room * np.sqrt(place) * np.array([np.cos(direction), np.sin(direction)])
    bend = rng.normal(0, 0.16, 2) * (rng.random() < 0.5)
    return _evened(
        Outlines(_bent(cell[:, None] * _UNIT, bend), _bent(nucleus[:, None] * _UNIT + shift, bend))
    )


def _squarish(rng: np.random.Generator) -> NDArray:
    """Return the radius of a superellipse: spindles at small exponents, rods at large ones."""
    exponent = (2.0, rng.uniform(1.5, 2.0), rng.uniform(2.0, 4.5))[rng.integers(3)]
    return (np.abs(_UNIT) ** exponent).sum(axis=1) ** (-1 / exponent)


def _waves(rng: np.random.Generator, lowest: int, highest: int, largest: float) -> NDArray:
    """Return a wavy factor about 1 with so many waves around, each up to `largest` high."""
    orders = np.arange(lowest, highest + 1)
    waves = rng.random(2 * len(orders) + 1)
    heights = waves[0] * largest * waves[1::2] * (lowest / orders)
    return 1 + heights @ np.cos(orders[:, None] * _ANGLES + 2 * np.pi * waves[2::2, None])


def _protrusions(rng: np.random.Generator) -> NDArray:
    """Return a factor of 1 and more: nothing, bumps or spines all around, or a few rays."""
    kind = rng.random()
    if kind < 0.45:
        return np.ones_like(_ANGLES)
    if kind < 0.65:
        return _waves(rng, 5, 11, 0.22)
    if kind < 0.8:
        wave = np.cos(rng.integers(7, 19) * _ANGLES + 0.8 * np.sin(_ANGLES + rng.uniform(0, 6.3)))
        return 1 + rng.uniform(0.05, 0.3) * ((1 + wave) / 2) ** rng.uniform(1, 4)
    rays = int(rng.integers(2, 9))
    towards, width = rng.uniform(0, 2 * np.pi, (rays, 1)), rng.uniform(0.06, 0.3, (rays, 1))
    away = (_ANGLES - towards + np.pi) % (2 * np.pi) - np.pi
    return 1 + rng.uniform(0.2, 1.1, rays) @ np.exp(-0.5 * (away / width) ** 2)


def _of_area(wish: NDArray, limit: NDArray, area: float) -> NDArray:
    """Return radii of the given area, in proportion to `wish` where `limit` allows."""
    radii = wish
    for _ in range(4):
        wish = wish * np.sqrt(area / _area_of_radii(radii))
        radii = np.minimum(wish, limit)
    return radii


def _area_of_radii(radii: NDArray) -> float:
    """Return the area of the polygon with these radii at equal angles."""
    around = radii[:-1] @ radii[1:] + radii[-1] * radii[0]
    return 0.5 * np.sin(2 * np.pi / len(radii)) * float(around)


def _bent(points: NDArray, bend: NDArray) -> NDArray:
    """Shear to a bow and an S. Shears keep areas, and what is inside stays inside."""
    x = points[:, 0]
    bent = points.copy()
    bent[:, 1] += x * x * (bend[0] + bend[1] * x)
    return bent


def _evened(outlines: Outlines) -> Outlines:
    """Return outlines of area 1 about the origin, whose second moments have no direction."""
    area, middle, covariance = moments(outlines.cell)
    (xx, xy), (_, yy) = covariance.tolist()
    # The root of a symmetric 2 × 2 matrix C is C + √|C| up to its scale (Cayley and Hamilton).
    root = sqrt(xx * yy - xy**2)
    xx, yy = xx + root, yy + root
    whiten = np.array([[yy, -xy], [-xy, xx]]) / sqrt(area * (xx * yy - xy**2))
    return Outlines(*((points - middle) @ whiten for points in (outlines.cell, outlines.nucleus)))


class Moments(NamedTuple):
    """Area, centre (2,) and covariance (2, 2) of a polygon."""

    area: float
    centre: NDArray[np.float64]
    covariance: NDArray[np.float64]


def moments(points: NDArray) -> Moments:
    """Return the moments of a polygon by Green's theorem.

    Parameters
    ----------
    points : ndarray of float, shape (K, 2)
        Corners in order, either way around.
    """
    following = _following(points)
    cross = points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]
    both = points + following
    area = cross.sum() / 2
    centre = cross @ both / (6 * area)
    second = (cross[:, None] * points).T @ points + (cross[:, None] * following).T @ following
    second += (cross[:, None] * both).T @ both
    return Moments(abs(area), centre, second / (24 * area) - np.outer(centre, centre))


def posed(
    points: NDArray,
    *,
    diameter: float,
    elongation: float,
    orientation: float,
    centre: tuple[float, float],
) -> NDArray[np.float64]:
    """Return an outline of `draw_outlines` to scale, where it lies.

    Parameters
    ----------
    points : ndarray of float, shape (K, 2)
        A cell, or its nucleus, which goes where the same mapping takes it.
    diameter : float
        Of the circle of the same area as the cell, pixels.
    elongation : float
        Major over minor axis of the ellipse with the same second moments as the cell.
    orientation : float
        Of the major axis, degrees, from the x axis counter-clockwise on the screen.
    centre : (float, float)
        Centre of mass of the cell, x and y, pixels.

    Returns
    -------
    ndarray of float64, shape (K, 2)
    """
    angle, scale = np.deg2rad(orientation), diameter * np.sqrt(np.pi / 4)
    cosine, sine = np.cos(angle), np.sin(angle)
    longer, shorter = scale * np.sqrt(elongation), scale / np.sqrt(elongation)
    matrix = np.array([[longer * cosine, -longer * sine], [shorter * sine, shorter * cosine]])
    return points @ matrix + centre


def _following(points: NDArray) -> NDArray:
    return np.concatenate([points[1:], points[:1]])


# To pixels --------------------------------------------------------------------------------------


def coverage(
    layers: Sequence[Sequence[NDArray]],
    shape: tuple[int, int],
    *,
    origin: tuple[float, float] = (0, 0),
) -> NDArray[np.float32]:
    """Return the share of each pixel that polygons cover, 1 at most where they overlap.

    Lines through each row of pixels are cut with the edges; the area to the right of each cut is
    counted, then summed along the row. Across, this is exact; no corner is rounded to the grid.

    Parameters
    ----------
    layers : sequence of sequences of ndarray of float, shape (K, 2)
        The polygons of each layer, one or more: corners (x, y), all the same way around. Parts
        outside of the picture are cut off.
    shape : (int, int)
        Height and width, pixels.
    origin : (float, float)
        Column and row of the corner of the picture in the coordinates of the polygons.

    Returns
    -------
    ndarray of float32, shape (L, height, width)
    """
    height, width = shape
    polygons = [polygon for layer in layers for polygon in layer]
    x, y = (np.concatenate(polygons) - origin).T
    x_end, y_end = (np.concatenate([_following(polygon) for polygon in polygons]) - origin).T
    corners = [sum(map(len, layer)) for layer in layers]
    first_row = np.repeat(np.arange(len(layers)) * height, corners)
    # An edge cuts the lines from the first below its upper end to the last above its lower one.
    bottom = height * _LINES
    line = np.minimum(np.maximum(np.ceil(y * _LINES - 0.5), 0), bottom).astype(np.intp)
    line_end = np.minimum(np.maximum(np.ceil(y_end * _LINES - 0.5), 0), bottom).astype(np.intp)
    upper, cuts = np.minimum(line, line_end), np.abs(line_end - line)
    slope = (x_end - x) / np.where(cuts > 0, y_end - y, 1)
    edge = np.repeat(np.arange(len(x)), cuts)
    line = np.arange(len(edge)) + (upper - np.cumsum(cuts) + cuts)[edge]
    at = (x + slope * (0.5 / _LINES - y))[edge] + (slope / _LINES)[edge] * line
    at = np.minimum(np.maximum(at, 0), width)
    column = at.astype(np.intp)
    weight = (np.sign(y_end - y) / _LINES)[edge]
    part = weight * (at - column)
    place = (line // _LINES + first_row[edge]) * (width + 2) + column
    change = np.bincount(
        np.concatenate([place, place + 1]),
        np.concatenate([weight - part, part]),
        len(layers) * height * (width + 2),
    ).astype(np.float32)
    covered = change.reshape(len(layers), height, width + 2).cumsum(axis=2)[..., :width]
    return np.minimum(np.abs(covered, out=covered), 1)
