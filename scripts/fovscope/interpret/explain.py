"""What the dimensions of a representation mean on one target: correlations and importances."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.dimensions import BOTH, owners
from fovscope.factors import Bound
from fovscope.interpret.association import COEFFICIENTS, correlate, correlate_pairs
from fovscope.interpret.features import FEATURES
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
    sound = (measured["flag"] == "").to_numpy()
    pairs = {one.dimensions: one.factor.name for one in bound if len(one.dimensions) == 2}
    if sound.sum() >= FEWEST:
        known, features = codes[sound], measured.loc[sound, list(FEATURES)]
        correlations = correlate(known, features, seed=seed)
        of_pairs = correlate_pairs(known, features, list(pairs), seed=seed) if pairs else None
    else:
        logger.warning(
            "%d of %d objects are without doubt, a correlation needs %d: none is computed; look "
            "at the contact sheet of the masks, and give better ones with 'masks'",
            *(sound.sum(), len(sound), FEWEST),
        )
        correlations = _unknown_correlations(range(codes.shape[1]))
        of_pairs = _unknown_correlations(first for first, _ in pairs) if pairs else None
    tables = {"correlation": correlations.assign(images=sound.sum())}
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
        tables["importance"] = importances.assign(images=test.sum())
    active = codes.std(axis=0) >= active_sd
    owned = pd.DataFrame(owners(len(active), bound)).assign(active=active)
    tables = {kind: table.join(owned, on="dimension") for kind, table in tables.items()}
    if of_pairs is not None:
        both = [(name, BOTH, active[list(pair)].any()) for pair, name in pairs.items()]
        first = [pair[0] for pair in pairs]
        owned = pd.DataFrame(both, index=first, columns=owned.columns)
        of_pairs = of_pairs.assign(images=sound.sum()).join(owned, on="dimension")
        tables["correlation"] = pd.concat([tables["correlation"], of_pairs], ignore_index=True)
    return tables


def _unknown_correlations(dimensions: Iterable[int]) -> pd.DataFrame:
    """Return the rows of `correlate` without values, so that tables say that there are none."""
    keys = {"score": COEFFICIENTS, "dimension": list(dimensions), "feature": list(FEATURES)}
    rows = pd.MultiIndex.from_product(keys.values(), names=keys).to_frame(index=False)
    return rows.assign(value=np.nan, p=np.nan, q=np.nan)
