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
    shown = np.isfinite(settings)
    settings, shown = settings[:, shown.any(axis=0)], shown[:, shown.any(axis=0)]
    if not settings.size:
        raise FovscopeError(
            f"representations: no setting of the source '{source}' can be read out, for its "
            "factors are names, mean nothing on real images, or are shown by no training image"
        )
    found = np.empty((len(asked), settings.shape[1]), np.float32)
    # One decomposition of the features for all settings that the same images show.
    rows, group = np.unique(shown, axis=1, return_inverse=True)
    for number, taken in enumerate(rows.T):
        columns = group == number
        ridge = make_pipeline(StandardScaler(), RidgeCV(PENALTIES, alpha_per_target=True))
        ridge.fit(features[taken], settings[np.ix_(taken, columns)])
        found[:, columns] = ridge.predict(asked).reshape(len(asked), -1)
    return found
