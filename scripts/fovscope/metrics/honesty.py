"""What a score is worth: its floor, its ceiling, its sampling error, and how it moves with N.

Floor: the scores of the same codes with their rows shuffled, so that they keep their marginals,
their correlations and their number, and know nothing of the factors. Ceiling: those of a
perfect code of the same factors. Interval: by a jackknife over groups of rows; a bootstrap
draws rows twice, and estimates of information and trees take copies for agreement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from fovscope.arrays import ConstantFactorError
from fovscope.metrics.panel import Panel, chosen_metrics, disentanglement_panel
from fovscope.metrics.presets import score_ranges
from fovscope.metrics.references import perfect_code
from fovscope.metrics.work import Design
from fovscope.registry import Catalogue

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One score with what is needed to read it.

    Attributes
    ----------
    value : float
        The score.
    low, high : float
        Its 95 % interval over samples of rows; NaN without resamples.
    floor : float
        That of the same codes with shuffled rows; NaN for `active_dims`, as the ceiling.
    ceiling : float
        That of a perfect code of the same factors; no upper bound where a metric can
        prefer another code (OMES).
    n_train, n_test, n_pairs : int
        Rows that the panel was given. MIG, Modularity, IRS and InfoMEC take the training rows
        alone, OMES the pairs alone.
    active : tuple of bool, length D
        Which dimensions were scored.
    """

    value: float
    low: float
    high: float
    floor: float
    ceiling: float
    n_train: int
    n_test: int
    n_pairs: int
    active: tuple[bool, ...]

    @property
    def of_ceiling(self) -> float:
        """The score over its ceiling."""
        return self.value / self.ceiling if self.ceiling else float("nan")

    @property
    def normalised(self) -> float:
        """The score on a scale on which the floor is 0 and the ceiling 1."""
        span = self.ceiling - self.floor
        return (self.value - self.floor) / span if span else float("nan")


def shuffled_codes(codes: Design, rng: np.random.Generator) -> Design:
    """Return codes that know nothing of the factors: the same rows in another order.

    Parameters
    ----------
    codes : Design of float arrays
        The codes; members of a pair are shuffled apart, so that they are strangers.
    rng : numpy.random.Generator
        Source of the orders.

    Returns
    -------
    Design of float arrays
        The same rows of each table.
    """
    return codes.map(lambda table: table[rng.permutation(len(table))])


def scored_panel(
    codes: Design,
    factors: Design,
    changed_factor: ArrayLike | None = None,
    *,
    resamples: int = 5,
    catalogue: Catalogue | None = None,
    seed: int = 0,
    **options: Any,  # noqa: ANN401
) -> dict[str, Score]:
    """Compute the panel with floor, ceiling and interval of each score.

    Parameters
    ----------
    codes, factors, changed_factor
        Those of `disentanglement_panel`; with pairs the factors of their members too, for
        the perfect code.
    resamples : int
        Groups of the jackknife (at least 2), or 0 for no interval.
    catalogue : Catalogue, optional
        Where metrics are looked up; by default the built-in ones.
    seed : int
        Of shuffling and groups, and of the panel.
    **options
        More options of `disentanglement_panel`.

    Returns
    -------
    dict of str to Score
        By the names of `Panel.scores`.

    Raises
    ------
    ValueError
        As `disentanglement_panel`, or if there is one resample, or codes or factors alone have
        pairs.
    """
    if (codes.first is None) != (factors.first is None):
        raise ValueError(
            "pairs of codes and the factors of their members go together: the ceiling is the "
            "score of a perfect code, which needs them (`first` and `second` of both designs)"
        )
    return panel_with_bounds(
        codes,
        factors,
        changed_factor,
        resamples=resamples,
        catalogue=catalogue,
        seed=seed,
        **options,
    )[1]


