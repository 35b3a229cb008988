"""Correlation of latents with handcrafted features: mean ± SD over models (method, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fovscope.dimensions import BOTH, without_part
from fovscope.interpret.features import FEATURES
from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, labelled, row_of, variant_of
from fovscope.tables.matching import in_named_order, name_dimensions, with_names
from fovscope.tables.render import STATISTICS, mean_sd

ALPHA = 0.05
"""A correlation counts as significant below this share of false discoveries."""

_COMMON = 0.5
"""Share of the mean |r| that the mean r must reach for models to have a common sign: at equal |r|,
three of four point the same way."""

_OF_STAGE = ["target", "input", *RECIPE, "stage", "representation"]
_KEYS = [*_OF_STAGE, "score", "dimension", "feature"]
_ROW = [*_OF_STAGE, "dimension"]
_STRONGEST = ("strongest feature", "second", "third")


@table(
    "correlation",
    kinds=("correlation",),
    facts=("factors",),
    section="What each dimension means",
    order=30,
    caption="The handcrafted features with which each latent dimension correlates most: mean ± SD "
    "of Pearson's |r| over n models (all β and seeds), with the sign that models share; where they "
    "point in opposite directions, the feature stands between bars. In brackets the share of "
    "models where q < 0.05. Hue and orientation: circular-linear R, without a sign. A factor that "
    "owns two dimensions, cosine and sine, has one line for both, whose R has no sign either. "
    "Supervision: {supervision}. Variant: {variant}.",
)
def correlation(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Correlation of each dimension with each handcrafted feature: what a heat map needs.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``correlation`` of all models.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × representation ×
        score × dimension (by name) × feature, dimensions and features in their order: `mean` and
        `sd` of r over models (all β and seeds), whose dimensions are turned to point the same
        way, because the sign of a latent is arbitrary; `mean_abs` and `sd_abs` of |r|;
        `significant`, the share of models with q < 0.05; `n` models; `images` of a model;
        `group`, what the feature is about; `directional`, whether r is that of a direction (0 to
        1). A factor that owns two dimensions has rows of its name, for both together, which count
        as directional, and rows of each, ``Hue (cos)``.
    """
    rows = by_family(scores, facts)
    long = _long(with_names(rows, name_dimensions(rows, facts)))
    long = in_named_order(long.assign(variant=variant_of(facts)), _KEYS, facts)
    long["representation"] = labelled(long["representation"], facts)
    return Views(long, _view(long, facts))


def _long(correlations: pd.DataFrame) -> pd.DataFrame:
    rows = correlations.assign(
        value=_pointing_the_same_way(correlations),
        absolute=correlations["value"].abs(),
        found=correlations["q"] < ALPHA,
        directional=_directional(correlations),
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
        directional=("directional", "first"),
    )
    group = [FEATURES[name].group for name in long["feature"]]
    long.insert(long.columns.get_loc("directional"), "group", group)
    return long


def _directional(rows: pd.DataFrame) -> pd.Series:
    """Return whether each r is that of a direction, on either side, and has no sign."""
    of_feature = rows["feature"].map(lambda name: FEATURES[name].period is not None)
    return of_feature.astype(bool) | (rows["part"] == BOTH)


def _pointing_the_same_way(rows: pd.DataFrame) -> pd.Series:
    """Return r with the sign of each model's dimension chosen so that models agree best.

    The signs are those of the first left singular vector of models × features, the common pattern
    that fits best; over all, the strongest mean correlation is positive.
    """
    turned = rows["value"].copy()
    for _, group in rows[~_directional(rows)].groupby(_ROW, sort=False):
        pearson = group[group["score"] == "pearson"]
        pattern = pearson.pivot(index="model", columns="feature", values="value").fillna(0)
        first = np.linalg.svd(pattern.to_numpy(), full_matrices=False)[0][:, 0]
        sign = pd.Series(np.where(first < 0, -1.0, 1.0), pattern.index)
        mean = pattern.mul(sign, axis=0).mean()
        sign *= -1.0 if mean[mean.abs().idxmax()] < 0 else 1.0
        turned[group.index] *= group["model"].map(sign).to_numpy()
    return turned


def without_parts(long: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that people read: of a factor that owns two dimensions, both together."""
    return long[long["dimension"].map(lambda name: without_part(name) == name).astype(bool)]


def common_sign(long: pd.DataFrame) -> pd.Series:
    """Return the sign that models share in each row of the long table: 1 or -1, else 0.

    Without one are correlations in which models point in opposite directions, whose mean says
    nothing of how strong they are, and those of a direction.
    """
    opposed = long["mean"].abs() < _COMMON * long["mean_abs"]
    return np.sign(long["mean"]).mask(opposed | long["directional"], 0)


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return the strongest features of each dimension."""
    shown = without_parts(long[long["score"] == "pearson"]).assign(sign=common_sign)
    rows = []
    columns = row_of(_ROW, facts, long)
    for row, group in shown.groupby(columns, sort=False):
        best = group.sort_values("mean_abs", ascending=False, kind="stable")
        cells = [_cell(feature) for feature in best.head(len(_STRONGEST)).itertuples()]
        line = dict(zip(columns, row, strict=True)) | dict(zip(_STRONGEST, cells, strict=False))
        rows.append(line | {"n": group["n"].max()})
    return pd.DataFrame(rows)


def _cell(row: tuple) -> str:
    if pd.isna(row.mean):
        return "–"
    name = row.feature if row.sign or row.directional else f"|{row.feature}|"
    strength = mean_sd(row.mean_abs, row.sd_abs, digits=2)
    return f"{name} {'-' if row.sign < 0 else ''}{strength} ({100 * row.significant:.0f} %)"
