"""Does do() do? Measured properties of edited images against what they were set to.

An intervention sets one property of the object in a real image, do(Size = 80 px). Two questions
decide whether the images say what their table says:

* **Does the property follow?** A regression of the measured counterpart on the setting: slope 1 and
  R² 1 where everything came out as set, 0 where nothing happened. Of a factor whose steps are
  ratios (`Factor.log`) both are logarithms. Of a direction both are unit complex numbers, centred,
  and the regression is complex: its slope is the real part of the coefficient, its R² the squared
  modulus of the complex correlation (Kundu 1976). Where settings go all around the circle, this
  slope is the mean resultant of the difference, E cos(measured - set); unlike that, it is 0 also
  where settings cover a short arc and nothing follows them. The same within pairs that differ in
  this setting alone, changes against changes, leaves out what other settings and the image itself
  do to the measurement: an R² for factors that nothing measures alone, such as texture.
* **Does anything else move?** Within pairs that differ in one setting alone: the mean absolute
  difference of each measured property, in units of its spread over natural test images (SD; of a
  direction the angular deviation).

Edited images whose object is doubtful (`flag`) are left out. Intervals are bootstraps over the
images that were edited.

References
----------
Kundu (1976), "Ekman veering observed near the ocean bottom", J. Phys. Oceanogr. 6:238-242
(complex correlation). Mardia and Jupp (2000), Directional Statistics, chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fovscope import FovscopeError
from fovscope.angles import difference, on_circle, spread
from fovscope.datasets.design import BASE
from fovscope.evaluation.base import Given
from fovscope.evaluation.resampling import bootstrap_interval
from fovscope.factors import Factor
from fovscope.interpret.features import FEATURES
from fovscope.records import score_table
from fovscope.registry import evaluation

FEWEST = 20
"""Sound objects below which nothing is said, as for correlations."""

_NOTHING = 1e-9
"""What numbers of the order of 1 differ by in rounding."""


class Fit(NamedTuple):
    """A regression of measured values on settings.

    Attributes
    ----------
    slope : float
        1 where values came out as set, 0 where they do not follow.
    r2 : float
        Share of the variance that settings explain.
    """

    slope: float
    r2: float


@evaluation("interventions")
def interventions(given: Given) -> dict[str, pd.DataFrame]:
    """Compare edited test images with their settings, by what is measured of their objects.

    Takes ``table``, ``facts`` and ``objects`` of the interventions, ``natural_table`` and
    ``natural_objects`` of the images that were edited.
    """
    edited = _sound_test_images(given.inputs["table"], given.inputs["objects"])
    natural = _sound_test_images(given.inputs["natural_table"], given.inputs["natural_objects"])
    factors = [Factor.from_json(raw) for raw in given.inputs["facts"]["factors"]]
    rng = np.random.default_rng(given.seed)
    found = pd.concat(
        [do_effects(edited, factors, rng=rng), movements(edited, natural, factors, rng=rng)],
        ignore_index=True,
    )
    identity = given.identity.replace(kind="interventions", **given.options["identity"])
    return {"scores": score_table(found, identity, **given.provenance)}


def _sound_test_images(images: pd.DataFrame, objects: pd.DataFrame) -> pd.DataFrame:
    """Return the test images whose object is beyond doubt, with what is measured of it."""
    measured = objects.loc[objects["flag"] == "", ["image_id", *FEATURES]]
    return images[images["split"] == "test"].merge(measured, on="image_id", validate="one_to_one")


# Does the property follow? -----------------------------------------------------------------


def measured_by(factor: Factor) -> str | None:
    """Return the feature that measures a factor: the first counterpart in the factor's unit.

    Where no counterpart has its unit, the first one; None where there is none.
    """
    known = [name for name in factor.counterparts if name in FEATURES]
    in_unit = [name for name in known if FEATURES[name].unit == factor.unit]
    return next(iter([*in_unit, *known]), None)


def fit_settings(
    settings: ArrayLike, measured: ArrayLike, *, log: bool = False, period: float | None = None
) -> Fit:
    """Regress measured values on settings.

    Parameters
    ----------
    settings, measured : array_like, shape (N,)
        Values, all finite; above 0 where `log` says so.
    log : bool
        Whether to regress logarithms.
    period : float, optional
        Of a direction.

    Returns
    -------
    Fit
        NaN where all settings are the same: then nothing was asked. Slope and R² are 0 where all
        measured values are the same.

    Raises
    ------
    ValueError
        If a logarithm is asked of a value that has none.
    """
    x, y = (_on_scale(values, log=log, period=period) for values in (settings, measured))
    return _regressed(x - x.mean(), y - y.mean())


def fit_changes(
    settings: ArrayLike, measured: ArrayLike, *, log: bool = False, period: float | None = None
) -> Fit:
    """Regress changes of measured values on changes of settings within pairs, through 0.

    Parameters
    ----------
    settings, measured : array_like, shape (2, P)
        Values of first and second members.
    log, period
        As of `fit_settings`.

    Returns
    -------
    Fit
        As of `fit_settings`.
    """
    x, y = (_on_scale(values, log=log, period=period) for values in (settings, measured))
    return _regressed(x[1] - x[0], y[1] - y[0])


def _on_scale(values: ArrayLike, *, log: bool, period: float | None) -> NDArray:
    """Return values on the scale on which equal steps are equal differences."""
    if period is not None:
        return on_circle(values, period)
    values = np.asarray(values, np.float64)
    if log and values.min(initial=np.inf) <= 0:
        raise ValueError("a factor in ratios has settings and measurements above 0 only")
    return np.log(values) if log else values


def _regressed(x: NDArray, y: NDArray) -> Fit:
    """Return the regression of y on x without an intercept, both real or both complex."""
    # Of constants, rounding leaves a variance, and a slope of nothing on nothing.
    if np.abs(x).max(initial=0) < _NOTHING:
        return Fit(np.nan, np.nan)
    if np.abs(y).max(initial=0) < _NOTHING:
        return Fit(0.0, 0.0)
    together = np.vdot(x, y)  # conjugates x
    of_x, of_y = np.vdot(x, x).real, np.vdot(y, y).real
    return Fit(float(together.real / of_x), float(abs(together) ** 2 / (of_x * of_y)))


def do_effects(
    edited: pd.DataFrame, factors: Sequence[Factor], *, rng: np.random.Generator
) -> pd.DataFrame:
    """Return slope and R² of what measures each factor against its settings.

    Parameters
    ----------
    edited : DataFrame
        Edited images: ``base``, ``role``, ``pair``, ``member``, ``changed``, a column for each
        factor (NaN where it was not set) and the columns of `FEATURES`.
    factors : sequence of Factor
        What was set; those that nothing measures have no rows.
    rng : numpy.random.Generator
        Of the intervals.

    Returns
    -------
    DataFrame
        ``score`` (``slope``, ``r2``; ``r2_within``, that of changes within pairs), ``factor``,
        ``feature`` (that measures it), ``value``, ``low``, ``high`` (95 % interval), ``n`` (images,
        or pairs). Values are NaN where fewer than `FEWEST` of them tell.
    """
    rows = [
        {"factor": factor.name, "feature": feature} | row
        for factor in factors
        if (feature := measured_by(factor)) is not None
        for row in _effects(edited, factor, feature, rng)
    ]
    columns = ["score", "factor", "feature", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def _effects(
    edited: pd.DataFrame, factor: Factor, feature: str, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Yield how a feature follows the settings of a factor."""
    settings, measured = edited[factor.column], edited[feature]
    known = settings.notna() & measured.notna()
    if factor.log:  # no contrast at all has no logarithm
        known &= (settings > 0) & (measured > 0)
    scale = {"log": factor.log, "period": factor.period}
    kept = edited[known]
    x, y = (kept[name].to_numpy(np.float64) for name in (factor.column, feature))
    fit = _fitted(lambda rows: fit_settings(x[rows], y[rows], **scale), kept[BASE], rng)
    pairs = pairs_of(kept, factor.name)
    of_pairs = [
        np.stack([members[name].to_numpy(np.float64) for members in pairs])
        for name in (factor.column, feature)
    ]
    within = _fitted(
        lambda rows: fit_changes(*(values[:, rows] for values in of_pairs), **scale),
        pairs.first[BASE],
        rng,
    )
    yield {"score": "slope", "n": len(kept), **fit["slope"]}
    yield {"score": "r2", "n": len(kept), **fit["r2"]}
    yield {"score": "r2_within", "n": len(pairs.first), **within["r2"]}


