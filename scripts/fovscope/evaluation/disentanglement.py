"""From codes and image tables to disentanglement: which rows and columns go into which metric.

Disentanglement is measured where factors are known: on the source's evaluation rows with
MIG, DCI and OMES, on targets with known factors with MIG and DCI (they have no pairs that
differ in one factor). Continuous factors are cut into equally filled levels first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.config import Metrics
from fovscope.data.design import FACTORS
from fovscope.metrics.panel import Design, Panel, discretise, disentanglement_panel
from fovscope.metrics.references import reference_codes

_FACTOR = "factor_"


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
    values = np.stack([discretise(manifest[name], levels) for name in columns], axis=1)
    return split_target(manifest, values), [name.removeprefix(_FACTOR) for name in columns]


def split_target(manifest: pd.DataFrame, values: NDArray) -> Design:
    """Arrange rows of a target: everything but the test split is for fitting."""
    test = (manifest["split"] == "test").to_numpy()
    return Design(train=values[~test], test=values[test])


def score_source(
    design: pd.DataFrame, codes: NDArray, *, options: Metrics, threads: int
) -> dict[str, float]:
    """Return all disentanglement scores of codes (N, d) of the source's evaluation rows."""
    factors, changed = source_factors(design)
    panel = disentanglement_panel(
        split_source(design, codes),
        factors,
        changed,
        factor_names=FACTORS,
        options=options,
        threads=threads,
    )
    return panel.scores | _matrices(panel, FACTORS)


def score_target(
    manifest: pd.DataFrame, codes: NDArray, *, options: Metrics, threads: int
) -> dict[str, float]:
    """Return MIG and DCI of codes (N, d) of a target with known factors."""
    factors, names = target_factors(manifest, options.factor_levels)
    panel = disentanglement_panel(
        split_target(manifest, codes), factors, factor_names=names, options=options, threads=threads
    )
    return panel.scores | _matrices(panel, names)


def score_references(
    table: pd.DataFrame, *, is_source: bool, latent_dim: int, options: Metrics, threads: int
) -> dict[str, dict[str, float]]:
    """Return the scores of perfect, rotated and noise codes on the factors of a data set."""
    if is_source:
        (factors, changed), names = source_factors(table), FACTORS
    else:
        (factors, names), changed = target_factors(table, options.factor_levels), None
    codes = reference_codes(factors, latent_dim, np.random.default_rng(0))
    return {
        name: disentanglement_panel(
            code, factors, changed, factor_names=names, options=options, threads=threads
        ).scores
        for name, code in codes.items()
    }


def _matrices(panel: Panel, names: list[str] | tuple[str, ...]) -> dict[str, float]:
    """Flatten MI/H and S into scores like ``mi_over_h[z0,Texture]``."""
    matrices = {"mi_over_h": panel.mi_over_h, "association": panel.association}
    return {
        f"{name}[z{row},{factor}]": matrix[row, column]
        for name, matrix in matrices.items()
        if matrix is not None
        for row in range(len(matrix))
        for column, factor in enumerate(names)
    }
