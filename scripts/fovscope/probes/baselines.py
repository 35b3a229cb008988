"""What a representation has to beat: as many principal components, and the largest class."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fovscope import FovscopeError
from fovscope.arrays import finite_codes


def pca_codes(
    train: ArrayLike, test: ArrayLike, n_components: int, seed: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Project features onto the principal components of the standardised training rows.

    Parameters
    ----------
    train, test : array_like, shape (N, F), (M, F)
        Features.
    n_components : int
        Components to keep: the latent dimensions of the model to compare with.
    seed : int
        Seed of the randomised solver, used for large feature matrices.

    Returns
    -------
    train_codes, test_codes : ndarray, shape (N, n_components), (M, n_components)
        The projections; nothing of them is fitted on the test rows.

    Raises
    ------
    FovscopeError
        If features or training rows are too few for so many components.
    ValueError
        If features are not finite.
    """
    train, test = finite_codes(train), finite_codes(test)
    if n_components > min(train.shape):
        raise FovscopeError(
            f"{n_components} components cannot be had from {train.shape} features; ask for fewer, "
            "or give more training images"
        )
    projection = make_pipeline(StandardScaler(), PCA(n_components, random_state=seed))
    return projection.fit_transform(train), projection.transform(test)


def majority_class(train_labels: ArrayLike, rows: int) -> NDArray:
    """Guess that every test row is of the largest training class.

    Parameters
    ----------
    train_labels : array_like of str or int, shape (N,)
        Labels; of classes of equal size the first in order is guessed.
    rows : int
        Number M of test rows.

    Returns
    -------
    ndarray, shape (M,)
        The guess; its balanced accuracy is 1 / classes.
    """
    labels, counts = np.unique(train_labels, return_counts=True)
    return np.full(rows, labels[counts.argmax()])
