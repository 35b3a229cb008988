"""What can be read out of features without a model: linear regression of a source's settings.

A model that is told the settings of a source's images has to beat this, which is told the same.
Ridge regression as in Hoerl and Kennard 1970; the penalty of each factor by generalised
cross-validation (Golub, Heath and Wahba 1979).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fovscope import FovscopeError
from fovscope.arrays import finite_codes
from fovscope.factors import bind
from fovscope.registry import representation
from fovscope.representations.base import Given
from fovscope.training.anchors import make_anchors

PENALTIES = np.logspace(0, 6, 13)
"""Of squared weights on standardised features: from hardly any to nearly nothing but the mean."""


@representation("readout", needs="source", label="ridge readout of {source}")
def readout(given: Given, *, source: str) -> NDArray[np.float32]:
    """Predict the settings of a source's factors by ridge regression on its training images.

    A direction becomes cosine and sine. Factors that are names or mean nothing on real images
    are left out, and so are those that no training image shows.

    Parameters
    ----------
    source : str
        The source whose settings are known.

    Raises
    ------
    FovscopeError
        If nothing is known that could be predicted.
    """
    known = given.source
    factors = [one for one in known.factors if not (one.nominal or one.nuisance)]
    settings = make_anchors(known.images[known.fit], bind(factors, angles=True))
    features = finite_codes(known.features)[known.fit]
    asked = finite_codes(given.features)
    columns = [
        _predicted(features[shown], setting[shown], asked)
        for setting, shown in zip(settings.T, np.isfinite(settings.T), strict=True)
        if shown.any()
    ]
    if not columns:
        raise FovscopeError(
            f"representations: no setting of the source '{source}' can be read out, for its "
            "factors are names, mean nothing on real images, or are shown by no training image"
        )
    return np.stack(columns, axis=1).astype(np.float32)


def _predicted(features: NDArray, setting: NDArray, asked: NDArray) -> NDArray[np.floating]:
    return make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(features, setting).predict(asked)
