"""Reference codes: what a metric gives for codes whose quality is known.

A score means little alone: plug-in estimates lift it above 0 for noise, bins and pairs that
never share a value keep it below 1 for a perfect code. The same design is therefore scored
with a perfect code (ceiling), the same code rotated (all information, no disentanglement)
and noise (floor).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fovscope.metrics.panel import Design

FloatArray = NDArray[np.float64]


def perfect_code(factors: Design) -> Design:
    """One dimension per factor: the rank of its value, standardised on the training rows.

    Parameters
    ----------
    factors : Design of discrete arrays, K columns
        Factor values.

    Returns
    -------
    Design of float arrays, K columns
        The codes.
    """
    tables = [
        t for t in (factors.train, factors.test, factors.first, factors.second) if t is not None
    ]
    values = [np.unique(column) for column in np.concatenate(tables).T]

    def ranks(table: NDArray) -> FloatArray:
        columns = zip(values, table.T, strict=True)
        return np.stack([np.searchsorted(known, column) for known, column in columns], axis=1)

    train = ranks(factors.train)
    mean, sd = train.mean(axis=0), train.std(axis=0)
    return factors.map(lambda table: (ranks(table) - mean) / sd)


def rotated_code(factors: Design, rng: np.random.Generator) -> Design:
    """Return the perfect code, turned by one rotation drawn uniformly.

    Parameters
    ----------
    factors : Design of discrete arrays, K columns
        Factor values.
    rng : numpy.random.Generator
        Source of the rotation.

    Returns
    -------
    Design of float arrays, K columns
        The codes.
    """
    n_factors = factors.train.shape[1]
    # Q of a Gaussian matrix is uniform but for signs, which no metric sees.
    rotation = np.linalg.qr(rng.standard_normal((n_factors, n_factors))).Q
    return perfect_code(factors).map(lambda codes: codes @ rotation)


def noise_code(factors: Design, latent_dim: int, rng: np.random.Generator) -> Design:
    """Gaussian codes that know nothing of the factors, nor the members of a pair of each other.

    Parameters
    ----------
    factors : Design
        Gives the numbers of rows.
    latent_dim : int
        Number of dimensions: that of the model whose floor is wanted.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    Design of float arrays, `latent_dim` columns
        The codes.
    """
    return factors.map(lambda table: rng.standard_normal((len(table), latent_dim)))


def reference_codes(
    factors: Design, latent_dim: int, rng: np.random.Generator
) -> dict[str, Design]:
    """Return all reference codes of a design, ready for `disentanglement_panel`.

    Parameters
    ----------
    factors : Design of discrete arrays, K columns
        Factor values, with those of pairs where OMES is wanted.
    latent_dim : int
        Number of dimensions of the noise.
    rng : numpy.random.Generator
        Source of rotation and noise.

    Returns
    -------
    dict of str to Design
        ``perfect`` (ceiling), ``rotated`` and ``noise`` (floor).
    """
    return {
        "perfect": perfect_code(factors),
        "rotated": rotated_code(factors, rng),
        "noise": noise_code(factors, latent_dim, rng),
    }
