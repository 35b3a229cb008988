"""Syntax trees of source files, parsed once for two readers; the standard library only."""

from __future__ import annotations

import ast
from pathlib import Path

from fovscope import FovscopeError

_kept: dict[Path, tuple[tuple[int, int], ast.Module]] = {}


class CodeError(FovscopeError):
    """A source file that is no Python; the message says which line."""


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file as it is now, and keep it for who reads the file next.

    Raises
    ------
    CodeError
        If it does not parse; file and line are named.
    """
    state = _state(path)
    if path not in _kept or _kept[path][0] != state:
        _kept[path] = state, _parse(path)
    return _kept[path][1]


def taken(path: Path) -> ast.Module:
    """Return the syntax tree of a file as `parsed` does, and keep none: trees are large."""
    state, tree = _kept.pop(path, (None, None))
    return tree if state == _state(path) else _parse(path)


def check_syntax(path: Path) -> None:
    """Raise CodeError if a file does not parse; unlike `parsed`, keep no tree in memory."""
    _parse(path)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), path)
    except SyntaxError as error:
        shown = (error.text or "").strip()
        raise CodeError(f"{path}, line {error.lineno}: {error.msg}: {shown}") from None
