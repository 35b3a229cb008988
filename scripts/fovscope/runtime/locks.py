"""One writer at a time for what lies on disk, over the processes of all nodes.

The lock is a POSIX record lock (`fcntl.lockf`) on a small file beside what is written. The
kernel, or the server of a network file system, lets go of it when its process ends in whatever
way, so nobody cleans up after a kill; NFSv4 and Lustre (mounted with ``flock``) know it too.
The file itself stays, blank: to delete it would let two processes lock two files of one name.

What consists of numbered pieces can have a writer for each run of pieces: a record lock covers
a range of bytes. Piece n is the n-th slot of the file, in which its writer says who it is.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fovscope import FovscopeError

logger = logging.getLogger(__name__)

PATIENCE = 120.0
"""Seconds: a server keeps the lock of a node that died for a minute or so."""
_PAUSE = 0.5
_SLOT = 128
"""Bytes."""
_HELD = (errno.EACCES, errno.EAGAIN)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class LockError(FovscopeError):
    """Another process writes the same thing; the message says which."""


@contextmanager
def writing(
    path: str | os.PathLike, *, pieces: range | None = None, patience: float = PATIENCE
) -> Iterator[None]:
    """Be the only process that writes `path` and what belongs to it.

    A process must not hold two locks of one path: the kernel frees both with the first.

    Parameters
    ----------
    path : path
        What is written; the lock file ``.<name>.lock`` lies beside it.
    pieces : range, optional
        Be the only one that writes these numbered pieces; all of it by default.
    patience : float
        Seconds to wait for another process.

    Raises
    ------
    LockError
        If another process still writes it then; host and process number are named.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Length 0 is to the end of the file, wherever that will be.
    start, length = (pieces.start * _SLOT, len(pieces) * _SLOT) if pieces else (0, 0)
    lock = path.with_name(f".{path.name}.lock")
    lock.touch()
    with lock.open("r+b", buffering=0) as file:
        _acquire(file, path, start, length, patience)
        if pieces is None:
            file.truncate(0)  # what killed writers of pieces noted
        _note(file, start, f"process {os.getpid()} on {socket.gethostname()}")
        try:
            yield
        finally:
            if pieces is None:
                file.truncate(0)
            else:
                _note(file, start, "")
            # Closing the file frees the lock.


def _note(file: BinaryIO, start: int, text: str) -> None:
    os.pwrite(file.fileno(), text.encode()[:_SLOT].ljust(_SLOT), start)


def _acquire(file: BinaryIO, path: Path, start: int, length: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    waited = False
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
            return
        except OSError as error:
            if error.errno in _NO_LOCKS:
                logger.warning(
                    "%s: this file system has no locks; make sure that one run writes it", path
                )
                return
            if error.errno not in _HELD:
                raise
        if time.monotonic() >= deadline:
            raise LockError(
                f"{path}: {_holder(file, start, length)} is writing it; wait for that run or stop "
                "it, then run the workflow again"
            )
        if not waited:
            holder = _holder(file, start, length)
            logger.info("%s: %s is writing it; waiting up to %g s", path, holder, patience)
            waited = True
        time.sleep(_PAUSE)


def _holder(file: BinaryIO, start: int, length: int) -> str:
    """Return the note of the process that holds a piece of a range.

    It stands in the first slot of what that process holds: at the last note before the end of
    the range that is locked by another.
    """
    size = os.fstat(file.fileno()).st_size
    stop = min(size, start + length) if length else size
    for slot in range(stop // _SLOT - 1, -1, -1):
        text = os.pread(file.fileno(), _SLOT, slot * _SLOT).strip(b"\0 ").decode(errors="replace")
        if text and _is_held(file, slot * _SLOT):
            return text
    return "another process"


def _is_held(file: BinaryIO, start: int) -> bool:
    """Whether another process holds a slot; what killed ones noted stays there."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SLOT, start)
    except OSError:
        return True
    fcntl.lockf(file, fcntl.LOCK_UN, _SLOT, start)
    return False
