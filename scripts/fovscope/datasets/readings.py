"""What one look at each image of a data set gives: digests, size, depth, greys, a thumbnail.

Every image is read once. What is to be said of all of them together (copies, grey ranges, what
tells classes apart without a look at the object) rests on these readings.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from fovscope.datasets.channel_files import ChannelOptions, channel_files
from fovscope.datasets.listing import DataError
from fovscope.datasets.stores import content
from fovscope.images.channels import Channel, decode_channels
from fovscope.images.masks import examine_mask
from fovscope.images.read import shown_channels, size_mismatch, to_8bit, without_alpha
from fovscope.images.stored import format_of, read_stored, shown_samples
from fovscope.study.data import Target

THUMBNAIL = 16
"""Side in pixels; smaller images have too little in them to be told from others by it."""

_TAIL = 0.002
"""Share of an image's samples, at either end, that are not looked at; two of them at the least."""

_FILLED = 0.9
"""Share of the edges that differ from a frame around them, above which it is one."""

_SAMPLES = 1_000_000
"""Of so many samples of a large image, evenly spaced, greys are taken."""

_SECONDS_PER_DAY = 86_400

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""What a path as ``s3://bucket/1.png`` has among its folders; ``C:`` is none."""

_TO_COMPLETE = re.compile(r"~|\$\w+|\$\{\w+\}|%\w+%")
"""What a shell would complete."""

_MASK_SIZE = "masks of another size than their image; make them of one size"
_UNREADABLE = "files that cannot be read; repair or remove them"


@dataclass(frozen=True)
class Reading:
    """What one look at an image and its mask gave.

    Attributes
    ----------
    sha256, mask_sha256 : str, optional
        Digests of the files; of several files of one image with a blank between them.
    mask_doubts : tuple of str
        What is suspicious about the mask, as of `fovscope.images.masks.examine_mask`.
    pixels : str, optional
        Digest of what is seen: the same for a copy in another format, or of another depth.
    width, height : int
        In pixels.
    depth : str
        Kind of the samples, e.g. ``16-bit``.
    white : float
        Sample value that is shown as white by default; where none is usual, the largest there is.
    usual : bool
        Whether that white is usual, as it is not of integers with a sign or of 32 bit.
    low, middle, high : float
        Sample values: the median, and what all but two thousandths at either end lie between.
    colour : bool
        Whether colours differ from grey.
    margins : tuple of int
        Rows at the top and bottom, columns at the left and right that have the colour of the first
        pixel throughout.
    border : tuple of float
        Median red, green and blue along the border, of white 1; of grey three times the same, of
        images of one colour 0.
    format : str
        Of the file, by its content; of several files the first.
    turned : bool
        Whether viewers turn the image, by its orientation in EXIF or TIFF.
    day : int
        When the file was last changed, in days.
    thumbnail : ndarray of uint8, shape (16, 16), optional
        Grey, without a frame of one colour, stretched from `low` to `high`, so that a hot pixel
        does not outshine all else; none of tiny and of blank images.
    problem : tuple of str, optional
        Why it cannot be used: the kind, and the case.
    channels : tuple of Reading
        Of each channel, where the target says what they are.
    stored_as : tuple of str
        Names that the file gives to these channels; empty ones where it gives none.
    stored_channels : int
        How many channels there are in the file, used or not.
    """

    sha256: str | None = None
    mask_sha256: str | None = None
    mask_doubts: tuple[str, ...] = ()
    pixels: str | None = None
    width: int = 0
    height: int = 0
    depth: str = ""
    white: float = 0
    usual: bool = True
    low: float = 0
    middle: float = 0
    high: float = 0
    colour: bool = False
    margins: tuple[int, ...] = (0, 0, 0, 0)
    border: tuple[float, ...] = (0, 0, 0)
    format: str = ""
    turned: bool = False
    day: int = 0
    thumbnail: NDArray[np.uint8] | None = None
    problem: tuple[str, str] | None = None
    channels: tuple[Reading, ...] = ()
    stored_as: tuple[str, ...] = ()
    stored_channels: int = 0


