"""What everything that reads images expects of them, and the one door to those of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.images.channels import rgb_view
from fovscope.registry import Catalogue


class ImageSource(Protocol):
    """Images by row number; picklable, because worker processes read it."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """Return image `row`, uint8 (H, W, C)."""
        ...


class RGBView:
    """The pictures of images of any channels (`fovscope.images.channels.rgb_view`)."""

    def __init__(self, images: ImageSource) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        return rgb_view(self.images[row])


def open_images(
    table: pd.DataFrame,
    facts: Mapping[str, Any],
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
    facts : mapping
        The facts beside it: they say whether images are files, rendered by a generator, or edited.
    size : int
        Side of the images in pixels.
    interpolation : str
        Resampling filter.
    catalogue : Catalogue
        Where readers and generators are.

    Returns
    -------
    ImageSource
        Of uint8 images (size, size, channels): three but for targets that say what channels they
        have, and for sources made of their images.

    Raises
    ------
    RegistryError
        If the catalogue lacks the generator.
    """
    kind = next((name for name in ("generator", "interventions") if name in facts), "files")
    return catalogue.load("reader", kind)(table, facts, size, interpolation, catalogue)
