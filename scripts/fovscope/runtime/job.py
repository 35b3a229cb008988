"""What every script of the workflow does around its work: logging, honest ends, digests.

When a job has ended well, the digests of its outputs are noted in ``digests/`` of the study,
in the format of ``sha256sum``; `fovscope verify` compares them with what is there.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from fovscope import FovscopeError
from fovscope.registry import Catalogue
from fovscope.runtime.provenance import digest_file, digest_json, replacing, versions
from fovscope.study.layout import digest_list

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your quota is used up; free some space",
    errno.EROFS: "the file system is read-only; have it made writable",
    errno.EACCES: "permission is missing; set the permissions of the file and its folder",
    errno.EPERM: "permission is missing; set the permissions of the file and its folder",
    errno.ENOENT: "a file or folder has gone; put it back",
    errno.EIO: "the disk or the network to it fails; have it looked at",
    errno.ESTALE: "the network file system lost the file; wait until it is back",
}
"""What a user can do about an error of the file system."""


class Job:
    """What a script asks of its job beside files and parameters.

    Parameters
    ----------
    job : snakemake.script.Snakemake
        The object that Snakemake puts into a script.
    """

    def __init__(self, job: Any) -> None:  # noqa: ANN401
        self._job = job

    @cached_property
    def catalogue(self) -> Catalogue:
        """What is registered: the package's own, and the plug-ins that the job's code names."""
        params = getattr(self._job, "params", None)
        return Catalogue(plugins_of(params["job"]["code"]) if params else ())


def plugins_of(code: Mapping[str, str]) -> list[str]:
    """Return the plug-in files among the files of a job's code."""
    return [file for file in code if file.startswith((".", "/"))]


@contextmanager
def logged(job: Any, *, lasting: bool = True) -> Iterator[Job]:  # noqa: ANN401
    """Send log records of a Snakemake job to its log file and to the terminal.

    A mistake of the user (`FovscopeError`) and an error of the file system that a user can
    cure end the job with a message alone; anything else with its traceback, in the log file
    too.

    Parameters
    ----------
    job : snakemake.script.Snakemake
        The object that Snakemake puts into a script.
    lasting : bool
        Whether the outputs stay, so that their digests are noted.

    Yields
    ------
    Job
        What the script asks of its job.
    """
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
        handlers=[logging.StreamHandler(sys.stderr)],
        force=True,
    )
    logging.captureWarnings(True)
    log = Path(job.log[0])
    root, digests = digest_list(log)
    try:
        _log_to_file(log)
        digests.unlink(missing_ok=True)
        yield Job(job)
        if job.output and lasting:
            _note_digests(job.output, root, digests)
    except FovscopeError as error:
        logging.error("%s", error)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in _REMEDIES:
            logging.exception("the job stopped")
        else:
            logging.error(
                "%s: %s, then run the workflow again; what is finished is kept",
                *(error, _REMEDIES[error.errno]),
            )
        raise SystemExit(1) from None
    except Exception:
        logging.exception("the job stopped")
        raise SystemExit(1) from None


def job_key(job: Any) -> str:  # noqa: ANN401
    """Return the digest of all that a job's result depends on.

    Unfinished work is continued only under the same key: content of the input files,
    parameters (of which one stands for the code), wildcards and versions of the libraries.
    Threads, resources and time stamps are not part of it.

    Parameters
    ----------
    job : snakemake.script.Snakemake or Neighbour
        The object that Snakemake puts into a script, or a job of the same pack.
    """
    return digest_json(
        {
            "inputs": [digest_file(path) for path in job.input],
            "params": dict(job.params.items()),
            "wildcards": dict(job.wildcards.items()),
            "versions": versions(),
        }
    )


def _log_to_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    handler = logging.FileHandler(path)  # appends: two processes do not overwrite each other
    handler.setFormatter(logging.getLogger().handlers[0].formatter)
    logging.getLogger().addHandler(handler)


def _note_digests(files: list[str], root: Path, path: Path) -> None:
    lines = [f"{digest_file(file)}  {os.path.relpath(file, root)}\n" for file in files]
    with replacing(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
