"""Objectives against closed forms, published formulas and brute force."""

import math
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.gaussian import Posterior, kl_to_prior, sample
from fovscope.models.scaling import fit_scaling
from fovscope.objectives.base import Batch, Objective, ObjectiveError
from fovscope.objectives.beta_tcvae import BetaTCVAE, decompose
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.objectives.dip_vae_ii import DIPVAEII, aggregate_covariance, penalties
from fovscope.objectives.factor_vae import (
    FactorVAE,
    discriminator_loss,
    make_discriminator,
    permute_dimensions,
)
from fovscope.study.config import Model
from fovscope.training.finetune import image_batches
from fovscope.training.loop import train
from fovscope.training.sampling import NOISE, EpochSampler, stream_seed
from fovscope.training.state import TrainingState

CPU = torch.device("cpu")
MODEL = Model(latent_dim=3, width=8, likelihood_sd=0.3, likelihood_units="scaled")
OBJECTIVES = (
    BetaVAE(),
    BetaTCVAE(),
    FactorVAE(discriminator_width=8),
    DIPVAEII(),
)
all_objectives = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_posterior(*shape, seed=0):
    mean, logvar = torch.randn(2, *shape, generator=generator(seed), dtype=torch.float64)
    return Posterior(mean, logvar)


def make_features(rows=40):
    return torch.randn(rows, 6, generator=generator(5))


def make_state(objective, features, *, learning_rate=1e-2, optimizer=torch.optim.SGD):
    scaling = fit_scaling(features, kind="standardise")
    return TrainingState.start(
        FeatureVAE(features.shape[1], MODEL, scaling, seed=0),
        objective,
        partial(optimizer, lr=learning_rate),
        EpochSampler(len(features), 16, seed=0, device=CPU),
    )


def run(state, objective, features, steps, **options):
    usual = {"precision": "float32", "log_every": 1}
    make_batch = options.pop("make_batch", image_batches(features))
    return train(state, objective, make_batch, steps=steps, **(usual | options))


def losses_of(objective, state, features, *, step=0, warmth=1.0):
    """Return the losses of the batch that `train` takes at `step`."""
    noise = generator(stream_seed(state.sampler.seed, NOISE, step))
    batch = image_batches(features)(state, state.sampler(step), noise)
    return objective.losses(batch, objective.coefficients(step, warmth))


# What all of them have in common ---------------------------------------------------------


@all_objectives
def test_a_cold_objective_is_the_reconstruction(objective):
    features = make_features()
    terms = losses_of(objective, make_state(objective, features), features, warmth=0.0)
    assert terms["loss"].item() == terms["reconstruction"].item()


@all_objectives
def test_the_loss_is_the_weighted_sum_of_its_terms(objective):
    features = make_features()
    terms = losses_of(objective, make_state(objective, features), features)
    weights = {
        BetaVAE: {"kl": 1},
        BetaTCVAE: {"mutual_information": 1, "total_correlation": 6, "dimension_wise_kl": 1},
        FactorVAE: {"kl": 1, "total_correlation": 35},
        DIPVAEII: {"kl": 1, "off_diagonal": 10, "diagonal": 10},
    }[type(objective)]
    expected = terms["reconstruction"] + sum(w * terms[name] for name, w in weights.items())
    torch.testing.assert_close(terms["loss"], expected)


@all_objectives
def test_members_of_pairs_count_as_rows(objective):
    """A batch of pairs that share nothing is a batch of twice as many images."""
    features = make_features(16)
    state = make_state(objective, features)
    terms = [
        objective.losses(
            Batch.of(state.model, features.view(*shape, 6), generator(), networks=state.networks),
            objective.coefficients(0, 1.0),
        )
        for shape in ((16,), (2, 8))
    ]
    for name in terms[0].keys() - {"discriminator"}:  # other rows are permuted
        torch.testing.assert_close(terms[0][name], terms[1][name])


@all_objectives
def test_a_last_batch_of_one_row_can_be_trained_on(objective):
    features = make_features(33)
    state = make_state(objective, features, learning_rate=1e-4)
    run(state, objective, features, 6)
    assert all(math.isfinite(value) for point in state.curve for value in point.values())


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (BetaVAE, {"beta": -1.0}),
        (BetaVAE, {"beta": math.nan}),
        (BetaTCVAE, {"alpha": -0.1}),
        (FactorVAE, {"gamma": math.inf}),
        (FactorVAE, {"discriminator_width": 0}),
        (DIPVAEII, {"lambda_d": -1.0}),
    ],
)
def test_bad_options_are_named(make, options):
    with pytest.raises(ObjectiveError, match=f"option '{next(iter(options))}' must be"):
        make(**options)


