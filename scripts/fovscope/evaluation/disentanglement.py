"""From codes and image tables to disentanglement: which rows and columns go into which metric.

Disentanglement is measured where factors are known: on the source's evaluation rows, and on
targets with known factors, which have no pairs that differ in one factor and so no OMES. Where
nothing is known, measured properties of the objects can stand in for factors. Continuous
factors are cut into equally filled levels first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fovscope import FovscopeError
from fovscope.arrays import mask_text
from fovscope.datasets.design import FACTORS
from fovscope.metrics.honesty import jackknife_intervals, shuffled_codes
from fovscope.metrics.panel import Panel, discretise, disentanglement_panel
from fovscope.metrics.presets import declaration, preset
from fovscope.metrics.references import reference_codes
from fovscope.metrics.work import Design
from fovscope.registry import Catalogue
from fovscope.study.config import Metrics

_FACTOR = "factor_"
_STAND_IN_METRICS = ("mig", "dci")


def split_source(table: pd.DataFrame, values: NDArray) -> Design:
    """Arrange rows of the source design, codes or factors, for the metrics."""
    role, member = table["role"].to_numpy(), table["member"].to_numpy()
    pair = role == "factor_pair"
    return Design(
        train=values[role == "iid_train"],
        test=values[role == "iid_test"],
        first=values[pair & (member == 0)],
        second=values[pair & (member == 1)],
    )


def source_factors(design: pd.DataFrame) -> tuple[Design, NDArray[np.intp]]:
    """Return the factors of the source's evaluation rows and the changed factor of each pair."""
    factors = split_source(design, design[list(FACTORS)].to_numpy())
    first_of_pair = (design["role"] == "factor_pair") & (design["member"] == 0)
    return factors, design.loc[first_of_pair, "changed_factor"].to_numpy()


def target_factors(manifest: pd.DataFrame, levels: int) -> tuple[Design, list[str]]:
    """Return the factors of a target, cut into levels, and their names."""
    columns = [name for name in manifest if name.startswith(_FACTOR)]
    values = binned(manifest[columns], levels)
    return split_target(manifest, values), [name.removeprefix(_FACTOR) for name in columns]


