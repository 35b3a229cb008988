"""What an image file stores, and whether that is one image: one judgement for every format.

TIFF is decoded by tifffile, PNG and JPEG 2000 of more than 8 bit by imagecodecs (of colours Pillow
keeps 8 bit only) and everything else by Pillow. Whatever decodes it, a file is read if it holds one
image of grey, RGB, CMYK or palette colours, with or without alpha, and otherwise refused by the
name of what is wrong: several pages, planes or frames, channels without a meaning, a compression
without a decoder. Where a target says what its channels are, `fovscope.images.stacks` reads the
file instead.

Pixels are taken as they are stored: an EXIF or TIFF orientation is not applied, because masks
carry none and would no longer lie on their images.

References
----------
TIFF 6.0 (Adobe, 1992), for what PhotometricInterpretation, ExtraSamples and InkSet mean.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC

from fovscope.datasets.listing import DataError
from fovscope.images.ome_zarr import Planes, is_ome_zarr, read_ome_zarr

Colours = Literal["grey", "inverted grey", "palette", "rgb", "cmyk"]
Alpha = Literal["none", "straight", "premultiplied"]

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_BITS = slice(24, 25)
"""Where a PNG file says how many bits a sample has (PNG specification, 11.2.1)."""

_JPEG_2000_SIZE = b"\xff\x4f\xff\x51"
_JPEG_2000_BITS = 42
"""How a code stream of JPEG 2000 begins, and where from there it says how many bits the samples of
the first channel have: less one, beside a flag for a sign (ISO/IEC 15444-1, A.5.1)."""

LFS_POINTER = b"version https://git-lfs"
"""How a file begins that only stands for another one, which Git LFS has not fetched yet."""

MOST_PIXELS = 178_956_970
"""Where Pillow, by default, takes a file for an attack on the memory; a limit for all formats."""

_CHANNELS = {"grey": 1, "inverted grey": 1, "palette": 1, "rgb": 3, "cmyk": 4}
_TIFF_COLOURS: dict[int, Colours] = {
    PHOTOMETRIC.MINISBLACK: "grey",
    PHOTOMETRIC.MINISWHITE: "inverted grey",
    PHOTOMETRIC.MASK: "grey",
    PHOTOMETRIC.PALETTE: "palette",
    PHOTOMETRIC.RGB: "rgb",
    PHOTOMETRIC.SEPARATED: "cmyk",
}
_TIFF_ALPHA: dict[tuple[int, ...], Alpha] = {
    (): "none",
    (EXTRASAMPLE.UNASSALPHA,): "straight",
    (EXTRASAMPLE.ASSOCALPHA,): "premultiplied",
}
_TIFF_JPEG = frozenset(
    {COMPRESSION.JPEG, COMPRESSION.OJPEG, COMPRESSION.ALT_JPEG, COMPRESSION.JPEG_LOSSY}
)
_INK_SET, _CMYK = 332, 1
_ORIENTATION, _TURNED = 274, range(2, 9)

_OTHER_KINDS = (
    (0, b"\xff\xd8\xff", "a JPEG that is cut off, of 12 bit or lossless, and cannot be decoded"),
    (4, b"ftyp", "a HEIF file or a video, which cannot be decoded"),
    (4, b"JXL ", "a JPEG XL file, which cannot be decoded"),
    (0, b"\xff\x0a", "a JPEG XL file, which cannot be decoded"),
    (0, b"II\xbc", "a JPEG XR file, which cannot be decoded"),
    (0, b"ZISRAWFILE", "a CZI file of Zeiss, which is not read"),
    (0, b"\xda\xce\xbe\n", "an ND2 file of Nikon, which is not read"),
    (0, b"\x89HDF", "an HDF5 file, which is not read"),
    (128, b"DICM", "a DICOM file, which is not read"),
    (0, b"%PDF", "a PDF, which is not read"),
    (0, b"\x93NUMPY", "a NumPy array, which is not read"),
    (0, b"\x1f\x8b", "compressed (gzip), which is not read"),
    (0, b"PK\x03\x04", "an archive, which is not read"),
    (0, b"8BPS", "a Photoshop file, which is not read"),
    (0, b"v/1\x01", "an OpenEXR file, which is not read"),
    (0, b"p\x00\x00\x00", "a LIF file of Leica, which is not read"),
)
"""What goes by the name of an image and is none that can be read: offset, signature, words."""


@dataclass(frozen=True, eq=False)
class Stored:
    """The one image of a file, as it is stored.

    Attributes
    ----------
    samples : ndarray, shape (height, width, channels)
        As they are in the file, alpha last; unsigned or signed integers, or floats.
    colours : {"grey", "inverted grey", "palette", "rgb", "cmyk"}
        What the samples mean. Of inverted grey 0 is white; of a palette samples are indices.
    bits : int
        Bits of a sample that are used; of 12 bit in uint16, 12.
    alpha : {"none", "straight", "premultiplied"}
        Whether the last channel is alpha, and whether colours were multiplied by it.
    palette : ndarray of uint8, shape (entries, 3 or 4), optional
        Colours, with alpha where some are transparent.
    lossy : bool
        Whether a JPEG changed the samples.
    turned : bool
        Whether viewers turn or mirror the image by its orientation (EXIF, TIFF). Samples are not.
    """

    samples: NDArray
    colours: Colours
    bits: int
    alpha: Alpha = "none"
    palette: NDArray[np.uint8] | None = None
    lossy: bool = False
    turned: bool = False

    @property
    def full_scale(self) -> float | None:
        """Largest value that samples are meant to hold; None where none is usual."""
        if self.samples.dtype.kind == "f":
            return 1.0
        if self.samples.dtype.kind == "u" and self.bits <= 16:
            return 2.0**self.bits - 1
        return None


def read_stored(data: bytes, path: Path) -> Stored:
    """Return what an image file stores.

    Parameters
    ----------
    data : bytes
        Content of the file.
    path : Path
        Its name, for error messages.

    Returns
    -------
    Stored

    Raises
    ------
    DataError
        If the file is damaged, or is not one image of a kind that can be read; the message says
        which, and what to do.
    """
    try:
        stored = _read(data)
    except Exception as error:  # damaged bytes end in any kind of error, in Pillow as in tifffile
        raise DataError(f"{path}: {reason_for(error, data)}") from error
    if stored.samples.dtype.kind == "f" and not np.isfinite(stored.samples).all():
        raise DataError(f"{path}: holds values that are not finite; replace them")
    return stored


def _read(data: bytes) -> Stored:
    if is_tiff(data):
        return _read_tiff(data)
    if is_ome_zarr(data):
        return _grey_of(read_ome_zarr(data, MOST_PIXELS))
    return _read_with_pillow(data)


def is_tiff(data: bytes) -> bool:
    """Whether the content of a file is a TIFF."""
    return data[:4] in _TIFF_SIGNATURES


def format_of(data: bytes) -> str:
    """Return the format of an image file that can be read, by its content and not by its name."""
    if is_tiff(data):
        return "TIFF"
    if is_ome_zarr(data):
        return "OME-Zarr"
    with Image.open(io.BytesIO(data)) as image:  # which decodes nothing yet
        return image.format


def reason_for(error: Exception, data: bytes) -> str:
    """Return in words why the content of a file cannot be read."""
    if isinstance(error, DataError):
        return str(error)
    if isinstance(error, Image.UnidentifiedImageError):
        return _what_it_is(data)
    if isinstance(error, Image.DecompressionBombError):
        return _too_large(MOST_PIXELS)
    if isinstance(error, Image.DecompressionBombWarning):  # where warnings are errors
        return _too_large(MOST_PIXELS // 2)
    return f"cannot be decoded, so it may be damaged ({str(error) or type(error).__name__})"


def _what_it_is(data: bytes) -> str:
    """Say what a file is that is no image of a kind that is read."""
    if not data:
        return "is not an image: it is empty; copy it again"
    if data.startswith(LFS_POINTER):
        return "is not an image: it is a pointer of Git LFS; fetch the file with `git lfs pull`"
    if data.lstrip().startswith(b"<"):
        return "is not an image, but text (HTML, XML or SVG); look at it, and download it again"
    for offset, signature, kind in _OTHER_KINDS:
        if data[offset:].startswith(signature):
            return f"is {kind}; save it as PNG or TIFF"
    return "is not an image, or is damaged"


def _too_large(most: int) -> str:
    return (
        f"has more than {most:,} pixels; "
        "cut it into its objects, or into tiles, and use these as images"
    )


def _require_one(count: int, what: str) -> None:
    if count > 1:
        raise DataError(
            f"has {count} {what}; save each that is meant as an image of its own, or say by the "
            "target's option 'channels' which are its channels"
        )


def native(samples: NDArray) -> NDArray:
    """Return samples in the byte order of this machine."""
    return samples.astype(samples.dtype.newbyteorder("="), copy=False)


# TIFF ---------------------------------------------------------------------------------------


def _read_tiff(data: bytes) -> Stored:
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        page = _only_page(tiff)
        _require_one(_planes(tiff, page), "planes in one page")
        colours = tiff_colours(page)
        alpha = _tiff_alpha(page, colours)
        require_readable(page, len(data))
        samples = native(page.asarray(maxworkers=1))
    separate = page.shaped[0] > 1
    samples = np.moveaxis(samples, 0, -1) if separate else samples
    return Stored(
        samples=np.atleast_3d(samples.astype(np.uint8) if samples.dtype == bool else samples),
        colours=colours,
        bits=page.bitspersample,
        alpha=alpha,
        palette=_tiff_palette(page) if colours == "palette" else None,
        lossy=page.compression in _TIFF_JPEG,
        turned=page.tags.valueof(_ORIENTATION, 1) in _TURNED,
    )


def _only_page(tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """Return the page of the image; smaller copies beside it, for viewers, say that they are."""
    if len(tiff.pages) == 1 and tiff.pages.first.is_reduced:
        raise DataError("is camera raw data with a preview; save the image itself as TIFF")
    reduced = [len(tiff.pages) > 1 and tiff.pages.get(n).is_reduced for n in range(len(tiff.pages))]
    _require_one(reduced.count(False), "pages")
    return tiff.pages.get(reduced.index(False) if False in reduced else 0)


def _planes(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> int:
    """Return the images behind one page: a volume, or a stack that its description counts.

    ImageJ writes stacks so that exceed 4 GB. A description may count planes that are not there,
    of a set of files or of the stack from which this one was saved; what is there counts.
    """
    if page.imagedepth > 1:
        return page.imagedepth
    count = int((tiff.imagej_metadata or {}).get("images", 1))
    if tiff.is_imagej or tiff.is_shaped or tiff.is_stk:
        count = max(count, tiff.series[0].size // page.size)
    end = min(page.dataoffsets, default=0) + count * sum(page.databytecounts)
    return count if end <= tiff.filehandle.size else 1


def tiff_colours(page: tifffile.TiffPage) -> Colours:
    """Return what the samples of a page mean; raise `DataError` where that is not read."""
    kind = page.photometric if "PhotometricInterpretation" in page.tags else PHOTOMETRIC.MINISBLACK
    if kind == PHOTOMETRIC.YCBCR and page.compression in _TIFF_JPEG:
        return "rgb"  # the decoder converts
    if kind == PHOTOMETRIC.SEPARATED and page.tags.valueof(_INK_SET, _CMYK) != _CMYK:
        raise DataError("stores inks other than CMYK; save it as grey or RGB")
    if kind not in _TIFF_COLOURS:
        raise DataError(f"stores {getattr(kind, 'name', kind)} colours; save it as grey or RGB")
    return _TIFF_COLOURS[kind]


def _tiff_alpha(page: tifffile.TiffPage, colours: Colours) -> Alpha:
    extra = tuple(page.extrasamples)
    fits = page.samplesperpixel == _CHANNELS[colours] + len(extra)
    if not fits or extra not in _TIFF_ALPHA or (extra and colours == "palette"):
        raise DataError(
            f"has {page.samplesperpixel} channels that are neither grey nor RGB (with or without "
            "alpha); say by the target's option 'channels' which are used, e.g. channels: [0, 1]"
        )
    return _TIFF_ALPHA[extra]


def require_readable(page: tifffile.TiffPage, size: int) -> None:
    """Raise `DataError` where tifffile would fail late or in its own words, or fill gaps."""
    if page.imagewidth * page.imagelength > MOST_PIXELS:
        raise DataError(_too_large(MOST_PIXELS))
    if page.dtype is None or page.dtype.kind == "c":
        kind = getattr(page.sampleformat, "name", page.sampleformat)
        raise DataError(
            f"has samples of {page.bitspersample} bit and format {kind}, which are not read; "
            "save it as unsigned integers or floats"
        )
    if page.bitspersample == 1 and page.shaped[-1] > 1:
        raise DataError(
            f"has {page.samplesperpixel} channels of 1 bit side by side, which programs write "
            "in different ways; save it with 8 bit"
        )
    if not _has_decoder(page.compression):
        method = getattr(page.compression, "name", f"method {page.compression}")
        raise DataError(
            f"is compressed by {method}, for which there is no decoder here; "
            "save it without compression, or with LZW or deflate"
        )
    require_parts(page, size)


def require_parts(page: tifffile.TiffPage | tifffile.TiffFrame, size: int) -> None:
    """Raise `DataError` where strips or tiles of a page lie beyond the end of its file."""
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    missing = sum(count == 0 or offset + count > size for offset, count in parts)
    if missing:
        raise DataError(f"is damaged: {missing} of its {len(parts)} strips or tiles are missing")


def _has_decoder(coding: int) -> bool:
    if coding not in tifffile.TIFF.DECOMPRESSORS:
        return False
    # Of codecs that it was built without, imagecodecs has a function that raises.
    return tifffile.TIFF.DECOMPRESSORS[coding].__name__ != "stub_decode"


def _tiff_palette(page: tifffile.TiffPage) -> NDArray[np.uint8]:
    colours = page.colormap
    if colours is None:
        raise DataError("is damaged: its palette is missing")
    # Some writers fill in 8 bit where 16 are meant; libtiff looks at the values as well.
    return (colours if colours.max() < 256 else colours // 256).T.astype(np.uint8)


# OME-Zarr -----------------------------------------------------------------------------------


def _grey_of(planes: Planes) -> Stored:
    """Return the image of one plane."""
    order = [planes.axes.index(letter) for letter in "YX"]
    samples = np.moveaxis(planes.samples, order, (-2, -1))
    _require_one(math.prod(samples.shape[:-2]), "channels or planes")
    samples = native(samples.reshape(*samples.shape[-2:], 1))
    samples = samples.astype(np.uint8) if samples.dtype == bool else samples
    return Stored(samples, "grey", 8 * samples.dtype.itemsize)


# All other formats --------------------------------------------------------------------------


def _read_with_pillow(data: bytes) -> Stored:
    with Image.open(io.BytesIO(data)) as image:
        _require_one(getattr(image, "n_frames", 1), "frames")
        return replace(_of_pillow(image, data), turned=_is_turned(image, data))


def _is_turned(image: Image.Image, data: bytes) -> bool:
    if image.format == "PNG" and b"eXIf" not in data:  # Pillow would decode all to look for it
        return False
    try:
        return image.getexif().get(_ORIENTATION) in _TURNED
    except Exception:  # damaged EXIF says nothing, and viewers turn nothing by it
        return False


def _of_pillow(image: Image.Image, data: bytes) -> Stored:
    if data[:8] == _PNG_SIGNATURE and data[_PNG_BITS] == bytes([16]):
        samples = np.atleast_3d(imagecodecs.png_decode(data))
        if samples.shape[2] in (1, 3) and "transparency" in image.info:
            samples = _with_transparent(samples, image.info["transparency"])
        alpha: Alpha = "straight" if samples.shape[2] in (2, 4) else "none"
        return Stored(samples, "rgb" if samples.shape[2] > 2 else "grey", 16, alpha)
    if image.format == "JPEG2000" and (bits := _bits_of_jpeg_2000(data)) > 8:
        samples = np.atleast_3d(imagecodecs.jpeg2k_decode(data))
        alpha = "straight" if samples.shape[2] in (2, 4) else "none"
        return Stored(samples, "rgb" if samples.shape[2] > 2 else "grey", bits, alpha)
    lossy = image.format in ("JPEG", "MPO")
    if image.mode == "P":
        return _palette_image(image)
    if image.mode.startswith(("I", "F")):
        samples = native(np.asarray(image))
        return Stored(np.atleast_3d(samples), "grey", samples.dtype.itemsize * 8)
    if image.mode == "CMYK":
        return Stored(np.asarray(image), "cmyk", 8, lossy=lossy)
    transparent = image.has_transparency_data
    grey = image.mode in ("1", "L", "LA", "La")
    mode = ("L" if grey else "RGB") + ("A" if transparent else "")
    samples = np.atleast_3d(np.asarray(image.convert(mode)))
    alpha = "straight" if transparent else "none"
    return Stored(samples, "grey" if grey else "rgb", 8, alpha, lossy=lossy)


def _bits_of_jpeg_2000(data: bytes) -> int:
    return (data[data.index(_JPEG_2000_SIZE) + _JPEG_2000_BITS] & 0x7F) + 1


def _with_transparent(samples: NDArray, colour: int | tuple[int, ...]) -> NDArray:
    """Return samples with alpha, 0 where they have the one colour that is transparent."""
    opaque = (samples != np.asarray(colour, samples.dtype)).any(axis=2, keepdims=True)
    alpha = opaque * np.iinfo(samples.dtype).max
    return np.concatenate([samples, alpha.astype(samples.dtype)], axis=2)


def _palette_image(image: Image.Image) -> Stored:
    """Return an image of palette indices; what its palette lacks is black, as in Pillow."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    image.apply_transparency()
    entries = np.array(image.getpalette(mode), np.uint8).reshape(-1, len(mode))
    palette = np.zeros((256, len(mode)), np.uint8)
    palette[:, 3:] = 255
    palette[: len(entries)] = entries
    return Stored(np.atleast_3d(np.asarray(image)), "palette", 8, palette=palette)


