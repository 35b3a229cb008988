"""Accuracy of the probes: mean ± SD in percentage points over models (method, section 6)."""

from __future__ import annotations

import pandas as pd

from fovscope.tables.render import MASKS, STATISTICS, mean_sd, widen

_ROW = ["target", "input", "stage", "representation"]
_STAGES = ("transferred", "finetuned", "baseline")
PROBES = {"gbt": "GBT", "mlp": "MLP"}
_SCORES = ("balanced_accuracy", "accuracy", "macro_f1")


def accuracy_table(scores: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the long table of all probes.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``accuracy`` of all models and baselines.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    pandas.DataFrame
        One row for each target × input × stage × representation × probe × score: mean and
        SD in percentage points over models (all β and seeds), their number n, and
        ``active_mask``: the masks of their active dimensions, each different one once
        (``"1101, 1111"``: one or more without z2); empty for baselines.
    """
    shown = scores[scores["score"].isin(_SCORES)].rename(
        columns={"dataset": "target", "backbone": "input"}
    )
    if "active_mask" not in shown:  # baselines have no dimensions
        shown["active_mask"] = None
    groups = shown.groupby(
        [*_ROW, "probe", "score", "weights_digest", "data_digest"], sort=False, as_index=False
    )
    long = groups.agg(**STATISTICS, **MASKS)
    long[["mean", "sd"]] *= 100
    long["variant"] = variant
    ranks = {stage: rank for rank, stage in enumerate(_STAGES)}
    return long.sort_values(
        ["target", "input", "stage"],
        key=lambda c: c.map(ranks) if c.name == "stage" else c,
        kind="stable",
        ignore_index=True,
    )


def accuracy_view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads: balanced accuracy, a column a probe."""
    shown = long[long["score"] == "balanced_accuracy"].copy()
    shown["cell"] = [
        mean_sd(m, s, digits=1) for m, s in zip(shown["mean"], shown["sd"], strict=True)
    ]
    wide = widen(shown, [*_ROW, "n"], "probe")
    wide = wide[[*_ROW, *PROBES, "n"]].rename(columns=PROBES)
    known = shown.dropna(subset="published_mean").copy()
    if known.empty:
        return wide
    known["cell"] = known.apply(_beside, axis=1)
    known["probe"] = "published " + known["probe"].map(PROBES)
    return wide.merge(widen(known, _ROW, "probe"), on=_ROW, how="left").fillna("–")


def _beside(row: pd.Series) -> str:
    """Return the published number and by how many points ours is above it."""
    return f"{row['published_mean']:.1f} ± {row['published_sd']:.1f} ({row['difference']:+.1f})"


CAPTION = (
    "Balanced accuracy in %, mean ± SD in points over n models (all β and seeds); beside it the "
    "published number, where there is one, and by how much ours is above it. "
    "Variant: {variant}."
)
