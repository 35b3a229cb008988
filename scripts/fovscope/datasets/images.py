"""One door to the images of a data set, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from fovscope.generators.base import load_generator
from fovscope.images.read import FolderImages, square_canvas
from fovscope.images.source import ImageSource
from fovscope.registry import Catalogue


class _Resized:
    """Rendered images as RGB squares of the size that a backbone wants."""

    def __init__(self, images: ImageSource, size: int, interpolation: str) -> None:
        self.images = images
        self.size = size
        self.filter = Image.Resampling[interpolation.upper()]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        image = self.images[row]
        height, width, channels = image.shape
        if channels == 1:
            image = np.repeat(image, 3, axis=2)
        if height != width:
            image = square_canvas(image, 0)
        if image.shape[0] == self.size:
            return image
        return np.asarray(Image.fromarray(image).resize((self.size, self.size), self.filter))


def open_images(
    table: pd.DataFrame,
    info: Mapping[str, Any],
    *,
    size: int,
    interpolation: str,
    catalogue: Catalogue,
) -> ImageSource:
    """Return the images of a data set in the order of its table.

    Parameters
    ----------
    table : pandas.DataFrame
        An image table, or a part of it.
    info : mapping
        The facts beside it.
    size : int
        Side of the images in pixels.
    interpolation : str
        Resampling filter.
    catalogue : Catalogue
        Where the generator of rendered images is found.

    Returns
    -------
    ImageSource
        Of uint8 images (size, size, 3).

    Raises
    ------
    RegistryError
        If the catalogue lacks the generator.
    """
    if "generator" in info:
        made_by = info["generator"]
        generator = load_generator(
            catalogue.entry("generator", made_by["name"]), made_by["options"]
        )
        return _Resized(generator.images(table, seed=made_by["seed"]), size, interpolation)
    return FolderImages.from_manifest(
        table, Path(info["root"]), info["preprocessing"], size=size, interpolation=interpolation
    )
