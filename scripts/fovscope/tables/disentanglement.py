"""Disentanglement: mean ± SD over models, with floor and ceiling (method, section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fovscope.registry import table
from fovscope.tables.base import (
    RECIPE,
    STAGES,
    Views,
    by_family,
    in_order,
    labelled,
    row_of,
    variant_of,
)
from fovscope.tables.render import MASKS, STATISTICS, mean_sd, widen

_ROW = [
    *("measured_on", "factors", "tuned_on", "input"),
    *(*RECIPE, "stage", "representation"),
]
_AGREEMENT = {
    "udr_lasso": "UDR Lasso",
    "udr_spearman": "UDR Spearman",
    "informative_dims": "informative dims",
}
_ACTIVE = {"active_dims": "active dims"}
_COUNTS = ("active_dims", "informative_dims")
_CODES = ("perfect", "rotated", "noisy", "duplicated", "merged", "noise")
_BOUNDS = {"code: noise": "noise_floor", "code: perfect": "perfect_ceiling"}
_ENTRY = r"\[z\d+,"
"""What the entries of matrices, dimensions × factors, have in their names."""

_SEEDS = "seeds"
"""In the place of a representation: the latents of the models of all seeds, compared."""


@table(
    "disentanglement",
    kinds=("disentanglement",),
    facts=("scores",),
    section="Disentanglement",
    order=10,
    caption="Disentanglement, mean ± SD over n models (all β and seeds). Codes of known quality "
    "give floor (noise) and ceiling (perfect) on the same rows; the Parquet table has each score's "
    "own floor and interval. Variant: {variant}.",
)
def disentanglement(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """All disentanglement scores, beside those of codes of known quality.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``disentanglement`` of all models, and those of the reference codes,
        whose stage is ``reference`` and whose representation names the code.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each measured_on × factors (known, stand-in, or none:
        agreement of seeds) × tuned_on × input × recipe × stage × representation × score; scores of
        single factors are among them. Columns:

        * ``mean, sd, n``: over models;
        * ``low, high``: 95 % interval over samples of rows, averaged over models;
        * ``floor``: of the same codes with shuffled rows, averaged over models; for reference
          codes that of the noise code;
        * ``ceiling``: of the perfect code on the same factors (of a copy of the model for UDR);
          counts of dimensions have neither;
        * ``normalised``: the mean on the scale from floor (0) to ceiling (1); ``of_ceiling``: the
          mean over the ceiling;
        * ``n_train, n_test, n_pairs``: rows that the metrics were given;
        * ``active_mask``: the masks of the models' active dimensions, each different one once
          (``"1101, 1111"``: one or more without z2); empty for codes, which use all;
        * ``fovscope``, ``variant``.

        The view has a column per score, with the reference codes below.
    """
    long = _long(scores, facts)
    long["representation"] = labelled(long["representation"], facts)
    known, agreement = long["factors"] != "none", long["factors"] == "none"
    titles = {name: score["title"] for name, score in facts["scores"].items()}
    by_information = {
        name: title
        for name, title in titles.items()
        if facts["scores"][name]["group"] == "information"
    }
    others = {name: title for name, title in titles.items() if name not in by_information}
    blocks = {
        "By information and trees": _view(long[known], by_information, facts),
        "By intervention, and others": _view(long[known], others | _ACTIVE, facts),
        "Agreement of seeds, without factors": _view(long[agreement], _AGREEMENT, facts),
    }
    whole = _view(long, titles | _ACTIVE | _AGREEMENT, facts)
    return Views(long, whole, {title: block for title, block in blocks.items() if len(block)})


def _long(scores: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    rows = by_family(scores[~scores["score"].str.contains(_ENTRY)], facts)
    rows = rows.rename(columns={"target": "measured_on"})
    optional = ["low", "high", "floor", "ceiling", "n_train", "n_test", "n_pairs", "active_mask"]
    optional.append("factors")  # of scores against what stands in for factors
    rows = rows.reindex(columns=[*rows, *(c for c in optional if c not in rows)])
    rows["factors"] = rows["factors"].astype(object).fillna("known")
    rows.loc[rows["score"].isin(_AGREEMENT), "factors"] = "none"
    rows.loc[rows["representation"] == _SEEDS, "representation"] = "latents"
    reference = rows["stage"] == "reference"
    rows.loc[reference, "stage"] = "code: " + rows.loc[reference, "representation"]
    rows.loc[reference, "representation"] = ""
    long = _between_bounds(_aggregate(rows, facts))
    return long.assign(variant=variant_of(facts))


def _between_bounds(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table with floor, ceiling, and where the mean lies between them."""
    keys = ["measured_on", "factors", "score"]
    codes = long[long["stage"].isin(_BOUNDS)].set_index([*keys, "stage"])["mean"]
    bounds = codes.unstack().reindex(columns=[*_BOUNDS]).rename(columns=_BOUNDS)
    long = long.join(bounds, on=keys)
    for own, of_code in (("floor", "noise_floor"), ("ceiling", "perfect_ceiling")):
        long[own] = long[own].fillna(long.pop(of_code)).mask(long["score"].isin(_COUNTS))
    long["normalised"] = (long["mean"] - long["floor"]) / (long["ceiling"] - long["floor"])
    long["of_ceiling"] = long["mean"] / long["ceiling"]
    return long


def _view(long: pd.DataFrame, columns: dict[str, str], facts: Mapping[str, Any]) -> pd.DataFrame:
    shown = long[long["score"].isin(columns)].copy()
    shown["cell"] = [
        mean_sd(mean, sd, digits=1 if score in _COUNTS else 2)
        for mean, sd, score in zip(shown["mean"], shown["sd"], shown["score"], strict=True)
    ]
    represented = shown[shown["representation"] != ""]  # reference codes are beside all of them
    row = row_of(_ROW, facts, represented)
    wide = widen(shown, [*row, "n"], "score")
    present = [score for score in columns if score in wide]
    row = [name for name in row if name != "factors" or wide[name].nunique() > 1]
    without_model = {key: {"": "–"} for key in row if key in ("input", *RECIPE, "representation")}
    return (
        wide[[*row, *present, "n"]]
        .astype(object)
        .replace(without_model)
        .fillna("–")
        .rename(columns=columns)
        .rename(columns=lambda c: c.replace("_", " "))
    )


def _aggregate(rows: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    averaged = {name: (name, "mean") for name in ("low", "high", "floor", "ceiling")}
    counts = {name: (name, "first") for name in ("n_train", "n_test", "n_pairs")}
    groups = rows.groupby([*_ROW, "score"], sort=False, dropna=False, as_index=False)
    long = groups.agg(**STATISTICS, **MASKS, **averaged, **counts)
    stages = (*STAGES, *(f"code: {code}" for code in _CODES))
    keys = ["measured_on", "factors", "stage", "tuned_on", "input", "recipe"]
    return in_order(long, keys, facts, stage=stages)
