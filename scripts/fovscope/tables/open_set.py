"""The open set: mean ± SD and 95 % interval over models (method, section 8)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t

from fovscope.dimensions import dimension_names
from fovscope.tables.render import STATISTICS, mean_sd

_ROW = ["target", "input", "held_out"]
_WHAT = ["detector", "probe", "mistaken_for", "dimension", "score"]
_NAMES = (
    ("mahalanobis", "Mahalanobis"),
    ("knn", "k-NN"),
    ("gbt confidence", "GBT confidence"),
    ("mlp confidence", "MLP confidence"),
)
_NAMED = dimension_names(5, named=True)
"""Texture to Orientation; positions are nuisance, because targets are centred."""

_PROBE = "gbt"
"""Whose mistakes the view shows."""


def open_set_table(scores: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the long table of the open set.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``open_set`` of all models.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    pandas.DataFrame
        One row for each target × input × held-out class × detector or probe × class that it is
        mistaken for × dimension × score: mean and SD over models (all β and seeds), their
        number n, and the 95 % interval of the mean (Student's t) from `low` to `high`. The
        confidence and the distances of a mistake are means over the n models that make it.
    """
    scores = scores.rename(columns={"dataset": "target", "backbone": "input"})
    groups = [*_ROW, *_WHAT, "weights_digest", "data_digest"]
    long = scores.groupby(groups, sort=False, as_index=False).agg(**STATISTICS)
    half = t.ppf(0.975, (long["n"] - 1).clip(lower=1)) * long["sd"] / np.sqrt(long["n"])
    bounded = ~long["score"].isin(["distance", "shift"])  # the others are shares of 1
    for name, limit in (("low", long["mean"] - half), ("high", long["mean"] + half)):
        limit = limit.mask(bounded, limit.clip(0, 1))
        long.insert(long.columns.get_loc("n"), name, limit)
    return long.sort_values(_ROW, kind="stable", ignore_index=True).assign(variant=variant)


def open_set_view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads: a line a held-out class."""
    shown = [name.replace("_", " ") for name in _ROW]
    return pd.DataFrame(
        dict(zip(shown, key, strict=True)) | _mistake(rows) | _detection(rows)
        for key, rows in long.groupby(_ROW)
    )


def _mistake(rows: pd.DataFrame) -> dict[str, str]:
    """Return what the class is taken for most, and the dimension that speaks most against it."""
    rows = rows[rows["probe"] == _PROBE]
    shares = rows[rows["score"] == "share"].set_index("mistaken_for")[["mean", "sd"]]
    label = shares["mean"].idxmax()
    distances = rows[(rows["score"] == "distance") & (rows["mistaken_for"] == label)]
    named = distances["dimension"].isin(_NAMED)
    distances = distances[named | ~named.any()].set_index("dimension")[["mean", "sd"]]
    most = distances["mean"].idxmax()
    return {
        "mistaken for": f"{label} ({mean_sd(*100 * shares.loc[label], digits=0)} %)",
        "differs most in": f"{most} ({mean_sd(*distances.loc[most], digits=1)})",
    }


def _detection(rows: pd.DataFrame) -> dict[str, object]:
    found = rows.set_index(["score", "detector"]).loc[["auroc", "fpr95"]]
    cells = {f"AUROC {name}": _with_interval(found.loc["auroc", key]) for key, name in _NAMES}
    for key, name in _NAMES:
        mean, sd = 100 * found.loc[("fpr95", key), ["mean", "sd"]].astype(float)
        cells[f"FPR95 {name}, %"] = mean_sd(mean, sd, digits=0)
    return cells | {"n": found["n"].max()}


def _with_interval(row: pd.Series) -> str:
    cell = mean_sd(row["mean"], row["sd"], digits=2)
    return cell if pd.isna(row["sd"]) else f"{cell} [{row['low']:.2f}, {row['high']:.2f}]"


CAPTION = (
    "Open set: a class is held out of fine-tuning and probes. What the GBT takes its images for "
    "(share of them), and the dimension, of the named ones if there are any, in which these lie "
    "farthest from that class's centroid, in units of its spread (a member lies at 0.8). AUROC "
    "and FPR95 of detectors: test images of the held-out class against those of the known ones. "
    "Mean ± SD over n models (all β and seeds) [95 % interval of the mean]. Variant: {variant}."
)
"""One paragraph above the views."""
