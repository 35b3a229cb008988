"""β-VAE score: known codes, and points made by loops."""

import numpy as np
import pytest

from fovscope.metrics import beta_vae_score
from fovscope.metrics.beta_vae import _points
from fovscope.metrics.groups import shared_values

SIZES = (4, 4, 5)
FEW = {"n_train": 1_000, "n_test": 500}


def draw_factors(n_rows, seed=0):
    return np.random.default_rng(seed).integers(0, SIZES, (n_rows, len(SIZES)))


def score(encode, **options):
    train, test = draw_factors(2_000), draw_factors(1_000, seed=1)
    return beta_vae_score(encode(train), train, encode(test), test, **FEW, **options)


def test_points_are_those_of_loops():
    factors = draw_factors(200)
    codes = np.random.default_rng(1).standard_normal((200, 4))
    found, factor = _points(codes, factors, 20, 5, np.random.default_rng(2), "")
    assert np.bincount(factor).tolist() == [7, 7, 6]
    rng = np.random.default_rng(2)
    expected = []
    for k, shared in enumerate(shared_values(factors, 2)):
        first, second = shared.pairs(5 * [7, 7, 6][k], rng)
        for point in range([7, 7, 6][k]):
            sums = [0.0] * 4
            for pair in range(5 * point, 5 * point + 5):
                for d in range(4):
                    sums[d] += abs(codes[first[pair], d] - codes[second[pair], d])
            expected.append([total / 5 for total in sums])
    assert found == pytest.approx(np.array(expected))


def test_points_drawn_in_chunks_are_as_many(monkeypatch):
    factors = draw_factors(200)
    monkeypatch.setattr("fovscope.metrics.groups._CHUNK", 50)
    points, factor = _points(factors.astype(float), factors, 20, 5, np.random.default_rng(0), "")
    assert len(points) == len(factor) == 20
    assert (points[np.arange(20), factor] == 0).all()


def test_perfect_code_and_its_copy_are_recognised():
    assert score(lambda f: f.astype(float)).score == 1
    assert score(lambda f: np.hstack([f, f]).astype(float)).score == 1


def test_noise_scores_one_over_the_number_of_factors():
    rng = np.random.default_rng(0)
    result = score(lambda f: rng.standard_normal((len(f), 5)))
    assert result.score == pytest.approx(1 / 3, abs=0.07)  # SD over 500 points: .021


def test_two_factors_that_share_a_dimension_evenly_cannot_be_told_apart():
    """z0 = a + b, z1 = c: with a or with b fixed, differences have the same distribution.

    a and b are then recognised in half of the cases, c in all: (1/2 + 1/2 + 1)/3.
    """
    result = score(lambda f: np.stack([f[:, 0] + f[:, 1], f[:, 2]], axis=1).astype(float))
    assert result.score == pytest.approx(2 / 3, abs=0.06)
    assert result.per_factor[2] == 1


def test_rotation_by_45_degrees_hides_which_factor_was_fixed():
    """Both dimensions are (a ± b)/sqrt(2): what is fixed leaves the same distribution."""
    rotation = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    train, test = draw_factors(2_000)[:, :2], draw_factors(1_000, seed=1)[:, :2]
    result = beta_vae_score(train @ rotation, train, test @ rotation, test, **FEW)
    assert result.score == pytest.approx(1 / 2, abs=0.08)


def test_without_standardising_the_penalty_depends_on_scale():
    train, test = draw_factors(2_000), draw_factors(1_000, seed=1)
    tables = train * 1e-4, train, test * 1e-4, test
    assert beta_vae_score(*tables, standardise=True, **FEW).score == 1
    assert beta_vae_score(*tables, **FEW).score < 0.9


def test_one_factor_is_always_recognised():
    train = draw_factors(200)[:, :1]
    noise = np.random.default_rng(0).standard_normal((200, 2))
    assert beta_vae_score(noise, train, noise, train, **FEW).score == 1


def test_too_few_points_are_refused():
    train = draw_factors(200)
    with pytest.raises(ValueError, match="2 points for 3 factors"):
        beta_vae_score(train, train, train, train, n_train=2)
