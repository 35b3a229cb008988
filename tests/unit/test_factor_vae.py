"""FactorVAE score: known codes, and votes counted by loops."""

import numpy as np
import pytest

from fovscope.metrics import TooFewRowsError, factor_vae_score
from fovscope.metrics.factor_vae import _votes
from fovscope.metrics.groups import shared_values

SIZES = (4, 4, 5)
FEW = {"n_train": 1_000, "n_test": 500}


def draw_factors(n_rows, seed=0):
    return np.random.default_rng(seed).integers(0, SIZES, (n_rows, len(SIZES)))


def score(encode, **options):
    train, test = draw_factors(2_000), draw_factors(1_000, seed=1)
    return factor_vae_score(encode(train), train, encode(test), test, **FEW, **options)


def test_votes_are_those_of_loops():
    factors = draw_factors(300)
    codes = factors @ np.random.default_rng(1).standard_normal((3, 4))
    found = _votes(codes, factors, 31, 6, np.random.default_rng(2), "")
    rng = np.random.default_rng(2)
    expected = np.zeros((4, 3), dtype=int)
    for k, shared in enumerate(shared_values(factors, 2)):
        for group in shared.groups([11, 10, 10][k], 6, rng):
            variances = []
            for d in range(4):
                mean = sum(codes[row, d] for row in group) / 6
                variances.append(sum((codes[row, d] - mean) ** 2 for row in group) / 5)
            expected[variances.index(min(variances)), k] += 1
    assert found.tolist() == expected.tolist()


def test_votes_drawn_in_chunks_are_as_many(monkeypatch):
    factors = draw_factors(300)
    monkeypatch.setattr("fovscope.metrics.groups._CHUNK", 500)
    votes = _votes(factors.astype(float), factors, 31, 6, np.random.default_rng(2), "")
    assert votes.tolist() == [[11, 0, 0], [0, 10, 0], [0, 0, 10]]


def test_perfect_code_and_its_copy_name_every_factor():
    perfect = score(lambda f: f.astype(float))
    assert perfect.score == 1
    assert (np.flatnonzero(perfect.votes) == [0, 4, 8]).all()  # the diagonal only
    assert score(lambda f: np.hstack([f, f]).astype(float)).score == 1


def test_noise_scores_one_over_the_number_of_factors():
    rng = np.random.default_rng(0)
    result = score(lambda f: rng.standard_normal((len(f), 5)))
    assert result.score == pytest.approx(1 / 3, abs=0.07)  # SD over 500 votes: .021


def test_dimension_of_two_factors_can_name_only_one():
    """z0 = a + b, z1 = c: with a or b fixed, z0 has half its variance, z1 all of it.

    z0 gets all votes of both; the majority takes one of them: 2/3.
    """
    result = score(lambda f: np.stack([f[:, 0] + f[:, 1], f[:, 2]], axis=1).astype(float))
    assert result.votes[1, 2] == 333
    assert result.votes[0, :2].tolist() == [334, 333]
    assert result.score == pytest.approx((167 + 166) / 500)
    assert sorted(result.per_factor) == [0, 1, 1]


def test_rotation_by_45_degrees_leaves_chance():
    """Either factor fixed leaves half of the variance of both dimensions."""
    rotation = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    train, test = draw_factors(2_000)[:, :2], draw_factors(1_000, seed=1)[:, :2]
    result = factor_vae_score(train @ rotation, train, test @ rotation, test, **FEW)
    assert result.score == pytest.approx(1 / 2, abs=0.08)


def test_pruned_dimensions_do_not_vote():
    def encode(f):  # a faint copy of factor 0, and a constant
        return np.stack([1e-3 * f[:, 0], *f.T, np.full(len(f), 0.1)], axis=1)

    kept, pruned = score(encode), score(encode, active_sd=0.05)
    assert kept.active.tolist() == [True, True, True, True, False]
    assert pruned.active.tolist() == [False, True, True, True, False]
    assert pruned.votes[0].sum() == 0
    assert pruned.score == kept.score == 1


def test_dimension_that_never_voted_names_no_factor():
    """Training groups see z0 still, test groups see z1 still: its votes count for nobody."""
    train, test = draw_factors(600)[:, :1], draw_factors(600, seed=1)[:, :1]
    noise = np.random.default_rng(0).standard_normal((600, 1))
    result = factor_vae_score(
        np.hstack([train, noise]), train, np.hstack([noise, test]), test, **FEW
    )
    assert result.score == 0


def test_small_groups_are_refused():
    train = draw_factors(100)  # some 20 rows a value
    with pytest.raises(TooFewRowsError, match="training rows have the value"):
        factor_vae_score(train, train, train, train)
    with pytest.raises(ValueError, match="at least 2"):
        factor_vae_score(train, train, train, train, group_size=1)
    with pytest.raises(ValueError, match="2 votes for 3 factors"):
        factor_vae_score(train, train, train, train, n_test=2, group_size=5)
