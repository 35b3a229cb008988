"""How near profiles are to each other: by the cosine, as in all published protocols.

A profile of one number, such as a cell count, has no direction: there the smaller difference is
the nearer. A profile that is 0 in all dimensions has cosine 0 with every other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def has_direction(values: NDArray) -> bool:
    """Whether profiles (N, D) have two dimensions and more, so that angles tell them apart."""
    return values.shape[1] > 1


def similarities(values: NDArray) -> NDArray[np.float64]:
    """Return how near N profiles are to each other, (N, N); the larger, the nearer."""
    if not has_direction(values):
        return -np.abs(values - values.T)
    directions = unit_rows(values)
    return directions @ directions.T


def distances(values: NDArray) -> NDArray[np.float64]:
    """Return how far N profiles are from each other, (N, N): 1 − cosine, or the difference."""
    nearest = 1 if has_direction(values) else 0
    return np.clip(nearest - similarities(values), 0, None)


def pair_similarities(ones: NDArray, others: NDArray) -> NDArray[np.float64]:
    """Return how near N profiles are to N others, row by row, (N,).

    They are those of `comparable`, so that no length has to be computed for each pair.
    """
    if not has_direction(ones):
        return -np.abs(ones - others)[:, 0]
    return np.einsum("nd,nd->n", ones, others)


def comparable(values: NDArray) -> NDArray[np.float64]:
    """Return profiles as `pair_similarities` wants them: of length 1 if they have a direction."""
    return unit_rows(values) if has_direction(values) else values


def unit_rows(values: NDArray) -> NDArray[np.float64]:
    """Return rows of length 1; those of length 0 as they are."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(lengths > 0, lengths, 1)
