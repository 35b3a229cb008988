"""All disentanglement scores of one code, from its values on the evaluation design.

The design has independent rows (train, test) and, where factors can be set one at a time,
pairs that differ in one factor. Dimensions that hardly move over the independent rows are
inactive; every metric is computed without them.

`METRICS` lists what there is. Each entry calls the metric's own function, whose keyword options
and defaults are the options here: ``options={"mig": {"bins": 30}}``; an entry that differs from
the function says so. The preset ``"fast"`` leaves out what costs minutes and fits smaller trees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from fovscope.arrays import finite_codes, train_and_test
from fovscope.metrics.beta_vae import BETA_VAE_FAST, beta_vae_score
from fovscope.metrics.dci import DCI, dci_scores
from fovscope.metrics.dci_es import DCI_ES_FAST, explicitness, loss_capacity_curves
from fovscope.metrics.edi import edi_scores
from fovscope.metrics.explicitness import explicitness_score
from fovscope.metrics.factor_vae import FACTOR_VAE_FAST, factor_vae_score
from fovscope.metrics.groups import TooFewRowsError
from fovscope.metrics.infomec import infomec_scores
from fovscope.metrics.irs import irs_score
from fovscope.metrics.mig import factor_entropies, gaps, mutual_information
from fovscope.metrics.modularity import modularity_score
from fovscope.metrics.omes import omes_score
from fovscope.metrics.sap import sap_score
from fovscope.registry import unknown_name

FloatArray = NDArray[np.float64]
Options = Mapping[str, Mapping[str, Any]]


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


@dataclass
class Work:
    """What the metrics are computed from, and what they leave for each other.

    Attributes
    ----------
    codes, factors : Design
        Active dimensions; factor values.
    changed_factor : ndarray of int, shape (P,), or None
        The factor in which the members of each pair differ.
    seed, threads : int
        Of everything that draws or fits.
    matrices : dict of str to ndarray, shape (active dimensions, K)
        What some scores were made from.
    left_out : dict of str to str
        Metrics that the rows are too few for, and why.
    dci : DCI or None
        Once it is computed: EDI uses its classifiers too.
    """

    codes: Design
    factors: Design
    changed_factor: NDArray[np.intp] | None
    seed: int
    threads: int
    matrices: dict[str, FloatArray] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    dci: DCI | None = None

    @property
    def rows(self) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Codes and factors of training and test rows, in the order that metrics take."""
        return self.codes.train, self.factors.train, self.codes.test, self.factors.test


Values = dict[str, "float | FloatArray | Breakdown"]
"""Scores by name: one number, or one for each factor, whose mean is then the score."""


class Breakdown(NamedTuple):
    """A score that is not the plain mean of what it is for each factor."""

    score: float
    per_factor: FloatArray | None = None

    @classmethod
    def of(cls, scores: Any) -> Breakdown:  # noqa: ANN401
        """Return the score and the breakdown of a metric's result."""
        return cls(scores.score, scores.per_factor)


@dataclass(frozen=True)
class Metric:
    """One entry of the panel.

    Attributes
    ----------
    compute : callable (Work, **options) -> Values
        Calls the metric.
    needs_pairs : bool
        Whether it needs pairs that differ in one factor.
    fits : bool
        Whether it fits classifiers, and so costs seconds instead of milliseconds.
    fast : mapping of str to object, or None
        Its further options in the preset ``"fast"``; None leaves it out there.
    options : mapping of str to object
        Its options in any panel, where they are not the published defaults.
    """

    compute: Callable[..., Values]
    needs_pairs: bool = False
    fits: bool = False
    fast: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def _mig(work: Work, **options: Any) -> Values:  # noqa: ANN401
    information = mutual_information(work.codes.train, work.factors.train, **options)
    work.matrices["mi_over_h"] = information / factor_entropies(work.factors.train)
    return {"mig": gaps(work.matrices["mi_over_h"])}


