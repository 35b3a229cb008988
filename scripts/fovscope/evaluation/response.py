"""Do dimensions answer to what is set? Codes of real images that differ in one setting.

A pair of edited images differs in one factor alone, so whatever moves in the code moves because of
it, be it by way of what the edit left behind (`fovscope.evaluation.trace`). Per dimension and
factor:

* **share**: the dimension's part of all squared movement, sum of Δz_k² / sd_k² over the same of all
  dimensions. Shares of all dimensions sum to 1, those of two dimensions are the share of the plane
  that they span, and a code without any relation gives each of d dimensions 1/d. The movement of
  a dimension is in units of its SD over all edited test images; inactive dimensions have no share.
* **lead**: the share over the sum of it and of the largest share of another name or free dimension:
  one half is a tie, two thirds twice as much. Unlike the share it does not fall as free
  dimensions are added, each of which moves a little.
* **direction**: whether the dimension goes up as the setting goes up. Spearman's rank correlation
  of the change of the dimension with that of the setting. Of a direction a single dimension has
  none. Two that hold cosine and sine turn with it: theirs is the rotational correlation
  |sum of Δz conj(Δu)| / sqrt(sum of |Δz|² · sum of |Δu|²) of the changes of z = z_cos + i z_sin and
  u = exp(iθ). It is 1 where the code turns as was set, from wherever it starts, and by chance about
  1/sqrt(pairs). A code that turns the other way round does not count.

Intervals are bootstraps over the images that were edited.

References
----------
Schreier and Scharf (2010), Statistical Signal Processing of Complex-Valued Data, section 4.1.1
(rotational correlation). Dapueto et al. (2024), arXiv 2409.18017 (codes judged by pairs that differ
in one known factor).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from fovscope.angles import on_circle
from fovscope.arrays import finite_codes
from fovscope.datasets.design import BASE
from fovscope.dimensions import BOTH, PARTS, Owner, owners
from fovscope.evaluation.base import Given
from fovscope.evaluation.interventions import FEWEST, measured_by, pairs_of
from fovscope.evaluation.resampling import bootstrap_interval
from fovscope.factors import Bound, Factor
from fovscope.records import score_table
from fovscope.registry import evaluation

FloatArray = NDArray[np.float64]


@evaluation("response")
def response(given: Given) -> dict[str, pd.DataFrame]:
    """Ask representations of edited test images how they answer to one setting alone."""
    tables = []
    for view in given.views():
        table = responses(
            view.images,
            view.values,
            [Factor.from_json(raw) for raw in view.facts["factors"]],
            bound=given.bound,
            active_sd=given.options["active_sd"],
            rng=np.random.default_rng(given.seed),
        )
        tables.append(
            score_table(
                table,
                view.identity.replace(kind="response", dataset=given.options["about"]),
                **given.provenance,
            )
        )
    return {"scores": pd.concat(tables, ignore_index=True)}


def responses(
    images: pd.DataFrame,
    codes: ArrayLike,
    factors: Sequence[Factor],
    *,
    bound: Sequence[Bound] = (),
    active_sd: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return how each dimension answers to each setting.

    Parameters
    ----------
    images : DataFrame
        N edited images: ``split``, ``role``, ``pair``, ``member``, ``changed``, ``base`` and a
        column for each factor.
    codes : array_like, shape (N, d)
        Their representation.
    factors : sequence of Factor
        What was set.
    bound : sequence of Bound
        Factors with the dimensions that they name.
    active_sd : float
        SD over edited test images below which a dimension counts as inactive.
    rng : numpy.random.Generator
        Of the intervals.

    Returns
    -------
    DataFrame
        ``score`` (``share``, ``lead``, ``direction``), ``dimension``, ``factor`` and ``part`` (what
        it is bound to, as of `explain_codes`; of a factor that owns two dimensions there are also
        rows of both together, the `dimension` the first of them), ``setting`` (the factor that was
        set), ``measure`` (the feature that measures it, empty if none does), ``value``, ``low``,
        ``high``, ``n`` (pairs). A setting with fewer than `FEWEST` pairs has no rows.
    """
    codes = finite_codes(codes).astype(np.float64)
    test = (images["split"] == "test").to_numpy()
    images, codes = images[test], codes[test]
    columns = ["score", "dimension", "factor", "part", "setting", "measure"]
    columns += ["value", "low", "high", "n"]
    sd = codes.std(axis=0)
    for one in bound:  # two dimensions of a direction keep their common scale: a turn stays a turn
        sd[list(one.dimensions)] = np.sqrt((sd[list(one.dimensions)] ** 2).mean())
    codes = codes / np.where(sd >= active_sd, sd, np.inf)
    rows: list[dict[str, Any]] = []
    for factor in factors:
        moves = _moves(images, codes, factor)
        if len(moves.base) < FEWEST:
            continue
        shared = {"setting": factor.name, "measure": measured_by(factor) or ""}
        rows += [
            row | shared | {"n": len(moves.base)} for row in _answers(moves, factor, bound, rng)
        ]
    return pd.DataFrame(rows, columns=columns)


