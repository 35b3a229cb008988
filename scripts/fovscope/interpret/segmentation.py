"""Finding the one object of an image where the data set has no mask.

Each image is judged by itself: nothing depends on its class or on other images. The background
is the most frequent colour along the edge. The distance of each pixel from it (root, so that
faint appendages of dark bodies count) is cut by Otsu's threshold; of the pieces, with holes
filled, the object is the one with most area near the centre. Two corrections: what reaches all
four sides is itself the background between crowded objects, unless it is a body in a crop as tight
as its bounding box; and an object that reaches the border may be joined to its neighbours, from
which it is cut at its necks.

References
----------
Otsu (1979), "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9:62-66.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import label
from skimage.morphology import convex_hull_image, h_maxima
from skimage.segmentation import watershed

Mask = NDArray[np.bool_]

_SMOOTHING = 0.8  # SD of the Gaussian against noise, pixels
_EDGE = 0.08  # width of the edge zone, share of the shorter side
_GAP = 0.015  # gaps that are closed, share of the shorter side (at least one pixel)
_CENTRE = 0.15  # SD of the weight of central pixels, share of height and width
_NECK = 0.12  # a neck is narrower than both its sides by this share of the largest radius

SMALLEST = 16
"""Pixels below which nothing can be measured."""
_LARGEST = 0.85  # share of the image; an ellipse that touches all sides covers π/4
_MAIN_PART = 0.7  # share of the largest piece below which an object counts as fragmented
_CUT = 0.08  # share of the outline on the border above which an object counts as cut off or joined

_CORNER = 0.04  # side of a corner, share of height and width
_SOLID = 0.85  # share of a body in its convex hull; the background between bodies has less
_TOUCH = 1.6  # contact with a side above which a body is cut there, in those of the inner ellipse


@dataclass(frozen=True)
class Segmentation:
    """An object and whether it can be trusted.

    Attributes
    ----------
    mask : ndarray of bool, shape (height, width)
        The object.
    main_part : float
        Share of the object in all pieces that do not reach the border and itself, 0 to 1.
    """

    mask: Mask
    main_part: float


def segment_object(image: NDArray[np.uint8]) -> Segmentation:
    """Find the object of an image.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB; the background may have any colour and be darker or lighter than the object.

    Returns
    -------
    Segmentation
        With an empty mask where all pixels are alike.
    """
    smooth = ndimage.gaussian_filter(image.astype(np.float32), (_SMOOTHING, _SMOOTHING, 0))
    pieces = _unlike(smooth, _prevailing_colour(smooth[_edge_zone(image.shape[:2])]))
    chosen = _most_central(pieces)
    if _sides_reached(chosen) == 4 and not chosen.all() and not _is_body(chosen):
        pieces = _unlike(smooth, _prevailing_colour(smooth[chosen]))
        again = _most_central(pieces)
        chosen = again if _sides_reached(again) < 4 else chosen
    main_part = _share_of_main_part(chosen, pieces)
    if _sides_reached(chosen):
        chosen = _cut_at_necks(chosen)
    return Segmentation(chosen, main_part)


def given_object(mask: Mask) -> Segmentation:
    """Return the mask of a data set as it is; fragments are compared with its largest piece."""
    areas = np.bincount(label(mask).ravel())[1:]
    return Segmentation(mask, float(areas.max() / areas.sum()) if areas.size else 0.0)


def reason_to_doubt(segmentation: Segmentation) -> str:
    """Say what makes a segmentation suspicious; empty text if nothing does."""
    mask = segmentation.mask
    if not mask.any():
        return "empty"
    whole = _fits_its_frame(mask)
    reasons = {
        "too small": mask.sum() < SMALLEST,
        "too large": mask.mean() > _LARGEST,
        "touches all sides": _sides_reached(mask) == 4 and not whole,
        "reaches the border": _outline_on_border(mask) > _CUT and not whole,
        "fragmented": segmentation.main_part < _MAIN_PART,
    }
    return ", ".join(reason for reason, holds in reasons.items() if holds)


def _edge_zone(shape: tuple[int, ...]) -> Mask:
    width = max(1, round(_EDGE * min(shape)))
    zone = np.ones(shape, bool)
    zone[width:-width, width:-width] = False
    return zone


def _prevailing_colour(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median colour of the pixels whose brightness is about the most frequent one."""
    brightness = pixels.mean(axis=1)
    counts = np.bincount(np.rint(brightness).astype(int), minlength=256).astype(float)
    mode = ndimage.gaussian_filter1d(counts, 4, mode="constant").argmax()
    return np.median(pixels[np.abs(brightness - mode) <= 6], axis=0)


