"""Score rows of a made-up study, as its jobs would write them, and the facts of that study."""

import numpy as np
import pandas as pd
import pytest

from fovscope.factors import Factor
from fovscope.interpret.features import FEATURES

LABELS = {
    "latents": "latents",
    "named": "named latents",
    "full": "full Φ",
    "pca": "PCA-10 of Φ",
    "handcrafted": "handcrafted features",
    "constant": "constant (majority class)",
}


def in_group(group):
    return tuple(name for name, feature in FEATURES.items() if feature.group == group)


SPRITES = (
    *(
        Factor(name=name, values=size, counterparts=in_group(name))
        for name, size in (
            *(("Texture", 5), ("Color", 7), ("Shape", 3)),
            *(("Scale", 6), ("Orientation", 40)),
        )
    ),
    *(Factor(name=name, values=32, nuisance=True) for name in ("PosX", "PosY")),
)
BLOBS = (
    Factor(name="size", limits=(1.0, 9.0), counterparts=("area", "perimeter")),
    Factor(name="x", limits=(0.0, 1.0), nuisance=True),
)
SOURCES = {"sprites": SPRITES, "blobs": BLOBS}
MEASURED = ("area", "perimeter", "solidity", "orientation", "mean_red", "hue", "entropy")
"""The features of score rows: some of each group."""


def recipe(source="sprites", supervision="labels", family="beta1, beta2"):
    return {
        "source": source,
        "objective": "beta_vae",
        "supervision": supervision,
        "variant": "default",
        "family": family,
    }


ONE_FAMILY = {"beta1": recipe(), "beta2": recipe()}
SEVERAL = ONE_FAMILY | {
    "ada": recipe(supervision="ada", family="ada"),
    "blobs": recipe(source="blobs", family="blobs"),
}


def bound_to(place, recipes):
    """The factors that dimensions of a place's model are bound to."""
    recipe = recipes.get(place["recipe"], {"supervision": "none"})
    return [f.name for f in SOURCES[recipe["source"]]] if recipe["supervision"] == "labels" else []


def owned(dimensions, factors):
    """The columns that say what dimensions are bound to."""
    return {"factor": [factors[k] if k < len(factors) else "" for k in dimensions], "part": ""}


def facts_of(recipes, **changes):
    """Facts of a study of these recipes."""
    scores = {
        **{"mig": ("MIG", "information"), "dci_disentanglement": ("DCI D", "information")},
        **{"omes": ("OMES", "intervention")},
    }
    return {
        "variant": "default",
        "recipes": dict(recipes),
        "labels": LABELS,
        "probes": {"gbt": "GBT", "mlp": "MLP"},
        "scores": {name: {"title": t, "group": g} for name, (t, g) in scores.items()},
        "published": {"data": {"cells": "Lensless", "leaves": None}, "images": ["rgb"]}
        | {"stand_ins": []},
        "factors": {name: [f.to_json() for f in factors] for name, factors in SOURCES.items()},
    } | changes


