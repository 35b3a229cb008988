"""One form for each path of a configuration, however it is spelled."""

from __future__ import annotations

import os
from pathlib import Path


def normal_path(text: str) -> str:
    """Return a path in its one form: relative where it lies below the working folder.

    ``./images``, ``images/`` and ``/where/i/am/images`` become ``images``. Snakemake knows files
    by name, and would know nothing of results whose folder is spelled in another way.
    """
    path = os.path.normpath(Path(text).expanduser())
    if not os.path.isabs(path):  # noqa: PTH117
        return path
    here = os.path.relpath(path)
    return path if Path(here).parts[0] == os.pardir else here
