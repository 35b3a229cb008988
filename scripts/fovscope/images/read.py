"""Reading image files, and bringing them to the one canvas that a network sees.

Every image is treated alike (method, section 2): scaled to 8 bit, masked where asked, centred on
a square canvas of the data set's background value, then resized with antialiasing. Nothing
depends on the class or on the other images. Images are (height, width, channels): three, unless
the target says that they are others (`fovscope.images.channels`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image

from fovscope.datasets.channel_files import ChannelOptions
from fovscope.datasets.listing import DataError
from fovscope.datasets.stores import content
from fovscope.images.channels import Channel, contents, decode_channels, each_plane
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
    black_level: float | None = None,
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
    black_level : float, optional
        Sample value shown as 0, e.g. the offset of a camera; by default 0.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        ``(samples - black_level) / (white_level - black_level) * 255``, clipped and rounded.

    Raises
    ------
    DataError
        If the pixel type has no usual white level and none is given, white is beyond its range, or
        black is not below white.
    """
    white = white_level or full_scale
    if white is None:
        raise DataError(f"{path}: {samples.dtype} pixels have no usual white; set 'white_level'")
    if samples.dtype == np.uint8 and white > 255:
        raise DataError(
            f"{path}: 8-bit pixels do not reach the white_level of {white:g}, which is that of "
            "deeper images; save all images in one depth"
        )
    black = black_level or 0
    if black >= white:
        raise DataError(
            f"{path}: 'black_level' {black:g} is not below white, {white:g}; correct it"
        )
    shown, alpha = without_alpha(samples)
    if black:
        shown = np.clip((shown.astype(np.float64) - black) / (white - black) * 255.0, 0, 255)
    elif white != 255 or shown.dtype != np.uint8:
        shown = np.clip(shown / white * 255.0, 0, 255)
    if alpha is not None:
        opacity = np.clip(alpha / (full_scale or white), 0, 1)
        shown = shown * opacity + background * (1 - opacity)
    shown = np.rint(shown).astype(np.uint8) if shown.dtype != np.uint8 else shown
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:2], 3)))


def shown_channels(
    found: Sequence[Channel],
    path: Path,
    channels: ChannelOptions,
    white_level: float | None,
    black_level: float | None = None,
) -> np.ndarray:
    """Return the channels of an image in 8 bit, each scaled by its own black and white.

    Parameters
    ----------
    found : sequence of Channel
        What `fovscope.images.channels.decode_channels` returned.
    path : Path
        Of the image, for error messages.
    channels : mapping
        The section `channels` of the target, whose `white_level` and `black_level` say those of
        some.
    white_level, black_level : float, optional
        Those of the others; by default their full scale and 0.

    Returns
    -------
    ndarray of uint8, shape (height, width, channels)
        A single channel is repeated, three times, as grey images are.

    Raises
    ------
    DataError
        If the pixel type of a channel has no usual white level and none is given.
    """
    planes = []
    for one in found:
        where = path.with_name(f"{path.name}, channel {one.name}")
        how = {
            "full_scale": one.full_scale,
            "white_level": channels["white_level"].get(one.name, white_level),
            "black_level": channels["black_level"].get(one.name, black_level),
        }
        planes.append(to_8bit(one.samples[..., np.newaxis], where, **how)[..., 0])
    return np.stack(planes * 3 if len(planes) == 1 else planes, axis=2)


