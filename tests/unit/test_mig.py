"""MIG: known codes, the plug-in bias of noise, invariances, and a twin made of loops."""

import numpy as np
import pytest
from sklearn.metrics.cluster import (
    contingency_matrix,
    expected_mutual_information,
    mutual_info_score,
)

from fovscope.metrics.mig import (
    factor_entropies,
    gaps,
    mig_per_factor,
    mig_score,
    mutual_information,
)

SIZES = (5, 7, 3, 6, 40, 32, 32)  # Texture-dSprites, method section 1


def draw_factors(n_rows, sizes=SIZES, seed=0):
    return np.random.default_rng(seed).integers(0, sizes, (n_rows, len(sizes)))


def information_by_loops(codes, factors, bins):
    """The definition, written out: sum of p(x, y) ln p(x, y) / p(x) p(y) over all cells."""
    result = np.zeros((codes.shape[1], factors.shape[1]))
    for d in range(codes.shape[1]):
        low, width = codes[:, d].min(), np.ptp(codes[:, d]) / bins
        cell = np.array([min(int((z - low) / width), bins - 1) for z in codes[:, d]])
        for k in range(factors.shape[1]):
            for x in set(cell):
                for y in set(factors[:, k]):
                    joint = np.mean((cell == x) & (factors[:, k] == y))
                    if joint > 0:
                        of_x, of_y = np.mean(cell == x), np.mean(factors[:, k] == y)
                        result[d, k] += joint * np.log(joint / (of_x * of_y))
    return result


def mig_by_loops(codes, factors, bins):
    information = information_by_loops(codes, factors, bins)
    total = 0.0
    for k in range(factors.shape[1]):
        probabilities = [np.mean(factors[:, k] == v) for v in set(factors[:, k])]
        entropy = -sum(p * np.log(p) for p in probabilities)
        first, second = sorted(information[:, k])[::-1][:2]
        total += (first - second) / entropy
    return total / factors.shape[1]


def test_equals_the_definition_written_as_loops():
    factors = draw_factors(150, (3, 5))
    noise = np.random.default_rng(1).standard_normal((150, 3))
    codes = factors @ np.array([[1.0, 0.2, 0], [0, 0.7, 0]]) + 0.3 * noise
    assert mutual_information(codes, factors, bins=6) == pytest.approx(
        information_by_loops(codes, factors, bins=6)
    )
    assert mig_score(codes, factors, bins=6) == pytest.approx(mig_by_loops(codes, factors, bins=6))


def test_largest_value_falls_in_the_last_bin_not_in_one_of_its_own():
    ladder = np.arange(21.0)[:, None]  # 20 bins for 21 values: the last two share theirs
    counts = np.array([1] * 19 + [2])
    expected = -(counts / 21 * np.log(counts / 21)).sum()
    assert mutual_information(ladder, ladder)[0, 0] == pytest.approx(expected)


def test_agrees_with_scikit_learn_on_values_that_need_no_bins():
    factors = draw_factors(500, (4, 3))
    codes = (factors[:, :1] + draw_factors(500, (2,), seed=1)).astype(float)
    expected = [mutual_info_score(codes[:, 0], column) for column in factors.T]
    assert mutual_information(codes, factors)[0] == pytest.approx(expected)


def test_perfect_code_reaches_one_and_a_copied_dimension_zero():
    factors = draw_factors(10_000, (3, 5, 6))
    # Not exactly 1: the second dimension knows something by chance, (s - 1)(t - 1)/2N nats.
    assert mig_score(factors.astype(float), factors) == pytest.approx(1, abs=0.002)
    copied = np.hstack([factors, factors]).astype(float)
    assert mig_score(copied, factors) == pytest.approx(0, abs=1e-12)


def test_ceiling_on_texture_dsprites_is_set_by_the_bins():
    factors = np.indices((40, 32)).reshape(2, -1).T  # the full grid: nothing is left to chance
    # 40 values fill 20 bins by twos; 32 values fill 12 bins by twos and 8 by ones.
    expected = [np.log(20) / np.log(40), (24 * np.log(16) + 8 * np.log(32)) / 32 / np.log(32)]
    assert mig_per_factor(factors.astype(float), factors) == pytest.approx(expected)
    assert (4 * 1 + expected[0] + 2 * expected[1]) / 7 == pytest.approx(0.93, abs=0.005)


def test_rotation_by_45_degrees_leaves_no_gap():
    factors = np.indices((6, 6)).reshape(2, -1).T
    codes = factors @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    # Sum and difference know equally much of either factor; ties with bin edges may differ.
    assert mig_score(codes, factors, bins=11) == pytest.approx(0, abs=1e-9)
    assert mutual_information(codes, factors, bins=11).min() > 0.4


