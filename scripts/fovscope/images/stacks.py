"""Files of several channels: pages, planes and samples in the order of their axes.

A TIFF says which axis is which (OME-XML, ImageJ, or the shape that tifffile notes), and so does
OME-Zarr. Channels are
the axes C and S, the samples of a pixel; pages without a meaning are channels, too, unless planes
in z are asked for. What lies along any other axis (time, position) is another image.

References
----------
Open Microscopy Environment, OME-TIFF specification, for dimension orders and names of channels.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from fovscope.datasets.listing import DataError
from fovscope.images.ome_zarr import is_ome_zarr, read_ome_zarr
from fovscope.images.stored import (
    MOST_PIXELS,
    Stored,
    is_tiff,
    native,
    read_stored,
    reason_for,
    require_parts,
    require_readable,
    shown_samples,
    tiff_colours,
)

Projection = str | int | None
"""``max``, ``mean``, the number of a plane, or nothing where there is one plane."""

_PAGES = "IQ"
"""Letters of tifffile for axes that a file does not name."""

_GREY_OR_RGB = ("grey", "inverted grey", "rgb")


@dataclass(frozen=True, eq=False)
class Stack:
    """The channels of one image.

    Attributes
    ----------
    samples : ndarray, shape (height, width, channels)
        0 is black.
    full_scale : float or None
        Largest value that they are meant to hold; None where none is usual.
    names : tuple of str
        Of the channels, as the file has them; none where it has none.
    """

    samples: NDArray
    full_scale: float | None
    names: tuple[str, ...] = ()


def read_stack(data: bytes, path: Path, projection: Projection = None) -> Stack:
    """Return all channels in a file.

    Parameters
    ----------
    data : bytes
        Content of the file.
    path : Path
        Its name, for error messages.
    projection : {"max", "mean"} or int, optional
        What becomes of planes in z.

    Returns
    -------
    Stack
        Of files other than TIFF and OME-Zarr the colours that are shown, without alpha.

    Raises
    ------
    DataError
        If the file is damaged, or holds more than channels and planes of one image; the message
        says what to do.
    """
    if not (is_tiff(data) or is_ome_zarr(data)):
        samples, full_scale = shown_samples(read_stored(data, path), path)
        colours = samples[..., :-1] if samples.shape[2] in (2, 4) else samples
        return Stack(colours, full_scale)
    try:
        stack = (_read_tiff if is_tiff(data) else _read_zarr)(data, projection)
    except Exception as error:  # damaged bytes end in any kind of error
        raise DataError(f"{path}: {reason_for(error, data)}") from error
    if stack.samples.dtype.kind == "f" and not np.isfinite(stack.samples).all():
        raise DataError(f"{path}: holds values that are not finite; replace them")
    return stack


def _read_tiff(data: bytes, projection: Projection) -> Stack:
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        if len(tiff.series) != 1:
            raise DataError(f"has {len(tiff.series)} images; save each as a file of its own")
        series = tiff.series[0]
        _require_all_pages(tiff, data)
        _require_whole(series, data)
        page = series.keyframe
        colours = tiff_colours(page)
        if colours not in _GREY_OR_RGB:
            raise DataError(f"stores {colours.upper()} colours; save it as grey or RGB")
        samples = native(series.asarray(maxworkers=1))
        samples = samples.astype(np.uint8) if samples.dtype == bool else samples
        full_scale = Stored(samples, "grey", page.bitspersample).full_scale
        if colours == "inverted grey":
            if full_scale is None or samples.dtype.kind == "f":
                raise DataError(f"stores inverted grey of type {samples.dtype}; save it as grey")
            samples = samples.dtype.type(full_scale) - samples
        planes = _channels(samples, series.axes, projection)
        names = _ome_names(tiff.ome_metadata) if tiff.is_ome else _imagej_names(tiff)
    return Stack(planes, full_scale, names if len(names) == planes.shape[2] else ())


def _read_zarr(data: bytes, projection: Projection) -> Stack:
    found = read_ome_zarr(data, MOST_PIXELS)
    samples = native(found.samples)
    samples = samples.astype(np.uint8) if samples.dtype == bool else samples
    full_scale = Stored(samples, "grey", 8 * samples.dtype.itemsize).full_scale
    planes = _channels(samples, found.axes, projection)
    return Stack(planes, full_scale, found.names if len(found.names) == planes.shape[2] else ())


def _require_all_pages(tiff: tifffile.TiffFile, data: bytes) -> None:
    """Raise `DataError` where a file goes on after its last page, which has to say that it ends."""
    end = tiff.pages.next_page_offset
    if any(data[end : end + tiff.tiff.offsetsize]):
        raise DataError(f"is damaged: there are more than the {len(tiff.pages)} pages that it has")


def _require_whole(series: tifffile.TiffPageSeries, data: bytes) -> None:
    """Raise `DataError` where pages are missing or cannot be decoded."""
    pages = list(series.pages)
    if any(page is None for page in pages):
        raise DataError(
            "describes planes that lie in other files; name these by 'file' in 'channels', or save "
            "all in one file"
        )
    require_readable(series.keyframe, len(data))
    for page in pages:
        require_parts(page, len(data))
    size = math.prod(series.shape) * series.dtype.itemsize
    if series.dataoffset is not None and series.dataoffset + size > len(data):
        raise DataError(f"is damaged: {size:,} bytes of planes are described, and not all there")


def _channels(samples: NDArray, axes: str, projection: Projection) -> NDArray:
    """Return samples (height, width, channels), whatever the order of axes."""
    sizes = dict(zip(axes, samples.shape, strict=True))
    keep = [letter for letter in axes if letter in "YX" or sizes[letter] > 1]
    samples = samples.reshape([sizes[letter] for letter in keep])
    if projection is not None and "Z" not in keep:
        keep = _with_planes(keep)
    pages = [letter for letter in keep if letter in _PAGES]
    if len(pages) == 1 and "C" not in keep:
        keep[keep.index(pages[0])] = "C"
    others = [letter for letter in keep if letter not in "CSZYX"]
    if others or not {"Y", "X"} <= set(keep):
        found = ", ".join(f"{letter} {sizes.get(letter, '')}".strip() for letter in axes)
        raise DataError(
            f"has the axes {found}; channels (C, S), planes in z (Z), rows and columns are read: "
            "save each time or position as an image of its own"
        )
    order = [letter for letter in "ZCSYX" if letter in keep]
    samples = samples.transpose([keep.index(letter) for letter in order])
    if "Z" in keep:
        samples = _projected(samples, projection)
    return np.moveaxis(samples.reshape(-1, *samples.shape[-2:]), 0, 2)


def _with_planes(axes: list[str]) -> list[str]:
    """Return axes of which one without a meaning, if there is one, is z."""
    pages = [letter for letter in axes if letter in _PAGES]
    return ["Z" if len(pages) == 1 and letter in pages else letter for letter in axes]


def _projected(samples: NDArray, projection: Projection) -> NDArray:
    """Return one plane for those along the first axis."""
    count = len(samples)
    if projection is None:
        raise DataError(
            f"has {count} planes in z; set 'projection' in 'channels' to max, mean or the number "
            "of a plane, from 0"
        )
    if projection == "max":
        return samples.max(axis=0)
    if projection == "mean":
        mean = samples.mean(axis=0, dtype=np.float64)
        return (mean if samples.dtype.kind == "f" else np.rint(mean)).astype(samples.dtype)
    if projection >= count:
        raise DataError(
            f"has {count} planes in z, so there is no plane {projection}; correct 'projection' in "
            "'channels', which counts from 0"
        )
    return samples[projection]


def _ome_names(description: str) -> tuple[str, ...]:
    image = ElementTree.fromstring(description).find("{*}Image")
    found = image.iterfind("{*}Pixels/{*}Channel") if image is not None else ()
    names = tuple(channel.get("Name", "") for channel in found)
    return names if all(names) else ()


def _imagej_names(tiff: tifffile.TiffFile) -> tuple[str, ...]:
    labels = (tiff.imagej_metadata or {}).get("Labels", ())
    return tuple(map(str, labels)) if isinstance(labels, list | tuple) else ()
