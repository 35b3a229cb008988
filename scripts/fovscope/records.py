"""The tidy tables that jobs hand to each other: representations and scores.

A representation has one row per image, ``image_id, z0.., logvar0..``. A table of scores has one
row per number: what it is a score of (`Identity`), then ``score`` and ``value``, then provenance.

Both are written and read by `fovscope.runtime.parquet`, which compares their content with a
digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import fovscope
from fovscope import FovscopeError
from fovscope.runtime.parquet import TableError, read_table, write_table
from fovscope.study.layout import recipe_name

__all__ = [
    "IDENTITY",
    "Identity",
    "TableError",
    "log_variances",
    "read_scores",
    "read_table",
    "representation_table",
    "representation_values",
    "score_table",
    "write_table",
]

# Representations ------------------------------------------------------------------------------


def representation_table(
    image_ids: Iterable[str],
    values: NDArray[np.floating],
    logvar: NDArray[np.floating] | None = None,
) -> pd.DataFrame:
    """Return a representation of images as a table.

    Parameters
    ----------
    image_ids : iterable of str
        N names, in the order of the rows.
    values : ndarray of shape (N, D)
        The numbers per image; of a VAE the posterior means.
    logvar : ndarray of shape (N, D), optional
        Of a VAE the log variances of the posteriors.

    Returns
    -------
    pandas.DataFrame
        ``image_id, z0..z{D-1}`` and, where there are any, ``logvar0..logvar{D-1}``.
    """
    columns: dict[str, Any] = {"image_id": list(image_ids)}
    columns |= {f"z{k}": values[:, k] for k in range(values.shape[1])}
    if logvar is not None:
        columns |= {f"logvar{k}": logvar[:, k] for k in range(logvar.shape[1])}
    return pd.DataFrame(columns)


def representation_values(table: pd.DataFrame, images: pd.DataFrame) -> NDArray[np.float32]:
    """Return the values (N, D) of `images` in their order.

    Raises
    ------
    FovscopeError
        If the representation lacks an image.
    """
    return _columns_of(table, images, "z")


def log_variances(table: pd.DataFrame, images: pd.DataFrame) -> NDArray[np.float32]:
    """Return the log variances (N, D) of the posteriors of `images` in their order.

    Raises
    ------
    FovscopeError
        If the representation lacks an image, or has no variances.
    """
    return _columns_of(table, images, "logvar")


def _columns_of(table: pd.DataFrame, images: pd.DataFrame, prefix: str) -> NDArray[np.float32]:
    names = [name for name in table if re.fullmatch(rf"{prefix}\d+", name)]
    if not names:
        raise FovscopeError(f"the representation has no columns {prefix}0, {prefix}1 and so on")
    found = table.set_index("image_id")[names].reindex(images["image_id"])
    absent = images["image_id"][~images["image_id"].isin(table["image_id"])]
    if len(absent):
        raise FovscopeError(
            f"{len(absent)} images are not in the representation, first {absent.iloc[0]}"
        )
    return found.to_numpy(np.float32)


# Scores ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Identity:
    """What a score is a score of: the first columns of its row.

    Attributes
    ----------
    kind : str
        ``accuracy``, ``disentanglement``, ``correlation`` and so on.
    dataset : str
        Images that it was measured on.
    tuned_on : str
        Target that the model has seen; empty for a model as trained on the source.
    backbone, recipe : str
        Which model; empty where there is none.
    seed : int, optional
        Of the model; missing where there is none.
    stage : str
        ``source``, ``transferred``, ``finetuned``, ``scratch`` (trained on the data set alone),
        ``baseline`` or ``reference``.
    representation : str
        Name of the representation.
    probe : str
        Name of the probe; empty where there is none.
    """

    kind: str = ""
    dataset: str = ""
    tuned_on: str = ""
    backbone: str = ""
    recipe: str = ""
    seed: int | None = None
    stage: str = ""
    representation: str = ""
    probe: str = ""

    @classmethod
    def of(cls, wildcards: Mapping[str, str]) -> Identity:
        """Return the identity that the wildcards of a job give, the recipe as configured."""
        known = {name: wildcards.get(name) for name in ("dataset", "backbone", "recipe", "seed")}
        found = {name: value for name, value in known.items() if value is not None}
        if "recipe" in found:
            found["recipe"] = recipe_name(found["recipe"])
        return cls(**found | ({"seed": int(found["seed"])} if "seed" in found else {}))

    def replace(self, **changes: Any) -> Identity:  # noqa: ANN401
        """Return the same with other values."""
        return replace(self, **changes)


IDENTITY = tuple(field.name for field in fields(Identity))
"""The identity columns of a score in their order."""


def score_table(
    values: Mapping[str, float] | pd.DataFrame,
    identity: Identity,
    **provenance: Any,  # noqa: ANN401
) -> pd.DataFrame:
    """Return one row per score: identity, score, value, whatever else is known, provenance.

    Parameters
    ----------
    values : mapping of str to float, or pandas.DataFrame
        Scores by name; or a table with the columns ``score`` and ``value`` and others. Its own
        identity columns win over `identity`: a table may hold the scores of several probes.
    identity : Identity
        What all rows have in common.
    **provenance
        Further columns, the same in each row.
    """
    if isinstance(values, pd.DataFrame):
        table = values.copy()
    else:
        table = pd.DataFrame({"score": list(values), "value": [float(v) for v in values.values()]})
    own = [name for name in IDENTITY if name in table]
    table = table.assign(**{n: getattr(identity, n) for n in IDENTITY if n not in own})
    table["seed"] = table["seed"].astype("Int64")
    table = table.assign(**provenance, fovscope=fovscope.__version__)
    first = [*IDENTITY, "score", "value"]
    return table[[*first, *(name for name in table if name not in first)]]


def read_scores(paths: Iterable[str | Path], *kinds: str) -> pd.DataFrame:
    """Read and join the score tables of many jobs; only the rows of some kinds."""
    tables = [table[table["kind"].isin(kinds)] for table in map(read_table, paths)]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)
