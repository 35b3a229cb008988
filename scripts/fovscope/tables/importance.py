"""Which dimensions classify: gain and permutation importance, mean ± SD over models."""

from __future__ import annotations

import pandas as pd

from fovscope.tables.matching import name_ranks
from fovscope.tables.render import STATISTICS, mean_sd, widen

_ROW = ["target", "input", "stage", "dimension"]
_STAGES = ("transferred", "finetuned")
_SCORES = {"gain": "gain, %", "permutation": "permutation, points"}


def long_table(importances: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the long table of importances.

    Parameters
    ----------
    importances : DataFrame
        Rows of kind ``importance`` of all models, with the `name` of each dimension.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    DataFrame
        One row for each target × input × stage × dimension (by name) × score: mean and SD over
        models (all β and seeds) of the share of the gain in %, and of the balanced accuracy that
        is lost in percentage points; n models.
    """
    rows = importances.drop(columns="dimension").rename(
        columns={"dataset": "target", "backbone": "input", "name": "dimension"}
    )
    keys = [*_ROW, "score", "weights_digest", "data_digest"]
    long = rows.groupby(keys, sort=False, as_index=False, dropna=False).agg(**STATISTICS)
    long[["mean", "sd"]] *= 100
    ranks = {"stage": lambda column: column.map(_STAGES.index), "dimension": name_ranks}
    return long.assign(variant=variant).sort_values(
        [*_ROW, "score"],
        key=lambda column: ranks.get(column.name, lambda same: same)(column),
        ignore_index=True,
    )


def view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads: a column an importance."""
    cells = [mean_sd(m, s, digits=1) for m, s in zip(long["mean"], long["sd"], strict=True)]
    wide = widen(long.assign(cell=cells), [*_ROW, "n"], "score")
    return wide[[*_ROW, *_SCORES, "n"]].rename(columns=_SCORES)


CAPTION = (
    "How much each latent dimension matters to gradient-boosted trees that tell the classes apart: "
    "share of the gain while fitting, and loss of balanced accuracy on test images when its values "
    "are shuffled; mean ± SD over n models (all β and seeds). Supervision: {supervision}. "
    "Variant: {variant}."
)
