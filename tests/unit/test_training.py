"""The loop: schedules, sampling, determinism, and what supervision is for."""

import logging
import math
from functools import partial
from itertools import combinations

import numpy as np
import pytest
import torch

from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.scaling import fit_scaling
from fovscope.models.vae import encode
from fovscope.objectives.base import Objective, ObjectiveError
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.registry import Catalogue
from fovscope.study.config import Finetuning, Model, SourceTraining
from fovscope.training.finetune import finetune, image_batches
from fovscope.training.loop import DivergedError, linear_warmup, place_features, train
from fovscope.training.sampling import NOISE, EpochSampler, stream_seed
from fovscope.training.source import train_source
from fovscope.training.state import TrainingState

CPU = torch.device("cpu")
FACTORS, FEATURES = 3, 24
MODEL = Model(latent_dim=5, width=16, likelihood_sd=0.3, likelihood_units="scaled")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def mix(factors):
    """Map independent factors to features, linearly, always in the same way."""
    rng = np.random.default_rng(7)
    mixing = rng.normal(size=(FACTORS, FEATURES))
    return (factors @ mixing + 5).astype(np.float32)


def make_pairs(pairs=2000, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(pairs, FACTORS))
    changed = rng.integers(FACTORS, size=pairs)
    second = first.copy()
    second[np.arange(pairs), changed] = rng.normal(size=pairs)
    return mix(first), mix(second), np.eye(FACTORS, dtype=bool)[changed]


def source_options(**changes):
    usual = {"steps": 20, "warmup_steps": 10, "learning_rate": 3e-3}
    return SourceTraining(**(usual | changes))


def quick_source(*, seed=0, pairs=None, beta=1.0, supervision="labels", **changes):
    return train_source(
        *(pairs or make_pairs()),
        make_model=partial(FeatureVAE.fitted, facts={}, options=MODEL.model_dump(), seed=seed),
        options=source_options(**changes),
        objective=BetaVAE(beta=beta),
        supervision=Catalogue().load("supervision", supervision),
        seed=seed,
        device=CPU,
    )


def equal_weights(one, other):
    others = other.state_dict()
    return all(torch.equal(tensor, others[name]) for name, tensor in one.state_dict().items())


# Schedules and sampling ------------------------------------------------------------------


def test_warmup_is_linear_from_zero():
    values = [linear_warmup(step, warmup_steps=10) for step in (0, 1, 5, 10, 11, 400)]
    assert values == pytest.approx([0, 0.1, 0.5, 1, 1, 1])
    assert linear_warmup(0, warmup_steps=0) == 1


def test_each_row_once_an_epoch_in_a_new_order():
    sampler = EpochSampler(103, 10, seed=0, device=CPU)
    assert sampler.steps_per_epoch == 11
    epochs = [torch.cat([sampler(11 * epoch + step) for step in range(11)]) for epoch in range(3)]
    for order in epochs:
        assert order.sort().values.tolist() == list(range(103))
    assert not torch.equal(epochs[0], epochs[1])
    assert epochs[0].tolist() != list(range(103))


def test_a_batch_depends_on_seed_and_step_alone():
    sampler, other = (EpochSampler(103, 10, seed=seed, device=CPU) for seed in (4, 5))
    batches = [sampler(step) for step in range(40)]
    for step in (39, 3, 25, 11, 10):
        fresh = EpochSampler(103, 10, seed=4, device=CPU)
        assert torch.equal(fresh(step), batches[step])
        assert torch.equal(sampler(step), batches[step])
    assert not torch.equal(other(0), batches[0])


def test_a_batch_larger_than_the_data_is_the_data():
    sampler = EpochSampler(5, 64, seed=0, device=CPU)
    assert sorted(sampler(3).tolist()) == list(range(5))


# The loop --------------------------------------------------------------------------------

HALF = BetaVAE(beta=0.5)


def make_state(features, *, seed=0, learning_rate=1e-3, objective=HALF):
    scaling = fit_scaling(features, kind="standardise")
    return TrainingState.start(
        FeatureVAE(features.shape[1], MODEL, scaling, seed=seed),
        objective,
        partial(torch.optim.Adam, lr=learning_rate),
        EpochSampler(len(features), 16, seed=seed, device=CPU),
    )


