"""One form for each path of a configuration, however it is spelled."""

from __future__ import annotations

import os
from pathlib import Path


def normal_path(text: str) -> str:
    """Return a path in its one form: relative where it leads into the working folder.

    ``./images``, ``images/`` and ``/where/i/am/images`` become ``images``, by whatever name the
    working folder is reached. Snakemake knows files by name, and would know nothing of results
    whose folder is spelled in another way. Links within the path stay.
    """
    path, here = Path(text).expanduser(), Path.cwd()
    absolute = Path(os.path.normpath(here / path))
    for parent in (absolute, *absolute.parents):
        if parent.exists() and parent.samefile(here):
            return absolute.relative_to(parent).as_posix()
    return os.path.normpath(path)
