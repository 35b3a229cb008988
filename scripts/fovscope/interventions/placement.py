"""Where an object lies and what form it has, and the one map that changes both.

An object is described by its moments of second order: an ellipse of the same area moments stands
for it. A linear map A turns their covariance C into A C Aᵀ, so that a stretch along the axes of
that ellipse sets the ratio of the axes, and the direction, exactly, whatever the outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Pose:
    """Size, form, direction and place of an object.

    Attributes
    ----------
    diameter : float
        Of the disc of the same area, pixels.
    elongation : float
        Major over minor axis.
    orientation : float
        Of the major axis, degrees from the x axis, counter-clockwise on the screen, 0 to 180.
    centre : (float, float)
        x and y of the centre of mass in pixels from the left and the top edge of the image: the
        middle of the first pixel is 0.5.
    """

    diameter: float
    elongation: float
    orientation: float
    centre: tuple[float, float]


def pose_of(mask: Mask) -> Pose:
    """Measure the pose of a mask (height, width) that is not empty."""
    rows, columns = np.nonzero(mask)
    centre = columns.mean() + 0.5, rows.mean() + 0.5
    x, y = columns + 0.5 - centre[0], centre[1] - rows - 0.5  # y upwards
    # The second moment of a pixel, a square of side 1, is 1/12: as in handcrafted.geometry.
    xx, yy, xy = x @ x / len(x) + 1 / 12, y @ y / len(x) + 1 / 12, x @ y / len(x)
    spread = np.hypot(xx - yy, 2 * xy)
    return Pose(
        diameter=float(np.sqrt(4 * len(x) / np.pi)),
        elongation=float(np.sqrt((xx + yy + spread) / (xx + yy - spread))),
        orientation=float(np.rad2deg(np.arctan2(2 * xy, xx - yy)) / 2 % 180),
        centre=(float(centre[0]), float(centre[1])),
    )


def linear_map(own: Pose, wanted: Pose) -> NDArray[np.float64]:
    """Return the linear map of (x, y), y downwards, from one pose to another; shape (2, 2)."""
    scale = wanted.diameter / own.diameter
    stretch = np.sqrt(wanted.elongation / own.elongation)
    along = np.diag([scale * stretch, scale / stretch])
    return _turn(wanted.orientation) @ along @ _turn(own.orientation).T


def _turn(degrees: float) -> NDArray[np.float64]:
    """Return the rotation counter-clockwise on the screen, where y points downwards."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, sine], [-sine, cosine]])


def extent(mask: Mask, own: Pose, linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far a mapped object reaches from its centre.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    own : Pose
        Of the mask.
    linear : ndarray of float, shape (2, 2)

    Returns
    -------
    ndarray of float, shape (2, 2)
        Lowest and highest offset (rows) in x and y (columns), in pixels.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    lines = mask[rows]
    left = lines.argmax(axis=1)
    right = mask.shape[1] - lines[:, ::-1].argmax(axis=1)
    # The corners of the first and the last pixel of each row hold the convex hull.
    x = np.concatenate([left, left, right, right]) - own.centre[0]
    y = np.concatenate([rows, rows + 1, rows, rows + 1]) - own.centre[1]
    mapped = linear @ np.stack([x, y])
    return np.stack([mapped.min(axis=1), mapped.max(axis=1)])
