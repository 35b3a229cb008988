"""Syntax trees of source files; the standard library only."""

from __future__ import annotations

import ast
from pathlib import Path

from fovscope import FovscopeError


class CodeError(FovscopeError):
    """A source file that is no Python; the message says which line."""


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file; trees are large, so none is kept here.

    Raises
    ------
    CodeError
        If it does not parse; file and line are named.
    """
    try:
        return ast.parse(path.read_bytes(), path)
    except SyntaxError as error:
        shown = (error.text or "").strip()
        raise CodeError(f"{path}, line {error.lineno}: {error.msg}: {shown}") from None
