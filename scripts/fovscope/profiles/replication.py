"""Percent replicating and percent matching (Way et al. 2022, Cell Syst 13:911).

Pearson correlations of profiles: the median over the wells of a treatment (over treatments of an
MOA but of different compounds) must exceed the 95th percentile of medians over as many wells of
different treatments (over as many compounds, of different MOAs).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.profiles.wells import ProfileError, Profiles

QUANTILE = 0.95
"""Of the null that a median must exceed."""

_DRAWS = 1000

_FEWEST = 3
"""Numbers of a profile: two lie on a line, whatever they are."""


def percent_replicating(wells: Profiles, *, draws: int = _DRAWS, seed: int = 0) -> pd.DataFrame:
    """Return of each treatment with two and more wells whether it replicates.

    Parameters
    ----------
    wells : Profiles
        Controls are left out.
    draws, seed : int
        Medians of the null for each number of wells, and their seed.

    Returns
    -------
    DataFrame
        ``treatment, correlation`` (median), ``threshold, above``; percent replicating is the mean
        of `above`.

    Raises
    ------
    ProfileError
        If no treatment has two wells, there is one treatment, or there are fewer than 3 dimensions.
    """
    treated = wells.at(~wells.about["control"].to_numpy())
    rows = _standardised(treated.values)
    groups = list(treated.about.groupby("treatment", sort=True).indices.items())
    replicated = [(name, found) for name, found in groups if len(found) > 1]
    if not replicated:
        raise ProfileError("no treatment has two wells: there is no replication to measure")
    rng = np.random.default_rng(seed)
    thresholds = {}
    for size in sorted({len(found) for _, found in replicated}):
        drawn = min(size, len(groups))
        if drawn < 2:
            raise ProfileError("there is one treatment: nothing to compare its replicates with")
        null = [_of_different(rows, groups, drawn, rng) for _ in range(draws)]
        thresholds[size] = np.quantile(null, QUANTILE)
    found = pd.DataFrame(
        [(name, _median(rows[at]), thresholds[len(at)]) for name, at in replicated],
        columns=["treatment", "correlation", "threshold"],
    )
    return found.assign(above=found["correlation"] > found["threshold"])


def percent_matching(treatments: Profiles, *, draws: int = _DRAWS, seed: int = 0) -> pd.DataFrame:
    """Return of each MOA with two and more compounds whether these match.

    Parameters
    ----------
    treatments : Profiles
        Those without an MOA are left out.
    draws, seed : int
        Medians of the null for each number of compounds, and their seed.

    Returns
    -------
    DataFrame
        ``moa, correlation, threshold, above``; percent matching is the mean of `above`.

    Raises
    ------
    ProfileError
        If no MOA has two compounds, there is one MOA, or there are fewer than 3 dimensions.
    """
    known = treatments.at(treatments.about["moa"].notna().to_numpy())
    rows, moas = _standardised(known.values), known.about["moa"]
    correlations = rows @ rows.T  # once: a product for each draw takes twenty times as long
    compounds = pd.factorize(known.about["compound"])[0]
    kinds = pd.factorize(moas)[0]
    at_compound = [np.flatnonzero(compounds == k) for k in range(compounds.max(initial=-1) + 1)]
    sizes = {moa: known.about["compound"][moas == moa].nunique() for moa in sorted(set(moas))}
    matched = {moa: size for moa, size in sizes.items() if size > 1}
    if not matched or len(sizes) < 2:
        raise ProfileError(
            "percent matching needs two mechanisms of action, and one of two and more compounds"
        )
    rng = np.random.default_rng(seed)
    thresholds = {
        size: np.quantile(
            [_of_other_moas(correlations, at_compound, kinds, size, rng) for _ in range(draws)],
            QUANTILE,
        )
        for size in sorted(set(matched.values()))
    }
    found = []
    for moa, size in matched.items():
        at = np.flatnonzero(moas == moa)
        differ = compounds[at][:, None] != compounds[at]
        correlation = float(np.median(correlations[np.ix_(at, at)][differ]))
        found.append((moa, correlation, thresholds[size]))
    table = pd.DataFrame(found, columns=["moa", "correlation", "threshold"])
    return table.assign(above=table["correlation"] > table["threshold"])


def _standardised(values: NDArray) -> NDArray[np.float64]:
    """Return rows whose products are Pearson correlations; a constant row correlates with none."""
    if values.shape[1] < _FEWEST:
        raise ProfileError(
            f"profiles of {values.shape[1]} numbers do not correlate: {_FEWEST} and more are needed"
        )
    centred = values - values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(lengths > 0, lengths, 1)


def _median(rows: NDArray) -> float:
    above = np.triu_indices(len(rows), 1)
    return float(np.median((rows @ rows.T)[above]))


def _of_different(
    rows: NDArray, groups: list[tuple[str, NDArray]], size: int, rng: np.random.Generator
) -> float:
    """Return the median correlation of `size` wells of different treatments."""
    chosen = rng.choice(len(groups), size, replace=False)
    return _median(rows[[rng.choice(groups[k][1]) for k in chosen]])


def _of_other_moas(
    correlations: NDArray,
    at_compound: list[NDArray],
    kinds: NDArray,
    size: int,
    rng: np.random.Generator,
) -> float:
    """Return the median correlation of treatments of `size` compounds, between MOAs only."""
    while True:
        chosen = rng.choice(len(at_compound), size, replace=False)
        at = np.concatenate([at_compound[k] for k in chosen])
        differ = kinds[at][:, None] != kinds[at]
        if differ.any():
            return float(np.median(correlations[np.ix_(at, at)][differ]))
