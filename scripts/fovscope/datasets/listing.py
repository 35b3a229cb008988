"""Which image files a folder holds, before any is read; the standard library only.

One walk lists a folder, for the manifest, for the digests of a dry run, for the classes to hold
out and for new images to encode. The Snakefile asks at each dry run, of folders with 100,000
images, so file names stay text here and nothing heavy is imported. What folders mean is read in
`fovscope.datasets.layout`, tables in `fovscope.datasets.tables`.
"""

from __future__ import annotations

import difflib
import logging
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from fovscope import FovscopeError
from fovscope.runtime.provenance import read_json, write_json

SPLITS = ("train", "val", "test")

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

STORE_SUFFIX = ".zarr"
"""What the names of folders end with that are images (OME-Zarr)."""

_LISTED = 20
"""How many cases of one problem an error message lists."""

_NOT_DATA = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "recycled"),
        *("system volume information", "lost+found", "found.000"),  # Windows, Linux
        *("__macosx", "icon\r", "temporary items", "network trash folder"),  # macOS
        *("@eadir", "#recycle", "#snapshot", "@tmp", "@sharebin", "@sharesnap"),  # Synology
        *("@recycle", "@recently-snapshot", "@__thumb"),  # QNAP
        *("~snapshot", "~snapshots"),  # NetApp
        *("trashbox", "_gsdata_", "recyclebin.ffs_tmp"),  # Buffalo; GoodSync, FreeFileSync
        *("recycle bin", "papierkorb", "corbeille", "papelera", "cestino", "prullenbak"),
        *("__pycache__",),
    }
)
"""Left behind by systems, storage servers and file managers, in lower case."""

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


@dataclass
class Found:
    """What lies in a folder.

    Attributes
    ----------
    images : list of str
        The image files, and the folders of OME-Zarr, relative to the folder, with forward slashes
        and sorted.
    folders : dict of str to str
        The folders in it, and what is to be said of those that are not entered.
    others : dict of str to Counter
        By folder, how many files with which suffix are no images that can be read.
    """

    images: list[str] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)
    others: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def passed_over(self, folder: str = "") -> Counter[str]:
        """Return how many files with which suffix in a folder, at any depth, are no images."""
        inside = f"{folder}/" if folder else ""
        counts = (n for name, n in self.others.items() if f"{name}/".startswith(inside))
        return sum(counts, Counter())


def image_files(folder: Path, *, without: Path | None = None) -> list[str]:
    """Return the image files below `folder`, relative to it, with forward slashes and sorted.

    As `find_images`, whose parameters it has.
    """
    return find_images(folder, without=without).images


def find_images(folder: Path, *, without: Path | None = None) -> Found:
    """Find the image files below a folder.

    Hidden files and what systems, storage servers and file managers leave behind are passed
    over; the log counts what is left out. Links are followed, and each real folder is entered
    once: by its own path where it lies in `folder`, and never from a link that leads above it.

    Parameters
    ----------
    folder : Path
        Folder of images at any depth.
    without : Path, optional
        A folder, of masks for one, that may lie in `folder` and is no part of it.

    Raises
    ------
    DataError
        If a folder cannot be read, or images have names that are not text; all are named.
    """
    found = Found()
    entered = {_identity(path) for path in Path(os.path.realpath(folder)).parents}
    left_out = _identity(without) if without else None
    waiting = [(False, "")]  # whether reached by a link, which waits until all else is seen
    while waiting:
        linked, inside = heappop(waiting)
        identity = _identity(folder / inside)
        if identity == left_out or (identity in entered and not linked):
            found.folders.pop(inside, None)
        elif identity in entered:
            found.folders[inside] = "a link to a folder that is listed elsewhere, or lies above"
        else:
            entered.add(identity)
            for name, is_link in _scan(folder, inside, found):
                found.folders[name] = ""
                heappush(waiting, (is_link, name))
    found.images.sort()
    _require_text(found.images, folder)
    ignored = found.passed_over()
    if ignored:
        kinds = ", ".join(f"{kind}: {count}" for kind, count in sorted(ignored.items()))
        logger.info("%s: ignored %d files (%s)", folder, ignored.total(), kinds)
    return found


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _scan(folder: Path, inside: str, found: Found) -> Iterator[tuple[str, bool]]:
    """Note the files of one folder; yield the folders in it, and whether they are links."""
    prefix = f"{inside}/" if inside else ""
    others = found.others[inside]
    try:
        entries = list(os.scandir(folder / inside))
    except OSError as error:
        raise DataError(
            f"folder {folder / inside} cannot be read: {error.strerror}; "
            "make it readable, or move it away"
        ) from error
    for entry in entries:
        if _is_folder(entry):
            if entry.name.lower().endswith(STORE_SUFFIX):
                found.images.append(prefix + entry.name)
            elif not _is_clutter(entry.name):
                yield prefix + entry.name, entry.is_symlink()
        elif _is_clutter(entry.name):
            others["hidden"] += 1
        elif _is_pipe_or_device(entry):
            others["pipe or device"] += 1
        elif _is_image(entry.name):
            found.images.append(prefix + entry.name)
        else:
            others[os.path.splitext(entry.name)[1] or "no suffix"] += 1  # noqa: PTH122


def _is_folder(entry: os.DirEntry) -> bool:
    # A link that leads to itself is none: of such an entry only `os.path` does not raise.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()  # noqa: PTH112


def _is_pipe_or_device(entry: os.DirEntry) -> bool:
    # Which would be waited for without end; a link to nothing is an image that is missing.
    if entry.is_symlink():
        return os.path.exists(entry.path) and not os.path.isfile(entry.path)  # noqa: PTH110, PTH113
    return not entry.is_file()


def _require_text(names: Sequence[str], folder: Path) -> None:
    """Raise `DataError` where file names cannot be written into a table."""
    strange = [name for name in names if not name.isascii() and _is_undecodable(name)]
    if strange:
        legible = [name.encode("utf-8", "surrogateescape") for name in strange]
        kind = (
            f"{folder}: names that are not UTF-8; rename them, e.g. with "
            f"'convmv -r -f latin1 -t utf8 --notest {folder}'"
        )
        raise DataError(listed(kind, [n.decode("utf-8", "backslashreplace") for n in legible]))


def _is_undecodable(name: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in name)


def composed(text: str) -> str:
    """Return text in the one form of Unicode that compares equal (NFC).

    A Mac writes the ü of a file name as u and two dots, a table most often as one character.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122


def kinds_read() -> str:
    """Return what the names of images end with, in words."""
    return ", ".join(sorted((*IMAGE_SUFFIXES, STORE_SUFFIX)))


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
