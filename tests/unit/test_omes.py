"""OMES: the ceiling of a perfect code, a twin made of loops, and the cases at the edge."""

import numpy as np
import pytest

from fovscope.metrics.omes import omes_score, one_factor_correlation

SIZES = np.array([5, 7, 3, 6, 40, 32, 32])  # Texture-dSprites, method section 1


def all_pairs(sizes):
    """Every ordered pair of values of each factor: pairs without any chance in them.

    The other factors are 0 in both members.
    """
    first, second, changed = [], [], []
    for i, size in enumerate(sizes):
        a, b = np.nonzero(~np.eye(size, dtype=bool))
        for values, members in ((a, first), (b, second)):
            rows = np.zeros((len(values), len(sizes)))
            rows[:, i] = values
            members.append(rows)
        changed.append(np.full(len(a), i))
    return np.concatenate(first), np.concatenate(second), np.concatenate(changed)


def draw_pairs(sizes, per_factor, seed=0):
    """Uniform factor vectors; the changed factor takes another value."""
    rng = np.random.default_rng(seed)
    changed = np.repeat(np.arange(len(sizes)), per_factor)
    first = rng.integers(0, sizes, (len(changed), len(sizes)))
    second = first.copy()
    rows, n_values = np.arange(len(changed)), np.asarray(sizes)[changed]
    step = rng.integers(1, n_values)
    second[rows, changed] = (first[rows, changed] + step) % n_values
    return first.astype(float), second.astype(float), changed


def omes_by_loops(first, second, changed, alpha, pooling):
    """The formula of method section 7, index by index."""
    n_dims, n_factors = first.shape[1], changed.max() + 1
    S = np.zeros((n_dims, n_factors))
    for d in range(n_dims):
        for i in range(n_factors):
            S[d, i] = 1 - abs(np.corrcoef(first[changed == i, d], second[changed == i, d])[0, 1])
    scores = []
    for i in range(n_factors):
        overlap, multiple = [], []
        for d in range(n_dims):
            overlap.append(1 - np.mean([abs((j == i) - S[d, j]) for j in range(n_factors)]))
            multiple.append(1 - np.mean([abs((k == d) - S[k, i]) for k in range(n_dims)]))
        pooled = []
        for values in (overlap, multiple):
            if pooling == "max":
                pooled.append(max(S[d, i] * values[d] for d in range(n_dims)))
            else:
                weighted = sum(S[d, i] ** 2 * values[d] for d in range(n_dims))
                pooled.append(weighted / sum(S[:, i]))
        scores.append(alpha * pooled[0] + (1 - alpha) * pooled[1])
    return np.array(scores)


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.8])
def test_equals_the_definition_written_as_loops(alpha, pooling):
    first, second, changed = draw_pairs((3, 5, 6), 200)
    rng = np.random.default_rng(1)
    mixing = rng.standard_normal((3, 5))
    codes = [pair @ mixing + 0.2 * rng.standard_normal((600, 5)) for pair in (first, second)]
    expected = omes_by_loops(*codes, changed, alpha, pooling)
    omes = omes_score(*codes, changed, active=np.ones(5), alpha=alpha, pooling=pooling)
    assert omes.per_factor == pytest.approx(expected)
    assert omes.score == pytest.approx(expected.mean())


def test_ceiling_of_a_perfect_code_on_texture_dsprites():
    first, second, changed = all_pairs(SIZES)
    omes = omes_score(first, second, changed, active=np.ones(7))
    s = 1 - 1 / (SIZES - 1)  # the members never share the value: correlation -1/(s - 1)
    assert omes.association == pytest.approx(np.diag(s))
    assert s[:4] == pytest.approx([0.75, 0.83, 0.50, 0.80], abs=0.005)
    # One entry s in its row and column of zeros: S^2 OS / S = s (1 - (1 - s)/7).
    assert omes.per_factor == pytest.approx(s * (1 - (1 - s) / 7))
    assert omes.score == pytest.approx(0.81, abs=0.005)


def test_perfect_code_on_drawn_pairs_stays_near_the_ceiling():
    first, second, changed = draw_pairs(SIZES, 2_000)
    omes = omes_score(first, second, changed, active=np.ones(7))
    # The SD of a correlation over 2,000 pairs is .022, of the mean of seven .008.
    assert omes.score == pytest.approx(0.811, abs=0.025)


def test_rotation_spreads_each_factor_by_its_squared_loading():
    sizes = np.array([3, 5, 6])
    first, second, changed = draw_pairs(sizes, 20_000)
    sd = np.sqrt((sizes**2 - 1) / 12)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3))).Q
    S = one_factor_correlation(first / sd @ rotation, second / sd @ rotation, changed, 3)
    # Var = 1; of it R[i, d]^2 belongs to factor i and turns from 1 to -1/(s - 1).
    correlation = 1 - rotation.T**2 * (sizes / (sizes - 1))
    assert pytest.approx(1 - np.abs(correlation), abs=0.03) == S


def test_rotation_by_45_degrees_scores_a_quarter_of_the_association():
    first, second, changed = draw_pairs((6, 6), 20_000)
    rotation = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    omes = omes_score(first @ rotation, second @ rotation, changed, active=np.ones(2))
    # S = s/(2(s - 1)) = .6 everywhere; OS = ME = 1 - mean(.4, .6) = .5; pooled S x .5.
    assert omes.association == pytest.approx(np.full((2, 2), 0.6), abs=0.02)
    assert omes.score == pytest.approx(0.3, abs=0.015)