# What the samples show ------------------------------------------------------------------------


def shown_samples(stored: Stored, path: Path) -> tuple[NDArray, float | None]:
    """Return the samples that a file shows: 0 is black, and colours are RGB.

    Parameters
    ----------
    stored : Stored
        What it stores.
    path : Path
        Its name, for error messages.

    Returns
    -------
    samples : ndarray, shape (height, width, channels)
        Grey, grey and alpha, RGB, or RGB and straight alpha. Fewer than 8 bits are scaled to 8.
    full_scale : float or None
        As `Stored.full_scale`, of these samples.

    Raises
    ------
    DataError
        If the type of the samples leaves open what black, or opaque, is.
    """
    if stored.palette is not None:
        return stored.palette[stored.samples[..., 0]], 255.0
    samples, full_scale = stored.samples, stored.full_scale
    if samples.dtype == np.uint8 and stored.bits < 8:
        samples = np.rint(samples * (255 / full_scale)).astype(np.uint8)
        full_scale = 255.0
    if samples.dtype == np.float16:  # to calculate with, it is too coarse
        samples = samples.astype(np.float32)
    channels = _CHANNELS[stored.colours]
    colours, alpha = samples[..., :channels], samples[..., channels:]
    show, premultiplied = _SHOWN.get(stored.colours), stored.alpha == "premultiplied"
    undefined = full_scale is None or (show and (samples.dtype.kind == "f" or premultiplied))
    if undefined and (show or premultiplied):
        raise DataError(
            f"{path}: stores {stored.colours} of type {samples.dtype} with alpha "
            f"'{stored.alpha}', where black or opaque is not defined; save it as plain grey or RGB"
        )
    if show:
        colours = show(colours, full_scale)
    if premultiplied:
        colours = _unmultiplied(colours, alpha, full_scale)
    return np.concatenate([colours, alpha], axis=2) if alpha.size else colours, full_scale


def _inverted(samples: NDArray, full_scale: float) -> NDArray:
    return samples.dtype.type(full_scale) - samples


def _rgb_of_cmyk(samples: NDArray, full_scale: float) -> NDArray:
    """Return RGB by the formula of Pillow and libtiff: what neither an ink nor black covers."""
    left = full_scale - samples.astype(np.float64)
    return np.rint(left[..., :3] * left[..., 3:] / full_scale).astype(samples.dtype)


def _unmultiplied(colours: NDArray, alpha: NDArray, full_scale: float) -> NDArray:
    divisor = np.where(alpha > 0, alpha, full_scale).astype(np.float64)
    straight = np.minimum(colours * (full_scale / divisor), full_scale)
    return (straight if colours.dtype.kind == "f" else np.rint(straight)).astype(colours.dtype)


_SHOWN: dict[Colours, Callable[[NDArray, float], NDArray]] = {
    "inverted grey": _inverted,
    "cmyk": _rgb_of_cmyk,
}
