"""Syntax trees of source files, those that are used parsed once; the standard library only."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from fovscope import FovscopeError


class CodeError(FovscopeError):
    """A source file that is no Python; the message says which line."""


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file as it is now.

    Raises
    ------
    CodeError
        If it does not parse; file and line are named.
    """
    found = path.stat()
    return _kept(path, found.st_mtime_ns, found.st_size)


def check_syntax(path: Path) -> None:
    """Raise CodeError if a file does not parse; unlike `parsed`, keep no tree in memory."""
    _parse(path)


@cache
def _kept(path: Path, changed: int, size: int) -> ast.Module:
    del changed, size
    return _parse(path)


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), path)
    except SyntaxError as error:
        shown = (error.text or "").strip()
        raise CodeError(f"{path}, line {error.lineno}: {error.msg}: {shown}") from None
