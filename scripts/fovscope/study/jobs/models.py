"""Jobs that make models and representations: what they read, and what they depend on."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from fovscope.datasets.content import path_content
from fovscope.runtime.provenance import digest_json
from fovscope.study.config import (
    bound_factors,
    is_anchored,
    recipe_factors,
    recipe_section,
)
from fovscope.study.jobs.data import DataJobs
from fovscope.study.jobs.parts import OF_FEATURES
from fovscope.study.layout import SEEN_TARGET, SOURCE, recipe_name


class ModelJobs(DataJobs):
    """Jobs of models and representations."""

    # Models ---------------------------------------------------------------------------------

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

    @cached_property
    def naming(self) -> list[str]:
        """Recipes whose models have dimensions that bear names."""
        return [name for name in self.recipes if self.binding(name)["named"]]

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

    # Representations ------------------------------------------------------------------------

    def represented(self, dataset: str, backbone: str, name: str) -> dict[str, str]:
        """Return the inputs of a representation without a model.

        What is made of edited images is fitted on the natural ones that they were made of, or on
        a source.
        """
        needs = self._representation(name).declared["needs"]
        files, of, more = {"table": self.paths.manifest}, {"": dataset}, {}
        if needs in OF_FEATURES:
            files["features"] = self.paths.features
        elif needs == "objects":
            files["objects"] = self.paths.objects
        if needs == "source":
            of["source_"] = source = self.source_for(name, dataset)
            more["source_facts"] = self.data(source)["facts"]
        elif dataset in self.edited:
            of["natural_"] = self.followed(dataset)
        return more | {
            prefix + key: file.format(dataset=each, backbone=backbone)
            for prefix, each in of.items()
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

    def last_model(self, dataset: str, recipe: str) -> dict[str, str]:
        """Return the model that saw a data set last, and its representation there."""
        stage = self.stages(dataset, recipe)[-1]
        paths = self.paths
        model, info = paths.source_model, paths.source_model_info
        if stage in SEEN_TARGET:
            model, info = paths.tuned_model, paths.tuned_model_info
        return {"model": model, "info": info, "latents": self.latents(dataset, stage)}


def _but_beta(value: Any) -> Any:  # noqa: ANN401
    """Return plain values without β, wherever it stands."""
    if isinstance(value, dict):
        return {key: _but_beta(each) for key, each in value.items() if key != "beta"}
    return [_but_beta(each) for each in value] if isinstance(value, list) else value
