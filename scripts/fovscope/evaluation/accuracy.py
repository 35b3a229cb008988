"""How well simple classifiers do on a representation (method, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.arrays import mask_text
from fovscope.probes.classifiers import predict_with_probes
from fovscope.probes.scores import (
    classification_intervals,
    classification_scores,
    confusion_shares,
)
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
        N images with `label`, `split` and, where images belong together, `group`.
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
        By probe ``score, value, low, high, true, predicted, active_mask``: numbers with their 95 %
        interval over test images, the cells of the confusion matrix, and the mask, as text
        (missing without one).
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
    groups = _groups(images[test])
    return {
        name: _scores(labels[test], predicted, groups, seed).assign(active_mask=text)
        for name, predicted in predictions.items()
    }


def _groups(images: pd.DataFrame) -> NDArray:
    """Return the group of each image; one without any is a group of its own."""
    own = images["image_id"]
    return (images["group"].fillna(own) if "group" in images else own).to_numpy(str)


def _scores(true: NDArray, predicted: NDArray, groups: NDArray, seed: int) -> pd.DataFrame:
    scores = classification_scores(true, predicted)
    intervals = classification_intervals(true, predicted, groups, rng=np.random.default_rng(seed))
    rows = [(name, value, *intervals[name]) for name, value in scores.items()]
    table = pd.DataFrame(rows, columns=["score", "value", "low", "high"])
    cells = confusion_shares(true, predicted).assign(score="confusion")
    return pd.concat([table, cells], ignore_index=True)
