"""How much of profiles is batch and how much is mechanism of action.

Silhouettes (Rousseeuw 1987) by batch, where 0 and below is good, and by MOA, where more is better;
and principal-component regression: the share of the variance that the batch explains (Büttner et
al. 2019, Nat Methods 16:43). Both are as scib-metrics has them but for the rescaling to 0-1; the
library itself brings jax, numba and scanpy, thirty packages for these two sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from fovscope.profiles.similarity import has_direction
from fovscope.profiles.wells import Profiles

_MOST_WELLS = 2000
"""A silhouette compares all wells with all: of more, so many are drawn."""

_COMPONENTS = 50


def batch_scores(wells: Profiles, *, seed: int = 0) -> dict[str, float]:
    """Return silhouettes by batch and MOA, and the share of the variance that is batch.

    Parameters
    ----------
    wells : Profiles
        Of all wells the batch counts, of treated ones the MOA.
    seed : int
        Of the wells that are drawn where there are many.

    Returns
    -------
    dict of str to float
        ``silhouette_batch, silhouette_moa, batch_variance``; missing (NaN) where there are fewer
        than two batches or MOAs, or each well has its own.
    """
    about = wells.about
    with_moa = about["moa"].notna().to_numpy() & ~about["control"].to_numpy()
    return {
        "silhouette_batch": silhouette(wells, about["batch"], seed=seed),
        "silhouette_moa": silhouette(wells.at(with_moa), about["moa"][with_moa], seed=seed),
        "batch_variance": explained_variance(wells.values, about["batch"]),
    }


def silhouette(wells: Profiles, labels: ArrayLike, *, seed: int = 0) -> float:
    """Return the mean silhouette of wells, by the distance that belongs to their similarity."""
    labels = np.asarray(labels).astype(str)
    chosen = np.arange(len(labels))
    if len(chosen) > _MOST_WELLS:
        chosen = np.random.default_rng(seed).choice(chosen, _MOST_WELLS, replace=False)
    if not 1 < len(set(labels[chosen])) < len(chosen):
        return np.nan
    metric = "cosine" if has_direction(wells.values) else "euclidean"
    return float(silhouette_score(wells.values[chosen], labels[chosen], metric=metric))


def explained_variance(values: NDArray, labels: ArrayLike) -> float:
    """Return Σᵢ Var(PCᵢ)·R²(PCᵢ | label) / Σᵢ Var(PCᵢ) over the first 50 principal components."""
    labels = np.asarray(labels).astype(str)
    if len(set(labels)) < 2:
        return np.nan
    count = min(*values.shape, _COMPONENTS)
    scores = PCA(count, svd_solver="full").fit_transform(values)
    total = np.square(scores).sum()
    between = sum(
        (labels == label).sum() * np.square(scores[labels == label].mean(axis=0)).sum()
        for label in set(labels)
    )
    return float(between / total) if total > 0 else np.nan