# β-TCVAE ---------------------------------------------------------------------------------


def test_the_parts_sum_to_the_sampled_kl():
    posterior = random_posterior(12, 4)
    latent = sample(posterior, generator())
    own = torch.distributions.Normal(posterior.mean, torch.exp(0.5 * posterior.logvar))
    prior = torch.distributions.Normal(torch.zeros(4, dtype=torch.float64), 1.0)
    kl = (own.log_prob(latent) - prior.log_prob(latent)).sum(-1).mean()
    torch.testing.assert_close(sum(decompose(posterior, latent)), kl)


def test_with_all_weights_one_it_is_the_elbo_in_expectation():
    posterior = random_posterior(12, 4)
    draws = [sum(decompose(posterior, sample(posterior, generator(s)))) for s in range(400)]
    draws = torch.stack(draws)
    exact = kl_to_prior(posterior).sum(-1).mean()
    standard_error = draws.std() / math.sqrt(len(draws))
    assert abs(draws.mean() - exact) < 4 * standard_error
    assert standard_error < 0.02 * exact


def test_the_parts_are_those_of_the_formula_summed_by_hand():
    posterior = random_posterior(5, 2)
    latent = sample(posterior, generator(1))
    means, sds, z = posterior.mean.numpy(), np.exp(posterior.logvar.numpy() / 2), latent.numpy()

    def density(i, j, k):  # of sample i under posterior j in dimension k
        shift = (z[i, k] - means[j, k]) / sds[j, k]
        return math.exp(-(shift**2) / 2) / (sds[j, k] * math.sqrt(2 * math.pi))

    joint = [np.mean([density(i, j, 0) * density(i, j, 1) for j in range(5)]) for i in range(5)]
    marginals = [
        np.prod([np.mean([density(i, j, k) for j in range(5)]) for k in range(2)]) for i in range(5)
    ]
    own = [density(i, i, 0) * density(i, i, 1) for i in range(5)]
    prior = [math.exp(-(z[i] ** 2).sum() / 2) / (2 * math.pi) for i in range(5)]
    parts = decompose(posterior, latent)
    assert parts.mutual_information.item() == pytest.approx(np.mean(np.log(own) - np.log(joint)))
    assert parts.total_correlation.item() == pytest.approx(
        np.mean(np.log(joint) - np.log(marginals))
    )
    assert parts.dimension_wise_kl.item() == pytest.approx(
        np.mean(np.log(marginals) - np.log(prior))
    )


def correlation_matrix():
    return torch.tensor([[1.0, 0.6, 0.2], [0.6, 1.0, -0.3], [0.2, -0.3, 1.0]], dtype=torch.float64)


def test_the_parts_of_a_correlated_gaussian():
    # Posteriors N(n, 0.2 I) with n ~ N(0, R − 0.2 I) average to N(0, R): the total correlation is
    # −½ ln det R, the mutual information ½ (ln det R − 3 ln 0.2), the marginals are the prior.
    variance, rows, covariance = 0.2, 3000, correlation_matrix()
    factor = torch.linalg.cholesky(covariance - variance * torch.eye(3))
    mean = torch.randn(rows, 3, generator=generator(), dtype=torch.float64) @ factor.T
    posterior = Posterior(mean, torch.full_like(mean, math.log(variance)))
    parts = decompose(posterior, sample(posterior, generator(1)))
    log_det = torch.logdet(covariance).item()
    assert parts.total_correlation.item() == pytest.approx(-log_det / 2, abs=0.03)
    assert parts.mutual_information.item() == pytest.approx(
        (log_det - 3 * math.log(variance)) / 2, abs=0.03
    )
    assert parts.dimension_wise_kl.item() == pytest.approx(0, abs=0.03)


# FactorVAE -------------------------------------------------------------------------------


def correlated(rows, seed):
    factor = torch.linalg.cholesky(correlation_matrix()).float()
    return torch.randn(rows, 3, generator=generator(seed)) @ factor.T


