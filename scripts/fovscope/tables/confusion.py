"""Which classes the probes confuse: mean ± SD of each share over models (method, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fovscope.registry import table
from fovscope.tables.base import (
    RECIPE,
    Views,
    at_last_stage,
    by_family,
    in_order,
    label_of,
    labelled,
    row_of,
    variant_of,
)
from fovscope.tables.render import STATISTICS, mean_sd

_ROW = ["target", "input", *RECIPE, "class"]
_WHAT = ["stage", "representation", "probe"]


@table(
    "confusion",
    kinds=("accuracy",),
    facts=("probes",),
    section="Accuracy",
    order=30,
    caption="Which classes the latents tell apart, fine-tuned where models were: share of the test "
    "images of each class that a probe recognises, in %, mean ± SD in points over n models (all β "
    "and seeds); then the class that it takes them for most often, and how often. The Parquet file "
    "has every pair of classes, also of other stages and representations. Variant: {variant}.",
)
def confusion(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Which classes the probes take for which.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``accuracy`` of all models and baselines.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × class × stage ×
        representation × probe × predicted class: share of the test images of the class, mean and
        SD in percentage points over models (all β and seeds), and their number n.
    """
    cells = by_family(scores[scores["score"] == "confusion"], facts).rename(
        columns={"true": "class"}
    )
    keys = [*_ROW, *_WHAT, "predicted", "weights_digest", "data_digest"]
    groups = cells.groupby(keys, as_index=False, dropna=False)
    long = groups.agg(**STATISTICS).assign(variant=variant_of(facts))
    long[["mean", "sd"]] *= 100
    long["representation"] = labelled(long["representation"], facts)
    long = in_order(long, ["target", "input", "recipe"], facts)
    return Views(long, _view(long, facts))


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return a line per class, of the latents of models at their last stage."""
    row = row_of(_ROW, facts)
    shown = at_last_stage(long[long["representation"] == label_of(facts, "latents")])
    lines = []
    for key, of_class in shown.groupby(row, sort=False):
        line = dict(zip(row, key, strict=True))
        for probe, title in facts["probes"].items():
            cells = of_class[of_class["probe"] == probe].set_index("predicted")
            if len(cells):
                line |= _cells(title, cells, line["class"])
        lines.append(line | {"n": of_class["n"].max()})
    return pd.DataFrame(lines).fillna("–")


def _cells(title: str, cells: pd.DataFrame, right: str) -> dict[str, str]:
    """Return how often a class is recognised, and what it is taken for most often."""
    wrong = cells.drop(right)
    wrong = wrong[wrong["mean"] > 0].nlargest(1, "mean")  # empty also where no other class is known
    return {
        title: mean_sd(*cells.loc[right, ["mean", "sd"]], digits=1),
        f"{title} takes it for": next(
            (f"{name} ({mean:.1f})" for name, mean in wrong["mean"].items()), "–"
        ),
    }
