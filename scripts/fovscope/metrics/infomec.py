"""InfoMEC: modularity, compactness and explicitness, all three as shares of information.

Hsu, Dorrell, Whittington, Wu, Finn (2023), "Disentanglement via latent quantization", arXiv
2305.18378, section 5 and appendix. InfoM and InfoC are ratios of normalised mutual information
NMI[d, k] = I(z_d; v_k) / H(v_k): the share of the largest entry of a row (InfoM: does a
dimension know one factor only?) or of a column (InfoC: is a factor known to one dimension
only?), averaged and moved so that equal shares give 0. InfoE is the information on a factor
that multinomial logistic regression can use, over that of a constant guess.

Named variants: continuous codes with the nearest-neighbour estimate of Ross (2014), k = 10,
as published; continuous codes cut into bins; discrete codes with counts. Dimensions with less
than 1/20 of the largest range are left out, as published. As there, the regression is judged on
the rows that it was fitted to. Values are weighted equally in its fit, so a constant guess has
cross-entropy ln K; `balanced` (ours; the panel has it on) weights them equally in the
cross-entropy too, so that a frequent value counts no more than a rare one.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from fovscope.arrays import factor_table, finite_codes
from fovscope.metrics.mig import contingency_information, factor_entropies, mutual_information
from fovscope.metrics.nearest_neighbours import nearest_neighbour_information
from fovscope.metrics.work import Values, Work
from fovscope.registry import metric

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class InfoMEC:
    """The three scores, each from 0 to 1 (InfoE may fall below 0 where the fit fails).

    Attributes
    ----------
    modularity : float
        InfoM, averaged over active dimensions.
    compactness : float
        InfoC, mean of `compactness_per_factor`.
    explicitness : float
        InfoE, mean of `explicitness_per_factor`.
    compactness_per_factor, explicitness_per_factor : ndarray, shape (K,)
        The same for each factor.
    nmi : ndarray, shape (D, K)
        Normalised mutual information, of all dimensions.
    active : ndarray of bool, shape (D,)
        The dimensions that were scored.
    """

    modularity: float
    compactness: float
    explicitness: float
    compactness_per_factor: FloatArray
    explicitness_per_factor: FloatArray
    nmi: FloatArray
    active: NDArray[np.bool_]


def infomec_scores(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    estimator: Literal["neighbours", "bins", "discrete"] = "neighbours",
    neighbours: int = 10,
    bins: int = 20,
    smallest_range: float = 1 / 20,
    iterations: int = 100,
    balanced: bool = False,
    seed: int = 0,
) -> InfoMEC:
    """InfoM, InfoC and InfoE.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        Latent codes.
    factors : array_like, shape (N, K)
        Discrete factor values.
    estimator : {"neighbours", "bins", "discrete"}
        Of the mutual information: nearest neighbours or equal-width bins for continuous
        codes; counts of the values for discrete ones, which the regression then sees one-hot.
    neighbours, bins : int, int
        Of the first two estimators.
    smallest_range : float
        A continuous dimension whose range is not above this share of the largest is inactive.
    iterations : int
        At most so many of the regression (L-BFGS, no penalty); on codes that separate the
        values it has no end of its own.
    balanced : bool
        Whether values, not rows, weigh equally in the cross-entropy of InfoE.
    seed : int
        Of the noise that parts equal codes (`neighbours`).

    Returns
    -------
    InfoMEC
        The scores and what they were made from; all 0 without an active dimension.

    Raises
    ------
    ValueError
        If codes are not finite, a factor is constant, shapes disagree, or the estimator is
        not known.

    References
    ----------
    Hsu et al. (2023), arXiv 2305.18378.
    """
    codes = finite_codes(codes)
    factors = factor_table(factors, len(codes))
    ranges = np.ptp(codes, axis=0)
    if estimator == "discrete":
        active = ranges > 0
        cells = np.empty(codes.shape, dtype=np.intp)
        for d, column in enumerate(codes.T):
            cells[:, d] = np.unique(column, return_inverse=True)[1]
        information = contingency_information(cells, factors)
        inputs = OneHotEncoder().fit_transform(codes[:, active]) if active.any() else None
    else:
        active = ranges > smallest_range * ranges.max(initial=0)
        if estimator == "neighbours":
            information = nearest_neighbour_information(
                codes, factors, neighbours=neighbours, seed=seed
            )
        elif estimator == "bins":
            information = mutual_information(codes, factors, bins=bins)
        else:
            raise ValueError(f"estimator must be neighbours, bins or discrete, not {estimator!r}")
        kept = codes[:, active].astype(np.float64)
        inputs = (kept - kept.mean(axis=0)) / kept.std(axis=0) if active.any() else None
    nmi = information / factor_entropies(factors)
    compactness = dominance(nmi[active].T)
    explicitness = np.zeros(factors.shape[1])
    if inputs is not None:
        explicitness = np.array(
            [_usable(inputs, column, iterations, balanced) for column in factors.T]
        )
    return InfoMEC(
        modularity=float(dominance(nmi[active]).mean()) if active.any() else 0.0,
        compactness=float(compactness.mean()),
        explicitness=float(explicitness.mean()),
        compactness_per_factor=compactness,
        explicitness_per_factor=explicitness,
        nmi=nmi,
        active=active,
    )


# As published, the frequent values of a target's factor would decide InfoE: hence `balanced`.
@metric(
    "infomec",
    titles={"infom": "InfoM", "infoc": "InfoC", "infoe": "InfoE"},
    ranges={"infom": (0.0, 1.0), "infoc": (0.0, 1.0), "infoe": (float("-inf"), 1.0)},
    group="information",
    fits=True,
    fast={"iterations": 20},
    options={"balanced": True},
)
def infomec(
    work: Work,
    *,
    estimator: Literal["neighbours", "bins", "discrete"] = "neighbours",
    neighbours: int = 10,
    bins: int = 20,
    smallest_range: float = 0.05,
    iterations: int = 100,
    balanced: bool = False,
) -> Values:
    """InfoM, InfoC and InfoE of the training rows.

    Parameters
    ----------
    work : Work
        Codes and factors.
    estimator : {"neighbours", "bins", "discrete"}
        Of the mutual information: nearest neighbours or equal-width bins for continuous
        codes, counts of the values for discrete ones.
    neighbours : int
        Of the first estimator.
    bins : int
        Of the second one.
    smallest_range : float
        A continuous dimension whose range is not above this share of the largest is inactive.
    iterations : int
        Most iterations of the regression of InfoE.
    balanced : bool
        Whether values, not rows, weigh equally in the cross-entropy of InfoE.
    """
    result = infomec_scores(
        work.codes.train,
        work.factors.train,
        estimator=estimator,
        neighbours=neighbours,
        bins=bins,
        smallest_range=smallest_range,
        iterations=iterations,
        balanced=balanced,
        seed=work.seed,
    )
    return {
        "infom": result.modularity,
        "infoc": result.compactness_per_factor,
        "infoe": result.explicitness_per_factor,
    }


def dominance(rows: FloatArray) -> FloatArray:
    """Share of the largest entry of each row, moved so that equal entries give 0.

    Parameters
    ----------
    rows : ndarray, shape (R, C)
        Non-negative.

    Returns
    -------
    ndarray, shape (R,)
        (max / sum - 1/C) / (1 - 1/C): 1 where one entry has all, 0 where all are equal or
        all are 0. A single column has all that there is: 1 unless it is 0.
    """
    n_columns = rows.shape[1]
    total = rows.sum(axis=1)
    if n_columns < 2:
        return (total > 0).astype(np.float64)
    largest = rows.max(axis=1) / np.where(total > 0, total, 1)
    share = np.where(total > 0, largest, 1 / n_columns)
    return (share - 1 / n_columns) / (1 - 1 / n_columns)


def _usable(inputs: FloatArray, column: NDArray, iterations: int, balanced: bool) -> float:
    """Return the share of a factor's information that logistic regression can use."""
    values, label = np.unique(column, return_inverse=True)
    model = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=iterations)
    with warnings.catch_warnings():  # separable values: the weights grow until we stop
        warnings.simplefilter("ignore", ConvergenceWarning)
        probability = model.fit(inputs, label).predict_proba(inputs)
    surprise = -np.log(probability[np.arange(len(label)), label].clip(min=np.finfo(float).tiny))
    weight = 1 / np.bincount(label)[label] if balanced else None
    return float(1 - np.average(surprise, weights=weight) / np.log(len(values)))