def reading_options(preprocessing: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `read_image` among the preprocessing of a data set."""
    options = {key: preprocessing[key] for key in ("background", "white_level")}
    return options | {key: preprocessing.get(key) for key in ("black_level", "channels")}


def read_image(
    path: Path,
    *,
    background: int = 0,
    white_level: float | None = None,
    black_level: float | None = None,
    channels: ChannelOptions | None = None,
) -> np.ndarray:
    """Return the image in a file, or in a file for each channel, in 8 bit.

    Parameters
    ----------
    path : Path
        PNG, JPEG, TIFF or BMP file of one image: grey, RGB, CMYK or palette, with or without
        alpha, of 1 to 16 bit; TIFF also in floating point. Or a folder of OME-Zarr. With
        `channels` as of `fovscope.images.channels.contents`.
    background, white_level, black_level
        As in `to_8bit`.
    channels : mapping, optional
        The section `channels` of a target, as plain values.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB; with `channels` as of `shown_channels`.

    Raises
    ------
    DataError
        If the file is damaged or of another kind.
    FileNotFoundError
        If there is no such file.
    """
    if channels is not None:
        found = decode_channels(contents(path, channels), path, channels)
        return shown_channels(found, path, channels, white_level, black_level)
    samples, full_scale = decode(content(path), path)
    how = {"white_level": white_level, "black_level": black_level, "background": background}
    return to_8bit(samples, path, full_scale=full_scale, **how)


# From image to network input ------------------------------------------------------------


def apply_mask(image: np.ndarray, mask: np.ndarray, background: int) -> np.ndarray:
    """Return `image` with everything outside of `mask` replaced by the background value.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
    mask : ndarray of bool, shape (height, width)
    background : int
        Grey value, 0-255.

    Returns
    -------
    ndarray of uint8, shape (height, width, channels)

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
    image : ndarray of uint8, shape (height, width, channels)
    background : int
        Grey value (0-255) of the padding; an odd pixel goes to the bottom or the right.

    Returns
    -------
    ndarray of uint8, shape (side, side, channels)
    """
    height, width, channels = image.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    canvas = np.full((side, side, channels), background, dtype=np.uint8)
    canvas[top : top + height, left : left + width] = image
    return canvas


def resized(image: np.ndarray, size: int, interpolation: str) -> np.ndarray:
    """Return an image as a square of `size` pixels, each channel resampled by itself.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
    size : int
        Side of the result in pixels.
    interpolation : {"bicubic", "bilinear", "lanczos", "nearest"}
        Resampling filter; all but ``nearest`` are widened when the image shrinks (antialias).

    Returns
    -------
    ndarray of uint8, shape (size, size, channels)
    """
    shape, how = (size, size), Image.Resampling[interpolation.upper()]
    if image.shape[2] == 3 and _is_grey(image):  # once for all three
        return np.dstack([np.asarray(Image.fromarray(image[..., 0]).resize(shape, how))] * 3)
    if image.shape[2] == 3:  # the same, in one go
        return np.asarray(Image.fromarray(image).resize(shape, how))
    return np.dstack([Image.fromarray(plane).resize(shape, how) for plane in each_plane(image)])


def _is_grey(image: np.ndarray) -> bool:
    return all(np.array_equal(image[..., 0], image[..., other]) for other in (1, 2))


def load_for_network(
    path: Path,
    *,
    size: int,
    interpolation: Interpolation,
    background: int = 0,
    white_level: float | None = None,
    black_level: float | None = None,
    channels: ChannelOptions | None = None,
    mask_path: Path | None = None,
) -> np.ndarray:
    """Return an image file as network input: read, mask, square canvas, antialiased resize.

    Parameters
    ----------
    path : Path
        Image file.
    size, interpolation
        As in `resized`.
    background, white_level, black_level, channels
        As in `read_image`; the background also fills the canvas and masked pixels.
    mask_path : Path, optional
        Mask whose outside is replaced by the background.

    Returns
    -------
    ndarray of uint8, shape (size, size, channels)

    Raises
    ------
    DataError
        If a file cannot be read, or image and mask differ in size.
    """
    how = {"white_level": white_level, "black_level": black_level, "channels": channels}
    image = read_image(path, background=background, **how)
    if mask_path is not None:
        mask = read_mask(mask_path)
        try:
            image = apply_mask(image, mask, background)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    return resized(square_canvas(image, background), size, interpolation)


@dataclass(frozen=True)
class FolderImages:
    """The images of a manifest as a sequence of network inputs, uint8 (size, size, channels).

    Parameters
    ----------
    paths : tuple of Path
        Image files.
    masks : tuple of Path, optional
        Their masks, where the background is to be masked.
    size, interpolation, background, white_level, black_level, channels
        As in `load_for_network`.
    """

    paths: tuple[Path, ...]
    size: int
    interpolation: Interpolation
    background: int = 0
    white_level: float | None = None
    masks: tuple[Path, ...] | None = None
    channels: ChannelOptions | None = None
    black_level: float | None = None

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
            Entry of that name in the manifest's info: `background`, `white_level`, `mask`, and
            `black_level` and `channels` where the target says what they are.
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
            masks=tuple(root / path for path in table["mask_path"]) if masked else None,
            **reading_options(preprocessing),
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
            black_level=self.black_level,
            channels=self.channels,
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
