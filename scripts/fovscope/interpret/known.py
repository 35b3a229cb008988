"""What a model knows: the classes of its training images, and how far a code is from them.

* distance to a centroid, in each dimension, in units of the spread (SD) of the class;
* Mahalanobis distance to the nearest class: Gaussians with a mean each and one covariance
  (Lee et al. 2018, arXiv 1807.03888, equation 2), which is shrunk (Ledoit & Wolf 2004,
  doi 10.1016/S0047-259X(03)00096-4);
* distance to the k-th nearest training image (Sun et al. 2022, arXiv 2204.06507).

The last two are measured in the active dimensions, each divided by its SD over the training
images; the larger, the less does a code look like anything known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from sklearn.covariance import ledoit_wolf

from fovscope import FovscopeError
from fovscope.arrays import finite_codes

NEIGHBOUR = 10
"""k: far enough not to depend on one image, near enough for small classes."""


@dataclass(frozen=True)
class KnownClasses:
    """The training images of the known classes, as one model encodes them.

    Attributes
    ----------
    labels : ndarray of str, shape (C,)
        The classes, sorted.
    centroids, spreads : ndarray, shape (C, D)
        Mean and SD of each class in each dimension.
    active : ndarray of bool, shape (D,)
        Dimensions that vary.
    """

    labels: NDArray
    centroids: NDArray[np.floating]
    spreads: NDArray[np.floating]
    active: NDArray[np.bool_]
    _scale: NDArray[np.floating]
    _whitening: NDArray[np.floating]
    _neighbours: KDTree

    def deviations(self, codes: ArrayLike, classes: ArrayLike) -> NDArray[np.floating]:
        """Return how far codes lie from the centroids of given classes.

        Parameters
        ----------
        codes : array_like, shape (N, D)
            Latent codes.
        classes : array_like of str, shape (N,)
            A known class for each.

        Returns
        -------
        ndarray, shape (N, D)
            With sign, in units of the spread of the class.
        """
        of = np.searchsorted(self.labels, np.asarray(classes))
        return (finite_codes(codes) - self.centroids[of]) / self.spreads[of]

    def mahalanobis(self, codes: ArrayLike) -> NDArray[np.floating]:
        """Return the Mahalanobis distance of codes (N, D) to their nearest class, (N,)."""
        centroids = self._scaled(self.centroids) @ self._whitening
        return cdist(self._scaled(finite_codes(codes)) @ self._whitening, centroids).min(axis=1)

    def neighbour_distance(self, codes: ArrayLike) -> NDArray[np.floating]:
        """Return the distance of codes (N, D) to their k-th nearest training image, (N,)."""
        k = min(NEIGHBOUR, self._neighbours.n)
        return self._neighbours.query(self._scaled(finite_codes(codes)), k=[k])[0][:, 0]

    def _scaled(self, codes: NDArray[np.floating]) -> NDArray[np.floating]:
        return (codes / self._scale)[:, self.active]


def fit_known_classes(codes: ArrayLike, labels: ArrayLike, *, active_sd: float) -> KnownClasses:
    """Describe the classes of training images.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        Their latent codes.
    labels : array_like of str, shape (N,)
        Their classes.
    active_sd : float
        A dimension with a smaller SD over all of them counts as inactive.

    Returns
    -------
    KnownClasses

    Raises
    ------
    FovscopeError
        If a class has no spread: fewer than two images, or all the same.
    """
    codes, labels = finite_codes(codes).astype(np.float64), np.asarray(labels)
    names, classes = np.unique(labels, return_inverse=True)
    members = [codes[classes == number] for number in range(len(names))]
    scale = codes.std(axis=0)
    active = scale >= active_sd
    if not active.any():
        raise FovscopeError(
            f"no latent dimension has an SD of {active_sd} or more over the training images: the "
            "model has collapsed; train longer or with a smaller β"
        )
    for name, rows in zip(names, members, strict=True):
        if len(rows) < 2 or not rows.std(axis=0)[active].all():
            raise FovscopeError(
                f"class '{name}' has {len(rows)} training images without spread; give it more "
                "images that differ, or remove it"
            )
    centroids = np.stack([rows.mean(axis=0) for rows in members])
    within = ((codes - centroids[classes]) / np.where(active, scale, 1))[:, active]
    covariance, _ = ledoit_wolf(within, assume_centered=True)
    spreads = np.stack([rows.std(axis=0, ddof=1) for rows in members])
    return KnownClasses(
        names,
        centroids,
        np.where(active, spreads, 1),
        active,
        np.where(active, scale, 1),
        np.linalg.cholesky(np.linalg.inv(covariance)),
        KDTree((codes / np.where(active, scale, 1))[:, active]),
    )
