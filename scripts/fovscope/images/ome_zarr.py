"""Images in OME-Zarr: the array in its full size, its axes, and the names of its channels.

Read through zarr and the metadata of OME-NGFF alone: the libraries for it, `ome-zarr` and `ngio`,
ask for a pydantic before 2.13 and bring clients of object stores along, and nothing of what they
add (writing, pyramids, plates) is wanted here.

References
----------
OME-NGFF specification, versions 0.1 to 0.5, https://ngff.openmicroscopy.org: `axes`,
`multiscales`, `omero`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from fovscope.datasets.listing import DataError
from fovscope.datasets.stores import ARRAY, METADATA, ome_attributes

_ZIP, _NAME = b"PK\x03\x04", 30
"""What an archive begins with, and where the name of its first file is."""

_AXES = "TCZYX"
"""Of all arrays, before version 0.3."""

_LETTERS = {"channel": "C", "time": "T"}


class Planes(NamedTuple):
    """All that an image of OME-Zarr holds.

    Attributes
    ----------
    samples : ndarray
    axes : str
        A letter for each axis, as of tifffile: C, Z, Y, X, T.
    names : tuple of str
        Of the channels; none where they have none.
    """

    samples: NDArray
    axes: str
    names: tuple[str, ...]


def is_ome_zarr(data: bytes) -> bool:
    """Whether the content of an image is a folder of OME-Zarr (`fovscope.datasets.stores`)."""
    names = tuple(name.encode() for name in METADATA)
    return data.startswith(_ZIP) and data[_NAME:].startswith(names)


def read_ome_zarr(data: bytes, most_pixels: int) -> Planes:
    """Return the image in OME-Zarr.

    Parameters
    ----------
    data : bytes
        As of `fovscope.datasets.stores.content`.
    most_pixels : int
        Of a plane; an image of more is not read.

    Raises
    ------
    DataError
        If it has no pixels or too many, lacks its axes, or is compressed in a way that cannot be
        decoded.
    """
    # Here, because it takes as long to import as all else, and few data sets are OME-Zarr.
    import zarr
    from zarr.buffer.cpu import Buffer
    from zarr.errors import UnknownCodecError
    from zarr.storage import MemoryStore

    with ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    described = next(name for name in METADATA if name in files)
    attributes = ome_attributes(json.loads(files[described]), described)
    store = MemoryStore({name: Buffer.from_bytes(held) for name, held in files.items()})
    try:
        array = zarr.open_array(store, path=ARRAY, mode="r")
    except (UnknownCodecError, ValueError) as error:
        if "codec" not in str(error):
            raise
        raise DataError(
            f"is compressed in a way for which there is no decoder here ({error}); save it with "
            "Blosc, Zstandard or gzip"
        ) from error
    axes = _axes(attributes, array.ndim)
    sizes = dict(zip(axes, array.shape, strict=True))
    if sizes["Y"] * sizes["X"] > most_pixels:
        raise DataError(
            f"has more than {most_pixels:,} pixels; cut it into its objects, or into tiles, and "
            "use these as images"
        )
    # What is left out of a store is of one value; of all of it that cannot be meant.
    if all(name.rpartition("/")[2] in (*METADATA, ".zarray") for name in files):
        raise DataError("is damaged: none of its chunks is there; copy the whole folder again")
    return Planes(np.asarray(array[...]), axes, _names(attributes))


def _axes(attributes: Mapping[str, Any], ndim: int) -> str:
    """Return a letter for each axis of an array."""
    listed = attributes["multiscales"][0].get("axes", list(_AXES.lower()))
    letters = "".join(map(_letter, listed))
    if len(letters) != ndim or not {"Y", "X"} <= set(letters):
        raise DataError(
            f"is damaged: it has {ndim} axes, and describes {len(letters)} ({', '.join(letters)})"
        )
    return letters


def _letter(axis: Mapping[str, str] | str) -> str:
    """Return the letter of an axis, which before version 0.4 was its name alone."""
    name, kind = (axis, "") if isinstance(axis, str) else (axis["name"], axis.get("type", ""))
    letter = _LETTERS.get(kind, name[:1].upper())
    return letter if letter in _AXES else "P"  # along any other axis lie other images


def _names(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    channels: Sequence[Mapping[str, Any]] = attributes.get("omero", {}).get("channels", ())
    names = tuple(str(channel.get("label") or "") for channel in channels)
    return names if all(names) else ()