def test_permuted_dimensions_keep_their_values_and_lose_each_other():
    latent = correlated(5000, 0)
    permuted = permute_dimensions(latent, generator(1))
    assert torch.equal(permuted.sort(0).values, latent.sort(0).values)
    off_diagonal = np.corrcoef(permuted.T) - np.eye(3)
    assert np.abs(off_diagonal).max() < 0.06  # 4 standard errors
    assert np.abs(np.corrcoef(latent[:, 0], permuted[:, 0])[0, 1]) < 0.06
    assert torch.equal(permute_dimensions(latent, generator(1)), permuted)
    assert not torch.equal(permute_dimensions(latent, generator(2)), permuted)


def test_a_discriminator_that_cannot_tell_loses_ln_2():
    assert discriminator_loss(torch.zeros(4), torch.zeros(7)).item() == pytest.approx(math.log(2))
    sure = discriminator_loss(torch.full((4,), 30.0), torch.full((7,), -30.0)).item()
    assert sure == pytest.approx(0, abs=1e-6)
    # −ln D(z) − ln(1 − D(z')), halved, of logits 1 and 2.
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2
    assert discriminator_loss(torch.ones(3), torch.full((2,), 2.0)).item() == pytest.approx(
        expected
    )


def test_discriminator_is_that_of_the_paper():
    layers = list(make_discriminator(10, 1000, seed=0))
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [1000] * 6 + [1]
    assert [layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)] == [
        0.2
    ] * 6
    optimizer = FactorVAE().optimizers(nn.ModuleDict({"discriminator": linear[0]}))["discriminator"]
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["betas"] == (0.5, 0.9)
    assert optimizer.defaults["lr"] == 1e-4


@pytest.mark.slow
def test_the_optimal_discriminators_logit_is_the_total_correlation():
    network = make_discriminator(3, 32, seed=0)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for step in range(400):
        real, others = correlated(1024, step).chunk(2)
        permuted = permute_dimensions(others, generator(10_000 + step))
        loss = discriminator_loss(network(real), network(permuted))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        estimate = network(correlated(50_000, 9999)).mean().item()
    exact = -torch.logdet(correlation_matrix()).item() / 2  # 0.41
    assert estimate == pytest.approx(exact, abs=0.05)


def test_each_network_steps_along_its_own_gradient_alone():
    objective, features = FactorVAE(discriminator_width=8), make_features()
    state = make_state(objective, features)
    terms = losses_of(objective, state, features)
    expected = {}
    for name, weights in (
        ("loss", list(state.model.parameters())),
        ("discriminator", list(state.networks.parameters())),
    ):
        gradients = torch.autograd.grad(terms[name], weights, retain_graph=True)
        expected |= {id(w): g for w, g in zip(weights, gradients, strict=True)}
    before = {id(weight): weight.detach().clone() for weight in state.model.parameters()}
    run(state, objective, features, 1)
    for weight in (*state.model.parameters(), *state.networks.parameters()):
        torch.testing.assert_close(weight.grad, expected[id(weight)])
    for weight in state.model.parameters():  # one step of gradient descent, with rate 0.01
        torch.testing.assert_close(weight, before[id(weight)] - 0.01 * expected[id(weight)])

    clipped = make_state(objective, features)
    run(clipped, objective, features, 1, clip_norm=1e-3)
    for weight, same in zip(
        clipped.networks.parameters(), state.networks.parameters(), strict=True
    ):
        torch.testing.assert_close(weight.grad, same.grad)  # the model's alone are clipped
    norms = [weight.grad.norm() for weight in clipped.model.parameters()]
    assert torch.stack(norms).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_the_discriminator_changes_without_the_model_and_the_model_without_it():
    features = make_features()
    frozen = FactorVAE(discriminator_width=8, discriminator_learning_rate=0.0)
    vectors = torch.nn.utils.parameters_to_vector
    for objective, rate, moves in (
        (FactorVAE(discriminator_width=8), 0.0, (False, True)),
        (frozen, 1e-2, (True, False)),
    ):
        state = make_state(objective, features, learning_rate=rate)
        parts = (state.model, state.networks)
        before = [vectors(part.parameters()).detach().clone() for part in parts]
        run(state, objective, features, 3)
        after = [vectors(part.parameters()) for part in parts]
        assert tuple(not torch.equal(*both) for both in zip(before, after, strict=True)) == moves


