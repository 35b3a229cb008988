"""What the origin of a data set is given, beside its options.

An origin is a function ``(options, folder, catalogue, workers) -> Manifest``, with `followed` where
the images of a source follow those of a target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

HIDDEN = "hidden"
"""The column of an image table with the factors that cannot be seen in an image, if any."""


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

    def objects_of(self, split: str) -> pd.DataFrame:
        """Return the objects of the images of a split, in the order of the table."""
        chosen = self.images.loc[self.images["split"] == split, "image_id"]
        return self.objects.set_index("image_id").loc[chosen].reset_index()
