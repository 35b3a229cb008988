"""From a study to its jobs: what there is, what each job reads, and what it depends on.

The rule files say when; the lists and mappings that they ask for are made here, without
Snakemake. A job runs again when a value of its `params` changed. So each has ``code`` there, the
digests of the definitions that it uses, and of the configuration exactly what it uses, as plain
values: a study's parts that a job does not use must not appear in what these functions return.
Snakemake keeps the values without their names: two values of a rule that could be mistaken for
each other go into one mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fovscope.datasets.content import path_content
from fovscope.datasets.listing import DataError, require_file, require_folder, require_path
from fovscope.study.entries import file_options
from fovscope.study.instances import model_place
from fovscope.study.jobs.parts import filled
from fovscope.study.jobs.views import ViewJobs
from fovscope.study.layout import model_files, recipe_name, tuned_on


class Expansion(ViewJobs):
    """The jobs of a study, as rule files ask for them; made as `Parts` is."""

    # Files named ----------------------------------------------------------------------------

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

    # New images -----------------------------------------------------------------------------

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
            "identity": {"dataset": real, "stage": stage, "tuned_on": tuned_on(stage, real)},
        }

    def reconstructing(self, dataset: str, backbone: str, recipe: str) -> dict[str, Any]:
        """Return what reconstructions of a target depend on, beside model, codes and images."""
        frozen = next((name for name in self.backbones if name not in self.of_pixels), None)
        judged = {}
        if frozen:
            judged = {"backbone": self.plain["backbones"][frozen]}
            judged |= {"features": self.features_options(frozen)}
            judged |= {"files": self.weights_files(frozen)}
        screen = self.study.profiles.get(dataset)
        return self.traversing(dataset, backbone, recipe) | {
            "judged_by": judged,
            "classes": screen.moa if screen else "label",
        }
