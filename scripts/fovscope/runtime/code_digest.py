"""Which code a job depends on: a digest of its script and of each module it imports.

Snakemake looks at the time stamp of the one script file. Here the imports are followed, by
static analysis and at any depth of a file, and the syntax tree is digested: comments,
formatting and texts that stand alone (docstrings) do not count. Two modules are left out
because no result follows from them otherwise than through what is tracked already:
`fovscope.study.config`, whose values are parameters of the rules, and `fovscope.runtime.job`,
which logs.
An assignment to ``__version__`` does not count either: a release alone reruns nothing.

The Snakefile runs this each time it is parsed, so it imports the standard library only.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

_PROJECT = "fovscope"
_WITHOUT_RESULTS = frozenset({f"{_PROJECT}.study.config", f"{_PROJECT}.runtime.job"})
_LENGTH = 12
"""Hexadecimal digits of a digest; Snakemake keeps the digests of all modules for each job."""

_NOT_CODE = frozenset({"ctx", "type_comment", "kind"})
"""Fields of a syntax tree that repeat what its other fields say, or are comments."""


@dataclass(frozen=True)
class _Module:
    digest: str
    imports: frozenset[str]


class CodeDigests:
    """Digests of scripts and modules; each file is parsed once.

    Parameters
    ----------
    scripts : Path
        Folder of the scripts and of the package.
    """

    def __init__(self, scripts: Path) -> None:
        self._scripts = scripts
        self._modules: dict[str, _Module | None] = {}

    def of(self, script: str, *, without: Collection[str] = ()) -> dict[str, str]:
        """Return the digest of a script and of each module that it imports, transitively.

        Parameters
        ----------
        script : str
            Name of the script, without suffix.
        without : collection of str
            Modules that this job imports and does not use; nor is followed what they import.

        Returns
        -------
        dict
            File, relative to the folder of the scripts → digest, sorted.
        """
        left_out = _WITHOUT_RESULTS.union(without)
        found: dict[str, str] = {}
        seen, queue = {script}, [script]
        while queue:
            name = queue.pop()
            module = self._module(name)
            if module is None:  # `from module import something` that is not a module
                continue
            found[self._file(name).relative_to(self._scripts).as_posix()] = module.digest
            new = module.imports - seen - left_out
            seen |= new
            queue += new
        return dict(sorted(found.items()))

    def _file(self, name: str) -> Path:
        path = self._scripts.joinpath(*name.split("."))
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            path = self._file(name)
            self._modules[name] = _analysed(path, name) if path.is_file() else None
        return self._modules[name]


def _analysed(path: Path, name: str) -> _Module:
    tree = ast.parse(path.read_bytes(), path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    words: list[str] = []
    _spell(tree, words)
    digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
    return _Module(digest[:_LENGTH], frozenset(_imports(tree, package)))


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the modules of the project that a tree may import, with the packages on the way."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(parents if node.level else ()), *filter(None, [node.module])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == _PROJECT:
                yield from (".".join(parts[: stop + 1]) for stop in range(len(parts)))


def _spell(value: object, words: list[str]) -> None:
    """Write a syntax tree as words, without empty fields: new versions of Python add some."""
    if isinstance(value, ast.AST):
        words.append(type(value).__name__)
        for field in value._fields:
            part = getattr(value, field, None)
            if part is not None and part != [] and field not in _NOT_CODE:
                words.append(field)
                _spell(part, words)
        words.append(")")
    elif isinstance(value, list):
        for part in value:
            if not _does_nothing(part):
                _spell(part, words)
        words.append("]")
    else:
        words.append(repr(value))


def _does_nothing(statement: object) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == "__version__"
    )
