"""Jobs that make image tables and features: what they read, and what they depend on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fovscope.datasets.content import path_content, target_content
from fovscope.registry import Entry
from fovscope.study.config import (
    INTERVENTIONS,
)
from fovscope.study.entries import file_options
from fovscope.study.jobs.parts import Parts

_NOT_IN_MANIFEST = {"licence", "citation", "published"}
_OF_GENERATED = {"generator", "images", "seed", "options"}
_OF_LABELS = {"test_fraction", "val_fraction", "split_seed", "group_pattern", "factors"}
_PLACES = {"folder", "table", "masks"}
"""Options of targets: what a manifest does not depend on; what only generated ones have; what
features do not depend on; what is named by its content."""


class DataJobs(Parts):
    """Jobs of image tables and features."""

    # Data -----------------------------------------------------------------------------------

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

    # Features -------------------------------------------------------------------------------

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