class _Moves(NamedTuple):
    """What changes within P pairs that differ in one setting.

    Attributes
    ----------
    first, second : ndarray, shape (P, d)
        Codes of the members.
    setting : ndarray, shape (P,)
        Second minus first setting on the scale of the factor; of a direction the difference of
        unit complex numbers, of names 0.
    base : ndarray, shape (P,)
        The images that were edited.
    """

    first: FloatArray
    second: FloatArray
    setting: NDArray
    base: NDArray


def _moves(images: pd.DataFrame, codes: FloatArray, factor: Factor) -> _Moves:
    """Return what changes in the pairs of a factor."""
    pairs = pairs_of(images.assign(row=np.arange(len(images))), factor.name)
    if factor.nominal:
        settings = [np.zeros(len(pairs.first))] * 2
    else:
        settings = [members[factor.column].to_numpy(np.float64) for members in pairs]
        if factor.period is not None:
            settings = [on_circle(values, factor.period) for values in settings]
        elif factor.log:
            settings = list(np.log(settings))
    at = [codes[members["row"].to_numpy()] for members in pairs]
    return _Moves(*at, settings[1] - settings[0], pairs.first[BASE].to_numpy())


def _answers(
    moves: _Moves, factor: Factor, bound: Sequence[Bound], rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Yield shares and directions of d dimensions, then of pairs of dimensions."""
    planes = [one for one in bound if len(one.dimensions) == 2]
    d = moves.first.shape[1]
    who = [
        *({"dimension": k, **owner._asdict()} for k, owner in enumerate(owners(d, bound))),
        *(
            {"dimension": one.dimensions[0], **Owner(one.factor.name, BOTH)._asdict()}
            for one in planes
        ),
    ]
    is_part = np.array([one["part"] in PARTS for one in who])

    def shares(rows: NDArray | slice) -> FloatArray:
        single = movement_shares(moves.first[rows], moves.second[rows])
        return np.array([*single, *(single[list(one.dimensions)].sum() for one in planes)])

    def leads(rows: NDArray | slice) -> FloatArray:
        return np.where(is_part, np.nan, lead_of(np.where(is_part, 0, shares(rows))))

    def directions(rows: NDArray | slice) -> FloatArray:
        changes, setting = moves.second[rows] - moves.first[rows], moves.setting[rows]
        if factor.period is None:
            return np.array([*rank_correlations(changes, setting), *(np.nan for _ in planes)])
        turns = [rotational_correlation(changes[:, one.dimensions], setting) for one in planes]
        return np.array([*(np.nan for _ in range(d)), *turns])

    statistics = {"share": shares, "lead": leads} | (
        {} if factor.nominal else {"direction": directions}
    )
    for score, statistic in statistics.items():
        value = statistic(slice(None))
        low, high = bootstrap_interval(statistic, moves.base, rng=rng)
        for k in np.flatnonzero(np.isfinite(value)):
            yield {"score": score, **who[k], "value": value[k], "low": low[k], "high": high[k]}


def movement_shares(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Return the part of each dimension in all squared movement within pairs.

    Parameters
    ----------
    first, second : array_like, shape (P, d)
        Codes of the members, in units that make dimensions comparable.

    Returns
    -------
    ndarray, shape (d,)
        They sum to 1; all 0 where nothing moves.
    """
    squares = ((np.asarray(second) - np.asarray(first)) ** 2).sum(axis=0)
    total = squares.sum()
    return squares / total if total > 0 else squares


def lead_of(shares: ArrayLike) -> FloatArray:
    """Return each share over the sum of it and of the largest other share.

    Parameters
    ----------
    shares : array_like, shape (d,)
        Not below 0.

    Returns
    -------
    ndarray, shape (d,)
        From 0 to 1, one half for a tie; 0 where nothing moves.
    """
    shares = np.asarray(shares, np.float64)
    others = np.where(np.eye(len(shares), dtype=bool), 0, shares).max(axis=1, initial=0)
    total = shares + others
    return np.divide(shares, total, out=np.zeros(len(shares)), where=total > 0)


def rank_correlations(changes: ArrayLike, setting: ArrayLike) -> FloatArray:
    """Return Spearman's correlation of the change of each dimension with that of the setting.

    Parameters
    ----------
    changes : array_like, shape (P, d)
        Second minus first member.
    setting : array_like, shape (P,)
        Likewise.

    Returns
    -------
    ndarray, shape (d,)
        NaN where either does not vary.
    """
    x, y = rankdata(changes, axis=0), rankdata(setting)
    x, y = x - x.mean(axis=0), y - y.mean()
    length = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    return np.divide(y @ x, length, out=np.full(len(length), np.nan), where=length > 0)


def rotational_correlation(changes: ArrayLike, setting: ArrayLike) -> float:
    """Return how well a plane of dimensions turns as a direction was set.

    Parameters
    ----------
    changes : array_like, shape (P, 2)
        Second minus first member, of cosine and sine.
    setting : array_like of complex, shape (P,)
        Second minus first member, of directions as unit complex numbers.

    Returns
    -------
    float
        From 0 to 1; NaN where either does not change.
    """
    z, u = np.asarray(changes) @ (1, 1j), np.asarray(setting)
    length = np.sqrt((np.abs(z) ** 2).sum() * (np.abs(u) ** 2).sum())
    return float(abs(np.vdot(u, z)) / length) if length > 0 else np.nan
