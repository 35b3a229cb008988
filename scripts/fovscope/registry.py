"""What exists by name: generators, objectives, metrics, tables and the like, found by being there.

An entry is a function or a class that a decorator of this module declares:

    @metric("mig", fast={})
    def mig(work, *, bins: int = 20): ...

The decorator does nothing when it runs. What it declares is read from the syntax tree of the
file, so that to list names, to check a configuration and to plan a study nothing is imported,
least of all torch. Hence declarations are literals, constants of the same file, or `Factor`
calls of such. The keyword-only parameters of the function, or of the class's ``__init__``, are
the options of the entry; their descriptions are those of its docstring.

Built-in entries lie in the package, one folder a kind; a user's lie in any Python file
(``plugins`` of the configuration). The standard library only.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from fovscope import FovscopeError
from fovscope.factors import Factor
from fovscope.runtime.syntax import parsed

T = TypeVar("T")

_PACKAGE = Path(__file__).parent
_CALLS = {"Factor": Factor, "float": float}
"""What a declaration may call."""


class RegistryError(FovscopeError):
    """A name that does not exist, or a declaration that cannot be read."""


@dataclass(frozen=True)
class Kind:
    """A kind of entry, and the decorator that declares one.

    Attributes
    ----------
    name, plural : str
        As a user types them.
    room : str
        Folder of the package where the built-in ones lie.
    """

    name: str
    plural: str
    room: str

    def __call__(self, name: str, **declared: Any) -> Callable[[T], T]:  # noqa: ANN401
        """Return a decorator that declares an entry of this kind."""
        del name, declared  # read from the syntax tree
        return lambda entry: entry


origin = Kind("origin", "origins", "datasets")
reader = Kind("reader", "readers", "images")
generator = Kind("generator", "generators", "generators")
model = Kind("model", "models", "models")
objective = Kind("objective", "objectives", "objectives")
supervision = Kind("supervision", "supervisions", "objectives")
representation = Kind("representation", "representations", "representations")
metric = Kind("metric", "metrics", "metrics")
probe = Kind("probe", "probes", "probes")
evaluation = Kind("evaluation", "evaluations", "evaluation")
table = Kind("table", "tables", "tables")
figure = Kind("figure", "figures", "figures")
page = Kind("page", "pages", "figures")

KINDS = {
    kind.name: kind
    for kind in (
        *(origin, reader, generator, model, objective, supervision, representation, metric),
        *(probe, evaluation, table, figure, page),
    )
}
"""All kinds by name."""


@dataclass(frozen=True)
class Option:
    """An option of an entry: a keyword-only parameter.

    Attributes
    ----------
    annotation : str
        Its type, as written.
    default : object
        Its default; `REQUIRED` without one.
    description : str
        From the docstring.
    """

    annotation: str
    default: Any
    description: str


REQUIRED = object()
"""Default of an option that must be given."""


@dataclass(frozen=True)
class Entry:
    """Something that exists by name.

    Attributes
    ----------
    kind, name : str
        Of which kind it is, and its name.
    file : Path
        Where it stands.
    definition : str
        Name of its function or class there.
    declared : mapping
        Keyword arguments of its decorator.
    options : mapping of str to Option
        Its keyword-only parameters.
    description : str
        First line of its docstring.
    origin : str
        ``fovscope``, or the plug-in file as the configuration names it.
    """

    kind: str
    name: str
    file: Path
    definition: str
    declared: Mapping[str, Any] = field(hash=False)
    options: Mapping[str, Option] = field(hash=False)
    description: str
    origin: str

    def load(self) -> Any:  # noqa: ANN401
        """Import its file and return the function or class."""
        module = _imported(self.file) if self.origin == "fovscope" else _plugin(self.file)
        return getattr(module, self.definition)


class Catalogue:
    """All entries: those of the package and those of a user's files.

    Parameters
    ----------
    plugins : iterable of path
        Python files of the user's.

    Raises
    ------
    RegistryError
        If a plug-in does not exist or declares what cannot be read, or two entries of a kind
        share a name.
    """

    def __init__(self, plugins: Iterable[str | Path] = ()) -> None:
        self.plugins = tuple(str(plugin) for plugin in plugins)
        self._entries: dict[str, dict[str, Entry]] = {}
        for plugin in self.plugins:
            if not Path(plugin).is_file():
                raise RegistryError(f"plugins: there is no file {plugin}")
            self._add(Path(plugin), plugin)

    def _add(self, file: Path, origin: str) -> None:
        for entry in _entries(file, origin):
            known = self[entry.kind]
            if entry.name in known:
                raise RegistryError(
                    f"{file}: the {entry.kind} '{entry.name}' is there already, in "
                    f"{known[entry.name].file}; choose another name"
                )
            known[entry.name] = entry

    def __getitem__(self, kind: str) -> dict[str, Entry]:
        """Return all entries of a kind by name."""
        if kind not in self._entries:
            self._read(KINDS[kind].room)
        return self._entries[kind]

    def _read(self, room: str) -> None:
        """Read a folder of the package; a job asks for few, and to read all takes it longer."""
        self._entries |= {kind.name: {} for kind in KINDS.values() if kind.room == room}
        for file in sorted((_PACKAGE / room).glob("*.py")):
            self._add(file, "fovscope")

    def entry(self, kind: str, name: str) -> Entry:
        """Return the entry of that name.

        Raises
        ------
        RegistryError
            If there is none; the nearest name is proposed.
        """
        known = self[kind]
        if name not in known:
            raise RegistryError(unknown_name(kind, name, known))
        return known[name]

    def load(self, kind: str, name: str) -> Any:  # noqa: ANN401
        """Return the function or class of that name, imported."""
        return self.entry(kind, name).load()


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a name that does not exist.

    Parameters
    ----------
    kind : str
        What the name should have named, e.g. ``"key"`` or ``"metric"``.
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        One sentence that proposes the nearest known name, or lists all of them.
    """
    known = sorted(known)
    whatever_case = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), whatever_case, n=1, cutoff=0.6)
    hint = f"did you mean '{whatever_case[near[0]]}'?" if near else f"known: {', '.join(known)}"
    return f"unknown {kind} '{name}'; {hint}"


