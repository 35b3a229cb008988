"""Training pairs of one source or of several, one below the other, and what is known of them.

Sources that are trained on jointly are mixed as their numbers of pairs say: a batch is drawn from
all of them alike. A factor that a source does not have is not known of its images and does not
change in its pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.datasets.design import changed_matrix
from fovscope.factors import Bound, Factor, bind
from fovscope.training.anchors import changed_dimensions, make_anchors


@dataclass(frozen=True)
class SourceData:
    """A source and its features.

    Attributes
    ----------
    images : DataFrame
        The image table.
    factors : sequence of Factor
        Those that its facts list.
    features : array of shape (N, D)
        Raw features, or pixels, in the order of the images.
    refused : sequence of str
        Names of factors that the images of the target do not have, as grey ones have no hue.
    """

    images: pd.DataFrame
    factors: Sequence[Factor]
    features: NDArray
    refused: Sequence[str] = ()

    @classmethod
    def of(cls, images: pd.DataFrame, facts: Mapping[str, Any], features: NDArray) -> SourceData:
        """Return a source from its table, its facts and its features."""
        factors = [Factor.from_json(raw) for raw in facts["factors"]]
        return cls(images, factors, features, facts.get("refused", ()))

    @property
    def in_pairs(self) -> NDArray[np.bool_]:
        """Which rows are members of training pairs, which are adjacent."""
        return (self.images["role"] == "train_pair").to_numpy()


class Pairs(NamedTuple):
    """Training pairs.

    Attributes
    ----------
    first, second : array of shape (P, D)
        Features of both members.
    changed : boolean array of shape (P, k)
        True for each dimension whose factor differs.
    anchors : array of float32, shape (2, P, k)
        Settings of first and of second members, NaN where unknown.
    """

    first: NDArray
    second: NDArray
    changed: NDArray[np.bool_]
    anchors: NDArray[np.float32]


@dataclass(frozen=True)
class Replay:
    """Images of the source that a model sees again while it is tuned.

    Attributes
    ----------
    features : array of shape (M, D)
        Raw features, or pixels.
    anchors : array of shape (M, k)
        Settings on the scale of the first k latent dimensions, NaN where unknown
        (`fovscope.training.anchors`).
    """

    features: NDArray
    anchors: NDArray


def training_pairs(sources: Sequence[SourceData], bound: Sequence[Bound]) -> Pairs:
    """Return the training pairs of all sources.

    Parameters
    ----------
    sources : sequence of SourceData
        With features of one backbone.
    bound : sequence of Bound
        Factors that count as changed or not, with their dimensions.
    """
    features = [source.features[source.in_pairs] for source in sources]
    images = [source.images[source.in_pairs] for source in sources]
    changed = [
        _changed(table, source.factors, bound)
        for table, source in zip(images, sources, strict=True)
    ]
    anchors = make_anchors(pd.concat(images, ignore_index=True), bound)
    return Pairs(
        np.concatenate([of_source[::2] for of_source in features]),
        np.concatenate([of_source[1::2] for of_source in features]),
        changed_dimensions(np.concatenate(changed), bound),
        np.stack([anchors[::2], anchors[1::2]]),
    )


def _changed(
    images: pd.DataFrame, factors: Sequence[Factor], bound: Sequence[Bound]
) -> NDArray[np.bool_]:
    """Return which bound factors change in the pairs of a source, (P, K)."""
    of_all = changed_matrix(images, factors)
    names = [factor.name for factor in factors]
    result = np.zeros((len(of_all), len(bound)), bool)
    for column, one in enumerate(bound):
        if one.factor.name in names:
            result[:, column] = of_all[:, names.index(one.factor.name)]
    return result


def bound_dimensions(
    sources: Sequence[SourceData], names: Sequence[str], *, angles: bool
) -> tuple[Bound, ...]:
    """Bind the first dimensions to those of the named factors that a source has and none refuses.

    Parameters
    ----------
    sources : sequence of SourceData
        What is trained on.
    names : sequence of str
        Factors in the order of dimensions.
    angles : bool
        As of `fovscope.factors.bind`.
    """
    found: dict[str, Factor] = {}
    for source in sources:
        for factor in source.factors:
            found.setdefault(factor.name, factor)
    refused = {name for source in sources for name in source.refused}
    kept = [found[name] for name in names if name in found and name not in refused]
    return bind(kept, angles=angles)


def replayed(sources: Sequence[SourceData], bound: Sequence[Bound]) -> Replay:
    """Return the images of all training pairs with their settings, each by itself."""
    pairs = training_pairs(sources, bound)
    return Replay(
        np.concatenate([pairs.first, pairs.second]),
        pairs.anchors.reshape(-1, pairs.anchors.shape[2]),
    )