def _fitted(
    fit: Callable[[NDArray | slice], Fit], base: pd.Series, rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """Return value and interval of slope and R²; NaN of too few rows."""
    if len(base) < FEWEST:
        return dict.fromkeys(Fit._fields, dict.fromkeys(("value", "low", "high"), np.nan))
    value, bounds = fit(slice(None)), bootstrap_interval(fit, base, rng=rng)
    return {
        name: {"value": value[k], "low": bounds[0][k], "high": bounds[1][k]}
        for k, name in enumerate(Fit._fields)
    }


# Does anything else move? ------------------------------------------------------------------


class _Pairs(NamedTuple):
    """The first and the second members of pairs, row by row."""

    first: pd.DataFrame
    second: pd.DataFrame


def pairs_of(images: pd.DataFrame, factor: str) -> _Pairs:
    """Return the pairs of the role ``factor_pair`` that differ in one factor alone.

    A pair of which one member is missing is left out.

    Raises
    ------
    FovscopeError
        If a pair was made of two images.
    """
    of_factor = images[(images["role"] == "factor_pair") & (images["changed"] == factor)]
    first, second = (of_factor[of_factor["member"] == k].set_index("pair") for k in (0, 1))
    both = first.index.intersection(second.index)
    pairs = _Pairs(first.loc[both], second.loc[both])
    if BASE in images and (strangers := both[(pairs.first[BASE] != pairs.second[BASE])]).size:
        raise FovscopeError(
            f"{len(strangers)} pairs of interventions on {factor} are made of two images each, "
            f"first pair {strangers[0]}; a pair must be one image edited twice: make the "
            "interventions again"
        )
    return pairs


def movements(
    edited: pd.DataFrame,
    natural: pd.DataFrame,
    factors: Sequence[Factor],
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return how far each measured property moves when one factor alone is set anew.

    Parameters
    ----------
    edited : DataFrame
        Edited images, as for `do_effects`, with ``role``, ``pair``, ``member`` and ``changed``.
    natural : DataFrame
        Natural images, columns of `FEATURES`: the scale. What does not vary there has no rows.
    factors : sequence of Factor
        What was set.
    rng : numpy.random.Generator
        Of the intervals.

    Returns
    -------
    DataFrame
        ``score`` (``movement``), ``factor``, ``feature``, ``value`` (mean absolute difference
        within pairs, in units of the spread over natural images), ``low``, ``high``, ``n`` (pairs)
        and ``own``, whether the feature is a counterpart of the factor. Values are NaN where fewer
        than `FEWEST` pairs tell.
    """
    units = _units(natural)
    rows = [row for factor in factors for row in _movements(edited, units, factor, rng)]
    columns = ["score", "factor", "feature", "value", "low", "high", "n", "own"]
    return pd.DataFrame(rows, columns=columns)


def _units(natural: pd.DataFrame) -> dict[str, float]:
    """Return the spread of each feature that varies over natural images."""
    units = {}
    for name, feature in FEATURES.items():
        values = natural[name].to_numpy(np.float64)
        values = values[np.isfinite(values)]
        unit = spread(values, feature.period) if len(values) >= FEWEST else 0.0
        if unit > 1e-9 * np.abs(values).max(initial=0):
            units[name] = unit
    return units


def _movements(
    edited: pd.DataFrame, units: Mapping[str, float], factor: Factor, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    pairs = pairs_of(edited, factor.name)
    moved = np.empty((len(pairs.first), len(units)))
    for k, (name, unit) in enumerate(units.items()):
        first, second = (members[name].to_numpy(np.float64) for members in pairs)
        moved[:, k] = np.abs(difference(first, second, FEATURES[name].period)) / unit
    known = np.isfinite(moved)  # a grey object has no hue
    moved[~known] = 0

    def means(rows: NDArray | slice) -> NDArray[np.float64]:
        count = known[rows].sum(axis=0)
        total = moved[rows].sum(axis=0)
        return np.divide(total, count, out=np.full(len(units), np.nan), where=count > 0)

    value, n = means(slice(None)), known.sum(axis=0)
    low, high = bootstrap_interval(means, pairs.first[BASE], rng=rng)
    few = n < FEWEST
    value[few] = low[few] = high[few] = np.nan
    for k, name in enumerate(units):
        yield {
            **{"score": "movement", "factor": factor.name, "feature": name},
            **{"value": value[k], "low": low[k], "high": high[k], "n": int(n[k])},
            "own": name in factor.counterparts,
        }
