"""What the origin of a data set is given, beside its options.

An origin is a function ``(options, folder, catalogue, workers) -> Manifest``. Where the images of a
source follow those of a target it is also given `followed`, the parts of `Followed` by name: only
the origins that make one of them depend on how images are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from fovscope.datasets.channel_files import bag_size
from fovscope.images.read import read_image, reading_options
from fovscope.interpret.objects import Look, decode_mask


@dataclass(frozen=True)
class Followed:
    """The target that a source follows.

    Attributes
    ----------
    name : str
        Of the target.
    images : DataFrame
        Its image table.
    facts : mapping
        The facts beside it.
    objects, masks : DataFrame
        Its measured objects and their masks (`fovscope.interpret.objects`).
    masks_path : str
        Where the masks lie.
    """

    name: str
    images: pd.DataFrame
    facts: Mapping[str, Any]
    objects: pd.DataFrame
    masks: pd.DataFrame
    masks_path: str

    @property
    def bag(self) -> int:
        """Channels of the images, where they are neither one nor three; else 0."""
        channels = self.facts["preprocessing"].get("channels")
        return bag_size(len(channels["use"])) if channels else 0

    @cached_property
    def paths(self) -> pd.Series:
        """Path of each image below the target's root, by its name."""
        return self.images.set_index("image_id")["path"]

    @cached_property
    def _encoded(self) -> pd.Series:
        return self.masks.set_index("image_id")["mask"]

    def objects_of(self, split: str) -> pd.DataFrame:
        """Return the objects of the images of a split, in the order of the table."""
        chosen = self.images.loc[self.images["split"] == split, "image_id"]
        return self.objects.set_index("image_id").loc[chosen].reset_index()

    def mask(self, image_id: str) -> NDArray:
        """Return the mask of the object in an image, (height, width) of bool."""
        return decode_mask(self._encoded[image_id])

    def look(self, image_id: str) -> Look:
        """Read an image, with the mask of its object; it has the channels of the target."""
        path = Path(self.facts["root"]) / self.paths[image_id]
        image = read_image(path, **reading_options(self.facts["preprocessing"]))
        return Look(image, self.mask(image_id))
