"""DCI-ES: DCI with explicitness (E) and size (S).

Eastwood, Nicolicioiu, von Kügelgen, Kekić, Träuble, Dittadi, Schölkopf (2023), "DCI-ES: an
extended disentanglement framework with connections to identifiability", section 4. How
much capacity does a probe need before a code yields what it knows of a factor? A family of
probes of growing capacity gives a loss-capacity curve L: the smallest test loss that any
probe up to that capacity reaches. With lowest loss l* and baseline loss b,

    E = 1 - 2 area(L - l*) / (b x range of capacity)

so E = 1 if the smallest probe reaches what the largest does, 0 if the loss falls in a
straight line from the baseline to nothing, -1 if it falls only at the very end. The area is
the trapezoid rule's; E is averaged over factors. Size is S = factors / dimensions.
D, C and I are those of `metrics.dci`.

The family (the paper's are MLPs, forests, and random Fourier features under a linear
readout; this is the last, in closed form): a linear readout of the standardised code and
`width` random Fourier features of it, each family member containing the one before.
Frequencies are Gaussian with standard deviation 1/bandwidth, features come in pairs of
cosine and sine. The readout of a nominal factor is linear discriminant analysis, that of a
continuous one ridge regression, both with `ridge` added to each variance. Losses are those
of the paper: 1 - accuracy, with the most frequent training value as the baseline, and
1 - R², with baseline 1. Capacity is the logarithm of a readout's parameters,
1 + dimensions + width.

What to know: E asks how easily a code yields what it has, not how much it has; a code of
pure noise has nothing to gain from capacity and scores 1. Read it beside I. A rotation
costs nothing (the readout is linear).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve

from fovscope.arrays import continuous_factors, train_and_test
from fovscope.metrics.dci import DCI, dci_scores
from fovscope.metrics.groups import TooFewRowsError
from fovscope.metrics.work import Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]

_WIDTHS = (0, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True)
class LossCapacity:
    """Loss-capacity curves.

    Attributes
    ----------
    capacity : ndarray, shape (P,)
        Logarithm of the parameters of each probe's readout.
    loss : ndarray, shape (P, K)
        Smallest test loss up to that capacity.
    baseline : ndarray, shape (K,)
        Loss without a code.
    """

    capacity: FloatArray
    loss: FloatArray
    baseline: FloatArray


@dataclass(frozen=True)
class DCIES:
    """The five scores and what E was made from.

    Attributes
    ----------
    disentanglement, completeness, informativeness : float
        See `fovscope.metrics.dci.DCI`.
    explicitness : float
        Mean of `explicitness_per_factor`, from -1 to 1.
    size : float
        Factors over dimensions: 1 if the code is as small as can be, 0 if it is much
        larger; NaN without dimensions.
    explicitness_per_factor : ndarray, shape (K,)
        E of each factor.
    curves : LossCapacity
        The loss-capacity curves.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    explicitness: float
    size: float
    explicitness_per_factor: FloatArray
    curves: LossCapacity


def dci_es_scores(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    continuous: bool | Sequence[bool] = False,
    widths: Sequence[int] = _WIDTHS,
    bandwidth: float = 2.0,
    ridge: float = 1e-3,
    dci: DCI | None = None,
    seed: int = 0,
    threads: int = 1,
) -> DCIES:
    """Disentanglement, completeness, informativeness, explicitness and size.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Factor values. D, C and I take all of them for names; cut continuous factors into
        levels (`panel.discretise`) and pass the DCI of those.
    continuous, widths, bandwidth, ridge
        See `loss_capacity_curves`.
    dci : DCI, optional
        Scores of the same rows, where they are known already; else they are computed.
    seed : int
        Seed of the random features and of the classifiers of DCI.
    threads : int
        Threads of the classifiers of DCI.

    Returns
    -------
    DCIES
        The scores.

    Raises
    ------
    TooFewRowsError
        If a factor is constant in the test rows.
    ValueError
        If something is not finite, a factor is constant or a continuous one no number,
        shapes disagree, or widths are not even numbers that grow.

    References
    ----------
    Eastwood et al. (2023), arXiv 2210.00364.
    """
    curves = loss_capacity_curves(
        codes_train,
        factors_train,
        codes_test,
        factors_test,
        continuous=continuous,
        widths=widths,
        bandwidth=bandwidth,
        ridge=ridge,
        seed=seed,
    )
    if dci is None:
        dci = dci_scores(
            codes_train, factors_train, codes_test, factors_test, seed=seed, threads=threads
        )
    per_factor = explicitness(curves)
    n_dims, n_factors = dci.importance.shape
    return DCIES(
        disentanglement=dci.disentanglement,
        completeness=dci.completeness,
        informativeness=dci.informativeness,
        explicitness=float(per_factor.mean()),
        size=n_factors / n_dims if n_dims else np.nan,
        explicitness_per_factor=per_factor,
        curves=curves,
    )


