"""How well models of images draw: mean ± SD over models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fovscope.interpret.reconstruction import SCORES
from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, in_order, row_of, variant_of
from fovscope.tables.render import STATISTICS, mean_sd, widen

_ROW = ["target", "input", *RECIPE, "stage"]


@table(
    "reconstruction",
    kinds=("reconstruction",),
    section="Reconstruction",
    order=75,
    caption="Reconstructions of test images, mean ± SD over n models: mean squared error (white is "
    "1) and SSIM of each image; sharpness, the mean squared Laplacian over that of the images (1: "
    "as sharp); Fréchet distance of the features of the study's first network between images and "
    "reconstructions (–: the study has none). Variant: {variant}.",
)
def reconstruction(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Error, similarity and sharpness of reconstructed test images.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``reconstruction``.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × score: mean and SD
        over models and their number n.
    """
    keys = [*_ROW, "score", "weights_digest", "data_digest"]
    groups = by_family(scores, facts).groupby(keys, sort=False, as_index=False, dropna=False)
    long = groups.agg(**STATISTICS).assign(variant=variant_of(facts))
    long = in_order(long, ["target", "input", "recipe", "stage"], facts)
    shown = long.assign(
        cell=[_cell(*row) for row in zip(long["score"], long["mean"], long["sd"], strict=True)]
    )
    row = row_of(_ROW, facts)
    wide = widen(shown, [*row, "n"], "score")
    known = [score for score in SCORES if score in wide]
    return Views(long, wide[[*row, *known, "n"]].rename(columns=SCORES).fillna("–"))


def _cell(score: str, mean: float, sd: float) -> str:
    return mean_sd(mean, sd, digits={"mse": 4, "frechet": 1}.get(score, 3))
