"""Jobs that make tables, figures and the report: what they read, and what they depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

from fovscope.metrics.presets import declaration
from fovscope.registry import Entry
from fovscope.study.config import IMAGES, recipe_factors
from fovscope.study.jobs.edited import EditedJobs
from fovscope.study.jobs.parts import filled
from fovscope.study.layout import SOURCE, recipe_name
from fovscope.study.section import ConfigError


class ViewJobs(EditedJobs):
    """Jobs of tables, figures and the report."""

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
            "effects": lambda: [
                *self.of_all_models(paths.profiles, dataset=self.profiled, recipe=self.naming),
                *filled(
                    paths.baseline_profiles,
                    dataset=self.profiled,
                    backbone=IMAGES,
                    name=self.measured,
                ),
            ],
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
            if self._is_asked(entry) and self.score_files(entry.declared["kinds"][0])
        }
        return dict(sorted(kept.items(), key=lambda item: item[1].declared["order"]))

    def _is_asked(self, view: Entry) -> bool:
        """Whether a table or figure is in a section that the study asks for."""
        return not self.study.sections or view.declared["section"] in self.study.sections

    def check_sections(self) -> None:
        """Check that there is something to show in all sections that the study asks for.

        Raises
        ------
        ConfigError
            If not: the report would be empty there without a word.
        """
        views = [*self.tables.values(), *self.figures.values()]
        made = {view.declared["section"] for view in views}
        if empty := [repr(name) for name in self.study.sections if name not in made]:
            raise ConfigError(
                f"sections: this study has nothing for {', '.join(empty)}; leave that out, or add "
                f"what it is about (it has something for {', '.join(sorted(made)) or 'none'})"
            )

    def table_inputs(self, name: str) -> list[str]:
        """Return the score files of a table.

        Where no dimension bears a name there is none to judge: effects are then those on measured
        properties, and nothing else is asked.
        """
        kinds = self.tables[name].declared["kinds"]
        if kinds[0] == "effects" and not self.naming:
            kinds = kinds[:1]
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
            if self._is_asked(entry) and self.figure_places(name)
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
            if not self.study.sections and (recipe := self._shown_recipe(dataset)) is not None
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
            "left_out": [
                name for name, entry in self.catalogue["table"].items() if not self._is_asked(entry)
            ],
            "views": [
                {"kind": entry.kind, "name": entry.name}
                | {key: entry.declared[key] for key in ("section", "order", "caption")}
                for entry in [*self.tables.values(), *self.figures.values()]
            ],
        }
