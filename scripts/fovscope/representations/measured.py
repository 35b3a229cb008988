"""Representations without a network: measured properties, the number of cells, nothing at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fovscope.dimensions import PARTS
from fovscope.interpret.features import FEATURES
from fovscope.registry import representation
from fovscope.representations.base import Given


@representation(
    "handcrafted", needs="objects", label="handcrafted features", explained=False, measured=True
)
def handcrafted(given: Given) -> NDArray[np.float64]:
    """Measure size, shape, colour, texture and direction of each object.

    A direction becomes cosine and sine. What cannot be measured in an image, such as the hue of a
    grey object, takes the mean of the images that are fitted on.
    """
    columns = []
    for name, feature in FEATURES.items():
        values = given.objects[name].to_numpy(np.float64)
        if feature.period is None:
            columns.append(values)
        else:
            angle = 2 * np.pi * values / feature.period
            columns += [np.cos(angle), np.sin(angle)]
    table = np.stack(columns, axis=1)
    known = np.isfinite(table)
    fitted = known & given.fit[:, None]
    count = np.maximum(fitted.sum(axis=0), 1)
    return np.where(known, table, np.where(fitted, table, 0).sum(axis=0) / count)


def handcrafted_names() -> list[str]:
    """Return what the columns of `handcrafted` are: ``area``, ``orientation (cos)`` and so on."""
    return [
        name if part is None else f"{name} ({part})"
        for name, feature in FEATURES.items()
        for part in ([None] if feature.period is None else PARTS)
    ]


@representation("constant", needs="images", label="constant (majority class)", explained=False)
def constant(given: Given) -> NDArray[np.float32]:
    """Say nothing about an image: any probe then guesses the largest class."""
    return np.zeros((len(given.images), 1), np.float32)


@representation("cell_count", needs="wells", label="cell count alone", explained=False)
def cell_count(
    given: Given, *, plate: str = "Metadata_Plate", well: str = "Metadata_Well"
) -> NDArray[np.float64]:
    """Count the images of an image's well: what a profile must beat to be about looks.

    Parameters
    ----------
    plate : str
        Column of the image table that names the plate.
    well : str
        Column that names the well.
    """
    cells = given.images.groupby([plate, well])["image_id"].transform("size")
    return cells.to_numpy(np.float64)[:, None]
