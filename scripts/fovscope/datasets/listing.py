"""Which files below a folder are images, and where that folder lies; the standard library only.

The Snakefile asks this at each dry run, of folders with 100,000 images, so file names stay
text here and nothing heavy is imported.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fovscope import FovscopeError
from fovscope.runtime.provenance import read_json, write_json

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


def image_files(folder: Path, *, without: Path | None = None) -> list[str]:
    """Return the image files below `folder`, relative to it, with forward slashes and sorted.

    Hidden files and what file managers leave behind are passed over; the log counts what is
    left out. `without` is a folder, of masks for one, that may lie in `folder` and is no part
    of it.
    """
    images, ignored = [], Counter()
    for parent, names in _walk(folder, without):
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


def holds_images(folder: str | os.PathLike, *, without: Path | None = None) -> bool:
    """Whether `image_files` finds any; the search ends at the first one."""
    return any(
        _is_image(name) and not _is_clutter(name)
        for _, names in _walk(folder, without)
        for name in names
    )


def _walk(
    folder: str | os.PathLike, without: Path | None
) -> Iterator[tuple[str | os.PathLike, list[str]]]:
    """Yield each folder that is data, and the names of its files."""
    left_out = without and os.path.realpath(without)
    for parent, folders, names in os.walk(folder, followlinks=True):
        if left_out and os.path.realpath(parent) == left_out:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not _is_clutter(name)]
        yield parent, names


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
