"""How well simple classifiers do on a representation (method, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.arrays import mask_text
from fovscope.probes.classifiers import predict_with_probes
from fovscope.probes.scores import classification_scores, confusion_shares
from fovscope.registry import Catalogue


def probe_values(
    images: pd.DataFrame,
    values: NDArray,
    *,
    mask: NDArray[np.bool_] | None = None,
    probes: Mapping[str, Mapping[str, Any]],
    catalogue: Catalogue | None = None,
    seed: int,
    threads: int,
) -> dict[str, pd.DataFrame]:
    """Fit each probe on the training images and score it on the test images.

    Parameters
    ----------
    images : DataFrame
        N images with `label` and `split`.
    values : ndarray, shape (N, D)
        Their representation.
    mask : ndarray of bool, shape (D,), optional
        The dimensions that probes see; all by default.
    probes : mapping of str to mapping
        Options by probe.
    catalogue : Catalogue, optional
        Where the probes are; by default the built-in ones.
    seed, threads : int
        Of the probes.

    Returns
    -------
    dict of str to DataFrame
        By probe ``score, value, true, predicted, active_mask``: numbers, the cells of the
        confusion matrix, and the mask, as text (missing without one).
    """
    train, test = ((images["split"] == split).to_numpy() for split in ("train", "test"))
    labels = images["label"].to_numpy()
    seen = values if mask is None else values[:, mask]
    predictions = predict_with_probes(
        seen[train],
        labels[train],
        seen[test],
        probes=probes,
        catalogue=catalogue,
        seed=seed,
        threads=threads,
    )
    text = None if mask is None else mask_text(mask)
    return {
        name: _scores(labels[test], predicted).assign(active_mask=text)
        for name, predicted in predictions.items()
    }


def _scores(true: NDArray, predicted: NDArray) -> pd.DataFrame:
    scores = classification_scores(true, predicted)
    table = pd.DataFrame({"score": list(scores), "value": list(scores.values())})
    cells = confusion_shares(true, predicted).assign(score="confusion")
    return pd.concat([table, cells], ignore_index=True)
