"""The open set: mean ± SD and 95 % interval over models (method, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from fovscope.dimensions import factor_of
from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, in_order, labelled, row_of, variant_of
from fovscope.tables.matching import factors_of, meaningful
from fovscope.tables.render import STATISTICS, mean_sd

_ROW = ["target", "input", *RECIPE, "representation", "held_out"]
_WHAT = ["detector", "probe", "mistaken_for", "dimension", "score"]
_DISTANCES = {"mahalanobis": "Mahalanobis", "knn": "k-NN"}
"""Detectors that are no probe, and their titles."""


@table(
    "open_set",
    kinds=("open_set",),
    facts=("factors", "probes"),
    section="Open set",
    order=10,
    caption="Open set: a class is held out of fine-tuning and probes. What the first probe "
    "takes its images for (share of them), and the dimension, of the named ones if there are any, "
    "in which these lie farthest from that class's centroid, in units of its spread (a member lies "
    "at 0.8). AUROC and FPR95 of detectors: test images of the held-out class against those of "
    "the known ones. Mean ± SD over n models (all β and seeds) [95 % interval of the mean]. "
    "Variant: {variant}.",
)
def open_set(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """What models make of a class that they have never seen.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``open_set`` of all models.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × representation × held-out
        class × detector or probe × class that it is mistaken for × dimension × score: mean and SD
        over models (all β and seeds), their number n, and the 95 % interval of the mean (Student's
        t) from `low` to `high`. The confidence and the distances of a mistake are means over the n
        models that make it.
    """
    keys = [*_ROW, *_WHAT, "weights_digest", "data_digest"]
    groups = by_family(scores, facts).groupby(keys, sort=False, as_index=False, dropna=False)
    long = groups.agg(**STATISTICS)
    half = stdtrit((long["n"] - 1).clip(lower=1), 0.975) * long["sd"] / np.sqrt(long["n"])
    bounded = ~long["score"].isin(["distance", "shift"])  # the others are shares of 1
    for name, limit in (("low", long["mean"] - half), ("high", long["mean"] + half)):
        limit = limit.mask(bounded, limit.clip(0, 1))
        long.insert(long.columns.get_loc("n"), name, limit)
    long = in_order(long, _ROW, facts).assign(variant=variant_of(facts))
    long["representation"] = labelled(long["representation"], facts)
    return Views(long, _view(long, facts))


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return a line per held-out class."""
    row = row_of(_ROW, facts, long)
    shown = [name.replace("_", " ") for name in row]
    return pd.DataFrame(
        dict(zip(shown, key, strict=True)) | _mistake(rows, facts) | _detection(rows, facts)
        for key, rows in long.groupby(row, sort=False)
    )


def _mistake(rows: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return what the class is taken for most, and the dimension that speaks most against it."""
    source = rows["source"].iloc[0]
    named = {factor.name for factor in meaningful(factors_of(source, facts) if source else ())}
    first = next(probe for probe in facts["probes"] if probe in set(rows["probe"]))
    rows = rows[rows["probe"] == first]
    shares = rows[rows["score"] == "share"].set_index("mistaken_for")[["mean", "sd"]]
    label = shares["mean"].idxmax()
    distances = rows[(rows["score"] == "distance") & (rows["mistaken_for"] == label)]
    is_named = distances["dimension"].map(factor_of).isin(named)
    distances = distances[is_named | ~is_named.any()].set_index("dimension")[["mean", "sd"]]
    most = distances["mean"].idxmax()
    return {
        "mistaken for": f"{label} ({mean_sd(*100 * shares.loc[label], digits=0)} %)",
        "differs most in": f"{most} ({mean_sd(*distances.loc[most], digits=1)})",
    }


def _detection(rows: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, object]:
    """Return how well each detector finds the images of the class."""
    of_probes = {f"{probe} confidence": f"{t} confidence" for probe, t in facts["probes"].items()}
    found = rows.set_index(["score", "detector"]).sort_index().loc[["auroc", "fpr95"]]
    there = found.loc["auroc"].index
    titles = {key: title for key, title in (_DISTANCES | of_probes).items() if key in there}
    cells = {f"AUROC {t}": _with_interval(found.loc[("auroc", key)]) for key, t in titles.items()}
    for key, title in titles.items():
        mean, sd = 100 * found.loc[("fpr95", key), ["mean", "sd"]].astype(float)
        cells[f"FPR95 {title}, %"] = mean_sd(mean, sd, digits=0)
    return cells | {"n": found["n"].max()}


def _with_interval(row: pd.Series) -> str:
    cell = mean_sd(row["mean"], row["sd"], digits=2)
    return cell if pd.isna(row["sd"]) else f"{cell} [{row['low']:.2f}, {row['high']:.2f}]"
