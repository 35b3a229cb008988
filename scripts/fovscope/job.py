"""What every script of the workflow does around its work: logging and honest ends."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fovscope import FovscopeError


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
    try:
        yield
    except FovscopeError as error:
        logging.error("%s", error)
        raise SystemExit(1) from None
    except Exception:
        logging.exception("the job stopped")
        raise SystemExit(1) from None
