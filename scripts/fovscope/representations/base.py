"""What a representation is made from.

An entry is a function ``(given: Given, *, <options>)`` that returns one row of numbers per
image, shape (N, D). It declares what it `needs`:

``features``
    Features of a backbone. Made once for each data set and backbone.
``source``
    The same, and those of the images of a source, whose settings are known; the option `source`
    says which. Made once for each data set and backbone.
``objects``
    Handcrafted measurements of the images' objects. Made once for each data set.
``images``
    The image table alone. Made once for each data set.
``wells``
    The image table of a screen, a target in the section `profiles`; there are none of others.
``file``
    A file of the user's, one for each data set or one for all.
``latents``
    The codes of a model. Made where these are scored; such an entry may also return which
    dimensions it takes, a boolean array of shape (d,), or None where a model has none of them.

With ``explained=False`` its dimensions are not compared with handcrafted features, nor asked in the
open set; with ``measured=True`` they are the properties that `handcrafted_names` lists, in its
order, on which treatments have effects as on named dimensions. ``at_most_images`` names the option
that must not exceed the number of images to fit on. What it fits, it fits on the images of
`Given.fit` only, and it draws from `Given.seed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.factors import Bound, Factor


@dataclass(frozen=True)
class Given:
    """What there is of N images to represent.

    Attributes
    ----------
    images : DataFrame
        The image table.
    fit : ndarray of bool, shape (N,)
        Images that may be fitted on: the training split, without a class that is held out.
    seed : int
        Of whatever is drawn.
    features : ndarray, shape (N, D), optional
        Features of the backbone.
    objects : DataFrame, optional
        Measured objects, in the order of the images.
    file : Path, optional
        The user's file.
    codes : ndarray, shape (N, d), optional
        Posterior means of a model.
    active : ndarray of bool, shape (d,), optional
        Dimensions of the codes that vary.
    bound : sequence of Bound
        Factors with the dimensions of the codes that are bound to them.
    source : Given, optional
        Images of a source with their features; its `fit` are those to train on.
    factors : sequence of Factor
        Of a source: those whose settings its image table has.
    """

    images: pd.DataFrame
    fit: NDArray[np.bool_]
    seed: int = 0
    features: NDArray | None = None
    objects: pd.DataFrame | None = None
    file: Path | None = None
    codes: NDArray | None = None
    active: NDArray[np.bool_] | None = None
    bound: Sequence[Bound] = ()
    source: Given | None = None
    factors: Sequence[Factor] = ()

    def fitted_on(self, others: Given) -> Given:
        """Return the images that others are fitted on, with these after them.

        Parameters
        ----------
        others : Given
            Of the images to fit on: those of their `fit` are taken, and none of these.
        """
        chosen, count = others.fit, len(self.images)
        features = objects = None
        if self.features is not None:
            features = np.concatenate([others.features[chosen], self.features])
        if self.objects is not None:
            objects = pd.concat([others.objects[chosen], self.objects])
        fit = np.arange(chosen.sum() + count) < chosen.sum()
        images = pd.concat([others.images[chosen], self.images], ignore_index=True)
        return replace(self, images=images, fit=fit, features=features, objects=objects)
