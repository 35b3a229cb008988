"""The options of registered entries: checked by their types, completed by their defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError, create_model

from fovscope.registry import REQUIRED, Entry
from fovscope.study.paths import normal_path
from fovscope.study.section import ConfigError, Section

_TYPES = {
    **{kind.__name__: kind for kind in (int, float, bool, str, tuple, list, dict)},
    **{"Literal": Literal, "Mapping": Mapping, "Sequence": Sequence, "Any": Any},
}
"""What the annotation of an option may be made of; any other is not checked."""


def checked_options(entry: Entry, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return all options of an entry as plain values.

    Parameters
    ----------
    entry : Entry
        Whose keyword-only parameters they are.
    given : mapping
        Those that the configuration sets.
    where : str
        Place in the configuration, for messages.

    Raises
    ------
    ConfigError
        If there is no such option, one is missing, or a value is of another type.
    """
    fields: dict[str, Any] = {
        name: (option_type(entry, name), ... if option.default is REQUIRED else option.default)
        for name, option in entry.options.items()
    }
    model = create_model(entry.name, __base__=Section, **fields)
    try:
        options = model.model_validate(dict(given)).model_dump(mode="json")
    except ValidationError as error:
        raise ConfigError("\n".join(worded(error, where))) from None
    return options | {k: normal_path(path) for k, path in file_options(entry, options).items()}


def file_options(entry: Entry, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths among the options of an entry, by the name of the option."""
    return {
        name: options[name]
        for name in entry.declared.get("files", ())
        if _names_file(entry, name, options[name])
    }


def option_type(entry: Entry, name: str) -> Any:  # noqa: ANN401
    """Return the type of an option, `Any` where it is not made of plain types."""
    try:
        return eval(entry.options[name].annotation, {"__builtins__": {}}, _TYPES)
    except (NameError, SyntaxError, TypeError, AttributeError):
        return Any


def _names_file(entry: Entry, name: str, value: object) -> bool:
    """Whether the value of an option is a path: not absent, and no word that its type lists."""
    words = {
        word
        for part in get_args(option_type(entry, name))
        if get_origin(part) is Literal
        for word in get_args(part)
    }
    return isinstance(value, str) and value not in words


def worded(error: ValidationError, where: str = "") -> list[str]:
    """Return a line for each mistake: where it is and what is wrong."""
    return [f"{_place(where, e['loc'])}: {_wording(e)}" for e in error.errors()]


def _place(where: str, location: tuple[str | int, ...]) -> str:
    return ".".join(filter(None, [where, *map(str, location)])) or "config"


def _wording(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    given = error["input"]
    shown = f" (now: {given!r})" if isinstance(given, str | int | float | bool | None) else ""
    words = "Input should be a list" if error["type"] == "tuple_type" else error["msg"]
    return words + shown