def run(state, features, steps, *, objective=HALF, **changes):
    usual = {"precision": "float32", "log_every": 5}
    return train(state, objective, image_batches(features), steps=steps, **(usual | changes))


@pytest.fixture
def features():
    return torch.from_numpy(make_pairs(100)[0])


def test_a_run_in_two_parts_is_the_whole_run_to_the_bit(features):
    whole, parts = make_state(features), make_state(features)
    run(whole, features, 30)
    run(parts, features, 15)
    run(parts, features, 30)
    assert parts.step == 30
    assert equal_weights(whole.model, parts.model)
    assert whole.curve == parts.curve


def test_curve_is_the_mean_over_its_interval(features):
    fine, coarse = make_state(features), make_state(features)
    run(fine, features, 13, log_every=1)
    run(coarse, features, 13, log_every=5)
    assert [point["step"] for point in coarse.curve] == [5, 10, 13]
    for name in ("loss", "reconstruction", "kl"):
        values = [point[name] for point in fine.curve]
        expected = [np.mean(values[:5]), np.mean(values[5:10]), np.mean(values[10:])]
        assert [point[name] for point in coarse.curve] == pytest.approx(expected, rel=1e-5)
    for point in fine.curve:
        assert point["loss"] == pytest.approx(point["reconstruction"] + 0.5 * point["kl"])


def test_step_and_warmth_reach_the_loss(features):
    class Stepped(BetaVAE):
        def coefficients(self, step, warmth):
            return {"beta": step + 10 * warmth}

    def weights(**options):
        state = make_state(features)
        run(state, features, 4, objective=Stepped(), log_every=1, **options)
        return [(p["loss"] - p["reconstruction"]) / p["kl"] for p in state.curve]

    assert weights() == pytest.approx([10, 11, 12, 13], abs=1e-3)
    assert weights(warmup_steps=2) == pytest.approx([0, 6, 12, 13], abs=1e-3)


def test_gradients_are_clipped_to_the_norm(features):
    # Plain gradient descent with rate 1: a step is exactly as long as the clipped gradient.
    state = make_state(features)
    state.optimizers["loss"] = torch.optim.SGD(state.model.parameters(), lr=1.0)
    before = [weight.detach().clone() for weight in state.model.parameters()]
    run(state, features, 1, clip_norm=0.25)
    moved = [after - start for after, start in zip(state.model.parameters(), before, strict=True)]
    assert torch.cat([part.flatten() for part in moved]).norm().item() == pytest.approx(0.25, 1e-3)


def test_gradients_do_not_pile_up_over_steps(features):
    # With rate 0 the weights stay, so step 2 must leave the same gradient whoever went before.
    whole, last = make_state(features, learning_rate=0), make_state(features, learning_rate=0)
    last.step = 2
    for state in (whole, last):
        run(state, features, 3)
    gradients = [[w.grad for w in state.model.parameters()] for state in (whole, last)]
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_divergence_is_named(features):
    state = make_state(features, learning_rate=1e20)
    with pytest.raises(DivergedError, match=r"before step 10: .*beta 0.5, learning rate 1e\+20"):
        run(state, features, 40, log_every=10)


def test_progress_is_plain_lines_where_there_is_no_terminal(features, caplog, capsys):
    with caplog.at_level(logging.INFO):
        run(make_state(features), features, 10)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "step 5 of 10",
        "step 10 of 10",
    ]
    assert capsys.readouterr().err == ""


def test_features_are_placed_as_one_matrix_and_the_need_is_said(caplog):
    first, second = np.ones((1024, 256), np.float16), np.zeros((1024, 256), np.float16)
    with caplog.at_level(logging.INFO):
        matrix = place_features(first, second, device=CPU)
    assert caplog.messages == ["features: 2048 × 256, 1.0 MiB on cpu"]
    assert matrix.dtype == torch.float16
    np.testing.assert_array_equal(matrix, np.concatenate([first, second]))


def test_bad_features_are_named():
    good, bad = np.ones((4, 3), np.float32), np.ones((4, 3), np.float32)
    bad[2, 1] = np.nan
    with pytest.raises(ValueError, match="1 of 8 feature rows are not finite, the first is row 6"):
        place_features(good, bad, device=CPU)
    with pytest.raises(ValueError, match="one D"):
        place_features(good, good[:, :2], device=CPU)
    with pytest.raises(ValueError, match="no rows"):
        place_features(good[:0], device=CPU)


