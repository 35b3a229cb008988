"""The feature cache: a Zarr v3 array and the manifest that vouches for it.

``features.zarr`` holds one (N, D) array whose shards are files of `shard_rows` rows. Beside
it, ``parts/`` keeps one small record per finished shard, written after its shard: what has a
record is whole, what has none is computed again. The manifest is written last and carries
the digest of every shard; a store without a manifest is never read.

Another program reads the cache with ``zarr.open_array("features.zarr")`` and the manifest
with any JSON reader; row i belongs to row i of the data set's manifest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from fovscope import FovscopeError
from fovscope.provenance import digest_file, digest_json, read_json, write_json

_FORMAT = 1
_PAYLOAD = "features.zarr"


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
        ``"float16"`` or ``"float32"``.
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


def write_store(
    manifest_path: str | Path,
    layout: Layout,
    identity: Mapping[str, Any],
    compute: Callable[[list[tuple[int, int]]], Iterable[NDArray]],
) -> None:
    """Fill the store beside `manifest_path` shard by shard, then write the manifest.

    Shards that an earlier, interrupted call finished for the same `identity` and `layout`
    are kept; the finished store is the same as that of an undisturbed run.

    Parameters
    ----------
    manifest_path : path
        Where the manifest goes; the payload lies in the same folder.
    layout : Layout
        Shape, type and sharding.
    identity : mapping
        All that the content depends on (model, weights, transform, data digest), JSON-like.
    compute : callable
        ``compute(ranges)`` yields, for each (start, stop) of a list, the features of these
        rows, (stop - start, D).

    Raises
    ------
    StoreError
        If a computed feature is not finite; the rows are named.
    """
    folder = Path(manifest_path).parent
    key = digest_json([_FORMAT, dict(identity), vars(layout)])
    parts = folder / "parts"
    array = _open_for(folder / _PAYLOAD, parts, layout, key)
    pending = [n for n in range(layout.shards) if not _is_whole(folder, _record(parts, n))]
    ranges = [layout.bounds(shard) for shard in pending]
    for shard, (start, stop), rows in zip(pending, ranges, compute(ranges), strict=True):
        _require_finite(rows, start)
        payload = _shard_file(shard)
        # Zarr would read a shard that a kill left half-written before it writes it.
        (folder / payload).unlink(missing_ok=True)
        array[start:stop] = rows
        write_json(_record(parts, shard), {"file": payload, **_fingerprint(folder / payload)})
    records = [read_json(_record(parts, shard)) for shard in range(layout.shards)]
    write_json(
        manifest_path,
        {
            "format": _FORMAT,
            "payload": _PAYLOAD,
            "shape": [layout.rows, layout.columns],
            "dtype": layout.dtype,
            "shard_rows": layout.shard_rows,
            "shards": records,
            **identity,
        },
    )
    shutil.rmtree(parts)


def read_store(manifest_path: str | Path, start: int = 0, stop: int | None = None) -> NDArray:
    """Read rows of a store as float32, after a cheap check that its files are there.

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
    StoreError
        If a shard is missing or has another size than the manifest says.
    """
    manifest = read_json(manifest_path)
    folder = Path(manifest_path).parent
    for problem in _problems(folder, manifest, full=False):
        raise StoreError(
            f"{folder}: {problem}; delete manifest.json there and run the workflow again"
        )
    array = zarr.open_array(folder / manifest["payload"], mode="r")
    return np.asarray(array[start : manifest["shape"][0] if stop is None else stop], np.float32)


def verify_store(manifest_path: str | Path) -> list[str]:
    """Rehash every shard and return what does not match the manifest (empty: all is well)."""
    return list(_problems(Path(manifest_path).parent, read_json(manifest_path), full=True))


def _open_for(payload: Path, parts: Path, layout: Layout, key: str) -> zarr.Array:
    """Open the payload of an interrupted run with the same key, or start afresh."""
    marker = parts / "key.json"
    if marker.exists() and read_json(marker) == key and payload.exists():
        return zarr.open_array(payload, mode="r+")
    for stale in (parts, payload):
        if stale.exists():
            shutil.rmtree(stale)
    array = zarr.create_array(
        payload,
        shape=(layout.rows, layout.columns),
        dtype=layout.dtype,
        chunks=(min(256, layout.shard_rows), layout.columns),
        shards=(_whole_chunks(layout.shard_rows), layout.columns),
        compressors=None,  # mantissas of features do not compress; reading stays a plain copy
        dimension_names=("image", "feature"),
    )
    write_json(marker, key)
    return array


def _whole_chunks(shard_rows: int) -> int:
    if shard_rows > 256 and shard_rows % 256:
        raise ValueError(f"features.shard_rows: {shard_rows} must be at most or a multiple of 256")
    return shard_rows


def _record(parts: Path, shard: int) -> Path:
    return parts / f"{shard:06d}.json"


def _shard_file(shard: int) -> str:
    return f"{_PAYLOAD}/c/{shard}/0"


def _fingerprint(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": digest_file(path)}


def _is_whole(folder: Path, record: Path) -> bool:
    if not record.exists():
        return False
    known = read_json(record)
    payload = folder / known["file"]
    return payload.exists() and _fingerprint(payload) == {k: known[k] for k in ("bytes", "sha256")}


def _problems(folder: Path, manifest: Mapping[str, Any], *, full: bool) -> Iterator[str]:
    for shard in manifest["shards"]:
        path = folder / shard["file"]
        if not path.exists():
            yield f"{shard['file']} is missing"
        elif path.stat().st_size != shard["bytes"]:
            yield f"{shard['file']} has {path.stat().st_size} bytes, not {shard['bytes']}"
        elif full and digest_file(path) != shard["sha256"]:
            yield f"{shard['file']} has other content than when it was written"


def _require_finite(rows: NDArray, start: int) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        shown = ", ".join(str(start + row) for row in bad[:10])
        raise StoreError(
            f"features of {bad.size} images are not finite (rows {shown} of the data manifest); "
            "look at these images, or use float32 for features.dtype and features.precision"
        )
