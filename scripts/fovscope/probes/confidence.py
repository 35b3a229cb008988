"""Probes that say how sure they are: the largest class probability (Hendrycks & Gimpel 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from fovscope.arrays import finite_codes
from fovscope.probes.classifiers import PROBES
from fovscope.study.config import Probes


@dataclass(frozen=True)
class FittedProbe:
    """A probe and the names of its classes.

    Attributes
    ----------
    classifier : XGBClassifier or Pipeline
        Fitted on class numbers.
    labels : ndarray of str, shape (C,)
        Sorted; class number i is ``labels[i]``.
    """

    classifier: XGBClassifier | Pipeline
    labels: NDArray

    def predict(self, codes: ArrayLike) -> tuple[NDArray, NDArray[np.floating]]:
        """Return the most probable class of each row of `codes` (N, D), and its probability.

        Returns
        -------
        labels : ndarray of str, shape (N,)
        confidence : ndarray, shape (N,)
            From 1 / C to 1.
        """
        shares = self.classifier.predict_proba(finite_codes(codes).astype(np.float32))
        return self.labels[shares.argmax(axis=1)], shares.max(axis=1).astype(np.float64)


def fit_probe(
    name: str, codes: ArrayLike, labels: ArrayLike, *, options: Probes, seed: int, threads: int = 1
) -> FittedProbe:
    """Fit the probe of that name, as for the table of accuracy.

    Parameters
    ----------
    name : {"gbt", "mlp"}
        Which one.
    codes : array_like, shape (N, D)
        Representations.
    labels : array_like of str, shape (N,)
        Class of each row, of two or more.
    options : Probes
        Its constants.
    seed, threads : int
        Seed and threads of the fit.
    """
    names, classes = np.unique(np.asarray(labels), return_inverse=True)
    fit = PROBES[name]
    codes = finite_codes(codes).astype(np.float32)
    return FittedProbe(fit(codes, classes, options=options, seed=seed, threads=threads), names)
