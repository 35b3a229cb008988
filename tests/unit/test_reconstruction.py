"""How well models draw: distances against formulas and known blur, and what is shown."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from skimage import data

from fovscope.interpret.reconstruction import (
    SHOWN,
    frechet_distance,
    interpolation,
    reconstruction_scores,
    shown_codes,
)


@pytest.fixture(scope="module")
def images():
    """Crops of a photograph, (20, 40, 40, 2), in [0, 1]."""
    photo, rng = data.astronaut()[..., :2] / 255, np.random.default_rng(0)
    corners = rng.integers(400, size=(20, 2))
    return np.stack([photo[y : y + 40, x : x + 40] for y, x in corners])


def test_a_copy_is_perfect_and_a_flat_picture_is_not_sharp(images):
    assert reconstruction_scores(images, images) == pytest.approx(
        {"mse": 0, "ssim": 1, "sharpness": 1}
    )
    flat = np.broadcast_to(images.mean(axis=(1, 2), keepdims=True), images.shape)
    scores = reconstruction_scores(images, flat)
    assert scores["sharpness"] == 0
    assert scores["mse"] == pytest.approx(images.var(axis=(1, 2)).mean())


def test_blur_lowers_sharpness_and_similarity_step_by_step(images):
    blurred = [
        reconstruction_scores(images, gaussian_filter(images, (0, sd, sd, 0))) for sd in (0.5, 1, 2)
    ]
    for name in ("sharpness", "ssim"):
        values = [1, *(scores[name] for scores in blurred)]
        assert values == sorted(values, reverse=True)
    assert blurred[-1]["sharpness"] < 0.05


def test_frechet_distance_is_that_of_the_definition_with_the_root_of_a_matrix():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(60, 5)), rng.normal(1, 2, (40, 5)) @ rng.normal(size=(5, 5))
    of_each = [(rows.mean(axis=0), np.cov(rows.T, ddof=0)) for rows in (first, second)]
    (mean, covariance), (other_mean, other_covariance) = of_each
    root = np.real(sqrtm(covariance @ other_covariance))
    expected = np.square(mean - other_mean).sum()
    expected += np.trace(covariance + other_covariance - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


def test_frechet_distance_of_gaussians_that_are_apart_or_wider_and_with_more_features_than_rows():
    rows = np.random.default_rng(0).normal(size=(30, 200))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(rows, rows[::-1] + 0.5) == pytest.approx(200 * 0.25)
    # (1 - 3)² times the trace of the covariance, about the same mean.
    centred = rows - rows.mean(axis=0)
    assert frechet_distance(centred, 3 * centred) == pytest.approx(
        4 * 200 * rows.var(axis=0).mean()
    )


def table_of(labels):
    splits = ["train", "test"] * (len(labels) // 2)
    return pd.DataFrame({"split": splits, "label": labels})


def test_shown_are_test_images_and_the_way_between_two_classes():
    codes = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    images = table_of(["b", "b", "a", "c"] * 10)
    rows, lines = shown_codes(codes, images, seed=0)
    assert sorted(rows) == list(range(1, 40, 2))
    assert list(lines) == ["reconstruction", "a to b", "samples"]
    assert all(line.shape == (SHOWN, 3) for line in lines.values())
    np.testing.assert_array_equal(lines["reconstruction"], codes[rows[:SHOWN]])
    of_class = [codes[(images["label"] == name).to_numpy()].mean(axis=0) for name in "ab"]
    np.testing.assert_allclose(lines["a to b"][[0, -1]], of_class, rtol=1e-5)
    renamed = images.rename(columns={"label": "moa"})
    _, by_moa = shown_codes(codes, renamed, classes="moa", seed=0)
    np.testing.assert_array_equal(by_moa["a to b"], lines["a to b"])
    assert "a to b" in shown_codes(codes, images, classes="absent", seed=0)[1]
    again, _ = shown_codes(codes, images, seed=0)
    np.testing.assert_array_equal(rows, again)
    _, without = shown_codes(codes, table_of([None] * 40), seed=0)
    np.testing.assert_array_equal(without["between two images"][0], codes[rows[0]])


def test_an_interpolation_is_evenly_spaced():
    line = interpolation(np.zeros(2), np.array([3.0, -6.0]), 4)
    np.testing.assert_allclose(line, [[0, 0], [1, -2], [2, -4], [3, -6]])
