"""What interventions on real images do, and what else they do.

The evidence on representations that rests on edited images is as good as the edits are: does the
property come out as set, does another one move with it, and can a network tell that an image was
edited?
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fovscope.interpret.features import FEATURES
from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, in_order, variant_of

_KEYS = ["target", "input", *RECIPE, "representation", "factor", "score", "feature"]
_EFFECTS = {"slope": "slope", "r2": "R²", "r2_within": "R² within pairs"}
_NONE = "–"


@table(
    "interventions",
    kinds=("interventions",),
    section="What each dimension means",
    order=15,
    caption="Does do() do? Edited test images, measured again: regression of the property on its "
    "setting (slope and R² are 1 where all came out as set, 0 where nothing happened; on the "
    "logarithm of sizes and ratios); R² of changes within pairs that differ in this factor alone, "
    "which counts where something else is measured than was set, as of texture; and the property "
    "that moves most in these pairs beside those that belong to the factor (mean difference in SD "
    "of natural images). Trace: AUROC with which a linear probe on Φ tells edited from natural "
    "images, 0.5 is none. [95 % interval over images.] "
    "A setting that comes out as set, alone and without a trace, lets a response be read as one "
    "to the property; with a trace it may be one to the editing. Variant: {variant}.",
)
def interventions(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """What interventions do, factor by factor.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``interventions``: of edited images by what is measured, and of features.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input (of ``trace`` only) × factor × score
        (``slope``, ``r2``, ``r2_within``, ``movement``, ``trace``) × feature: `value`, `low`,
        `high` (95 % interval), `n` (images, or pairs of ``r2_within`` and movements) and `own`,
        whether the feature is a counterpart of the factor.
    """
    rows = by_family(scores, facts)
    for column in ("factor", "feature"):
        rows[column] = rows[column].fillna("") if column in rows else ""
    rows["own"] = rows["own"].eq(True) if "own" in rows else False
    order = dict.fromkeys(rows["factor"])
    long = in_order(rows, _KEYS, facts, factor=order, feature=FEATURES)
    numbers = ["value", "low", "high", "n", "own", "weights_digest", "data_digest", "fovscope"]
    long = long[[*_KEYS, *numbers]].assign(variant=variant_of(facts))
    return Views(long, _view(long))


def _view(long: pd.DataFrame) -> pd.DataFrame:
    """Return a line per target and factor."""
    lines = []
    for target, rows in long.groupby("target", sort=False):
        trace = _trace(rows[rows["score"] == "trace"])
        of_factors = rows[rows["factor"] != ""]
        for factor, of_factor in of_factors.groupby("factor", sort=False):
            line = {"target": target, "factor": factor, **_effect(of_factor)}
            lines.append(line | {"largest other movement": _other(of_factor), "trace": trace})
        if of_factors.empty:
            lines.append({"target": target, "factor": _NONE, **_effect(of_factors)})
            lines[-1] |= {"largest other movement": _NONE, "trace": trace}
    return pd.DataFrame(lines)


def _effect(rows: pd.DataFrame) -> dict[str, str]:
    """Return what measures a factor, and how it follows the setting."""
    found = rows[rows["score"].isin(_EFFECTS)].set_index("score")
    if found.empty:
        return dict.fromkeys(("measured by", *_EFFECTS.values()), _NONE)
    cells = {title: with_interval(found.loc[score]) for score, title in _EFFECTS.items()}
    return {"measured by": found["feature"].iloc[0], **cells}


def _other(rows: pd.DataFrame) -> str:
    """Return how far the property moves that moves most and does not belong to the factor."""
    others = rows[(rows["score"] == "movement") & ~rows["own"] & np.isfinite(rows["value"])]
    if others.empty:
        return _NONE
    most = others.loc[others["value"].idxmax()]
    return f"{with_interval(most)} ({most['feature']})"


def _trace(rows: pd.DataFrame) -> str:
    """Return the trace of each input, with its name where there are several."""
    several = rows["input"].nunique() > 1
    cells = [
        f"{row['input']} {with_interval(row)}" if several else with_interval(row)
        for _, row in rows.iterrows()
    ]
    return "; ".join(cells) or _NONE


def with_interval(row: pd.Series) -> str:
    """Return ``0.98 [0.96, 0.99]``; without an interval the value alone."""
    if pd.isna(row["value"]):
        return _NONE
    interval = "" if pd.isna(row["low"]) else f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{row['value']:.2f}{interval}"
