"""Representations without a model: what they are fitted on."""

import numpy as np
import pandas as pd
import pytest

from fovscope import FovscopeError
from fovscope.interpret.features import FEATURES
from fovscope.representations.base import Given
from fovscope.representations.features import pca, random
from fovscope.representations.measured import handcrafted

NATURAL, EDITED, FITTED = 40, 15, 30


def given(count, *, seed, shift=0.0):
    """Images with features and measured objects, the first thirty to fit on."""
    rng = np.random.default_rng(seed)
    objects = pd.DataFrame(rng.normal(shift, 1, (count, len(FEATURES))), columns=list(FEATURES))
    return Given(
        pd.DataFrame({"image_id": [f"{seed}/{n}" for n in range(count)]}),
        fit=np.arange(count) < FITTED,
        features=rng.normal(shift, 1, (count, 12)) @ np.diag(np.arange(1, 13)),
        objects=objects,
    )


@pytest.mark.parametrize(
    ("represent", "options"),
    [(pca, {"dimensions": 3}), (random, {"dimensions": 3}), (handcrafted, {})],
)
def test_edited_images_are_represented_as_if_they_were_natural_ones(represent, options):
    natural, edited = given(NATURAL, seed=0), given(EDITED, seed=1, shift=5)
    together = represent(edited.fitted_on(natural), **options)
    assert len(together) == FITTED + EDITED
    alone = represent(natural, **options)[:FITTED]
    np.testing.assert_allclose(together[:FITTED], alone, rtol=1e-4, atol=1e-4)
    # The same image has the same place, whatever is represented beside it.
    one = Given(
        edited.images[:1], edited.fit[:1], features=edited.features[:1], objects=edited.objects[:1]
    )
    single = represent(one.fitted_on(natural), **options)[-1]
    np.testing.assert_allclose(together[FITTED], single, rtol=1e-4, atol=1e-4)


def test_nothing_is_fitted_on_edited_images():
    natural, edited = given(NATURAL, seed=0), given(EDITED, seed=1)
    both = edited.fitted_on(natural)
    assert both.fit.sum() == FITTED
    assert not both.fit[FITTED:].any()
    assert both.images["image_id"].str.startswith("1/")[FITTED:].all()


def of_features(features, fit=None):
    fit = np.ones(len(features), bool) if fit is None else fit
    return Given(pd.DataFrame(index=range(len(features))), fit=fit, features=features)


def test_pca_knows_the_training_rows_only():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((60, 20)) @ rng.standard_normal((20, 20))
    train = np.arange(60) < 40
    codes = pca(of_features(features, train), dimensions=5)
    disturbed = np.where(train[:, None], features, 1e3 * features)
    again = pca(of_features(disturbed, train), dimensions=5)
    assert (again[train] == codes[train]).all()
    more = np.vstack([features, disturbed[~train]])
    beside = pca(of_features(more, np.arange(80) < 40), dimensions=5)
    assert beside[:60] == pytest.approx(codes, abs=1e-5)
    assert codes[train].mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-6)
    assert abs(codes[~train].mean(axis=0)).max() > 0.01


def test_pca_is_of_standardised_features():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((50, 8))
    codes = pca(of_features(features), dimensions=3)
    units = 10.0 ** np.arange(-4, 4)
    assert pca(of_features(features * units + 5), dimensions=3) == pytest.approx(codes, abs=1e-5)
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = np.linalg.svd(z)[1][:3] ** 2 / 50
    assert codes.var(axis=0) == pytest.approx(expected)


def test_pca_with_too_many_components_is_named():
    with pytest.raises(FovscopeError, match="10 principal components cannot be had"):
        pca(of_features(np.eye(8)), dimensions=10)
