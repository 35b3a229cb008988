"""Traversals on codes that are factors."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist

from fovscope.factors import Factor
from fovscope.interpret.traversal import (
    ENDS,
    factor_movement,
    factor_movements,
    movement_matrix,
    movement_starts,
    nearest_rows,
    sweep,
    swept_dimensions,
    traversal_table,
    typical_row,
)


@pytest.fixture
def codes():
    return np.random.default_rng(0).uniform(-1, 1, (500, 3)).astype(np.float32)


def test_a_sweep_moves_one_dimension_between_its_percentiles(codes):
    swept = sweep(codes, codes[:4], steps=5)
    assert swept.shape == (4, 3, 5, 3)
    low, high = np.percentile(codes, (5, 95), axis=0)
    for k in range(3):
        others = [j for j in range(3) if j != k]
        np.testing.assert_allclose(swept[:, k, 0, k], low[k], rtol=1e-6)
        np.testing.assert_allclose(swept[:, k, -1, k], high[k], rtol=1e-6)
        np.testing.assert_array_equal(
            swept[:, k][..., others], np.repeat(codes[:4, None, others], 5, axis=1)
        )


def test_the_nearest_image_of_an_image_is_itself(codes):
    rows, distance = nearest_rows(codes[[7, 3]][None], codes)
    np.testing.assert_array_equal(rows, [[7, 3]])
    np.testing.assert_allclose(distance, 0, atol=1e-3)


def test_the_typical_image_is_in_the_middle_whatever_the_units(codes):
    row = typical_row(codes)
    assert typical_row(codes * [1, 100, 0.01]) == row
    assert np.abs(codes[row]).max() < 0.35


def movement(codes, factor, *, nominal=False):
    """Of a model whose decoder is the identity."""
    swept = sweep(codes, codes[:200], steps=2)
    rows, _ = nearest_rows(swept, codes)
    return factor_movement(rows[:, :, 0], rows[:, :, 1], factor, nominal=nominal)


def test_the_factor_of_a_dimension_moves_with_it_and_the_others_stay(codes):
    moved = movement(codes, codes[:, 1])
    # From -.9 to .9, where two uniform values on (-1, 1) are 2/3 apart on average.
    assert moved[1] == pytest.approx(1.8 / (2 / 3), rel=0.05)
    assert moved[[0, 2]].max() < 0.5


def test_names_move_like_their_level(codes):
    names = np.array(["low", "high"])[(codes[:, 1] > 0).astype(int)]
    moved = movement(codes, names, nominal=True)
    assert moved[1] == pytest.approx(2, rel=0.05)  # always other, where chance is one half
    assert moved[[0, 2]].max() < 0.3


def test_noise_moves_as_by_chance(codes):
    noise = np.random.default_rng(1).permutation(codes[:, 1])
    assert movement(codes, noise) == pytest.approx(np.ones(3), abs=0.15)


def test_chance_is_the_mean_over_all_pairs():
    values = np.random.default_rng(0).exponential(size=60)
    low, high = np.zeros((1, 1), int), np.ones((1, 1), int)
    expected = abs(values[0] - values[1]) / (2 * pdist(values[:, None]).sum() / 60**2)
    assert factor_movement(low, high, values, nominal=False) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [(39.0, 0, 39), (180.0, 2, 178)],
)
def test_a_direction_moves_around_the_circle_in_numerator_and_chance(period, first, last):
    rng = np.random.default_rng(0)
    values = np.concatenate([[first, last], rng.integers(0, int(period) + 1, 58)])
    apart = np.abs(np.subtract.outer(values, values)) % period
    chance = np.minimum(apart, period - apart).mean()
    rows = np.zeros((1, 1), int), np.ones((1, 1), int)
    expected = (first - last) % period / chance
    assert factor_movement(*rows, values, period=period) == pytest.approx(expected)
    assert expected < 0.2


def test_movements_are_measured_as_each_factor_says():
    rng = np.random.default_rng(0)
    kinds = {
        "Turn": Factor(name="Turn", limits=(0, 180), period=180.0),
        "Stain": Factor(name="Stain", values=("a", "b"), nominal=True),
        "Size": Factor(name="Size", values=6),
        "Same": Factor(name="Same", values=2),
    }
    table = pd.DataFrame(
        {
            "factor_Turn": rng.uniform(0, 180, 60),
            "factor_Stain": rng.choice(["a", "b"], 60),
            "factor_Size": rng.integers(0, 6, 60),
            "factor_Same": 1,
        }
    )
    ends = rng.integers(0, 60, (20, 3, 2))
    scores = factor_movements(table, list(kinds.values()), ends)
    moved = movement_matrix(pd.DataFrame({"score": scores.keys(), "value": scores.values()}))
    assert list(moved) == ["Turn", "Stain", "Size"]
    for name, by in moved.items():
        expected = factor_movement(
            *(ends[:, :, 0], ends[:, :, 1], table[f"factor_{name}"].to_numpy()),
            nominal=kinds[name].nominal,
            period=kinds[name].period,
        )
        np.testing.assert_array_equal(by, expected)
    straight = factor_movement(ends[:, :, 0], ends[:, :, 1], table["factor_Turn"].to_numpy())
    assert (moved["Turn"] != straight).all()


def test_a_constant_factor_is_an_error():
    rows = np.zeros((1, 1), int), np.ones((1, 1), int)
    with pytest.raises(ValueError, match="constant"):
        factor_movement(*rows, np.zeros(5))
    with pytest.raises(ValueError, match="constant"):
        factor_movement(*rows, np.array([0, 39]), period=39)


def test_of_many_dimensions_strips_show_those_that_vary_most_under_their_own_numbers():
    codes = np.random.default_rng(0).normal(size=(50, 30)) * np.where(np.arange(30) % 3, 5, 0.1)
    shown = swept_dimensions(codes)
    assert shown.tolist() == [k for k in range(30) if k % 3]
    assert swept_dimensions(codes[:, :20]).tolist() == list(range(20))
    swept = sweep(codes, codes[:1], steps=4)[0, shown]
    rows = np.zeros((20, 4), int)
    table = traversal_table(swept, rows, rows, pd.DataFrame({"image_id": ["a"]}), shown)
    last = table[table["dimension"] == shown[-1]].sort_values("step")
    low, high = np.percentile(codes[:, shown[-1]], ENDS)
    np.testing.assert_allclose(last["value"].iloc[[0, -1]], [low, high], rtol=1e-5)


@pytest.mark.parametrize(("d", "images", "starts"), [(10, 400, 100), (10, 60, 60), (256, 400, 3)])
def test_movement_is_measured_from_fewer_images_where_there_are_many_dimensions(d, images, starts):
    codes = np.arange(images * d).reshape(images, d)
    found = movement_starts(codes, np.random.default_rng(0))
    assert found.shape == (starts, d)
    assert len(np.unique(found[:, 0])) == starts
