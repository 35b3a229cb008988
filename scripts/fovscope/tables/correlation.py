"""Correlation of latents with handcrafted features: mean ± SD over models (method, section 8)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fovscope.interpret.features import FEATURES
from fovscope.tables.matching import in_order
from fovscope.tables.render import STATISTICS, mean_sd

ALPHA = 0.05
"""A correlation counts as significant below this share of false discoveries."""

_KEYS = ["target", "input", "stage", "score", "dimension", "feature"]
_ROW = ["target", "input", "stage", "dimension"]
_STRONGEST = ("strongest feature", "second", "third")


def long_table(correlations: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the long table of all correlations: what a heat map needs.

    Parameters
    ----------
    correlations : DataFrame
        Rows of kind ``correlation`` of all models, `with_names`.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    DataFrame
        One row for each target × input × stage × score × dimension (by name) × feature, dimensions
        and features in their order: `mean` and `sd` of r over models (all β and seeds), whose
        dimensions are turned to point the same way, because the sign of a latent is arbitrary;
        `mean_abs` and `sd_abs` of |r|; `significant`, the share of models with q < 0.05; `n`
        models; `images` of a model; `factor`, whose counterpart the feature is; `directional`,
        whether r is that of a direction (0 to 1).
    """
    rows = correlations.assign(
        value=_pointing_the_same_way(correlations),
        absolute=correlations["value"].abs(),
        found=correlations["q"] < ALPHA,
    )
    groups = rows.groupby(
        [*_KEYS, "weights_digest", "data_digest"], sort=False, as_index=False, dropna=False
    )
    long = groups.agg(
        **STATISTICS,
        mean_abs=("absolute", "mean"),
        sd_abs=("absolute", "std"),
        significant=("found", "mean"),
        images=("images", "first"),
    )
    long["factor"] = [FEATURES[name].factor for name in long["feature"]]
    long["directional"] = [FEATURES[name].period is not None for name in long["feature"]]
    return in_order(long.assign(variant=variant), _KEYS)


def _pointing_the_same_way(rows: pd.DataFrame) -> pd.Series:
    """Return r with the sign of each model's dimension chosen so that models agree best.

    The signs are those of the first left singular vector of models × features, the common pattern
    that fits best; over all, the strongest mean correlation is positive.
    """
    turned = rows["value"].copy()
    signed = rows["feature"].map(lambda name: FEATURES[name].period is None)
    model = ["beta", "seed"]
    for _, group in rows[signed].groupby(["target", "input", "stage", "dimension"], sort=False):
        pearson = group[group["score"] == "pearson"]
        pattern = pearson.pivot(index=model, columns="feature", values="value").fillna(0)
        first = np.linalg.svd(pattern.to_numpy(), full_matrices=False)[0][:, 0]
        sign = pd.Series(np.where(first < 0, -1.0, 1.0), pattern.index)
        mean = pattern.mul(sign, axis=0).mean()
        sign *= -1.0 if mean[mean.abs().idxmax()] < 0 else 1.0
        turned[group.index] *= sign.loc[pd.MultiIndex.from_frame(group[model])].to_numpy()
    return turned


def view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads: the strongest features of each dimension."""
    shown = long[long["score"] == "pearson"]
    lines = []
    for row, group in shown.groupby(_ROW, sort=False):
        best = group.sort_values("mean_abs", ascending=False, kind="stable")
        cells = [_cell(feature) for feature in best.head(len(_STRONGEST)).itertuples()]
        line = dict(zip(_ROW, row, strict=True)) | dict(zip(_STRONGEST, cells, strict=False))
        lines.append(line | {"n": group["n"].max()})
    return pd.DataFrame(lines)


def _cell(row: tuple) -> str:
    if pd.isna(row.mean):
        return "–"
    return f"{row.feature} {mean_sd(row.mean, row.sd, digits=2)} ({100 * row.significant:.0f} %)"


CAPTION = (
    "The handcrafted features with which each latent dimension correlates most: Pearson r, mean ± "
    "SD over n models (all β and seeds), in brackets the share of models where q < 0.05. "
    "Hue and orientation: circular-linear R. Supervision: {supervision}. Variant: {variant}."
)