@metric(
    "dci_es",
    titles={"dci_es_explicitness": "DCI-ES E", "dci_es_size": "DCI-ES S"},
    ranges={"dci_es_explicitness": (-1.0, 1.0), "dci_es_size": (0.0, float("inf"))},
    group="intervention",
    fits=True,
    fast={"widths": (0, 16, 64, 256)},
)
def dci_es(
    work: Work,
    *,
    continuous: bool | tuple[bool, ...] = False,
    widths: tuple[int, ...] = _WIDTHS,
    bandwidth: float = 2.0,
    ridge: float = 1e-3,
) -> Values:
    """Explicitness and size; D, C and I are those of DCI.

    Parameters
    ----------
    work : Work
        Codes and factors.
    continuous : bool or tuple of bool, length K
        Which factors are numbers to regress, not names to classify.
    widths : tuple of int
        Random features of each probe: even numbers that grow; 0 is the code alone.
    bandwidth : float
        Length scale of the random features, in standard deviations of a dimension.
    ridge : float
        Added to the variance of each feature, which is at most 1.
    """
    n_dims, n_factors = work.codes.train.shape[1], work.factors.train.shape[1]
    curves = loss_capacity_curves(
        *work.rows,
        continuous=continuous,
        widths=widths,
        bandwidth=bandwidth,
        ridge=ridge,
        seed=work.seed,
    )
    return {
        "dci_es_explicitness": explicitness(curves),
        "dci_es_size": n_factors / n_dims if n_dims else np.nan,
    }


def explicitness(curves: LossCapacity) -> FloatArray:
    """Return E of each factor.

    Parameters
    ----------
    curves : LossCapacity
        Curves that do not rise and do not start above the baseline.

    Returns
    -------
    ndarray, shape (K,)
        From -1 to 1.
    """
    excess = curves.loss - curves.loss[-1]  # the last is the lowest
    area = np.trapezoid(excess, curves.capacity, axis=0)
    return 1 - 2 * area / (curves.baseline * np.ptp(curves.capacity))


