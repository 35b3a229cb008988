"""What a folder or a table says of its images before any is read; the standard library only.

One function lists a folder and one reads a table, for the manifest, for the digests of a dry run
and for the classes to hold out. The Snakefile asks at each dry run, of folders with 100,000
images, so file names stay text here and nothing heavy is imported.
"""

from __future__ import annotations

import csv
import difflib
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fovscope import FovscopeError
from fovscope.registry import unknown_name
from fovscope.runtime.provenance import read_json, write_json

SPLITS = ("train", "val", "test")

TABLE_COLUMNS = ("path", "label", "mask", "split", "group")
"""Columns of a table that mean something whatever the configuration says."""

METADATA = "Metadata_"
"""What the names of columns begin with that travel along."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

_LISTED = 20
"""How many cases of one problem an error message lists."""

_NOT_DATA = frozenset({"thumbs.db", "desktop.ini", "__macosx"})

logger = logging.getLogger(__name__)


class DataError(FovscopeError):
    """Images or tables that cannot be used; the message says which, why and what to do."""


def listed(kind: str, cases: Sequence[object]) -> str:
    """Return one message about many things that are wrong in the same way.

    Parameters
    ----------
    kind : str
        What they are; what to do about it may follow a semicolon.
    cases : sequence
        The things, of which the first twenty are named.
    """
    what, semicolon, remedy = kind.partition("; ")
    more = [f"  and {len(cases) - _LISTED} more"] if len(cases) > _LISTED else []
    lines = [f"{what} ({len(cases)}){semicolon}{remedy}:"]
    return "\n".join(lines + [f"  {case}" for case in cases[:_LISTED]] + more)


def require_folder(folder: Path, what: str) -> None:
    """Raise `DataError` if a folder does not exist; propose a neighbour with a near name."""
    if folder.is_dir():
        return
    if folder.exists():
        raise DataError(f"{what} {folder} is a file; give the folder that it lies in")
    raise DataError(_missing(folder, what, Path.is_dir))


def require_file(file: Path, what: str) -> None:
    """Raise `DataError` if a file does not exist; propose a neighbour with a near name."""
    if file.is_dir():
        raise DataError(f"{what} {file} is a folder; give a file in it")
    if not file.is_file():
        raise DataError(_missing(file, what, Path.is_file))


def require_path(path: Path, what: str) -> None:
    """Raise `DataError` if there is nothing at a path; propose a neighbour with a near name."""
    if not path.exists():
        raise DataError(_missing(path, what, Path.exists))


def _missing(path: Path, what: str, alike: Callable[[Path], bool]) -> str:
    message = f"{what} {path} does not exist"
    if path.parent.is_dir():
        siblings = [entry.name for entry in path.parent.iterdir() if alike(entry)]
        near = difflib.get_close_matches(path.name, siblings, n=1)
        message += f"; did you mean '{near[0]}'?" if near else ""
    return message


@dataclass(frozen=True)
class FolderListing:
    """What a folder of images says of them by their places.

    Attributes
    ----------
    columns : dict of str to list
        By name one entry per image, sorted by path: ``path``, relative to the folder with
        forward slashes; ``label`` where there are class folders; ``split`` where there are
        split folders; ``mask``, relative to the folder, where masks are given.
    files : frozenset of str
        All image and mask files, relative to the folder, those that are not in place too.
    problems : dict of str to list of str
        What is wrong, by kind: the cases with their file names.
    """

    columns: dict[str, list[str | None]]
    files: frozenset[str]
    problems: dict[str, list[str]]


def list_folder(
    folder: Path, masks: Path | None = None, *, labelled: bool | None = None
) -> FolderListing:
    """List the images of a folder: of class folders or not, of split folders or not.

    Parameters
    ----------
    folder : Path
        Folder of images.
    masks : Path, optional
        Folder with a mask for each image, at the same relative path whatever its suffix. It may
        lie in `folder`, where masks are neither images nor a class.
    labelled : bool, optional
        Whether images lie in class folders: True requires them, False takes them for no
        classes. By default they are classes where there are any.

    Raises
    ------
    DataError
        If a folder does not exist or holds no images, or there are no class folders and there
        must be.
    """
    require_folder(folder, "folder")
    if masks is not None:
        require_folder(masks, "folder of masks")
    images = image_files(folder, without=masks)
    if not images:
        raise DataError(f"{folder} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    problems: dict[str, list[str]] = defaultdict(list)
    above = [image.count("/") for image in images]  # folders above each
    entries = {image.partition("/")[0] for image, n in zip(images, above, strict=True) if n}
    split_folders = bool(entries) and (entries <= set(SPLITS) or {"train", "test"} <= entries)
    if split_folders:
        for name in sorted(entries - set(SPLITS)):
            problems["folders beside 'train' and 'test'; rename or move them"].append(
                unknown_name("split folder", name, SPLITS)
            )
    depth = int(split_folders)  # folders above an image that mean something
    if labelled is not False:
        flat = max(above) <= depth
        if labelled and flat:
            raise DataError(
                f"images lie directly in {(folder / images[0]).parent}: "
                "put them into one folder per class"
            )
        labelled = not flat
        depth += labelled
    placed = [image for image, n in zip(images, above, strict=True) if n >= depth]
    astray = [image for image, n in zip(images, above, strict=True) if n < depth]
    if astray:
        kind = f"images outside of a {'class' if labelled else 'split'} folder"
        problems[f"{kind}; move or remove them"] += astray
    columns: dict[str, list[str | None]] = {"path": list(placed)}
    if labelled:
        columns["label"] = [image.split("/", depth)[depth - 1] for image in placed]
    if split_folders:
        columns["split"] = [image.partition("/")[0] for image in placed]
    files = set(images)
    if masks is not None:
        inside = relative(masks, folder)
        found = {name: name if inside == "." else f"{inside}/{name}" for name in image_files(masks)}
        columns["mask"] = list(_masks_of(placed, found, masks, problems))
        files.update(found.values())
    return FolderListing(columns, frozenset(files), dict(problems))


def _masks_of(
    images: list[str], masks: Mapping[str, str], folder: Path, problems: dict[str, list[str]]
) -> Iterator[str | None]:
    by_name: dict[str, list[str]] = defaultdict(list)
    for mask in masks:
        by_name[_stem(mask)].append(mask)
    for image in images:
        found = by_name[_stem(image)]
        if len(found) == 1:
            yield masks[found[0]]
            continue
        if found:
            names = " and ".join(mask.rpartition("/")[2] for mask in found)
            problems["images with several masks; keep one"].append(f"{image}: {names}")
        else:
            kind = f"images without a mask in {folder}; add it or remove them"
            problems[kind].append(image)
        yield None


def read_columns(table: Path) -> dict[str, list[str]]:
    """Return the columns of a CSV by name, each cell as the text that it is.

    A class may be called "NA" or "007". A byte order mark, the kind of line ends and empty
    lines count for nothing; cells that a row lacks are empty; columns without a name are left out.

    Raises
    ------
    DataError
        If there is no such file, or it is not a CSV in UTF-8; the line is named.
    """
    require_file(table, "table")
    with table.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            names = next(reader, [])
            rows = [_cells(row, len(names)) for row in reader if row]
        except (csv.Error, ValueError) as error:
            place = f"line {reader.line_num}: " if reader.line_num else ""
            raise DataError(f"table {table} is not a CSV in UTF-8: {place}{error}") from error
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice or not named:
        fault = f"names columns twice: {', '.join(twice)}" if twice else "has no line of names"
        raise DataError(f"table {table} {fault}; its first line must name each column once")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: list(cells) for name, cells in zip(names, columns, strict=True) if name}


def _cells(row: list[str], count: int) -> list[str]:
    if any(row[count:]):
        raise ValueError(f"{len(row)} cells in a row of a table of {count} columns")
    return (row + [""] * (count - len(row)))[:count]


def listed_path(cell: str, root: Path) -> str:
    """Return a path that a table lists, from the folder `root` of the table."""
    if os.path.isabs(cell) or ".." in cell:  # noqa: PTH117
        return relative(root / cell, root)
    return os.path.normpath(cell)


def image_files(folder: Path, *, without: Path | None = None) -> list[str]:
    """Return the image files below `folder`, relative to it, with forward slashes and sorted.

    Hidden files and what file managers leave behind are passed over; the log counts what is
    left out. `without` is a folder, of masks for one, that may lie in `folder` and is no part
    of it.
    """
    images, ignored = [], Counter()
    left_out = without and os.path.realpath(without)
    for parent, folders, names in os.walk(folder, followlinks=True):
        if left_out and os.path.realpath(parent) == left_out:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not _is_clutter(name)]
        inside = os.path.relpath(parent, folder).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        for name in names:
            if _is_clutter(name):
                ignored["hidden"] += 1
            elif _is_image(name):
                images.append(prefix + name)
            else:
                ignored[os.path.splitext(name)[1] or "no suffix"] += 1  # noqa: PTH122
    if ignored:
        kinds = ", ".join(f"{kind}: {count}" for kind, count in sorted(ignored.items()))
        logger.info("%s: ignored %d files (%s)", folder, ignored.total(), kinds)
    return sorted(images)


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122


def relative(path: Path, root: Path) -> str:
    """Return `path` from `root`, also where it lies beside it, with forward slashes."""
    return Path(os.path.relpath(path, root)).as_posix()


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _NOT_DATA


def write_info(path: str | os.PathLike, info: Mapping[str, Any]) -> None:
    """Write the facts of a data set.

    Where its images lie is noted relative to the file if it was given relative to the working
    folder: a project goes on to work where it is moved or copied to.
    """
    root = Path(info.get("root", "/"))
    if not root.is_absolute():
        info = dict(info) | {"root": Path(os.path.relpath(root, Path(path).parent)).as_posix()}
    write_json(path, info)


def read_info(path: str | os.PathLike) -> dict[str, Any]:
    """Read the facts of a data set; the `root` of a target can be opened from here."""
    info = read_json(path)
    if "root" in info:
        info["root"] = os.path.normpath(Path(path).parent / info["root"])
    return info
