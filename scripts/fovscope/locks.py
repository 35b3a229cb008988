"""One writer at a time for what lies on disk, over the processes of all nodes.

The lock is a POSIX record lock (`fcntl.lockf`) on a small file beside what is written. The
kernel, or the server of a network file system, lets go of it when its process ends in whatever
way, so nobody cleans up after a kill; NFSv4 and Lustre (mounted with ``flock``) know it too.
The file itself stays, empty: to delete it would let two processes lock two files of one name.
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
from typing import TextIO

from fovscope import FovscopeError

logger = logging.getLogger(__name__)

PATIENCE = 120.0
"""Seconds: a server keeps the lock of a node that died for a minute or so."""
_PAUSE = 0.5
_HELD = (errno.EACCES, errno.EAGAIN)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class LockError(FovscopeError):
    """Another process writes the same thing; the message says which."""


@contextmanager
def writing(path: str | os.PathLike, *, patience: float = PATIENCE) -> Iterator[None]:
    """Be the only process that writes `path` and what belongs to it.

    Parameters
    ----------
    path : path
        What is written; the lock file ``.<name>.lock`` lies beside it.
    patience : float
        Seconds to wait for another process.

    Raises
    ------
    LockError
        If another process still writes it then; host and process number are named.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a+") as file:
        _acquire(file, path, patience)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)  # closing the file frees the lock


def _acquire(file: TextIO, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    waited = False
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
                f"{path}: {_holder(file)} is writing it; wait for that run or stop it, then run "
                "the workflow again"
            )
        if not waited:
            logger.info("%s: %s is writing it; waiting up to %g s", path, _holder(file), patience)
            waited = True
        time.sleep(_PAUSE)


def _holder(file: TextIO) -> str:
    file.seek(0)
    return file.read() or "another process"