def binned(columns: pd.DataFrame, levels: int) -> NDArray[np.intp]:
    """Return each column of a table cut into equally filled levels, shape (N, K).

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    return np.stack([discretise(columns[name], levels) for name in columns], axis=1)


def split_target(manifest: pd.DataFrame, values: NDArray) -> Design:
    """Arrange rows of a target: everything but the test split is for fitting."""
    test = (manifest["split"] == "test").to_numpy()
    return Design(train=values[~test], test=values[test])


def score_source(
    design: pd.DataFrame, codes: NDArray, *, options: Metrics, threads: int
) -> pd.DataFrame:
    """Return all disentanglement scores of codes (N, d) of the source's evaluation rows.

    Returns
    -------
    pandas.DataFrame
        One row a score: ``score, value, low, high, floor, n_train, n_test, n_pairs,
        active_mask``; the entries of MI/H and S, like ``mi_over_h[z0,Texture]``, have value and
        mask only, of the dimensions that were scored, as text (``"1101"``: not z2).
    """
    factors, changed = source_factors(design)
    return _scored(split_source(design, codes), factors, changed, FACTORS, options, threads)


def score_target(
    manifest: pd.DataFrame, codes: NDArray, *, options: Metrics, threads: int
) -> pd.DataFrame:
    """Return the scores of codes (N, d) of a target with known factors, as `score_source`."""
    factors, names = target_factors(manifest, options.factor_levels)
    return _scored(split_target(manifest, codes), factors, None, names, options, threads)


def score_stand_ins(
    manifest: pd.DataFrame,
    codes: NDArray,
    objects: pd.DataFrame,
    *,
    columns: Sequence[str],
    options: Metrics,
    threads: int,
) -> pd.DataFrame:
    """Return MIG and DCI of codes against measured properties of the objects.

    The properties are no generative factors: they depend on each other, so no code can have
    a dimension for each alone. The scores say which code is nearer to that, not more.

    Parameters
    ----------
    manifest : pandas.DataFrame
        ``image_id, split`` of N images.
    codes : ndarray, shape (N, d)
        Their codes.
    objects : pandas.DataFrame
        ``image_id`` and measured columns, in any order; images without an object, or where a
        property is not finite, are left out.
    columns : sequence of str
        The properties that stand in for factors.
    options, threads
        As for `score_source`.

    Returns
    -------
    pandas.DataFrame
        As `score_source`.

    Raises
    ------
    FovscopeError
        If a column is missing, or no image has all properties.
    """
    missing = set(columns) - set(objects)
    if missing:
        raise FovscopeError(f"the objects have no column {sorted(missing)[0]!r}")
    measured = objects.set_index("image_id")[list(columns)].reindex(manifest["image_id"])
    known = np.isfinite(measured.to_numpy(np.float64)).all(axis=1)
    if not known.any():
        raise FovscopeError(f"no image has all of the properties {', '.join(columns)}")
    rows = manifest[known]
    factors = split_target(rows, binned(measured[known], options.factor_levels))
    return _scored(
        split_target(rows, codes[known]),
        factors,
        None,
        list(columns),
        options,
        threads,
        metrics=_STAND_IN_METRICS,
    )


def score_references(
    table: pd.DataFrame, *, is_source: bool, latent_dim: int, options: Metrics, threads: int
) -> dict[str, dict[str, float]]:
    """Return the scores of codes of known quality on the factors of a data set, by code."""
    if is_source:
        (factors, changed), names = source_factors(table), FACTORS
    else:
        (factors, names), changed = target_factors(table, options.factor_levels), None
    codes = reference_codes(factors, latent_dim, np.random.default_rng(0))
    return {
        name: disentanglement_panel(
            code,
            factors,
            changed,
            factor_names=names,
            **_panel_options(options, list(preset(Catalogue(), options.panel))),
            threads=threads,
        ).scores
        for name, code in codes.items()
    }


def _panel_options(options: Metrics, metrics: Sequence[str]) -> dict[str, Any]:
    """Return what `disentanglement_panel` is told: some metrics with the preset's options."""
    ours: dict[str, dict[str, Any]] = {
        "mig": {"bins": options.mig_bins},
        "omes": {"alpha": options.omes_alpha},
        "dci": {"depth": options.dci_depth},
    }
    if options.dci_rounds is not None:
        ours["dci"]["rounds"] = options.dci_rounds
    chosen = preset(Catalogue(), options.panel)
    return {
        "metrics": metrics,
        "active_sd": options.active_sd,
        "options": {name: {**chosen.get(name, {}), **ours.get(name, {})} for name in metrics},
    }


def _scored(
    codes: Design,
    factors: Design,
    changed: ArrayLike | None,
    names: Sequence[str],
    options: Metrics,
    threads: int,
    *,
    metrics: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the scores of codes with floor and interval."""
    catalogue = Catalogue()
    metrics = list(metrics or preset(catalogue, options.panel))

    def compute(
        codes: Design, factors: Design, changed: ArrayLike | None, metrics: Sequence[str] = metrics
    ) -> Panel:
        panel_options = _panel_options(options, metrics)
        return disentanglement_panel(
            codes, factors, changed, factor_names=names, **panel_options, threads=threads
        )

    panel = compute(codes, factors, changed)
    for metric, reason in panel.left_out.items():
        logging.warning("%s is left out: %s", metric, reason)
    floor = compute(shuffled_codes(codes, np.random.default_rng(0)), factors, changed).scores
    # The fast panel has no time to fit classifiers several times over.
    fits = {name: declaration(catalogue.entry("metric", name)).fits for name in metrics}
    repeated = [name for name in metrics if options.panel == "full" or not fits[name]]
    intervals = jackknife_intervals(
        lambda *design: compute(*design, metrics=repeated).scores,
        panel.scores,
        codes,
        factors,
        changed,
        resamples=options.resamples,
    )
    table = pd.DataFrame({"score": list(panel.scores), "value": list(panel.scores.values())})
    table[["low", "high"]] = [intervals[name] for name in table["score"]]
    table["floor"] = table["score"].map(floor).mask(table["score"] == "active_dims")
    table["n_train"], table["n_test"] = len(codes.train), len(codes.test)
    table["n_pairs"] = 0 if codes.first is None else len(codes.first)
    entries = _matrices(panel, names)
    matrices = pd.DataFrame({"score": list(entries), "value": list(entries.values())})
    whole = pd.concat([table, matrices], ignore_index=True)
    return whole.assign(active_mask=mask_text(panel.active))


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
