"""One name for the dimensions of different models that stand for the same factor.

Score rows say which factor a dimension is bound to, and it carries that name. Where a factor owns
two dimensions, both together are called by its name, and each of them ``Hue (cos)``, ``Hue (sin)``.
Where a model binds nothing, the factors of its source that have counterparts on the target are
assigned to dimensions so that the sum of the strongest |r| with a counterpart is largest (Hungarian
method); chosen by |r|, such a dimension has a larger |r| than an unchosen one by selection alone.
Dimensions without a factor are numbered by their strongest |r|, so that ``free 1`` is the one that
says most. Dimensions of anything but latents are matched to nothing and stay ``z0``, ``z1``, …
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.dimensions import BOTH, PARTS, Owner, dimension_names
from fovscope.factors import Factor
from fovscope.interpret.features import FEATURES
from fovscope.tables.base import in_order

MODEL = ["target", "input", "model", "stage", "representation"]
"""What makes one model, or something else with dimensions, on one target at one stage."""

LATENTS = "latents"
"""The representation whose dimensions have names."""


def factors_of(source: str, facts: Mapping[str, Any]) -> list[Factor]:
    """Return the factors of a source in their order."""
    return [Factor.from_json(factor) for factor in facts["factors"][source]]


def meaningful(factors: Iterable[Factor]) -> list[Factor]:
    """Return the factors that mean something on real images: those that are no nuisance."""
    return [factor for factor in factors if not factor.nuisance]


def name_dimensions(correlations: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Name the latent dimensions of all models.

    Parameters
    ----------
    correlations : DataFrame
        Rows of kind ``correlation`` of all models, `by_family`.
    facts : mapping
        Facts of the study, of which ``factors`` is used.

    Returns
    -------
    DataFrame
        The columns of `MODEL`, `dimension`, `part` and `name`; a row for each dimension of each
        model, and for each pair of them that a factor owns.
    """
    is_named = (correlations["score"] == "pearson") & (correlations["representation"] == LATENTS)
    tables = [pd.DataFrame(columns=[*MODEL, "dimension", "part", "name"])]
    for model, rows in correlations[is_named].groupby(MODEL, sort=False):
        is_pair = rows["part"] == BOTH
        pairs, single = (
            chosen.drop_duplicates("dimension").sort_values("dimension")
            for chosen in (rows[is_pair], rows[~is_pair])
        )
        bound = [Owner(*of).name for of in single[["factor", "part"]].to_numpy()]
        strength = rows[~is_pair].pivot(index="dimension", columns="feature", values="value")
        factors = meaningful(factors_of(rows["source"].iloc[0], facts))
        names = _names(strength.abs().fillna(0), bound, factors)
        named = pd.concat([single.assign(name=names), pairs.assign(name=pairs["factor"])])
        model_columns = dict(zip(MODEL, model, strict=True))
        tables.append(named[["dimension", "part", "name"]].assign(**model_columns))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _names(
    strength: pd.DataFrame, bound: Sequence[str], factors: Sequence[Factor]
) -> Sequence[str]:
    """Return a name for each row of |r| (dimensions × features); `bound` is empty where free."""
    named = {row: name for row, name in enumerate(bound) if name} or _assigned(strength, factors)
    strongest = strength.max(axis=1).to_numpy()
    free = sorted(set(range(len(strength))) - set(named), key=lambda row: -strongest[row])
    named |= {row: f"free {number}" for number, row in enumerate(free, 1)}
    return [named[row] for row in range(len(strength))]


def _assigned(strength: pd.DataFrame, factors: Sequence[Factor]) -> dict[int, str]:
    """Return the factor of each dimension that is assigned one."""
    own = {f.name: strength.columns.isin(f.counterparts) for f in factors}
    own = {name: columns for name, columns in own.items() if columns.any()}
    if not own:
        return {}
    # Here, because it takes long to import and most models bind their dimensions.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(_with_counterparts(strength, own), maximize=True)
    return {row: list(own)[column] for row, column in zip(rows, columns, strict=True)}


def _with_counterparts(
    strength: pd.DataFrame, own: Mapping[str, NDArray[np.bool_]]
) -> NDArray[np.float64]:
    """Return the strongest |r| of each dimension with a counterpart of each factor."""
    return np.stack([strength.loc[:, columns].max(axis=1) for columns in own.values()], axis=1)


def with_names(scores: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Return scores whose `dimension` is a name.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``correlation`` or ``importance``, `by_family`.
    names : DataFrame
        What `name_dimensions` returned; a dimension that is not in it is called ``z<k>``.
    """
    numbers = scores["dimension"].astype(int)
    unnamed = dimension_names(numbers.max() + 1 if len(numbers) else 0)
    found = scores.assign(dimension=numbers).merge(
        names.astype({"dimension": int}),
        how="left",
        on=[*MODEL, "dimension", "part"],
        validate="many_to_one",
    )
    number = found.pop("dimension")
    return found.rename(columns={"name": "dimension"}).assign(
        dimension=lambda table: table["dimension"].fillna(number.map(dict(enumerate(unnamed))))
    )


def in_named_order(
    table: pd.DataFrame, keys: Sequence[str], facts: Mapping[str, Any]
) -> pd.DataFrame:
    """Return a table sorted by keys: recipes, stages, dimensions and features in their order."""
    dimensions = _dimension_order(table["dimension"], facts)
    return in_order(table, keys, facts, dimension=dimensions, feature=FEATURES)


def _dimension_order(names: pd.Series, facts: Mapping[str, Any]) -> list[str]:
    """Return factors in the order of their sources, then other dimensions by number."""
    factors = [
        Owner(factor["name"], part).name
        for of_source in facts["factors"].values()
        for factor in of_source
        for part in ("", *PARTS)
    ]
    others = set(names) - set(factors)
    return factors + sorted(others, key=lambda name: re.sub(r"\d+", lambda n: n[0].zfill(9), name))
