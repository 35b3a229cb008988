"""Reference codes: what a metric gives for codes whose quality is known.

A score means little alone: plug-in estimates lift it above 0 for noise, bins and pairs that
never share a value keep it below 1 for a perfect code. The same design is therefore scored
with a perfect code (ceiling), the same code rotated (all information, no disentanglement)
and noise (floor).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fovscope.metrics.work import Design

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
    values = _known_values(factors)
    train = _ranks(factors.train, values)
    mean, sd = train.mean(axis=0), train.std(axis=0)
    return factors.map(lambda table: (_ranks(table, values) - mean) / sd)


def _known_values(factors: Design) -> list[NDArray]:
    """Return the values of each factor in any table of the design."""
    tables = [
        t for t in (factors.train, factors.test, factors.first, factors.second) if t is not None
    ]
    return [np.unique(column) for column in np.concatenate(tables).T]


def _ranks(table: NDArray, values: list[NDArray]) -> NDArray[np.intp]:
    columns = zip(values, table.T, strict=True)
    return np.stack([np.searchsorted(known, column) for known, column in columns], axis=1)


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


def noisy_code(factors: Design, rng: np.random.Generator, *, noise_sd: float = 0.5) -> Design:
    """Return the perfect code with Gaussian noise, drawn for each row anew.

    Parameters
    ----------
    factors : Design of discrete arrays, K columns
        Factor values.
    rng : numpy.random.Generator
        Source of the noise.
    noise_sd : float
        Its SD, in units of the SD of the code.

    Returns
    -------
    Design of float arrays, K columns
        The codes.
    """
    return perfect_code(factors).map(
        lambda codes: codes + noise_sd * rng.standard_normal(codes.shape)
    )


def duplicated_code(factors: Design) -> Design:
    """Return the perfect code with each dimension twice.

    Parameters
    ----------
    factors : Design of discrete arrays, K columns
        Factor values.

    Returns
    -------
    Design of float arrays, 2K columns
        The codes.
    """
    return perfect_code(factors).map(lambda codes: np.hstack([codes, codes]))


def merged_code(factors: Design) -> Design:
    """Two factors in each dimension: each pair of their values has a place of its own.

    The first of the two says the coarse place, the second the fine one, so neither is lost. An
    odd last factor has its dimension to itself.

    Parameters
    ----------
    factors : Design of discrete arrays, K columns
        Factor values.

    Returns
    -------
    Design of float arrays, (K + 1) // 2 columns
        The codes, standardised on the training rows.
    """
    values = _known_values(factors)
    sizes = [len(known) for known in values]

    def merge(table: NDArray) -> FloatArray:
        ranks = _ranks(table, values)
        columns = [
            ranks[:, k] * sizes[k + 1] + ranks[:, k + 1] if k + 1 < len(sizes) else ranks[:, k]
            for k in range(0, len(sizes), 2)
        ]
        return np.stack(columns, axis=1).astype(np.float64)

    train = merge(factors.train)
    mean, sd = train.mean(axis=0), train.std(axis=0)
    return factors.map(lambda table: (merge(table) - mean) / sd)


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
        Source of rotation and noises.

    Returns
    -------
    dict of str to Design
        ``perfect`` (ceiling), ``rotated``, ``noisy``, ``duplicated``, ``merged`` and ``noise``
        (floor).
    """
    return {
        "perfect": perfect_code(factors),
        "rotated": rotated_code(factors, rng),
        "noisy": noisy_code(factors, rng),
        "duplicated": duplicated_code(factors),
        "merged": merged_code(factors),
        "noise": noise_code(factors, latent_dim, rng),
    }
