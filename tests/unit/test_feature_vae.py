"""Φ-VAE: published size and loss, the KL against torch.distributions, clamping, precision."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.gaussian import Posterior, kl_between, kl_to_prior, sample
from fovscope.models.scaling import FeatureScaling
from fovscope.models.vae import encode
from fovscope.objectives.base import Batch
from fovscope.study.config import Model

PAPER_LIKELIHOOD = {"likelihood_units": "scaled", "likelihood_sd": 0.025515518}
DINO_OFFSET, DINO_RANGE = -14.5106125, 34.3280255  # method, section 3


def make_vae(feature_dim=6, *, seed=0, offset=0.0, scale=1.0, **options):
    scaling = FeatureScaling(
        torch.full((feature_dim,), offset), torch.as_tensor(scale).expand(feature_dim).clone()
    )
    return FeatureVAE(feature_dim, Model(width=8, latent_dim=3, **options), scaling, seed=seed)


def loss_terms(model, features, noise):
    batch = Batch.of(model, features, noise)
    return batch.reconstruction, batch.kl


def random_posterior(seed, shape=(50, 4)):
    generator = torch.Generator().manual_seed(seed)
    mean, logvar = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return Posterior(mean, 2 * logvar)


def as_distribution(posterior):
    return Normal(posterior.mean, torch.exp(0.5 * posterior.logvar))


def test_published_parameter_count():
    scaling = FeatureScaling(torch.zeros(768), torch.ones(768))
    model = FeatureVAE(768, Model(width=512, latent_dim=10), scaling, seed=0)
    assert sum(weight.numel() for weight in model.parameters()) == 5_033_748  # "5.03 M"


def test_initial_weights_are_xavier_uniform_with_small_bias():
    model = make_vae(40)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            outputs, inputs = layer.weight.shape
            bound = np.sqrt(6 / (inputs + outputs))
            assert layer.weight.abs().max() <= bound
            assert layer.weight.abs().max() > 0.8 * bound
            assert (layer.bias == 0.01).all()


def test_initial_weights_follow_the_seed_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = make_vae(seed=1), make_vae(seed=1), make_vae(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.output.weight, again.output.weight)
    assert not torch.equal(first.output.weight, other.output.weight)


# The KL term -----------------------------------------------------------------------------


def test_kl_to_prior_is_the_analytic_one():
    posterior = random_posterior(0)
    expected = kl_divergence(as_distribution(posterior), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_to_prior(posterior), expected)


def test_kl_between_posteriors_is_the_analytic_one_and_directed():
    p, q = random_posterior(1), random_posterior(2)
    expected = kl_divergence(as_distribution(p), as_distribution(q))
    torch.testing.assert_close(kl_between(p, q), expected)
    assert not torch.allclose(kl_between(q, p), expected)


def test_trap_mean_and_variance_in_the_wrong_order():
    # KL(N(2, 1) ‖ N(0, 1)) = 2; swapped, i.e. N(0, e²), it would be (e² − 3)/2 = 2.19.
    posterior = Posterior(mean=torch.tensor([2.0]), logvar=torch.tensor([0.0]))
    assert kl_to_prior(posterior).item() == pytest.approx(2)
    model = make_vae()
    with torch.no_grad():
        for layer in (model.mean_head, model.logvar_head):
            layer.weight.zero_()
        model.mean_head.bias.fill_(2.0)
        model.logvar_head.bias.fill_(0.0)
    _, kl = loss_terms(model, torch.zeros(5, 6), torch.Generator())
    assert kl.item() == pytest.approx(2 * 3)  # summed over d = 3, averaged over the batch


def test_samples_have_the_posteriors_mean_and_sd():
    posterior = Posterior(torch.full((200_000, 1), 3.0), torch.full((200_000, 1), np.log(4.0)))
    drawn = sample(posterior, torch.Generator().manual_seed(0))
    assert drawn.mean().item() == pytest.approx(3, abs=0.02)
    assert drawn.std().item() == pytest.approx(2, abs=0.02)


def test_log_variance_is_clamped():
    model = make_vae()
    for sign, bound in ((-1, -20), (1, 10)):
        torch.nn.init.constant_(model.logvar_head.bias, sign * 1e4)
        _, logvar = model.posterior(torch.zeros(4, 6))
        assert (logvar == bound).all()


# The reconstruction term -----------------------------------------------------------------


def scaled_rows(seed=0, shape=(7, 6)):
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(seed))


def test_papers_reconstruction_is_768_times_the_squared_error():
    model = make_vae(offset=DINO_OFFSET, scale=DINO_RANGE, **PAPER_LIKELIHOOD)
    x, reconstructed = scaled_rows()
    expected = 768 * (x - reconstructed).square().sum(1).mean()
    torch.testing.assert_close(model.reconstruction_loss(x, reconstructed), expected)


def test_default_likelihood_equals_the_papers_for_dino():
    # σ = 0.876 raw units is 0.876 / 34.3280255 of the range: 768 to three digits.
    model = make_vae(offset=DINO_OFFSET, scale=DINO_RANGE)
    x, reconstructed = scaled_rows()
    expected = 768 * (x - reconstructed).square().sum(1).mean()
    torch.testing.assert_close(
        model.reconstruction_loss(x, reconstructed), expected, rtol=1e-3, atol=0
    )


def test_likelihood_in_raw_units_does_not_depend_on_the_scaling():
    raw, raw_reconstructed = 5 * scaled_rows()
    expected = (raw - raw_reconstructed).square().sum(1).mean() / (2 * 0.876**2)
    for scale in (torch.ones(6), torch.arange(1.0, 7)):
        model = make_vae(6, scale=scale)
        loss = model.reconstruction_loss(model.scaling(raw), model.scaling(raw_reconstructed))
        torch.testing.assert_close(loss, expected)


def test_squashed_output_lies_between_zero_and_one():
    latent = 100 * torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    squashed = make_vae(output="squashed").decode(latent)
    assert squashed.min() >= 0
    assert squashed.max() <= 1
    linear = make_vae().decode(latent)
    torch.testing.assert_close(  # LeakyReLU with slope 0.2, then (tanh + 1)/2
        squashed, (torch.tanh(torch.maximum(linear, 0.2 * linear)) + 1) / 2
    )
    assert linear.min() < 0


def test_gradients_are_finite_and_reach_all_weights():
    model = make_vae()
    features = 1e3 * torch.randn(16, 6, generator=torch.Generator().manual_seed(0))
    reconstruction, kl = loss_terms(model, features, torch.Generator())
    (reconstruction + kl).backward()
    for weight in model.parameters():
        assert weight.grad.isfinite().all()
        assert weight.grad.abs().sum() > 0


def test_losses_are_float32_under_bfloat16_autocast():
    model = make_vae()
    features = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    exact = loss_terms(model, features, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = loss_terms(model, features, torch.Generator().manual_seed(1))
    for term, reference in zip(rounded, exact, strict=True):
        assert term.dtype == torch.float32
        assert term.item() == pytest.approx(reference.item(), rel=0.02)


# Encoding --------------------------------------------------------------------------------


def test_encode_scales_streams_and_returns_the_posterior():
    model = make_vae(offset=10.0, scale=2.0)
    features = np.random.default_rng(0).normal(10, 2, (23, 6)).astype(np.float32)
    mean, logvar = encode(model, features, batch_size=5)
    expected = model.posterior(torch.from_numpy((features - 10) / 2))
    assert mean.dtype == logvar.dtype == np.float32
    np.testing.assert_allclose(mean, expected.mean.detach(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logvar, expected.logvar.detach(), rtol=1e-4, atol=1e-6)


def test_encode_names_features_of_another_backbone():
    with pytest.raises(ValueError, match=r"trained on 6 features .* shape \(2, 7\)"):
        encode(make_vae(), np.zeros((2, 7), np.float32))
