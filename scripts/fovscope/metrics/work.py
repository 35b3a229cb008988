"""What a metric of the panel is given, and what it returns.

A metric is a function of `Work` that the decorator `fovscope.registry.metric` declares:

    @metric("spread", titles={"spread": "Spread"}, ranges={"spread": (0.0, float("inf"))})
    def spread(work: Work, *, quantile: float = 0.9) -> Values: ...

`fovscope.metrics.presets` says what can be declared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """One table, of codes or of factors, for each part of the evaluation design.

    Attributes
    ----------
    train, test : ndarray, shape (N, ·), (M, ·)
        Independent rows. Lists and data frames become arrays.
    first, second : ndarray, shape (P, ·), or None
        Members of pairs that differ in one factor, where there are any.
    """

    train: NDArray
    test: NDArray
    first: NDArray | None = None
    second: NDArray | None = None

    def __post_init__(self) -> None:
        """Turn what is like an array into one."""
        if (self.first is None) != (self.second is None):
            raise ValueError("pairs have a first and a second member: give both or none")
        for name, table in vars(self).items():
            if table is not None:
                object.__setattr__(self, name, np.asarray(table))

    def map(self, function: Callable[[NDArray], NDArray]) -> Design:
        """Return the design with `function` applied to each of its tables."""
        tables = (self.train, self.test, self.first, self.second)
        return Design(*(None if table is None else function(table) for table in tables))


@dataclass
class Work:
    """What the metrics are computed from, and what they leave for each other.

    Attributes
    ----------
    codes, factors : Design
        Active dimensions; factor values.
    changed_factor : ndarray of int, shape (P,), or None
        The factor, 0 to K - 1, in which the members of each pair differ.
    seed, threads : int
        Of everything that draws or fits.
    matrices : dict of str to ndarray, shape (active dimensions, K)
        What some scores were made from.
    results : dict of str to object
        What a metric leaves for those that are declared to come after it, by its name.
    left_out : dict of str to str
        Metrics that the rows are too few for, and why.
    """

    codes: Design
    factors: Design
    changed_factor: NDArray[np.intp] | None
    seed: int
    threads: int
    matrices: dict[str, FloatArray] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Codes and factors of training and test rows, in the order that metrics take."""
        return self.codes.train, self.factors.train, self.codes.test, self.factors.test


class Breakdown(NamedTuple):
    """A score that is not the plain mean of what it is for each factor."""

    score: float
    per_factor: FloatArray | None = None


Values = dict[str, float | FloatArray | Breakdown]
"""Scores by name: one number, or one for each factor, whose mean is then the score."""
