"""Weak supervision: sharing by hand-computed examples, averaging formulas, known traps."""

import numpy as np
import pytest
import torch

from fovscope.models.gaussian import Posterior, kl_to_prior, sample
from fovscope.objectives.supervision import (
    average,
    multiply,
    shared_by_divergence,
    shared_by_labels,
)
from fovscope.registry import Catalogue

SUPERVISION = {name: entry.load() for name, entry in Catalogue()["supervision"].items()}
all_modes = pytest.mark.parametrize("mode", SUPERVISION)


def changed_factors(*factors, of):
    """Return what changed in each pair, given as a tuple of factors."""
    changed = torch.zeros(len(factors), of, dtype=torch.bool)
    for row, those in enumerate(factors):
        changed[row, list(those)] = True
    return changed


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
    assert shared_by_labels(changed_factors([1], [2], [0], of=3), 4).tolist() == [
        [True, False, True, True],
        [True, True, False, True],
        [False, True, True, True],
    ]


def test_labels_with_two_changed_factors_or_none():
    assert shared_by_labels(changed_factors([0, 2], [], [0, 1, 2], of=3), 4).tolist() == [
        [False, True, False, True],
        [True, True, True, True],
        [False, False, False, True],
    ]


def test_labels_average_and_leave_the_changed_dimensions():
    posterior = random_pairs(1)
    mean, logvar = SUPERVISION["labels"](posterior, changed_factors([0, 2], of=3))
    assert torch.equal(mean[:, :, [0, 2]], posterior.mean[:, :, [0, 2]])
    assert torch.equal(logvar[:, :, [0, 2]], posterior.logvar[:, :, [0, 2]])
    for shared in (mean, logvar):
        assert torch.equal(shared[0][:, [1, 3]], shared[1][:, [1, 3]])
    torch.testing.assert_close(mean[0], torch.where(mean[0] == mean[1], mean.mean(0), mean[0]))


def test_more_factors_than_dimensions_are_named():
    with pytest.raises(ValueError, match="5 factors and latent_dim is 4"):
        SUPERVISION["labels"](random_pairs(1), changed_factors([0], of=5))


def test_none_shares_nothing():
    posterior = random_pairs()
    unchanged = SUPERVISION["none"](posterior, changed_factors(*[[]] * 9, of=2))
    assert torch.equal(unchanged.mean, posterior.mean)
    assert torch.equal(unchanged.logvar, posterior.logvar)


def test_ada_by_hand():
    # Unit variances: δ = Δ²/2, here (0, 0.5, 4.5), τ = 2.25; and (0.5, 2, 4.5), τ = 2.5.
    posterior = pair_posterior([[0.0, 0, 0], [0, 0, 0]], [[0.0, 1, 3], [1, 2, 3]])
    assert shared_by_divergence(posterior).tolist() == [[True, True, False], [True, True, False]]


def test_ada_sees_a_difference_in_variance():
    # Equal means; variances 1 against e: δ = (e + 1/e − 2)/4 = 0.27 in dimension 0 only.
    posterior = pair_posterior([[0.0, 0, 0]], [[0.0, 0, 0]], 0.0, [[1.0, 0, 0]])
    assert shared_by_divergence(posterior).tolist() == [[False, True, True]]


def test_ada_divergence_is_symmetric():
    # KL(p ‖ q) alone orders these two dimensions one way, KL(q ‖ p) the other.
    posterior = pair_posterior([[0.0, 0, 0]], [[1.0, 1, 0]], [[1.0, -1, 0]], [[-1.0, 1, 0]])
    swapped = Posterior(posterior.mean.flip(0), posterior.logvar.flip(0))
    assert shared_by_divergence(posterior).tolist() == [[False, False, True]]
    assert shared_by_divergence(swapped).tolist() == [[False, False, True]]


def test_trap_threshold_is_per_pair_and_not_of_the_batch():
    # Pair 0 differs a thousand times more: one threshold for both would share all of pair 1.
    posterior = pair_posterior([[0.0, 0], [0, 0]], [[100.0, 0], [0.1, 0]])
    assert shared_by_divergence(posterior).tolist() == [[False, True], [False, True]]
    many = random_pairs(50)
    together = shared_by_divergence(many)
    for row in range(50):
        alone = Posterior(many.mean[:, row : row + 1], many.logvar[:, row : row + 1])
        assert torch.equal(together[row : row + 1], shared_by_divergence(alone))


def test_both_ada_modes_share_the_same_dimensions():
    posterior = random_pairs()
    shared = shared_by_divergence(posterior)
    assert shared.any()
    assert not shared.all()
    for mode in ("ada", "ada-ml"):
        mean, logvar = SUPERVISION[mode](posterior, changed_factors(*[[]] * 9, of=2))
        assert torch.equal(mean[0] == mean[1], shared)
        assert torch.equal(logvar[0] == logvar[1], shared)
        for member in range(2):
            assert torch.equal(mean[member][~shared], posterior.mean[member][~shared])


