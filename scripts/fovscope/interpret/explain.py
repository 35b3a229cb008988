"""What the dimensions of one model mean on one target: rows for correlation and importance."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.interpret.association import correlate
from fovscope.interpret.features import FEATURES
from fovscope.interpret.importance import dimension_importance

logger = logging.getLogger(__name__)

FEWEST = 20
"""Objects without doubt that a correlation needs."""


def explain_codes(
    manifest: pd.DataFrame,
    objects: pd.DataFrame,
    codes: NDArray,
    *,
    active_sd: float,
    options: Mapping[str, Any],
    seed: int,
    threads: int = 1,
) -> pd.DataFrame:
    """Return the correlations of latents with handcrafted features, and their importances.

    Objects with a flag are left out of the correlations, because what was measured may not be
    the object; importances need no objects and use all images.

    Parameters
    ----------
    manifest : DataFrame
        N images with `image_id`, `label` and `split`.
    objects : DataFrame
        What `measure_objects` returned for them.
    codes : ndarray, shape (N, d)
        Latent means in the order of the manifest.
    active_sd : float
        SD below which a dimension counts as inactive.
    options : mapping of str to object
        Options of the trees, those of the probe ``gbt``.
    seed, threads : int
        Of permutations and trees; threads of the trees.

    Returns
    -------
    DataFrame
        One row per number: `kind` (``correlation`` or ``importance``), `score`, `dimension`,
        `feature` (missing for importances), `value`, `p`, `q`, `images` (that it is of) and
        `active` (whether the dimension is).
    """
    measured = objects.set_index("image_id").loc[manifest["image_id"]]
    sound = (measured["flag"] == "").to_numpy()
    if sound.sum() >= FEWEST:
        correlations = correlate(codes[sound], measured.loc[sound, list(FEATURES)], seed=seed)
    else:
        logger.warning(
            "%d of %d objects are without doubt, a correlation needs %d: none is computed; look "
            "at the contact sheet of the masks, and give better ones with 'masks'",
            *(sound.sum(), len(sound), FEWEST),
        )
        correlations = _unknown_correlations(codes.shape[1])
    train, test = ((manifest["split"] == split).to_numpy() for split in ("train", "test"))
    labels = manifest["label"].to_numpy()
    importances = dimension_importance(
        codes[train],
        labels[train],
        codes[test],
        labels[test],
        options=options,
        seed=seed,
        threads=threads,
    )
    tables = (
        correlations.assign(kind="correlation", images=sound.sum()),
        importances.assign(kind="importance", images=test.sum()),
    )
    table = pd.concat(tables, ignore_index=True)
    return table.assign(active=(codes.std(axis=0) >= active_sd)[table["dimension"]])


def _unknown_correlations(dimensions: int) -> pd.DataFrame:
    """Return the rows of `correlate` without values, so that tables say that there are none."""
    keys = {
        "score": ("pearson", "spearman"),
        "dimension": range(dimensions),
        "feature": list(FEATURES),
    }
    rows = pd.MultiIndex.from_product(keys.values(), names=keys).to_frame(index=False)
    return rows.assign(value=np.nan, p=np.nan, q=np.nan)
