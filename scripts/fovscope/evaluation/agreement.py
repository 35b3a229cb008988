"""Do models that differ in their seed alone agree? UDR on the latents of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.arrays import mask_text
from fovscope.metrics.honesty import deal, jackknife_interval
from fovscope.metrics.udr import UDR, informative_dimensions, udr_scores
from fovscope.records import log_variances, representation_values

_VARIANTS = ("lasso", "spearman")


def compare_models(
    latents: Mapping[str, pd.DataFrame], images: pd.DataFrame, *, resamples: int
) -> dict[str, pd.DataFrame]:
    """Compare models without labels.

    Parameters
    ----------
    latents : mapping of str to pandas.DataFrame
        Latents of at least two models by their seed.
    images : pandas.DataFrame
        ``image_id`` of the images to compare on.
    resamples : int
        Groups of rows for the interval, 0 for none.

    Returns
    -------
    dict of str to pandas.DataFrame
        By seed one row a score: ``score`` (``udr_lasso``, ``udr_spearman``,
        ``informative_dims``), ``value, low, high, floor, ceiling, n_train, active_mask``. The floor
        is that of the same latents with their rows shuffled, each model's for itself; the
        ceiling that of a model and its own copy; ``active_mask`` that of the model's
        informative dimensions, as text.
    """
    codes = [representation_values(table, images) for table in latents.values()]
    active = [
        informative_dimensions(mean, log_variances(table, images))
        for mean, table in zip(codes, latents.values(), strict=True)
    ]
    rng = np.random.default_rng(0)
    shuffled = [rng.permutation(table) for table in codes]
    groups = deal(np.zeros(len(images)), resamples, rng) if resamples else None
    rows: list[list[dict[str, float | str]]] = [
        [{"score": "informative_dims", "value": float(mask.sum())}] for mask in active
    ]
    for variant in _VARIANTS:

        def compute(codes: Sequence[NDArray], variant: str = variant) -> UDR:
            return udr_scores(codes, active=active, variant=variant)

        udr, floor = compute(codes), compute(shuffled).per_model
        without = [
            compute([table[groups != group] for table in codes]).per_model
            for group in range(resamples)
        ]
        for model, scores in enumerate(rows):
            value, low, high = udr.per_model[model], np.nan, np.nan
            if without:
                low, high = jackknife_interval(value, [run[model] for run in without], 0, 1)
            scores.append(
                {
                    "score": f"udr_{variant}",
                    "value": value,
                    "low": low,
                    "high": high,
                    "floor": floor[model],
                    "ceiling": udr.ceiling[model],
                    "n_train": len(images),
                }
            )
    return {
        seed: pd.DataFrame(scores).assign(active_mask=mask_text(mask))
        for seed, scores, mask in zip(latents, rows, active, strict=True)
    }
