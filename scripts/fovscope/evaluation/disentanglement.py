"""From representations and image tables to disentanglement: which rows and columns go where.

Disentanglement is measured where factors are known: on the rows of an image table that were drawn
or photographed independently, and on pairs that differ in one factor where there are any (OMES
needs them). Where nothing is known, measured properties of the objects can stand in for factors.
Continuous factors are cut into equally filled levels first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope import FovscopeError
from fovscope.arrays import mask_text
from fovscope.factors import Factor
from fovscope.metrics.honesty import panel_with_bounds
from fovscope.metrics.panel import Panel, discretise, disentanglement_panel
from fovscope.metrics.references import reference_codes
from fovscope.metrics.work import Design
from fovscope.registry import Catalogue

STAND_IN_METRICS = ("mig", "dci")
"""Metrics that say something where factors depend on each other."""


class Factors(NamedTuple):
    """The factors of a data set, arranged for the metrics.

    Attributes
    ----------
    values : Design
        Factor values, K columns.
    names : list of str
        Of the K factors.
    changed : ndarray of int, shape (P,), or None
        The factor in which the members of each pair differ.
    """

    values: Design
    names: list[str]
    changed: NDArray[np.intp] | None


def arrange(images: pd.DataFrame, values: NDArray) -> Design:
    """Arrange rows of an image table, codes or factors, for the metrics.

    Independent rows are for fitting but for those of the test split; pairs are those of the role
    ``factor_pair``.
    """
    role, member = images["role"].to_numpy(), images["member"].to_numpy()
    single, test = role == "image", (images["split"] == "test").to_numpy()
    pair = role == "factor_pair"
    design = Design(train=values[single & ~test], test=values[single & test])
    if not pair.any():
        return design
    return Design(
        design.train, design.test, values[pair & (member == 0)], values[pair & (member == 1)]
    )


def known_factors(images: pd.DataFrame, facts: Mapping[str, Any], levels: int) -> Factors | None:
    """Return the factors of a data set, continuous ones cut into levels; None if none is known."""
    factors = [Factor.from_json(raw) for raw in facts["factors"]]
    if not factors:
        return None
    columns = [
        np.unique(images[factor.column], return_inverse=True)[1]
        if factor.values is not None
        else discretise(images[factor.column], levels)
        for factor in factors
    ]
    names = [factor.name for factor in factors]
    first = (images["role"] == "factor_pair") & (images["member"] == 0)
    changed = images.loc[first, "changed"]
    return Factors(
        arrange(images, np.stack(columns, axis=1)),
        names,
        np.array([names.index(name) for name in changed], np.intp) if len(changed) else None,
    )


def measured_factors(
    images: pd.DataFrame, objects: pd.DataFrame, columns: Sequence[str], levels: int
) -> tuple[Factors, NDArray[np.bool_]]:
    """Return measured properties that stand in for factors, and which images have all of them.

    The properties are no generative factors: they depend on each other, so no code can have
    a dimension for each alone. The scores say which code is nearer to that, not more.

    Parameters
    ----------
    images : DataFrame
        The image table of N images.
    objects : DataFrame
        ``image_id`` and measured columns, in any order; images without an object, or where a
        property is not finite, are left out.
    columns : sequence of str
        The properties.
    levels : int
        Equally filled levels of each.

    Raises
    ------
    FovscopeError
        If a column is missing, or no image has all properties.
    """
    missing = set(columns) - set(objects)
    if missing:
        raise FovscopeError(f"the objects have no column {sorted(missing)[0]!r}")
    measured = objects.set_index("image_id")[list(columns)].reindex(images["image_id"])
    known = np.isfinite(measured.to_numpy(np.float64)).all(axis=1)
    if not known.any():
        raise FovscopeError(f"no image has all of the properties {', '.join(columns)}")
    levelled = np.stack([discretise(measured[name][known], levels) for name in columns], axis=1)
    return Factors(arrange(images[known], levelled), list(columns), None), known


def score_codes(
    codes: Design,
    factors: Factors,
    *,
    panel: Mapping[str, Any],
    catalogue: Catalogue | None = None,
    threads: int,
) -> pd.DataFrame:
    """Return all disentanglement scores of codes, each with floor and interval.

    Parameters
    ----------
    codes : Design
        Numbers of the same rows as the factors.
    factors : Factors
        What is known of them.
    panel : mapping
        ``metrics`` (options by name), ``repeated`` (names of those that get an interval),
        ``resamples``, ``active_sd``.
    catalogue : Catalogue, optional
        Where the metrics are; by default the built-in ones.
    threads : int
        Of whatever is fitted.

    Returns
    -------
    DataFrame
        One row per score: ``score, value, low, high, floor, n_train, n_test, n_pairs,
        active_mask``; the entries of MI/H and S, like ``mi_over_h[z0,Texture]``, have value and
        mask only, of the dimensions that were scored, as text (``"1101"``: not z2).
    """
    found, scores = panel_with_bounds(
        codes,
        factors.values,
        factors.changed,
        ceiling=False,
        repeated=panel["repeated"],
        resamples=panel["resamples"],
        catalogue=catalogue,
        factor_names=factors.names,
        metrics=panel["metrics"],
        active_sd=panel["active_sd"],
        threads=threads,
    )
    for metric, reason in found.left_out.items():
        logging.warning("%s is left out: %s", metric, reason)
    of_score = ("value", "low", "high", "floor", "n_train", "n_test", "n_pairs")
    table = pd.DataFrame(
        [(name, *(getattr(score, key) for key in of_score)) for name, score in scores.items()],
        columns=["score", *of_score],
    )
    entries = _matrices(found, factors.names)
    matrices = pd.DataFrame({"score": list(entries), "value": list(entries.values())})
    whole = pd.concat([table, matrices], ignore_index=True)
    return whole.assign(active_mask=mask_text(found.active))


def score_references(
    factors: Factors,
    *,
    latent_dim: int,
    panel: Mapping[str, Any],
    catalogue: Catalogue | None = None,
    threads: int,
) -> dict[str, dict[str, float]]:
    """Return the scores of codes of known quality on the factors of a data set, by code."""
    codes = reference_codes(factors.values, latent_dim, np.random.default_rng(0))
    return {
        name: disentanglement_panel(
            code,
            factors.values,
            factors.changed,
            factor_names=factors.names,
            metrics=panel["metrics"],
            catalogue=catalogue,
            active_sd=panel["active_sd"],
            threads=threads,
        ).scores
        for name, code in codes.items()
    }


def _matrices(panel: Panel, names: Sequence[str]) -> Mapping[str, float]:
    """Flatten MI/H and S into scores like ``mi_over_h[z0,Texture]``."""
    matrices = {"mi_over_h": panel.mi_over_h, "association": panel.association}
    return {
        f"{name}[z{row},{factor}]": matrix[row, column]
        for name, matrix in matrices.items()
        if matrix is not None
        for row in range(len(matrix))
        for column, factor in enumerate(names)
    }
