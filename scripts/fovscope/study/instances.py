"""Sources and recipes as there are jobs of them: one for each target where they follow targets.

A source with ``interventions: each`` or ``calibrate: each`` stands for one data set per target,
``<source>@<target>``; a recipe with such a source for models of their own for each target,
``<recipe>@<target>``. That is what they are called in paths; in tables a recipe is one, whatever it
was trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fovscope.study.data import EACH, Source
from fovscope.study.layout import AT
from fovscope.study.models import Recipe


@dataclass(frozen=True)
class SourceInstance:
    """A source of a study, as a data set.

    Attributes
    ----------
    name : str
        Of the data set.
    source : str
        As in the configuration.
    target : str
        Whose images it follows; empty for none.
    """

    name: str
    source: str
    target: str


@dataclass(frozen=True)
class RecipeInstance:
    """A recipe of a study, as models are made by it.

    Attributes
    ----------
    name : str
        In paths.
    recipe : str
        As in the configuration.
    target : str
        The only one that its models are for; empty for all.
    sources : tuple of str
        Data sets that they are trained on; empty where these are the targets themselves.
    """

    name: str
    recipe: str
    target: str
    sources: tuple[str, ...]


def source_instances(
    sources: Mapping[str, Source], targets: Iterable[str]
) -> dict[str, SourceInstance]:
    """Return the data sets that sources stand for, by name."""
    found = {}
    for name, section in sources.items():
        places = [(name, section.about)]
        if section.about == EACH:
            places = [(f"{name}{AT}{target}", target) for target in targets]
        found |= {place: SourceInstance(place, name, target) for place, target in places}
    return found


def recipe_instances(
    recipes: Mapping[str, Recipe], sources: Mapping[str, Source], targets: Iterable[str]
) -> dict[str, RecipeInstance]:
    """Return what models are made of, by name, in the order of the recipes."""
    targets, found = list(targets), {}
    for name, section in recipes.items():
        if section.from_scratch:
            found[name] = RecipeInstance(name, name, "", ())
            continue
        follows = any(sources[source].about == EACH for source in section.source)
        for target in targets if follows else [""]:
            place = f"{name}{AT}{target}" if target else name
            of_target = tuple(
                f"{source}{AT}{target}" if sources[source].about == EACH else source
                for source in section.source
            )
            found[place] = RecipeInstance(place, name, target, of_target)
    return found


def model_place(recipes: Mapping[str, RecipeInstance], model: str) -> dict[str, str]:
    """Return the parts of a model's name ``backbone/recipe/seed0/target``, the recipe as in paths.

    Parameters
    ----------
    recipes : mapping of str to RecipeInstance
        What `recipe_instances` returned.
    model : str
        The name, its recipe as in the configuration or as in paths.
    """
    backbone, recipe, seed, target = model.split("/")
    own = f"{recipe}{AT}{target}"
    return {
        "backbone": backbone,
        "recipe": own if own in recipes else recipe,
        "seed": seed.removeprefix("seed"),
        "dataset": target,
    }
