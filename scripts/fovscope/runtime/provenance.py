"""Digests, versions and whole-or-nothing files.

A file that fovscope writes is complete or absent: it is written under a temporary name in
the same folder, flushed to the disk, and renamed. A digest is SHA-256 in hexadecimal.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fovscope

_DIGEST = "content_sha256"
"""Key of a JSON object that holds the digest of all its other keys."""

_PACKAGES = ("numpy", "pandas", "scikit-learn", "timm", "torch", "xgboost", "zarr")


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's content."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_json(value: Any) -> str:  # noqa: ANN401
    """Return the SHA-256 of a JSON-like value, whatever the order of its keys."""
    return digest_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def versions() -> dict[str, str]:
    """Return the versions of fovscope, Python and the packages that make the numbers."""
    found = {"fovscope": fovscope.__version__, "python": platform.python_version()}
    return found | {name: version(name) for name in _PACKAGES}


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` on success.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; `path` is then as before.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        flush(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes private files; results are shared
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, value: Any) -> None:  # noqa: ANN401
    """Write `value` as indented JSON, whole or not at all; an object with its own digest."""
    if isinstance(value, Mapping):
        content = json.loads(json.dumps(dict(value)))  # keys as text, as they will be read
        value = content | {_DIGEST: digest_json(content)}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike, *, sealed: bool = False) -> Any:  # noqa: ANN401
    """Read a JSON file and compare it with the digest in it.

    Parameters
    ----------
    path : path
        The file.
    sealed : bool
        Whether there must be a digest: whether only `write_json` can have written the file.

    Raises
    ------
    FovscopeError
        If it is damaged.
    """
    remedy = "delete it and run the workflow again"
    try:
        value = json.loads(Path(path).read_text("utf-8"))
    except ValueError as error:
        raise fovscope.FovscopeError(f"{path} is damaged ({error}); {remedy}") from error
    noted = value.pop(_DIGEST, None) if isinstance(value, dict) else None
    if (noted is None and sealed) or (noted is not None and noted != digest_json(value)):
        raise fovscope.FovscopeError(f"{path} was damaged after it was written; {remedy}")
    return value


def remove_leftovers(path: str | os.PathLike) -> None:
    """Delete what killed writers of `path` left; nobody else may be writing it."""
    path = Path(path)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'?' * 8}{path.suffix}"):
        leftover.unlink()


def flush(path: str | os.PathLike) -> None:
    """Return when a file's content is on the disk."""
    with Path(path).open("rb+") as stream:
        os.fsync(stream.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
