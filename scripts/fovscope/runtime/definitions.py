"""What the top level of a module defines, and what each definition says and uses.

A module is a set of definitions: its functions, classes and assignments, each under its name.
An import binds names to what stands elsewhere. All other statements (bare calls, loops, ``if``
blocks, ``X[...] = ...``) are loose: they run whenever the module is imported.

A definition is written as words, without what no result follows from: comments, formatting,
docstrings, type annotations (those of class bodies stay, because dataclasses and pydantic read
them), how a table or figure is placed and headed, the number of a release. A name that belongs
to the module stands there as a `Use`, which the reader of the words resolves. Names are told
apart by Python's rules of scope; in doubt a name counts as one of the module's.

One file at a time and by syntax alone: nothing is imported. The standard library only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias

from fovscope.registry import KINDS

LOOSE = ""
"""Name under which the loose statements of a module are found."""

_NOT_CODE = frozenset({"ctx", "type_comment", "kind", "type_params"})
"""Fields of a syntax tree that repeat what its other fields say, or are comments or types."""

_TOLD_BY_THE_STUDY = {
    "metric": ("titles", "group", "fast", "fits", "options"),
    "probe": ("title",),
    "representation": ("label", "explained", "measured", "at_most_images"),
    "figure": ("caption",),
}
"""What those jobs that use it are told by the study, as values: presets, headings of tables."""

_NOT_RESULTS = {
    kind: frozenset({"section", "order", *names})
    for kind, names in (dict.fromkeys(KINDS, ()) | _TOLD_BY_THE_STUDY).items()
}
"""What the decorator of a kind declares without any result of its code following from it."""

_READ_ANNOTATIONS = frozenset({"register", "validate_call", "script"})
"""Decorators that read type annotations when they run (functools, pydantic, torch.jit)."""

_ANY_NAME = frozenset({"globals", "eval", "exec", "__init_subclass__"})
_ANY_ATTRIBUTE = frozenset({"__subclasses__"})
"""What can reach any definition of a module without naming it."""

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_Definition: TypeAlias = _Function | ast.ClassDef
_Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Import:
    """What an import binds a name to.

    Attributes
    ----------
    module : str
        Full dotted name.
    name : str or None
        What is imported from the module; None if it is the module itself.
    """

    module: str
    name: str | None = None


@dataclass(frozen=True)
class Use:
    """A name of the module, or what a function imports, with the attributes that follow it."""

    root: str | Import
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """What a definition says.

    Attributes
    ----------
    words : tuple of str and Use
        Its syntax tree, without empty fields: new versions of Python add some.
    imports : frozenset of Import
        What its functions import when they run.
    reaches_all : bool
        Whether it can reach any name of the module, as by ``globals()``.
    """

    words: tuple[str | Use, ...]
    imports: frozenset[Import]
    reaches_all: bool


class Outline:
    """The top level of a module.

    The syntax tree of a definition is let go when its text is written, and the text when it is
    read: trees and texts of all modules would take a seventh of the memory of a plan.

    Parameters
    ----------
    tree : ast.Module
        Its syntax tree.
    package : str
        Dotted name of the package that it is in (of itself if it is a package); empty if
        there is none.

    Attributes
    ----------
    defined : set-like of str
        Names that statements bind, imports left out, in their order.
    decorated : list of (str, str or None)
        Each decorated definition, and the root of the name of its decorator. None in place of the
        root stands for a decorator that registers by its name, wherever it comes from. Decorators
        of fovscope's own registry, which keep nothing, are left out.
    imports : dict of str to list of Import
        What a name is bound to by imports; more than one where there is a fallback.
    stars : list of str
        Modules of which all names are imported.
    imported : set of Import
        What is imported with the module.
    loose_names : set of str
        Names that loose statements bind.
    """

    def __init__(self, tree: ast.Module, package: str) -> None:
        self.package = package
        self._statements: dict[str, list[ast.stmt]] = {}
        self.defined = self._statements.keys()
        self.imports: dict[str, list[Import]] = {}
        self.stars: list[str] = []
        self.imported: set[Import] = set()
        self.loose_names: set[str] = set()
        self.mentioned: set[str] = set()
        self._loose: list[ast.stmt] = []
        self._texts: dict[str, Text] = {}
        augmented = [each for each in tree.body if _augments_a_name(each)]
        for statement in tree.body:
            if not _augments_a_name(statement):
                self._add(statement)
        for statement in augmented:  # only now is it known what the module defines
            self._augment(statement)
        self.decorated = list(self._decorated())

    def binds(self, name: str) -> bool:
        """Return whether a name can be one of the module's."""
        return bool(self.stars) or self.binds_surely(name)

    def binds_surely(self, name: str) -> bool:
        """Return whether a name is one of the module's, whatever ``import *`` brings."""
        return name in self.defined or name in self.imports or name in self.loose_names

    def text(self, name: str) -> Text:
        """Return what a definition says, or with `LOOSE` what the loose statements say.

        Once for each name: what was asked for is let go.
        """
        if name not in self._texts:
            writer = _Writer(self, name)
            if name == LOOSE:
                writer.write_all(self._loose)
                self._loose = []
            else:
                writer.write_all(self._statements[name])
                self._statements[name] = []
            words = tuple(_joined(writer.words))
            self._texts[name] = Text(words, frozenset(writer.imports), writer.reaches_all)
        return self._texts.pop(name)

    def _decorated(self) -> Iterator[tuple[str, str | None]]:
        for name, statements in self._statements.items():
            for statement in statements:
                for decorator in getattr(statement, "decorator_list", ()):
                    if _kind(decorator) is not None:
                        continue
                    part: object = decorator
                    registers = False
                    while isinstance(part, ast.Call | ast.Attribute | ast.Subscript):
                        registers |= "register" in getattr(part, "attr", "")
                        part = part.func if isinstance(part, ast.Call) else part.value
                    if registers:
                        yield name, None
                    elif isinstance(part, ast.Name):
                        yield name, part.id

    def unmentioned(self, names: set[str]) -> set[str]:
        """Return those of some imported names that stand nowhere else in the module."""
        for definition in (LOOSE, *self.defined):
            if names <= self.mentioned:  # as a rule after the first function
                break
            self._texts[definition] = self.text(definition)
        return names - self.mentioned

    def mention(self, node: ast.AST) -> None:
        """Note names that stand in the module without counting, such as those of types."""
        queue = [node]
        while queue:
            part = queue.pop()
            if isinstance(part, ast.Name):
                self.mentioned.add(part.id)
            else:
                queue += _children(part)

    def _add(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Import() | ast.ImportFrom():
                self._import(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._statements.setdefault(statement.name, []).append(statement)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.AnnAssign(value=None):
                self.mention(statement)
            case ast.If() if _is_type_checking(statement.test):
                for node in statement.body:
                    self.mention(node)
                for node in statement.orelse:
                    self._add(node)
            case ast.Try() if all(map(_binds_only, _parts(statement))):
                self._define(statement)
            case _ if _binds_only(statement):
                self._define(statement)
            case _:
                self._loosen(statement)

    def _augment(self, statement: ast.AugAssign) -> None:
        earlier = self._statements.get(statement.target.id)
        if earlier is None:
            self._loosen(statement)
            self._loose.sort(key=lambda each: each.lineno)
        else:
            earlier.append(statement)
            earlier.sort(key=lambda each: each.lineno)

    def _define(self, statement: ast.stmt) -> None:
        for name in self._bound(statement):
            self._statements.setdefault(name, []).append(statement)

    def _loosen(self, statement: ast.stmt) -> None:
        self._loose.append(statement)
        self.loose_names.update(self._bound(statement))

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for name, bound, run in imported(statement, self.package):
            self.imported.add(run)
            if name == "*":
                self.stars.append(run.module)
            else:
                self.imports.setdefault(name, []).append(bound)

    def _bound(self, statement: ast.stmt) -> list[str]:
        """Note what a statement imports; return what else it binds."""
        scope = _Scope.of([statement], self.package)
        for each in scope.statements:
            self._import(each)
        return sorted(scope.names - {n for n, b in scope.imports.items() if n not in scope.stored})


def _joined(words: Iterable[str | Use]) -> Iterator[str | Use]:
    """Yield words, those between two uses as one."""
    run: list[str] = []
    for word in words:
        if isinstance(word, str):
            run.append(word)
            continue
        if run:
            yield "\0".join(run)
            run.clear()
        yield word
    if run:
        yield "\0".join(run)


def is_private(name: str) -> bool:
    """Return whether a name is that of a helper of its module."""
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def imported(
    statement: ast.Import | ast.ImportFrom, package: str
) -> Iterator[tuple[str, Import, Import]]:
    """Yield each name that an import binds, what it is bound to, and what is imported for it.

    After ``import a.b`` the name ``a`` is bound to ``a``, and ``a.b`` is imported.
    """
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            whole = Import(alias.name)
            if alias.asname:
                yield alias.asname, whole, whole
            else:
                root = alias.name.partition(".")[0]
                yield root, Import(root), whole
        return
    parts = package.split(".") if package else []
    base = parts[: len(parts) - statement.level + 1] if statement.level else []
    module = ".".join([*base, *filter(None, [statement.module])])
    if module == "__future__":
        return
    for alias in statement.names:
        bound = Import(module, alias.name)
        yield alias.asname or alias.name, bound, bound


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "attr", getattr(test, "id", None)) == "TYPE_CHECKING"


def _kind(decorator: ast.expr) -> str | None:
    """Return the kind of the registry that a decorator declares."""
    called = getattr(decorator, "func", None)
    name = getattr(called, "attr", getattr(called, "id", None))
    return name if name in KINDS else None


def _reads_annotations(decorator: ast.expr) -> bool:
    names = (getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(decorator))
    return not _READ_ANNOTATIONS.isdisjoint(names)


def _parts(statement: ast.Try) -> Iterator[ast.stmt]:
    yield from (*statement.body, *statement.orelse, *statement.finalbody)
    for handler in statement.handlers:
        yield from handler.body


def _augments_a_name(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name)


def _binds_only(statement: ast.stmt) -> bool:
    """Return whether a statement does nothing else than to bind names."""
    if isinstance(statement, ast.Assign):
        return all(map(_is_named, statement.targets))
    if isinstance(statement, ast.AnnAssign):
        return _is_named(statement.target)
    single = ast.Import | ast.ImportFrom | _Definition | ast.Pass
    return isinstance(statement, single) or type(statement).__name__ == "TypeAlias"


def _is_named(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_named, target.elts))
    return isinstance(target.value if isinstance(target, ast.Starred) else target, ast.Name)