def _unlike(image: NDArray[np.float32], background: NDArray[np.float32]) -> Mask:
    """Return the pixels that differ from the background, with gaps closed and holes filled."""
    distance = np.sqrt(np.linalg.norm(image - background, axis=2))
    if np.ptp(distance) == 0:
        return np.zeros(distance.shape, bool)
    pieces = distance > threshold_otsu(distance)
    radius = max(1, round(_GAP * min(distance.shape)))
    return ndimage.binary_fill_holes(_closed(pieces, radius))


def _closed(pieces: Mask, radius: int) -> Mask:
    """Return the closing of pieces by a disk, exact, in a time that no radius changes.

    What a disk reaches is what lies no farther than its radius. Beyond the image is nothing.
    """
    margin = radius + 1
    away = ndimage.distance_transform_edt(~np.pad(pieces, margin))
    inside = ndimage.distance_transform_edt(away <= radius)
    return (inside > radius)[margin:-margin, margin:-margin]


def _most_central(pieces: NDArray) -> Mask:
    """Return the piece (connected, or by number) with the largest area weighted to the centre."""
    numbered = label(pieces) if pieces.dtype == bool else pieces
    weights = np.multiply.outer(*(_central_weight(side) for side in pieces.shape))
    scores = np.bincount(numbered.ravel(), weights.ravel())
    scores[0] = 0
    return (numbered == scores.argmax()) & (numbered > 0)


def _central_weight(side: int) -> NDArray[np.float64]:
    return np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (_CENTRE * side)) ** 2)


def _sides_reached(mask: Mask) -> int:
    return sum(bool(side.any()) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def _is_body(mask: Mask) -> bool:
    """Whether what reaches all sides is a body: it is solid, and leaves three corners free.

    The background between crowded objects lies in the corners, or winds between the objects.
    """
    height, width = (max(1, round(_CORNER * side)) for side in mask.shape)
    rows, columns = (slice(height), slice(-height, None)), (slice(width), slice(-width, None))
    corners = sum(mask[row, column].mean() > 0.5 for row in rows for column in columns)
    return corners < 2 and mask.sum() > _SOLID * convex_hull_image(mask).sum()


def _fits_its_frame(mask: Mask) -> bool:
    """Whether an object is whole in a crop as tight as its bounding box: it only touches the sides.

    The ellipse within a frame of n rows has 2 / √n of the upper side within its first row.
    """
    if _sides_reached(mask) < 4 or not _is_body(mask):
        return False
    height, width = mask.shape
    lying = max(mask[0].mean(), mask[-1].mean()) * np.sqrt(height)
    standing = max(mask[:, 0].mean(), mask[:, -1].mean()) * np.sqrt(width)
    return bool(max(lying, standing) < 2 * _TOUCH)


def _outline_on_border(mask: Mask) -> float:
    """Return the share of the outline's pixels that lie on the border of the image."""
    outline = mask & ~ndimage.binary_erosion(mask)  # pixels beyond the border count as outside
    inner = ndimage.binary_erosion(np.ones_like(mask))
    return float((outline & ~inner).sum() / outline.sum())


def _share_of_main_part(chosen: Mask, pieces: Mask) -> float:
    """Return the share of the object in itself and all pieces that lie wholly in the image."""
    numbered = label(pieces & ~chosen)
    border = np.concatenate([numbered[0], numbered[-1], numbered[:, 0], numbered[:, -1]])
    areas = np.bincount(numbered.ravel())
    areas[np.append(np.unique(border), 0)] = 0
    area = chosen.sum()
    return float(area / (area + areas.sum())) if area else 0.0


def _cut_at_necks(mask: Mask) -> Mask:
    """Return the central part of an object that consists of several thick parts."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    depth = ndimage.gaussian_filter(depth, 1) * mask
    middles = label(h_maxima(depth, _NECK * depth.max()))
    if middles.max() < 2:
        return mask
    return _most_central(watershed(-depth, middles, mask=mask))