def panel_with_bounds(
    codes: Design,
    factors: Design,
    changed_factor: ArrayLike | None = None,
    *,
    ceiling: bool = True,
    repeated: Collection[str] | None = None,
    resamples: int = 5,
    catalogue: Catalogue | None = None,
    seed: int = 0,
    **options: Any,  # noqa: ANN401
) -> tuple[Panel, dict[str, Score]]:
    """Compute the panel, and each of its scores with floor, ceiling and interval.

    Parameters
    ----------
    codes, factors, changed_factor, resamples, catalogue, seed, **options
        As of `scored_panel`.
    ceiling : bool
        Whether to score a perfect code; without it ceilings are NaN.
    repeated : collection of str, optional
        Metrics whose scores get an interval; all by default.

    Returns
    -------
    panel : Panel
        Scores and the matrices behind them.
    scores : dict of str to Score
        By the names of `Panel.scores`.
    """
    catalogue = catalogue or Catalogue()

    def compute(
        codes: Design,
        factors: Design,
        changed: ArrayLike | None,
        **other: Any,  # noqa: ANN401
    ) -> Panel:
        return disentanglement_panel(
            codes, factors, changed, catalogue=catalogue, seed=seed, **(options | other)
        )

    again: dict[str, Any] = {}
    if repeated is not None:
        chosen = chosen_metrics(
            options.get("metrics", "full"),
            options.get("options"),
            catalogue=catalogue,
            with_pairs=codes.first is not None,
        )
        again["metrics"] = {name: chosen[name] for name in chosen if name in repeated}
    panel = compute(codes, factors, changed_factor)
    intervals = jackknife_intervals(
        lambda *design: compute(*design, **again).scores,
        panel.scores,
        codes,
        factors,
        changed_factor,
        resamples=resamples,
        catalogue=catalogue,
        seed=seed,
    )
    shuffled = shuffled_codes(codes, np.random.default_rng(seed))
    bounds = [compute(shuffled, factors, changed_factor).scores]
    if ceiling:
        bounds.append(compute(perfect_code(factors), factors, changed_factor).scores)
    for bound in bounds:  # a count is neither good nor bad
        bound["active_dims"] = np.nan
    floor, highest = bounds[0], bounds[-1] if ceiling else dict.fromkeys(bounds[0], np.nan)
    rows = {
        "n_train": len(codes.train),
        "n_test": len(codes.test),
        "n_pairs": 0 if codes.first is None else len(codes.first),
    }
    active = tuple(panel.active.tolist())
    scores = {
        name: Score(value, *intervals[name], floor[name], highest[name], **rows, active=active)
        for name, value in panel.scores.items()
    }
    return panel, scores