def _dci(work: Work, **options: Any) -> Values:  # noqa: ANN401
    dci = dci_scores(*work.rows, seed=work.seed, threads=work.threads, **options)
    work.matrices["importance"] = dci.importance
    work.dci = dci
    return {
        "dci_disentanglement": dci.disentanglement,
        "dci_completeness": Breakdown(dci.completeness, dci.completeness_per_factor),
        "dci_informativeness": dci.informativeness_per_factor,
    }


def _omes(work: Work, **options: Any) -> Values:  # noqa: ANN401
    codes, values = work.codes, {}
    for name, pooling in (("omes_max", "max"), ("omes", "average")):
        omes = omes_score(
            codes.first,
            codes.second,
            work.changed_factor,
            active=np.ones(codes.first.shape[1], dtype=bool),
            pooling=pooling,
            **options,
        )
        values[name] = omes.per_factor
    work.matrices["association"] = omes.association
    return values


def _infomec(work: Work, **options: Any) -> Values:  # noqa: ANN401
    scores = infomec_scores(work.codes.train, work.factors.train, seed=work.seed, **options)
    return {
        "infom": scores.modularity,
        "infoc": scores.compactness_per_factor,
        "infoe": scores.explicitness_per_factor,
    }


def _edi(work: Work, **options: Any) -> Values:  # noqa: ANN401
    edi = edi_scores(
        *work.rows,
        cross_entropy=work.dci and work.dci.cross_entropy,
        seed=work.seed,
        threads=work.threads,
        **options,
    )
    return {
        "edi_modularity": edi.modularity_per_factor,
        "edi_compactness": edi.compactness_per_factor,
        "edi_explicitness": edi.explicitness_per_factor,
    }


def _dci_es(work: Work, **options: Any) -> Values:  # noqa: ANN401
    """Its D, C and I are those of DCI."""
    n_dims, n_factors = work.codes.train.shape[1], work.factors.train.shape[1]
    curves = loss_capacity_curves(*work.rows, seed=work.seed, **options)
    return {
        "dci_es_explicitness": explicitness(curves),
        "dci_es_size": n_factors / n_dims if n_dims else np.nan,
    }


def _whole(name: str, score: Callable[..., Any]) -> Callable[..., Values]:
    """Return the entry of a metric with one score that takes training rows."""

    def compute(work: Work, **options: Any) -> Values:  # noqa: ANN401
        return {name: Breakdown.of(score(*work.rows[:2], **options))}

    return compute


def _tested(name: str, score: Callable[..., Any], *, seeded: bool) -> Callable[..., Values]:
    """Return the entry of a metric with one score that takes training and test rows."""

    def compute(work: Work, **options: Any) -> Values:  # noqa: ANN401
        if seeded:
            options["seed"] = work.seed
        return {name: Breakdown.of(score(*work.rows, **options))}

    return compute


METRICS: dict[str, Metric] = {
    "mig": Metric(_mig, fast={}),
    "modularity": Metric(_whole("modularity", modularity_score), fast={}),
    "irs": Metric(_whole("irs", irs_score), fast={}),
    "omes": Metric(_omes, needs_pairs=True, fast={}),
    "dci": Metric(_dci, fits=True, fast={"rounds": 5, "learning_rate": 0.5}),
    "dci_es": Metric(_dci_es, fits=True, fast=DCI_ES_FAST),
    "edi": Metric(_edi, fits=True, fast={}),
    # As published, the frequent values of a target's factor would decide InfoE.
    "infomec": Metric(_infomec, fits=True, fast={"iterations": 20}, options={"balanced": True}),
    # As published, codes of a smaller scale would score lower: models could not be compared.
    "beta_vae": Metric(
        _tested("beta_vae", beta_vae_score, seeded=True),
        fits=True,
        fast=BETA_VAE_FAST,
        options={"standardise": True},
    ),
    "factor_vae": Metric(
        _tested("factor_vae", factor_vae_score, seeded=True),
        fast={**FACTOR_VAE_FAST, "group_size": 4},
    ),
    "sap": Metric(_tested("sap", sap_score, seeded=False), fits=True),
    "explicitness": Metric(_tested("explicitness", explicitness_score, seeded=False), fits=True),
}
"""The panel by name, in the order of its computation: EDI uses DCI's classifiers."""

