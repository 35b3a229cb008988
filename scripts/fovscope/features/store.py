"""The feature cache: a Zarr v3 array and the manifest that vouches for it.

``features.zarr`` holds one (N, D) array whose shards are files of `shard_rows` rows. Beside
it, ``parts/`` keeps one small record per finished shard with its digest, written after its
shard: a shard that agrees with its record is kept, any other is computed again. The records
outlive the run, so that a damaged store costs its damaged shards. The manifest is written last
and carries the digest of every file; a store without a manifest is never read.

Several processes, on one node or many, may fill a store at once: each has a part of its own,
a run of shards, and ends with a small note beside the payload. When all have ended well, one
process seals the store. What it then holds does not depend on how it was cut.

Another program reads the cache with ``zarr.open_array("features.zarr")`` and the manifest
with any JSON reader; row i belongs to row i of the data set's manifest.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore

from fovscope import FovscopeError
from fovscope.runtime.locks import writing
from fovscope.runtime.provenance import (
    digest_bytes,
    digest_file,
    digest_json,
    flush,
    read_json,
    remove_leftovers,
    write_json,
)

logger = logging.getLogger(__name__)

_FORMAT = 3
_PAYLOAD = "features.zarr"
_ARRAY = f"{_PAYLOAD}/zarr.json"
_PARTS = "parts"
_TASK = "task.json"
_CHOICES = "batch_size.json"
_OTHER_CONTENT = "has other content than when it was written"
_MAKE_AGAIN = "delete manifest.json there and run the workflow again"
_AGAIN = "delete part*of*.json there and run the workflow again"
_PAUSE = 1.0
_OR_LATE = f"run the workflow again; if it stays away, {_AGAIN}"


class StoreError(FovscopeError):
    """A feature store that is not what its manifest says; the message says what to do."""


@dataclass(frozen=True)
class Layout:
    """Shape, type and sharding of a store.

    Attributes
    ----------
    rows, columns : int
        Shape of the array: images and features.
    dtype : str
        ``"float16"``, ``"float32"``, or ``"uint8"`` for pixels.
    shard_rows : int
        Rows per shard; the last shard may hold fewer.
    """

    rows: int
    columns: int
    dtype: str
    shard_rows: int

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.rows // self.shard_rows)

    def bounds(self, shard: int) -> tuple[int, int]:
        """Return first and one-past-last row of a shard."""
        return shard * self.shard_rows, min((shard + 1) * self.shard_rows, self.rows)


@dataclass(frozen=True)
class Part:
    """A run of the shards of a store, for one process to write.

    Attributes
    ----------
    number : int
        Which part, from 1.
    of : int
        How many parts there are. Parts beyond the number of shards are empty.
    """

    number: int = 1
    of: int = 1

    def shards(self, total: int) -> range:
        """Return the shards of this part, of so many in all."""
        return range((self.number - 1) * total // self.of, self.number * total // self.of)

    @property
    def note(self) -> str:
        """Name of the file that says that this part is filled."""
        return f"part{self.number}of{self.of}.json"

    def cut(self, pieces: int) -> list[Part]:
        """Return the parts of this part."""
        last = self.number * pieces
        return [Part(last - pieces + piece + 1, self.of * pieces) for piece in range(pieces)]


WHOLE = Part()


def fill_store(
    manifest_path: str | Path,
    layout: Layout,
    identity: Mapping[str, Any],
    compute: Callable[[list[tuple[int, int]]], Iterable[NDArray]],
    *,
    key: str = "",
    part: Part = WHOLE,
) -> None:
    """Fill a part of the store beside `manifest_path`, shard by shard, then note that it is.

    Shards that an earlier call finished for the same `identity`, `layout` and `key` are kept,
    if they are as they were written; the finished store is the same as that of an undisturbed
    run. Only one process writes a shard at a time.

    Parameters
    ----------
    manifest_path : path
        Where the manifest will be; the payload lies in the same folder.
    layout : Layout
        Shape, type and sharding.
    identity : mapping
        What a reader should know of the content (model, weights, transform, data digest),
        JSON-like; goes into the manifest.
    compute : callable
        ``compute(ranges)`` yields, for each (start, stop) of a list, the features of these
        rows, (stop - start, D).
    key : str
        Digest of anything else that the content depends on, such as code and versions.
    part : Part
        The part; by default all of the store.

    Raises
    ------
    StoreError
        If a computed feature is not finite, or not any more in the type in which it is stored;
        the rows are named.
    LockError
        If another process is writing these shards.
    """
    folder = Path(manifest_path).parent
    task = {"identity": dict(identity), "layout": vars(layout)}
    task["key"] = digest_json([_FORMAT, task, key])
    parts = folder / _PARTS
    shards = part.shards(layout.shards)
    with ExitStack() as stack:
        with writing(folder / _PAYLOAD):  # one process at a time opens the store
            array = _open_for(Path(manifest_path), layout, task)
            if shards:  # the lock of no shard would be that of all
                stack.enter_context(writing(manifest_path, pieces=shards))
        _remove_leftovers(folder, shards)
        pending = [n for n in shards if not _is_whole(folder, _record(parts, n))]
        logger.info("%d of %d shards to compute", len(pending), len(shards))
        ranges = [layout.bounds(shard) for shard in pending]
        for shard, (start, stop), computed in zip(pending, ranges, compute(ranges), strict=True):
            rows = _as_stored(computed, layout.dtype, start)
            payload = _shard_file(shard)
            # Zarr would read a damaged shard before it writes it.
            (folder / payload).unlink(missing_ok=True)
            array[start:stop] = rows
            flush(folder / payload)
            write_json(_record(parts, shard), _fingerprint(folder, payload))
    write_json(folder / part.note, {"key": task["key"]})


def first_choice(manifest_path: str | Path, device: str, choose: Callable[[], int]) -> int:
    """Return the images of a batch that the first process chose which fills a store.

    A choice that was made by the clock may be another one the next time, and features differ in
    their last digits by it. To be called by what `fill_store` has compute.

    Parameters
    ----------
    manifest_path : path
        The manifest of the store.
    device : str
        Kind of device: each has a choice of its own.
    choose : callable
        Chooses, if nobody has.
    """
    choices = Path(manifest_path).parent / _PARTS / _CHOICES
    if device not in (_read_if_whole(choices) or {}):
        chosen = choose()
        with writing(choices):  # not while choosing, which others need not wait for
            known = _read_if_whole(choices) or {}
            write_json(choices, {device: chosen} | known)
    return read_json(choices)[device]


def join_parts(manifest_path: str | Path, part: Part, pieces: int) -> None:
    """Note that a part is filled when all its pieces are, and delete their notes.

    Raises
    ------
    StoreError
        If a piece is missing, or was made from something else than the others.
    """
    folder = Path(manifest_path).parent
    notes = [folder / piece.note for piece in part.cut(pieces)]
    write_json(folder / part.note, {"key": _one_key(notes)})
    for note in notes:
        note.unlink()


def seal_store(manifest_path: str | Path, parts: int = 1, *, patience: float = 0) -> None:
    """Write the manifest of a store whose parts are filled, after a look at each shard.

    Parameters
    ----------
    manifest_path : path
        The manifest; the payload lies in the same folder.
    parts : int
        In how many parts it was filled.
    patience : float
        Seconds in which shards that other machines wrote may still show up: network file systems
        are late.

    Raises
    ------
    StoreError
        If a shard is missing or not as it was written, or the parts do not belong together.
    LockError
        If another process is writing the store.
    """
    folder = Path(manifest_path).parent
    notes = [folder / part.note for part in WHOLE.cut(parts)]
    with writing(manifest_path):
        for leftover in (*folder.glob("part*of*.json"), *folder.glob(".*.json.*.json")):
            if leftover not in notes:
                leftover.unlink()
        key = _one_key(notes)
        task = _read_if_whole(folder / _PARTS / _TASK)
        if task is None or task["key"] != key:
            raise StoreError(f"{folder}: its shards were made from something else; {_AGAIN}")
        layout = Layout(**task["layout"])
        manifest = {
            "format": _FORMAT,
            "payload": _PAYLOAD,
            "shape": [layout.rows, layout.columns],
            "dtype": layout.dtype,
            "shard_rows": layout.shard_rows,
            "array": _fingerprint(folder, _ARRAY),
            "shards": [],
            **task["identity"],
        }
        until = time.monotonic() + patience
        while problem := _find_shards(folder, layout, manifest):
            if time.monotonic() >= until:
                raise StoreError(f"{folder}: {problem}; {_OR_LATE}")
            time.sleep(_PAUSE)
        write_json(manifest_path, manifest)


def _find_shards(folder: Path, layout: Layout, manifest: dict[str, Any]) -> str:
    """Note the shards of a store in its manifest; return what is wrong with the first that is."""
    records = [_read_if_whole(_record(folder / _PARTS, n)) for n in range(layout.shards)]
    missing = (f"shard {n} is missing" for n, record in enumerate(records) if record is None)
    if problem := next(missing, ""):
        return problem
    manifest["shards"] = records
    return next(_problems(folder, manifest, full=False), "")


def _one_key(notes: Sequence[Path]) -> str:
    keys = {read_json(note)["key"] for note in notes}
    if len(keys) != 1:
        folder = notes[0].parent
        raise StoreError(
            f"{folder}: its parts were made from different images, code or versions; {_AGAIN}"
        )
    return keys.pop()


def open_store(manifest_path: str | Path) -> zarr.Array:
    """Open a store after a cheap check that its files are there.

    Parameters
    ----------
    manifest_path : path
        The manifest of the store.

    Returns
    -------
    zarr.Array of shape (N, D)
        In the type that is stored. Rows are read when they are indexed, and a shard is
        compared with its digest when rows of it are first read: indexing raises `StoreError`
        if the shard is not what was written.

    Raises
    ------
    StoreError
        If the description of the array is damaged, or a shard is missing or has another size
        than the manifest says.
    FovscopeError
        If the manifest is damaged.
    """
    manifest = read_manifest(manifest_path)
    folder = Path(manifest_path).parent
    for problem in _problems(folder, manifest, full=False):
        raise StoreError(f"{folder}: {problem}; {_MAKE_AGAIN}")
    files = LocalStore(folder / manifest["payload"], read_only=True)
    known = {record["file"]: record["sha256"] for record in _files(manifest)}
    return zarr.open_array(_ComparedFiles(files, folder, known), mode="r")


class _ComparedFiles(WrapperStore):
    """The files of a payload, each compared with its digest before anything of it is used."""

    def __init__(self, files: LocalStore, folder: Path, known: Mapping[str, str]) -> None:
        super().__init__(files)
        self._folder = folder
        self._known = known
        self._compared: set[str] = set()

    def _with_store(self, store: LocalStore) -> _ComparedFiles:
        return type(self)(store, self._folder, self._known)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return a file or a range of it, as Zarr asks for it."""
        file = f"{_PAYLOAD}/{key}"
        unknown = file in self._known and file not in self._compared
        if unknown and byte_range is not None:
            self._compare(file, await asyncio.to_thread(digest_file, self._folder / file))
        content = await super().get(key, prototype, byte_range)
        if unknown and byte_range is None and content is not None:
            # Read once: what was compared is what is used.
            self._compare(file, await asyncio.to_thread(digest_bytes, content.as_numpy_array()))
        if content is None and file in self._known:  # Zarr would make zeros of it
            raise StoreError(f"{self._folder}: {file} is missing; {_MAKE_AGAIN}")
        return content

    def _compare(self, file: str, digest: str) -> None:
        if digest != self._known[file]:
            raise StoreError(f"{self._folder}: {file} {_OTHER_CONTENT}; {_MAKE_AGAIN}")
        self._compared.add(file)


