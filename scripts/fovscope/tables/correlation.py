"""Correlation of latents with handcrafted features: mean ± SD over models (method, section 8)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fovscope.interpret.features import FEATURES
from fovscope.tables.matching import in_order
from fovscope.tables.render import STATISTICS, mean_sd

ALPHA = 0.05
"""A correlation counts as significant below this share of false discoveries."""

_COMMON = 0.5
"""Share of the mean |r| that the mean r must reach for models to have a common sign: at equal |r|,
three of four point the same way."""

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
    model = ["recipe", "seed"]
    for _, group in rows[signed].groupby(["target", "input", "stage", "dimension"], sort=False):
        pearson = group[group["score"] == "pearson"]
        pattern = pearson.pivot(index=model, columns="feature", values="value").fillna(0)
        first = np.linalg.svd(pattern.to_numpy(), full_matrices=False)[0][:, 0]
        sign = pd.Series(np.where(first < 0, -1.0, 1.0), pattern.index)
        mean = pattern.mul(sign, axis=0).mean()
        sign *= -1.0 if mean[mean.abs().idxmax()] < 0 else 1.0
        turned[group.index] *= sign.loc[pd.MultiIndex.from_frame(group[model])].to_numpy()
    return turned


def common_sign(long: pd.DataFrame) -> pd.Series:
    """Return the sign that models share in each row of the long table: 1 or -1, else 0.

    Without one are correlations in which models point in opposite directions, whose mean says
    nothing of how strong they are, and those of a direction.
    """
    opposed = long["mean"].abs() < _COMMON * long["mean_abs"]
    return np.sign(long["mean"]).mask(opposed | long["directional"], 0)


def view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads: the strongest features of each dimension."""
    shown = long[long["score"] == "pearson"].assign(sign=common_sign)
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
    name = row.feature if row.sign or row.directional else f"|{row.feature}|"
    strength = mean_sd(row.mean_abs, row.sd_abs, digits=2)
    return f"{name} {'-' if row.sign < 0 else ''}{strength} ({100 * row.significant:.0f} %)"


CAPTION = (
    "The handcrafted features with which each latent dimension correlates most: mean ± SD of "
    "Pearson's |r| over n models (all β and seeds), with the sign that models share; where they "
    "point in opposite directions, the feature stands between bars. In brackets the share of "
    "models where q < 0.05. Hue and orientation: circular-linear R, without a sign. "
    "Supervision: {supervision}. Variant: {variant}."
)