@pytest.mark.parametrize(("n_rows", "published"), [(500, (0.034, 0.165)), (10_000, (0.002, 0.010))])
def test_bias_of_noise_is_the_published_one(n_rows, published):
    """Plug-in information of noise over H, 3 and 40 values (method section 7)."""
    factors = draw_factors(n_rows, (3, 40))
    noise = np.random.default_rng(1).standard_normal((n_rows, 100))
    share = (mutual_information(noise, factors) / factor_entropies(factors)).mean(axis=0)
    assert share == pytest.approx(published, abs=0.005 if n_rows == 500 else 0.001)


def test_bias_of_noise_is_what_independent_margins_predict():
    """Expectation over all tables with the same margins (Vinh et al. 2010)."""
    factors = draw_factors(500, (3, 40))
    noise = np.random.default_rng(1).standard_normal((500, 100))
    found = mutual_information(noise, factors).mean(axis=0)
    cell = np.floor((noise[:, 0] - noise[:, 0].min()) / np.ptp(noise[:, 0]) * 20).clip(max=19)
    expected = [
        expected_mutual_information(contingency_matrix(cell, column), 500) for column in factors.T
    ]
    assert found == pytest.approx(expected, rel=0.1)


def test_only_dimensions_up_to_order_sign_and_scale_matter():
    factors = draw_factors(2_000, (3, 5, 6))
    noise = np.random.default_rng(1).standard_normal((2_000, 4))
    codes = np.hstack([factors, np.zeros((2_000, 1))]) + 0.5 * noise
    expected = mig_score(codes, factors)
    assert 0.2 < expected < 0.8
    assert mig_score(codes[:, [2, 0, 3, 1]], factors) == pytest.approx(expected)
    assert mig_score(-3 * codes + 7, factors) == pytest.approx(expected, abs=1e-9)


def test_names_of_factor_values_do_not_matter():
    factors = draw_factors(1_000, (3, 5))
    codes = factors + 0.3 * np.random.default_rng(1).standard_normal(factors.shape)
    names = np.array(["delta", "alpha", "echo", "charlie", "bravo"])
    expected = mig_score(codes, factors)
    assert mig_score(codes, names[factors]) == pytest.approx(expected)
    assert mig_score(codes, 100 - 9 * factors) == pytest.approx(expected)


def test_one_dimension_has_no_second_and_a_constant_one_knows_nothing():
    factors = draw_factors(1_000, (4,))
    codes = factors.astype(float)
    assert mig_score(codes, factors) == pytest.approx(1)
    assert mutual_information(np.ones((1_000, 1)), factors)[0, 0] == 0
    assert mig_score(np.hstack([codes, np.ones_like(codes)]), factors) == pytest.approx(1)
    assert mig_score(codes[:, :0], factors) == 0


def test_gap_is_between_the_two_largest():
    assert gaps(np.array([[0.1, 0.4], [0.9, 0.4], [0.6, 0.1]])) == pytest.approx([0.3, 0])


def test_entropy_of_equally_frequent_values():
    factors = np.indices((3, 5)).reshape(2, -1).T
    assert factor_entropies(factors) == pytest.approx(np.log([3, 5]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_dimension_that_is_not_finite_is_named(value):
    codes = np.zeros((10, 3))
    codes[4, 2] = value
    with pytest.raises(ValueError, match=r"dimension 2 is not finite in 1 rows.*row 4"):
        mig_score(codes, draw_factors(10, (3,)))


def test_bad_factors_are_named():
    codes, factors = np.random.default_rng(0).random((10, 2)), draw_factors(10, (3, 3, 3))
    with pytest.raises(ValueError, match=r"\(9, 3\) do not belong to 10 codes"):
        mig_score(codes, factors[:9])
    factors[:, 1] = 7
    with pytest.raises(ValueError, match="factor 1 is constant"):
        mig_score(codes, factors)
    unknown = factors.astype(float)
    unknown[3, 0] = np.nan
    with pytest.raises(ValueError, match="factor 0 is not finite"):
        mig_score(codes, unknown)
    with pytest.raises(ValueError, match="no factors"):
        mig_score(codes, factors[:, :0])


def test_fewer_than_two_bins_are_refused():
    factors = draw_factors(10, (3, 3))
    for bins in (1, 0, -3):
        with pytest.raises(ValueError, match=f"{bins} bins tell nothing apart"):
            mig_score(factors, factors, bins=bins)