def test_permuted_samples_come_from_the_other_half():
    class Spy(nn.Module):
        seen = ()

        def forward(self, latent):
            self.seen += (latent.detach(),)
            return latent[..., :1]

    features = make_features(8)
    objective, spy = FactorVAE(), Spy()
    state = make_state(BetaVAE(), features)
    for shape in ((8,), (2, 4)):
        spy.seen = ()
        networks = nn.ModuleDict({"discriminator": spy})
        batch = Batch.of(state.model, features.view(*shape, 6), generator(), networks=networks)
        objective.losses(batch, objective.coefficients(0, 1.0))
        latent, permuted = spy.seen
        assert torch.equal(latent, batch.latent)
        other = latent[..., shape[-1] // 2 :, :].flatten(0, -2)
        assert torch.equal(permuted.sort(0).values, other.sort(0).values)


# DIP-VAE-II ------------------------------------------------------------------------------


def test_the_covariance_of_the_mixture():
    posterior = random_posterior(30, 4)
    mean, logvar = (part.numpy() for part in posterior)
    expected = np.cov(mean.T, bias=True) + np.diag(np.exp(logvar).mean(0))
    np.testing.assert_allclose(aggregate_covariance(posterior), expected)
    # And by drawing from it.
    draws = np.concatenate([sample(posterior, generator(s)).numpy() for s in range(3000)])
    np.testing.assert_allclose(np.cov(draws.T, bias=True), expected, atol=0.05)


def test_an_identity_covariance_costs_nothing():
    # Means ±0.6 in all combinations have covariance 0.36 I; variances 0.64 make it I.
    mean = 0.6 * torch.tensor(list(product((-1.0, 1.0), repeat=3)), dtype=torch.float64) + 2
    covariance = aggregate_covariance(Posterior(mean, torch.full_like(mean, math.log(0.64))))
    torch.testing.assert_close(covariance, torch.eye(3, dtype=torch.float64))
    for penalty in penalties(covariance):
        assert penalty.item() == pytest.approx(0, abs=1e-12)


def test_the_penalties_by_hand():
    covariance = torch.tensor([[3.0, 0.5], [0.5, 0.0]])
    off_diagonal, diagonal = penalties(covariance)
    assert off_diagonal.item() == 0.5  # 0.5² twice
    assert diagonal.item() == 5  # 2² + 1²


def test_the_covariance_is_not_rounded_under_autocast():
    posterior = Posterior(*(part.float() for part in random_posterior(30, 4)))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = aggregate_covariance(posterior)
    assert torch.equal(rounded, aggregate_covariance(posterior))


# Objectives that know more ---------------------------------------------------------------


class Anchored(Objective):
    """A VAE whose head regresses what is known of the rows, where it is known."""

    def networks(self, model, *, seed):
        head = nn.utils.skip_init(nn.Linear, model.options.latent_dim, 2)
        for weight in head.parameters():
            nn.init.normal_(weight, std=0.1, generator=generator(seed))
        return {"head": head}

    def coefficients(self, step, warmth):
        return {"beta": warmth}

    def losses(self, batch, coefficients):
        settings = batch.known["settings"]
        errors = batch.networks["head"](batch.encoded.mean) - settings.nan_to_num()
        anchor = torch.where(settings.isnan(), 0.0, errors).square().sum(-1).mean()
        loss = batch.reconstruction + coefficients["beta"] * batch.kl + 20 * anchor
        terms = {"loss": loss, "reconstruction": batch.reconstruction, "kl": batch.kl}
        return terms | {"anchor": anchor}


def test_a_batch_carries_what_is_known_and_a_head_is_trained_with_the_model():
    objective, features = Anchored(), make_features()
    settings = features[:, :2].clone()
    settings[::3, 1] = math.nan

    def make_batch(state, rows, noise):
        known = {"settings": settings[rows]}
        return Batch.of(state.model, features[rows], noise, networks=state.networks, known=known)

    state = make_state(objective, features, optimizer=torch.optim.Adam)
    before = state.networks["head"].weight.detach().clone()
    run(state, objective, features, 100, make_batch=make_batch, clip_norm=1.0)
    assert list(state.optimizers) == ["loss"]
    assert not torch.equal(state.networks["head"].weight, before)
    assert state.curve[-1]["anchor"] < 0.3 * state.curve[0]["anchor"]