class SelectedRows:
    """Some rows of a store, read when they are sliced: of a store of any size a block at a time.

    Parameters
    ----------
    store : array of shape (N, D)
        Anything that is sliced by rows, such as what `open_store` returns.
    chosen : boolean array of shape (N,)
        Which rows.
    """

    ndim = 2

    def __init__(self, store: zarr.Array | NDArray, chosen: NDArray[np.bool_]) -> None:
        self._store, self._rows = store, np.flatnonzero(chosen)
        self.shape, self.dtype = (len(self._rows), store.shape[1]), store.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: slice) -> NDArray:
        rows = self._rows[part]
        if not len(rows):
            return np.empty((0, self.shape[1]), self.dtype)
        return np.asarray(self._store[rows[0] : rows[-1] + 1])[rows - rows[0]]


def read_store(manifest_path: str | Path, start: int = 0, stop: int | None = None) -> NDArray:
    """Read rows of a store as float32, each shard compared with its digest.

    Parameters
    ----------
    manifest_path : path
        The manifest of the store.
    start, stop : int, optional
        Range of rows; all by default.

    Returns
    -------
    ndarray of shape (stop - start, D), float32

    Raises
    ------
    FovscopeError
        If the manifest or a shard is not what was written.
    """
    return np.asarray(open_store(manifest_path)[start:stop], np.float32)


