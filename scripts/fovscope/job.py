"""What every script of the workflow does around its work: logging, honest ends, digests.

When a job has ended well, the digests of its outputs are noted in ``digests/`` of the study,
in the format of ``sha256sum``; `fovscope verify` compares them with what is there.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fovscope import FovscopeError
from fovscope.layout import digest_list
from fovscope.provenance import digest_file, replacing


@contextmanager
def logged(job: Any) -> Iterator[None]:  # noqa: ANN401
    """Send log records of a Snakemake job to its log file and to the terminal.

    A mistake of the user (`FovscopeError`) ends the job with its message alone; anything
    else with its traceback, in the log file too.

    Parameters
    ----------
    job : snakemake.script.Snakemake
        The object that Snakemake puts into a script.
    """
    path = Path(job.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
        handlers=[logging.FileHandler(path, mode="w"), logging.StreamHandler(sys.stderr)],
        force=True,
    )
    logging.captureWarnings(True)
    root, digests = digest_list(path)
    digests.unlink(missing_ok=True)
    try:
        yield
        if job.output:
            _note_digests(job.output, root, digests)
    except FovscopeError as error:
        logging.error("%s", error)
        raise SystemExit(1) from None
    except Exception:
        logging.exception("the job stopped")
        raise SystemExit(1) from None


def _note_digests(files: list[str], root: Path, path: Path) -> None:
    lines = [f"{digest_file(file)}  {os.path.relpath(file, root)}\n" for file in files]
    with replacing(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
