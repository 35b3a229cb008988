"""Mutual information gap (MIG): whether one latent dimension alone carries each factor.

Chen, Li, Grosse, Duvenaud (2018), "Isolating sources of disentanglement in variational
autoencoders", section 4, with the estimator of Locatello et al. (2019): latent dimensions
cut into equal-width bins, plug-in mutual information. The plug-in estimate is biased: pure
noise reaches up to about (bins - 1)(values - 1)/2N nats. A factor with more values than bins
cannot reach 1; both limits are printed beside every score (`metrics.references`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope.arrays import factor_table, finite_codes
from fovscope.metrics.work import Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


def mutual_information(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> FloatArray:
    """Plug-in mutual information of each latent dimension with each factor.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        Latent codes.
    factors : array_like, shape (N, K)
        Discrete factor values.
    bins : int
        Equal-width bins per latent dimension, from its smallest to its largest value.

    Returns
    -------
    ndarray, shape (D, K)
        Mutual information in nats; 0 for a constant dimension.

    Raises
    ------
    ValueError
        If a dimension is not finite, a factor is constant, or there are fewer than 2 bins.
    """
    if bins < 2:
        raise ValueError(f"{bins} bins tell nothing apart; give at least 2")
    codes = finite_codes(codes)
    binned = np.empty(codes.shape, dtype=np.intp)
    for d, values in enumerate(codes.T):
        edges = np.linspace(values.min(), values.max(), bins + 1)
        binned[:, d] = np.digitize(values, edges[1:-1])
    return contingency_information(binned, factors)


def contingency_information(cells: NDArray[np.intp], factors: ArrayLike) -> FloatArray:
    """Plug-in mutual information of codes that are discrete already.

    Parameters
    ----------
    cells : ndarray of int, shape (N, D)
        Bin or code value of each row, from 0.
    factors : array_like, shape (N, K)
        Discrete factor values.

    Returns
    -------
    ndarray, shape (D, K)
        Mutual information in nats.

    Raises
    ------
    ValueError
        If a factor is constant or shapes disagree.
    """
    factors = factor_table(factors, len(cells))
    n_cells = int(cells.max(initial=0)) + 1
    information = np.empty((cells.shape[1], factors.shape[1]))
    for k, column in enumerate(factors.T):
        levels, level = np.unique(column, return_inverse=True)
        information[:, k] = _information_with(cells, level, n_cells, len(levels))
    return information


def _information_with(
    binned: NDArray[np.intp], level: NDArray[np.intp], bins: int, n_levels: int
) -> FloatArray:
    """Return I(dimension; factor) for all dimensions, from one count of all joint events."""
    n_dims = binned.shape[1]
    cell = (np.arange(n_dims) * bins + binned) * n_levels + level[:, None]
    counts = np.bincount(cell.ravel(), minlength=n_dims * bins * n_levels)
    joint = counts.reshape(n_dims, bins, n_levels) / len(binned)
    information = (
        _entropy(joint.sum(axis=2))
        + _entropy(joint.sum(axis=1))
        - _entropy(joint.reshape(n_dims, bins * n_levels))
    )
    return np.maximum(information, 0)  # rounding may leave -1e-16


def _entropy(probabilities: FloatArray) -> FloatArray:
    """Return the entropy along the last axis, in nats, with 0 ln 0 = 0."""
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return -(probabilities * logs).sum(axis=-1)


def factor_entropies(factors: ArrayLike) -> FloatArray:
    """Entropy of each factor.

    Parameters
    ----------
    factors : array_like, shape (N, K)
        Discrete factor values.

    Returns
    -------
    ndarray, shape (K,)
        Entropy in nats.

    Raises
    ------
    ValueError
        If a factor is constant.
    """
    factors = factor_table(factors, len(factors))
    counts = (np.unique(column, return_counts=True)[1] for column in factors.T)
    return np.array([_entropy(count / len(factors)) for count in counts])


def mig_per_factor(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> FloatArray:
    """Gap between the two dimensions that know most of a factor, over its entropy.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        Latent codes.
    factors : array_like, shape (N, K)
        Discrete factor values.
    bins : int
        Equal-width bins per latent dimension.

    Returns
    -------
    ndarray, shape (K,)
        Gaps from 0 to 1.

    Raises
    ------
    ValueError
        If a dimension is not finite or a factor is constant.
    """
    return gaps(mutual_information(codes, factors, bins=bins) / factor_entropies(factors))


def gaps(information: FloatArray) -> FloatArray:
    """Return largest minus second largest entry of each column.

    Parameters
    ----------
    information : ndarray, shape (D, K)
        Non-negative; a missing first or second dimension counts as one that knows nothing.

    Returns
    -------
    ndarray, shape (K,)
        The gaps.
    """
    knows_nothing = np.zeros((2, information.shape[1]))
    ordered = np.sort(np.vstack([information, knows_nothing]), axis=0)
    return ordered[-1] - ordered[-2]


def mig_score(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> float:
    """Mutual information gap, averaged over factors.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        Latent codes.
    factors : array_like, shape (N, K)
        Discrete factor values.
    bins : int
        Equal-width bins per latent dimension.

    Returns
    -------
    float
        From 0 to 1; higher is better.

    Raises
    ------
    ValueError
        If a dimension is not finite or a factor is constant.

    References
    ----------
    Chen et al. (2018), arXiv 1802.04942, equation 6.
    """
    return float(mig_per_factor(codes, factors, bins=bins).mean())


@metric("mig", titles={"mig": "MIG"}, ranges={"mig": (0.0, 1.0)}, group="information", fast={})
def mig(work: Work, *, bins: int = 20) -> Values:
    """Mutual information gap of the training rows.

    Parameters
    ----------
    work : Work
        Codes and factors; gains the matrix ``mi_over_h``.
    bins : int
        Equal-width bins per latent dimension.
    """
    information = mutual_information(work.codes.train, work.factors.train, bins=bins)
    work.matrices["mi_over_h"] = information / factor_entropies(work.factors.train)
    return {"mig": gaps(work.matrices["mi_over_h"])}
