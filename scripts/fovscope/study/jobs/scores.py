"""Jobs that score representations: what they read, and what they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fovscope.metrics.presets import declaration, preset
from fovscope.registry import Entry
from fovscope.study.jobs.models import ModelJobs
from fovscope.study.layout import tuned_on


class ScoreJobs(ModelJobs):
    """Jobs of scores."""

    # Scores ---------------------------------------------------------------------------------

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
                "identity": shared | {"stage": stage, "tuned_on": tuned_on(stage, dataset)},
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
                    stage: {"dataset": real, "tuned_on": tuned_on(stage, real)}
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

    # Profiles -------------------------------------------------------------------------------

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
        views = [self._view_of_baseline(dataset, name)]
        return self._profiling(dataset, views, measured=name in self.measured)

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
