"""Which dimensions classify: gain and permutation importance, mean ± SD over models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, labelled, row_of, variant_of
from fovscope.tables.matching import in_named_order, name_dimensions, with_names
from fovscope.tables.render import STATISTICS, mean_sd, widen

_ROW = ["target", "input", *RECIPE, "stage", "representation", "dimension"]
_SCORES = {"gain": "gain, %", "permutation": "permutation, points"}


@table(
    "importance",
    kinds=("importance", "correlation"),
    facts=("factors",),
    section="Which dimensions tell the classes apart",
    order=10,
    caption="How much each latent dimension matters to gradient-boosted trees that tell the "
    "classes apart: share of the gain while fitting, and loss of balanced accuracy on test images "
    "when its values are shuffled; mean ± SD over n models (all β and seeds). "
    "Supervision: {supervision}. Variant: {variant}.",
)
def importance(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """How much each dimension matters to a classifier.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``importance`` of all models; those of kind ``correlation`` name the
        dimensions.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × representation ×
        dimension (by name) × score: mean and SD over models (all β and seeds) of the share of the
        gain in %, and of the balanced accuracy that is lost in percentage points; n models.
    """
    rows = by_family(scores, facts)
    names = name_dimensions(rows[rows["kind"] == "correlation"], facts)
    importances = with_names(rows[rows["kind"] == "importance"], names)
    keys = [*_ROW, "score", "weights_digest", "data_digest"]
    groups = importances.groupby(keys, sort=False, as_index=False, dropna=False)
    long = groups.agg(**STATISTICS).assign(variant=variant_of(facts))
    long[["mean", "sd"]] *= 100
    long = in_named_order(long, [*_ROW, "score"], facts)
    long["representation"] = labelled(long["representation"], facts)
    return Views(long, _view(long, facts))


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return a column per importance."""
    row = row_of(_ROW, facts, long)
    cells = [mean_sd(m, s, digits=1) for m, s in zip(long["mean"], long["sd"], strict=True)]
    wide = widen(long.assign(cell=cells), [*row, "n"], "score")
    scores = [score for score in _SCORES if score in wide]
    return wide[[*row, *scores, "n"]].fillna("–").rename(columns=_SCORES)