@dataclass
class _Scope:
    """Names that belong to a function or comprehension, and what it declares otherwise."""

    names: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    outside: set[str] = field(default_factory=set)
    statements: list[ast.Import | ast.ImportFrom] = field(default_factory=list)

    @classmethod
    def of(cls, block: Iterable[ast.AST], package: str) -> _Scope:
        """Return what a block binds, without the scopes within it."""
        scope = cls()
        queue = list(block)
        while queue:
            node = queue.pop()
            if type(node) not in _BINDING:  # most nodes
                queue += _children(node)
                continue
            match node:
                case ast.Name():
                    if not isinstance(node.ctx, ast.Load):
                        scope.stored.add(node.id)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    scope.stored.add(node.name)
                case ast.Lambda():
                    pass
                case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                    walked = (n for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
                    scope.stored.update(n.target.id for n in walked)
                case ast.Import() | ast.ImportFrom():
                    scope.statements.append(node)
                    for name, bound, _ in imported(node, package):
                        scope.imports.setdefault(name, []).append(bound)
                case ast.Global():
                    scope.outside.update(node.names)
                case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() | ast.MatchMapping():
                    name = node.rest if isinstance(node, ast.MatchMapping) else node.name
                    scope.stored.update(filter(None, [name]))
                    queue += _children(node)
        scope.names = (scope.stored | scope.imports.keys()) - scope.outside
        return scope


_BINDING = frozenset(
    {
        *(ast.Name, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
        *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
        *(ast.Import, ast.ImportFrom, ast.Global),
        *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping),
    }
)
"""Syntax that binds names, declares them or has a scope of its own."""


@cache
def _syntax(node: type[ast.AST]) -> tuple[str, tuple[str, ...]]:
    """Return the name of a kind of node, and its fields that count."""
    return node.__name__, tuple(field for field in node._fields if field not in _NOT_CODE)


def _children(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a node; as `ast.iter_child_nodes`, at half the cost."""
    found: list[ast.AST] = []
    for name in _syntax(type(node))[1]:
        part = getattr(node, name, None)
        if isinstance(part, ast.AST):
            found.append(part)
        elif isinstance(part, list):
            found += [each for each in part if isinstance(each, ast.AST)]
    return found


class _Writer:
    """Writes the statements of one definition as words."""

    def __init__(self, outline: Outline, own: str) -> None:
        self.words: list[str | Use] = []
        self.imports: set[Import] = set()
        self.reaches_all = False
        self._outline = outline
        self._own = own
        self._scopes: list[_Scope] = []
        self._in_class = False

    def write_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self._write(node)

    def _write(self, value: object) -> None:
        write = _WRITERS.get(type(value))
        if write is not None:
            write(self, value)
        elif isinstance(value, ast.AST):
            self._tree(value)
        else:
            self.words.append(repr(value))

    def _list(self, parts: list) -> None:
        for part in parts:
            self._write(part)
        self.words.append("]")

    def _tree(self, node: ast.AST, leave: str = "") -> None:
        name, fields = _syntax(type(node))
        words = self.words
        words.append(name)
        for field_ in fields:
            part = getattr(node, field_, None)
            if part is not None and part != [] and field_ != leave:
                words.append(field_)
                write = _WRITERS.get(type(part))
                if write is not None:
                    write(self, part)
                else:
                    self._write(part)
        words.append(")")

    # Names

    def _name(self, node: ast.Name, attributes: tuple[str, ...] = ()) -> None:
        is_load = isinstance(node.ctx, ast.Load)
        if is_load or any(node.id in scope.outside for scope in self._scopes):
            self._load(node.id, attributes)
        else:
            self.words.append(self._defined(node.id))

    def _defined(self, name: str) -> str:
        """Return the word for a name where it is bound: that of a private helper may change."""
        if self._scopes or self._in_class or name not in self._outline.defined:
            return f"@{name}"
        mark = "own" if name == self._own else "other"
        return mark if is_private(name) else f"{mark} {name}"

    def _load(self, name: str, attributes: tuple[str, ...] = ()) -> None:
        for scope in reversed(self._scopes):
            if name in scope.outside:
                break
            if name in scope.imports and name in scope.names:
                self.words += [Use(bound, attributes) for bound in scope.imports[name]]
                return
            if name in scope.names:
                self.words.append(".".join([f"@{name}", *attributes]))
                return
        self._outline.mentioned.add(name)
        self.reaches_all |= name in _ANY_NAME and not self._outline.binds_surely(name)
        if self._outline.binds(name):
            self.words.append(Use(name, attributes))
            self.reaches_all |= (name, attributes[:1]) == ("sys", ("modules",))
        else:
            self.words.append(".".join([f"@{name}", *attributes]))

    def _attribute(self, node: ast.Attribute) -> None:
        self.reaches_all |= node.attr in _ANY_ATTRIBUTE
        attributes: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            attributes.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            self._name(base, tuple(reversed(attributes)))
        else:
            self._tree(node)

    def _outside(self, node: ast.Global) -> None:
        self.words.append("global")
        for name in sorted(node.names):
            self._load(name)

    def _constant(self, node: ast.Constant) -> None:
        self.words.append(f"={node.value!r}")
        if isinstance(node.value, str) and "@" in node.value:
            # A query of pandas finds variables by name.
            for name in re.findall(r"@([^\W\d]\w*)", node.value):
                if self._outline.binds(name):
                    self._load(name)

    # Statements

    def _expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self._tree(node)

    def _assignment(self, node: ast.Assign) -> None:
        if not any(isinstance(t, ast.Name) and t.id == "__version__" for t in node.targets):
            self._tree(node)

    def _annotated(self, node: ast.AnnAssign) -> None:
        """Write an assignment; of a field of a class also its type."""
        if self._in_class:
            self._tree(node)
            for part in ast.walk(node.annotation):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    self._load_quoted(part.value)
            return
        self._outline.mention(node.annotation)
        if node.value is not None:
            assignment = ast.Assign(targets=[node.target], value=node.value)
            self._assignment(assignment)

    def _load_quoted(self, annotation: str) -> None:
        for name in re.findall(r"[^\W\d]\w*", annotation):
            if self._outline.binds(name):
                self._load(name)

    def _condition(self, node: ast.If) -> None:
        if _is_type_checking(node.test):
            self.write_all(node.orelse)
        else:
            self._tree(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, bound, run in imported(node, self._outline.package):
            self.imports.add(run)
            self.words.append(f"import {run.module} {run.name or ''}")
            if self._in_class or name == "*":
                self.words.append(Use(bound))

    # Scopes

    def _function(self, node: _Function) -> None:
        self.reaches_all |= node.name in _ANY_NAME
        self.words += [type(node).__name__, self._defined(node.name)]
        self._decorators(node)
        typed = any(map(_reads_annotations, node.decorator_list))
        self._arguments(node.args, typed=typed)
        if node.returns is not None:
            if typed:
                self._write(node.returns)
            else:
                self._outline.mention(node.returns)
        self._body(_Scope.of(node.body, self._outline.package), node.args, node.body)

    def _lambda(self, node: ast.Lambda) -> None:
        self.words.append("Lambda")
        self._arguments(node.args, typed=False)
        self._body(_Scope.of([node.body], self._outline.package), node.args, [node.body])

    def _body(self, scope: _Scope, arguments: ast.arguments, body: Iterable[ast.AST]) -> None:
        scope.names.update(argument.arg for argument in _all_arguments(arguments))
        in_class, self._in_class = self._in_class, False
        self._scopes.append(scope)
        self.write_all(body)
        self._scopes.pop()
        self._in_class = in_class
        self.words.append(")")

    def _arguments(self, arguments: ast.arguments, *, typed: bool) -> None:
        """Write names and defaults, which belong to the scope around."""
        for name in arguments._fields:
            part = getattr(arguments, name)
            if part:
                self.words.append(name)
                self._write(part)
        for argument in _all_arguments(arguments):
            if argument.annotation is not None:
                if typed:
                    self._write(argument.annotation)
                else:
                    self._outline.mention(argument.annotation)

    def _argument(self, node: ast.arg) -> None:
        self.words.append(repr(node.arg))

    def _class(self, node: ast.ClassDef) -> None:
        self.words += ["ClassDef", self._defined(node.name)]
        self._decorators(node)
        self.write_all([*node.bases, *node.keywords])
        in_class, self._in_class = self._in_class, True
        self.words.append("body")
        self.write_all(node.body)
        self._in_class = in_class
        self.words.append(")")

    def _decorators(self, node: _Definition) -> None:
        for decorator in node.decorator_list:
            self.words.append("decorator")
            kind = _kind(decorator)
            if kind is None or not isinstance(decorator, ast.Call):
                self._write(decorator)
                continue
            self.write_all([decorator.func, *decorator.args])
            for keyword in decorator.keywords:
                if keyword.arg in _NOT_RESULTS[kind]:
                    self._outline.mention(keyword.value)
                else:
                    self._write(keyword)

    def _comprehension(self, node: _Comprehension) -> None:
        self.words.append(type(node).__name__)
        self._write(node.generators[0].iter)
        targets = [generator.target for generator in node.generators]
        self._scopes.append(_Scope.of(targets, self._outline.package))
        for number, generator in enumerate(node.generators):
            self._tree(generator, leave="" if number else "iter")
        self._tree(node, leave="generators")
        self._scopes.pop()


_WRITERS: Mapping[type, Callable[[_Writer, object], None]] = {
    list: _Writer._list,
    ast.Name: _Writer._name,
    ast.Attribute: _Writer._attribute,
    ast.Constant: _Writer._constant,
    ast.Global: _Writer._outside,
    ast.Expr: _Writer._expression,
    ast.Assign: _Writer._assignment,
    ast.AnnAssign: _Writer._annotated,
    ast.If: _Writer._condition,
    ast.Import: _Writer._import,
    ast.ImportFrom: _Writer._import,
    ast.FunctionDef: _Writer._function,
    ast.AsyncFunctionDef: _Writer._function,
    ast.Lambda: _Writer._lambda,
    ast.ClassDef: _Writer._class,
    ast.arg: _Writer._argument,
    **dict.fromkeys(
        (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _Writer._comprehension
    ),
}


def _all_arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from filter(None, (arguments.vararg, arguments.kwarg))
