"""β-VAE score: how well a linear classifier tells which factor was held fixed.

Higgins et al. (2017), "β-VAE: learning basic visual concepts with a constrained variational
framework", section 3, with the sample sizes of Locatello et al. (2019). A point is made
from 64 pairs of samples that share the value of one factor: the mean absolute difference
of their codes in each dimension. A linear classifier predicts from it which factor was
shared; the score is its accuracy on fresh points.

Pairs are drawn from the rows given (`metrics.groups`), each factor equally often. The
classifier is multinomial logistic regression (C = 1). `standardise` (ours; the panel has it
on) divides each dimension of a point by its spread first, so that the penalty does not
depend on the scale of the codes; off is the published form.

What it does not see: a copied dimension, or a factor spread over many dimensions. A rotated
code scores well above noise unless the rotation mixes factors evenly. Noise scores 1/K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from fovscope.arrays import train_and_test
from fovscope.metrics.groups import chunks, shared_values
from fovscope.metrics.work import Breakdown, Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class BetaVAE:
    """The score and its parts.

    Attributes
    ----------
    score : float
        Accuracy over test points, from 0 to 1.
    per_factor : ndarray, shape (K,)
        Share of the points of each factor that were recognised.
    """

    score: float
    per_factor: FloatArray


def beta_vae_score(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    n_train: int = 10_000,
    n_test: int = 5_000,
    pairs: int = 64,
    standardise: bool = False,
    seed: int = 0,
) -> BetaVAE:
    """Accuracy of a linear classifier of the factor that pairs of samples share.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Discrete factor values.
    n_train, n_test : int
        Points to fit and to score the classifier.
    pairs : int
        Pairs of samples behind a point.
    standardise : bool
        Whether to divide points by their spread in each dimension.
    seed : int
        Seed of the draws.

    Returns
    -------
    BetaVAE
        1 for a perfect code, 1/K for noise; always 1 with one factor.

    Raises
    ------
    TooFewRowsError
        If a value of a factor is that of one row only.
    ValueError
        If something is not finite, a training factor is constant, or shapes disagree.

    References
    ----------
    Higgins et al. (2017), ICLR; Locatello et al. (2019), arXiv 1811.12359.
    """
    codes_train, factors_train, codes_test, factors_test = train_and_test(
        codes_train, factors_train, codes_test, factors_test
    )
    rng = np.random.default_rng(seed)
    x, shared = _points(codes_train, factors_train, n_train, pairs, rng, "training ")
    x_test, shared_test = _points(codes_test, factors_test, n_test, pairs, rng, "test ")
    if x.shape[1] == 0 or factors_train.shape[1] == 1:
        predicted = np.zeros_like(shared_test)  # nothing to tell from, or nothing to tell
    else:
        scaler = StandardScaler(with_mean=standardise, with_std=standardise).fit(x)
        classifier = LogisticRegression(max_iter=1_000).fit(scaler.transform(x), shared)
        predicted = classifier.predict(scaler.transform(x_test))
    right = predicted == shared_test
    of_factor = [right[shared_test == k].mean() for k in range(factors_train.shape[1])]
    return BetaVAE(score=float(right.mean()), per_factor=np.array(of_factor))


# As published, codes of a smaller scale would score lower, and models could not be compared:
# hence `standardise`.
@metric(
    "beta_vae",
    titles={"beta_vae": "β-VAE"},
    ranges={"beta_vae": (0.0, 1.0)},
    group="intervention",
    fits=True,
    fast={"n_train": 1_000, "n_test": 500},
    options={"standardise": True},
)
def beta_vae(
    work: Work,
    *,
    n_train: int = 10_000,
    n_test: int = 5_000,
    pairs: int = 64,
    standardise: bool = False,
) -> Values:
    """Accuracy of a linear classifier of the factor that pairs of rows share.

    Parameters
    ----------
    work : Work
        Codes and factors.
    n_train : int
        Points to fit the classifier.
    n_test : int
        Points to score it.
    pairs : int
        Pairs of rows behind a point.
    standardise : bool
        Whether to divide points by their spread in each dimension.
    """
    result = beta_vae_score(
        *work.rows,
        n_train=n_train,
        n_test=n_test,
        pairs=pairs,
        standardise=standardise,
        seed=work.seed,
    )
    return {"beta_vae": Breakdown(result.score, result.per_factor)}


def _points(
    codes: NDArray, factors: NDArray, n: int, pairs: int, rng: np.random.Generator, rows: str
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return mean absolute differences (n, D) and the factor that was shared (n,)."""
    n_factors, n_dims = factors.shape[1], codes.shape[1]
    if n < n_factors:
        raise ValueError(f"{n} points for {n_factors} factors; draw at least one for each")
    factor = np.sort(np.arange(n) % n_factors)
    points = []
    for k, shared in enumerate(shared_values(factors, fewest=2, rows=rows)):
        of_factor = np.count_nonzero(factor == k)
        for run in chunks(of_factor, pairs * n_dims):
            first, second = shared.pairs(run * pairs, rng)
            difference = np.abs(codes[first] - codes[second])
            points.append(difference.reshape(run, pairs, n_dims).mean(axis=1))
    return np.concatenate(points), factor
