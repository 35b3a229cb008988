"""Accuracy of the probes: mean ± SD in percentage points over models (method, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, in_order, labelled, row_of
from fovscope.tables.published import beside_published
from fovscope.tables.render import MASKS, STATISTICS, mean_sd, widen

_ROW = ["target", "input", *RECIPE, "stage", "representation"]


@table(
    "accuracy",
    kinds=("accuracy",),
    facts=("probes", "published"),
    section="Accuracy",
    order=10,
    caption="Balanced accuracy in %, mean ± SD in points over n models (all β and seeds); beside "
    "it the published number, where there is one, and by how much ours is above it. "
    "Variant: {variant}.",
)
def accuracy(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Accuracy of all probes on all representations, beside the published numbers.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``accuracy`` of all models and baselines.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × representation ×
        probe × score: mean and SD in percentage points over models (all β and seeds), their
        number n, ``published_mean, published_sd, difference``, and ``active_mask``: the masks of
        the models' active dimensions, each different one once (``"1101, 1111"``: one or more
        without z2); empty for baselines.
    """
    published = facts["published"]
    long = beside_published(_long(scores, facts), published["data"], frozenset(published["images"]))
    long["representation"] = labelled(long["representation"], facts)
    return Views(long, _view(long, facts))


def _long(scores: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    shown = by_family(scores[scores["score"] != "confusion"], facts)
    if "active_mask" not in shown:  # baselines have no dimensions
        shown["active_mask"] = None
    keys = [*_ROW, "probe", "score", "weights_digest", "data_digest"]
    groups = shown.groupby(keys, sort=False, as_index=False, dropna=False)
    long = groups.agg(**STATISTICS, **MASKS).assign(variant=facts["variant"])
    long[["mean", "sd"]] *= 100
    return in_order(long, ["target", "input", "recipe", "stage"], facts)


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return the balanced accuracy, a column per probe, and the published one beside it."""
    row, titles = row_of(_ROW, facts), facts["probes"]
    shown = long[long["score"] == "balanced_accuracy"].copy()
    shown["cell"] = [
        mean_sd(m, s, digits=1) for m, s in zip(shown["mean"], shown["sd"], strict=True)
    ]
    wide = widen(shown, [*row, "n"], "probe")
    wide = wide[[*row, *(probe for probe in titles if probe in wide), "n"]].rename(columns=titles)
    known = shown.dropna(subset="published_mean").copy()
    if len(known):
        known["cell"] = known.apply(_beside, axis=1)
        known["probe"] = "published " + known["probe"].map(titles)
        wide = wide.merge(widen(known, row, "probe"), on=row, how="left")
    return wide.fillna("–")


def _beside(row: pd.Series) -> str:
    """Return the published number and by how many points ours is above it."""
    return f"{row['published_mean']:.1f} ± {row['published_sd']:.1f} ({row['difference']:+.1f})"
