"""What the dimensions of a representation mean on one target: correlations and importances."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.dimensions import BOTH, owners
from fovscope.factors import Bound, Factor
from fovscope.interpret.association import COEFFICIENTS, correlate, correlate_pairs
from fovscope.interpret.features import FEATURES, Feature
from fovscope.interpret.importance import dimension_importance

logger = logging.getLogger(__name__)

FEWEST = 20
"""Objects without doubt that a correlation needs."""


def explain_codes(
    images: pd.DataFrame,
    objects: pd.DataFrame,
    codes: NDArray,
    *,
    bound: Sequence[Bound] = (),
    active_sd: float,
    options: Mapping[str, Any],
    seed: int,
    threads: int = 1,
) -> dict[str, pd.DataFrame]:
    """Return the correlations of codes with handcrafted features, and their importances.

    Objects with a flag are left out of the correlations, because what was measured may not be
    the object; importances need no objects and use all images. Without classes there are none.

    Parameters
    ----------
    images : DataFrame
        N images with `image_id`, `label` and `split`.
    objects : DataFrame
        What `measure_objects` returned for them.
    codes : ndarray, shape (N, d)
        A representation, in the order of the images.
    bound : sequence of Bound
        Factors with the dimensions that they name.
    active_sd : float
        SD below which a dimension counts as inactive.
    options : mapping
        Options of the trees (probe ``gbt``).
    seed, threads : int
        Of permutations and trees; threads of the trees.

    Returns
    -------
    dict of str to DataFrame
        ``correlation`` and ``importance``, one row per number: `score`, `dimension`, `feature`
        (of correlations), `value`, `p`, `q`, `images` (that it is of), `active` (whether the
        dimension is), and what the dimension is bound to: `factor`, empty where it is free, and
        `part`, ``cos`` or ``sin`` where the factor owns two. Of these there are also correlations
        of both together: the `dimension` is the first of them, the `part` ``both``.
    """
    measured = objects.set_index("image_id").loc[images["image_id"]]
    active = codes.std(axis=0) >= active_sd
    correlations, sound = _correlations(codes, measured, _pairs_of(bound), seed)
    tables = {"correlation": _owned(correlations, bound, active).assign(images=sound)}
    train, test = ((images["split"] == split).to_numpy() for split in ("train", "test"))
    if "label" in images and images["label"].notna().all():
        labels = images["label"].to_numpy()
        importances = dimension_importance(
            codes[train],
            labels[train],
            codes[test],
            labels[test],
            options=options,
            seed=seed,
            threads=threads,
        )
        tables["importance"] = _owned([importances], bound, active).assign(images=test.sum())
    return tables


def correlate_factors(
    images: pd.DataFrame,
    codes: NDArray,
    factors: Sequence[Factor],
    *,
    bound: Sequence[Bound] = (),
    active_sd: float,
    seed: int,
) -> pd.DataFrame:
    """Return the correlations of codes with the true factors of a target.

    Parameters
    ----------
    images : DataFrame
        N images with a column for each factor, NaN where the factor cannot be seen.
    codes : ndarray, shape (N, d)
        A representation, in the order of the images.
    factors : sequence of Factor
        What is known of the target; those that are names have no correlation, and nuisances are
        not asked for, nor is what does not vary. Sizes and ratios (`Factor.log`) are compared by
        their logarithm.
    bound, active_sd, seed
        As in `explain_codes`.

    Returns
    -------
    DataFrame
        As ``correlation`` of `explain_codes`, with the name of a factor as `feature`; without rows
        where fewer than `FEWEST` images show all factors.
    """
    asked = [factor for factor in factors if not (factor.nuisance or factor.nominal)]
    values = pd.DataFrame(
        {factor.name: images[factor.column].to_numpy(np.float64) for factor in asked}
    )
    known = values.notna().all(axis=1).to_numpy()
    values, seen, pairs = values[known], codes[known], _pairs_of(bound)
    asked = [factor for factor in asked if values[factor.name].nunique() > 1]
    if not asked or len(values) < FEWEST:
        return pd.DataFrame()
    logs = [factor.name for factor in asked if factor.log]
    values[logs] = np.log(values[logs])
    described = {factor.name: Feature("", factor.unit, factor.period) for factor in asked}
    tables = [correlate(seen, values, described=described, seed=seed)]
    if pairs:
        tables.append(correlate_pairs(seen, values, pairs, described=described, seed=seed))
    active = codes.std(axis=0) >= active_sd
    return _owned(tables, bound, active).assign(images=len(values))


def _correlations(
    codes: NDArray, measured: pd.DataFrame, pairs: Sequence[tuple[int, int]], seed: int
) -> tuple[list[pd.DataFrame], int]:
    """Return the correlations of dimensions, then of pairs if there are any; of how many images.

    Without values where too few objects are sound or none differ, so that tables say that there
    are none.
    """
    sound = (measured["flag"] == "").to_numpy()
    dimensions = [range(codes.shape[1]), [first for first, _ in pairs]]
    if sound.sum() < FEWEST:
        logger.warning(
            "%d of %d objects are without doubt, a correlation needs %d: none is computed; look "
            "at the contact sheet of the masks, and give better ones with 'masks'",
            *(sound.sum(), len(sound), FEWEST),
        )
        return [_unknown_correlations(of) for of in dimensions if len(of)], sound.sum()
    codes, features = codes[sound], measured.loc[sound, list(FEATURES)]
    if (features.nunique() < 2).all():
        logger.warning("all %d objects look the same: no correlation is computed", sound.sum())
        return [_unknown_correlations(of) for of in dimensions if len(of)], sound.sum()
    tables = [correlate(codes, features, seed=seed)]
    if pairs:
        tables.append(correlate_pairs(codes, features, pairs, seed=seed))
    return tables, sound.sum()


def _unknown_correlations(dimensions: Sequence[int]) -> pd.DataFrame:
    """Return the rows of `correlate` without values."""
    keys = {"score": COEFFICIENTS, "dimension": dimensions, "feature": list(FEATURES)}
    rows = pd.MultiIndex.from_product(keys.values(), names=keys).to_frame(index=False)
    return rows.assign(value=np.nan, p=np.nan, q=np.nan)


def _pairs_of(bound: Sequence[Bound]) -> list[tuple[int, ...]]:
    """Return the dimensions of the factors that own two."""
    return [one.dimensions for one in bound if len(one.dimensions) == 2]


def _owned(
    tables: Sequence[pd.DataFrame], bound: Sequence[Bound], active: NDArray[np.bool_]
) -> pd.DataFrame:
    """Return rows of dimensions, then of pairs if there are any, with what they are bound to."""
    pairs = [one for one in bound if len(one.dimensions) == 2]
    of_dimensions = pd.DataFrame(owners(len(active), bound)).assign(active=active)
    owned = [of_dimensions, _owned_by_pairs(pairs, active)][: len(tables)]
    joined = [table.join(of, on="dimension") for table, of in zip(tables, owned, strict=True)]
    return pd.concat(joined, ignore_index=True)


def _owned_by_pairs(pairs: Sequence[Bound], active: NDArray[np.bool_]) -> pd.DataFrame:
    """Return what pairs of dimensions are bound to, by the first of each; active where one is."""
    return pd.DataFrame(
        {
            "factor": [one.factor.name for one in pairs],
            "part": BOTH,
            "active": [active[list(one.dimensions)].any() for one in pairs],
        },
        index=[one.dimensions[0] for one in pairs],
    )
