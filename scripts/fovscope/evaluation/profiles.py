"""Profiles of a screen by any representation of its cells, and how good they are.

All images of the target count, whatever their split: nothing that is scored was trained on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fovscope.dimensions import Owner, dimension_names, owners
from fovscope.evaluation.base import Given, View
from fovscope.evaluation.choices import choices
from fovscope.interpret.features import STAND_INS
from fovscope.profiles.batches import batch_scores
from fovscope.profiles.effects import effect_sizes
from fovscope.profiles.export import metadata
from fovscope.profiles.mechanism import (
    bootstrap_mean,
    confusion,
    nearest_neighbours,
)
from fovscope.profiles.normalisation import normalise
from fovscope.profiles.precision import Precision, activity, consistency
from fovscope.profiles.replication import percent_matching, percent_replicating
from fovscope.profiles.wells import (
    COLUMNS,
    ProfileError,
    Profiles,
    pool_treatments,
    pool_wells,
    screen_columns,
    varying,
)
from fovscope.records import score_table
from fovscope.registry import evaluation
from fovscope.representations.measured import handcrafted_names

Row = dict[str, Any]


@evaluation("profiles")
def profiles(given: Given) -> dict[str, pd.DataFrame]:
    """Pool cells to wells and treatments, and score these under each normalisation.

    Beside the scores come the wells of the last view, not normalised, as pycytominer reads them.
    """
    options = given.options["profiles"]
    tables, exported = [], None
    for view in given.views():
        images = (view.images["role"] == "image").to_numpy()
        cells = screen_columns(view.images[images], {name: options[name] for name in COLUMNS})
        wells = pool_wells(cells, view.values[images])
        names, named = _names(given, view.values.shape[1])
        exported = pd.concat(
            [metadata(wells.about), pd.DataFrame(wells.values, columns=names)], axis=1
        )
        for name, values, mask in choices(given, view):
            seen = values if mask is None else values[:, mask]
            pooled = pool_wells(cells, seen[images])
            rows = scored_wells(pooled, options, name=name, seed=given.seed)
            tables.append(_tidy(given, view, rows, kind="profiles", representation=name))
        effects = named_effects(wells, named)
        tables.append(_tidy(given, view, effects, kind="effects"))
    tables = [table for table in tables if len(table)] or [score_table({}, given.identity)]
    return {"scores": pd.concat(tables, ignore_index=True), "wells": exported}


def _names(given: Given, count: int) -> tuple[list[str], list[Owner]]:
    """Return what dimensions are called, and which of them effects are told of by a name."""
    if given.options.get("measured"):
        names = handcrafted_names()
        return names, [Owner(name if name in STAND_INS else "") for name in names]
    meant = [one for one in given.bound if not one.factor.nuisance]
    return dimension_names(count, given.bound), owners(count, meant)


def _tidy(
    given: Given,
    view: View,
    rows: Sequence[Row] | pd.DataFrame,
    **identity: str,
) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    return score_table(table, view.identity.replace(**identity), **given.provenance)


def scored_wells(
    wells: Profiles, options: Mapping[str, Any], *, name: str = "", seed: int = 0
) -> list[Row]:
    """Return the scores of wells under each normalisation.

    Dimensions that are the same in all wells are left out; where that is all of them, there is
    nothing to score, and the log says so.

    Parameters
    ----------
    wells : Profiles
        As of `pool_wells`.
    options : mapping
        The section `profiles` of the target.
    name : str
        Of the representation, for the log.
    seed : int
        Of all that is drawn.

    Returns
    -------
    list of dict
        ``normalisation, score, value, low, high`` (95 % interval), ``n`` (what it is a mean over)
        and ``left_out`` (what could not be asked, by name, or why there is no score); of ``nsc``
        and ``nscb`` also ``chance``, of ``confusion`` ``moa, neighbour_moa``.
    """
    kept = varying(wells)
    if not kept.any():
        logging.warning("%s is the same in all wells: there is nothing to profile", name)
        return []
    wells = Profiles(wells.about, wells.values[:, kept])
    rows = []
    for how in options["normalisations"]:
        normalised = normalise(wells, how, regularisation=options["regularisation"], seed=seed)
        found = _scores(normalised, options, seed)
        rows += [{"normalisation": how} | row for row in found]
    return rows


def _scores(wells: Profiles, options: Mapping[str, Any], seed: int) -> Iterator[Row]:
    treatments = pool_treatments(wells)
    draws = {"resamples": options["resamples"], "seed": seed}

    def mean(score: str, values: pd.Series, left_out: Sequence[str] = ()) -> Row:
        low, high = bootstrap_mean(values.to_numpy(float), **draws)
        value = values.mean() if len(values) else np.nan
        row = {"score": score, "value": float(value), "low": low, "high": high}
        return row | {"n": len(values), "left_out": ", ".join(left_out)}

    def neighbours(score: str, other_batch: bool) -> Iterator[Row]:
        found = nearest_neighbours(
            treatments, other_batch=other_batch, batch_rule=options["batch_rule"]
        )
        chance = {"chance": float(found.found["chance"].mean())}
        yield mean(score, found.found["correct"], found.without) | chance
        if not other_batch:
            for line in confusion(found).to_dict("records"):
                yield {"score": "confusion", "value": line.pop("share")} | line

    def precision(score: str, of: Callable[..., Precision], profiles: Profiles) -> Iterator[Row]:
        found = of(profiles, null_size=options["null_size"], seed=seed)
        yield mean(score, found.scores["significant"], found.without)
        yield mean(f"{score}_map", found.scores["normalised_map"], found.without)

    def share(score: str, of: Callable[..., pd.DataFrame], profiles: Profiles) -> Iterator[Row]:
        yield mean(score, of(profiles, seed=seed)["above"])

    yield from _asked("nsc", lambda: neighbours("nsc", False))
    yield from _asked("nscb", lambda: neighbours("nscb", True))
    yield from _asked("active", lambda: precision("active", activity, wells))
    yield from _asked("consistent", lambda: precision("consistent", consistency, treatments))
    yield from _asked("replicating", lambda: share("replicating", percent_replicating, wells))
    yield from _asked("matching", lambda: share("matching", percent_matching, treatments))
    for score, value in batch_scores(wells, seed=seed).items():
        yield {"score": score, "value": value, "n": len(wells), "left_out": ""}


def _asked(score: str, ask: Callable[[], Iterator[Row]]) -> list[Row]:
    """Return the rows of a score, or one that says why this screen has none.

    A screen without mechanisms of action, say, has no NSC, but it has replicates.
    """
    try:
        return list(ask())
    except ProfileError as error:
        return [{"score": score, "value": np.nan, "n": 0, "left_out": str(error)}]


def named_effects(wells: Profiles, named: Sequence[Owner]) -> pd.DataFrame:
    """Return the effects of treatments on dimensions that bear a name.

    Parameters
    ----------
    wells : Profiles
        As of `pool_wells`, D dimensions.
    named : sequence of Owner
        Of each dimension the factor that training bound it to, or the property that it is.

    Returns
    -------
    DataFrame
        ``score`` (``effect``), ``value, low, high``, ``n`` wells, ``treatment, compound,
        concentration, moa``, ``dimension`` and its ``factor`` and ``part``. Empty where no
        dimension has a name, or no plate has controls to compare with.
    """
    chosen = [k for k, owner in enumerate(named) if owner.factor]
    if not chosen:
        return pd.DataFrame()
    try:
        found = effect_sizes(Profiles(wells.about, wells.values[:, chosen]), chosen)
    except ProfileError as error:
        logging.warning("no effects: %s", error)
        return pd.DataFrame()
    found = found.rename(columns={"effect": "value", "wells": "n"})
    for part in ("factor", "part"):
        found[part] = [getattr(named[k], part) for k in found["dimension"]]
    return found.assign(score="effect", dimension=found["dimension"].astype(int))
