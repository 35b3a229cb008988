"""Which classes the probes confuse: mean ± SD of each share over models (method, section 6)."""

from __future__ import annotations

import pandas as pd

from fovscope.tables.accuracy import PROBES
from fovscope.tables.render import STATISTICS, mean_sd

_ROW = ["target", "input", "class"]
_WHAT = ["stage", "representation", "probe"]


def long_table(scores: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the long table of confusions.

    Parameters
    ----------
    scores : DataFrame
        Score rows of kind ``accuracy`` of all models and baselines.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    DataFrame
        One row for each target × input × class × stage × representation × probe × predicted
        class: share of the test images of the class, mean and SD in percentage points over
        models (all β and seeds), and their number n.
    """
    cells = scores[scores["score"] == "confusion"].rename(
        columns={"dataset": "target", "backbone": "input", "true": "class"}
    )
    keys = [*_ROW, *_WHAT, "predicted", "weights_digest", "data_digest"]
    long = cells.groupby(keys, as_index=False).agg(**STATISTICS).assign(variant=variant)
    long[["mean", "sd"]] *= 100
    return long


def view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads: of fine-tuned latents, a line a class."""
    shown = long[(long["stage"] == "finetuned") & (long["representation"] == "latents")]
    lines = []
    for key, of_class in shown.groupby(_ROW):
        line = dict(zip(_ROW, key, strict=True))
        for probe, name in PROBES.items():
            cells = of_class[of_class["probe"] == probe].set_index("predicted")
            right = cells.loc[line["class"]]
            wrong = cells.drop(line["class"]).nlargest(1, "mean").iloc[0]
            line[name] = mean_sd(right["mean"], right["sd"], digits=1)
            line[f"{name} takes it for"] = (
                f"{wrong.name} ({wrong['mean']:.1f})" if wrong["mean"] else "–"
            )
        lines.append(line | {"n": right["n"]})
    return pd.DataFrame(lines)


CAPTION = (
    "Which classes the fine-tuned latents tell apart: share of the test images of each class that "
    "a probe recognises, in %, mean ± SD in points over n models (all β and seeds); then the class "
    "that it takes them for most often, and how often. The Parquet file has every pair of classes, "
    "also of other stages and representations. Variant: {variant}."
)
