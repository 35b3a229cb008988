"""Images of a target with properties set, made when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.datasets.channel_files import ChannelOptions
from fovscope.datasets.design import BASE
from fovscope.factors import PREFIX
from fovscope.generators.base import Drawing
from fovscope.images.channels import rgb_view
from fovscope.images.read import Interpolation, apply_mask, read_image, reading_options
from fovscope.interpret.objects import Look, decode_mask
from fovscope.interventions.edit import Subject, edit
from fovscope.records import read_table
from fovscope.registry import Catalogue, reader


@dataclass(frozen=True, eq=False)
class EditedImages:
    """The images of a design of settings on real images.

    Attributes
    ----------
    paths : tuple of Path
        Of the image that each row is made of.
    masks : tuple of bytes
        Of its object (`fovscope.interpret.objects.encode_mask`).
    settings : mapping of str to ndarray
        Values by factor, NaN where the image keeps its own.
    numbers : ndarray of int
        Of the rows: an image depends on seed and number.
    seed : int
        Of noise on what is rebuilt.
    size : int
        Side of the images in pixels.
    interpolation : str
        Resampling filter.
    background : int
        Grey value of the padding to a square.
    white_level, black_level : float, optional
        Pixel values shown as white and as black.
    channels : mapping, optional
        The section `channels` of the target: images have the channels of the target.
    masked : bool
        Whether all but the object is replaced by the background.
    """

    paths: tuple[Path, ...]
    masks: tuple[bytes, ...]
    settings: Mapping[str, NDArray[np.float64]]
    numbers: NDArray[np.int64]
    seed: int
    size: int
    interpolation: Interpolation
    background: int
    white_level: float | None
    black_level: float | None
    channels: ChannelOptions | None
    masked: bool
    _last: dict[tuple[Path, bytes], Subject] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        return self.drawing(row).image

    def look(self, row: int) -> Look:
        """Return image `row` and its object, as they are measured."""
        drawing = self.drawing(row)
        return Look(rgb_view(drawing.image), drawing.mask > 0)

    def drawing(self, row: int) -> Drawing:
        """Return image `row` with the mask of its object."""
        values = {name: float(column[row]) for name, column in self.settings.items()}
        return edit(
            self._subject(row),
            {name: value for name, value in values.items() if np.isfinite(value)},
            rng=np.random.default_rng([self.seed, int(self.numbers[row])]),
            interpolation=self.interpolation,
        )

    def _subject(self, row: int) -> Subject:
        """Return what row `row` is made of; kept for the next one, the other member of a pair."""
        what = self.paths[row], self.masks[row]
        subject = self._last.get(what)
        if subject is None:
            image = read_image(
                what[0],
                background=self.background,
                white_level=self.white_level,
                black_level=self.black_level,
                channels=self.channels,
            )
            mask = decode_mask(what[1])
            if self.masked:
                image = apply_mask(image, mask, self.background)
            subject = Subject(image, mask, self.size, self.background)
            self._last.clear()
            self._last[what] = subject
        return subject


@reader("interventions")
def edited(
    table: pd.DataFrame,
    facts: Mapping[str, Any],
    size: int,
    interpolation: Interpolation,
    catalogue: Catalogue,
) -> EditedImages:
    """Edit the images of a target; see `fovscope.images.source.open_images`."""
    del catalogue
    how = facts["interventions"]
    masks = read_table(how["masks"]).set_index("image_id")["mask"]
    root, preprocessing = Path(how["root"]), how["preprocessing"]
    names = [factor["name"] for factor in facts["factors"]]
    return EditedImages(
        paths=tuple(root / path for path in table["base_path"]),
        masks=tuple(masks.loc[table[BASE]]),
        settings={name: table[PREFIX + name].to_numpy(np.float64) for name in names},
        numbers=table["image_id"].astype(np.int64).to_numpy(),
        seed=how["seed"],
        size=size,
        interpolation=interpolation,
        masked=preprocessing["mask"],
        **reading_options(preprocessing),
    )
