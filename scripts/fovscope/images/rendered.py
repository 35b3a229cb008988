"""Images that a generator renders when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from fovscope.generators.base import load_generator
from fovscope.images.read import square_canvas
from fovscope.images.source import ImageSource
from fovscope.registry import Catalogue, reader


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


@reader("generator")
def rendered(
    table: pd.DataFrame,
    facts: Mapping[str, Any],
    size: int,
    interpolation: str,
    catalogue: Catalogue,
) -> ImageSource:
    """Render the images of a generator; see `fovscope.images.source.open_images`."""
    made_by = facts["generator"]
    generator = load_generator(catalogue.entry("generator", made_by["name"]), made_by["options"])
    return _Resized(generator.images(table, seed=made_by["seed"]), size, interpolation)
