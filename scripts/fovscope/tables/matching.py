"""One name for the dimensions of different models that stand for the same factor.

Trained with ``labels``, dimension i is bound to factor i and carries its name. Otherwise the five
factors that targets have are assigned to dimensions so that the sum of the strongest |r| with a
counterpart is largest (Hungarian method); chosen by |r|, such a dimension has a larger |r| than
an unchosen one by selection alone. Dimensions without a factor are numbered by their strongest
|r|, so that ``free 1`` is the one that says most.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fovscope.datasets.design import FACTORS
from fovscope.interpret.features import COUNTERPARTS, FEATURES

MODEL = ["dataset", "backbone", "recipe", "seed", "stage"]
"""What makes one model on one target at one stage."""

_STAGES = ("transferred", "finetuned")


def name_dimensions(correlations: pd.DataFrame, supervision: str) -> pd.DataFrame:
    """Name the dimensions of all models.

    Parameters
    ----------
    correlations : DataFrame
        Rows of kind ``correlation`` of all models.
    supervision : {"labels", "ada", "none"}
        How the source models were trained.

    Returns
    -------
    DataFrame
        The columns of `MODEL`, `dimension` and `name`; a row each dimension of each model.
    """
    pearson = correlations[correlations["score"] == "pearson"]
    tables = []
    for model, rows in pearson.groupby(MODEL, sort=False):
        strength = rows.pivot(index="dimension", columns="feature", values="value").abs().fillna(0)
        names = _names(strength, bound=supervision == "labels")
        model_columns = dict(zip(MODEL, model, strict=True))
        tables.append(
            pd.DataFrame({"dimension": strength.index, "name": names}).assign(**model_columns)
        )
    return pd.concat(tables, ignore_index=True)


def _names(strength: pd.DataFrame, *, bound: bool) -> list[str]:
    """Return a name for each row of |r| (dimensions × features)."""
    if bound:
        named = dict(enumerate(FACTORS))
    else:
        factors = [
            factor for factor, own in COUNTERPARTS.items() if strength.columns.isin(own).any()
        ]
        rows, columns = linear_sum_assignment(_with_counterparts(strength, factors), maximize=True)
        named = {row: factors[column] for row, column in zip(rows, columns, strict=True)}
    strongest = strength.max(axis=1).to_numpy()
    free = sorted(set(range(len(strength))) - set(named), key=lambda row: -strongest[row])
    named |= {row: f"free {number}" for number, row in enumerate(free, 1)}
    return [named[row] for row in range(len(strength))]


def _with_counterparts(strength: pd.DataFrame, factors: list[str]) -> NDArray[np.float64]:
    """Return the strongest |r| of each dimension with a counterpart of each factor."""
    own = [strength.columns.isin(COUNTERPARTS[factor]) for factor in factors]
    return np.stack([strength.loc[:, columns].max(axis=1) for columns in own], axis=1)


def with_names(scores: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Return scores as rows of tables: `dimension` is a name, data set `target`, backbone `input`.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``correlation`` or ``importance`` of all models.
    names : DataFrame
        What `name_dimensions` returned.
    """
    named = scores.merge(names, validate="many_to_one").drop(columns="dimension")
    return named.rename(columns={"dataset": "target", "backbone": "input", "name": "dimension"})


def in_order(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return a table sorted by keys: stages, dimensions and features in their order."""
    ranks = {
        "stage": lambda column: column.map(_STAGES.index),
        "dimension": _name_ranks,
        "feature": lambda column: column.map(list(FEATURES).index),
    }
    return table.sort_values(
        keys,
        key=lambda column: ranks.get(column.name, lambda same: same)(column),
        ignore_index=True,
    )


def _name_ranks(names: pd.Series) -> pd.Series:
    """Return the place of each name: factors, then free dimensions by number."""
    return names.map(
        lambda name: (
            FACTORS.index(name) if name in FACTORS else len(FACTORS) + int(name.split()[-1])
        )
    )
