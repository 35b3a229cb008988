"""Representations without a model: what they are fitted on."""

import numpy as np
import pandas as pd
import pytest

from fovscope import FovscopeError
from fovscope.factors import Factor
from fovscope.interpret.features import FEATURES
from fovscope.representations.base import Given
from fovscope.representations.features import pca, random
from fovscope.representations.measured import handcrafted
from fovscope.representations.readout import readout

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


# Readout of a source --------------------------------------------------------------------------

SIZE = Factor(name="Size", limits=(1, 100), log=True)
TURN = Factor(name="Turn", limits=(0, 90), period=90.0)
KIND = Factor(name="Kind", values=("a", "b"), nominal=True)
PLACE = Factor(name="Place", limits=(0, 1), nuisance=True)


def source_of(factors, count=400, noise=0.0):
    """Images whose features are linear in log size and in cosine and sine of the turn."""
    rng = np.random.default_rng(3)
    size, turn = np.exp(rng.uniform(0, np.log(100), count)), rng.uniform(0, 90, count)
    angle = 2 * np.pi * turn / 90
    seen = np.stack([np.log(size), np.cos(angle), np.sin(angle)], axis=1)
    features = seen @ rng.normal(size=(3, 20)) + noise * rng.normal(size=(count, 20))
    images = pd.DataFrame(
        {"factor_Size": size, "factor_Turn": turn, "factor_Kind": "a", "factor_Place": 0.5}
    )
    fit = np.arange(count) < count // 2
    return Given(images, fit=fit, features=features, factors=factors), seen


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_settings_are_read_out_of_images_that_were_not_trained_on(noise):
    source, seen = source_of([KIND, SIZE, TURN, PLACE], noise=noise)
    asked = Given(source.images, fit=~source.fit, features=source.features, source=source)
    found = readout(asked, source="shapes")
    assert found.shape == (400, 3)  # size; cosine and sine; names and nuisances have none
    for column, truth in zip(found[200:].T, seen[200:].T, strict=True):
        assert np.corrcoef(column, truth)[0, 1] > (0.999 if noise == 0 else 0.9)


def test_what_is_read_out_knows_neither_the_test_images_of_the_source_nor_the_asked_ones():
    source, _ = source_of([SIZE, TURN])
    asked = Given(source.images, fit=source.fit, features=source.features, source=source)
    found = readout(asked, source="shapes")
    changed = source.images.copy()
    changed.loc[~source.fit, "factor_Size"] = 1e6
    blind = Given(changed, fit=source.fit, features=source.features, factors=source.factors)
    few = Given(source.images[:5], fit=source.fit[:5], features=source.features[:5], source=blind)
    np.testing.assert_allclose(readout(few, source="shapes"), found[:5], rtol=1e-5, atol=1e-5)


def test_a_setting_that_an_image_does_not_show_is_not_learnt_from_it():
    source, seen = source_of([SIZE, TURN])
    hidden = np.where(np.arange(400) % 2, "Size", "")
    images = source.images.assign(hidden=hidden)
    images.loc[hidden == "Size", "factor_Size"] = 1.0
    partly = Given(images, fit=source.fit, features=source.features, factors=source.factors)
    asked = Given(images, fit=source.fit, features=source.features, source=partly)
    assert np.corrcoef(readout(asked, source="shapes")[:, 0], seen[:, 0])[0, 1] > 0.999


def test_a_source_of_which_nothing_can_be_read_out_is_named():
    source, _ = source_of([KIND, PLACE])
    asked = Given(source.images, fit=source.fit, features=source.features, source=source)
    with pytest.raises(FovscopeError, match="no setting of the source 'shapes' can be read out"):
        readout(asked, source="shapes")