def test_a_missing_term_is_named(features):
    class Silent(Objective):
        def coefficients(self, step, warmth):
            return {}

        def losses(self, batch, coefficients):
            return {"loss": batch.reconstruction}

    with pytest.raises(ObjectiveError, match="losses of Silent lack kl, reconstruction"):
        run(make_state(features), features, 1, objective=Silent())


# Source training -------------------------------------------------------------------------


def test_labels_bind_each_factor_to_its_dimension():
    model = quick_source(steps=600, warmup_steps=100).model
    factors = np.random.default_rng(1).normal(size=(2000, FACTORS))
    mean, _ = encode(model, mix(factors))
    correlation = np.abs(np.corrcoef(factors.T, mean.T)[:FACTORS, FACTORS:])
    assert np.diag(correlation).min() > 0.9
    others = correlation[~np.eye(FACTORS, correlation.shape[1], dtype=bool)]
    assert others.max() < 0.3
    assert mean[:, FACTORS:].std(0).max() < 0.3  # shared in all pairs: nothing to say there


def trained_by_hand(first, second, changed, *, steps, warmup_steps, learning_rate, beta, seed):
    """Train a β-VAE with labels in plain torch, as the paper has it."""
    features = torch.from_numpy(np.concatenate([first, second]))
    model = FeatureVAE(FEATURES, MODEL, fit_scaling(features, kind="standardise"), seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    sampler = EpochSampler(len(first), 64, seed=seed, device=CPU)
    own = torch.zeros(len(first), MODEL.latent_dim, dtype=torch.bool)
    own[:, :FACTORS] = torch.from_numpy(changed)
    for step in range(steps):
        rows = sampler(step)
        noise = torch.Generator().manual_seed(stream_seed(seed, NOISE, step))
        inputs = model.scaling(features[torch.cat([rows, rows + len(first)])])
        mean, logvar = model.posterior(inputs.view(2, len(rows), FEATURES))
        mean = torch.where(own[rows], mean, mean.mean(0))
        logvar = torch.where(own[rows], logvar, logvar.logsumexp(0) - math.log(2))
        latent = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=noise)
        reconstructed = model.decode(latent).view(-1, FEATURES)
        kl = 0.5 * (logvar.exp() + mean.square() - 1 - logvar).sum(-1).mean()
        weight = beta * min(1.0, step / warmup_steps)
        optimizer.zero_grad()
        (model.reconstruction_loss(inputs, reconstructed) + weight * kl).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model


def test_source_training_is_the_published_loop_to_the_bit():
    pairs, options = make_pairs(200), {"steps": 60, "warmup_steps": 20, "learning_rate": 3e-3}
    by_hand = trained_by_hand(*pairs, beta=1.7, seed=3, **options)
    assert equal_weights(by_hand, quick_source(pairs=pairs, beta=1.7, seed=3, **options).model)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("supervision", ["labels", "ada", "ada-ml", "none"])
def test_same_seed_same_bits_other_seed_other_numbers(supervision, precision):
    options = {"supervision": supervision, "precision": precision}
    before = torch.get_rng_state()
    first, again = quick_source(seed=1, **options), quick_source(seed=1, **options)
    other = quick_source(seed=2, **options)
    assert torch.equal(torch.get_rng_state(), before)
    assert equal_weights(first.model, again.model)
    assert first.curve == again.curve
    assert not equal_weights(first.model, other.model)


def test_supervision_changes_what_is_learnt():
    modes = ("labels", "ada", "ada-ml", "none")
    models = [quick_source(supervision=mode).model for mode in modes]
    for one, other in combinations(models, 2):
        assert not equal_weights(one, other)


@pytest.mark.parametrize(
    "change",
    [
        {"clip_norm": 1e-9},
        {"warmup_steps": 0},
        {"learning_rate": 1e-3},
        {"beta": 2.0},
        {"batch_pairs": 32},
        {"steps": 21},
        {"precision": "bfloat16"},
    ],
)
def test_each_option_of_source_training_takes_effect(change):
    assert not equal_weights(quick_source().model, quick_source(**change).model)


