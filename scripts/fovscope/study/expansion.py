"""From a study to its jobs: what there is, what each job reads, and what it depends on.

The rule files say when; the lists and mappings that they ask for are made here, without
Snakemake. A job runs again when a value of its `params` changed. So each has ``code`` there, the
digests of the definitions that it uses, and of the configuration exactly what it uses, as plain
values: a study's parts that a job does not use must not appear in what these functions return.
Snakemake keeps the values without their names: two values of a rule that could be mistaken for
each other go into one mapping.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from fovscope.datasets.classes import class_names, held_out_classes
from fovscope.datasets.content import folder_content, path_content, target_content
from fovscope.datasets.listing import DataError, require_file, require_folder, require_path
from fovscope.datasets.named import Place, data_sets, named
from fovscope.factors import Factor
from fovscope.generators.declared import declared_classes
from fovscope.metrics.presets import declaration, preset
from fovscope.registry import Catalogue, Entry
from fovscope.runtime.code_digest import CodeDigests
from fovscope.runtime.provenance import digest_json
from fovscope.runtime.syntax import parsed
from fovscope.study.config import (
    IMAGES,
    INTERVENTIONS,
    Study,
    bound_factors,
    is_anchored,
    recipe_factors,
    recipe_section,
    source_factors,
)
from fovscope.study.data import Source
from fovscope.study.entries import file_options
from fovscope.study.instances import model_place, recipe_instances, source_instances
from fovscope.study.layout import SEEN_TARGET, SOURCE, Paths, model_files, recipe_name
from fovscope.study.models import Recipe

_NOT_IN_MANIFEST = {"licence", "citation", "published"}
_OF_GENERATED = {"generator", "images", "seed", "options"}
_OF_LABELS = {"test_fraction", "val_fraction", "split_seed", "group_pattern", "factors"}
_PLACES = {"folder", "table", "masks"}
"""Options of targets: what a manifest does not depend on; what only generated ones have; what
features do not depend on; what is named by its content."""


class Expansion:
    """The jobs of a study.

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
        # Models of targets alone learn from no source.
        sourced = not all(recipe.from_scratch for recipe in study.recipes.values())
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

    # What there is ---------------------------------------------------------------------------

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
            if needs == "features":
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

    def missing_paths(self) -> list[str]:
        """Return what files and folders the study names that do not exist, a sentence each."""
        missing = []
        for require, where, path in self._named_paths():
            try:
                if path:
                    require(Path(path), where)
            except DataError as error:
                missing.append(str(error))
        return missing

    def _named_paths(self) -> Iterator[tuple[Callable[[Path, str], None], str, str | None]]:
        """Yield what must be at a path, where the path is in the configuration, and the path."""
        for name, target in self.study.targets.items():
            yield require_folder, f"targets.{name}: folder", target.folder
            yield require_file, f"targets.{name}: table", target.table
            yield require_folder, f"targets.{name}: masks", target.masks
            if target.generator:
                yield from self._generator_files(f"targets.{name}", name)
        for name in self.sources:
            if name not in self.edited:
                yield from self._generator_files(f"sources.{name}", name)
        for name, backbone in self.study.backbones.items():
            weights = backbone.weights or ""
            weights = "" if weights.startswith("pip:") else weights
            yield require_file, f"backbones.{name}: weights", weights
        for name, encoding in self.study.encode.items():
            yield require_folder, f"encode.{name}: images", encoding.images
            yield require_folder, f"encode.{name}: masks", encoding.masks
        for name in self.study.representations:
            if self._representation(name).declared["needs"] == "file":
                for dataset in self.targets:
                    if self._is_about(name, dataset):
                        where = f"representations.{name}: file"
                        yield require_file, where, self.file_of(name, dataset)

    def _generator_files(
        self, where: str, dataset: str
    ) -> Iterator[tuple[Callable[[Path, str], None], str, str]]:
        options = self._generator_options(dataset)
        files = file_options(self._generator(dataset), options)
        files = {key: path for key, path in files.items() if key not in self._named_files(dataset)}
        yield from ((require_path, f"{where}: {key}", path) for key, path in files.items())

    # Code --------------------------------------------------------------------------------------

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

    # Data --------------------------------------------------------------------------------------

    def data(self, dataset: str) -> dict[str, str]:
        """Return the image table of a data set and the facts beside it."""
        return {
            "table": self.paths.manifest.format(dataset=dataset),
            "facts": self.paths.facts.format(dataset=dataset),
        }

    def origin(self, dataset: str) -> str:
        """Return how a data set comes about: by a design, a generator's images, or files."""
        if self.is_source(dataset):
            if dataset in self.edited:
                return INTERVENTIONS
            return "calibrated" if self.followed(dataset) else "design"
        if name := self.study.targets[dataset].retrieve:
            return self._known[name].origin
        return "generated" if dataset in self.generated else "files"

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

    def followed_data(self, dataset: str) -> dict[str, str]:
        """Return what a source has to know of the target that it follows, none of the others."""
        target = self.followed(dataset)
        if not target:
            return {}
        paths = {"objects": self.paths.objects, "masks": self.paths.masks}
        return {
            "followed_table": self.paths.manifest.format(dataset=target),
            "followed_facts": self.paths.facts.format(dataset=target),
            **{f"followed_{name}": path.format(dataset=target) for name, path in paths.items()},
        }

    def preparation(self, dataset: str) -> dict[str, Any]:
        """Return what the image table of a data set depends on."""
        origin = self.origin(dataset)
        return {
            "code": self.code(
                "prepare", self.catalogue.entry("origin", origin), self._generator(dataset)
            ),
            "origin": origin,
            "options": self._source(dataset)
            if self.is_source(dataset)
            else self._manifest_options(dataset),
            "files": self.files(dataset),
            "followed": self.followed(dataset),
        }

    def demands(self, dataset: str) -> str:
        """Return what a target must have images enough for (`fovscope.datasets.enough`), as JSON.

        Of a screen also what its table must say (`fovscope.profiles.screen`).
        It is no part of what an image table depends on: more demands do not make it stale.
        """
        demands: dict[str, Any] = {}
        if dataset in self.targets:
            declared = {n: self._representation(n).declared for n in self.study.representations}
            demands["at_most_images"] = {
                name: self._resolved_representation(name)["options"][what["at_most_images"]]
                for name, what in declared.items()
                if "at_most_images" in what
            }
            demands["held_out"] = sorted(self.held_out.get(dataset, {}).values())
            encoded = {one.model.split("/")[-1] for one in self.study.encode.values()}
            demands["spreads"] = bool(demands["held_out"]) or dataset in encoded
        if dataset in self.profiled:
            demands["screen"] = self.plain["profiles"][dataset]
        return json.dumps(demands)

    def files(self, dataset: str) -> dict[str, Any]:
        """Return what the files of a data set hold: images and masks, or those of a generator."""
        if dataset in self.edited:
            return {}
        if not self.is_source(dataset) and dataset not in self.generated:
            if name := self.study.targets[dataset].retrieve:
                return self._retrieved_content(name)
            return self._content(f"targets/{dataset}", target_content, self._target(dataset))
        entry = self._generator(dataset)
        stems = entry.declared.get("stems", {})
        files = file_options(entry, self._generator_options(dataset))
        by_name = self._named_files(dataset)
        return {
            key: self._retrieved_content(by_name[key])
            if key in by_name
            else self._content(f"{dataset}/{key}", path_content, path, stems=stems.get(key))
            for key, path in files.items()
        }

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

    def number_of_images(self, dataset: str) -> int:
        """Return about how many images a data set has, masks included.

        Of one that is retrieved by name it is the published number, before and after it is there.
        """
        if self.is_source(dataset):
            source = self._source_section(dataset)
            pairs = source.train_pairs + len(self.factors(dataset)) * source.pairs_per_factor
            return source.iid_train + source.iid_test + 2 * pairs
        if dataset in self.generated:
            return self.study.targets[dataset].images
        if name := self.study.targets[dataset].retrieve:
            counts, options = self._known[name].counts, self.study.targets[dataset].options
            return counts.get("images", 0) or counts.get("fields", 0) * options.get("per_field", 1)
        channels = self.study.targets[dataset].channels
        files = self.files(dataset)["files"]
        in_files = channels and (channels.file or channels.columns)
        return files // len(channels.use) if in_files else files

    def measuring(self, dataset: str) -> dict[str, Any]:
        """Return what the measured objects of a target depend on, beside its image table."""
        edited = [self.catalogue.entry("reader", INTERVENTIONS)] if dataset in self.edited else []
        return {"code": self.code("measure", *edited)}

    def _readers(self, dataset: str) -> list[Entry]:
        """Return what reads the images of a data set."""
        if dataset in self.edited:
            return [self.catalogue.entry("reader", INTERVENTIONS)]
        if self.is_source(dataset):
            return [self.catalogue.entry("reader", "generator"), self._generator(dataset)]
        return [self.catalogue.entry("reader", "files")]

    def _source(self, name: str) -> dict[str, Any]:
        return self._placed(name, self.plain["sources"][self._sources[name].source])

    def _target(self, name: str) -> dict[str, Any]:
        plain = dict(self.plain["targets"][name])
        if of := plain.pop("retrieve", None):
            return plain | self.place(of).options(self._known[of])
        return self._placed(name, plain)

    def _placed(self, dataset: str, plain: dict[str, Any]) -> dict[str, Any]:
        """Return a section with the paths of data sets that its options name."""
        paths = {
            key: self.place(name).path(self._known[name])
            for key, name in self._named_files(dataset).items()
        }
        return plain | {"options": plain["options"] | paths}

    def _has_classes(self, target: str) -> bool:
        if name := self.study.targets[target].retrieve:
            return bool(self._known[name].classes)
        return bool(self._classes(target))

    def _classes(self, target: str) -> list[str]:
        """Return the classes of a target, known before any image is read."""
        if target in self.generated:
            classes = declared_classes(self._generator(target), self._generator_options(target))
            return sorted(classes)
        if name := self.study.targets[target].retrieve:
            return self._classes_of_named(name)
        return class_names(self._target(target))

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

    def _generator_options(self, dataset: str) -> dict[str, Any]:
        return (self._source if self.is_source(dataset) else self._target)(dataset)["options"]

    def _manifest_options(self, dataset: str) -> dict[str, Any]:
        """Return what of a target's options its manifest depends on."""
        unused = _NOT_IN_MANIFEST | (set() if dataset in self.generated else _OF_GENERATED)
        if self.study.targets[dataset].options:  # of what cuts images into cells
            unused -= {"options"}
        return {k: v for k, v in self._target(dataset).items() if k not in unused}

    def _content(
        self,
        what: str,
        function: Callable[..., dict[str, Any]],
        *arguments: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Digest files that the study names, once a run; those of unchanged ones are looked up."""
        if what not in self._contents:
            self._contents[what] = function(*arguments, Path(self.paths.content(what)), **options)
        return self._contents[what]

    # Features ----------------------------------------------------------------------------------

    def features_task(self, dataset: str, backbone: str) -> dict[str, Any]:
        """Return all that the features of a data set depend on."""
        section = self.plain["backbones"][backbone]
        bag = self.bag(dataset)
        return {
            "code": self.code("cache_features", *self._readers(dataset)),
            "images": self._images(dataset),
            "backbone": section,
            "files": self.weights_files(backbone),
            "features": self.features_options(backbone),
            **({"bag": bag} if bag else {}),
        }

    def bag(self, dataset: str) -> int:
        """Return how many channels of a data set a network is given one by one; 0 for pictures.

        A source is made into a bag like that of its target, or of all targets, which are alike.
        """
        if not self.is_source(dataset):
            return self.study.targets[dataset].bag
        target = self.followed(dataset) or self.targets[0]
        return self.study.targets[target].bag

    def features_options(self, backbone: str) -> dict[str, Any]:
        """Return how features are computed, without what only says how many jobs do it."""
        unused = {"images_per_job"}
        if self.study.backbones[backbone].is_pixels:
            unused |= {"normalise", "dtype", "precision"}
        return {k: v for k, v in self.plain["features"].items() if k not in unused}

    def weights_files(self, backbone: str) -> dict[str, Any]:
        """Return what the file of a backbone's weights holds, where the study names one."""
        weights = self.study.backbones[backbone].weights
        if not weights or weights.startswith("pip:"):
            return {}
        return {"weights": self._content(f"backbones/{backbone}", path_content, weights)}

    def _images(self, dataset: str) -> dict[str, Any]:
        """Return what images a data set has, in which order: all of it but labels and splits."""
        if self.is_source(dataset):
            made = self.preparation(dataset)
            if target := self.followed(dataset):
                # Its training images, their objects: all that its table is made of.
                made["followed"] = [self.preparation(target), self.measuring(target)]
            return made
        # What is named does not count, so that an option of tomorrow does.
        left_out = _OF_LABELS | _PLACES
        options = {k: v for k, v in self._manifest_options(dataset).items() if k not in left_out}
        origin = self.catalogue.entry("origin", self.origin(dataset))
        if writing := origin.declared.get("writing"):
            writing = replace(origin, definition=writing)
            code = self.code("prepare", writing, self._generator(dataset))
            return {"code": code, "options": options, "files": self.files(dataset)}
        content = self.files(dataset)
        return {
            "options": options,
            "files": {k: v for k, v in content.items() if k != "table_sha256"},
        }

    # Models ------------------------------------------------------------------------------------

    def recipe(self, recipe: str) -> dict[str, Any]:
        """Return source, objective and supervision of a recipe, with all options."""
        section = self.plain["recipes"][recipe_name(recipe)]
        return {key: section[key] for key in ("source", "objective", "supervision", "options")}

    def binding(self, recipe: str) -> dict[str, Any]:
        """Return which factors the models of a recipe are told of, and how."""
        name = recipe_name(recipe)
        bound = bound_factors(self.study, self.catalogue, name)
        factors = [one.factor for one in bound]
        factors = factors or recipe_factors(self.study, self.catalogue, name)
        return {
            "factors": [factor.name for factor in factors],
            "anchored": is_anchored(self.study, self.catalogue, name),
            "named": bool(bound),
        }

    def factors(self, source: str) -> tuple[Factor, ...]:
        """Return the factors that a source may have."""
        return source_factors(self.study, self.catalogue, self._sources[source].source)

    def _sources_text(self, recipe: str) -> str:
        """Return what tables call the sources of a recipe."""
        return " + ".join(self._recipe_section(recipe).source)

    def latent_dim(self, recipe: str) -> int:
        """Return the number of latent dimensions of a recipe's models."""
        return recipe_section(self.study, recipe_name(recipe), "model").latent_dim

    def training(self, backbone: str, recipe: str) -> dict[str, Any]:
        """Return what a model that is trained from new weights depends on, beside its data."""
        what = self.recipe(recipe)
        section = "source_training" if recipe in self.with_source else "target_training"
        training = self._section(recipe, section)
        training.pop("supervision", None)
        return {
            "code": self.code(
                "train",
                self._model(backbone, recipe),
                self.catalogue.entry("objective", what["objective"]),
                self.catalogue.entry("supervision", what["supervision"]),
            ),
            "recipe": what,
            "binding": self.binding(recipe),
            "model": {
                "kind": self._model(backbone, recipe).name,
                "options": self._model_options(backbone, recipe),
            },
            "training": training,
        }

    def tuning(self, backbone: str, recipe: str) -> dict[str, Any]:
        """Return what a fine-tuned model depends on, beside its source model and its data."""
        what = self.recipe(recipe)
        objective = self.catalogue.entry("objective", what["objective"])
        return {
            "code": self.code("finetune", self._model(backbone, recipe), objective),
            "objective": {key: what[key] for key in ("objective", "options")},
            "binding": self.binding(recipe),
            "finetuning": self._section(recipe, "finetuning"),
        }

    def stack_of_sources(self, backbone: str, recipe: str) -> str:
        """Return what source models have in common that can be trained as one; else nothing."""
        return self._stack(backbone, recipe, self.training(backbone, recipe))

    def stack_of_tuned(self, dataset: str, backbone: str, recipe: str, held_out: str = "") -> str:
        """Return what models have in common that can be tuned as one; else nothing."""
        shared = [self.tuning(backbone, recipe), self._model_options(backbone, recipe)]
        shared += [self.replayed(recipe, backbone), dataset, held_out]
        return self._stack(backbone, recipe, shared)

    def _stack(self, backbone: str, recipe: str, shared: Any) -> str:  # noqa: ANN401
        objective = self.catalogue.entry("objective", self.recipe(recipe)["objective"])
        if not all(e.declared.get("stackable") for e in (self._model(backbone, recipe), objective)):
            return ""
        return digest_json([backbone, _but_beta(shared)])

    def encoding_only(self, backbone: str, recipe: str) -> dict[str, Any]:
        """Return what the codes of a model as it is depend on, beside its inputs."""
        threads = self._section(recipe, "finetuning")["compute_threads"]
        code = self.code("finetune", self._model(backbone, recipe))
        return {"code": code, "finetuning": {"compute_threads": threads}}

    def replayed(self, recipe: str, backbone: str) -> dict[str, list[str]]:
        """Return what a model sees again of its sources while it is tuned, if anything."""
        replays = recipe_section(self.study, recipe_name(recipe), "finetuning").replay
        return self.of_sources(recipe, backbone) if replays else {}

    def of_sources(self, recipe: str, backbone: str) -> dict[str, list[str]]:
        """Return tables, facts and features of all sources of a recipe, in their order."""
        data = [self.data(dataset) for dataset in self.sources_of(recipe)]
        return {key: [one[key] for one in data] for key in ("table", "facts")} | {
            "features": [
                self.paths.features.format(dataset=dataset, backbone=backbone)
                for dataset in self.sources_of(recipe)
            ]
        }

    def _section(self, recipe: str, name: str) -> dict[str, Any]:
        return recipe_section(self.study, recipe_name(recipe), name).model_dump(mode="json")

    def _model_options(self, backbone: str, recipe: str) -> dict[str, Any]:
        if not self.study.backbones[backbone].is_pixels:
            return self._section(recipe, "model")
        size = {"latent_dim": self.latent_dim(recipe)}
        options = self._section(recipe, "image_model")
        if options.pop("network") == "cell_vae":
            return size
        if options["likelihood"] != "gaussian":
            del options["likelihood_sd"]
        return options | size

    # Representations ---------------------------------------------------------------------------

    def represented(self, dataset: str, backbone: str, name: str) -> dict[str, str]:
        """Return the inputs of a representation without a model.

        What is made of edited images is fitted on the natural ones that they were made of.
        """
        needs = self._representation(name).declared["needs"]
        files = {"table": self.paths.manifest}
        if needs == "features":
            files["features"] = self.paths.features
        elif needs == "objects":
            files["objects"] = self.paths.objects
        of = {"": dataset} | (
            {"natural_": self.followed(dataset)} if dataset in self.edited else {}
        )
        return {
            prefix + key: file.format(dataset=name, backbone=backbone)
            for prefix, name in of.items()
            for key, file in files.items()
        }

    def representing(self, dataset: str, name: str) -> dict[str, Any]:
        """Return what a representation without a model depends on, beside its inputs."""
        entry = self._representation(name)
        more = {}
        if entry.declared["needs"] == "file":
            path = self.file_of(name, dataset)
            more["file"] = path
            more["content"] = self._content(f"representations/{name}/{dataset}", path_content, path)
        return {
            "code": self.code("represent", entry),
            "representation": self._resolved_representation(name),
            **more,
        }

    def file_of(self, name: str, dataset: str) -> str:
        """Return the user's file with a representation of a data set."""
        return self.study.representations[name].options["file"].replace("{dataset}", dataset)

    def _is_about(self, name: str, dataset: str) -> bool:
        datasets = self.study.representations[name].options["datasets"]
        return not datasets or dataset in datasets

    def _resolved_representation(self, name: str) -> dict[str, Any]:
        one = self.study.representations[name]
        return {"representation": one.representation, "options": dict(one.options)}

    def latents(self, dataset: str, stage: str) -> str:
        """Return the template of a model's representation of a data set at a stage."""
        return self.paths.representation.replace("{dataset}", dataset).replace("{stage}", stage)

    def stages(self, dataset: str, recipe: str) -> tuple[str, ...]:
        """Return the stages at which models have a representation of a data set."""
        if dataset == SOURCE:
            return ("source",)
        return self._recipe_section(recipe).stages

    def codes(self, dataset: str, recipe: str) -> dict[str, str]:
        """Return the representations of a target by a model, and the JSON beside the model."""
        paths = {stage: self.latents(dataset, stage) for stage in self.stages(dataset, recipe)}
        return paths | {"model": self.last_model(dataset, recipe)["info"]}

    # Scores ------------------------------------------------------------------------------------

    def panel(self) -> dict[str, Any]:
        """Return the metrics of the study with their options, and how they are computed."""
        metrics = self.study.metrics
        chosen = {
            name: options | metrics.options.get(name, {})
            for name, options in preset(self.catalogue, metrics.panel).items()
        }
        fitted = {n for n in chosen if declaration(self.catalogue.entry("metric", n)).fits}
        return {
            "metrics": chosen,
            # The fast panel has no time to fit classifiers several times over.
            "repeated": [n for n in chosen if metrics.panel == "full" or n not in fitted],
            "resamples": metrics.resamples,
            "active_sd": metrics.active_sd,
            "factor_levels": metrics.factor_levels,
            "widest": metrics.widest,
        }

    def scoring_source(self, recipe: str) -> dict[str, Any]:
        """Return what the scores of a source model depend on, beside its representation."""
        return self._scoring([self._view_of_source(recipe, "latents")])

    def scoring(self, recipe: str, dataset: str) -> dict[str, Any]:
        """Return what the scores of a model on a target depend on, beside representations."""
        views = self._views_of_target(dataset, recipe)
        if recipe in self.tuned:
            after = self._view_of_source(recipe, "source", stage="finetuned", tuned_on=dataset)
            views.append(after | {"table": "source_table", "facts": "source_facts"})
        if dataset not in self.with_classes:
            return self._scoring(views)
        derived = self._derived()
        return self._scoring(
            views,
            *map(self._representation, derived),
            probed={"derived": derived, "active_sd": self.study.metrics.active_sd},
        )

    def _derived(self) -> dict[str, Any]:
        """Return the representations that are made of the codes of a model."""
        return {
            name: self._resolved_representation(name)
            for name in sorted(self.study.representations)
            if self._representation(name).declared["needs"] == "latents"
        }

    def scoring_baseline(self, dataset: str, name: str) -> dict[str, Any]:
        """Return what the scores of a representation without a model depend on."""
        return self._scoring(
            [self._view_of_baseline(dataset, name)],
            probed={} if dataset in self.with_classes else None,
            factors=dataset in self.with_factors,
        )

    def _scoring(
        self,
        views: list[dict[str, Any]],
        *uses: Entry,
        probed: Mapping[str, Any] | None = None,
        factors: bool = True,
        about: str = "",
    ) -> dict[str, Any]:
        """Return it for these views; `probed` are options of the probes, None without probes.

        With `about` they are views of interventions on that target.
        """
        options: dict[str, Any] = {"parts": [], "views": views}
        if probed is not None:
            options["parts"] += ["accuracy"]
            options |= {"probes": self.plain["probes"], **probed}
            uses += tuple(self.entries("probe"))
        if factors:
            options["parts"] += ["disentanglement"]
            options["panel"] = self.panel()
            uses += tuple(self.entries("metric", list(options["panel"]["metrics"])))
        if about:
            options["parts"] += ["response"]
            options |= {"about": about, "active_sd": self.study.metrics.active_sd}
        return {
            "code": self.code(
                "evaluate", *self.entries("evaluation", ["scores", *options["parts"]]), *uses
            ),
            "evaluation": "scores",
            "options": options,
        }

    def _view_of_source(
        self, recipe: str, values: str, *, stage: str = "source", tuned_on: str = ""
    ) -> dict[str, Any]:
        # Models of one recipe and seed that follow different targets are different models.
        tuned_on = tuned_on or self.target_of(recipe)
        identity = {"dataset": self.source_of(recipe), "stage": stage, "tuned_on": tuned_on}
        return {"values": values, "identity": identity | {"representation": "latents"}}

    def _views_of_target(self, dataset: str, recipe: str) -> list[dict[str, Any]]:
        shared = {"dataset": dataset, "representation": "latents"}
        return [
            {
                "values": stage,
                "identity": shared | {"stage": stage, "tuned_on": _tuned_on(stage, dataset)},
            }
            for stage in self.stages(dataset, recipe)
        ]

    def _view_of_baseline(self, dataset: str, name: str) -> dict[str, Any]:
        identity = {"dataset": dataset, "stage": "baseline", "representation": name}
        return {"values": "values", "identity": identity}

    def explaining(self, dataset: str, recipe: str) -> dict[str, Any]:
        """Return what the meaning of a model's dimensions on a target depends on."""
        return self._explaining(dataset, self._views_of_target(dataset, recipe))

    def explaining_baseline(self, dataset: str, name: str) -> dict[str, Any]:
        """Return the same of a representation without a model."""
        return self._explaining(dataset, [self._view_of_baseline(dataset, name)])

    def _explaining(self, dataset: str, views: list[dict[str, Any]]) -> dict[str, Any]:
        known = dataset in self.with_factors
        panel, metrics = None, []
        if not known:
            panel = self.panel()
            chosen = {m: panel["metrics"][m] for m in ("mig", "dci") if m in panel["metrics"]}
            repeated = [m for m in panel["repeated"] if m in chosen]
            panel |= {"metrics": chosen, "repeated": repeated}
            metrics = [
                self.catalogue.entry("evaluation", "stand_ins"),
                *self.entries("metric", list(chosen)),
            ]
        return {
            "code": self.code(
                "evaluate",
                self.catalogue.entry("evaluation", "meaning"),
                self.catalogue.entry("probe", "gbt"),
                *metrics,
            ),
            "evaluation": "meaning",
            "options": {
                "active_sd": self.study.metrics.active_sd,
                "widest": self.study.metrics.widest,
                "trees": self.plain["probes"]["gbt"],
                "stand_ins": panel,
                "views": views,
            },
        }

    def comparing(self, dataset: str, recipe: str) -> dict[str, Any]:
        """Return what the agreement of the models of all seeds depends on."""
        real = self.dataset_of(dataset, recipe)
        return {
            "code": self.code("evaluate", self.catalogue.entry("evaluation", "agreement")),
            "evaluation": "agreement",
            "options": {
                "resamples": self.study.metrics.resamples,
                "seeds": self.seeds,
                "stages": {
                    stage: {"dataset": real, "tuned_on": _tuned_on(stage, real)}
                    for stage in self.stages(dataset, recipe)
                },
            },
        }

    def referencing(self, dataset: str) -> dict[str, Any]:
        """Return what the scores of codes of known quality depend on."""
        panel = self.panel()
        return {
            "code": self.code(
                "evaluate",
                self.catalogue.entry("evaluation", "references"),
                *self.entries("metric", list(panel["metrics"])),
            ),
            "evaluation": "references",
            "options": {
                "panel": {k: panel[k] for k in ("metrics", "active_sd", "factor_levels")},
                "latent_dim": self.study.model.latent_dim,
            },
        }

    def opening(self, dataset: str, held_out: str) -> dict[str, Any]:
        """Return what the scores of a class that a model was tuned without depend on."""
        identity = {"stage": "finetuned", "tuned_on": dataset, "representation": "latents"}
        return self._opening(dataset, held_out, identity, self.study.metrics.active_sd)

    def opening_baseline(self, dataset: str, held_out: str, name: str) -> dict[str, Any]:
        """Return the same of a representation without a model; all its dimensions count."""
        identity = {"stage": "baseline", "representation": name}
        return self._opening(dataset, held_out, identity, 0.0)

    def _opening(
        self, dataset: str, held_out: str, identity: dict[str, str], active_sd: float
    ) -> dict[str, Any]:
        return {
            "code": self.code(
                "evaluate", self.catalogue.entry("evaluation", "open_set"), *self.entries("probe")
            ),
            "evaluation": "open_set",
            "options": {
                "held_out": self.class_of(dataset, held_out),
                "active_sd": active_sd,
                "probes": self.plain["probes"],
                "views": [{"values": "values", "identity": {"dataset": dataset} | identity}],
            },
        }

    def class_of(self, dataset: str, held_out: str) -> str:
        """Return the class that a file name stands for."""
        return self.held_out[dataset][held_out]

    # Profiles ----------------------------------------------------------------------------------

    def profiling(self, dataset: str, recipe: str) -> dict[str, Any]:
        """Return what the profiles of a model's codes of a screen depend on."""
        derived = self._derived()
        return self._profiling(
            dataset,
            self._views_of_target(dataset, recipe),
            *map(self._representation, derived),
            derived=derived,
        )

    def profiling_baseline(self, dataset: str, name: str) -> dict[str, Any]:
        """Return the same of a representation without a model."""
        return self._profiling(dataset, [self._view_of_baseline(dataset, name)])

    def _profiling(
        self,
        dataset: str,
        views: list[dict[str, Any]],
        *uses: Entry,
        **options: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        return {
            "code": self.code("evaluate", self.catalogue.entry("evaluation", "profiles"), *uses),
            "evaluation": "profiles",
            "options": {
                "profiles": self.plain["profiles"][dataset],
                "active_sd": self.study.metrics.active_sd,
                "views": views,
                **options,
            },
        }

    # Interventions -----------------------------------------------------------------------------

    def natural(self, dataset: str) -> dict[str, str]:
        """Return table and objects of the natural images that interventions were made of."""
        target = self.followed(dataset)
        return {
            "natural_table": self.paths.manifest.format(dataset=target),
            "natural_objects": self.paths.objects.format(dataset=target),
        }

    def natural_features(self, dataset: str, backbone: str) -> dict[str, str]:
        """Return features of interventions and of the natural images that they were made of."""
        edited, natural = (
            self.paths.features.format(dataset=name, backbone=backbone)
            for name in (dataset, self.followed(dataset))
        )
        return {"features": edited, "edited_store": edited, "natural_store": natural}

    def checking(self, dataset: str) -> dict[str, Any]:
        """Return what it depends on whether edited images are what they were set to."""
        return self._asking("interventions", identity={"dataset": self.followed(dataset)})

    def tracing(self, dataset: str) -> dict[str, Any]:
        """Return what it depends on whether edited images can be told from natural ones."""
        target = self.followed(dataset)
        identity = {"representation": "full", "stage": "baseline", "dataset": target}
        return self._asking("trace", identity=identity)

    def _asking(self, evaluation: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        entry = self.catalogue.entry("evaluation", evaluation)
        return {
            "code": self.code("evaluate", entry),
            "evaluation": evaluation,
            "options": options,
        }

    def first_latents(self) -> list[str]:
        """Return what all models make of all targets at their first stage there."""
        return [
            file
            for recipe in self.recipes
            for dataset in self.targets
            for file in self.of_all_models(
                self.latents("{dataset}", self.stages(dataset, recipe)[0]),
                dataset=dataset,
                recipe=[recipe],
            )
        ]

    def last_codes(self, dataset: str, recipe: str) -> dict[str, str]:
        """Return what a model makes of the images that its target was edited to, and its JSON."""
        stage = self.stages(self.followed(dataset), recipe)[-1]
        info = self._model_of_edited("info", dataset, recipe)
        return {"codes": self.latents(dataset, stage), "model": info}

    def model_of_edited(self, dataset: str, recipe: str) -> dict[str, str]:
        """Return the model that saw the target last which was edited to a data set."""
        return {"model": self._model_of_edited("model", dataset, recipe)}

    def _model_of_edited(self, file: str, dataset: str, recipe: str) -> str:
        target = self.followed(dataset)
        return self.last_model(target, recipe)[file].replace("{dataset}", target)

    def scoring_edited(self, dataset: str, recipe: str) -> dict[str, Any]:
        """Return what the scores of a model on edited images of its target depend on."""
        target = self.followed(dataset)
        stage = self.stages(target, recipe)[-1]
        tuned_on = _tuned_on(stage, target)
        identity = {"dataset": dataset, "stage": stage, "tuned_on": tuned_on}
        view = {"values": "codes", "identity": identity | {"representation": "latents"}}
        return self._scoring([view], about=target)

    # Tables and figures ------------------------------------------------------------------------

    def score_files(self, kind: str) -> list[str]:
        """Return the score files that hold rows of a kind."""
        paths = self.paths
        unknown = [name for name in self.targets if name not in self.with_factors]

        def meanings(targets: Sequence[str]) -> list[str]:
            return [
                *self.of_all_models(paths.meaning, dataset=targets),
                *self._of_all_baselines(paths.baseline_meaning, targets, explained=True),
            ]

        of_kind = {
            "accuracy": lambda: [
                *self.of_all_models(paths.scores, dataset=self.with_classes),
                *self._of_all_baselines(paths.baseline_scores, self.with_classes),
            ],
            "correlation": lambda: meanings(self.targets),
            "response": lambda: [
                file for name in self.edited for file in self._of_edited(paths.scores, name)
            ],
            "interventions": lambda: [
                *filled(paths.interventions, dataset=self.edited),
                *filled(paths.trace, dataset=self.edited, backbone=self.backbones),
            ],
            "truth": lambda: meanings([n for n in self.targets if n in self.with_factors]),
            "importance": lambda: meanings(self.with_classes),
            "disentanglement": lambda: [
                *self.of_all_models(paths.scores, dataset=[SOURCE, *self.targets]),
                *self._of_all_baselines(
                    paths.baseline_scores, [n for n in self.targets if n in self.with_factors]
                ),
                # One model has none to agree with.
                *self.of_all_models(
                    paths.agreement, dataset=[SOURCE, *self.targets] if len(self.seeds) > 1 else []
                ),
                *filled(paths.references, dataset=self.with_factors),
                *(file for name in self.edited for file in self._of_edited(paths.scores, name)),
                *self._of_all_baselines(paths.baseline_scores, self.edited, explained=True),
                *meanings(unknown),
            ],
            "profiles": lambda: [
                *self.of_all_models(paths.profiles, dataset=self.profiled),
                *self._of_all_baselines(paths.baseline_profiles, self.profiled),
            ],
            "effects": lambda: self.of_all_models(paths.profiles, dataset=self.profiled),
            "reconstruction": lambda: self.of_all_models(
                paths.reconstruction, dataset=self.targets, backbone=self.of_pixels
            ),
            "open_set": lambda: [
                *self.of_held_out(paths.open_set_scores),
                *self.of_held_out_baselines(paths.open_set_baseline_scores),
            ],
        }
        return list(dict.fromkeys(of_kind[kind]()))

    def _of_edited(self, template: str, dataset: str) -> list[str]:
        """Return the files of a template for all models of the target that was edited."""
        target = self.followed(dataset)
        recipes = [name for name in self.recipes if self.is_for(name, target)]
        models = {"backbone": self.backbones, "recipe": recipes, "seed": self.seeds}
        return filled(template, dataset=dataset, **models)

    def _of_all_baselines(
        self, template: str, datasets: Sequence[str], **options: bool
    ) -> list[str]:
        return [file for name in datasets for file in self.of_baselines(template, name, **options)]

    @cached_property
    def tables(self) -> dict[str, Entry]:
        """The tables of the study in their order: those with scores of the kind named first."""
        kept = {
            name: entry
            for name, entry in self.catalogue["table"].items()
            if self.score_files(entry.declared["kinds"][0])
        }
        return dict(sorted(kept.items(), key=lambda item: item[1].declared["order"]))

    def table_inputs(self, name: str) -> list[str]:
        """Return the score files of a table."""
        kinds = self.tables[name].declared["kinds"]
        return list(dict.fromkeys(file for kind in kinds for file in self.score_files(kind)))

    def tabulating(self, name: str) -> dict[str, Any]:
        """Return what a table depends on, beside its scores."""
        entry = self.tables[name]
        facts = self.facts()
        needed = ("variant", "recipes", "labels", *entry.declared.get("facts", ()))
        shown = self._shown_representations(entry.declared["kinds"])
        facts["labels"] = {name: label for name, label in facts["labels"].items() if name in shown}
        return {
            "code": self.code("tabulate_scores", entry),
            "table": name,
            "facts": {key: facts[key] for key in needed},
        }

    def _shown_representations(self, kinds: Sequence[str]) -> set[str]:
        """Return the representations of which there are scores of some kinds."""
        names = set(self.study.representations)
        if not {"accuracy", "disentanglement", "profiles"}.isdisjoint(kinds):
            return names
        return {
            name
            for name in names
            if name == "latents"
            or (
                (declared := self._representation(name).declared)["needs"] != "latents"
                and declared.get("explained", True)
            )
        }

    def facts(self) -> dict[str, Any]:
        """Return what tables may know of the study, as plain values.

        The recipes are in the order of the configuration, which is that of the tables; of all
        else the order is no reason to compute again.
        """
        study = self.study
        return {
            "variant": study.variant,
            "recipes": {name: self._family(name) for name in study.recipes},
            "labels": {
                name: self._representation(name)
                .declared["label"]
                .format(**{"name": name, **one.options})
                for name, one in sorted(study.representations.items())
            },
            "probes": {
                name: entry.declared["title"] for name, entry in self.catalogue["probe"].items()
            },
            "scores": {
                score: {"title": title, "group": declared.group}
                for declared in map(
                    declaration, self.entries("metric", list(self.panel()["metrics"]))
                )
                for score, title in declared.titles.items()
            },
            "published": {
                "data": {name: study.targets[name].published for name in self.targets},
                "images": [n for n in self.backbones if study.backbones[n].is_pixels],
                "stand_ins": self.generated,
            },
            "factors": self._factors_by_source(study.recipes),
        }

    def _factors_by_source(self, recipes: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        return {
            self._sources_text(name): [
                factor.to_json() for factor in recipe_factors(self.study, self.catalogue, name)
            ]
            for name in sorted(recipes, key=self._sources_text)
        }

    def _family(self, recipe: str) -> dict[str, str]:
        """Return what a recipe is, and the names of those that differ from it in β alone."""
        section = self.study.recipes[recipe]
        return {
            "source": self._sources_text(recipe),
            "objective": section.objective,
            "supervision": section.supervision,
            "variant": section.variant,
            "family": ", ".join(self._kin(recipe)),
        }

    def _kin(self, recipe: str) -> list[str]:
        what = self._without_beta(recipe)
        return [name for name in self.study.recipes if self._without_beta(name) == what]

    def _without_beta(self, recipe: str) -> dict[str, Any]:
        section = self.plain["recipes"][recipe]
        options = {key: value for key, value in section["options"].items() if key != "beta"}
        return section | {"options": options}

    @cached_property
    def figures(self) -> dict[str, Entry]:
        """The figures of the study in their order: those that are drawn for some data set."""
        kept = {
            name: entry
            for name, entry in self.catalogue["figure"].items()
            if self.figure_places(name)
        }
        return dict(sorted(kept.items(), key=lambda item: item[1].declared["order"]))

    def figure_places(self, name: str) -> list[dict[str, Any]]:
        """Return the wildcards of each picture of a figure.

        Of models the first one is shown: first recipe (of a source, the first that has it) and
        lowest seed, of each backbone.
        """
        declared = self.catalogue.entry("figure", name).declared
        scope = declared["scope"]
        tables = [n.partition(":")[2] for n in declared["needs"] if n.startswith("table:")]
        if not all(table in self.tables for table in tables):
            return []
        if scope == "study":
            return [{}]
        datasets = {
            "datasets": self.datasets,
            "targets": self.targets,
            "sources": self.sources,
            "with_factors": self.with_factors,
            "open_set": list(self.held_out),
            "profiled": self.profiled,
        }[declared["of"]]
        drawing = self.of_pixels if "decoded" in declared["needs"] else self.backbones
        backbones = [{}] if scope == "dataset" else [{"backbone": b} for b in drawing]
        places = []
        for dataset, backbone in product(datasets, backbones):
            model = {}
            if scope == "model":
                recipe = self._shown_recipe(dataset)
                if recipe is None:
                    continue
                model = {"recipe": recipe, "seed": self.seeds[0]}
            places.append({"dataset": dataset, **backbone, **model})
        return places

    def _shown_recipe(self, dataset: str) -> str | None:
        def shows(recipe: str) -> bool:
            if self.is_source(dataset):
                return self._recipes[recipe].sources[:1] == (dataset,)
            return self.is_for(recipe, dataset)

        return next(filter(shows, self.recipes), None)

    def figure_inputs(self, name: str, place: Mapping[str, str]) -> dict[str, Any]:
        """Return the inputs of a picture."""
        inputs: dict[str, Any] = {}
        tables = []
        declared = self.catalogue.entry("figure", name).declared
        if declared["scope"] == "model":  # it says what its dimensions are called
            inputs["model"] = self._of_shown_model("model", place)
        for need in declared["needs"]:
            if need.startswith("table:"):
                tables.append(self.paths.table(need.partition(":")[2])["parquet"])
            elif need == "images":
                inputs |= self.data(place["dataset"])
            elif need == "decoded":
                inputs[need] = self.of_all_models(
                    self.paths.decoded.replace("{seed}", str(self.seeds[0])), **place
                )
            elif need == "wells":
                inputs[need] = self._of_shown_model(need, place)
            else:
                inputs[need] = self._of_shown_model(need, place)
                inputs |= self.data(place["dataset"])
        return inputs | ({"tables": tables} if tables else {})

    def explored(self) -> list[dict[str, Any]]:
        """Return the models that the explorer shows: wildcards, stage, and family of the recipe."""
        return [
            {
                "dataset": dataset,
                "backbone": backbone,
                "recipe": recipe,
                "seed": self.seeds[0],
                "stage": self.stages(dataset, recipe)[-1],
                "family": self._family(recipe_name(recipe))["family"],
            }
            for dataset, backbone in product(self.targets, self.backbones)
            if (recipe := self._shown_recipe(dataset)) is not None
        ]

    def explorer_inputs(self) -> dict[str, list[str]]:
        """Return the inputs of the explorer: tables, and others one for each model."""
        declared = self.catalogue.entry("page", "explore").declared
        each = [
            self.data(place["dataset"])
            | {need: self._of_shown_model(need, place) for need in declared["needs"]}
            for place in self.explored()
        ]
        made = [name for name in declared["tables"] if name in self.tables]
        tables = [self.paths.table(name)["parquet"] for name in made]
        return {
            **({"tables": tables} if tables else {}),
            **{name: [files[name] for files in each] for name in (each[0] if each else ())},
        }

    def exploring(self) -> dict[str, Any]:
        """Return what the explorer depends on, beside its inputs."""
        readers = {entry.name: entry for name in self.targets for entry in self._readers(name)}
        return {
            "code": self.code("plot", self.catalogue.entry("page", "explore"), *readers.values()),
            "page": "explore",
            "places": self.explored(),
            "options": {"active_sd": self.study.metrics.active_sd},
        }

    def _of_shown_model(self, need: str, place: Mapping[str, str]) -> str:
        dataset = SOURCE if self.is_source(place["dataset"]) else place["dataset"]
        stage = self.stages(dataset, place["recipe"])[-1]
        template = {
            "model": self.last_model(dataset, place["recipe"])["info"],
            "representation": self.latents(dataset, stage),
            "strips": self.paths.strips,
            "moves": self.paths.moves,
            "wells": self.paths.wells,
        }[need]
        return template.format(**{**place, "dataset": dataset})

    def plotting(self, name: str, place: Mapping[str, str]) -> dict[str, Any]:
        """Return what a picture depends on, beside its inputs."""
        entry = self.catalogue.entry("figure", name)
        declared = entry.declared
        readers = self._readers(place["dataset"]) if "images" in declared["needs"] else []
        metrics = self.study.metrics
        facts = {
            "factors": [
                factor for factors in self.facts()["factors"].values() for factor in factors
            ],
            "metrics": {
                "active_sd": metrics.active_sd,
                "levels": metrics.factor_levels,
                "options": self.plain["metrics"]["options"],
            },
            "profiles": self.plain["profiles"].get(place.get("dataset"), {}),
        }
        return {
            "code": self.code("plot", entry, *readers),
            "figure": name,
            "options": {key: facts[key] for key in declared.get("facts", ())},
        }

    def pictures(self) -> list[str]:
        """Return all pictures of the study, as files of all formats."""
        return [
            *filled(self.paths.mask_sheet, dataset=[*self.targets, *self.edited]),
            *(
                file.format(**place)
                for name, entry in self.figures.items()
                for place in self.figure_places(name)
                for file in self.paths.figure(name, entry.declared["scope"]).values()
            ),
        ]

    def reporting(self) -> dict[str, Any]:
        """Return what the report depends on, beside tables and pictures."""
        facts = self.facts()
        kinds = {name: one.representation for name, one in self.study.representations.items()}
        return {
            "code": self.code("report"),
            "kinds": {facts["labels"][name]: kind for name, kind in sorted(kinds.items())},
            "probes": facts["probes"],
            "explorer": self.paths.explorer if self.explored() else "",
            "views": [
                {"kind": entry.kind, "name": entry.name}
                | {key: entry.declared[key] for key in ("section", "order", "caption")}
                for entry in [*self.tables.values(), *self.figures.values()]
            ],
        }

    # New images --------------------------------------------------------------------------------

    def applied_model(self, images: str) -> dict[str, Any]:
        """Return the model that new images are encoded with, and what belongs to it."""
        return self.files_of_model(self.study.encode[images].model)

    def files_of_model(self, model: str) -> dict[str, Any]:
        """Return what it takes to apply a model.

        Parameters
        ----------
        model : str
            ``backbone/recipe/seed0/target``.

        Returns
        -------
        dict
            Its files by what they are, and as `evidence` the scores that its names are judged by:
            those of all models of its family on the target, and of nothing else of the study.
        """
        place = model_place(self._recipes, model)
        target, kin = place["dataset"], self._kin(recipe_name(place["recipe"]))
        models = {
            "backbone": place["backbone"],
            "recipe": [
                name
                for name in self.recipes
                if recipe_name(name) in kin and self.is_for(name, target)
            ],
            "seed": self.seeds,
        }
        edited = [name for name in self.edited if self.followed(name) == target]
        return {
            **model_files(self.paths, **place, stage=self.stages(target, place["recipe"])[-1]),
            "evidence": [
                *filled(self.paths.meaning, dataset=target, **models),
                *filled(self.paths.scores, dataset=edited, **models),
            ],
        }

    def judging(self, model: str) -> dict[str, Any]:
        """Return the facts by which the names of a model's family are judged."""
        kin = self._kin(recipe_name(model.split("/")[1]))
        return {
            "variant": self.study.variant,
            "recipes": {name: self._family(name) for name in kin},
            "labels": {},
            "factors": self._factors_by_source(kin),
        }

    def encoding(self, images: str) -> dict[str, Any]:
        """Return what the codes of new images depend on, beside the model."""
        section = self.plain["encode"][images]
        backbone, recipe, *_ = section["model"].split("/")
        features = {k: v for k, v in self.features_options(backbone).items() if k != "shard_rows"}
        probe = section["probe"]
        files = {
            key: self._content(f"encode/{images}/{key}", path_content, section[key])
            for key in ("images", "masks")
            if section[key]
        }
        return {
            "code": self.code(
                "encode_images",
                self.catalogue.entry("table", "names"),
                self._model(backbone, recipe),
                self.catalogue.entry("reader", "files"),
                self.catalogue.entry("probe", probe),
            ),
            "encoding": section,
            "facts": self.judging(section["model"]),
            "files": files | self.weights_files(backbone),
            "backbone": self.plain["backbones"][backbone],
            "features": features,
            "probe": {probe: self.plain["probes"][probe]},
            "active_sd": self.study.metrics.active_sd,
        }

    def traversing(self, dataset: str, backbone: str, recipe: str) -> dict[str, Any]:
        """Return what the traversal of a model depends on, beside its inputs."""
        stage, real = self.stages(dataset, recipe)[-1], self.dataset_of(dataset, recipe)
        return {
            "code": self.code("traverse", self._model(backbone, recipe)),
            "identity": {"dataset": real, "stage": stage, "tuned_on": _tuned_on(stage, real)},
        }

    def reconstructing(self, dataset: str, backbone: str, recipe: str) -> dict[str, Any]:
        """Return what reconstructions of a target depend on, beside model, codes and images."""
        frozen = next((name for name in self.backbones if name not in self.of_pixels), None)
        judged = {}
        if frozen:
            judged = {"backbone": self.plain["backbones"][frozen]}
            judged |= {"features": self.features_options(frozen)}
            judged |= {"files": self.weights_files(frozen)}
        return self.traversing(dataset, backbone, recipe) | {"judged_by": judged}

    def last_model(self, dataset: str, recipe: str) -> dict[str, str]:
        """Return the model that saw a data set last, and its representation there."""
        stage = self.stages(dataset, recipe)[-1]
        paths = self.paths
        model, info = paths.source_model, paths.source_model_info
        if stage in SEEN_TARGET:
            model, info = paths.tuned_model, paths.tuned_model_info
        return {"model": model, "info": info, "latents": self.latents(dataset, stage)}


def _tuned_on(stage: str, dataset: str) -> str:
    """Return the target whose images a model has seen at a stage, if any."""
    return dataset if stage in SEEN_TARGET else ""


def filled(template: str, **wildcards: Any) -> list[str]:  # noqa: ANN401
    """Return a template with every combination of wildcard values, the last one fastest."""
    lists = {k: v if isinstance(v, list | tuple) else [v] for k, v in wildcards.items()}
    names = [name for name in lists if f"{{{name}}}" in template]
    return [
        template.format(**dict(zip(names, values, strict=True)))
        for values in product(*(lists[name] for name in names))
    ]


def _but_beta(value: Any) -> Any:  # noqa: ANN401
    """Return plain values without β, wherever it stands."""
    if isinstance(value, dict):
        return {key: _but_beta(each) for key, each in value.items() if key != "beta"}
    return [_but_beta(each) for each in value] if isinstance(value, list) else value
