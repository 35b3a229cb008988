"""IRS: known codes and a twin made of loops."""

import numpy as np
import pytest

from fovscope.metrics import irs_score

GRID = np.indices((5, 5)).reshape(2, -1).T  # the full grid: nothing is left to chance


def robustness_by_loops(codes, factors):
    """1 - E_values[max distance from the value's mean] / max distance from the mean."""
    n, n_dims = codes.shape
    result = np.zeros((n_dims, factors.shape[1]))
    for d in range(n_dims):
        mean = sum(codes[:, d]) / n
        largest = max(abs(z - mean) for z in codes[:, d])
        for k in range(factors.shape[1]):
            expectation = 0.0
            for value in set(factors[:, k]):
                same = [z for z, f in zip(codes[:, d], factors[:, k], strict=True) if f == value]
                centre = sum(same) / len(same)
                expectation += len(same) / n * max(abs(z - centre) for z in same)
            result[d, k] = 1 - expectation / largest
    return result


def test_equals_the_definition_written_as_loops():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, (3, 5), (150, 2))
    codes = factors @ rng.standard_normal((2, 4)) + 0.5 * rng.standard_normal((150, 4))
    found = irs_score(codes, factors, quantile=1)
    expected = robustness_by_loops(codes, factors)
    assert found.robustness == pytest.approx(expected)
    largest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    weighted = sum(max(row) * w for row, w in zip(expected, largest, strict=True))
    assert found.score == pytest.approx(weighted / sum(largest))


def test_quantile_lies_between_order_statistics():
    """Distances 1, 1, 3, 3 from the mean 0 of one value; the .99 quantile is 3, the .5 is 2."""
    codes = np.array([-3.0, -1, 1, 3, -4, -4, 4, 4])[:, None]
    factors = np.repeat([0, 1], 4)[:, None]
    assert irs_score(codes, factors, quantile=1).score == pytest.approx(1 - (3 + 4) / 2 / 4)
    assert irs_score(codes, factors, quantile=0.5).score == pytest.approx(1 - (2 + 4) / 2 / 4)


def test_perfect_code_and_its_copy_are_robust():
    for codes in (GRID, np.hstack([GRID, GRID])):
        found = irs_score(codes, GRID)
        assert found.score == pytest.approx(1)
        assert found.per_factor == pytest.approx([1, 1])


def test_sum_of_two_factors_is_half_robust():
    """z = a + b over 0..4: with a fixed z moves by 2 around its mean, over all by 4."""
    found = irs_score(GRID.sum(axis=1, keepdims=True), GRID, quantile=1)
    assert found.robustness == pytest.approx(np.array([[0.5, 0.5]]))


def test_rotation_by_45_degrees_is_half_robust():
    codes = GRID @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    assert irs_score(codes, GRID, quantile=1).score == pytest.approx(0.5)


def test_uniform_noise_is_not_robust_but_lifted_by_the_quantile():
    """|z| is uniform over 0..1 whatever is fixed: its maximum 1, its .99 quantile .99."""
    rng = np.random.default_rng(0)
    factors, noise = rng.integers(0, 3, (60_000, 2)), rng.uniform(-1, 1, (60_000, 4))
    assert irs_score(noise, factors, quantile=1).score == pytest.approx(0, abs=0.002)
    assert irs_score(noise, factors).score == pytest.approx(0.01, abs=0.003)


def test_values_weigh_by_their_rows_and_dimensions_by_their_range():
    """Value 0: six rows at ±1; value 1: two rows at ±3. Expectation (6·1 + 2·3)/8 of 3."""
    z = np.array([-1.0, 1, -1, 1, -1, 1, -3, 3])
    factors = np.array([0] * 6 + [1] * 2)[:, None]
    one = 1 - (6 * 1 + 2 * 3) / 8 / 3
    assert irs_score(z[:, None], factors, quantile=1).score == pytest.approx(one)
    equal = irs_score(z[:, None], factors, quantile=1, weights="values")
    assert equal.score == pytest.approx(1 - (1 + 3) / 2 / 3)
    with pytest.raises(ValueError, match="rows or values, not 'equal'"):
        irs_score(z[:, None], factors, weights="equal")
    still = np.where(factors == 0, -1.0, 3.0)  # mean 0, farthest 3; robust
    both = irs_score(np.hstack([10 * z[:, None], still]), factors, quantile=1)
    assert both.score == pytest.approx((30 * one + 3 * 1) / 33)
    assert both.per_dimension == pytest.approx([one, 1])
    assert both.per_factor == pytest.approx([both.score])  # both belong to the one factor


def test_constant_dimensions_have_no_robustness():
    codes = np.insert(GRID, 1, 7, axis=1)
    found = irs_score(codes, GRID)
    assert np.isnan(found.robustness[1]).all()
    assert found.score == pytest.approx(1)