def test_averaging_takes_means_and_variances():
    posterior = pair_posterior([[1.0, 1.0]], [[3.0, 3.0]], np.log(2.0), np.log(6.0))
    averaged = average(posterior, torch.tensor([[True, False]]))
    assert averaged.mean.tolist() == [[[2, 1]], [[2, 3]]]
    variance = averaged.logvar.exp()
    torch.testing.assert_close(
        variance, torch.tensor([[[4.0, 2]], [[4, 6]]], dtype=torch.float64)
    )  # (2 + 6)/2, not e to the mean of the logarithms, 3.46


def test_the_product_of_two_gaussians_by_hand():
    # N(1, 2)·N(3, 6): precision 1/2 + 1/6 = 2/3, mean (1/2 + 3/6)/(2/3) = 3/2.
    posterior = pair_posterior([[1.0, 1.0]], [[3.0, 3.0]], np.log(2.0), np.log(6.0))
    product = multiply(posterior, torch.tensor([[True, False]]))
    torch.testing.assert_close(
        product.mean, torch.tensor([[[1.5, 1]], [[1.5, 3]]], dtype=torch.float64)
    )
    torch.testing.assert_close(
        product.logvar.exp(), torch.tensor([[[1.5, 2]], [[1.5, 6]]], dtype=torch.float64)
    )


def test_the_product_is_that_of_the_densities():
    posterior = random_pairs(1, 1)
    product = multiply(posterior, torch.tensor([[True]]))
    grid = torch.linspace(-4, 4, 9, dtype=torch.float64)

    def log_density(of, member):
        scale = torch.exp(0.5 * of.logvar[member, 0, 0])
        return torch.distributions.Normal(of.mean[member, 0, 0], scale).log_prob(grid)

    difference = log_density(posterior, 0) + log_density(posterior, 1) - log_density(product, 0)
    torch.testing.assert_close(difference, difference[:1].expand(9))  # a constant: the evidence


def test_the_product_bears_variances_at_the_bounds():
    posterior = pair_posterior([[1.0, 1.0]], [[3.0, 3.0]], [[-20.0, 10]], [[10.0, 10]])
    product = multiply(posterior, torch.tensor([[True, True]]))
    torch.testing.assert_close(product.mean[0], torch.tensor([[1.0, 2.0]], dtype=torch.float64))
    torch.testing.assert_close(
        product.logvar[0], torch.tensor([[-20.0, 10 - np.log(2)]], dtype=torch.float64)
    )


@all_modes
def test_identical_members_stay_what_they_are(mode):
    """As no dimension differs, those of `ada-ml` share nothing and keep their variance."""
    posterior = random_pairs()
    twins = Posterior(posterior.mean[:1].repeat(2, 1, 1), posterior.logvar[:1].repeat(2, 1, 1))
    after = SUPERVISION[mode](twins, changed_factors(*([row % 4] for row in range(9)), of=4))
    torch.testing.assert_close(after.mean, twins.mean)
    torch.testing.assert_close(after.logvar, twins.logvar)


def test_the_product_of_equal_posteriors_has_half_their_variance():
    posterior = pair_posterior([[1.0]], [[1.0]], np.log(2.0), np.log(2.0))
    product = multiply(posterior, torch.tensor([[True]]))
    torch.testing.assert_close(product.mean, posterior.mean)
    torch.testing.assert_close(product.logvar, posterior.logvar - np.log(2))


@all_modes
def test_trap_no_edit_in_place_and_exact_gradients(mode):
    posterior = random_pairs(3)
    changed = changed_factors([0], [1], [2], of=4)

    def loss(mean, logvar):
        after = SUPERVISION[mode](Posterior(mean, logvar), changed)
        latent = sample(after, torch.Generator().manual_seed(0))
        return latent.square().sum(), kl_to_prior(after).sum()

    inputs = [part.clone().requires_grad_() for part in posterior]
    assert torch.autograd.gradcheck(loss, inputs)
    for part, kept in zip(inputs, posterior, strict=True):
        assert torch.equal(part, kept)


def test_both_members_receive_half_of_a_shared_means_gradient():
    mean = torch.zeros(2, 1, 2, requires_grad=True)
    averaged = average(Posterior(mean, torch.zeros(2, 1, 2)), torch.tensor([[True, False]]))
    averaged.mean[0].sum().backward()
    assert mean.grad.tolist() == [[[0.5, 1]], [[0.5, 0]]]
