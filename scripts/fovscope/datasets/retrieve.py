"""From a name to images on the disk: downloaded, checked, unpacked, and compared with the papers.

What cannot be downloaded is asked for: which file, from where, to be put where. A file that is
there already, however it came, is used if its digest is right. Where no digest is published, that
of the first file is kept, and another one later is an error.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fovscope import FovscopeError
from fovscope.datasets.content import folder_content
from fovscope.datasets.download import download, git_sha1
from fovscope.datasets.layout import list_folder
from fovscope.datasets.named import IMAGES, MASKS, DataSet, Download, Place
from fovscope.datasets.unpack import Limits, unpack
from fovscope.runtime.provenance import digest_file, read_json, write_json

_MEGABYTE = 1_000_000
_HAD_FIRST = "the file that was had first"

logger = logging.getLogger(__name__)


class RetrievalError(FovscopeError):
    """A data set that cannot be had; the message says what to put where, or what is wrong."""


def retrieve(name: str, data_set: DataSet, place: Place, *, pause: float = 2.0) -> dict[str, Any]:
    """Bring a data set to its place, and say what was found.

    Parameters
    ----------
    name : str
        Of the data set, for messages.
    data_set : DataSet
        Its row in the table.
    place : Place
        Where it goes.
    pause : float
        Seconds before a second attempt at a download.

    Returns
    -------
    dict
        Ready for JSON, the same for the same files: `name`, `version`, `licence`, `citation`;
        `downloads` (file, from where, SHA-256, and what that was held to); `content` as of
        `fovscope.datasets.content.summary`; `classes`; `counts` (class → split → images);
        `differences` from what is published, each with a reason.

    Raises
    ------
    RetrievalError
        If a file must be put in place by hand, or is not the one it should be.
    DownloadError, UnpackError
        If a download or an archive is of no use.
    """
    folder = place.archives if data_set.members else place.files
    there = [_there(name, one, folder, place, pause) for one in data_set.files()]
    left_out: Counter[str] = Counter()
    if data_set.members:
        limits = data_set.unpacked
        left_out = unpack(
            [folder / one.file for one in data_set.files()],
            place.files,
            data_set.members,
            Limits(limits.files, limits.megabytes * _MEGABYTE),
        )
    counts = _counts(data_set, place)
    _remember(place, there)  # now that they were of use
    differences = list(_differences(data_set, counts, left_out))
    for difference in differences:
        logger.warning("%s: %s", name, difference)
    return {
        "name": name,
        **{key: getattr(data_set, key) for key in ("title", "version", "licence", "citation")},
        "downloads": there,
        "content": folder_content(place.files, place.digests),
        "classes": sorted(counts) if data_set.is_target else [],
        "counts": counts,
        "published": data_set.counts,
        "differences": differences,
    }


# Files --------------------------------------------------------------------------------------


def _there(name: str, one: Download, folder: Path, place: Place, pause: float) -> dict[str, Any]:
    """Have one file in place and return what it is."""
    path = folder / one.file
    if not path.exists():
        if not one.url:
            raise RetrievalError(_by_hand(name, one, path))
        download(one.url, path, most=one.megabytes * _MEGABYTE, pause=pause)
    digest, held_to = _checked(one, path, place.first)
    return {
        "file": one.file,
        "from": one.url or one.page,
        "bytes": path.stat().st_size,
        "sha256": digest,
        "held_to": held_to,
    }


def _by_hand(name: str, one: Download, path: Path) -> str:
    return (
        f"{name} cannot be downloaded by a program. Open {one.page}, download the data set as one "
        f"ZIP archive (pack what comes as several files into one), save it as {path} and run "
        "Snakemake again"
    )


def _checked(one: Download, path: Path, first: Path) -> tuple[str, str]:
    """Return the SHA-256 of a file and what it was held to."""
    digest = digest_file(path)
    if one.sha256:
        _require_same(one.sha256, digest, path, "")
        return digest, "published SHA-256"
    if one.git_sha1:
        _require_same(one.git_sha1, git_sha1(path), path, "")
        return digest, "published Git blob"
    wanted = (read_json(first) if first.exists() else {}).get(one.file, digest)
    _require_same(wanted, digest, path, f" (or {first}, if it is to be another edition)")
    return digest, _HAD_FIRST


def _remember(place: Place, there: Sequence[Mapping[str, Any]]) -> None:
    """Keep the digests of files of which none is published."""
    digests = {one["file"]: one["sha256"] for one in there if one["held_to"] == _HAD_FIRST}
    if digests:
        write_json(place.first, digests)


def _require_same(wanted: str, found: str, path: Path, also: str) -> None:
    if found != wanted:
        raise RetrievalError(
            f"{path} is not the file it should be: its digest is {found} and should be {wanted}. "
            f"Delete it{also} and run Snakemake again"
        )


# Counts -------------------------------------------------------------------------------------


def _counts(data_set: DataSet, place: Place) -> dict[str, dict[str, int]]:
    """Return class → split → images; `all` where there are no splits, `images` without classes."""
    images = place.files / IMAGES
    if not images.is_dir():
        return {}
    if not data_set.is_target:
        return {"images": {"all": sum(path.is_file() for path in images.rglob("*"))}}
    columns = list_folder(images, place.files / MASKS if data_set.masks else None).columns
    labels = columns.get("label") or ["images"] * len(columns["path"])
    splits = columns.get("split") or ["all"] * len(labels)
    counts: dict[str, Counter[str]] = {}
    for label, split in zip(labels, splits, strict=True):
        counts.setdefault(str(label), Counter())[str(split)] += 1
    return {label: dict(sorted(of.items())) for label, of in sorted(counts.items())}


def _differences(
    data_set: DataSet, counts: Mapping[str, Mapping[str, int]], left_out: Counter[str]
) -> Iterator[str]:
    """Yield in which way what was found is not what is published, and why."""
    by_split: Counter[str] = Counter()
    for of_class in counts.values():
        by_split.update(of_class)
    found = {"images": by_split.total(), **by_split}
    for what, published in data_set.counts.items():
        if what in found and found[what] != published:
            because = data_set.notes.get(what) or _reason(left_out)
            yield f"{what}: {found[what]:,} found, {published:,} published ({because})"
    wanted = data_set.classes
    if not counts:
        return
    if isinstance(wanted, int):
        if wanted and wanted != len(counts):
            yield f"classes: {len(counts)} found, {wanted} published ({_reason(left_out)})"
        return
    missing, more = sorted(set(wanted) - set(counts)), sorted(set(counts) - set(wanted))
    if missing or more:
        because = data_set.notes.get("classes") or _reason(left_out)
        yield (
            f"classes: without {', '.join(missing) or 'none'}, beside them "
            f"{', '.join(more) or 'none'} ({because})"
        )


def _reason(left_out: Counter[str]) -> str:
    if not left_out:
        return "all images of the archive are used: this edition has others than were counted"
    folders = ", ".join(f"{folder}: {count}" for folder, count in left_out.most_common(3))
    more = " and others" if len(left_out) > 3 else ""
    return f"{left_out.total():,} images of the archive are not used: {folders}{more}"
