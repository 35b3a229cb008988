"""Probes that say how sure they are: the largest class probability (Hendrycks & Gimpel 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope.probes.classifiers import Classifier, fit_classifier, probe_codes
from fovscope.registry import Catalogue


@dataclass(frozen=True)
class FittedProbe:
    """A probe and the names of its classes.

    Attributes
    ----------
    classifier : Classifier
        Fitted on class numbers.
    labels : ndarray of str, shape (C,)
        Sorted; class number i is ``labels[i]``.
    """

    classifier: Classifier
    labels: NDArray

    def predict(self, codes: ArrayLike) -> tuple[NDArray, NDArray[np.floating]]:
        """Return the most probable class of each row of `codes` (N, D), and its probability.

        Returns
        -------
        labels : ndarray of str, shape (N,)
        confidence : ndarray, shape (N,)
            From 1 / C to 1.
        """
        shares = self.classifier.predict_proba(probe_codes(codes))
        return self.labels[shares.argmax(axis=1)], shares.max(axis=1).astype(np.float64)


def fit_probe(
    name: str,
    codes: ArrayLike,
    labels: ArrayLike,
    *,
    options: Mapping[str, Any],
    catalogue: Catalogue | None = None,
    seed: int,
    threads: int = 1,
) -> FittedProbe:
    """Fit the probe of that name, as for the table of accuracy.

    Parameters
    ----------
    name, codes, labels, options, catalogue, seed, threads
        Those of `fovscope.probes.classifiers.fit_classifier`.

    Returns
    -------
    FittedProbe
        The fitted probe.

    Raises
    ------
    RegistryError
        If there is no such probe.
    FovscopeError
        If there is only one class.
    ValueError
        If codes are not finite, or labels do not fit them.
    """
    classifier, classes = fit_classifier(
        name,
        codes,
        labels,
        options=options,
        catalogue=catalogue,
        seed=seed,
        threads=threads,
    )
    return FittedProbe(classifier, classes)