def test_scaling_is_fitted_on_both_members_and_not_trained():
    pairs = make_pairs(300)
    scaling = quick_source(pairs=pairs).model.scaling
    expected = fit_scaling(torch.from_numpy(np.concatenate(pairs[:2])), kind=MODEL.scaling)
    assert torch.equal(scaling.offset, expected.offset)
    assert torch.equal(scaling.scale, expected.scale)


def test_identical_pairs_are_trained_on():
    first, _, changed = make_pairs(100)
    trained = quick_source(pairs=(first, first, changed))
    assert np.isfinite(trained.curve[-1]["loss"])


def test_mistakes_are_named_before_training():
    first, second, changed = make_pairs(10)
    with pytest.raises(ValueError, match="do not fit together"):
        quick_source(pairs=(first, second[:9], changed))
    with pytest.raises(ValueError, match=r"expected .* of bool"):
        quick_source(pairs=(first, second, changed.argmax(1)))
    with pytest.raises(
        ValueError, match=r"factor i to dimension i.* 6 factors and latent_dim is 5"
    ):
        quick_source(pairs=(first, second, np.eye(10, 6, dtype=bool)))


# Fine-tuning -----------------------------------------------------------------------------


def reconstruction_error(model, features):
    scaled = model.scaling(torch.from_numpy(features))
    with torch.inference_mode():
        reconstructed = model.decode(model.posterior(scaled).mean)
        return model.reconstruction_loss(scaled, reconstructed).item()


def test_finetuning_improves_the_target_and_leaves_the_source_model_alone():
    source = quick_source(steps=200).model
    rng = np.random.default_rng(3)
    target = (rng.normal(size=(300, 4)) @ rng.normal(size=(4, FEATURES)) + 6).astype(np.float32)
    before = {name: tensor.clone() for name, tensor in source.state_dict().items()}

    options = Finetuning(epochs=20, batch_size=128, learning_rate=1e-3)
    tuned = finetune(source, target, options=options, objective=BetaVAE(), seed=0, device=CPU)

    assert reconstruction_error(tuned.model, target) < 0.8 * reconstruction_error(source, target)
    assert [point["step"] for point in tuned.curve] == list(range(3, 61, 3))  # 3 steps an epoch
    for name, tensor in source.state_dict().items():
        assert torch.equal(tensor, before[name])
        if name.startswith("scaling."):
            assert torch.equal(tuned.model.state_dict()[name], tensor)
        else:  # all weights are tuned
            assert not torch.equal(tuned.model.state_dict()[name], tensor), name

    again = finetune(source, target, options=options, objective=BetaVAE(), seed=0, device=CPU)
    assert equal_weights(tuned.model, again.model)


def test_finetuning_decays_weights_as_adamw_does():
    source, (target, _, _) = quick_source().model, make_pairs(200, seed=1)
    target[:, 0] = source.scaling.offset[0]  # 0 to the encoder: no gradient, decay alone
    options = Finetuning(epochs=5, batch_size=100, learning_rate=1e-2)
    tuned = finetune(source, target, options=options, objective=BetaVAE(), seed=0, device=CPU).model
    before, after = (model.encoder[0].weight[:, 0] for model in (source, tuned))
    torch.testing.assert_close(after, before * (1 - 1e-2 * 0.01) ** 10)  # 10 steps


@pytest.mark.parametrize(
    ("beta", "change"),
    [
        (0.0, {}),
        (1.0, {"epochs": 3}),
        (1.0, {"batch_size": 64}),
        (1.0, {"learning_rate": 1e-3}),
        (1.0, {"precision": "bfloat16"}),
    ],
)
def test_each_option_of_finetuning_takes_effect(beta, change):
    source, (target, _, _) = quick_source().model, make_pairs(200, seed=1)

    def tuned(beta, **change):
        options = Finetuning(**({"epochs": 2} | change))
        objective = BetaVAE(beta=beta)
        return finetune(
            source, target, options=options, objective=objective, seed=0, device=CPU
        ).model

    assert not equal_weights(tuned(1.0), tuned(beta, **change))


def test_finetuning_refuses_features_of_another_backbone():
    source = quick_source().model
    with pytest.raises(ValueError, match="trained on 24 features"):
        finetune(
            *(source, np.ones((5, 8), np.float32)),
            **{"options": Finetuning(), "objective": BetaVAE(), "seed": 0, "device": CPU},
        )
