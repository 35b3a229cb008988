"""SAP: known codes, thresholds found by trying all, correlations by loops."""

from itertools import combinations

import numpy as np
import pytest

from fovscope.metrics import sap_score
from fovscope.metrics.sap import _threshold_accuracy

GRID = np.indices((4, 3, 5)).reshape(3, -1).T  # the full grid: nothing is left to chance
TABLES = (GRID, GRID, GRID, GRID)


def best_balanced_accuracy(z, known):
    """Try every choice of as many intervals as values, each naming its best value."""
    values, counts = np.unique(known, return_counts=True)
    cuts = (np.unique(z)[1:] + np.unique(z)[:-1]) / 2
    best = 0.0
    for n in range(len(values)):
        for chosen in combinations(cuts, n):
            interval = np.searchsorted(chosen, z)
            total = 0.0
            for i in range(n + 1):
                inside = known[interval == i]
                share = [np.sum(inside == v) / c for v, c in zip(values, counts, strict=True)]
                total += max(share)
            best = max(best, total / len(values))
    return best


def test_perfect_code_keeps_what_chance_predicts_from_the_ceiling():
    """The best dimension predicts all, the second one value of C: 1 - 1/C."""
    found = sap_score(*TABLES)
    assert found.per_factor == pytest.approx([3 / 4, 2 / 3, 4 / 5])
    assert found.score == pytest.approx(found.per_factor.mean())
    assert np.diag(found.predictability) == pytest.approx(1)


def test_copied_code_and_noise_have_no_gap():
    twice = np.hstack([GRID, GRID])
    assert sap_score(twice, GRID, twice, GRID).score == pytest.approx(0)
    rng = np.random.default_rng(0)
    factors, noise = rng.integers(0, (3, 5), (4_000, 2)), rng.standard_normal((4_000, 6))
    found = sap_score(noise[:2_000], factors[:2_000], noise[2_000:], factors[2_000:])
    assert found.predictability.mean(axis=0) == pytest.approx([1 / 3, 1 / 5], abs=0.02)
    assert found.score < 0.03


def test_rotation_by_45_degrees_has_no_gap():
    grid = np.indices((5, 5)).reshape(2, -1).T
    codes = grid @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    for options in ({}, {"classifier": "svm"}, {"continuous": True}):
        assert sap_score(codes, grid, codes, grid, **options).score == pytest.approx(0, abs=0.05)
    squared = sap_score(codes, grid, codes, grid, continuous=True).predictability
    assert squared == pytest.approx(np.full((2, 2), 0.5))


def test_two_factors_in_one_dimension():
    """z = 2a + b over 0..3: one threshold tells all of a, and three of four cases of b."""
    grid = np.indices((2, 2)).reshape(2, -1).T
    codes = grid @ [[2], [1]]
    found = sap_score(codes, grid, codes, grid)
    assert found.per_factor == pytest.approx([1, 0.75])  # no second dimension: it predicts 0


@pytest.mark.parametrize("seed", range(4))
def test_tree_finds_nearly_the_best_thresholds(seed):
    rng = np.random.default_rng(seed)
    known = np.r_[[0, 1, 2], rng.integers(0, 3, 21)]
    z = np.round(2 * known + rng.standard_normal(24), 1)
    best = best_balanced_accuracy(z, known)
    found = _threshold_accuracy(z[:, None], known, z[:, None], known)
    assert best - 0.1 < found <= best + 1e-12


def test_there_is_one_interval_per_value_and_no_more():
    """0 1 0 1 0 1 in order: one threshold, best after the first or before the last.

    It gets one value right in 1 of 3 cases and the other in 3 of 3.
    """
    z, known = np.arange(6.0), np.array([0, 1, 0, 1, 0, 1])
    assert best_balanced_accuracy(z, known) == pytest.approx(2 / 3)
    assert _threshold_accuracy(z[:, None], known, z[:, None], known) == pytest.approx(2 / 3)


def test_balanced_accuracy_does_not_reward_the_frequent_value():
    """z is 1 for one row of 90 of value 0: of its rows 1/90 is told, of the others all."""
    known, z = np.repeat([0, 1], [90, 10]), np.zeros((100, 1))
    z[0] = 1
    assert _threshold_accuracy(z, known, z, known) == pytest.approx((1 / 90 + 1) / 2)


def test_continuous_factors_score_squared_correlation():
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((300, 2))
    codes = factors @ rng.standard_normal((2, 3)) + rng.standard_normal((300, 3))
    found = sap_score(codes, factors, codes[:50], factors[:50], continuous=True)
    for k in range(2):
        squared = []
        for d in range(3):
            x, y = codes[:, d] - codes[:, d].mean(), factors[:, k] - factors[:, k].mean()
            squared.append(sum(x * y) ** 2 / (sum(x * x) * sum(y * y)))
        assert found.predictability[:, k] == pytest.approx(squared)
        first, second = sorted(squared)[::-1][:2]
        assert found.per_factor[k] == pytest.approx(first - second)


def test_nominal_and_continuous_factors_side_by_side():
    factors = np.stack([np.array(list("abcd"))[GRID[:, 0]], GRID[:, 2] / 7], axis=1, dtype=object)
    codes = GRID[:, [0, 2]]
    found = sap_score(codes, factors, codes, factors, continuous=[False, True])
    assert found.per_factor == pytest.approx([3 / 4, 1])
    with pytest.raises(ValueError, match=r"factor 0 is not continuous: .*'[abcd]'"):
        sap_score(codes, factors, codes, factors, continuous=True)
    with pytest.raises(ValueError, match="3 entries for 2 factors"):
        sap_score(codes, factors, codes, factors, continuous=[True, False, True])


def test_support_vectors_miss_values_between_others():
    """A known weakness of one versus rest on one dimension: only the outer values are found."""
    found = sap_score(*TABLES, classifier="svm")
    assert np.diag(found.predictability)[[0, 2]] == pytest.approx([2 / 4, 2 / 5])
    binary = np.indices((2, 2)).reshape(2, -1).T.repeat(20, axis=0)
    two = sap_score(binary, binary, binary, binary, classifier="svm")
    assert np.diag(two.predictability) == pytest.approx(1)


def test_unknown_classifier_is_refused():
    with pytest.raises(ValueError, match="'thresholds' or 'svm', not 'tree'"):
        sap_score(*TABLES, classifier="tree")
