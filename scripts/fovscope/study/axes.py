"""Recipes that stand for several: along β, the latent size and the variant; and what a variant is.

A list in the place of one value is an axis: ``{beta: [1, 2], model: {latent_dim: [5, 10]}}`` under
the name ``usual`` is ``usual-beta1-d5``, ``usual-beta1-d10`` and so on; under the name ``beta`` it
is ``beta1-d5``, as the short form `betas` has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from fovscope.study.models import SECTIONS
from fovscope.study.section import PAPER, ConfigError

DEFAULT = "default"

_AXES = {("beta",): "beta", ("model", "latent_dim"): "d", ("variant",): ""}
"""Which keys of a recipe may hold several values, and what a value is called in names."""


def expanded(recipes: Mapping[str, Any]) -> dict[str, Any]:
    """Return raw recipes, one of each combination of values where one had lists.

    Raises
    ------
    ConfigError
        If a list is empty or has something twice, if a value cannot be part of a name, or if two
        recipes get the same name.
    """
    found: dict[str, Any] = {}
    for name, recipe in recipes.items():
        for made, one in _combinations(name, recipe):
            if made in found:
                raise ConfigError(f"recipes: '{made}' is there twice; rename '{name}'")
            found[made] = one
    return found


def _combinations(name: str, recipe: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
    axes = {path: values for path in _AXES if isinstance(values := _at(recipe, path), list | tuple)}
    for path, values in axes.items():
        _check(f"recipes.{name}: {'.'.join(path)}", values)
    if not axes:
        return [(name, recipe)]
    made = []
    for values in product(*axes.values()):
        one = recipe
        for path, value in zip(axes, values, strict=True):
            one = _with(one, path, value)
        parts = [f"{_AXES[path]}{_text(v)}" for path, v in zip(axes, values, strict=True)]
        # Under the name of its axis a recipe needs no name of its own.
        parts = parts if name == _AXES[next(iter(axes))] else [name, *parts]
        made.append(("-".join(parts), one))
    return made


def _at(recipe: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401
    for key in path:
        recipe = recipe.get(key) if isinstance(recipe, Mapping) else None
    return recipe


def _with(recipe: Mapping[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    key, *rest = path
    return {**recipe, key: _with(recipe[key], tuple(rest), value) if rest else value}


def _check(where: str, values: list[Any] | tuple[Any, ...]) -> None:
    texts = [_text(value) for value in values]
    if not values:
        raise ConfigError(f"{where}: is an empty list; write one value, or several")
    if len(set(texts)) < len(texts):
        raise ConfigError(f"{where}: lists a value twice: {list(values)}")
    for value, text in zip(values, texts, strict=True):
        if isinstance(value, float) and float(text) != value:
            raise ConfigError(f"{where}: {value!r} becomes part of file names; use {text}")


def _text(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if is_number else str(value)


def with_variants(recipes: Mapping[str, Any], study: Mapping[str, Any]) -> dict[str, Any]:
    """Return raw recipes, with the values of their own variant where that is not the study's.

    What the study or the recipe sets itself stays. Values that all models share (of images,
    features, pairs and probes) are those of the study.

    Parameters
    ----------
    recipes : mapping
        Raw recipes.
    study : mapping
        The raw configuration, as written.
    """
    usual = study.get("variant", DEFAULT)
    return {
        name: one if _at(one, ("variant",)) in (None, usual) else _of_variant(one, study)
        for name, one in recipes.items()
    }


def _of_variant(recipe: Mapping[str, Any], study: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(recipe)
    for name, section in SECTIONS.items():
        own, shared = recipe.get(name) or {}, study.get(name) or {}
        if not (isinstance(own, Mapping) and isinstance(shared, Mapping)):
            continue  # a mistake, which is told with all others
        values = {
            key: published[PAPER] if recipe["variant"] == PAPER else field.default
            for key, field in section.model_fields.items()
            if PAPER in (published := field.json_schema_extra or {}) and key not in shared
        }
        if values:
            filled[name] = values | dict(own)
    return filled