def jackknife_intervals(
    compute: Callable[[Design, Design, NDArray[np.intp] | None], Mapping[str, float]],
    scores: Mapping[str, float],
    codes: Design,
    factors: Design,
    changed_factor: ArrayLike | None = None,
    *,
    resamples: int = 5,
    catalogue: Catalogue | None = None,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each score by a jackknife over groups of rows.

    All rows are dealt into groups of equal size, the pairs of each factor apart, and the
    scores are computed anew without each group.

    Parameters
    ----------
    compute : callable (codes, factors, changed_factor) -> dict of str to float
        Computes the scores.
    scores : mapping of str to float
        Those of all rows.
    codes, factors, changed_factor
        Those of `disentanglement_panel`.
    resamples : int
        Number of groups (at least 2), or 0 for no intervals.
    catalogue : Catalogue, optional
        Whose metrics declare the ranges of scores; by default the built-in ones.
    seed : int
        Of the groups.

    Returns
    -------
    dict of str to tuple of float
        Lower and upper bound of each score, NaN without resamples: the score ± Student's t
        with one degree of freedom less than groups, times the jackknife's standard error,
        within the range of the score. NaN too where rows are too few to leave a group out.

    Raises
    ------
    ValueError
        If there is one resample or less than none, or a part of the rows is too few for a metric.

    References
    ----------
    Kott (2001), "The delete-a-group jackknife", Journal of Official Statistics 17(4).
    """
    if resamples == 1 or resamples < 0:
        raise ValueError(
            f"a jackknife needs at least 2 groups, not {resamples}; resamples=0 for no intervals"
        )
    if resamples == 0 or min(len(codes.train), len(codes.test)) < 2:  # a group would be all rows
        return dict.fromkeys(scores, (np.nan, np.nan))
    rng = np.random.default_rng(seed)
    changed = None if changed_factor is None else np.asarray(changed_factor)
    groups = Design(
        deal(np.zeros(len(codes.train)), resamples, rng),
        deal(np.zeros(len(codes.test)), resamples, rng),
        *(() if changed is None else [deal(changed, resamples, rng)] * 2),
    )

    def without(group: int) -> Mapping[str, float]:
        left = _rows(codes, groups, group), _rows(factors, groups, group)
        try:
            return compute(*left, None if changed is None else changed[groups.first != group])
        except ConstantFactorError:  # the rows of a rare value were all in that group
            return {}

    runs = [without(group) for group in range(resamples)]
    ranges = score_ranges(catalogue or Catalogue())
    # A metric that the rows are too few for without a group has no interval.
    return {
        name: jackknife_interval(
            value,
            [run.get(name, np.nan) for run in runs],
            *ranges.get(name.partition("[")[0], (-np.inf, np.inf)),
        )
        for name, value in scores.items()
    }


def jackknife_interval(
    value: float, without: ArrayLike, smallest: float = -np.inf, largest: float = np.inf
) -> tuple[float, float]:
    """Return the 95 % interval of one score from its values without each group of rows.

    Parameters
    ----------
    value : float
        The score of all rows.
    without : array_like, shape (groups,)
        The score without each group.
    smallest, largest : float
        Range of the score, beyond which no bound lies.

    Returns
    -------
    tuple of float
        Lower and upper bound.
    """
    without = np.asarray(without, dtype=np.float64)
    groups = len(without)
    error = np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum())
    half = stdtrit(groups - 1, 0.975) * error
    low, high = np.clip([value - half, value + half], smallest, largest)
    return float(low), float(high)


def deal(stratum: ArrayLike, groups: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Deal rows into groups at random, of equal numbers within each stratum.

    Parameters
    ----------
    stratum : array_like, shape (N,)
        Rows with the same value are dealt on their own.
    groups : int
        Number of groups.
    rng : numpy.random.Generator
        Source of the order.

    Returns
    -------
    ndarray of int, shape (N,)
        Group of each row, from 0.
    """
    stratum = np.asarray(stratum)
    dealt = np.empty(len(stratum), dtype=np.intp)
    for value in np.unique(stratum):
        rows = np.flatnonzero(stratum == value)
        dealt[rng.permutation(rows)] = np.arange(len(rows)) % groups
    return dealt


def _rows(design: Design, groups: Design, group: int) -> Design:
    """Return a design without the rows of one group."""
    tables = (
        (design.train, groups.train),
        (design.test, groups.test),
        (design.first, groups.first),
        (design.second, groups.second),
    )
    return Design(*(None if table is None else table[of != group] for table, of in tables))


def score_by_size(
    codes: Design,
    factors: Design,
    changed_factor: ArrayLike | None = None,
    *,
    sizes: Sequence[int],
    seed: int = 0,
    **options: Any,  # noqa: ANN401
) -> dict[int, dict[str, Score]]:
    """Return how scores, their floor and their ceiling move with the number of rows.

    Parameters
    ----------
    codes, factors, changed_factor
        Those of `scored_panel`.
    sizes : sequence of int
        Numbers of training rows. Test rows and pairs shrink in proportion; smaller parts
        lie within larger ones.
    seed : int
        Of the parts, and of the panel.
    **options
        More options of `scored_panel`; there are no intervals unless `resamples` asks for them.

    Returns
    -------
    dict of int to dict of str to Score
        The panel for each size.

    Raises
    ------
    ValueError
        If a size is not from 2 to the number of training rows, or too small for a metric.
    """
    n_train = len(codes.train)
    if not all(2 <= size <= n_train for size in sizes):
        raise ValueError(f"sizes must be from 2 to the {n_train} training rows: {list(sizes)}")
    changed = None if changed_factor is None else np.asarray(changed_factor)
    rng = np.random.default_rng(seed)
    # The rank of each row in a random order: a part is the rows of the lowest ranks.
    ranks = Design(
        _shuffled_share(np.zeros(n_train), rng),
        _shuffled_share(np.zeros(len(codes.test)), rng),
        *(() if changed is None else [_shuffled_share(changed, rng)] * 2),
    )
    panels = {}
    for size in sizes:
        share = size / n_train
        beyond = ranks.map(lambda rank, share=share: (rank >= share).astype(np.intp))
        panels[size] = scored_panel(
            _rows(codes, beyond, 1),
            _rows(factors, beyond, 1),
            None if changed is None else changed[beyond.first == 0],
            seed=seed,
            **({"resamples": 0} | options),
        )
    return panels


def _shuffled_share(stratum: NDArray, rng: np.random.Generator) -> FloatArray:
    """Return places from 0 to below 1, in random order, evenly spread within each stratum."""
    share = np.empty(len(stratum))
    for value in np.unique(stratum):
        rows = np.flatnonzero(stratum == value)
        share[rng.permutation(rows)] = np.arange(len(rows)) / len(rows)
    return share
