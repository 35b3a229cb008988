"""What all sections of the configuration have in common: frozen, closed, described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from fovscope import FovscopeError
from fovscope.registry import unknown_name
from fovscope.study.paths import normal_path

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""What a data set, backbone or representation may be called: it becomes part of file names."""

PAPER = "paper"
"""The variant that takes published values, and the key of these in a field."""

PathText = Annotated[str, AfterValidator(normal_path)]
"""A path in the one form that it has everywhere, however it was spelled."""


class ConfigError(FovscopeError):
    """A configuration that cannot be run; the message says where and what to do."""


def option(default: Any, description: str, *, paper: Any = None, **limits: Any) -> Any:  # noqa: ANN401
    """Declare a field with its default, its description and its published value."""
    extra = None if paper is None else {PAPER: paper}
    return Field(default, description=description, json_schema_extra=extra, **limits)


class Section(BaseModel):
    """A frozen group of options that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, raw: object) -> object:
        known = cls.model_fields
        if isinstance(raw, Mapping) and not raw.keys() <= known.keys():
            unknown = [str(key) for key in raw if key not in known]
            raise ValueError("; ".join(unknown_name("key", key, known) for key in unknown))
        return raw


class OpenSection(Section):
    """A section that also holds the options of a registered entry, written beside its own.

    They are gathered in `options`; which there are, only the entry knows (`entries.resolved`).
    """

    options: dict[str, Any] = option(
        {}, "Options of the entry; they may be written beside the other keys."
    )

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, raw: object) -> object:
        if not isinstance(raw, Mapping):
            return raw
        own = {key: value for key, value in raw.items() if key in cls.model_fields}
        more = {key: value for key, value in raw.items() if key not in cls.model_fields}
        return own | {"options": {**(own.get("options") or {}), **more}} if more else own
