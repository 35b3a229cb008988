"""Profiles of treatments by every representation of the study, on one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, in_order, label_of, row_of, variant_of
from fovscope.tables.render import STATISTICS, mean_sd

_ROW = ["target", "input", *RECIPE, "stage", "representation", "normalisation"]
_KEYS = [*_ROW, "score", "moa", "neighbour_moa"]
_NORMALISATIONS = ("none", "mad", "tvn", "tvn_coral", "harmony")
_SHARES = {
    "nsc": "NSC, %",
    "nscb": "NSCB, %",
    "active": "active, %",
    "consistent": "consistent MOAs, %",
    "replicating": "replicating, %",
    "matching": "matching MOAs, %",
}
_NUMBERS = {
    "active_map": "activity mAP",
    "consistent_map": "consistency mAP",
    "silhouette_moa": "silhouette MOA",
    "silhouette_batch": "silhouette batch",
    "batch_variance": "variance by batch",
}
CONFUSION = "confusion"
"""The score that says which mechanism the neighbours of another have."""

PUBLISHED = "published"
"""In the place of a stage: a number that others report."""

_BBBC021 = (
    # method, NSC, NSCB in percent; denominators 103 and 92 treatments
    ("means (Ljosa 2013)", 83.0, np.nan),
    ("factor analysis (Ljosa 2013)", 94.0, 77.0),
    ("VAE+ (Lafarge 2019)", 90.0, np.nan),
    ("best GAN before VAE+ (Lafarge 2019)", 68.0, np.nan),
    ("DeepProfiler + TVN + CORAL (notebook)", 97.1, 87.0),
    ("DINO (WS-DINO log)", 90.3, 92.4),
    ("WS-DINO, compound labels (log)", 98.1, 95.7),
)
"""Published accuracies on BBBC021 v1, 1 nearest neighbour by the cosine."""


@table(
    "profiles",
    kinds=("profiles",),
    facts=("published",),
    section="Profiles",
    order=10,
    caption="Profiles of treatments, by normalisation of their wells. NSC: share of treatments "
    "whose nearest neighbour of another compound has their mechanism of action (MOA); NSCB: of "
    "another compound and batch (of n treatments; the others have no valid neighbour and are named "
    "in the Parquet file). Active: mAP of a treatment's wells against the controls of their plates "
    "significant (corrected p < .05); consistent: the same of MOAs against others. Replicating, "
    "matching: median correlation above the 95th percentile of chance. mAP is normalised, 0 is "
    "chance. Silhouettes of wells: of MOA more is better, of batch 0 and less. [95 % interval over "
    "treatments of one model], mean ± SD over several. Cosine; means over n models (all β and "
    "seeds). Variant: {variant}.",
)
def profiles(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Show how well the profiles of each representation tell mechanisms of action.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``profiles`` of all models and baselines.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × representation ×
        normalisation × score (of ``confusion`` × MOA × MOA of the neighbour): mean and SD over
        models, `low` and `high` (95 % interval over treatments, mean over models), `asked` (what
        the score is a mean over), `chance` (of NSC and NSCB: what a random neighbour reaches),
        `left_out` (who could not be asked, or why there is no score) and `n` models. Where the
        target is BBBC021, published numbers follow as rows of the stage ``published``.
    """
    rows = scores.assign(asked=scores["n"], chance=scores.get("chance", np.nan))
    for column in ("moa", "neighbour_moa", "left_out"):
        rows[column] = (rows[column] if column in rows else pd.Series("", rows.index)).fillna("")
    groups = by_family(rows, facts).groupby(
        [*_KEYS, "weights_digest", "data_digest"], sort=False, as_index=False, dropna=False
    )
    long = groups.agg(
        **STATISTICS,
        low=("low", "mean"),
        high=("high", "mean"),
        asked=("asked", "max"),
        chance=("chance", "mean"),
        left_out=("left_out", "first"),
    )
    long = pd.concat([long, _published(long, facts)], ignore_index=True)
    long = long.astype({"chance": float})
    long = in_order(
        long,
        ["target", "input", "recipe", "stage", "representation", "normalisation"],
        facts,
        representation=facts["labels"],
        normalisation=_NORMALISATIONS,
    ).assign(variant=variant_of(facts))
    long["representation"] = [label_of(facts, name) for name in long["representation"]]
    return Views(long, _view(long, facts))


def _published(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return the published numbers as rows, of each target that is BBBC021."""
    targets = [t for t in long["target"].unique() if facts["published"]["data"].get(t) == "BBBC021"]
    rows = [
        {"target": target, "representation": method, "score": score, "mean": value / 100}
        for target in targets
        for method, *values in _BBBC021
        for score, value in zip(("nsc", "nscb"), values, strict=True)
        if np.isfinite(value)
    ]
    asked = {"nsc": 103, "nscb": 92}
    table = pd.DataFrame(rows, columns=list(long)).assign(stage=PUBLISHED, n=1, fovscope="")
    table["asked"] = table["score"].map(asked)
    text = [*RECIPE, "input", "normalisation", "moa", "neighbour_moa", "left_out"]
    return table.assign(**dict.fromkeys([*text, "weights_digest", "data_digest"], ""))


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return a line per representation and normalisation."""
    row = row_of(_ROW, facts)
    lines = []
    for key, rows in long[long["score"] != CONFUSION].groupby(row, sort=False, dropna=False):
        found = {line["score"]: line for line in rows.to_dict("records")}
        cells = {title: _share(found.get(score)) for score, title in _SHARES.items()}
        cells |= {title: _number(found.get(score)) for score, title in _NUMBERS.items()}
        lines.append(dict(zip(row, key, strict=True)) | cells | {"n": rows["n"].max()})
    return pd.DataFrame(lines)


def _share(line: Mapping[str, Any] | None) -> str:
    """Return ``91.3 [85.4, 96.1] (of 103)``; of several models ``91.3 ± 1.2 (of 103)``."""
    if line is None or pd.isna(line["mean"]):
        return "–"
    mean, sd, low, high = (100 * line[name] for name in ("mean", "sd", "low", "high"))
    text = mean_sd(mean, sd, digits=1)
    if pd.isna(sd) and not pd.isna(low):
        text += f" [{low:.1f}, {high:.1f}]"
    return f"{text} (of {line['asked']:.0f})"


def _number(line: Mapping[str, Any] | None) -> str:
    return "–" if line is None else mean_sd(line["mean"], line["sd"], digits=2)
