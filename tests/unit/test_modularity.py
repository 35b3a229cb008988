"""Modularity: known codes, the bias of noise, and a twin made of loops."""

import numpy as np
import pytest

from fovscope.metrics import modularity_score
from fovscope.metrics.mig import mutual_information
from fovscope.metrics.modularity import mean_by_factor

GRID = np.indices((4, 4, 4)).reshape(3, -1).T  # the full grid: nothing is left to chance


def test_equals_the_definition_written_as_loops():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, (3, 5, 2), (200, 3))
    codes = factors @ rng.standard_normal((3, 4)) + rng.standard_normal((200, 4))
    information = mutual_information(codes, factors, bins=8)
    expected = []
    for row in information:
        template = [max(row) if m == max(row) else 0.0 for m in row]
        error = sum((m - t) ** 2 for m, t in zip(row, template, strict=True))
        expected.append(1 - error / (max(row) ** 2 * (3 - 1)))
    found = modularity_score(codes, factors, bins=8)
    assert found.per_dimension == pytest.approx(expected)
    assert found.score == pytest.approx(sum(expected) / 4)


def test_perfect_code_and_its_copy_are_modular():
    assert modularity_score(GRID, GRID).score == pytest.approx(1)
    assert modularity_score(np.hstack([GRID, GRID]), GRID).score == pytest.approx(1)


def test_dimension_of_two_of_three_factors_is_half_modular():
    """z0 knows equally much of a and b: 1 - 1/(3 - 1); z1 is perfect."""
    codes = np.stack([GRID[:, 0] + GRID[:, 1], GRID[:, 2]], axis=1)
    found = modularity_score(codes, GRID)
    assert found.per_dimension == pytest.approx([0.5, 1])
    assert found.score == pytest.approx(0.75)
    assert found.per_factor == pytest.approx([0.5, np.nan, 1], nan_ok=True)


def test_rotation_by_45_degrees_is_not_modular():
    grid = np.indices((6, 6)).reshape(2, -1).T
    codes = grid @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    assert modularity_score(codes, grid, bins=11).score == pytest.approx(0, abs=1e-9)


def test_noise_is_modular_by_the_bias_of_the_estimate():
    """A known weakness: E[I] = (bins - 1)(values - 1)/2N, 39 to 2 for 40 and 3 values.

    Up to the spread of the estimate the score is 1 - (2/39)² = .997.
    """
    rng = np.random.default_rng(0)
    factors = rng.integers(0, (3, 40), (20_000, 2))
    noise = rng.standard_normal((20_000, 10))
    assert modularity_score(noise, factors).score == pytest.approx(1 - (2 / 39) ** 2, abs=0.005)


def test_one_factor_leaves_nothing_to_share():
    assert modularity_score(GRID, GRID[:, :1]).per_dimension == pytest.approx([1, 0, 0])


def test_bins_arrive():
    factors = np.random.default_rng(0).integers(0, 8, (500, 2))
    codes = factors @ [[1.0, 0.3], [0, 1.0]]
    assert modularity_score(codes, factors, bins=3).score != modularity_score(codes, factors).score


def test_mean_by_factor_weighs_and_leaves_out_factors_without_dimensions():
    relation = np.array([[0.9, 0.1, 0], [0.5, 0.4, 0], [0.1, 0, 0.3]])
    found = mean_by_factor(np.array([1.0, 0.4, 0.2]), relation, np.array([1.0, 3.0, 2.0]))
    assert found == pytest.approx([(1 + 3 * 0.4) / 4, np.nan, 0.2], nan_ok=True)
