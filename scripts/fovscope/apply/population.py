"""Where new images lie among the training images of a target, as one model encodes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.interpret.known import KnownClasses, fit_known_classes
from fovscope.probes.confidence import FittedProbe, fit_probe
from fovscope.registry import Catalogue


@dataclass(frozen=True)
class Population:
    """The training images of a target.

    Attributes
    ----------
    dimensions : tuple of str
        Names of the D latent dimensions.
    codes : ndarray, shape (N, D)
        Each dimension sorted by itself.
    outlier_scores : ndarray, shape (N,)
        Mahalanobis distances to the nearest class, sorted.
    known : KnownClasses
        Their classes.
    probe : FittedProbe, optional
        Fitted on their active dimensions; None where there are no classes.
    """

    dimensions: tuple[str, ...]
    codes: NDArray[np.floating]
    outlier_scores: NDArray[np.floating]
    known: KnownClasses
    probe: FittedProbe | None

    def describe(self, images: Sequence[str], codes: NDArray[np.floating]) -> pd.DataFrame:
        """Return what the model says of images.

        Parameters
        ----------
        images : sequence of str
            Their names, M.
        codes : ndarray, shape (M, D)
            Their latent codes.

        Returns
        -------
        DataFrame
            One row per image: ``image``, ``predicted`` class and its ``confidence`` where there
            are classes, ``outlier_score`` (Mahalanobis distance to the nearest class, or to the
            centre of all images where there are none) and ``outlier_percentile``, then the latents
            by the name of their dimension, then ``<dimension> percentile``. A percentile is the
            share of the training images that lie below, in %; ties count half.
        """
        facts: dict[str, Any] = {"image": list(images)}
        if self.probe is not None:
            predicted, confidence = self.probe.predict(codes[:, self.known.active])
            facts |= {"predicted": predicted, "confidence": confidence}
        outlier = self.known.mahalanobis(codes)
        facts |= {
            "outlier_score": outlier,
            "outlier_percentile": percentiles(self.outlier_scores, outlier),
        }
        latents = {name: codes[:, d] for d, name in enumerate(self.dimensions)}
        places = {
            f"{name} percentile": percentiles(self.codes[:, d], codes[:, d])
            for d, name in enumerate(self.dimensions)
        }
        return pd.DataFrame(facts | latents | places)


def fit_population(
    manifest: pd.DataFrame,
    codes: NDArray[np.floating],
    *,
    dimensions: Sequence[str],
    active_sd: float,
    probe: str,
    options: Mapping[str, Any],
    catalogue: Catalogue | None = None,
    seed: int,
    threads: int,
) -> Population:
    """Describe the training images of a target.

    Parameters
    ----------
    manifest : DataFrame
        Images of the target: ``split``, and ``label`` where there are classes.
    codes : ndarray, shape (N, D)
        Their latent codes.
    dimensions : sequence of str
        Names of the D dimensions.
    active_sd : float
        A dimension with a smaller SD counts as inactive: neither class nor outlier score
        depend on it.
    probe : str
        Name of the probe that predicts the class.
    options : mapping of str to object
        Its options.
    catalogue : Catalogue, optional
        Where it is looked up; by default among the built-in ones.
    seed, threads : int
        Seed and threads of its fit.
    """
    train = (manifest["split"] == "train").to_numpy()
    codes, classed = codes[train], "label" in manifest
    labels = manifest["label"][train] if classed else np.full(len(codes), "all images")
    known, fitted = fit_known_classes(codes, labels, active_sd=active_sd), None
    if classed:
        fitted = fit_probe(
            probe,
            codes[:, known.active],
            labels,
            options=options,
            catalogue=catalogue,
            seed=seed,
            threads=threads,
        )
    scores = np.sort(known.mahalanobis(codes))
    return Population(tuple(dimensions), np.sort(codes, axis=0), scores, known, fitted)


def percentiles(population: NDArray, values: NDArray) -> NDArray[np.floating]:
    """Return the share of a sorted population (N,) below each value (M,), in %, ties half."""
    below = np.searchsorted(population, values, side="left")
    up_to = np.searchsorted(population, values, side="right")
    return 50 * (below + up_to) / len(population)
