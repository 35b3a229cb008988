"""Which dimensions classify: gain and permutation importance, mean ± SD over models."""

from __future__ import annotations

import pandas as pd

from fovscope.tables.matching import in_order
from fovscope.tables.render import STATISTICS, mean_sd, widen

_ROW = ["target", "input", "stage", "dimension"]
_SCORES = {"gain": "gain, %", "permutation": "permutation, points"}


def long_table(importances: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the long table of importances.

    Parameters
    ----------
    importances : DataFrame
        Rows of kind ``importance`` of all models, `with_names`.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    DataFrame
        One row for each target × input × stage × dimension (by name) × score: mean and SD over
        models (all β and seeds) of the share of the gain in %, and of the balanced accuracy that
        is lost in percentage points; n models.
    """
    keys = [*_ROW, "score", "weights_digest", "data_digest"]
    groups = importances.groupby(keys, sort=False, as_index=False, dropna=False)
    long = groups.agg(**STATISTICS).assign(variant=variant)
    long[["mean", "sd"]] *= 100
    return in_order(long, [*_ROW, "score"])


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
