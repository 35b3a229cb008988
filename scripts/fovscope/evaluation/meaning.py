"""What the dimensions of a representation mean on one target, by handcrafted features."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd

from fovscope.evaluation.base import Given, View
from fovscope.factors import Factor
from fovscope.interpret.explain import correlate_factors, explain_codes
from fovscope.records import score_table
from fovscope.registry import evaluation


@evaluation("meaning")
def meaning(given: Given) -> dict[str, pd.DataFrame]:
    """Correlate representations with handcrafted features, and with true factors where known.

    Those are rows of kind ``truth``. Also asks which dimensions classify.
    """
    tables = [table for view in given.views() for table in _explained(given, view)]
    if not tables:
        return {"scores": score_table({}, given.identity)}
    if given.options["stand_ins"] is not None:  # the metrics, where no factor is known
        stand_ins = given.catalogue.load("evaluation", "stand_ins")
        tables.append(stand_ins(given)["scores"])
    return {"scores": pd.concat(tables, ignore_index=True)}


def _explained(given: Given, view: View) -> Iterator[pd.DataFrame]:
    dimensions, widest = view.values.shape[1], given.options["widest"]
    if dimensions > widest:
        logging.warning(
            "%s has %d dimensions, more than metrics.widest (%d): they are not explained",
            *(view.identity.representation, dimensions, widest),
        )
        return
    explained = explain_codes(
        view.images,
        given.inputs["objects"],
        view.values,
        bound=given.bound,
        active_sd=given.options["active_sd"],
        options=given.options["trees"],
        seed=given.seed,
        threads=given.threads,
    )
    for kind, table in explained.items():
        yield score_table(table, view.identity.replace(kind=kind), **given.provenance)
    truth = correlate_factors(
        view.images,
        view.values,
        [Factor.from_json(raw) for raw in view.facts["factors"]],
        bound=given.bound,
        active_sd=given.options["active_sd"],
        seed=given.seed,
    )
    if len(truth):
        yield score_table(truth, view.identity.replace(kind="truth"), **given.provenance)
