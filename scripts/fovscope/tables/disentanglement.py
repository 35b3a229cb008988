"""Disentanglement: mean ± SD over models, with floor and ceiling (method, section 7)."""

from __future__ import annotations

import pandas as pd

from fovscope.tables.render import STATISTICS, mean_sd, widen

_ROW = ["measured_on", "tuned_on", "input", "stage"]
_COLUMNS = {
    "mig": "MIG",
    "dci_disentanglement": "DCI D",
    "dci_completeness": "DCI C",
    "dci_informativeness": "DCI I",
    "omes": "OMES",
    "active_dims": "active dims",
}
_STAGES = (
    *("source", "transferred", "finetuned"),
    *("code: perfect", "code: rotated", "code: noise"),
)
_BOUNDS = {"code: noise": "floor", "code: perfect": "ceiling"}
_MATRICES = ("mi_over_h", "association")


def disentanglement_table(scores: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the long table of all disentanglement scores.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``disentanglement`` of all models, and those of the reference
        codes, whose stage is ``reference`` and whose representation names the code.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    pandas.DataFrame
        One row for each measured_on × tuned_on × input × stage × score: mean, SD, n, the
        floor (noise code) and ceiling (perfect code) on the same factors, and the mean on
        the scale from floor (0) to ceiling (1). Scores of single factors are among them.
    """
    scores = scores.rename(columns={"dataset": "measured_on", "backbone": "input"})
    scores = scores[~scores["score"].str.startswith(_MATRICES)].copy()
    reference = scores["stage"] == "reference"
    scores.loc[reference, "stage"] = "code: " + scores.loc[reference, "representation"]
    long = _aggregate(scores)
    codes = long.set_index(["measured_on", "score", "stage"])["mean"].loc[:, :, [*_BOUNDS]]
    bounds = codes.unstack().rename(columns=_BOUNDS)
    long = long.join(bounds, on=["measured_on", "score"])
    long["normalised"] = (long["mean"] - long["floor"]) / (long["ceiling"] - long["floor"])
    return long.assign(variant=variant)


def disentanglement_view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads: a column a score, reference codes below."""
    shown = long[long["score"].isin(_COLUMNS)].copy()
    shown["cell"] = [
        mean_sd(mean, sd, digits=1 if score == "active_dims" else 2)
        for mean, sd, score in zip(shown["mean"], shown["sd"], shown["score"], strict=True)
    ]
    wide = widen(shown, [*_ROW, "n"], "score").reindex(columns=[*_ROW, *_COLUMNS, "n"])
    return (
        wide.astype(object)
        .fillna("–")
        .rename(columns=_COLUMNS)
        .rename(columns=lambda c: c.replace("_", " "))
    )


def _aggregate(scores: pd.DataFrame) -> pd.DataFrame:
    groups = scores.groupby([*_ROW, "score"], sort=False, dropna=False, as_index=False)
    long = groups.agg(**STATISTICS)
    ranks = {stage: rank for rank, stage in enumerate(_STAGES)}
    return long.sort_values(
        ["measured_on", "stage", "tuned_on", "input"],
        key=lambda column: column.map(ranks) if column.name == "stage" else column,
        kind="stable",
        ignore_index=True,
    )


CAPTION = (
    "Disentanglement on known factors, mean ± SD over n models (all β and seeds). Codes of known "
    "quality give floor (noise) and ceiling (perfect) on the same rows. Variant: {variant}."
)