def test_noise_scores_one_over_the_number_of_factors_and_dimensions():
    rng = np.random.default_rng(0)
    _, _, changed = draw_pairs(SIZES, 5_000)
    first, second = rng.standard_normal((2, len(changed), 10))
    omes = omes_score(first, second, changed, active=np.ones(10))
    # Unrelated members: S = s = 1 - E|r| everywhere, so OS = s (1 - ((K - 2) s + 1)/K), which
    # is 1/K for many pairs; ME likewise with D.
    s = 1 - np.sqrt(2 / np.pi / 5_000)
    assert omes.association.mean() == pytest.approx(s, abs=0.003)
    assert omes.overlap == pytest.approx(np.full(7, s * (1 - (5 * s + 1) / 7)), abs=0.01)
    assert omes.multiple_encoding == pytest.approx(np.full(7, s * (1 - (8 * s + 1) / 10)), abs=0.01)


def test_perfect_code_is_no_upper_bound_for_factors_of_few_values():
    """A known weakness of the formula: |Pearson| takes -1/(s - 1) for a shared part."""
    first, second, changed = draw_pairs((3, 3), 20_000)
    perfect = omes_score(first, second, changed, active=np.ones(2))
    assert perfect.score == pytest.approx(0.5 * (1 - 0.5 / 2), abs=0.02)
    # Squared loadings 2/3 and 1/3 give S = 1 and .5: (1 x .75 + .25 x .25) / 1.5.
    rotation = np.array([[np.sqrt(2), 1], [-1, np.sqrt(2)]]) / np.sqrt(3)
    rotated = omes_score(first @ rotation, second @ rotation, changed, active=np.ones(2))
    assert rotated.score == pytest.approx(0.8125 / 1.5, abs=0.02)


def test_one_dimension_for_two_factors_overlaps_and_two_for_one_encode_twice():
    first, second, changed = all_pairs((100, 100))  # s = .99: nearly ideal entries
    both = [pair.sum(axis=1, keepdims=True) for pair in (first, second)]
    omes = omes_score(*both, changed, active=[True])
    assert omes.overlap == pytest.approx([0.5, 0.5], abs=0.02)
    assert omes.multiple_encoding == pytest.approx([1, 1], abs=0.03)
    only_first = changed == 0
    twice = [np.repeat(pair[only_first, :1], 2, axis=1) for pair in (first, second)]
    omes = omes_score(*twice, changed[only_first], active=[True, True])
    assert omes.overlap == pytest.approx([1], abs=0.03)
    assert omes.multiple_encoding == pytest.approx([0.5], abs=0.02)


def test_invariant_under_order_sign_and_scale_and_swapped_members():
    first, second, changed = draw_pairs((3, 5, 6), 200)
    mixing = np.random.default_rng(1).standard_normal((3, 4))
    x, y, active = first @ mixing, second @ mixing, np.ones(4)
    expected = omes_score(x, y, changed, active=active).score
    for change in (lambda z: z[:, [2, 0, 3, 1]], lambda z: -z, lambda z: 5 * z + 2):
        assert omes_score(change(x), change(y), changed, active=active).score == pytest.approx(
            expected
        )
    assert omes_score(y, x, changed, active=active).score == pytest.approx(expected)


def test_inactive_dimensions_are_dropped():
    first, second, changed = draw_pairs((3, 5), 200)
    junk = np.random.default_rng(1).standard_normal((2, 400, 1))
    expected = omes_score(first, second, changed, active=[True, True])
    padded = [np.hstack([noise, pair]) for noise, pair in zip(junk, (first, second), strict=True)]
    omes = omes_score(*padded, changed, active=[False, True, True])
    assert omes.per_factor == pytest.approx(expected.per_factor)
    assert np.isnan(omes.association[0]).all()
    assert omes.association[1:] == pytest.approx(expected.association)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_factor_that_no_dimension_carries_scores_zero(pooling):
    first, second, changed = draw_pairs((3, 5), 200)
    x, y = first[:, :1], second[:, :1]  # nothing but factor 0
    omes = omes_score(x, y, changed, active=[True], pooling=pooling)
    # S = (.5, 0): OS = .5 x (1 - .25), ME = .5 x (1 - .5); the SD of S over 200 pairs is .07.
    assert omes.per_factor[0] == pytest.approx((0.375 + 0.25) / 2, abs=0.12)
    assert omes.per_factor[1] == pytest.approx(0, abs=1e-12)
    nothing = omes_score(x, y, changed, active=[False], pooling=pooling)
    assert nothing.per_factor.tolist() == [0, 0]


def test_undefined_correlation_is_no_change_unless_the_members_differ():
    constant, other = np.full((5, 1), 0.1), np.full((5, 1), 0.3)
    varied = np.arange(5.0)[:, None]
    x, y = np.hstack([constant, constant, varied]), np.hstack([constant, other, constant])
    S = one_factor_correlation(x, y, np.zeros(5, int), 1)
    assert S.tolist() == [[0], [1], [1]]


def test_bad_pairs_are_named():
    first, second, changed = draw_pairs((3, 5), 10)
    with pytest.raises(ValueError, match="factor 1 has 2 pairs"):
        omes_score(first[:12], second[:12], changed[:12], active=[True, True])
    with pytest.raises(ValueError, match="pairs do not match"):
        omes_score(first, second[:, :1], changed, active=[True, True])
    with pytest.raises(ValueError, match="from 0 to 0"):
        one_factor_correlation(first, second, changed, 1)
    with pytest.raises(ValueError, match="average or max, not 'mean'"):
        omes_score(first, second, changed, active=[True, True], pooling="mean")
    for no_mask in ([0, 2], [True], 1):
        with pytest.raises(ValueError, match="is a mask, True or False for each of 2"):
            omes_score(first, second, changed, active=no_mask)
    first[3, 1] = np.nan
    with pytest.raises(ValueError, match="dimension 1 is not finite"):
        omes_score(first, second, changed, active=[True, True])
