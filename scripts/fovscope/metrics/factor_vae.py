"""FactorVAE score: how well the dimension that varies least names the factor held fixed.

Kim and Mnih (2018), "Disentangling by factorising", section 4, with the sample sizes of
Locatello et al. (2019). In a group of 64 samples that share the value of one factor, the
dimension whose variance, relative to that over all rows, is smallest casts a vote for
this factor. A dimension stands for the factor that got most of its votes; the score is
the share of fresh votes that this predicts.

Groups are drawn from the rows given (`metrics.groups`), without repeating a row, each
factor equally often. Dimensions whose standard deviation is below `active_sd` are pruned
(published: those that collapsed to the prior); a constant dimension always is.

What it does not see: a copied dimension, or further factors that a dimension carries
weakly. A fresh vote of a dimension that never voted before counts as wrong. Noise scores
1/K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope.arrays import train_and_test
from fovscope.metrics.groups import chunks, shared_values
from fovscope.metrics.work import Breakdown, Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FactorVAE:
    """The score and what it was made from.

    Attributes
    ----------
    score : float
        Share of test votes that the majority vote predicts, from 0 to 1.
    per_factor : ndarray, shape (K,)
        The same of each factor.
    votes : ndarray of int, shape (D, K)
        Training votes of each dimension for each factor.
    active : ndarray of bool, shape (D,)
        Dimensions that could vote.
    """

    score: float
    per_factor: FloatArray
    votes: NDArray[np.intp]
    active: NDArray[np.bool_]


def factor_vae_score(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    n_train: int = 10_000,
    n_test: int = 5_000,
    group_size: int = 64,
    active_sd: float = 0.0,
    seed: int = 0,
) -> FactorVAE:
    """Accuracy of the majority vote of the least varying dimension.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Discrete factor values.
    n_train, n_test : int
        Votes to learn from and to score.
    group_size : int
        Samples behind a vote, at least 2.
    active_sd : float
        Smallest standard deviation of a dimension that may vote, over training rows.
    seed : int
        Seed of the draws.

    Returns
    -------
    FactorVAE
        1 for a perfect code, 1/K for noise; 0 without an active dimension.

    Raises
    ------
    TooFewRowsError
        If fewer than `group_size` rows share a value of a factor.
    ValueError
        If something is not finite, a training factor is constant, or shapes disagree.

    References
    ----------
    Kim and Mnih (2018), arXiv 1802.05983; Locatello et al. (2019), arXiv 1811.12359.
    """
    codes_train, factors_train, codes_test, factors_test = train_and_test(
        codes_train, factors_train, codes_test, factors_test
    )
    if group_size < 2:
        raise ValueError(f"a group of {group_size} has no variance; group_size is at least 2")
    rng = np.random.default_rng(seed)
    sd = codes_train.std(axis=0, dtype=np.float64)
    active = (sd >= active_sd) & (np.ptp(codes_train, axis=0) > 0)
    scaled_train, scaled_test = (c[:, active] / sd[active] for c in (codes_train, codes_test))
    train_votes = _votes(scaled_train, factors_train, n_train, group_size, rng, "training ")
    test_votes = _votes(scaled_test, factors_test, n_test, group_size, rng, "test ")

    right = np.zeros_like(test_votes)
    voters = np.flatnonzero(train_votes.any(axis=1))
    elected = train_votes[voters].argmax(axis=1)
    right[voters, elected] = test_votes[voters, elected]
    cast = np.bincount(np.arange(n_test) % factors_train.shape[1])
    votes = np.zeros((len(active), factors_train.shape[1]), dtype=np.intp)
    votes[active] = train_votes
    return FactorVAE(
        score=float(right.sum() / n_test),
        per_factor=right.sum(axis=0) / cast,
        votes=votes,
        active=active,
    )


@metric(
    "factor_vae",
    titles={"factor_vae": "FactorVAE"},
    ranges={"factor_vae": (0.0, 1.0)},
    group="intervention",
    fast={"n_train": 1_000, "n_test": 500, "group_size": 4},
)
def factor_vae(
    work: Work,
    *,
    n_train: int = 10_000,
    n_test: int = 5_000,
    group_size: int = 64,
    active_sd: float = 0.0,
) -> Values:
    """Accuracy of the majority vote of the least varying dimension.

    Parameters
    ----------
    work : Work
        Codes and factors.
    n_train : int
        Votes to learn from.
    n_test : int
        Votes to score.
    group_size : int
        Rows behind a vote, at least 2.
    active_sd : float
        Smallest standard deviation of a dimension that may vote, over training rows.
    """
    result = factor_vae_score(
        *work.rows,
        n_train=n_train,
        n_test=n_test,
        group_size=group_size,
        active_sd=active_sd,
        seed=work.seed,
    )
    return {"factor_vae": Breakdown(result.score, result.per_factor)}


def _votes(
    codes: NDArray, factors: NDArray, n: int, group_size: int, rng: np.random.Generator, rows: str
) -> NDArray[np.intp]:
    """Return how often each dimension (rows) varied least with each factor (columns) fixed."""
    n_dims, n_factors = codes.shape[1], factors.shape[1]
    if n < n_factors:
        raise ValueError(f"{n} votes for {n_factors} factors; draw at least one for each")
    votes = np.zeros((n_dims, n_factors), dtype=np.intp)
    of_factor = np.bincount(np.arange(n) % n_factors)
    for k, shared in enumerate(shared_values(factors, fewest=group_size, rows=rows)):
        if n_dims == 0:
            continue
        widest = max(group_size * n_dims, shared.size.max())
        for run in chunks(of_factor[k], widest):
            members = codes[shared.groups(run, group_size, rng)]
            least = members.var(axis=1, ddof=1).argmin(axis=1)
            votes[:, k] += np.bincount(least, minlength=n_dims)
    return votes
