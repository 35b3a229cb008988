"""Tests, effect sizes and intervals, by numbers worked by hand or known from elsewhere."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from fovscope.probes.scores import classification_intervals, classification_scores
from fovscope.tables.statistics import (
    can_tell,
    holm,
    interval_over_models,
    signed_rank,
    smallest_p,
)


def test_signed_ranks_by_hand():
    # Ranks 1 to 4, against: 2. Of 16 patterns of signs 3 have a sum of 2 or less on one side.
    found = signed_rank([1, -2, 3, 4])
    assert found.p == pytest.approx(2 * 3 / 16)
    assert found.effect == pytest.approx((1 - 2 + 3 + 4) / 10)
    assert signed_rank([-1, 2, -3, -4]).effect == -found.effect


def test_no_difference_has_nothing_to_rank_and_zeros_do_not_count():
    nothing = signed_rank([0, 0, 0])
    assert (nothing.p, nothing.effect) == (1, 0)
    # Two pairs are left, of which one of four patterns is as extreme on each side.
    some = signed_rank([0, 1, 2])
    assert (some.p, some.effect, some.smallest) == (pytest.approx(2 / 4), 1, 2 / 2**3)


@pytest.mark.parametrize("n", [1, 2, 5, 6, 10, 20])
def test_no_p_is_below_the_smallest_and_the_clearest_difference_reaches_it(n):
    clearest = signed_rank(np.arange(1, n + 1) / 10)
    assert clearest.p == pytest.approx(smallest_p(n)) == pytest.approx(2 / 2**n)


def test_six_pairs_can_tell_one_difference_and_not_two():
    assert smallest_p(6) == pytest.approx(0.03125)
    assert not can_tell(5, 1)
    assert can_tell(6, 1)
    assert not can_tell(6, 2)


def test_holm_steps_down():
    # Worked by hand: sorted .01 .03 .04 times 3, 2, 1, then never decreasing.
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03]), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    p = np.random.default_rng(0).beta(0.3, 2, 40)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


def test_an_interval_over_models_covers_the_mean_as_often_as_it_says():
    """The plain percentile interval of ten values covers it in some 90 %."""
    samples = np.random.default_rng(0).normal(3, 2, (600, 10))
    covered = [low <= 3 <= high for low, high in map(interval_over_models, samples)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_fewer_than_five_models_have_no_interval():
    assert np.isnan(interval_over_models([1, 2, 3, 4])).all()
    assert interval_over_models([1, 2, 3, 4, 5]) == pytest.approx((1, 5), abs=0.5)


def labels_and_guesses(n, rng):
    true = np.repeat(["a", "b", "c"], [n // 2, n // 4, n - n // 2 - n // 4])
    return true, np.where(rng.random(n) < 0.7, true, rng.choice(["a", "b", "c", "d"], n))


def test_an_interval_over_images_is_that_of_scores_of_resampled_images():
    rng = np.random.default_rng(0)
    true, predicted = labels_and_guesses(60, rng)
    groups = np.arange(60) // 2
    found = classification_intervals(
        true, predicted, groups, rng=np.random.default_rng(1), resamples=40
    )
    rng = np.random.default_rng(1)
    pairs = [rng.integers(30, size=30) for _ in range(40)]
    drawn = [np.concatenate([2 * pair, 2 * pair + 1]) for pair in pairs]
    scores = [classification_scores(true[rows], predicted[rows]) for rows in drawn]
    for name, bounds in found.items():
        expected = np.quantile([one[name] for one in scores], [0.025, 0.975])
        np.testing.assert_allclose(bounds, expected, atol=1e-12)


def test_an_interval_over_images_is_as_wide_as_the_binomial_says_and_copies_add_nothing():
    true = np.repeat(["a", "b"], 300)
    predicted = true.copy()
    predicted[:60] = "b"  # recall .8
    predicted[-120:] = "a"  # recall .6
    error = np.sqrt((0.8 * 0.2 + 0.6 * 0.4) / 300) / 2
    once = classification_intervals(true, predicted, np.arange(600), rng=np.random.default_rng(0))
    low, high = once["balanced_accuracy"]
    assert (low + high) / 2 == pytest.approx(0.7, abs=0.01)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    copies = [np.repeat(values, 4) for values in (true, predicted, np.arange(600))]
    again = classification_intervals(*copies, rng=np.random.default_rng(0))
    assert again == once


def test_one_group_says_nothing_of_others():
    found = classification_intervals(["a", "b"], ["a", "a"], [0, 0], rng=np.random.default_rng(0))
    assert np.isnan(list(found.values())).all()
