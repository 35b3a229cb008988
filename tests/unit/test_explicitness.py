"""Explicitness: known codes, and areas under ROC curves counted pair by pair."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fovscope.metrics import explicitness_score

GRID = np.indices((5, 3, 2)).reshape(3, -1).T.repeat(5, axis=0)
TABLES = (GRID, GRID, GRID, GRID)


def test_equals_pairs_counted_by_loops():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, (3, 2), (160, 2))
    codes = factors @ rng.standard_normal((2, 3)) + rng.standard_normal((160, 3))
    train, test = slice(100), slice(100, 160)
    found = explicitness_score(codes[train], factors[train], codes[test], factors[test])
    mean, sd = codes[train].mean(axis=0), codes[train].std(axis=0)
    x, x_test = (codes[train] - mean) / sd, (codes[test] - mean) / sd
    for k, values in enumerate((3, 2)):
        areas = []
        for value in range(values):
            model = LogisticRegression().fit(x, factors[train, k] == value)
            rank = x_test @ model.coef_[0]
            inside = factors[test, k] == value
            wins = [(a > b) + 0.5 * (a == b) for a in rank[inside] for b in rank[~inside]]
            areas.append(sum(wins) / len(wins))
        assert found.per_factor[k] == pytest.approx(np.mean(areas), abs=1e-6)
    assert found.score == pytest.approx(found.per_factor.mean())


def test_one_versus_rest_cannot_single_out_values_between_others():
    """Value v of 0..C-1 against the rest on a line: AUC max(v, C - 1 - v)/(C - 1).

    C = 5: (1, 3/4, 1/2, 3/4, 1) on average .8; C = 3: (1, 1/2, 1), .83; C = 2: 1.
    """
    found = explicitness_score(*TABLES)
    assert found.per_factor == pytest.approx([4 / 5, 5 / 6, 1], abs=1e-6)


def test_multinomial_can():
    found = explicitness_score(*TABLES, classifier="multinomial")
    assert found.per_factor == pytest.approx([1, 1, 1])


def test_copies_and_rotations_change_nothing():
    twice = np.hstack([GRID, GRID])
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3))).Q
    for codes in (twice, GRID @ rotation):
        found = explicitness_score(codes, GRID, codes, GRID)
        assert found.per_factor == pytest.approx([4 / 5, 5 / 6, 1], abs=0.01)


def test_two_factors_in_one_dimension_are_read_in_part():
    """z = 2a + b over 0..3: a is 1; b = 1 is at 1 and 3, b = 0 at 0 and 2: 3 of 4 pairs."""
    grid = np.indices((2, 2)).reshape(2, -1).T.repeat(5, axis=0)
    codes = grid @ [[2], [1]]
    assert explicitness_score(codes, grid, codes, grid).per_factor == pytest.approx([1, 0.75])


@pytest.mark.parametrize("classifier", ["one_vs_rest", "multinomial"])
def test_noise_scores_one_half(classifier):
    rng = np.random.default_rng(0)
    factors, noise = rng.integers(0, (3, 5), (4_000, 2)), rng.standard_normal((4_000, 4))
    tables = noise[:2_000], factors[:2_000], noise[2_000:], factors[2_000:]
    # The SD of one AUC over 2,000 rows is below .017, of their mean over 8 below .01.
    assert explicitness_score(*tables, classifier=classifier).score == pytest.approx(0.5, abs=0.03)


def test_values_that_test_rows_lack_are_left_out_and_unseen_ones_are_chance():
    grid = np.indices((3, 2)).reshape(2, -1).T.repeat(5, axis=0)
    without = grid[grid[:, 0] < 2]
    found = explicitness_score(grid, grid, without, without)
    # Values 0 and 1 remain: 0 is told from 1; 1 has slope 0 against 0 and 2.
    assert found.per_factor == pytest.approx([0.75, 1], abs=1e-6)
    for classifier in ("one_vs_rest", "multinomial"):
        found = explicitness_score(without, without, grid, grid, classifier=classifier)
        # 0 is told from both others, 1 from 0 but not from 2, which was never seen.
        assert found.per_factor[0] == pytest.approx((1 + (1 + 0) / 2 + 0.5) / 3)


def test_factor_that_is_constant_in_test_rows_has_no_score():
    test = GRID[GRID[:, 1] == 0]
    found = explicitness_score(GRID, GRID, test, test)
    assert np.isnan(found.per_factor).tolist() == [False, True, False]
    assert found.score == pytest.approx(found.per_factor[[0, 2]].mean())


def test_unknown_classifier_is_refused():
    with pytest.raises(ValueError, match="'one_vs_rest' or 'multinomial', not 'svm'"):
        explicitness_score(*TABLES, classifier="svm")
