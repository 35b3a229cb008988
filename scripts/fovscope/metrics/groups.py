"""Groups of rows that share the value of one factor.

Several metrics are defined with a generator that draws samples with one factor fixed. Real
data have no generator: here the rows given stand in for it. A group is anchored at a row
drawn uniformly, so that values occur as often as in the rows, and its members are different
rows with the same value of that factor. For independent rows this is the published draw,
conditioned on what was observed: combinations of factors that are missing from the rows
are missing from the groups, and factors that go together in the rows go together in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK = 2**22
"""Numbers that a draw may hold in memory at once."""


class TooFewRowsError(ValueError):
    """The rows have a value of a factor too rarely, or too few values, for a metric."""


@dataclass(frozen=True)
class SharedValue:
    """Which rows share the value of one factor.

    Nothing here depends on what the values are called or how they sort.

    Attributes
    ----------
    order : ndarray of int, shape (N,)
        Rows, those of one value side by side.
    place, start, size : ndarray of int, shape (N,)
        Of each row: where it stands in `order`, where its group begins, how long that is.
    """

    order: NDArray[np.intp]
    place: NDArray[np.intp]
    start: NDArray[np.intp]
    size: NDArray[np.intp]

    def whole_groups(self) -> list[NDArray[np.intp]]:
        """Return all rows of each value."""
        return np.split(self.order, np.unique(self.start)[1:])

    def pairs(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Draw `n` pairs of different rows that share the value."""
        first = rng.integers(len(self.order), size=n)
        start, size = self.start[first], self.size[first]
        # One of the size - 1 steps around the group that lead elsewhere.
        second = start + (self.place[first] - start + rng.integers(1, size)) % size
        return first, self.order[second]

    def groups(self, n: int, members: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Draw `n` groups of different rows that share the value, shape (n, members)."""
        anchor = rng.integers(len(self.order), size=n)
        start, size = self.start[anchor], self.size[anchor]
        keys = rng.random((n, self.size.max()))
        keys[np.arange(keys.shape[1]) >= size[:, None]] = 2  # beyond the group: never chosen
        chosen = np.argpartition(keys, members - 1, axis=1)[:, :members]
        return self.order[start[:, None] + chosen]


def shared_values(factors: NDArray, fewest: int, rows: str = "") -> list[SharedValue]:
    """Return for each factor which rows share its values.

    Parameters
    ----------
    factors : ndarray, shape (N, K)
        Discrete factor values.
    fewest : int
        Rows that each value needs.
    rows : str
        What the rows are, for the error, such as ``"test "``.

    Returns
    -------
    list of SharedValue
        One per factor.

    Raises
    ------
    TooFewRowsError
        If fewer rows share a value.
    """
    shared = []
    for k, column in enumerate(factors.T):
        values, label, counts = np.unique(column, return_inverse=True, return_counts=True)
        if counts.min() < fewest:
            raise TooFewRowsError(
                f"factor {k}: only {counts.min()} {rows}rows have the value "
                f"{values[counts.argmin()]!s}, groups need {fewest}; give more rows, merge "
                "rare values, or draw smaller groups"
            )
        order = np.argsort(label, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        start = np.cumsum(counts) - counts
        shared.append(SharedValue(order, place, start[label], counts[label]))
    return shared


def chunks(n: int, numbers: int) -> list[int]:
    """Cut `n` draws that hold so many numbers each into runs that fit into memory."""
    return [len(run) for run in np.array_split(np.arange(n), 1 + n * numbers // _CHUNK)]