class Rows:
    """Score rows of a study with two targets, two inputs, the given recipes and two seeds.

    Accuracy is known of both inputs, all else of the first only.
    """

    def __init__(self, recipes, *, dims=8, without_network=True):
        self.recipes, self.dims, self.without_network = recipes, dims, without_network
        self.rng = np.random.default_rng(0)
        self._made = {}

    def of(self, *kinds):
        """Return all rows of these kinds."""
        for kind in kinds:
            if kind not in self._made:
                self._made[kind] = getattr(self, f"_{kind}")()
        return pd.concat([self._made[kind] for kind in kinds], ignore_index=True)

    def _models(self, stages=("transferred", "finetuned"), inputs=("lite0",)):
        for target in ("leaves", "cells"):
            for backbone in inputs:
                for name in self.recipes:
                    for seed in ("0", "1"):
                        for stage in stages:
                            yield {
                                **{"dataset": target, "backbone": backbone, "recipe": name},
                                **{"seed": seed, "stage": stage, "representation": "latents"},
                                "tuned_on": target if stage == "finetuned" else "",
                            }

    def _baselines(self, names, inputs=("lite0",)):
        for target in ("leaves", "cells"):
            places = [(backbone, name) for backbone in inputs for name in names]
            places += [("images", n) for n in ("handcrafted", "constant") if self.without_network]
            for backbone, name in places:
                yield {
                    **{"dataset": target, "backbone": backbone, "recipe": "", "seed": ""},
                    **{"stage": "baseline", "representation": name, "tuned_on": ""},
                }

    @staticmethod
    def _table(kind, tables):
        provenance = {"weights_digest": "w", "data_digest": "d", "fovscope": "0.1"}
        return pd.concat(tables, ignore_index=True).assign(kind=kind, **provenance)

    def _accuracy(self):
        tables = []
        inputs = ("lite0", "rgb")
        models = list(self._models(inputs=inputs))
        named = [place | {"representation": "named"} for place in models]
        for place in (*models, *named, *self._baselines(["full", "pca"], inputs)):
            for probe in ("gbt", "mlp"):
                share = self.rng.uniform(0.4, 0.9, 2)
                rows = [("balanced_accuracy", share.mean(), None, None)]
                rows += [("accuracy", share.mean(), None, None)]
                for k, (right, wrong) in enumerate((("a", "b"), ("b", "a"))):
                    rows += [("confusion", share[k], right, right)]
                    rows += [("confusion", 1 - share[k], right, wrong)]
                table = pd.DataFrame(rows, columns=["score", "value", "true", "predicted"])
                table = table.assign(low=table["value"] - 0.05, high=table["value"] + 0.05)
                mask = None if place["stage"] == "baseline" else "11111111"
                tables.append(table.assign(**place, probe=probe, active_mask=mask))
        return self._table("accuracy", tables)

    def _disentanglement(self):
        tables = []
        names = ["mig", "mig[Shape]", "dci_disentanglement", "omes", "mi_over_h[z0,Shape]"]
        for place in self._models(("source", "transferred", "finetuned")):
            value = self.rng.uniform(0.2, 0.7, len(names) + 1)
            table = pd.DataFrame({"score": [*names, "active_dims"], "value": value})
            table["value"] = table["value"].mask(table["score"] == "active_dims", 7)
            bounds = {"low": value - 0.1, "high": value + 0.1, "floor": 0.05, "n_train": 100}
            tables.append(table.assign(**place, **bounds, active_mask="11111110"))
            agreement = {"score": ["udr_lasso", "informative_dims"], "value": [0.6, 6.0]}
            where = place | {"representation": "seeds"}
            tables.append(pd.DataFrame(agreement).assign(**where, floor=0.0, ceiling=0.9))
        for code, value in (("perfect", 0.95), ("noise", 0.02), ("rotated", 0.2)):
            for target in ("leaves", "cells"):
                where = {"dataset": target, "stage": "reference", "representation": code}
                where |= {"recipe": "", "tuned_on": "", "seed": ""}
                tables.append(pd.DataFrame({"score": names[:4], "value": value}).assign(**where))
        return self._table("disentanglement", tables)

    def _places(self):
        return [*self._models(), *self._baselines(["pca"] if self.without_network else [])]

    def _correlation(self):
        tables = []
        for place in self._places():
            if place["representation"] in ("handcrafted", "constant"):
                continue
            for score in ("pearson", "spearman"):
                values = self.rng.uniform(-0.9, 0.9, (self.dims, len(MEASURED)))
                dimension, feature = np.indices(values.shape).reshape(2, -1)
                table = pd.DataFrame({"dimension": dimension, "value": values.ravel()})
                table["feature"] = np.array(MEASURED)[feature]
                table = table.assign(q=self.rng.uniform(0, 0.1, len(table)), images=50)
                table = table.assign(**owned(dimension, bound_to(place, self.recipes)))
                tables.append(table.assign(score=score, **place))
        return self._table("correlation", tables)

    def _importance(self):
        tables = []
        for place in self._places():
            if place["representation"] in ("handcrafted", "constant"):
                continue
            for score in ("gain", "permutation"):
                shares = self.rng.dirichlet(np.ones(self.dims))
                table = pd.DataFrame({"dimension": range(self.dims), "value": shares})
                table = table.assign(**owned(range(self.dims), bound_to(place, self.recipes)))
                tables.append(table.assign(score=score, **place))
        return self._table("importance", tables)

    def _open_set(self):
        tables = []
        detectors = ("mahalanobis", "knn", "gbt confidence", "mlp confidence")
        for place in self._models(("finetuned",)):
            factors = bound_to(place, self.recipes)
            rows = [
                (detector, "", "", "", score, self.rng.uniform(0.5, 0.9))
                for detector in detectors
                for score in ("auroc", "fpr95")
            ]
            for probe in ("gbt", "mlp"):
                for label, share in (("a", 0.7), ("b", 0.3)):
                    rows.append(("", probe, label, "", "share", share))
                    for k in range(self.dims):
                        name = f"z{k} {factors[k]}" if k < len(factors) else f"z{k}"
                        distance = self.rng.uniform(0.5, 3)
                        rows.append(("", probe, label, name, "distance", distance))
            columns = ["detector", "probe", "mistaken_for", "dimension", "score", "value"]
            table = pd.DataFrame(rows, columns=columns).assign(**place)
            tables += [table.assign(held_out=name) for name in ("ash", "elm")]
        return self._table("open_set", tables)

    def _profiles(self):
        tables = []
        for place in (*self._models(), *self._baselines(["full"])):
            for how in ("none", "tvn"):
                scores = ["nsc", "nscb", "active", "active_map", "consistent", "consistent_map"]
                scores += ["replicating", "matching", "silhouette_batch", "batch_variance"]
                value = self.rng.uniform(0.2, 0.8, len(scores))
                table = pd.DataFrame({"score": scores, "value": value, "n": 40})
                table = table.assign(low=value - 0.1, high=value + 0.1, left_out="")
                table["chance"] = table["score"].map({"nsc": 0.2, "nscb": 0.1})
                missing = {"score": "silhouette_moa", "value": np.nan, "n": 0, "left_out": "none"}
                shares = pd.DataFrame(
                    [("a", "a", 0.75), ("a", "b", 0.25), ("b", "b", 1.0)],
                    columns=["moa", "neighbour_moa", "value"],
                ).assign(score="confusion", n=4)
                table = pd.concat([table, pd.DataFrame([missing]), shares], ignore_index=True)
                tables.append(table.assign(**place, normalisation=how))
        return self._table("profiles", tables)

    def _effects(self):
        tables = []
        for place in self._models():
            factors = bound_to(place, self.recipes) or ["Scale", "Hue"]
            rows = [
                (f"drug{c}@{dose:g}", f"drug{c}", dose, moa, k, factor)
                for c, moa in enumerate(("a", None))
                for dose in (1.0, 3.0)
                for k, factor in enumerate(factors)
            ]
            columns = ["treatment", "compound", "concentration", "moa", "dimension", "factor"]
            value = self.rng.normal(size=len(rows))
            table = pd.DataFrame(rows, columns=columns).assign(value=value, n=3, part="")
            table = table.assign(low=value - 1, high=value + 1, score="effect")
            tables.append(table.assign(**place))
        return self._table("effects", tables)

    def _truth(self):
        """Two true factors of one target, of which one has the name of a factor of a source."""
        tables = []
        for place in self._places():
            if place["dataset"] != "cells" or place["representation"] == "constant":
                continue
            for score in ("pearson", "spearman"):
                values = self.rng.uniform(-0.9, 0.9, (self.dims, 2))
                dimension, feature = np.indices(values.shape).reshape(2, -1)
                table = pd.DataFrame({"dimension": dimension, "value": values.ravel()})
                table["feature"] = np.array(["Orientation", "Age"])[feature]
                table = table.assign(**owned(dimension, bound_to(place, self.recipes)), images=50)
                tables.append(table.assign(score=score, **place))
        return self._table("truth", tables)

    def _response(self):
        tables = []
        for place in self._models():
            for setting, measure in (("Scale", "area"), ("Hue", "hue")):
                shares = self.rng.dirichlet(np.ones(self.dims))
                bounds = {"low": shares / 2, "high": (1 + shares) / 2, "n": 40}
                table = pd.DataFrame({"dimension": range(self.dims), "value": shares, **bounds})
                table = table.assign(**owned(range(self.dims), bound_to(place, self.recipes)))
                table = table.assign(setting=setting, measure=measure, **place)
                tables += [table.assign(score=score) for score in ("share", "lead", "direction")]
        return self._table("response", tables)

    def _reconstruction(self):
        tables = []
        for place in self._models(inputs=("rgb",)):
            table = pd.DataFrame({"score": ["mse", "ssim", "sharpness", "frechet"]})
            tables.append(table.assign(value=self.rng.uniform(0, 1, len(table)), **place))
        return self._table("reconstruction", tables)

    def _interventions(self):
        tables = []
        for target in ("leaves", "cells"):
            where = {"dataset": target, "backbone": "", "recipe": "", "seed": "", "stage": ""}
            where |= {"representation": "", "tuned_on": ""}
            for factor, feature in (("Size", "area"), ("Hue", "hue")):
                scores = ["slope", "r2", "r2_within", *["movement"] * len(MEASURED)]
                value = self.rng.uniform(0, 1, len(scores))
                table = pd.DataFrame({"score": scores, "value": value})
                table = table.assign(low=value - 0.1, high=value + 0.1, n=40, factor=factor)
                table["feature"] = [*[feature] * 3, *MEASURED]
                table["own"] = pd.Series([*[None] * 3, *(name == feature for name in MEASURED)])
                tables.append(table.assign(**where))
            for backbone in ("lite0", "rgb"):
                trace = {"score": ["trace"], "value": 0.7, "low": 0.6, "high": 0.8, "n": 40}
                where |= {"backbone": backbone, "representation": "full"}
                tables.append(pd.DataFrame(trace).assign(**where))
        return self._table("interventions", tables)


@pytest.fixture
def facts():
    """Facts of a study of one family of recipes."""
    return facts_of(ONE_FAMILY)


@pytest.fixture(scope="session")
def rows():
    """Score rows of a study of one family of recipes."""
    return Rows(ONE_FAMILY)


class Study:
    """Facts and tables of a study."""

    def __init__(self, recipes):
        self.facts, self._rows, self._made = facts_of(recipes), Rows(recipes), {}

    def views(self, entry):
        """Return the views of a table, made from the facts that it declares and no others."""
        if entry.name not in self._made:
            facts = self.allowed(entry)
            scores = self._rows.of(*entry.declared["kinds"])
            self._made[entry.name] = entry.load()(scores, facts)
        return self._made[entry.name]

    def allowed(self, entry):
        """Return the facts that a table may use."""
        allowed = {"variant", "recipes", "labels", *entry.declared.get("facts", ())}
        return {key: value for key, value in self.facts.items() if key in allowed}


@pytest.fixture(scope="session", params=["one family", "several families"])
def study(request):
    """A study whose tables are made once; leave them as they are."""
    return Study(ONE_FAMILY if request.param == "one family" else SEVERAL)