def read_manifest(manifest_path: str | Path) -> dict[str, Any]:
    """Return what the manifest of a store says of its content.

    Raises
    ------
    FovscopeError
        If it is damaged.
    """
    return read_json(manifest_path, sealed=True)


def verify_store(manifest_path: str | Path) -> list[str]:
    """Rehash every shard and return what does not match the manifest (empty: all is well)."""
    return list(_problems(Path(manifest_path).parent, read_manifest(manifest_path), full=True))


def _remove_leftovers(folder: Path, shards: range) -> None:
    """Delete what killed writers of these shards left; others may be at work on other shards."""
    records = ((path, path.name[1:].partition(".")[0]) for path in (folder / _PARTS).glob(".*.*"))
    payload = ((path, path.parent.name) for path in (folder / _PAYLOAD).glob("c/*/*.partial"))
    for path, shard in (*records, *payload):
        if shard.isdecimal() and int(shard) in shards:
            path.unlink()


def _open_for(manifest_path: Path, layout: Layout, task: Mapping[str, Any]) -> zarr.Array:
    """Open the payload of an earlier run with the same key, or start afresh."""
    payload, parts = manifest_path.with_name(_PAYLOAD), manifest_path.with_name(_PARTS)
    marker = parts / _TASK
    known = _read_if_whole(marker)
    if known is None or known["key"] != task["key"]:
        with writing(manifest_path):  # whoever fills it with other content
            manifest_path.unlink(missing_ok=True)
            for stale in (parts, payload):  # in this order: without its marker nothing is kept
                if stale.exists():
                    shutil.rmtree(stale)
    for leftover in payload.glob("*.partial"):
        leftover.unlink()
    # The array's description is small, and surely whole when it is written again.
    (payload / "zarr.json").unlink(missing_ok=True)
    array = zarr.create_array(
        payload,
        shape=(layout.rows, layout.columns),
        dtype=layout.dtype,
        chunks=(min(256, layout.shard_rows), layout.columns),
        shards=(_whole_chunks(layout.shard_rows), layout.columns),
        compressors=None,  # mantissas of features do not compress; reading stays a plain copy
        dimension_names=("image", "feature"),
        # Else a shard of zeros would be no file, and a file that is missing is an error.
        config={"write_empty_chunks": True},
    )
    remove_leftovers(marker)
    write_json(marker, dict(task))
    return array


