"""InfoMEC: codes whose shares of information are known, another implementation, invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_selection import mutual_info_classif

from fovscope.metrics.infomec import dominance, infomec_scores
from fovscope.metrics.nearest_neighbours import nearest_neighbour_information

GRID = np.indices((3, 4, 5)).reshape(3, -1).T.repeat(4, axis=0)  # every combination, 4 times


def draw(n, sizes=(3, 5), seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, sizes, (n, len(sizes))), rng


def information_by_loops(codes, factor, k):
    """Ross (2014), equation 2, row by row."""
    from scipy.special import digamma

    total = 0.0
    for i, value in enumerate(codes):
        same = np.sort([abs(value - z) for j, z in enumerate(codes) if factor[j] == factor[i]])
        within = sum(abs(value - z) < same[k] for z in codes)  # same[0] is the row itself
        total += digamma(k) - digamma(np.sum(factor == factor[i])) - digamma(within)
    return digamma(len(codes)) + total / len(codes)


def test_neighbours_equal_the_definition_written_as_loops():
    factors, rng = draw(80, (3,))
    codes = factors + 0.7 * rng.standard_normal((80, 1))
    assert nearest_neighbour_information(codes, factors, neighbours=4)[0, 0] == pytest.approx(
        information_by_loops(codes[:, 0], factors[:, 0], 4), abs=1e-6
    )


def test_neighbours_agree_with_scikit_learn():
    factors, rng = draw(700, (3, 40))
    codes = np.stack([factors[:, 0] + 0.3 * rng.standard_normal(700), rng.random(700)], axis=1)
    expected = [
        mutual_info_classif(codes, f, discrete_features=False, n_neighbors=3, random_state=0)
        for f in factors.T
    ]
    ours = nearest_neighbour_information(codes, factors, neighbours=3)
    # A neighbour more or less at a rounded distance is 1/700 x 1/k.
    assert ours == pytest.approx(np.transpose(expected), abs=1e-3)


def test_neighbours_on_gaussians_of_known_information():
    """Two values d SD apart: I = ln 2 - E ln(1 + exp(-d z - d²/2)), z normal, by quadrature."""
    rng = np.random.default_rng(0)
    label = np.arange(20_000) % 2
    for d in (0.5, 2.0):
        z, weight = np.polynomial.hermite_e.hermegauss(80)
        expected = np.log(2) - weight @ np.log1p(np.exp(-d * z - d**2 / 2)) / weight.sum()
        code = d * label + rng.standard_normal(20_000)
        found = nearest_neighbour_information(code[:, None], label[:, None])[0, 0]
        assert found == pytest.approx(expected, abs=0.015)


def test_equal_codes_are_parted_and_a_value_of_one_row_is_left_out():
    codes = GRID[:, :1].astype(float)
    information = nearest_neighbour_information(codes, GRID[:, :2], neighbours=3)
    assert information[0, 0] == pytest.approx(np.log(3), abs=0.02)
    assert information[0, 1] == pytest.approx(0, abs=0.1)
    alone = np.r_[np.zeros(9), np.ones(9), 7][:, None]
    assert nearest_neighbour_information(alone, alone)[0, 0] == pytest.approx(np.log(2), abs=0.1)


def test_dominance():
    """max/sum moved from [1/C, 1] to [0, 1]: (.5 - 1/3) / (2/3) = 1/4."""
    rows = np.array([[0, 2, 0], [1, 1, 1], [0, 0, 0], [2, 1, 1]])
    assert dominance(rows) == pytest.approx([1, 0, 0, 0.25])
    assert dominance(np.array([[3.0], [0.0]])).tolist() == [1, 0]


@pytest.mark.parametrize("estimator", ["bins", "discrete", "neighbours"])
def test_perfect_code(estimator):
    """NMI is the identity on the full grid: every share is 1; one-hot values are separable."""
    codes = GRID.astype(float)
    scores = infomec_scores(codes, GRID, estimator=estimator, neighbours=3)
    exact = 0.15 if estimator == "neighbours" else 1e-9  # 60 x 4 rows scatter
    assert scores.modularity == pytest.approx(1, abs=exact)
    assert scores.compactness == pytest.approx(1, abs=exact)
    assert scores.explicitness == pytest.approx(1, abs=0.02)


def test_duplicated_code_is_modular_but_not_compact():
    """Two of six dimensions know a factor: max/sum = 1/2, (1/2 - 1/6) / (5/6) = 2/5."""
    codes = np.hstack([GRID, GRID]).astype(float)
    scores = infomec_scores(codes, GRID, estimator="discrete")
    assert scores.modularity == pytest.approx(1)
    assert scores.compactness_per_factor == pytest.approx([0.4] * 3)


def test_two_factors_in_one_code_are_compact_but_not_modular():
    """The first dimension knows all of two factors: max/sum = 1/2, (1/2 - 1/3) / (2/3) = 1/4."""
    codes = np.stack([GRID[:, 0] * 4 + GRID[:, 1], GRID[:, 2]], axis=1)
    scores = infomec_scores(codes, GRID, estimator="discrete")
    assert scores.modularity == pytest.approx((0.25 + 1) / 2)
    assert scores.compactness == pytest.approx(1)


def test_explicitness_of_a_noisy_bit():
    """0 is told right 8 times in 10, 1 6 times. With both as frequent, 'told 1' means 1 with
    .6/.8, 'told 0' with .4/1.2; the mean surprise over ln 2 is what is lost. That 0 is three
    times as frequent matters in the mean over rows, not in that over values."""
    label = np.repeat([0, 0, 0, 1], 500)[:, None]
    told = label.copy()
    for value, wrong in ((0, 300), (1, 200)):
        told[np.flatnonzero(label == value)[:wrong]] = 1 - value
    codes = told.astype(float)
    of_0 = -(0.8 * np.log(2 / 3) + 0.2 * np.log(0.25))
    of_1 = -(0.6 * np.log(0.75) + 0.4 * np.log(1 / 3))
    for balanced, surprise in ((True, (of_0 + of_1) / 2), (False, (3 * of_0 + of_1) / 4)):
        scores = infomec_scores(codes, label, estimator="discrete", balanced=balanced)
        assert scores.explicitness == pytest.approx(1 - surprise / np.log(2), abs=1e-3)


def test_explicitness_survives_rotation_and_counts_dimensions_together():
    """A linear map can be undone by a linear classifier; sum and difference tell a parity not."""
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3))).Q
    straight = infomec_scores(GRID.astype(float), GRID).explicitness
    assert infomec_scores(GRID @ turn, GRID).explicitness == pytest.approx(straight, abs=0.02)
    bits = np.indices((2, 2)).reshape(2, -1).T.repeat(100, axis=0)
    parity = bits.sum(axis=1, keepdims=True) % 2
    assert infomec_scores(bits.astype(float), parity).explicitness == pytest.approx(0, abs=1e-6)


def test_narrow_dimensions_are_pruned():
    rng = np.random.default_rng(0)
    dim = 0.04 * rng.random((len(GRID), 1))  # less than 1/20 of the range 2 of the first
    codes = np.hstack([GRID, dim])
    with_it = infomec_scores(codes, GRID, smallest_range=0)
    without = infomec_scores(codes, GRID, smallest_range=1 / 20)
    assert without.active.tolist() == [True, True, True, False]
    assert with_it.modularity < without.modularity
    assert with_it.compactness < without.compactness
    assert without.modularity == infomec_scores(GRID.astype(float), GRID).modularity


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([-100.0, -1.0, 0.01, 3.0]))
def test_invariant_under_order_sign_and_names(seed, scale):
    factors, rng = draw(120, seed=seed)
    codes = factors @ rng.standard_normal((2, 3)) + 0.3 * rng.standard_normal((120, 3))
    order, turned = rng.permutation(3), rng.permutation(2)
    names = np.array(["b", "z", "a", "q", "c"])
    one = infomec_scores(codes, factors)
    other = infomec_scores(scale * codes[:, order] + 7, names[factors[:, turned]])
    assert other.modularity == pytest.approx(one.modularity, abs=1e-6)
    assert other.compactness_per_factor == pytest.approx(
        one.compactness_per_factor[turned], abs=1e-6
    )
    assert other.explicitness_per_factor == pytest.approx(
        one.explicitness_per_factor[turned], abs=1e-2
    )


def test_edges():
    factors, rng = draw(60)
    dead = infomec_scores(np.full((60, 2), 0.1), factors)
    assert (dead.modularity, dead.compactness, dead.explicitness) == (0, 0, 0)
    for estimator in ("neighbours", "bins", "discrete"):
        without = infomec_scores(np.empty((60, 0)), factors, estimator=estimator)
        assert (without.modularity, without.compactness, without.explicitness) == (0, 0, 0)
    with pytest.raises(ValueError, match="neighbours must be at least 1, not 0"):
        infomec_scores(factors + 0.0, factors, neighbours=0)
    one = infomec_scores(factors[:, :1] + 0.0, factors[:, :1])
    assert (one.modularity, one.compactness) == (1, 1)
    with pytest.raises(ValueError, match="neighbours, bins or discrete"):
        infomec_scores(factors + 0.0, factors, estimator="knn")
    with pytest.raises(ValueError, match="not finite"):
        infomec_scores(np.full((60, 1), np.nan), factors)
    with pytest.raises(ValueError, match="constant"):
        infomec_scores(rng.random((60, 1)), np.zeros((60, 1)))
