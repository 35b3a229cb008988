"""Jobs about edited images: what they read, and what they depend on."""

from __future__ import annotations

from typing import Any

from fovscope.study.jobs.scores import ScoreJobs
from fovscope.study.layout import tuned_on


class EditedJobs(ScoreJobs):
    """Jobs of edited images."""

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
        identity = {"dataset": dataset, "stage": stage, "tuned_on": tuned_on(stage, target)}
        view = {"values": "codes", "identity": identity | {"representation": "latents"}}
        return self._scoring([view], about=target)
