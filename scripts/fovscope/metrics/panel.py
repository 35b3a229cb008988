"""All disentanglement scores of one model, from its codes of the evaluation design.

The design has independent rows (train, test) and, where factors can be set one at a time,
pairs that differ in one factor. Dimensions that hardly move over the independent rows are
inactive; every metric is computed without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope.arrays import finite_codes
from fovscope.config import Metrics
from fovscope.metrics.dci import dci_scores
from fovscope.metrics.mig import factor_entropies, gaps, mutual_information
from fovscope.metrics.omes import omes_score


@dataclass(frozen=True)
class Design:
    """One table, of codes or of factors, for each part of the evaluation design.

    Attributes
    ----------
    train, test : ndarray, shape (N, ·), (M, ·)
        Independent rows.
    first, second : ndarray, shape (P, ·), or None
        Members of pairs that differ in one factor, where there are any.
    """

    train: NDArray
    test: NDArray
    first: NDArray | None = None
    second: NDArray | None = None

    def map(self, function: Callable[[NDArray], NDArray]) -> Design:
        """Return the design with `function` applied to each of its tables."""
        tables = (self.train, self.test, self.first, self.second)
        return Design(*(None if table is None else function(table) for table in tables))


@dataclass(frozen=True)
class Panel:
    """Scores of one model.

    Attributes
    ----------
    scores : dict of str to float
        ``mig``, ``dci_disentanglement``, ``dci_completeness``, ``dci_informativeness``,
        ``active_dims``, ``mig[<factor>]``, and with pairs ``omes`` and ``omes[<factor>]``.
    mi_over_h : ndarray, shape (D, K)
        Mutual information with each factor over its entropy; NaN for inactive dimensions.
    association : ndarray, shape (D, K), or None
        S of OMES; NaN for inactive dimensions; None without pairs.
    importance : ndarray, shape (D, K)
        Importances of DCI; NaN for inactive dimensions.
    active : ndarray of bool, shape (D,)
        The dimensions that were scored.
    """

    scores: dict[str, float]
    mi_over_h: NDArray[np.float64]
    association: NDArray[np.float64] | None
    importance: NDArray[np.float64]
    active: NDArray[np.bool_]


def disentanglement_panel(
    codes: Design,
    factors: Design,
    changed_factor: ArrayLike | None = None,
    *,
    factor_names: Sequence[str],
    options: Metrics,
    seed: int = 0,
    threads: int = 1,
) -> Panel:
    """Compute MIG, DCI and, where there are pairs, OMES.

    Parameters
    ----------
    codes : Design of float arrays, D columns
        Posterior means.
    factors : Design of discrete arrays, K columns
        Factor values; those of pairs are not needed.
    changed_factor : array_like of int, shape (P,), optional
        The factor, 0 to K - 1, in which the members of each pair differ.
    factor_names : sequence of str
        Names of the K factors.
    options : Metrics
        Bins, rounds, thresholds.
    seed, threads : int
        Of the DCI classifiers.

    Returns
    -------
    Panel
        Scores and the matrices behind them.

    Raises
    ------
    ValueError
        If codes are not finite, a factor is constant or has too few pairs, shapes
        disagree, or pairs are given without the factor that changed.
    """
    if (codes.first is None) != (changed_factor is None):
        raise ValueError("pairs of codes and the factor that changed in each go together")
    n_factors = factors.train.shape[1]
    if len(factor_names) != n_factors:
        raise ValueError(f"{len(factor_names)} names for {n_factors} factors")
    if changed_factor is not None and np.max(changed_factor) + 1 != n_factors:
        raise ValueError(f"pairs must change each of the {n_factors} factors: {factor_names}")

    active = active_dimensions(codes, options.active_sd)
    kept = codes.map(lambda table: table[:, active])
    mi_over_h = mutual_information(
        kept.train, factors.train, bins=options.mig_bins
    ) / factor_entropies(factors.train)
    mig = gaps(mi_over_h)
    scores = {"active_dims": float(active.sum()), "mig": float(mig.mean())}
    scores |= _named("mig", factor_names, mig)

    association = None
    if changed_factor is not None:
        omes = omes_score(
            codes.first,
            codes.second,
            changed_factor,
            active=active,
            alpha=options.omes_alpha,
            pooling=options.omes_pooling,
        )
        association = omes.association
        scores |= {"omes": omes.score} | _named("omes", factor_names, omes.per_factor)

    dci = dci_scores(
        kept.train,
        factors.train,
        kept.test,
        factors.test,
        rounds=options.dci_rounds,
        depth=options.dci_depth,
        seed=seed,
        threads=threads,
    )
    scores |= {
        "dci_disentanglement": dci.disentanglement,
        "dci_completeness": dci.completeness,
        "dci_informativeness": dci.informativeness,
    }
    return Panel(
        scores=scores,
        mi_over_h=_with_inactive_rows(mi_over_h, active),
        association=association,
        importance=_with_inactive_rows(dci.importance, active),
        active=active,
    )


def active_dimensions(codes: Design, active_sd: float) -> NDArray[np.bool_]:
    """Return which dimensions move over the independent rows, train and test together.

    Parameters
    ----------
    codes : Design of float arrays, D columns
        Posterior means.
    active_sd : float
        Smallest standard deviation of an active dimension.

    Returns
    -------
    ndarray of bool, shape (D,)
        The mask.
    """
    rows = np.concatenate([finite_codes(codes.train), finite_codes(codes.test)])
    # A constant has no information whatever the threshold, and rounding may give it an SD.
    return (rows.std(axis=0, dtype=np.float64) >= active_sd) & (np.ptp(rows, axis=0) > 0)


def _named(score: str, names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {f"{score}[{name}]": float(value) for name, value in zip(names, values, strict=True)}


def _with_inactive_rows(
    matrix: NDArray[np.float64], active: NDArray[np.bool_]
) -> NDArray[np.float64]:
    filled = np.full((active.size, matrix.shape[1]), np.nan)
    filled[active] = matrix
    return filled


def discretise(values: ArrayLike, levels: int) -> NDArray[np.intp]:
    """Cut a continuous factor into equally filled levels.

    Parameters
    ----------
    values : array_like, shape (N,)
        Values of one factor over *all* rows, so that train and test share the cuts.
    levels : int
        Number of levels. A factor with no more distinct values keeps each of them, and
        so does a factor of names.

    Returns
    -------
    ndarray of int, shape (N,)
        Level of each row, in the order of the values. Ties are never separated, so a
        factor with many equal values may come out with fewer levels.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    values = np.asarray(values)
    numeric = values.dtype.kind in "fiu"
    if numeric and not np.isfinite(values).all():
        row = np.flatnonzero(~np.isfinite(values))[0]
        raise ValueError(f"factor value of row {row} is not finite; drop rows where it is unknown")
    distinct, level = np.unique(values, return_inverse=True)
    if not numeric or len(distinct) <= levels:
        return level
    cuts = np.quantile(values, np.arange(1, levels) / levels)
    return np.unique(np.searchsorted(cuts, values, side="right"), return_inverse=True)[1]
