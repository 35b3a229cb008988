"""Can a network tell that an image was edited? The trace of interventions in features.

What a classifier can tell, a model can learn in place of what was set: a border, a blur, noise
that is missing. The score is the AUROC of a logistic regression on standardised features, natural
against edited versions of the same images: 0.5 where edited images look like any other, 1 where
each of them can be told. The probe never saw the image that it judges, neither as it is nor
edited: folds hold whole images. It is one linear probe; another may find more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fovscope import FovscopeError
from fovscope.arrays import finite_codes
from fovscope.datasets.design import BASE
from fovscope.evaluation.base import Given
from fovscope.evaluation.resampling import bootstrap_interval
from fovscope.records import score_table
from fovscope.registry import evaluation

FOLDS = 5

MOST = 500
"""Images beyond which the score changes little and the fits take long."""

_STRENGTH = 0.01
"""C of the regression: features are about as many as images, so that a weaker penalty learns the
images by heart."""


class Trace(NamedTuple):
    """How well edited images can be told from natural ones.

    Attributes
    ----------
    auroc : float
        Chance that the edited one of two images looks more edited.
    low, high : float
        95 % interval over images, the probes as they are.
    """

    auroc: float
    low: float
    high: float


@evaluation("trace")
def trace(given: Given) -> dict[str, pd.DataFrame]:
    """Tell edited from natural test images by a representation.

    Takes ``table`` and ``edited_store`` of the interventions, ``natural_table`` and
    ``natural_store`` of the images that were edited: their features, in the order of the tables.
    """
    rng = np.random.default_rng(given.seed)
    edited = one_edit_each(given.inputs["table"], rng=rng, most=MOST)
    found = trace_score(
        given.inputs["natural_store"][_rows(given.inputs["natural_table"], edited[BASE])],
        given.inputs["edited_store"][_rows(given.inputs["table"], edited["image_id"])],
        edited[BASE],
        rng=rng,
    )
    row = {"score": "trace", "value": found.auroc, "low": found.low, "high": found.high}
    table = pd.DataFrame([row | {"n": len(edited)}])
    identity = given.identity.replace(kind="interventions", **given.options["identity"])
    return {"scores": score_table(table, identity, **given.provenance)}


def _rows(images: pd.DataFrame, image_ids: pd.Series) -> NDArray[np.intp]:
    """Return the places of images in a table."""
    return pd.Index(images["image_id"]).get_indexer(image_ids)


def one_edit_each(images: pd.DataFrame, *, rng: np.random.Generator, most: int) -> pd.DataFrame:
    """Return one edited test image of each image that was edited, at random.

    Parameters
    ----------
    images : DataFrame
        An image table of interventions; of the role ``image`` those in which all is set.
    rng : numpy.random.Generator
        Source of the choice.
    most : int
        Number of rows not to exceed.
    """
    single = images[(images["role"] == "image") & (images["split"] == "test")]
    shuffled = single.iloc[rng.permutation(len(single))]
    return shuffled.drop_duplicates(BASE).head(most).reset_index(drop=True)


def trace_score(
    natural: ArrayLike, edited: ArrayLike, base: ArrayLike, *, rng: np.random.Generator
) -> Trace:
    """Tell edited from natural images by their features, cross-validated.

    Parameters
    ----------
    natural, edited : array_like, shape (N, D)
        Features of N images as they are, and of one edited version of each.
    base : array_like, shape (N,)
        Names of the images; a fold has all rows of an image.
    rng : numpy.random.Generator
        Of folds and interval.

    Returns
    -------
    Trace
        Of the pooled decisions on images that a probe has not seen.

    Raises
    ------
    FovscopeError
        If there are fewer images than folds.
    ValueError
        If features are not finite, or not of the same images.
    """
    natural, edited, base = finite_codes(natural), finite_codes(edited), np.asarray(base)
    if natural.shape != edited.shape or len(base) != len(natural):
        raise ValueError(
            f"{len(base)} images do not have features of the shapes {natural.shape} (natural) and "
            f"{edited.shape} (edited)"
        )
    images = len(np.unique(base))
    if images < FOLDS:
        raise FovscopeError(
            f"a trace score takes {FOLDS} test images or more, and {images} were edited; ask for "
            "more interventions on test images"
        )
    features, groups = np.concatenate([natural, edited]), np.concatenate([base, base])
    is_edited = np.repeat([False, True], len(natural))
    looks = _unseen_decisions(features, is_edited, groups, rng)

    def of_rows(rows: NDArray[np.intp]) -> float:
        return _auroc(looks[rows], is_edited[rows])

    low, high = bootstrap_interval(of_rows, groups, rng=rng)
    return Trace(_auroc(looks, is_edited), float(low), float(high))


def _unseen_decisions(
    features: NDArray, is_edited: NDArray[np.bool_], groups: NDArray, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return how edited each image looks to the probe that was fitted without it."""
    looks = np.empty(len(features))
    folds = GroupKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    for train, test in folds.split(features, groups=groups):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=1_000))
        looks[test] = probe.fit(features[train], is_edited[train]).decision_function(features[test])
    return looks


def _auroc(looks: NDArray[np.float64], is_edited: NDArray[np.bool_]) -> float:
    """Return the AUROC by ranks (Mann and Whitney), which hundreds of samples do not take long."""
    edited = is_edited.sum()
    above = rankdata(looks)[is_edited].sum() - edited * (edited + 1) / 2
    return float(above / (edited * (len(looks) - edited)))
