"""What the files of a data set hold, as digests, at the price of a directory scan.

Snakemake decides by time stamps; fovscope by content. Every file is hashed once and its
digest kept, with the size and the time stamp that the file then had, in one small file a
data set; as long as both are the same the file is not read again. A file that changed and
kept both is found by ``fovscope verify``, which reads everything.

Whatever several processes do at once, each replaces the whole file of digests; the worst
that can be lost is the hashing of the other one.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fovscope.datasets.channel_files import (
    ChannelOptions,
    channel_files,
    file_columns,
    listed_images,
)
from fovscope.datasets.layout import list_folder
from fovscope.datasets.listing import DataError, image_files
from fovscope.datasets.stores import digest_of, stamp_of
from fovscope.datasets.tables import METADATA, TABLE_COLUMNS, listed_paths, read_columns
from fovscope.runtime.provenance import digest_bytes, digest_json, replacing

_JUST_NOW = 2_000_000_000
"""ns; a file this young could change again without another time stamp, so it is not trusted."""

_WORKERS = 8
"""Threads that hash: on a network file system they wait more than they work."""

logger = logging.getLogger(__name__)


def target_content(target: Mapping[str, Any], cache: Path) -> dict[str, Any]:
    """Return what a folder or table of images holds, as a value that changes with it.

    Parameters
    ----------
    target : mapping
        The configuration of a target, as plain values.
    cache : Path
        Where the digests of its files are kept.

    Returns
    -------
    dict
        ``files``, the number of images and masks, and ``sha256`` of all; of a table also
        ``table_sha256``, of all that is used of it, and ``rows_sha256``, of which image has
        which mask. How a table is written, and in which order, does not count.

    Raises
    ------
    DataError
        If the folder or table does not exist or cannot be used.
    """
    channels = target.get("channels")
    if target["table"]:
        return _table_content(Path(target["table"]), target.get("factors", ()), channels, cache)
    masks = Path(target["masks"]) if target["masks"] else None
    folder = Path(target["folder"])
    files = list_folder(folder, masks, channels=channels).files
    return summary(file_digests(folder, files, cache))


def _table_content(
    table: Path, factors: Iterable[str], channels: ChannelOptions | None, cache: Path
) -> dict[str, Any]:
    columns = read_columns(table)
    there = all(name in columns for name in file_columns(channels))  # else `prepare` says so
    columns["path"] = listed_images(columns, table.parent, channels) if there else []
    columns["mask"] = listed_paths(columns.get("mask", []), table.parent)
    used = {
        name: cells
        for name, cells in sorted(columns.items())
        if name in TABLE_COLUMNS or name in factors or name.startswith(METADATA)
    }
    images = list(zip_longest(columns["path"], columns["mask"], fillvalue=""))
    names = {file for path, mask in images for file in (*channel_files(path, channels), mask)}
    return summary(file_digests(table.parent, names - {""}, cache)) | {
        "table_sha256": digest_json([list(used), sorted(zip_longest(*used.values()))]),
        "rows_sha256": digest_json(sorted(images)),
    }


def path_content(path: str, cache: Path, *, stems: Collection[str] | None = None) -> dict[str, Any]:
    """Return what a file, or the image files of a folder, hold.

    Parameters
    ----------
    path : str
        File or folder.
    cache : Path
        Where the digests of its files are kept.
    stems : collection of str, optional
        Of a folder only the images directly in it with these names count, without their
        suffix and in upper or lower case; by default all images at any depth.

    Raises
    ------
    DataError
        If there is nothing at `path`.
    """
    place = Path(path)
    if place.is_dir():
        images = image_files(place)
        if stems is not None:
            wanted = {stem.lower() for stem in stems}
            images = [
                name
                for name in images
                if "/" not in name and name.rpartition(".")[0].lower() in wanted
            ]
        return summary(file_digests(place, images, cache))
    if not place.is_file():
        raise DataError(f"{path} does not exist")
    return summary(file_digests(place.parent, [place.name], cache))


def folder_content(folder: Path, cache: Path) -> dict[str, Any]:
    """Return what all files below a folder hold but the hidden ones, as `target_content` does."""
    names = [
        str((Path(inside) / name).relative_to(folder))
        for inside, _, files in os.walk(folder)
        for name in files
        if not name.startswith(".")
    ]
    return summary(file_digests(folder, names, cache))


def file_digests(root: Path, names: Iterable[str], cache: Path) -> dict[str, str]:
    """Return the SHA-256 of files; only new and touched ones are read.

    Parameters
    ----------
    root : Path
        What the names are relative to.
    names : iterable of str
        The files. What cannot be read has its error in place of a digest: the job that
        needs it will say so.
    cache : Path
        JSON of an earlier call: name → size, time stamp in ns, digest.

    Returns
    -------
    dict
        Name → digest, sorted by name.
    """
    known = _read(cache)
    young = time.time_ns() - _JUST_NOW
    stamps = {name: _stamp(f"{root}/{name}") for name in sorted(names)}
    new = [n for n, stamp in stamps.items() if not stamp or stamp != known.get(n, [None])[0]]
    current = {name: known.get(name) for name in stamps}
    with ThreadPoolExecutor(_WORKERS) as pool:
        for name, digest in zip(new, pool.map(_digest, [f"{root}/{n}" for n in new]), strict=True):
            stamp = stamps[name]
            current[name] = [stamp if stamp and stamp[1] < young else None, digest]
    if current != known:
        _write(cache, current)
    return {name: digest for name, (_, digest) in current.items()}


def known_digests(cache: Path) -> dict[str, str]:
    """Return name → digest as the last call of `file_digests` found them."""
    return {name: digest for name, (_, digest) in _read(cache).items()}


def summary(digests: Mapping[str, str]) -> dict[str, Any]:
    """Return the number of files and one digest of names and contents."""
    lines = "\n".join(f"{digest} {name}" for name, digest in digests.items())
    return {"files": len(digests), "sha256": digest_bytes(lines.encode("utf-8", "surrogateescape"))}


def _stamp(path: str) -> list[int] | None:
    try:
        return list(stamp_of(Path(path)))
    except OSError:
        return None


def _digest(path: str) -> str:
    try:
        return digest_of(Path(path))
    except OSError as error:
        return str(error.strerror)
    except DataError as error:
        return str(error)


def _read(cache: Path) -> dict[str, list]:
    try:
        return json.loads(cache.read_text("utf-8"))
    except (FileNotFoundError, ValueError):  # none yet, or damaged: everything is hashed again
        return {}


def _write(cache: Path, entries: Mapping[str, list]) -> None:
    try:
        with replacing(cache) as temporary:
            temporary.write_text(json.dumps(entries, separators=(",", ":")), encoding="utf-8")
    except OSError as error:
        # A dry run in somebody else's study still answers; it only hashes again next time.
        logger.warning("cannot keep digests of images in %s: %s", cache, error.strerror)
