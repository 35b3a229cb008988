"""ZIP archives from the web, unpacked safely, and only what is used of them.

An archive can name files outside of the folder, links, and far more than anybody has room for.
One that does is refused as a whole; what is written goes where a layout says, never where the
archive says.
"""

from __future__ import annotations

import re
import shutil
import stat
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from fovscope import FovscopeError
from fovscope.datasets.listing import IMAGE_SUFFIXES

_PIECE = 1 << 20
_ENCRYPTED = 0x1
_OUTSIDE = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:|\\|[\0-\x1f]")
"""A name that could lead out of a folder on some system, or cannot be shown."""

_REMEDY = "delete it and have it from its source again; if it stays so, tell whoever offers it"


class UnpackError(FovscopeError):
    """An archive that cannot or must not be unpacked; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """How much may come out of archives.

    Attributes
    ----------
    files : int
        Number of files.
    size : int
        Their sizes together, in bytes.
    """

    files: int
    size: int


@dataclass(frozen=True)
class _Member:
    """A file of an archive, and its name below the folder."""

    archive: Path
    info: ZipInfo
    target: str


def unpack(
    archives: Sequence[Path], into: Path, members: Mapping[str, str], limits: Limits
) -> Counter[str]:
    r"""Unpack what a layout uses of some archives into a folder, in the place of what is there.

    What an earlier call unpacked before it was killed is not unpacked again.

    Parameters
    ----------
    archives : sequence of Path
        ZIP files.
    into : Path
        The folder; until all is unpacked it is as it was.
    members : mapping of str to str
        Regular expression on the whole name, in any case → name below `into`, with what the
        groups hold (``\1``; nothing, of a group that is not there).
    limits : Limits
        How much may come out.

    Returns
    -------
    Counter
        How many images were left out, by their folder in the archives.

    Raises
    ------
    UnpackError
        If an archive is damaged, names a file outside of its folder, holds links, or encrypted
        files that are wanted, holds more than `limits`, two of its files would have one name, or
        nothing of it is used.
    """
    chosen: dict[str, _Member] = {}
    left_out: Counter[str] = Counter()
    for archive in archives:
        for info in _files(archive):
            target = _target(info.filename, members)
            if not target:
                if Path(info.filename).suffix.lower() in IMAGE_SUFFIXES:
                    left_out[str(PurePosixPath(info.filename).parent)] += 1
                continue
            _require_safe(archive, info, target)
            if target.casefold() in chosen:
                raise UnpackError(f"{archive}: two files would be {target}; {_REMEDY}")
            chosen[target.casefold()] = _Member(archive, info, target)
    where = ", ".join(map(str, archives))
    if not chosen:
        raise UnpackError(
            f"{where}: no file in it is called as expected; is it another data set, or another "
            "edition? What is used: " + ", ".join(members)
        )
    _require_room(chosen.values(), limits, where)
    part = into.with_name(f"{into.name}.part")
    for archive in archives:
        with _opened(archive) as opened:
            for member in chosen.values():
                if member.archive == archive:
                    _write(opened, member, part / member.target)
    _remove_others(part, {member.target for member in chosen.values()})
    if into.exists():
        shutil.rmtree(into)
    part.rename(into)
    return left_out


@contextmanager
def _opened(archive: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(archive) as opened:
            yield opened
    except (BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UnpackError(
            f"{archive} is no ZIP archive, or damaged ({error}); {_REMEDY}"
        ) from error


def _files(archive: Path) -> list[ZipInfo]:
    """Return the files of an archive, none of which leads out of its folder or is a link."""
    with _opened(archive) as opened:
        files = [info for info in opened.infolist() if not info.is_dir()]
    for info in files:
        # `orig_filename` is what stands in the archive: the other one ends at a null byte.
        if _OUTSIDE.search(info.orig_filename):
            raise UnpackError(
                f"{archive} names a file outside of its folder ({info.orig_filename!r}), so "
                f"nothing of it was unpacked; {_REMEDY}"
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UnpackError(
                f"{archive} holds a link ({info.filename}), so nothing of it was unpacked; "
                + _REMEDY
            )
    return files


def _target(name: str, members: Mapping[str, str]) -> str:
    """Return the name that a file has below the folder, empty where it is not used."""
    parts = PurePosixPath(name).parts
    if any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return ""
    for pattern, target in members.items():
        if match := re.fullmatch(pattern, name, re.IGNORECASE):
            return match.expand(target)
    return ""


def _require_safe(archive: Path, info: ZipInfo, target: str) -> None:
    if _OUTSIDE.search(target):
        raise UnpackError(f"{archive}: {info.filename} would be {target!r}, out of the folder")
    if info.flag_bits & _ENCRYPTED:
        raise UnpackError(f"{archive}: {info.filename} is encrypted; {_REMEDY}")


def _require_room(members: Collection[_Member], limits: Limits, where: str) -> None:
    size = sum(member.info.file_size for member in members)
    if len(members) > limits.files or size > limits.size:
        raise UnpackError(
            f"{where} holds {len(members):,} files of {size:,} bytes where at most "
            f"{limits.files:,} of {limits.size:,} are expected, so nothing of it was unpacked; "
            "if that is right, raise 'unpacked' in a table of 'data_sets'"
        )


def _write(opened: ZipFile, member: _Member, path: Path) -> None:
    """Write a file, unless it is there; `zipfile` reads no more than the size it announces.

    Not flushed one by one, which would take longer than all else: a checksum says whether it is
    whole.
    """
    there = path.is_file() and path.stat().st_size == member.info.file_size
    if there and zlib.crc32(path.read_bytes()) == member.info.CRC:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    with opened.open(member.info) as stream, temporary.open("wb") as copy:
        shutil.copyfileobj(stream, copy, _PIECE)
    temporary.replace(path)


def _remove_others(folder: Path, kept: Collection[str]) -> None:
    """Remove what a killed call left in a folder of what is not to be in it."""
    for path in list(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in kept:
            path.unlink()
