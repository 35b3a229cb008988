"""One door to the images of a data set, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from fovscope.generators.texture_dsprites import TextureDSprites
from fovscope.images.read import FolderImages
from fovscope.study.config import Source


class ImageSource(Protocol):
    """Images by row number; picklable, because worker processes read it."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """Return image `row`, uint8 (size, size, 3)."""
        ...


class _Resized:
    """Rendered images at the input size of a backbone that is not theirs."""

    def __init__(self, images: ImageSource, size: int, interpolation: str) -> None:
        self.images = images
        self.size = size
        self.filter = Image.Resampling[interpolation.upper()]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        image = self.images[row]
        if image.shape[0] == self.size:
            return image
        return np.asarray(Image.fromarray(image).resize((self.size, self.size), self.filter))


def open_images(
    table: pd.DataFrame,
    info: Mapping[str, Any],
    source: Source | None,
    *,
    size: int,
    interpolation: str,
) -> ImageSource:
    """Return the images of a data set in the order of its table.

    Parameters
    ----------
    table : pandas.DataFrame
        The design of a source or the manifest of a target.
    info : mapping
        The facts beside it.
    source : Source, optional
        The configuration of a source; None for a target, whose facts say all.
    size : int
        Side of the images in pixels.
    interpolation : str
        Resampling filter.

    Returns
    -------
    ImageSource
        Of uint8 images (size, size, 3).
    """
    if source is not None:
        return _Resized(TextureDSprites(table, source), size, interpolation)
    return FolderImages.from_manifest(
        table, Path(info["root"]), info["preprocessing"], size=size, interpolation=interpolation
    )
