"""Parts of a study: what there is, and the digests of the code that makes it.

The lists that rules expand over, the files of the user that they read, and the registered entries
that jobs use. The jobs themselves follow in a module per stage, each a class that knows those
before it; `fovscope.study.expansion` is the last one, and what the rule files ask.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from fovscope.datasets.classes import class_names, held_out_classes
from fovscope.datasets.content import folder_content
from fovscope.datasets.listing import DataError
from fovscope.datasets.named import Place, data_sets, named
from fovscope.factors import Factor
from fovscope.generators.declared import declared_classes
from fovscope.registry import Catalogue, Entry
from fovscope.runtime.code_digest import CodeDigests
from fovscope.runtime.syntax import parsed
from fovscope.study.config import (
    IMAGES,
    Study,
    recipe_section,
    source_factors,
)
from fovscope.study.data import Source
from fovscope.study.instances import recipe_instances, source_instances
from fovscope.study.layout import AT, SOURCE, Paths, recipe_name
from fovscope.study.models import Recipe

OF_FEATURES = ("features", "source")
"""What representations need that there are of each backbone."""


class Parts:
    """What there is in a study.

    Parameters
    ----------
    study : Study
        The resolved configuration.
    scripts : Path
        Folder of the scripts and of the package.

    Raises
    ------
    DataError
        If a class that is to be held out does not exist.
    """

    def __init__(self, study: Study, scripts: Path) -> None:
        self.study = study
        self.catalogue = Catalogue(study.plugins)
        self.paths = Paths(study.results)
        # Sorted, because the order in which options are declared is no reason to compute again.
        self.plain = json.loads(json.dumps(study.model_dump(mode="json"), sort_keys=True))
        self._scripts = scripts
        self._digests = CodeDigests(scripts)
        self._contents: dict[str, dict[str, Any]] = {}
        self._known = data_sets(study.data_sets)
        self.targets = sorted(study.targets)
        # Models of targets alone learn from no source, and then it may be that nothing does.
        sourced = not all(recipe.from_scratch for recipe in study.recipes.values()) or any(
            self._representation(name).declared["needs"] == "source"
            for name in study.representations
        )
        self._sources = source_instances(study.sources if sourced else {}, self.targets)
        self._recipes = recipe_instances(study.recipes, study.sources, self.targets)
        self.sources = sorted(self._sources)
        self.datasets = [*self.sources, *self.targets]
        self.backbones = sorted(study.backbones)
        self.recipes = list(self._recipes)
        self.seeds = list(study.seeds)
        # Target → file name → class.
        self.held_out = {
            name: held_out_classes(name, self._classes(name), chosen)
            for name, chosen in study.open_set.items()
        }

    # What there is --------------------------------------------------------------------------

    @cached_property
    def generated(self) -> list[str]:
        """Targets that a generator makes."""
        return [name for name in self.targets if self.study.targets[name].generator]

    @cached_property
    def with_factors(self) -> list[str]:
        """Data sets whose factors are known."""
        return [*self.sources, *(n for n in self.targets if self.study.targets[n].knows_factors)]

    @cached_property
    def with_classes(self) -> list[str]:
        """Targets whose images have classes; the others have no accuracy and no importances."""
        return [name for name in self.targets if self._has_classes(name)]

    @cached_property
    def profiled(self) -> list[str]:
        """Targets that are screens."""
        return sorted(self.study.profiles)

    @cached_property
    def of_pixels(self) -> list[str]:
        """Backbones that are none: their models draw images."""
        return [name for name in self.backbones if self.study.backbones[name].is_pixels]

    def is_source(self, dataset: str) -> bool:
        """Whether a data set is a source."""
        return dataset in self._sources

    @cached_property
    def with_source(self) -> list[str]:
        """Recipes whose models are trained on sources."""
        return [name for name in self.recipes if self._recipes[name].sources]

    @cached_property
    def from_scratch(self) -> list[str]:
        """Recipes whose models start from new weights on each target."""
        return [name for name in self.recipes if name not in self.with_source]

    def source_of(self, recipe: str) -> str:
        """Return the first source of a recipe, on whose evaluation rows its models are judged."""
        return self._recipes[recipe].sources[0]

    def sources_of(self, recipe: str) -> tuple[str, ...]:
        """Return all sources of a recipe, the first one first."""
        return self._recipes[recipe].sources

    def followed(self, dataset: str) -> str:
        """Return the target whose images a source follows, empty where it follows none."""
        return self._sources[dataset].target if self.is_source(dataset) else ""

    @cached_property
    def edited(self) -> list[str]:
        """Sources that are made of the images of targets."""
        return [name for name in self.sources if self._source_section(name).interventions]

    @cached_property
    def tuned(self) -> list[str]:
        """Recipes whose models are fine-tuned on targets."""
        return [n for n in self.with_source if self._recipe_section(n).tuning == "finetune"]

    @cached_property
    def untuned(self) -> list[str]:
        """Recipes whose models are used as they are."""
        return [name for name in self.with_source if name not in self.tuned]

    def is_for(self, recipe: str, dataset: str) -> bool:
        """Whether models of a recipe are for a target, or for their own source if they have one."""
        if dataset == SOURCE:
            return recipe in self.with_source
        return self.target_of(recipe) in ("", dataset)

    def target_of(self, recipe: str) -> str:
        """Return the target that models of a recipe are for, empty where they are for all."""
        return self._recipes[recipe].target

    def _source_section(self, dataset: str) -> Source:
        return self.study.sources[self._sources[dataset].source]

    def _recipe_section(self, recipe: str) -> Recipe:
        return self.study.recipes[recipe_name(recipe)]

    def dataset_of(self, dataset: str, recipe: str) -> str:
        """Return the data set that a place in a path stands for: `SOURCE` is that of a recipe."""
        return self.source_of(recipe) if dataset == SOURCE else dataset

    def of_all_models(self, template: str, **wildcards: Any) -> list[str]:  # noqa: ANN401
        """Return the files of a template for all models: backbone × recipe × seed.

        Of several values of ``dataset`` a recipe has those that its models are for.
        """
        models = {"backbone": wildcards.pop("backbone", self.backbones), "seed": self.seeds}
        recipes = wildcards.pop("recipe", self.recipes)
        datasets = wildcards.pop("dataset", SOURCE)
        return [
            file
            for dataset in ([datasets] if isinstance(datasets, str) else datasets)
            for file in filled(
                template,
                dataset=dataset,
                recipe=[name for name in recipes if self.is_for(name, dataset)],
                **models,
                **wildcards,
            )
        ]

    def of_held_out(self, template: str) -> list[str]:
        """Return the files of a template for all models and all held-out classes."""
        return [
            file
            for target, classes in self.held_out.items()
            for file in self.of_all_models(
                template,
                dataset=target,
                held_out=list(classes),
                recipe=[name for name in self.recipes if self.is_blind(name, target)],
            )
        ]

    def is_blind(self, recipe: str, target: str) -> bool:
        """Whether a class can be held out: models see the target in fine-tuning alone."""
        of_target = [name for name in self.sources_of(recipe) if self.followed(name) == target]
        return recipe in self.tuned and not of_target

    def _has_classes(self, target: str) -> bool:
        if name := self.study.targets[target].retrieve:
            return bool(self._known[name].classes)
        return bool(self._classes(target))

    def _source(self, name: str) -> dict[str, Any]:
        return self._placed(name, self.plain["sources"][self._sources[name].source])

    def _target(self, name: str) -> dict[str, Any]:
        plain = dict(self.plain["targets"][name])
        if of := plain.pop("retrieve", None):
            return plain | self.place(of).options(self._known[of])
        return self._placed(name, plain)

    def _classes(self, target: str) -> list[str]:
        """Return the classes of a target, known before any image is read."""
        if target in self.generated:
            classes = declared_classes(self._generator(target), self._generator_options(target))
            return sorted(classes)
        if name := self.study.targets[target].retrieve:
            return self._classes_of_named(name)
        return class_names(self._target(target))

    def _generator_options(self, dataset: str) -> dict[str, Any]:
        return (self._source if self.is_source(dataset) else self._target)(dataset)["options"]

    # Code -----------------------------------------------------------------------------------

    def check_code(self) -> None:
        """Parse all scripts and modules, before the rules ask for any of them.

        Raises
        ------
        CodeError
            If one is no Python. In the middle of a rule Snakemake would add where it asked.
        """
        modules = (self._scripts / "fovscope").rglob("*.py")
        for file in sorted([*self._scripts.glob("*.py"), *modules]):
            parsed(file)

    def code(self, script: str, *uses: Entry | None) -> dict[str, str]:
        """Return the digests of the code of a job, with the registered entries that it uses."""
        return self._digests.of(script, [entry for entry in uses if entry is not None])

    def entries(self, kind: str, names: Sequence[str] | None = None) -> list[Entry]:
        """Return entries of a kind, all by default."""
        chosen = self.catalogue[kind] if names is None else names
        return [self.catalogue.entry(kind, name) for name in chosen]

    def _generator(self, dataset: str) -> Entry | None:
        is_source = self.is_source(dataset)
        section = self._source_section(dataset) if is_source else self.study.targets[dataset]
        return self.catalogue.entry("generator", section.generator) if section.generator else None

    def _model(self, backbone: str, recipe: str) -> Entry:
        name = "feature_vae"
        if self.study.backbones[backbone].is_pixels:
            name = recipe_section(self.study, recipe_name(recipe), "image_model").network
        return self.catalogue.entry("model", name)

    def _representation(self, name: str) -> Entry:
        return self.catalogue.entry(
            "representation", self.study.representations[name].representation
        )

    def factors(self, source: str) -> tuple[Factor, ...]:
        """Return the factors that a source may have."""
        return source_factors(self.study, self.catalogue, self._sources[source].source)

    def file_of(self, name: str, dataset: str) -> str:
        """Return the user's file with a representation of a data set."""
        return self.study.representations[name].options["file"].replace("{dataset}", dataset)

    def _is_about(self, name: str, dataset: str) -> bool:
        datasets = self.study.representations[name].options["datasets"]
        return not datasets or dataset in datasets

    def source_for(self, name: str, dataset: str) -> str:
        """Return the source, as a data set, that a representation of a data set learns from."""
        source = self.study.representations[name].options["source"]
        about = self.followed(dataset) or dataset
        return source if source in self._sources else f"{source}{AT}{about}"

    @cached_property
    def measured(self) -> list[str]:
        """Representations whose dimensions are properties that were measured."""
        return [
            name
            for name in self.study.representations
            if self._representation(name).declared.get("measured", False)
        ]

    def _resolved_representation(self, name: str) -> dict[str, Any]:
        one = self.study.representations[name]
        return {"representation": one.representation, "options": dict(one.options)}

    def baselines(self, dataset: str, *, explained: bool = False) -> list[tuple[str, str]]:
        """Return the representations without a model of a data set: (backbone, name).

        The backbone of those that need none is `IMAGES`. With `explained` only those whose
        dimensions are worth a look. Edited images have no file of the user's, and are told apart
        by nothing that is made of the table alone.
        """
        found = []
        for name in self.study.representations:
            declared = self._representation(name).declared
            needs = declared["needs"]
            if needs == "latents" or (explained and not declared.get("explained", True)):
                continue
            if needs in OF_FEATURES:
                found += [(backbone, name) for backbone in self.backbones]
            elif needs == "wells":
                found += [(IMAGES, name)] if dataset in self.profiled else []
            elif needs == "objects" or (
                dataset not in self.edited and (needs != "file" or self._is_about(name, dataset))
            ):
                found.append((IMAGES, name))
        return found

    def of_baselines(self, template: str, dataset: str, **options: bool) -> list[str]:
        """Return the files of a template for all representations without a model of a target."""
        return [
            template.format(dataset=dataset, backbone=backbone, name=name)
            for backbone, name in self.baselines(dataset, **options)
        ]

    def of_held_out_baselines(self, template: str) -> list[str]:
        """Return the files of a template for held-out classes and baselines that fit something."""
        return [
            template.format(dataset=dataset, backbone=backbone, name=name, held_out=held_out)
            for dataset, classes in self.held_out.items()
            for backbone, name in self.baselines(dataset, explained=True)
            if self._representation(name).declared["needs"] != "file"
            for held_out in classes
        ]

    # Data sets by name ----------------------------------------------------------------------

    @cached_property
    def retrieved(self) -> list[str]:
        """Data sets that are retrieved by name."""
        return sorted({name for one in self.datasets for name in self._retrieved_for(one)})

    def retrievals(self, dataset: str) -> list[str]:
        """Return what says that the data sets are there by name of which a data set is made."""
        datasets = filter(None, [dataset, self.followed(dataset)])
        names = {name for one in datasets for name in self._retrieved_for(one)}
        return [str(self.place(name).facts) for name in sorted(names)]

    def retrieving(self, name: str) -> dict[str, Any]:
        """Return what the files of a data set depend on that is retrieved by name.

        Not on code: what it downloads and unpacks is held to digests, and a study must not be
        computed anew because downloads are resumed in another way.
        """
        return self._known[name].identity()

    def row_of(self, name: str) -> str:
        """Return all that is known of a data set, as JSON; what of it counts is `retrieving`."""
        return json.dumps(self._known[name].model_dump(mode="json"))

    def place(self, name: str) -> Place:
        """Return where a data set lies that is retrieved by name."""
        return Place.of(self.study.data_folder, name)

    def _retrieved_for(self, dataset: str) -> list[str]:
        name = "" if self.is_source(dataset) else self.study.targets[dataset].retrieve
        return [name] if name else list(self._named_files(dataset).values())

    def _named_files(self, dataset: str) -> dict[str, str]:
        """Return which options of a data set's generator name a data set and no path."""
        is_source = self.is_source(dataset)
        section = self._source_section(dataset) if is_source else self.study.targets[dataset]
        options = section.options
        return {key: name for key, value in options.items() if (name := named(value))}

    def _retrieved_content(self, name: str) -> dict[str, Any]:
        """Return what stands for the content of a data set before and after it is there.

        Its content itself reaches those who depend on it through the file that is written last.

        Raises
        ------
        DataError
            If it is there and is no longer what was retrieved.
        """
        place = self.place(name)
        if (facts := place.read_facts()) and self._now(place) != facts["content"]:
            raise DataError(
                f"{place.files} no longer holds what was retrieved as '{name}': files were "
                f"changed, added or removed. Delete {place.facts}, and it is unpacked again; to "
                "use what is there, copy it elsewhere and give it as the 'folder' of a target"
            )
        return {"retrieved": name, **self.retrieving(name)}

    def _now(self, place: Place) -> dict[str, Any]:
        key = str(place.folder)
        if key not in self._contents:
            self._contents[key] = folder_content(place.files, place.digests)
        return self._contents[key]

    def _placed(self, dataset: str, plain: dict[str, Any]) -> dict[str, Any]:
        """Return a section with the paths of data sets that its options name."""
        paths = {
            key: self.place(name).path(self._known[name])
            for key, name in self._named_files(dataset).items()
        }
        return plain | {"options": plain["options"] | paths}

    def _classes_of_named(self, name: str) -> list[str]:
        """Return the classes of a data set: as found, before it is there as published."""
        place = self.place(name)
        classes = place.read_facts().get("classes") or self._known[name].classes
        if isinstance(classes, int):
            raise DataError(
                f"open_set: what the classes of '{name}' are called is known when it is there; "
                f"retrieve it first: snakemake <your options> {place.facts}"
            )
        return sorted(classes)


def filled(template: str, **wildcards: Any) -> list[str]:  # noqa: ANN401
    """Return a template with every combination of wildcard values, the last one fastest."""
    lists = {k: v if isinstance(v, list | tuple) else [v] for k, v in wildcards.items()}
    names = [name for name in lists if f"{{{name}}}" in template]
    return [
        template.format(**dict(zip(names, values, strict=True)))
        for values in product(*(lists[name] for name in names))
    ]
