"""Reading image files, and bringing them to the one canvas that a network sees.

Every image is treated alike (method, section 2): scaled to 8 bit, masked where asked, centred on
a square canvas of the data set's background value, then resized with antialiasing. Nothing
depends on the class or on the other images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image

from fovscope.datasets.listing import DataError
from fovscope.images.masks import read_mask
from fovscope.images.stored import read_stored, shown_samples
from fovscope.registry import Catalogue, reader

Interpolation = Literal["bicubic", "bilinear", "lanczos", "nearest"]

# One file ---------------------------------------------------------------------------------


def decode(data: bytes, path: Path) -> tuple[np.ndarray, float | None]:
    """Return the samples that an image file shows, and the largest value they are meant to hold.

    Parameters
    ----------
    data : bytes
        Content of the file.
    path : Path
        Its name, for error messages.

    Returns
    -------
    samples : ndarray, shape (height, width, channels)
        Grey, grey and alpha, RGB, or RGB and alpha; uint8, uint16, float, or other integers.
        Zero is black; images of less than 8 bit come as 8 bit.
    full_scale : float or None
        255 of 8 bit, 4095 of 12 bit, 1 of floats; None where nothing is usual.

    Raises
    ------
    DataError
        If the file is damaged, or is not one image of a kind that can be read.
    """
    return shown_samples(read_stored(data, path), path)


def without_alpha(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the colours of what `decode` returned, and its alpha if it has any."""
    if samples.shape[2] in (2, 4):
        return samples[..., :-1], samples[..., -1:]
    return samples, None


def to_8bit(
    samples: np.ndarray,
    path: Path,
    *,
    full_scale: float | None,
    background: int = 0,
    white_level: float | None = None,
) -> np.ndarray:
    """Return samples as 8-bit RGB; transparent ones are laid over the background.

    Parameters
    ----------
    samples : ndarray, shape (height, width, channels)
        What `decode` returned.
    path : Path
        Name of the file, for error messages.
    full_scale : float or None
        Largest value that they are meant to hold, likewise, to which alpha is relative.
    background : int
        Grey value (0-255) behind transparent pixels.
    white_level : float, optional
        Sample value shown as 255; by default `full_scale`.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        ``samples / white_level * 255``, clipped and rounded.

    Raises
    ------
    DataError
        If the pixel type has no usual white level and none is given.
    """
    white = white_level or full_scale
    if white is None:
        raise DataError(f"{path}: {samples.dtype} pixels have no usual white; set 'white_level'")
    shown, alpha = without_alpha(samples)
    if white != 255 or shown.dtype != np.uint8:
        shown = np.clip(shown / white * 255.0, 0, 255)
    if alpha is not None:
        opacity = np.clip(alpha / (full_scale or white), 0, 1)
        shown = shown * opacity + background * (1 - opacity)
    shown = np.rint(shown).astype(np.uint8) if shown.dtype != np.uint8 else shown
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:2], 3)))


def read_image(path: Path, *, background: int = 0, white_level: float | None = None) -> np.ndarray:
    """Return the image in a file as 8-bit RGB.

    Parameters
    ----------
    path : Path
        PNG, JPEG, TIFF or BMP file of one image: grey, RGB, CMYK or palette, with or without
        alpha, of 1 to 16 bit; TIFF also in floating point.
    background, white_level
        As in `to_8bit`.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    DataError
        If the file is damaged or of another kind.
    FileNotFoundError
        If there is no such file.
    """
    samples, full_scale = decode(path.read_bytes(), path)
    how = {"background": background, "white_level": white_level, "full_scale": full_scale}
    return to_8bit(samples, path, **how)


# From image to network input ------------------------------------------------------------


def apply_mask(image: np.ndarray, mask: np.ndarray, background: int) -> np.ndarray:
    """Return `image` with everything outside of `mask` replaced by the background value.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    mask : ndarray of bool, shape (height, width)
    background : int
        Grey value, 0-255.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    DataError
        If the two sizes differ.
    """
    if image.shape[:2] != mask.shape:
        raise DataError(size_mismatch(image.shape, mask.shape))
    return np.where(mask[..., np.newaxis], image, np.uint8(background))


