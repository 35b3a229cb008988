"""All disentanglement scores of one code, from its values on the evaluation design.

The design has independent rows (train, test) and, where factors can be set one at a time,
pairs that differ in one factor. Dimensions that hardly move over the independent rows are
inactive; every metric is computed without them.

Metrics are looked up by name in a catalogue (`fovscope.registry`), so those of a user's file stand
beside the built-in ones. Their keyword-only parameters are their options:
``options={"mig": {"bins": 30}}``. What each declares, and the presets ``"full"`` and ``"fast"``, is
described in `fovscope.metrics.presets`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from fovscope.arrays import finite_codes, train_and_test
from fovscope.metrics.groups import TooFewRowsError
from fovscope.metrics.presets import Declaration, declaration, preset
from fovscope.metrics.work import Breakdown, Design, Values, Work
from fovscope.registry import Catalogue, RegistryError

FloatArray = NDArray[np.float64]
Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Panel:
    """Scores of one code.

    Attributes
    ----------
    scores : dict of str to float
        ``active_dims``; each score of each metric by its name, e.g. ``mig`` or
        ``dci_completeness``; where it has a breakdown, ``mig[<factor>]``.
    mi_over_h : ndarray, shape (D, K), or None
        Mutual information (bins) with each factor over its entropy; NaN for inactive
        dimensions; None without MIG.
    association : ndarray, shape (D, K), or None
        S of OMES; NaN for inactive dimensions; None without pairs.
    importance : ndarray, shape (D, K), or None
        Importances of DCI; NaN for inactive dimensions; None without DCI.
    active : ndarray of bool, shape (D,)
        The dimensions that were scored.
    left_out : dict of str to str
        Metrics that these rows are too few for, and why.
    """

    scores: dict[str, float]
    mi_over_h: FloatArray | None
    association: FloatArray | None
    importance: FloatArray | None
    active: NDArray[np.bool_]
    left_out: dict[str, str]


@dataclass(frozen=True)
class Metric:
    """A metric of the panel.

    Attributes
    ----------
    compute : callable (Work, **options) -> Values
        Computes its scores.
    declared : Declaration
        What it says of itself.
    """

    compute: Callable[..., Values]
    declared: Declaration


def load_metrics(catalogue: Catalogue, names: Iterable[str]) -> dict[str, Metric]:
    """Import metrics.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are looked up.
    names : iterable of str
        Which ones.

    Returns
    -------
    dict of str to Metric
        In the order of `names`, but each after those that it is declared to come after.

    Raises
    ------
    RegistryError
        If one is not known, its declaration is faulty, or metrics are to come after each other.
    """
    names = list(dict.fromkeys(names))
    declared = {name: declaration(catalogue.entry("metric", name)) for name in names}
    loaded: dict[str, Metric] = {}

    def load(name: str, waiting: tuple[str, ...]) -> None:
        if name in waiting:
            raise RegistryError(f"metrics are to come after each other: {', '.join(waiting)}")
        for earlier in declared[name].after:
            catalogue.entry("metric", earlier)  # a misspelt name would never be waited for
            if earlier in declared:
                load(earlier, (*waiting, name))
        loaded.setdefault(name, Metric(catalogue.load("metric", name), declared[name]))

    for name in names:
        load(name, ())
    return loaded


def disentanglement_panel(
    codes: Design,
    factors: Design,
    changed_factor: ArrayLike | None = None,
    *,
    factor_names: Sequence[str] | None = None,
    metrics: str | Sequence[str] | Options = "full",
    active_sd: float = 0.05,
    options: Options | None = None,
    catalogue: Catalogue | None = None,
    seed: int = 0,
    threads: int = 1,
) -> Panel:
    """Compute every score that the design allows.

    Parameters
    ----------
    codes : Design of float arrays, D columns
        Posterior means.
    factors : Design of discrete arrays, K columns
        Factor values; those of pairs are not needed.
    changed_factor : array_like of int, shape (P,), optional
        The factor, 0 to K - 1, in which the members of each pair differ.
    factor_names : sequence of str, optional
        Names of the K factors; without them their numbers.
    metrics : {"full", "fast"}, sequence of str, or mapping of str to mapping
        A preset, names of metrics, or options by name. What needs pairs is left out where there
        are none.
    active_sd : float
        A dimension with a smaller SD over the independent rows is inactive.
    options : mapping of str to mapping, optional
        Keyword options by metric; they win over those of `metrics`.
    catalogue : Catalogue, optional
        Where metrics are looked up; by default the built-in ones.
    seed, threads : int
        Of everything that draws or fits; more threads than idle cores are slower.

    Returns
    -------
    Panel
        Scores and the matrices behind them.

    Raises
    ------
    ValueError
        If codes are not finite, a factor is constant or has too few pairs, shapes
        disagree, pairs are given without the factor that changed, or a metric is not known.
    """
    names = check_design(codes, factors, changed_factor, factor_names)
    catalogue = catalogue or Catalogue()
    chosen = chosen_metrics(
        metrics, options, catalogue=catalogue, with_pairs=codes.first is not None
    )
    active = active_dimensions(codes, active_sd)
    work = Work(
        codes=codes.map(lambda table: table[:, active]),
        factors=factors,
        changed_factor=None if changed_factor is None else np.asarray(changed_factor),
        seed=seed,
        threads=threads,
    )
    # The regressions are small: threads of BLAS that wait for each other cost ten times more.
    with threadpool_limits(threads):
        scores = {"active_dims": float(active.sum())} | compute_scores(
            work, load_metrics(catalogue, chosen), chosen, names
        )
    matrices = {name: _with_inactive_rows(matrix, active) for name, matrix in work.matrices.items()}
    return Panel(
        scores=scores,
        mi_over_h=matrices.get("mi_over_h"),
        association=matrices.get("association"),
        importance=matrices.get("importance"),
        active=active,
        left_out=work.left_out,
    )


def check_design(
    codes: Design,
    factors: Design,
    changed_factor: ArrayLike | None,
    factor_names: Sequence[str] | None,
) -> list[str]:
    """Return the names of the factors of a design whose parts belong together.

    Parameters
    ----------
    codes, factors, changed_factor, factor_names
        Those of `disentanglement_panel`.

    Returns
    -------
    list of str
        K names.

    Raises
    ------
    ValueError
        If they do not belong together.
    """
    # Each metric would find these faults, but some only after minutes.
    train_and_test(codes.train, factors.train, codes.test, factors.test)
    n_factors = factors.train.shape[1]
    if factor_names is None:
        factor_names = [str(k) for k in range(n_factors)]
    if len(factor_names) != n_factors:
        raise ValueError(f"{len(factor_names)} names for {n_factors} factors")
    if len(set(factor_names)) < n_factors:
        raise ValueError(f"factors share a name, so scores would too: {list(factor_names)}")
    if (codes.first is None) != (changed_factor is None):
        raise ValueError("pairs of codes and the factor that changed in each go together")
    if changed_factor is not None and np.max(changed_factor) + 1 != n_factors:
        raise ValueError(f"pairs must change each of the {n_factors} factors: {factor_names}")
    return list(factor_names)


def chosen_metrics(
    metrics: str | Sequence[str] | Options,
    options: Options | None,
    *,
    catalogue: Catalogue,
    with_pairs: bool,
) -> dict[str, dict[str, Any]]:
    """Return the options of each metric that is to be computed, by name.

    Parameters
    ----------
    metrics, options, catalogue
        Those of `disentanglement_panel`.
    with_pairs : bool
        Whether the design has pairs.

    Returns
    -------
    dict of str to dict
        In the order of `metrics`.

    Raises
    ------
    ValueError
        If a preset or metric is not known.
    """
    if isinstance(metrics, str):
        chosen = preset(catalogue, metrics)
    else:
        given = metrics if isinstance(metrics, Mapping) else {name: {} for name in metrics}
        chosen = {
            name: {**declaration(catalogue.entry("metric", name)).options, **own}
            for name, own in given.items()
        }
    further = {} if options is None else options
    for name in further:
        catalogue.entry("metric", name)
    return {
        name: {**own, **further.get(name, {})}
        for name, own in chosen.items()
        if with_pairs or not declaration(catalogue.entry("metric", name)).needs_pairs
    }


def compute_scores(
    work: Work, metrics: Mapping[str, Metric], options: Options, names: Sequence[str]
) -> dict[str, float]:
    """Compute metrics and name their scores.

    Parameters
    ----------
    work : Work
        Active dimensions and factors.
    metrics : mapping of str to Metric
        In the order of their computation.
    options : mapping of str to mapping
        Options of each.
    names : sequence of str
        Of the K factors.

    Returns
    -------
    dict of str to float
        Scores, each followed by its breakdown; `work` notes what the rows are too few for.

    Raises
    ------
    ValueError
        If a metric returns a score that it does not declare, or that another has returned.
    """
    scores: dict[str, float] = {}
    for metric, entry in metrics.items():
        try:
            values = entry.compute(work, **options[metric])
        except TooFewRowsError as error:
            work.left_out[metric] = str(error)
            continue
        for name, value in values.items():
            if name not in entry.declared.titles or name in scores:
                problem = "another metric has it" if name in scores else "declare title and range"
                raise ValueError(f"metric '{metric}' returned the score '{name}': {problem}")
            if not isinstance(value, Breakdown):
                value = Breakdown(float(np.mean(value)), value if np.ndim(value) else None)
            scores[name] = value.score
            if value.per_factor is not None:
                pairs = zip(names, value.per_factor, strict=True)
                scores |= {f"{name}[{factor}]": float(v) for factor, v in pairs}
    return scores


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
        factor with many equal values may come out with fewer levels, but with two at least: one
        that is 0 in nearly all rows has the levels 0 and more. Values of the opposite sign have
        the same levels in opposite order, but for a cut in the middle of the rows that lies as
        far from either end of a tie.

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
    ordered = np.sort(values)
    ends = _ends_of_levels(ordered, levels)
    return np.searchsorted(ends, np.searchsorted(ordered, values), side="right")


def _ends_of_levels(ordered: NDArray, levels: int) -> NDArray[np.intp]:
    """Return at how many rows levels end: quantiles, moved to the nearer end where they cut a tie.

    Parameters
    ----------
    ordered : ndarray, shape (N,)
        Values of all rows, sorted; more distinct ones than levels.
    levels : int
        Number of levels.
    """
    number, rows = np.arange(1, levels), len(ordered)
    place, beyond = np.divmod(number * (rows - 1), levels)  # a quantile is a row, or between two
    below = np.searchsorted(ordered, ordered[place + (beyond > 0)], side="left")
    upto = np.searchsorted(ordered, ordered[place], side="right")
    to_below, to_upto = number * rows - levels * below, levels * upto - number * rows
    # As far from both: towards the middle, which is the same from either side.
    nearer = np.where(to_below == to_upto, 2 * number >= levels, to_below < to_upto)
    ends = np.unique(np.where(nearer, below, upto))
    return ends[(ends > 0) & (ends < rows)]
