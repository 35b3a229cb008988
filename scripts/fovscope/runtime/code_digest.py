"""Which code a job depends on: a digest per file, of the definitions that are used there.

Snakemake looks at the time stamp of the one script file. Here is followed what a script, and
what it loads by name, uses: functions, classes and constants of the project and of a user's
plug-ins, at any depth, by static analysis (`fovscope.runtime.definitions`: what a definition
says and what counts of it). The digest of a file covers these definitions and no others, and
what runs when the file is imported. So to add a metric, to edit a function that another job
uses, or to rename a helper makes no job stale.

Some modules are left out, because no result follows from them otherwise than through what is
tracked already.

The Snakefile runs this each time it is parsed, so it imports the standard library only.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from fovscope.registry import Entry
from fovscope.runtime.definitions import LOOSE, Import, Outline, Use, is_private
from fovscope.runtime.syntax import parsed

_PROJECT = "fovscope"
_WITHOUT_RESULTS = (
    "fovscope.study",  # its values are parameters of the rules
    "fovscope.runtime.job",  # logs
    "fovscope.registry",  # what is loaded by name is given to `CodeDigests.of`
    "fovscope.runtime.syntax",
    "fovscope.runtime.definitions",
    "fovscope.runtime.code_digest",
)
"""Modules that do not count, nor what lies below them."""

_LENGTH = 12
"""Hexadecimal digits of a digest; Snakemake keeps the digests of all files for each job."""

_WHOLE = "*"
"""Stands for all names of a module, where the module itself is passed on."""

_ABOUT = frozenset({"__file__", "__name__", "__doc__", "__package__", "__spec__"})
"""Attributes of a module of which no definition is the source."""


@dataclass(eq=False)
class _Module:
    """A file, and what is known of it so far."""

    path: Path
    name: str
    folder: Path | None
    """Folder of the plug-in by which it was found; None for the project's own."""
    outline: Outline
    is_package: bool
    linked: dict[str, _Linked] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


_Node: TypeAlias = tuple[_Module, str]
"""A definition, the loose statements of a module (`LOOSE`) or all of it (`_WHOLE`)."""


@dataclass(frozen=True)
class _Same:
    """Stands among the words of a definition for another one of its module."""

    name: str


@dataclass
class _Linked:
    """A definition whose names are resolved."""

    words: list[str | _Same] = field(default_factory=list)
    uses: set[_Node] = field(default_factory=set)


