"""Features of a backbone: all of them, and what a few numbers keep of them without training.

A learned representation of d numbers has to beat as many principal components, and these a random
projection (Johnson and Lindenstrauss 1984: distances survive it roughly).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection

from fovscope import FovscopeError
from fovscope.arrays import finite_codes
from fovscope.registry import representation
from fovscope.representations.base import Given


@representation("full", needs="features", label="full Φ", explained=False)
def full(given: Given) -> NDArray:
    """Keep all features of the backbone."""
    return given.features


@representation("pca", needs="features", label="PCA-{dimensions} of Φ", at_most_images="dimensions")
def pca(given: Given, *, dimensions: int | None = None) -> NDArray[np.floating]:
    """Project standardised features onto the principal components of the training images.

    Parameters
    ----------
    dimensions : int
        Components to keep; by default as many as the models have latent dimensions.
    """
    features = finite_codes(given.features)
    fitted = features[given.fit]
    if dimensions > min(fitted.shape):
        raise FovscopeError(
            f"representations: {dimensions} principal components cannot be had from "
            f"{len(fitted)} training images with {fitted.shape[1]} features; set fewer dimensions"
        )
    projection = make_pipeline(StandardScaler(), PCA(dimensions, random_state=given.seed))
    reduced = np.empty((len(features), dimensions), np.float32)
    reduced[given.fit] = projection.fit_transform(fitted)
    if not given.fit.all():
        reduced[~given.fit] = projection.transform(features[~given.fit])
    return reduced


@representation("random", needs="features", label="random-{dimensions} of Φ")
def random(given: Given, *, dimensions: int | None = None) -> NDArray[np.floating]:
    """Project standardised features at random, with Gaussian weights.

    Parameters
    ----------
    dimensions : int
        Directions to project on; by default as many as the models have latent dimensions.
    """
    features = finite_codes(given.features)
    scaler = StandardScaler().fit(features[given.fit])
    projection = GaussianRandomProjection(dimensions, random_state=given.seed)
    return projection.fit_transform(scaler.transform(features)).astype(np.float32)