# Reading declarations ----------------------------------------------------------------------


def _entries(file: Path, origin: str) -> Iterator[Entry]:
    """Yield what a file declares."""
    if b"fovscope.registry" not in file.read_bytes():
        return
    tree = parsed(file)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            kind = _kind(decorator)
            if kind is not None:
                yield _entry(kind, decorator, node, constants, file, origin)


def _kind(decorator: ast.expr) -> str | None:
    """Return the kind that a decorator declares, if it is one of ours."""
    if not isinstance(decorator, ast.Call):
        return None
    called = decorator.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    return name if name in KINDS else None


def _entry(
    kind: str,
    decorator: ast.Call,
    node: ast.FunctionDef | ast.ClassDef,
    constants: Mapping[str, ast.expr],
    file: Path,
    origin: str,
) -> Entry:
    def read(value: ast.expr) -> Any:  # noqa: ANN401
        try:
            return _value(value, constants)
        except (ValueError, TypeError) as error:
            raise RegistryError(
                f"{file}, line {value.lineno}: what @{kind} declares is read without running the "
                f"file, so it must be a literal, a constant of the file, or a Factor of such "
                f"({error})"
            ) from None

    if len(decorator.args) != 1:
        raise RegistryError(f'{file}, line {decorator.lineno}: @{kind} takes a name: @{kind}("…")')
    name = read(decorator.args[0])
    docstring = ast.get_docstring(node) or ""
    return Entry(
        kind=kind,
        name=name,
        file=file,
        definition=node.name,
        declared={keyword.arg: read(keyword.value) for keyword in decorator.keywords},
        options=_options(node, docstring, read),
        description=docstring.partition("\n")[0],
        origin=origin,
    )


def _options(
    node: ast.FunctionDef | ast.ClassDef, docstring: str, read: Callable[[ast.expr], Any]
) -> dict[str, Option]:
    """Return the keyword-only parameters of a function, or of the ``__init__`` of a class."""
    function = node
    if isinstance(node, ast.ClassDef):
        inits = (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
        function = next(inits, None)
        if function is None:
            return {}
        docstring += "\n" + (ast.get_docstring(function) or "")
    arguments = function.args
    return {
        argument.arg: Option(
            annotation=ast.unparse(argument.annotation) if argument.annotation else "object",
            default=REQUIRED if default is None else read(default),
            description=_described(argument.arg, docstring),
        )
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }


def _described(name: str, docstring: str) -> str:
    """Return what a numpydoc docstring says of a parameter, on one line."""
    pattern = rf"^{name}(?: *:.*)?\n((?:(?: {{4}}.*)?\n?)+)"
    found = re.search(pattern, docstring, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def _value(node: ast.expr, constants: Mapping[str, ast.expr]) -> Any:  # noqa: ANN401
    """Return the value of an expression that can be known without running anything."""
    match node:
        case ast.Name(id=name) if name in constants:
            return _value(constants[name], constants)
        case ast.Tuple(elts=parts):
            return tuple(_values(parts, constants))
        case ast.List(elts=parts):
            return list(_values(parts, constants))
        case ast.Dict(keys=keys, values=values):
            found: dict[Any, Any] = {}
            for key, value in zip(keys, values, strict=True):
                one = _value(value, constants)
                found |= one if key is None else {_value(key, constants): one}
            return found
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _CALLS:
            options = {keyword.arg: _value(keyword.value, constants) for keyword in keywords}
            return _CALLS[name](*_values(args, constants), **options)
    return ast.literal_eval(node)


def _values(nodes: Iterable[ast.expr], constants: Mapping[str, ast.expr]) -> Iterator[Any]:
    for node in nodes:
        if isinstance(node, ast.Starred):
            yield from _value(node.value, constants)
        else:
            yield _value(node, constants)


# Importing ---------------------------------------------------------------------------------


def _imported(file: Path) -> ModuleType:
    parts = file.relative_to(_PACKAGE.parent).with_suffix("").parts
    return importlib.import_module(".".join(parts))


def _plugin(file: Path) -> ModuleType:
    """Import a user's file under its own name, so that objects of it can be pickled."""
    file, name = file.resolve(), file.stem
    known = sys.modules.get(name)
    if known is not None:
        if Path(getattr(known, "__file__", None) or "").resolve() == file:
            return known
        raise RegistryError(f"plugins: {file} has the name of another module; rename the file")
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
