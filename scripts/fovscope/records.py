"""The tidy tables that jobs hand to each other: latents and scores.

Latents: one row an image, ``image_id, z0.. , logvar0..``. Scores: one row a number, identity
columns first, then ``score`` and ``value``, then provenance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import fovscope
from fovscope import FovscopeError
from fovscope.runtime.provenance import replacing

IDENTITY = ("kind", "dataset", "tuned_on", "backbone", "beta", "seed", "stage", "representation")
"""What a score is a score of; `tuned_on` is empty for a model as trained on the source."""


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all."""
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)


def latents_table(
    image_ids: Iterable[str], mean: NDArray[np.float32], logvar: NDArray[np.float32]
) -> pd.DataFrame:
    """Return the latents of images as a table.

    Parameters
    ----------
    image_ids : iterable of str
        N names, in the order of the rows.
    mean, logvar : ndarray of shape (N, d)
        Posterior mean and log variance.

    Returns
    -------
    pandas.DataFrame
        ``image_id, z0..z{d-1}, logvar0..logvar{d-1}``.
    """
    columns = {"image_id": list(image_ids)}
    columns |= {f"z{k}": mean[:, k] for k in range(mean.shape[1])}
    columns |= {f"logvar{k}": logvar[:, k] for k in range(logvar.shape[1])}
    return pd.DataFrame(columns)


def latent_means(latents: pd.DataFrame, images: pd.DataFrame) -> NDArray[np.float32]:
    """Return the posterior means (N, d) of `images`, in their order.

    Raises
    ------
    FovscopeError
        If an image has no latents.
    """
    return _latent_columns(latents, images, "z")


def latent_variances(latents: pd.DataFrame, images: pd.DataFrame) -> NDArray[np.float32]:
    """Return the log variances (N, d) of the posteriors of `images`, in their order.

    Raises
    ------
    FovscopeError
        If an image has no latents.
    """
    return _latent_columns(latents, images, "logvar")


def _latent_columns(
    latents: pd.DataFrame, images: pd.DataFrame, prefix: str
) -> NDArray[np.float32]:
    names = [column for column in latents if column.startswith(prefix)]
    found = latents.set_index("image_id")[names].reindex(images["image_id"])
    absent = found.index[found[names[0]].isna()]
    if len(absent):
        raise FovscopeError(f"{len(absent)} images have no latents, first {absent[0]}")
    return found.to_numpy(np.float32)


def score_table(
    values: Mapping[str, float] | pd.DataFrame,
    **columns: Any,  # noqa: ANN401
) -> pd.DataFrame:
    """Return one row a score; `columns` are identity and provenance, the same in each row.

    Parameters
    ----------
    values : mapping of str to float, or pandas.DataFrame
        Scores by name; or a table with the columns ``score`` and ``value`` and more.
    **columns
        Identity and provenance.
    """
    if isinstance(values, pd.DataFrame):
        table = values.copy()
    else:
        table = pd.DataFrame({"score": list(values), "value": [float(v) for v in values.values()]})
    for position, (name, value) in enumerate(columns.items()):
        table.insert(
            position if name in IDENTITY or name == "probe" else table.shape[1], name, value
        )
    return table.assign(fovscope=fovscope.__version__)


def read_scores(paths: Iterable[str | Path], kind: str) -> pd.DataFrame:
    """Read and join the score tables of many jobs; only the rows of `kind`."""
    tables = [pd.read_parquet(path, filters=[("kind", "==", kind)]) for path in paths]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)