def _whole_chunks(shard_rows: int) -> int:
    if shard_rows > 256 and shard_rows % 256:
        raise ValueError(f"features.shard_rows: {shard_rows} must be at most or a multiple of 256")
    return shard_rows


def _record(parts: Path, shard: int) -> Path:
    return parts / f"{shard:06d}.json"


def _shard_file(shard: int) -> str:
    return f"{_PAYLOAD}/c/{shard}/0"


def _fingerprint(folder: Path, file: str) -> dict[str, Any]:
    path = folder / file
    return {"file": file, "bytes": path.stat().st_size, "sha256": digest_file(path)}


def _is_whole(folder: Path, record: Path) -> bool:
    """Whether a shard is as its record says."""
    known = _read_if_whole(record)
    if known is None or not (folder / known["file"]).exists():
        return False
    return known == _fingerprint(folder, known["file"])


def _read_if_whole(path: Path) -> Any:  # noqa: ANN401
    """Read a JSON file; one that is damaged counts as none."""
    try:
        return read_json(path)
    except (FileNotFoundError, ValueError):
        return None


def _files(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return name, size and digest of each file of a payload."""
    return [manifest["array"], *manifest["shards"]]


def _problems(folder: Path, manifest: Mapping[str, Any], *, full: bool) -> Iterator[str]:
    for known in _files(manifest):
        path = folder / known["file"]
        if not path.exists():
            yield f"{known['file']} is missing"
        elif path.stat().st_size != known["bytes"]:
            yield f"{known['file']} has {path.stat().st_size} bytes, not {known['bytes']}"
        elif full and digest_file(path) != known["sha256"]:
            yield f"{known['file']} {_OTHER_CONTENT}"


def _as_stored(computed: NDArray, dtype: str, start: int) -> NDArray:
    """Return features in the type in which they are stored, in which they must be finite."""
    with np.errstate(over="ignore"):  # what it would warn of is refused below
        rows = np.asarray(computed).astype(dtype, copy=False)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        shown = ", ".join(str(start + row) for row in bad[:10])
        finite = np.isfinite(computed[bad]).all()
        what = f"too large for {dtype}" if finite else "not finite"
        raise StoreError(
            f"features of {bad.size} images are {what} (rows {shown} of the data manifest); "
            "look at these images, or use float32 for features.dtype and features.precision"
        )
    return rows
