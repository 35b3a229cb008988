"""DCI: scores of known importance matrices, known codes, and agreement with scikit-learn."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from fovscope.metrics.dci import completeness, dci_scores, disentanglement

TWO_OF_TEN = 1 - np.log(2) / np.log(10)


def draw_factors(n_rows, sizes, seed=0):
    return np.random.default_rng(seed).integers(0, sizes, (n_rows, len(sizes)))


def test_diagonal_is_perfect():
    assert disentanglement(np.eye(10)) == pytest.approx(1)
    assert completeness(np.eye(10)) == pytest.approx(1)


def test_zeros_and_uniform_score_zero():
    for importance in (np.zeros((10, 7)), np.ones((10, 7))):
        assert disentanglement(importance) == pytest.approx(0)
        assert completeness(importance) == pytest.approx(0)


def test_redundant_codes_are_disentangled_but_not_complete():
    importance = np.repeat(np.eye(5), 2, axis=0)  # ten codes, two for each of five factors
    assert disentanglement(importance) == pytest.approx(1)
    assert completeness(importance) == pytest.approx(TWO_OF_TEN)


def test_codes_that_carry_two_factors_are_complete_but_not_disentangled():
    importance = np.repeat(np.eye(5), 2, axis=1)  # ten factors, two in each of five codes
    assert disentanglement(importance) == pytest.approx(TWO_OF_TEN)
    assert completeness(importance) == pytest.approx(1)


def test_rows_weigh_by_their_share_of_all_importance():
    importance = np.array([[3.0, 0], [0.5, 0.5]])  # a clean row of weight 3/4, a mixed one of 1/4
    assert disentanglement(importance) == pytest.approx(0.75)
    # Columns: (3, .5) of weight 3.5/4 with entropy h, (0, .5) of weight .5/4 with entropy 0.
    p = np.array([6, 1]) / 7
    h = -(p * np.log2(p)).sum()
    assert completeness(importance) == pytest.approx(3.5 / 4 * (1 - h) + 0.5 / 4)


def test_one_factor_or_one_dimension_leaves_nothing_to_confuse():
    assert disentanglement([[1.0], [0.5]]) == 1
    assert completeness([[1.0, 0.5]]) == 1
    assert disentanglement([[0.0], [0.0]]) == 0


@pytest.fixture(scope="module")
def perfect():
    train, test = draw_factors(1_500, (2, 5, 3)), draw_factors(500, (2, 5, 3), seed=1)
    return train.astype(float), train, test.astype(float), test


def test_perfect_code_with_a_binary_factor(perfect):
    scores = dci_scores(*perfect, rounds=20)
    assert scores.importance == pytest.approx(np.eye(3), abs=0.01)
    assert scores.disentanglement > 0.97
    assert scores.completeness > 0.97
    assert scores.informativeness == 1


def test_noise_scores_chance():
    rng = np.random.default_rng(0)
    sizes = (2, 4)
    scores = dci_scores(
        rng.standard_normal((4_000, 4)),
        draw_factors(4_000, sizes),
        rng.standard_normal((4_000, 4)),
        draw_factors(4_000, sizes, seed=1),
        rounds=20,
    )
    assert scores.disentanglement < 0.05
    assert scores.completeness < 0.05
    # Chance is 1/2 and 1/4; the SD of an accuracy over 4,000 rows is below .008.
    assert scores.informativeness == pytest.approx((1 / 2 + 1 / 4) / 2, abs=0.02)


def test_rotation_by_45_degrees_shares_each_factor_out():
    factors = draw_factors(4_000, (8, 8))
    rotation = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    codes = factors @ rotation
    scores = dci_scores(codes[:3_000], factors[:3_000], codes[3_000:], factors[3_000:], rounds=20)
    assert scores.importance == pytest.approx(np.full((2, 2), 0.5), abs=0.1)
    assert scores.disentanglement < 0.03
    assert scores.completeness < 0.03


def test_invariant_under_order_sign_and_scale_of_codes_and_names_of_values():
    factors = draw_factors(1_200, (3, 4))
    noise = np.random.default_rng(1).standard_normal((1_200, 3))
    codes = factors @ np.array([[1.0, 0.5, 0], [0, 1, 0]]) + 0.4 * noise

    def scores(codes, factors):
        dci = dci_scores(codes[:800], factors[:800], codes[800:], factors[800:], rounds=20)
        return [dci.disentanglement, dci.completeness, dci.informativeness]

    expected = scores(codes, factors)
    assert 0.1 < expected[0] < 0.9
    # Trees cut between other neighbours when an axis is flipped: equal up to such ties.
    assert scores(codes[:, [2, 0, 1]], factors) == pytest.approx(expected, abs=0.02)
    assert scores(-4 * codes, factors) == pytest.approx(expected, abs=0.02)
    names = np.array(["c", "a", "d", "b"])
    assert scores(codes, names[factors]) == pytest.approx(expected, abs=0.02)
    assert scores(codes, 10 + 5 * factors) == pytest.approx(expected, abs=1e-9)


def test_same_seed_same_numbers(perfect):
    once, twice = (dci_scores(*perfect, rounds=5, seed=3) for _ in range(2))
    assert (once.importance == twice.importance).all()


def test_unseen_test_values_count_as_wrong(perfect):
    codes, factors, test_codes, test_factors = perfect
    unseen = np.full_like(test_factors, 99)
    assert dci_scores(codes, factors, test_codes, unseen, rounds=2).informativeness == 0


def test_no_dimension_predicts_the_most_frequent_value():
    factors = np.array([[0], [1], [1]])
    scores = dci_scores(np.empty((3, 0)), factors, np.empty((3, 0)), factors)
    assert scores.informativeness == pytest.approx(2 / 3)
    assert scores.disentanglement == scores.completeness == 0


def test_bad_arrays_are_named(perfect):
    codes, factors, test_codes, test_factors = perfect
    with pytest.raises(ValueError, match="test factors have shape"):
        dci_scores(codes, factors, test_codes, test_factors[:, :2])
    with pytest.raises(ValueError, match="factor 1 is constant"):
        dci_scores(codes, factors * [1, 0, 1], test_codes, test_factors)
    with pytest.raises(ValueError, match="dimension 0 is not finite"):
        dci_scores(codes, factors, test_codes * np.nan, test_factors)


@pytest.mark.slow
def test_agrees_with_gradient_boosting_of_scikit_learn():
    """Locatello et al. (2019) use scikit-learn's; ours must say the same, only faster."""
    factors = draw_factors(1_500, (3, 5, 7, 6))
    noise = np.random.default_rng(1).standard_normal((1_500, 6))
    mixing = np.array([[1, 0.4, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.6], [0, 0, 0, 1]])
    codes = np.hstack([factors @ mixing, np.zeros((1_500, 2))]) + 0.4 * noise
    train, test = slice(1_000), slice(1_000, None)
    ours = dci_scores(codes[train], factors[train], codes[test], factors[test])

    importance, accuracy = np.empty((6, 4)), np.empty(4)
    for k, column in enumerate(factors.T):
        trees = GradientBoostingClassifier(random_state=0).fit(codes[train], column[train])
        importance[:, k] = trees.feature_importances_
        accuracy[k] = trees.score(codes[test], column[test])
    # Measured: importances correlate at .998 and differ by .08 at most; scores by .04 at most.
    assert np.corrcoef(ours.importance.ravel(), importance.ravel())[0, 1] > 0.99
    assert ours.importance == pytest.approx(importance, abs=0.1)
    assert ours.disentanglement == pytest.approx(disentanglement(importance), abs=0.06)
    assert ours.completeness == pytest.approx(completeness(importance), abs=0.06)
    assert ours.informativeness == pytest.approx(accuracy.mean(), abs=0.02)
