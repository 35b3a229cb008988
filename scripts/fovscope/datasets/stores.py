"""OME-Zarr on the disk: a folder that is one image; the standard library only.

The content of such a folder is taken for bytes, as that of any file: an archive of what makes the
image in its full size, its metadata first. Smaller copies, labels and whatever else lies in the
folder count for nothing. `fovscope.images.ome_zarr` reads the archive.

References
----------
OME-NGFF specification, versions 0.1 to 0.5, https://ngff.openmicroscopy.org: `multiscales`,
`plate`, and the layout of bioformats2raw.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from fovscope.datasets.listing import DataError
from fovscope.runtime.provenance import digest_file

METADATA = ("zarr.json", ".zattrs", ".zgroup")
"""What describes a group, in version 3 and 2 of Zarr."""

ARRAY = "0"
"""What the image in its full size is called in an archive."""


def content(path: Path) -> bytes:
    """Return what an image file, or a folder of OME-Zarr, holds.

    Raises
    ------
    DataError
        If a folder is not one image, or `path` is a pipe or a device.
    OSError
        If there is nothing at `path`, or it cannot be read.
    """
    return _archive(path) if _is_folder(path) else path.read_bytes()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of `content`; a large file is not held in memory."""
    return hashlib.sha256(_archive(path)).hexdigest() if _is_folder(path) else digest_file(path)


def _is_folder(path: Path) -> bool:
    if path.is_dir():
        return True
    if path.exists() and not path.is_file():  # it would be waited for without end
        raise DataError(f"{path} is a pipe or a device; list a file")
    return False


def stamp_of(path: Path) -> tuple[int, int]:
    """Return size in bytes and last change in ns of a file, or of all files of a folder."""
    own = path.stat()
    if not stat.S_ISDIR(own.st_mode):
        return own.st_size, own.st_mtime_ns
    inner = [Path(place, name).stat() for place, _, names in os.walk(path) for name in names]
    last = max([own.st_mtime_ns, *(found.st_mtime_ns for found in inner)])
    return sum(found.st_size for found in inner), last


def _archive(store: Path) -> bytes:
    group, attributes = _image(store)
    array = group / _largest(attributes, store)
    files = [(name, group / name) for name in METADATA]
    inner = sorted(Path(place, name) for place, _, names in os.walk(array) for name in names)
    files += [(f"{ARRAY}/{file.relative_to(array).as_posix()}", file) for file in inner]
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        for name, file in files:
            if file.is_file():
                archive.writestr(ZipInfo(name), file.read_bytes())  # of no date
    return stream.getvalue()


def _image(store: Path) -> tuple[Path, Mapping[str, Any]]:
    """Return the group of the one image in a folder, and its attributes."""
    attributes = _attributes(store)
    if attributes is None:
        raise DataError(
            f"{store}: is a folder, and no OME-Zarr image: there is neither zarr.json nor .zattrs "
            "in it; copy it again, or list its files"
        )
    if "multiscales" in attributes:
        return store, attributes
    if "plate" in attributes or "well" in attributes:
        raise DataError(
            f"{store}: is a plate or a well of OME-Zarr, of many images; list them in a table, "
            "each by its folder, e.g. plate.zarr/A/1/0"
        )
    images = [
        (inner, found)
        for inner in sorted(store.iterdir())
        if inner.is_dir() and "multiscales" in (found := _attributes(inner) or {})
    ]
    if len(images) == 1:
        return images[0]
    if images:
        raise DataError(
            f"{store}: holds {len(images)} images; list them in a table, each by its folder, e.g. "
            f"{store.name}/{images[0][0].name}"
        )
    raise DataError(
        f"{store}: is Zarr, but no OME-Zarr image: 'multiscales' is not in its attributes; save it "
        "as OME-Zarr or OME-TIFF"
    )


def _attributes(group: Path) -> Mapping[str, Any] | None:
    """Return the attributes of a group that OME-NGFF defines; None where it is no group."""
    for name in METADATA[:2]:
        try:
            described = json.loads((group / name).read_bytes())
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise DataError(f"{group / name}: is no JSON, so it may be damaged: {error}") from error
        return ome_attributes(described, name)
    return {} if (group / ".zgroup").is_file() else None


def ome_attributes(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what a file of metadata says of OME-NGFF: from 0.5 on in a place of its own."""
    attributes = described.get("attributes", {}) if name == "zarr.json" else described
    return attributes.get("ome", attributes)


def _largest(attributes: Mapping[str, Any], store: Path) -> str:
    """Return the path of the image in its full size, which comes first."""
    try:
        return attributes["multiscales"][0]["datasets"][0]["path"]
    except (LookupError, TypeError) as error:
        raise DataError(
            f"{store}: 'multiscales' names no array, so it may be damaged; save it again"
        ) from error
