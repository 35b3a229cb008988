"""The scores of representations: probes where there are classes, disentanglement where factors.

Both are evaluations of their own, which `scores` runs one after the other: a job depends on the
code of those alone that the study asks of it (a source has no classes, for example).
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from fovscope.evaluation.accuracy import probe_values
from fovscope.evaluation.base import Given, View
from fovscope.evaluation.choices import choices
from fovscope.evaluation.disentanglement import (
    arrange,
    known_factors,
    score_codes,
    score_references,
)
from fovscope.records import score_table
from fovscope.registry import evaluation


@evaluation("scores")
def scores(given: Given) -> dict[str, pd.DataFrame]:
    """Score representations by the evaluations that the option ``parts`` names."""
    tables = [
        given.catalogue.load("evaluation", part)(given)["scores"] for part in given.options["parts"]
    ]
    return _together(given, tables)


@evaluation("accuracy")
def accuracy(given: Given) -> dict[str, pd.DataFrame]:
    """Score representations by probes, where there are classes and images to test on."""
    tables = [
        table
        for view in given.views()
        if view.facts["classes"] and (view.images["split"] == "test").any()
        for table in _accuracy(given, view)
    ]
    return _together(given, tables)


@evaluation("disentanglement")
def disentanglement(given: Given) -> dict[str, pd.DataFrame]:
    """Score representations by disentanglement, where factors are known."""
    return _together(
        given, [table for view in given.views() for table in _disentanglement(given, view)]
    )


@evaluation("references")
def references(given: Given) -> dict[str, pd.DataFrame]:
    """Score codes of known quality on the factors of a data set: floor and ceiling."""
    panel = given.options["panel"]
    images = given.inputs["table"]
    images = images[images["role"] != "train_pair"]
    factors = known_factors(images, given.inputs["facts"], panel["factor_levels"])
    scored = score_references(
        factors,
        latent_dim=given.options["latent_dim"],
        panel=panel,
        catalogue=given.catalogue,
        threads=given.threads,
    )
    identity = given.identity.replace(kind="disentanglement", stage="reference")
    tables = [
        score_table(values, identity.replace(representation=code))
        for code, values in scored.items()
    ]
    return {"scores": pd.concat(tables, ignore_index=True)}


def _together(given: Given, tables: list[pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the rows of tables as one, which has the columns of scores even if there are none."""
    some = [table for table in tables if len(table)]  # an empty one knows no types
    found = pd.concat(some, ignore_index=True) if some else score_table({}, given.identity)
    return {"scores": found}


def _accuracy(given: Given, view: View) -> Iterator[pd.DataFrame]:
    for name, values, mask in choices(given, view):
        scored = probe_values(
            view.images,
            values,
            mask=mask,
            probes=given.options["probes"],
            catalogue=given.catalogue,
            seed=given.seed,
            threads=given.threads,
        )
        identity = view.identity.replace(kind="accuracy", representation=name)
        for probe, table in scored.items():
            yield score_table(table, identity.replace(probe=probe), **given.provenance)


def _disentanglement(given: Given, view: View) -> Iterator[pd.DataFrame]:
    panel = given.options["panel"]
    factors = known_factors(view.images, view.facts, panel["factor_levels"])
    if factors is None or view.values.shape[1] > panel["widest"]:
        return
    table = score_codes(
        arrange(view.images, view.values),
        factors,
        panel=panel,
        catalogue=given.catalogue,
        threads=given.threads,
    )
    yield score_table(table, view.identity.replace(kind="disentanglement"), **given.provenance)
