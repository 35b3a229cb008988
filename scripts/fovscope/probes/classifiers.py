"""Probes by name: fitted on the training rows, they predict the classes of the test rows.

A probe selects nothing on the test rows, and sees them only to predict them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope import FovscopeError
from fovscope.arrays import finite_codes
from fovscope.registry import Catalogue


class Classifier(Protocol):
    """What a probe returns: a classifier that is fitted on class numbers."""

    def predict(self, codes: NDArray[np.floating]) -> NDArray[np.integer]:
        """Return the class number of each row of `codes` (N, D), shape (N,)."""

    def predict_proba(self, codes: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the probability of each class for each row of `codes` (N, D), shape (N, C)."""


def fit_classifier(
    name: str,
    codes: ArrayLike,
    labels: ArrayLike,
    *,
    options: Mapping[str, Any],
    catalogue: Catalogue | None = None,
    seed: int,
    threads: int = 1,
) -> tuple[Classifier, NDArray]:
    """Fit the probe of that name.

    Parameters
    ----------
    name : str
        Which one, e.g. ``gbt`` or ``mlp``.
    codes : array_like, shape (N, D)
        Representations.
    labels : array_like of str or int, shape (N,)
        Class of each row.
    options : mapping of str to object
        Options of the probe; what is missing has its default.
    catalogue : Catalogue, optional
        Where it is looked up; by default among the built-in ones.
    seed, threads : int
        Seed and threads of the fit.

    Returns
    -------
    classifier : Classifier
        Fitted on class numbers.
    classes : ndarray, shape (C,)
        The labels, sorted: class number i is ``classes[i]``.

    Raises
    ------
    RegistryError
        If there is no such probe.
    FovscopeError
        If there is only one class.
    ValueError
        If codes are not finite, or labels do not fit them.
    """
    codes = probe_codes(codes)
    labels = np.asarray(labels)
    if labels.shape != (len(codes),):
        raise ValueError(f"{labels.shape} labels do not belong to {len(codes)} codes")
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise FovscopeError(f"a probe needs two classes to tell apart; all rows are '{classes[0]}'")
    fit = (catalogue or Catalogue()).load("probe", name)
    return fit(codes, numbers, seed, threads, **options), classes


def probe_codes(codes: ArrayLike) -> NDArray[np.float32]:
    """Return codes (N, D) as probes take them: finite, and in single precision.

    XGBoost works in float32 anyway, and the MLP is up to 1.6 times faster in it.
    """
    return finite_codes(codes).astype(np.float32)


def predict_with_probes(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    *,
    probes: Mapping[str, Mapping[str, Any]],
    catalogue: Catalogue | None = None,
    seed: int,
    threads: int = 1,
) -> dict[str, NDArray]:
    """Fit probes on the training rows and predict the labels of the test rows.

    Parameters
    ----------
    train_codes, test_codes : array_like, shape (N, D), (M, D)
        Representations.
    train_labels : array_like of str or int, shape (N,)
        Class of each training row.
    probes : mapping of str to mapping
        Options by probe.
    catalogue : Catalogue, optional
        Where probes are looked up; by default among the built-in ones.
    seed, threads : int
        Seed and threads of every probe.

    Returns
    -------
    dict of str to ndarray, shape (M,)
        Predicted labels, by probe.

    Raises
    ------
    RegistryError
        If a probe is not known.
    FovscopeError
        If there is only one class.
    ValueError
        If codes are not finite, or labels do not fit them.
    """
    test = probe_codes(test_codes)
    catalogue = catalogue or Catalogue()
    predictions = {}
    for name, options in probes.items():
        classifier, classes = fit_classifier(
            name,
            train_codes,
            train_labels,
            options=options,
            catalogue=catalogue,
            seed=seed,
            threads=threads,
        )
        predictions[name] = classes[classifier.predict(test)]
    return predictions