def size_mismatch(image_shape: tuple[int, ...], mask_shape: tuple[int, ...]) -> str:
    """Return the message for a mask that does not fit its image (shapes: height, width)."""
    (height, width), (mask_height, mask_width) = image_shape[:2], mask_shape[:2]
    return f"image is {width}×{height}, its mask {mask_width}×{mask_height} pixels"


def square_canvas(image: np.ndarray, background: int) -> np.ndarray:
    """Return `image` in the middle of the smallest square that holds it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    background : int
        Grey value (0-255) of the padding; an odd pixel goes to the bottom or the right.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
    """
    height, width = image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    canvas = np.full((side, side, 3), background, dtype=np.uint8)
    canvas[top : top + height, left : left + width] = image
    return canvas


def load_for_network(
    path: Path,
    *,
    size: int,
    interpolation: Interpolation,
    background: int = 0,
    white_level: float | None = None,
    mask_path: Path | None = None,
) -> np.ndarray:
    """Return an image file as network input: read, mask, square canvas, antialiased resize.

    Parameters
    ----------
    path : Path
        Image file.
    size : int
        Side of the result in pixels.
    interpolation : {"bicubic", "bilinear", "lanczos", "nearest"}
        Resampling filter; all but ``nearest`` are widened when the image shrinks (antialias).
    background, white_level
        As in `to_8bit`; the background also fills the canvas and masked pixels.
    mask_path : Path, optional
        Mask whose outside is replaced by the background.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)

    Raises
    ------
    DataError
        If a file cannot be read, or image and mask differ in size.
    """
    image = read_image(path, background=background, white_level=white_level)
    if mask_path is not None:
        mask = read_mask(mask_path)
        try:
            image = apply_mask(image, mask, background)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    canvas = Image.fromarray(square_canvas(image, background))
    return np.asarray(canvas.resize((size, size), Image.Resampling[interpolation.upper()]))


@dataclass(frozen=True)
class FolderImages:
    """The images of a manifest as a sequence of network inputs, uint8 (size, size, 3).

    Parameters
    ----------
    paths : tuple of Path
        Image files.
    masks : tuple of Path, optional
        Their masks, where the background is to be masked.
    size, interpolation, background, white_level
        As in `load_for_network`.
    """

    paths: tuple[Path, ...]
    size: int
    interpolation: Interpolation
    background: int = 0
    white_level: float | None = None
    masks: tuple[Path, ...] | None = None

    @classmethod
    def from_manifest(
        cls,
        table: pd.DataFrame,
        root: Path,
        preprocessing: Mapping[str, Any],
        *,
        size: int,
        interpolation: Interpolation,
    ) -> FolderImages:
        """Return the images of a manifest, in the order of its rows.

        Parameters
        ----------
        table : DataFrame
            With the columns `path` and `mask_path`, both relative to `root`.
        root : Path
            Folder below which the images lie now.
        preprocessing : mapping
            Entry of that name in the manifest's info: `background`, `white_level`, `mask`.
        size, interpolation
            As in `load_for_network`.

        Returns
        -------
        FolderImages
        """
        masked = preprocessing["mask"]
        return cls(
            paths=tuple(root / path for path in table["path"]),
            size=size,
            interpolation=interpolation,
            background=preprocessing["background"],
            white_level=preprocessing["white_level"],
            masks=tuple(root / path for path in table["mask_path"]) if masked else None,
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> np.ndarray:
        return load_for_network(
            self.paths[row],
            size=self.size,
            interpolation=self.interpolation,
            background=self.background,
            white_level=self.white_level,
            mask_path=self.masks[row] if self.masks else None,
        )


@reader("files")
def files(
    table: pd.DataFrame,
    facts: Mapping[str, Any],
    size: int,
    interpolation: Interpolation,
    catalogue: Catalogue,
) -> FolderImages:
    """Read image files; see `fovscope.images.source.open_images`."""
    del catalogue
    return FolderImages.from_manifest(
        table, Path(facts["root"]), facts["preprocessing"], size=size, interpolation=interpolation
    )
