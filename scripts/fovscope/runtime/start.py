"""Before the first job: what would end every one of them is said, and the plan is made faster.

Standard library only: `make setup` asks it before anything is installed.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from fovscope import FovscopeError

_OF_A_SHELL = re.compile(r"""[\s"'\\$`&|;<>(){}*?\[\]]""")
"""What a shell does not take as it is."""


def keep_what_is_made() -> None:
    """Let Python look for garbage seldom: a plan is made of many objects that all stay.

    With CPython's own thresholds the search took a quarter of a dry run and found nothing.
    """
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def check_interpreter(path: str | os.PathLike = sys.executable) -> None:
    """Make sure that jobs can start this Python: Snakemake puts its path into shells as it is.

    Parameters
    ----------
    path : path
        Of the interpreter that runs Snakemake, absolute. Studies, images and results may lie
        anywhere.

    Raises
    ------
    FovscopeError
        If a blank, a quotation mark or another special character of the shell is in it.
    """
    found = _OF_A_SHELL.search(os.fspath(path))
    if found:
        what = "a blank" if found[0].isspace() else found[0]
        raise FovscopeError(
            f"{path}: no job can start this Python, because there is {what} in its path and "
            "Snakemake does not quote it; move the folder of fovscope to a path of plain letters "
            "and digits, delete .venv there and run `make setup` again (images and results may "
            "stay where they are)"
        )


def check_writable(files: Iterable[str | os.PathLike], *, otherwise: str) -> None:
    """Make sure that files can be written where they are to lie.

    Parameters
    ----------
    files : iterable of path
        They and their folders need not be there.
    otherwise : str
        What else a user can do than make a folder writable.

    Raises
    ------
    FovscopeError
        If a folder is read-only; it is named, with the reason.
    """
    folders = {_first_that_is_there(parent) for parent in {Path(file).parent for file in files}}
    for folder in sorted(folders):
        if os.access(folder, os.W_OK | os.X_OK):
            continue
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            why, cure = "the file system is read-only", "have it made writable"
        else:
            why, cure = "permission is missing", "set its permissions"
        raise FovscopeError(
            f"{folder.absolute()}: nothing can be written there, {why}; {cure}, or {otherwise}, "
            "then run the workflow again"
        )


def _first_that_is_there(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


if __name__ == "__main__":
    try:
        check_interpreter(Path(sys.argv[1]).absolute())
    except FovscopeError as error:
        sys.exit(str(error))