_SHARES = (
    *("mig", "modularity", "omes_max", "omes"),
    *("dci_disentanglement", "dci_completeness", "dci_informativeness"),
    *("edi_modularity", "edi_compactness", "edi_explicitness", "infom", "infoc"),
    *("beta_vae", "factor_vae", "sap", "explicitness"),
)
RANGES: dict[str, tuple[float, float]] = dict.fromkeys(_SHARES, (0.0, 1.0)) | {
    "dci_es_explicitness": (-1.0, 1.0),
    "dci_es_size": (0.0, np.inf),
    "infoe": (-np.inf, 1.0),
    "irs": (-np.inf, 1.0),
    "active_dims": (0.0, np.inf),
}
"""Smallest and largest value of each score, and of its breakdown by factor."""

PRESETS = {
    "full": {name: m.options for name, m in METRICS.items()},
    "fast": {name: {**m.options, **m.fast} for name, m in METRICS.items() if m.fast is not None},
}
"""Metrics with their options: all of them, or what a small machine can do."""


def disentanglement_panel(
    codes: Design,
    factors: Design,
    changed_factor: ArrayLike | None = None,
    *,
    factor_names: Sequence[str] | None = None,
    metrics: str | Sequence[str] = "full",
    active_sd: float = 0.05,
    options: Options | None = None,
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
    metrics : {"full", "fast"} or sequence of str
        A preset, or names out of `METRICS`. What needs pairs is left out where there are none.
    active_sd : float
        A dimension with a smaller SD over the independent rows is inactive.
    options : mapping of str to mapping, optional
        Keyword options by metric; they win over those of the preset.
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
    chosen = chosen_metrics(metrics, options, with_pairs=codes.first is not None)
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
        scores = {"active_dims": float(active.sum())} | compute_scores(work, chosen, names)
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
    metrics: str | Sequence[str], options: Options | None, *, with_pairs: bool
) -> dict[str, Mapping[str, Any]]:
    """Return the options of each metric that is to be computed, by name.

    Parameters
    ----------
    metrics, options
        Those of `disentanglement_panel`.
    with_pairs : bool
        Whether the design has pairs.

    Returns
    -------
    dict of str to mapping
        In the order of `METRICS`.

    Raises
    ------
    ValueError
        If a preset or metric is not known.
    """
    if isinstance(metrics, str):
        if metrics not in PRESETS:
            raise ValueError(unknown_name("preset", metrics, PRESETS))
        preset = PRESETS[metrics]
    else:
        preset = {name: PRESETS["full"].get(name, {}) for name in metrics}
    options = options or {}
    for name in [*preset, *options]:
        if name not in METRICS:
            raise ValueError(unknown_name("metric", name, METRICS))
    return {
        name: {**preset[name], **options.get(name, {})}
        for name, metric in METRICS.items()
        if name in preset and (with_pairs or not metric.needs_pairs)
    }


def compute_scores(
    work: Work, chosen: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> dict[str, float]:
    """Compute metrics and name their scores.

    Parameters
    ----------
    work : Work
        Active dimensions and factors.
    chosen : mapping of str to mapping
        Options by metric.
    names : sequence of str
        Of the K factors.

    Returns
    -------
    dict of str to float
        Scores, each followed by its breakdown; `work` notes what the rows are too few for.
    """
    scores = {}
    for metric, options in chosen.items():
        try:
            values = METRICS[metric].compute(work, **options)
        except TooFewRowsError as error:
            work.left_out[metric] = str(error)
            continue
        for name, value in values.items():
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
