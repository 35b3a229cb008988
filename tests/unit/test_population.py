"""Percentiles, and what is said of images among others whose place is known."""

import numpy as np
import pandas as pd
import pytest

from fovscope.apply.population import fit_population, percentiles


def test_percentiles_count_what_lies_below_and_half_of_what_is_equal():
    population = np.array([1.0, 2, 2, 4])
    assert percentiles(population, np.array([0, 1, 2, 3, 5])).tolist() == [0, 12.5, 50, 75, 100]


@pytest.fixture(scope="module")
def training():
    rng = np.random.default_rng(0)
    manifest = pd.DataFrame(
        {"label": np.repeat(["a", "b"], 200), "split": ["train", "train", "val", "test"] * 100}
    )
    codes = rng.standard_normal((400, 4)).astype(np.float32)
    codes[200:, 0] += 8
    codes[manifest["split"] != "train", 1] += 50  # not in the population
    return manifest, codes


OPTIONS = {"gbt": {"rounds": 5}, "mlp": {"max_epochs": 100, "learning_rate": 1e-2}}


@pytest.fixture(scope="module", params=["gbt", "mlp"])
def population(training, request):
    return fit_population(
        *training,
        dimensions=("Texture", "Color", "Shape", "z3"),
        active_sd=0.05,
        probe=request.param,
        options=OPTIONS[request.param],
        seed=0,
        threads=1,
    )


def test_the_training_images_fill_the_percentiles_evenly(training, population):
    manifest, codes = training
    codes = codes[manifest["split"] == "train"]
    described = population.describe([str(n) for n in range(len(codes))], codes)
    even = 100 * (np.arange(200) + 0.5) / 200
    for name in ("outlier_", *(f"{name} " for name in population.dimensions)):
        np.testing.assert_allclose(np.sort(described[f"{name}percentile"]), even)
    np.testing.assert_array_equal(described["Shape"], codes[:, 2])


def test_a_new_image_has_class_place_and_outlier_score(population):
    points = np.array([[0, 0, 0, 0], [8, 0, 0, 0], [8, 0, 30, 0]], np.float32)
    described = population.describe(["x", "y", "z"], points)
    assert described["image"].tolist() == ["x", "y", "z"]
    assert described["predicted"].tolist()[:2] == ["a", "b"]
    assert (described["confidence"] > 0.5).all()
    assert described["outlier_percentile"].tolist()[2] == 100
    assert (described["outlier_percentile"][:2] < 50).all()
    assert described["Shape percentile"][2] == 100
    assert described["Color percentile"][0] == pytest.approx(50, abs=12)


def test_without_classes_an_outlier_is_far_from_the_centre_of_all(training):
    manifest, codes = training
    population = fit_population(
        *(manifest.drop(columns="label"), codes),
        dimensions=("z0", "z1", "z2", "z3"),
        active_sd=0.05,
        probe="gbt",
        options=OPTIONS["gbt"],
        seed=0,
        threads=1,
    )
    # Halfway between the two clusters, where no class of them is, lies the centre of both.
    points = np.array([[4, 0, 0, 0], [4, 0, 30, 0]], np.float32)
    described = population.describe(["x", "y"], points)
    assert {"predicted", "confidence"}.isdisjoint(described)
    assert described["outlier_score"][0] < 0.5
    assert described["outlier_percentile"].tolist()[1] == 100