class CodeDigests:
    """Digests of the code of jobs; each file is parsed and each definition read once.

    Parameters
    ----------
    scripts : Path
        Folder of the scripts and of the package.
    """

    def __init__(self, scripts: Path) -> None:
        self._scripts = scripts
        self._modules: dict[Path, _Module] = {}
        self._found: dict[tuple[str, Path | None], _Module | None] = {}
        self._known: dict[object, dict[str, str]] = {}

    def of(self, script: str, uses: Iterable[Entry] = ()) -> dict[str, str]:
        """Return digests of the code that a job runs, by file.

        Parameters
        ----------
        script : str
            Name of the script, without suffix; it counts as a whole.
        uses : iterable of Entry
            What the job loads by name.

        Returns
        -------
        dict of str to str
            File → digest of the definitions that are used there, sorted. Files of the project
            are relative to the folder of the scripts. Plug-ins, and what they import from their
            folder, are as the configuration names them and begin with ``./``, ``../`` or ``/``.

        Raises
        ------
        CodeError
            If a file is no Python; file and line are named.
        """
        entries = {(str(entry.file), entry.definition, entry.origin): entry for entry in uses}
        asked = script, frozenset(entries)
        if asked not in self._known:
            self._known[asked] = self._digests(script, list(entries.values()))
        return dict(self._known[asked])

    def _digests(self, script: str, entries: list[Entry]) -> dict[str, str]:
        roots = self._of_script(script)
        names: dict[Path, str] = {}
        for entry in entries:
            module = self._of_entry(entry)
            roots.append((module, entry.definition))
            if module.folder is not None:
                names[module.path] = _as_path(entry.origin)
        files: dict[_Module, list[str]] = {roots[0][0]: []}  # even if it does nothing
        for module, name in self._reached(roots):
            if self._link((module, name)).words:
                files.setdefault(module, []).append(self._digest(module, name))
        digests = {
            self._name(module, names): _sha256(sorted(parts))[:_LENGTH]
            for module, parts in files.items()
        }
        return dict(sorted(digests.items()))

    def _reached(self, roots: list[_Node]) -> set[_Node]:
        seen, queue = set(roots), list(roots)
        while queue:
            node = queue.pop()
            # To use a definition is to import its module, which runs what is loose there.
            new = (self._link(node).uses | {(node[0], LOOSE)}) - seen
            seen |= new
            queue += new
        return seen

    def _name(self, module: _Module, names: dict[Path, str]) -> str:
        """Return how a file is called; `names` has the plug-ins of the job."""
        if module.folder is None:
            return module.path.relative_to(self._scripts).as_posix()
        if module.path in names:
            return names[module.path]
        ways = (
            os.path.normpath(PurePosixPath(name).parent / os.path.relpath(module.path, path.parent))
            for path, name in names.items()
        )
        return _as_path(min(ways, key=lambda way: (len(way), way)))

    # Files -------------------------------------------------------------------------------------

    def _of_script(self, script: str) -> list[_Node]:
        """Return all that a script defines, and what it imports from modules."""
        module = self._module(self._scripts / f"{script}.py", script, None)
        outline = module.outline
        imports = (bound for each in outline.imports.values() for bound in each)
        targets = (target for bound in imports for target in self._imported(module, bound))
        return [
            *((module, name) for name in (*outline.defined, LOOSE)),
            *(target for target in targets if isinstance(target, tuple)),
        ]

    def _of_entry(self, entry: Entry) -> _Module:
        path = entry.file.resolve()
        if entry.origin != _PROJECT:
            return self._module(path, path.stem, path.parent)
        inner = path.relative_to(self._scripts.resolve())
        return self._module(self._scripts / inner, ".".join(inner.with_suffix("").parts), None)

    def _module(self, path: Path, name: str, folder: Path | None) -> _Module:
        if path not in self._modules:
            is_package = path.name == "__init__.py"
            package = name if is_package else name.rpartition(".")[0]
            tree = parsed(path) if path.is_file() else ast.Module([], [])  # a folder is a package
            outline = Outline(tree, package)
            self._modules[path] = _Module(path, name, folder, outline, is_package)
        return self._modules[path]

    def _find(self, name: str, folder: Path | None) -> _Module | None:
        """Return the module of a dotted name; None if it is not of the project or left out."""
        asked = name, folder
        if asked not in self._found:
            self._found[asked] = self._searched(name, folder)
        return self._found[asked]

    def _searched(self, name: str, folder: Path | None) -> _Module | None:
        first, *_ = parts = name.split(".")
        if first == _PROJECT:
            if _is_left_out(name):
                return None
            folder, place = None, self._scripts.joinpath(*parts)
        elif folder is None or not first or first in sys.stdlib_module_names:
            return None
        else:  # beside a plug-in
            place = folder.joinpath(*parts)
        file = place.parent / f"{place.name}.py"
        if place.is_dir():
            file = place / "__init__.py"
        elif not file.is_file():
            return None
        return self._module(file, name, folder)

    # Names -------------------------------------------------------------------------------------

    def _lookup(
        self, module: _Module, name: str, seen: frozenset[_Node] = frozenset()
    ) -> list[_Node | _Module | str]:
        """Return what a name of a module stands for: definitions, modules or foreign names."""
        if (module, name) in seen:  # modules that import each other
            return []
        seen |= {(module, name)}
        outline = module.outline
        found: list[_Node | _Module | str] = []
        if name in outline.defined:
            found.append((module, name))
        if name in outline.loose_names:
            found.append((module, LOOSE))
        for bound in outline.imports.get(name, ()):
            found += self._imported(module, bound, seen)
        if not found:
            for star in outline.stars:
                other = self._find(star, module.folder)
                found += self._lookup(other, name, seen) if other else []
        return found

    def _imported(
        self, module: _Module, bound: Import, seen: frozenset[_Node] = frozenset()
    ) -> list[_Node | _Module | str]:
        """Return what an import in a module stands for."""
        source = self._find(bound.module, module.folder)
        if source is None:
            return [".".join(filter(None, [bound.module, bound.name]))]
        if bound.name is None:
            return [source]
        if bound.name == _WHOLE:
            return [(source, _WHOLE)]
        return self._attribute(source, bound.name, seen)

    def _attribute(
        self, module: _Module, name: str, seen: frozenset[_Node] = frozenset()
    ) -> list[_Node | _Module | str]:
        """Return what an attribute of a module stands for; all of it if that cannot be known."""
        if found := self._lookup(module, name, seen):
            return found
        inner = f"{module.name}.{name}"
        if module.is_package and _is_left_out(inner):
            return [inner]
        if module.is_package and (found := self._find(inner, module.folder)):
            return [found]
        if name in _ABOUT or (module, name) in seen:
            return [(module, LOOSE)]
        return [(module, _WHOLE)]

    def _link(self, node: _Node) -> _Linked:
        module, name = node
        if name not in module.linked:
            make = {LOOSE: self._link_loose, _WHOLE: self._link_whole}.get(name)
            module.linked[name] = make(module) if make else self._link_text(module, name)
        return module.linked[name]

    def _link_text(self, module: _Module, name: str) -> _Linked:
        """Resolve the names of a definition, or of the loose statements."""
        text = module.outline.text(name)
        linked = _Linked()
        if name != LOOSE:
            linked.words.append("private" if is_private(name) else name)
        for word in text.words:
            if isinstance(word, Use):
                self._use(module, word, linked)
            else:
                linked.words.append(word)
        for bound in text.imports:
            linked.uses.update(self._run_by(module, bound))
        if text.reaches_all:
            linked.uses.add((module, _WHOLE))
        return linked

    def _link_loose(self, module: _Module) -> _Linked:
        """Resolve what runs when a module is imported: here, and in what it imports."""
        outline = module.outline
        linked = self._link_text(module, LOOSE)
        for bound in outline.imported:
            linked.uses.update(self._run_by(module, bound))
        for package in _packages(module.name):
            if found := self._find(package, module.folder):
                linked.uses.add((found, LOOSE))
        libraries = {
            name
            for name, bound in outline.imports.items()
            if any(self._is_library(module, each) for each in bound)
        }
        for name in sorted(outline.unmentioned(libraries)):  # imported for what that does
            linked.words += map(str, outline.imports[name])
        for name, root in outline.decorated:
            # A decorator of the project may keep what it is put on: then nobody need name it.
            ours = root and any(not isinstance(each, str) for each in self._lookup(module, root))
            if ours or root is None:
                linked.words.append(_Same(name))
                linked.uses.add((module, name))
        return linked

    def _link_whole(self, module: _Module) -> _Linked:
        """Return all that can be reached through a module as a value."""
        outline = module.outline
        linked = _Linked([_WHOLE] if outline.defined or outline.imports else [])
        for name in sorted(outline.defined):
            linked.words += [name, _Same(name)]
            linked.uses.add((module, name))
        targets: list[_Node | _Module | str] = []
        for name, bound in sorted(outline.imports.items()):
            linked.words += [name, *map(str, bound)]
            targets += [target for each in bound for target in self._imported(module, each)]
        for name in (*outline.stars, *(bound.module for bound in outline.imported)):
            inside = module.is_package and name.startswith(f"{module.name}.")
            if (name in outline.stars or inside) and (found := self._find(name, module.folder)):
                targets.append(found)
        for target in targets:
            if isinstance(target, tuple):
                linked.uses.add(target)
            elif isinstance(target, _Module):
                linked.uses.add((target, _WHOLE))
        return linked

    def _use(self, module: _Module, use: Use, linked: _Linked) -> None:
        """Resolve one name, with the attributes that lead from it into modules."""
        if isinstance(use.root, Import):
            targets = self._imported(module, use.root)
        else:
            targets = self._lookup(module, use.root)
        if not targets:
            linked.words.append(".".join([f"@{use.root}", *use.attributes]))
        for target in targets:
            self._follow(module, target, use, linked)

    def _follow(
        self, module: _Module, target: _Node | _Module | str, use: Use, linked: _Linked
    ) -> None:
        attributes = use.attributes
        if isinstance(target, _Module):
            linked.uses.add((target, LOOSE))
            if attributes:
                rest = Use(use.root, attributes[1:])
                for inner in self._attribute(target, attributes[0]):
                    if isinstance(inner, tuple) and inner[1] in (LOOSE, _WHOLE):
                        linked.words.append(f"@{target.name}.{attributes[0]}")
                    self._follow(module, inner, rest, linked)
                return
            target = (target, _WHOLE)
        if isinstance(target, str):
            linked.words.append(".".join([f"@{target}", *attributes]))
            return
        source, name = target
        linked.uses.add(target)
        if source is module and name not in (LOOSE, _WHOLE):
            linked.words.append(_Same(name))
        elif source is module and name == LOOSE:
            linked.words.append(f"@{use.root}")
        else:
            linked.words.append(f"@{source.name}:{name}")
        linked.words += attributes

    def _is_library(self, module: _Module, bound: Import) -> bool:
        """Return whether an import is of neither the project nor Python's own library."""
        root = bound.module.partition(".")[0]
        is_known = root == _PROJECT or root in sys.stdlib_module_names
        return not is_known and self._find(bound.module, module.folder) is None

    def _run_by(self, module: _Module, bound: Import) -> Iterator[_Node]:
        """Yield what runs when an import does: the loose statements of modules and packages."""
        if source := self._find(bound.module, module.folder):
            yield source, LOOSE
            if bound.name not in (None, _WHOLE):
                for target in self._attribute(source, bound.name):
                    if isinstance(target, _Module):
                        yield target, LOOSE

    # Digests -----------------------------------------------------------------------------------

    def _digest(self, module: _Module, name: str) -> str:
        """Return the digest of a definition and of what it uses of its module.

        In place of their names stand the digests of these, so that a helper can be renamed.
        """
        if name not in module.digests:
            for group in self._groups(module, name):
                self._digest_group(module, group)
        return module.digests[name]

    def _digest_group(self, module: _Module, group: list[str]) -> None:
        """Digest definitions that use each other, in rounds: after each, one sees one use further.

        After as many rounds as there are definitions, those that still look alike are alike
        (the refinement by which deterministic automata are minimised).
        """
        digests = module.digests
        words = {name: self._link((module, name)).words for name in group}
        inner = dict.fromkeys(group, "")
        is_cycle = (module, group[0]) in self._link((module, group[0])).uses
        for _ in range(len(group) + (len(group) > 1 or is_cycle)):
            inner = {
                name: _sha256(
                    (inner[word.name] if word.name in inner else digests[word.name])
                    if isinstance(word, _Same)
                    else word
                    for word in words[name]
                )
                for name in group
            }
        digests.update(inner)
        for name in group:
            if words[name]:
                words[name][:] = [digests[name]]  # stands for them from now on

    def _groups(self, module: _Module, start: str) -> list[list[str]]:
        """Return the definitions that one needs, those that use each other together.

        Each group comes after those that it uses: strongly connected components, by Tarjan
        (1972), "Depth-first search and linear graph algorithms".
        """
        number: dict[str, int] = {}
        lowest: dict[str, int] = {}
        open_: list[str] = []
        groups: list[list[str]] = []

        def visit(name: str) -> None:
            number[name] = lowest[name] = len(number)
            open_.append(name)
            for word in self._link((module, name)).words:
                if not isinstance(word, _Same) or word.name in module.digests:
                    continue
                if word.name not in number:
                    visit(word.name)
                    lowest[name] = min(lowest[name], lowest[word.name])
                elif word.name in open_:
                    lowest[name] = min(lowest[name], number[word.name])
            if lowest[name] == number[name]:
                first = open_.index(name)
                groups.append(open_[first:])
                del open_[first:]

        visit(start)
        return groups


def _as_path(name: str) -> str:
    """Return the name of a file in the form that cannot be taken for one of the project's."""
    path = PurePosixPath(Path(name).as_posix())
    is_path = path.is_absolute() or path.parts[:1] == ("..",)
    return str(path) if is_path else f"./{path}"


def _packages(name: str) -> Iterator[str]:
    """Yield the packages around a module, by dotted name."""
    while name := name.rpartition(".")[0]:
        yield name


def _is_left_out(name: str) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in _WITHOUT_RESULTS)


def _sha256(words: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
