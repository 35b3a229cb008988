"""Scaling of features: analytic values, and the near-dead feature."""

import numpy as np
import pytest
import torch

from fovscope import FovscopeError
from fovscope.models.scaling import SD_FLOOR, fit_scaling


@pytest.fixture
def source():
    # Off centre, so that a variance by E[x²] − E[x]² in float32 would be wrong.
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(1000, [1, 2, 3, 4, 5], (6000, 5)).astype(np.float32))


def test_standardise_is_mean_and_sd_of_each_feature(source):
    scaling = fit_scaling(source, kind="standardise")
    expected = source.numpy().astype(np.float64)
    np.testing.assert_allclose(scaling.offset, expected.mean(0), rtol=1e-6)
    np.testing.assert_allclose(scaling.scale, expected.std(0), rtol=1e-6)
    scaled = scaling(source).double()
    assert scaled.mean(0).abs().max() < 1e-4
    np.testing.assert_allclose(scaled.std(0), 1, rtol=1e-3)


def test_range_maps_global_extremes_to_zero_and_one(source):
    scaling = fit_scaling(source, kind="range")
    assert scaling.scale.shape == (5,)
    assert len(scaling.scale.unique()) == 1
    scaled = scaling(source)
    assert (scaled.min(), scaled.max()) == (0, 1)


def test_near_dead_feature_does_not_run_away_on_a_shifted_target(source):
    source[:, 2] = 1000 + 1e-3 * (source[:, 2] - 1000)  # SD 0.003, a target may move by 10
    scaling = fit_scaling(source, kind="standardise")
    median_sd = 2  # of 1, 2, 0.003, 4, 5
    assert scaling.scale[2] == pytest.approx(SD_FLOOR * median_sd, rel=0.05)
    np.testing.assert_allclose(scaling.scale[[0, 1, 3, 4]], [1, 2, 4, 5], rtol=0.05)
    assert scaling(source + 10).abs().max() < 25  # unfloored: 3000


def test_half_precision_features_come_out_as_float32(source):
    scaling = fit_scaling(source.half(), kind="standardise")
    assert scaling(source.half()).dtype == torch.float32


@pytest.mark.parametrize("kind", ["standardise", "range"])
@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_features_without_variation_are_refused(kind, value):
    with pytest.raises(ValueError, match="constant or not finite"):
        fit_scaling(torch.full((10, 3), value), kind=kind)


@pytest.mark.parametrize("constant", [1, 2, 3, 4])
def test_the_floor_is_that_of_the_features_that_move(source, constant):
    moving = source[:, constant:]
    source[:, :constant] = torch.tensor([1.0, 0.0, -1000.0, 1e-30])[:constant]
    source[::2, 0] += 1.2e-7  # by rounding
    scaling = fit_scaling(source, kind="standardise")
    floor = SD_FLOOR * moving.double().std(0, correction=0).median()
    torch.testing.assert_close(scaling.scale[:constant], floor.float().expand(constant))
    torch.testing.assert_close(
        scaling.scale[constant:], moving.double().std(0, correction=0).float()
    )


@pytest.mark.parametrize("kind", ["standardise", "range"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_one_feature_that_is_not_finite_is_refused(source, kind, value):
    source[17, 1] = value
    with pytest.raises(FovscopeError, match="of 5 are constant or not finite"):
        fit_scaling(source, kind=kind)