def read_all(
    images: Iterable[str], masks: Iterable[str | None], root: Path, options: Target, workers: int
) -> list[Reading]:
    """Read images and their masks, which lie at paths below `root`; problems are returned."""

    def read(image: str, mask: str | None) -> Reading:
        return _read(image, root / image, root / mask if isinstance(mask, str) else None, options)

    images = list(images)
    # Threads suffice: decoding and hashing release the interpreter lock.
    with ThreadPoolExecutor(workers) as pool:
        readings = pool.map(read, images, masks)
        hidden = not sys.stderr.isatty()
        return list(tqdm(readings, "read images", len(images), unit="image", disable=hidden))


def _read(image_id: str, path: Path, mask: Path | None, options: Target) -> Reading:
    sha256 = mask_sha256 = None
    doubts: tuple[str, ...] = ()
    channels = options.channels and options.channels.model_dump(mode="json")
    paths = [Path(file) for file in channel_files(str(path), channels)]
    try:
        files = [content(file) for file in paths]
        sha256 = " ".join(hashlib.sha256(data).hexdigest() for data in files)
        reading = replace(_reading(files, path, options, channels), format=format_of(files[0]))
        day = int(paths[0].stat().st_mtime // _SECONDS_PER_DAY)
        if mask is not None:
            data = content(mask)
            mask_sha256 = hashlib.sha256(data).hexdigest()
            examined = examine_mask(data, mask)
            doubts = examined.doubts
            size = reading.height, reading.width
            if examined.mask.shape != size:
                case = f"{image_id}: {size_mismatch(size, examined.mask.shape)}"
                return Reading(sha256, problem=(_MASK_SIZE, case))
    except FileNotFoundError as error:
        return Reading(sha256, problem=(_missing(Path(error.filename)), error.filename))
    except (DataError, OSError) as error:
        return Reading(sha256, problem=(_UNREADABLE, str(error)))
    return replace(reading, sha256=sha256, mask_sha256=mask_sha256, mask_doubts=doubts, day=day)


def _reading(
    files: list[bytes], path: Path, options: Target, channels: ChannelOptions | None
) -> Reading:
    if channels is None:
        stored = read_stored(files[0], path)
        samples, white = shown_samples(stored, path)
        levels = {"white_level": options.white_level, "black_level": options.black_level}
        to_8bit(samples, path, full_scale=white, **levels)
        return replace(reading_of(samples, white), turned=stored.turned)
    found = decode_channels(files, path, channels)
    shown_channels(found, path, channels, options.white_level, options.black_level)
    return reading_of_channels(found)


def reading_of_channels(found: Sequence[Channel]) -> Reading:
    """Return what the channels of an image say, together and each by itself.

    Parameters
    ----------
    found : sequence of Channel
        As `fovscope.images.channels.decode_channels` returns.

    Returns
    -------
    Reading
        Depth and greys are those of the first channel, margins what is plain in all of them, the
        thumbnail the mean of all, each stretched from black to white.
    """
    each = tuple(reading_of(one.samples[..., np.newaxis], one.full_scale) for one in found)
    thumbnails = [one.thumbnail for one in each if one.thumbnail is not None]
    return replace(
        each[0],
        pixels=hashlib.sha256(" ".join(one.pixels for one in each).encode()).hexdigest(),
        colour=len(each) > 1,
        margins=tuple(min(sides) for sides in zip(*(one.margins for one in each), strict=True)),
        thumbnail=np.mean(thumbnails, axis=0).astype(np.uint8) if thumbnails else None,
        channels=each,
        stored_as=tuple(one.stored_as for one in found),
        stored_channels=found[0].beside,
    )


def _missing(path: Path) -> str:
    if path.is_symlink():
        return "links to files that do not exist; mend or remove them"
    if any(_ADDRESS.fullmatch(part) for part in path.parts):
        return "listed addresses, which are not read; download the files, and list their paths"
    if any(_TO_COMPLETE.fullmatch(part) for part in path.parts):
        return "listed files whose paths are to be completed (~, $); write them out"
    how = ", neither as written nor with '/' for each backslash" if "\\" in path.name else ""
    return f"listed files that do not exist{how}; correct the table"


def reading_of(samples: NDArray, white: float | None = None) -> Reading:
    """Return what the samples of an image say.

    Parameters
    ----------
    samples : ndarray, shape (height, width, channels)
        As `fovscope.images.read.decode` returns.
    white : float, optional
        Likewise; where none is usual, that of their type.
    """
    usual = white is not None
    white = white or full_scale(samples.dtype)
    height, width = samples.shape[:2]
    seen = _as_seen(samples, white)
    shown, _ = without_alpha(seen)
    low, middle, high = _greys(shown)
    margins = _margins(shown)
    is_float = samples.dtype.kind == "f"
    used = samples.dtype.kind == "u"  # of 16, 12 bits may be
    bits = int(white).bit_length() if used else 8 * samples.dtype.itemsize
    return Reading(
        pixels=_pixel_digest(seen, white),
        width=width,
        height=height,
        depth=f"{bits}-bit{' float' if is_float else ''}",
        white=white,
        usual=usual,
        low=low,
        middle=middle,
        high=high,
        colour=shown.shape[2] > 1,
        margins=margins,
        border=_border(shown, white),
        thumbnail=_thumbnail(_without_frame(shown, margins), low, high),
    )


def full_scale(dtype: np.dtype) -> float:
    """Return the largest value that samples of a type are meant to have."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def _pixel_digest(seen: NDArray, white: float) -> str:
    """Return a digest of what is seen, where white is 1 whatever the type of the samples."""
    levels = np.divide(seen, white, dtype=np.float32, casting="same_kind")
    content = hashlib.sha256(repr(levels.shape).encode())
    content.update(np.ascontiguousarray(levels))
    return content.hexdigest()


def _as_seen(samples: NDArray, white: float) -> NDArray:
    """Return samples without alpha that hides nothing, and grey in one channel."""
    colours, alpha = without_alpha(samples)
    if colours.shape[2] == 3 and (colours[..., :1] == colours[..., 1:]).all():
        colours = colours[..., :1]
    if alpha is None or (alpha == white).all():
        return colours
    return np.concatenate([colours, alpha], axis=2)


def _greys(shown: NDArray) -> tuple[float, float, float]:
    values = shown.reshape(-1)
    values = values[:: max(1, values.size // _SAMPLES)]
    tail = min(max(2, int(_TAIL * values.size)), (values.size - 1) // 2)
    places = (tail, values.size // 2, values.size - 1 - tail)
    found = np.partition(values, places)
    return tuple(float(found[place]) for place in places)


def _margins(shown: NDArray) -> tuple[int, ...]:
    plain = (shown == shown[:1, :1]).all(axis=2)
    rows, columns = plain.all(axis=1), plain.all(axis=0)
    return tuple(_run(flags) for flags in (rows, rows[::-1], columns, columns[::-1]))


def _border(shown: NDArray, white: float) -> tuple[float, ...]:
    if (shown == shown[:1, :1]).all():
        return 0, 0, 0
    ring = np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]])
    colour = np.median(ring, axis=0) / white
    return tuple(float(one) for one in np.broadcast_to(colour, 3))


def _run(flags: NDArray[np.bool_]) -> int:
    return len(flags) if flags.all() else int(flags.argmin())


def _without_frame(shown: NDArray, margins: tuple[int, ...]) -> NDArray:
    """Return an image without a frame around it; the plain background of an object is none.

    What a frame surrounds fills its rows and columns to the ends; an object only touches them.
    """
    top, bottom, left, right = margins
    inside = shown[top : shown.shape[0] - bottom, left : shown.shape[1] - right]
    if not inside.size:
        return shown
    differs = (inside != shown[:1, :1]).any(axis=2)
    edges = np.concatenate([differs[0], differs[-1], differs[:, 0], differs[:, -1]])
    return inside if edges.mean() > _FILLED else shown


def _thumbnail(shown: NDArray, low: float, high: float) -> NDArray[np.uint8] | None:
    if min(shown.shape[:2]) < THUMBNAIL:
        return None
    shown = np.clip(shown, *np.array([low, high], shown.dtype))
    grey = Image.fromarray(shown.mean(axis=2, dtype=np.float32))
    small = np.asarray(grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))
    low, high = small.min(), small.max()
    if not low < high:
        return None
    return np.rint((small - low) / (high - low) * 255).astype(np.uint8)
