"""What a generator declares, known before it is imported; the standard library only.

The Snakefile asks for factors, classes and files when it is parsed, and `prepare` when it writes
the facts of a data set::

    @generator(
        "discs",
        factors=FACTORS,                      # a tuple of `Factor`
        classes=("small", "large"),           # labels of the images that it makes as a target
        optional_classes={"odd": ("odd",)},   # further ones where an option is true
        files=("outlines",),                  # options that are paths whose content counts
        stems={"outlines": ("round",)},       # of a folder, the only images that are read
        citation="…",
    )

Only `factors` must be there. A value of a file option that is a word and no path stands in its
annotation: ``outlines: str | Literal["built-in"]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fovscope import FovscopeError
from fovscope.factors import Factor
from fovscope.registry import REQUIRED, Entry, unknown_name


class GeneratorError(FovscopeError):
    """A generator that cannot be used as it is declared or configured."""


def declared_factors(entry: Entry) -> tuple[Factor, ...]:
    """Return the factors of a generator.

    Raises
    ------
    GeneratorError
        If there are none, two share a name, or one has nothing to vary over.
    """
    factors = tuple(entry.declared.get("factors", ()))
    if not factors:
        raise GeneratorError(f"{_place(entry)} declares no factors: factors=(Factor(name=…), …)")
    names = [factor.name for factor in factors]
    for factor in factors:
        if "," in factor.name or names.count(factor.name) > 1:
            raise GeneratorError(
                f"{_place(entry)}: a factor is called '{factor.name}'; each name must be there "
                "once, and without a comma"
            )
        if factor.log and factor.limits is not None and factor.limits[0] <= 0:
            raise GeneratorError(
                f"{_place(entry)}: factor '{factor.name}' has a logarithm, so its limits must be "
                "above 0"
            )
        if not _varies(factor):
            raise GeneratorError(
                f"{_place(entry)}: factor '{factor.name}' needs either values (two or more) or "
                "limits (the smaller one first)"
            )
    return factors


def _varies(factor: Factor) -> bool:
    if factor.limits is None:
        return factor.size is not None and factor.size > 1
    return factor.values is None and factor.limits[0] < factor.limits[1]


def declared_classes(entry: Entry, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the classes of the images that a generator makes, none if they have no labels.

    Parameters
    ----------
    entry : Entry
        The generator.
    options : mapping
        Its options, as the configuration gives them.
    """
    given = resolved_options(entry, options)
    more = entry.declared.get("optional_classes", {})
    added = [name for option, names in more.items() if given[option] for name in names]
    return (*entry.declared.get("classes", ()), *added)


def resolved_options(entry: Entry, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a generator: those given, the others with their defaults.

    Raises
    ------
    GeneratorError
        If it has no such option, or a required one is not given.
    """
    for name in options:
        if name not in entry.options:
            kind = f"option of generator '{entry.name}'"
            known = entry.options or ["none"]
            raise GeneratorError(unknown_name(kind, name, known))
    defaults = {name: option.default for name, option in entry.options.items()}
    given = {**defaults, **options}
    for name, value in given.items():
        if value is REQUIRED:
            raise GeneratorError(f"generator '{entry.name}' needs the option '{name}'")
    return given


def _place(entry: Entry) -> str:
    return f"{entry.file}: the generator '{entry.name}'"