def loss_capacity_curves(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    continuous: bool | Sequence[bool] = False,
    widths: Sequence[int] = _WIDTHS,
    bandwidth: float = 2.0,
    ridge: float = 1e-3,
    seed: int = 0,
) -> LossCapacity:
    """Fit linear readouts of a code and of growing numbers of its random Fourier features.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Factor values; a nominal test value that training never saw counts as wrong.
    continuous : bool or sequence of bool, length K
        Which factors are numbers to regress, not names to classify.
    widths : sequence of int
        Random features of each probe: even numbers that grow; 0 is the code alone.
    bandwidth : float
        Length scale of the random features, in standard deviations of a dimension.
    ridge : float
        Added to the variance of each feature, which is at most 1.
    seed : int
        Seed of the random features.

    Returns
    -------
    LossCapacity
        The curves.

    Raises
    ------
    TooFewRowsError
        If a factor is constant in the test rows.
    ValueError
        If something is not finite, a factor is constant or a continuous one no number,
        shapes disagree, or widths are not even numbers that grow.
    """
    widths = np.asarray(widths)
    if len(widths) < 2 or (widths % 2).any() or widths[0] < 0 or (np.diff(widths) <= 0).any():
        raise ValueError(f"widths must be two or more even numbers that grow, not {widths}")
    codes_train, factors_train, codes_test, factors_test = train_and_test(
        codes_train, factors_train, codes_test, factors_test, continuous=continuous
    )
    for k, column in enumerate(factors_test.T):
        if (column == column[0]).all():
            raise TooFewRowsError(
                f"factor {k} is constant in test rows: no loss can be reduced there; "
                "give more test rows"
            )
    rng = np.random.default_rng(seed)
    x, x_test = _features(codes_train, codes_test, widths[-1], bandwidth, rng)
    covariance = x.T @ x / len(x)
    covariance[np.diag_indices_from(covariance)] += ridge
    sizes = x.shape[1] - widths[-1] + widths
    is_continuous = continuous_factors(continuous, factors_train, factors_test)
    loss, baseline = np.empty((len(widths), len(is_continuous))), np.empty(len(is_continuous))
    for k, (known, wanted) in enumerate(zip(factors_train.T, factors_test.T, strict=True)):
        losses_of = _ridge_losses if is_continuous[k] else _discriminant_losses
        loss[:, k], baseline[k] = losses_of(x, known, x_test, wanted, covariance, sizes)
    # The smallest loss so far; a probe may always do without the code.
    loss = np.minimum.accumulate(np.minimum(loss, baseline), axis=0)
    return LossCapacity(np.log(1 + codes_train.shape[1] + widths), loss, baseline)


def _features(
    train: NDArray, test: NDArray, width: int, bandwidth: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return standardised codes and Fourier features of them, centred on training rows."""
    moves = np.ptp(train, axis=0) > 0
    mean, sd = train[:, moves].mean(axis=0), train[:, moves].std(axis=0)
    frequencies = rng.standard_normal((width // 2, mean.size)).T / bandwidth

    def features(codes: NDArray) -> FloatArray:
        x = np.empty((len(codes), mean.size + width))
        z = x[:, : mean.size]
        z[:] = (codes[:, moves] - mean) / sd
        np.cos(z @ frequencies, out=x[:, mean.size :: 2])
        np.sin(z @ frequencies, out=x[:, mean.size + 1 :: 2])
        return x

    x, x_test = features(train), features(test)
    centre = x.mean(axis=0)
    return x - centre, x_test - centre


def _discriminant_losses(
    x: FloatArray,
    known: NDArray,
    x_test: FloatArray,
    wanted: NDArray,
    covariance: FloatArray,
    sizes: NDArray[np.intp],
) -> tuple[list[float], float]:
    """Return error rates of linear discriminant analysis on the first features, and without.

    The covariance within values is the whole one minus that of their means.
    """
    values, label, counts = np.unique(known, return_inverse=True, return_counts=True)
    share = counts / len(x)
    belongs = label == np.arange(len(values))[:, None]
    means = belongs.astype(np.float64) @ x / counts[:, None]
    within = covariance - (means.T * share) @ means
    losses = []
    for n in sizes:
        weights = solve(within[:n, :n], means[:, :n].T, assume_a="pos")
        offset = np.log(share) - (means[:, :n].T * weights).sum(axis=0) / 2
        predicted = values[(x_test[:, :n] @ weights + offset).argmax(axis=1)]
        losses.append(float(np.mean(predicted != wanted)))
    return losses, float(np.mean(wanted != values[counts.argmax()]))


def _ridge_losses(
    x: FloatArray,
    known: NDArray,
    x_test: FloatArray,
    wanted: NDArray,
    covariance: FloatArray,
    sizes: NDArray[np.intp],
) -> tuple[list[float], float]:
    """Return 1 - R² of ridge regression on the first features, and without: 1."""
    y, y_test = known.astype(np.float64), wanted.astype(np.float64)
    slope = x.T @ (y - y.mean()) / len(x)
    losses = []
    for n in sizes:
        weights = solve(covariance[:n, :n], slope[:n], assume_a="pos")
        error = y_test - y.mean() - x_test[:, :n] @ weights
        losses.append(float(np.mean(error**2) / np.var(y_test)))
    return losses, 1.0
