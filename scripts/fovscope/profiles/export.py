"""Profiles for other programs: columns as pycytominer names them, and AnnData.

In AnnData X is float32 and holds the features alone; all else is in `obs`. (pycytominer's own
conversion puts every column of numbers into X, the plate's number among them.)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fovscope.datasets.tables import METADATA
from fovscope.profiles.wells import Profiles
from fovscope.runtime.provenance import replacing

_NAMES = {
    "plate": "Plate",
    "well": "Well",
    "batch": "Batch",
    "compound": "Compound",
    "concentration": "Concentration",
    "treatment": "Perturbation",
    "moa": "MOA",
    "control": "Control",
    "cells": "CellCount",
}


def metadata(about: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of wells under the names that pycytominer gives it."""
    return about.rename(columns={name: METADATA + title for name, title in _NAMES.items()})[
        [METADATA + title for title in _NAMES.values()]
    ]


def read_wells(table: pd.DataFrame) -> tuple[Profiles, list[str]]:
    """Return the wells of a table such as ``wells.parquet``, and the names of their dimensions.

    Parameters
    ----------
    table : DataFrame
        Columns ``Metadata_…`` as of `metadata`, and dimensions.
    """
    names = {METADATA + title: name for name, title in _NAMES.items()}
    values = table.drop(columns=list(names))
    about = table[list(names)].rename(columns=names)
    return Profiles(about, values.to_numpy(np.float64)), list(values)


def write_anndata(path: str | Path, wells: pd.DataFrame) -> None:
    """Write wells as AnnData (``.h5ad``).

    Parameters
    ----------
    path : path
        What to write.
    wells : DataFrame
        Columns ``Metadata_…`` and features, as ``wells.parquet`` has them.
    """
    import anndata  # takes a second, and no job needs it

    about = [name for name in wells if str(name).startswith(METADATA)]
    features = wells.drop(columns=about)
    obs = wells[about].set_axis(_plain(wells.index.astype(str)))
    for name in obs:
        if not pd.api.types.is_numeric_dtype(obs[name]):
            text = ["" if pd.isna(value) else str(value) for value in obs[name]]
            obs[name] = pd.Categorical(text, categories=_plain(pd.Index(sorted(set(text)))))
    var = pd.DataFrame(index=_plain(features.columns))
    made = anndata.AnnData(X=features.to_numpy(np.float32), obs=obs, var=var)
    with replacing(Path(path)) as file:
        made.write_h5ad(file)


def _plain(names: pd.Index) -> pd.Index:
    """Return names as Python's strings: those of pandas 3 cannot be written by anndata 0.12."""
    return pd.Index(names.tolist(), dtype=object)
