"""Weak supervision: sharing by hand-computed examples, averaging formulas, known traps."""

import numpy as np
import pytest
import torch

from fovscope.models.gaussian import Posterior, kl_to_prior, sample
from fovscope.objectives.supervision import SUPERVISION, average_shared

NO_FACTORS = torch.zeros(2, dtype=torch.int64)


def pair_posterior(first_mean, second_mean, first_logvar=0.0, second_logvar=0.0):
    mean = torch.tensor([first_mean, second_mean], dtype=torch.float64)
    logvar = torch.zeros_like(mean)
    logvar[0] += torch.as_tensor(first_logvar)
    logvar[1] += torch.as_tensor(second_logvar)
    return Posterior(mean, logvar)


def random_pairs(pairs=9, d=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mean, logvar = torch.randn(2, 2, pairs, d, generator=generator, dtype=torch.float64)
    return Posterior(mean, logvar)


def test_labels_share_all_but_the_changed_factors_dimension():
    shared = SUPERVISION["labels"](random_pairs(3), torch.tensor([1, 3, 0]))
    assert shared.tolist() == [
        [True, False, True, True],
        [True, True, True, False],
        [False, True, True, True],
    ]


def test_none_shares_nothing():
    posterior = random_pairs()
    shared = SUPERVISION["none"](posterior, torch.zeros(9, dtype=torch.int64))
    assert shared.shape == (9, 4)
    assert not shared.any()
    unchanged = average_shared(posterior, shared)
    assert torch.equal(unchanged.mean, posterior.mean)
    assert torch.equal(unchanged.logvar, posterior.logvar)


def test_ada_by_hand():
    # Unit variances: δ = Δ²/2, here (0, 0.5, 4.5), τ = 2.25; and (0.5, 2, 4.5), τ = 2.5.
    posterior = pair_posterior([[0.0, 0, 0], [0, 0, 0]], [[0.0, 1, 3], [1, 2, 3]])
    shared = SUPERVISION["ada"](posterior, NO_FACTORS)
    assert shared.tolist() == [[True, True, False], [True, True, False]]


def test_ada_sees_a_difference_in_variance():
    # Equal means; variances 1 against e: δ = (e + 1/e − 2)/4 = 0.27 in dimension 0 only.
    posterior = pair_posterior([[0.0, 0, 0]], [[0.0, 0, 0]], 0.0, [[1.0, 0, 0]])
    assert SUPERVISION["ada"](posterior, NO_FACTORS[:1]).tolist() == [[False, True, True]]


def test_ada_divergence_is_symmetric():
    # KL(p ‖ q) alone orders these two dimensions one way, KL(q ‖ p) the other.
    posterior = pair_posterior([[0.0, 0, 0]], [[1.0, 1, 0]], [[1.0, -1, 0]], [[-1.0, 1, 0]])
    swapped = Posterior(posterior.mean.flip(0), posterior.logvar.flip(0))
    shared = SUPERVISION["ada"](posterior, NO_FACTORS[:1])
    assert shared.tolist() == [[False, False, True]]
    assert torch.equal(shared, SUPERVISION["ada"](swapped, NO_FACTORS[:1]))


def test_trap_threshold_is_per_pair_and_not_of_the_batch():
    # Pair 0 differs a thousand times more: one threshold for both would share all of pair 1.
    posterior = pair_posterior([[0.0, 0], [0, 0]], [[100.0, 0], [0.1, 0]])
    shared = SUPERVISION["ada"](posterior, NO_FACTORS)
    assert shared.tolist() == [[False, True], [False, True]]
    many = random_pairs(50)
    factors = torch.zeros(50, dtype=torch.int64)
    together = SUPERVISION["ada"](many, factors)
    for row in range(50):
        alone = Posterior(many.mean[:, row : row + 1], many.logvar[:, row : row + 1])
        assert torch.equal(together[row : row + 1], SUPERVISION["ada"](alone, factors[:1]))


def test_shared_dimensions_average_means_and_variances():
    posterior = pair_posterior([[1.0, 1.0]], [[3.0, 3.0]], np.log(2.0), np.log(6.0))
    averaged = average_shared(posterior, torch.tensor([[True, False]]))
    assert averaged.mean.tolist() == [[[2, 1]], [[2, 3]]]
    variance = averaged.logvar.exp()
    torch.testing.assert_close(
        variance, torch.tensor([[[4.0, 2]], [[4, 6]]], dtype=torch.float64)
    )  # (2 + 6)/2, not e to the mean of the logarithms, 3.46


@pytest.mark.parametrize("mode", ["labels", "ada", "none"])
def test_identical_members_stay_what_they_are(mode):
    posterior = random_pairs()
    twins = Posterior(posterior.mean[:1].repeat(2, 1, 1), posterior.logvar[:1].repeat(2, 1, 1))
    shared = SUPERVISION[mode](twins, torch.arange(9) % 4)
    averaged = average_shared(twins, shared)
    torch.testing.assert_close(averaged.mean, twins.mean)
    torch.testing.assert_close(averaged.logvar, twins.logvar)


def test_trap_no_edit_in_place_and_exact_gradients():
    posterior = random_pairs(3)
    shared = SUPERVISION["labels"](posterior, torch.tensor([0, 1, 2]))
    before = [part.clone() for part in posterior]

    def loss(mean, logvar):
        averaged = average_shared(Posterior(mean, logvar), shared)
        latent = sample(averaged, torch.Generator().manual_seed(0))
        return latent.square().sum(), kl_to_prior(averaged).sum()

    inputs = [part.clone().requires_grad_() for part in posterior]
    assert torch.autograd.gradcheck(loss, inputs)
    for part, kept in zip(inputs, before, strict=True):
        assert torch.equal(part, kept)


def test_both_members_receive_half_of_a_shared_means_gradient():
    mean = torch.zeros(2, 1, 2, requires_grad=True)
    averaged = average_shared(Posterior(mean, torch.zeros(2, 1, 2)), torch.tensor([[True, False]]))
    averaged.mean[0].sum().backward()
    assert mean.grad.tolist() == [[[0.5, 1]], [[0.5, 0]]]
