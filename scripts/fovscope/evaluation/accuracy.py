"""From codes and image tables to accuracy: which rows and columns go into which probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.arrays import mask_text
from fovscope.probes.baselines import majority_class, pca_codes
from fovscope.probes.classifiers import predict_with_probes
from fovscope.probes.scores import classification_scores, confusion_shares
from fovscope.study.config import Probes

NAMED_DIMS = 5
"""Texture to Orientation; positions are nuisance, because targets are centred."""


def options_by_probe(options: Probes) -> dict[str, dict[str, Any]]:
    """Return the section of the config as options by probe: ``gbt_depth`` is gbt's ``depth``."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in options:
        probe, _, option = key.partition("_")
        found.setdefault(probe, {})[option] = value
    return found


def probe_latents(
    manifest: pd.DataFrame,
    codes: NDArray,
    *,
    named: bool,
    active_sd: float,
    probes: Mapping[str, Mapping[str, Any]],
    seed: int,
    threads: int,
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return representation → probe → scores of latents (N, d) of a target.

    The representations are the active dimensions and, for models whose dimensions are
    bound to factors, the five named ones. Scores are tables ``score, value, true, predicted,
    active_mask``: numbers, the cells of the confusion matrix, and the mask of the dimensions that
    the probe saw, as text.
    """
    active = codes.std(axis=0) >= active_sd
    seen = {"latents": active if active.any() else np.ones_like(active)}
    if named:
        seen["named latents"] = np.arange(len(active)) < NAMED_DIMS
    scored = {}
    for name, mask in seen.items():
        by_probe = _probe(manifest, codes[:, mask], probes=probes, seed=seed, threads=threads)
        scored[name] = {
            probe: scores.assign(active_mask=mask_text(mask)) for probe, scores in by_probe.items()
        }
    return scored


def probe_baselines(
    manifest: pd.DataFrame,
    features: NDArray,
    *,
    latent_dim: int,
    probes: Mapping[str, Mapping[str, Any]],
    threads: int,
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return representation → probe → scores of what needs no model: Φ, its PCA, a constant."""
    train, test = _fit_rows(manifest), _test_rows(manifest)
    reduced = np.empty((len(features), latent_dim), np.float32)
    reduced[train], reduced[test] = pca_codes(features[train], features[test], latent_dim, seed=0)
    labels = manifest["label"].to_numpy()
    majority = _scores(labels[test], majority_class(labels[train], test.sum()))
    return {
        "full Φ": _probe(manifest, features, probes=probes, seed=0, threads=threads),
        f"PCA-{latent_dim} of Φ": _probe(manifest, reduced, probes=probes, seed=0, threads=threads),
        # Any probe on a constant predicts the largest class.
        "constant (majority class)": dict.fromkeys(probes, majority),
    }


def _probe(
    manifest: pd.DataFrame,
    values: NDArray,
    *,
    probes: Mapping[str, Mapping[str, Any]],
    seed: int,
    threads: int,
) -> dict[str, pd.DataFrame]:
    train, test, labels = _fit_rows(manifest), _test_rows(manifest), manifest["label"].to_numpy()
    predictions = predict_with_probes(
        values[train], labels[train], values[test], probes=probes, seed=seed, threads=threads
    )
    return {name: _scores(labels[test], predicted) for name, predicted in predictions.items()}


def _scores(true: NDArray, predicted: NDArray) -> pd.DataFrame:
    scores = classification_scores(true, predicted)
    table = pd.DataFrame({"score": list(scores), "value": list(scores.values())})
    cells = confusion_shares(true, predicted).assign(score="confusion")
    return pd.concat([table, cells], ignore_index=True)


def _fit_rows(manifest: pd.DataFrame) -> NDArray[np.bool_]:
    return (manifest["split"] == "train").to_numpy()


def _test_rows(manifest: pd.DataFrame) -> NDArray[np.bool_]:
    return (manifest["split"] == "test").to_numpy()
