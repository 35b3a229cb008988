"""RGB-VAE: size, layout and losses against definitions; batch statistics; training on pixels."""

import logging

import numpy as np
import pytest
import torch
from scipy.special import xlogy
from skimage import data
from torch.distributions import Normal

from fovscope.models.decoding import decode_codes
from fovscope.models.image_vae import ImageVAE, ImageVAEOptions
from fovscope.models.storage import load_model, save_model
from fovscope.models.vae import encode
from fovscope.objectives.base import Batch
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.registry import Catalogue
from fovscope.study.config import Finetuning, ImageModel, SourceTraining
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.finetune import finetune
from fovscope.training.loop import place_features
from fovscope.training.source import train_source

CPU = torch.device("cpu")
SHAPE = (16, 24, 3)  # not square: height and width cannot be taken for each other


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def options(shape=SHAPE, latent_dim=4, **likelihood):
    return ImageVAEOptions(image_shape=shape, latent_dim=latent_dim, **likelihood)


def make_vae(seed=0, **changes):
    return ImageVAE(options(**changes), seed=seed)


def loss_terms(model, features, noise):
    batch = Batch.of(model, features, noise)
    return batch.reconstruction, batch.kl


def pictures(number, shape=SHAPE, seed=0):
    """Return crops of a photograph as rows of grey levels."""
    photo, rng = data.astronaut(), np.random.default_rng(seed)
    rows, columns = rng.integers(400, size=(2, number))
    crops = [
        photo[top : top + shape[0], left : left + shape[1]]
        for top, left in zip(rows, columns, strict=True)
    ]
    return np.stack(crops).reshape(number, -1)


def as_images(rows, shape=SHAPE):
    """Return rows as batch, channel, height, width: written out, without a view."""
    flat = torch.as_tensor(rows).float()
    return torch.stack([flat[:, channel::3].reshape(-1, *shape[:2]) for channel in range(3)], dim=1)


def random_latents(number=5, seed=0):
    return torch.randn(number, 4, generator=torch.Generator().manual_seed(seed))


def equal_states(one, other):
    others = other.state_dict()
    return all(torch.equal(tensor, others[name]) for name, tensor in one.state_dict().items())


# Architecture ----------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "d"), [(64, 10), (32, 7)])
def test_parameter_count_is_that_of_the_paper_by_hand(side, d):
    hidden = 128 * (side // 8) ** 2
    down = (16 * 3 * 32 + 32) + (16 * 32 * 64 + 64) + (16 * 64 * 128 + 128)
    norms = 2 * (32 + 64 + 128) + 2 * hidden
    heads = 2 * (hidden * d + d)
    up = (d * hidden + hidden) + (16 * 128 * 64 + 64) + (16 * 64 * 32 + 32) + (16 * 32 * 3 + 3)
    model = make_vae(shape=(side, side, 3), latent_dim=d)
    assert sum(weight.numel() for weight in model.parameters()) == down + norms + heads + up


def test_leaks_are_those_of_the_paper():
    leaks = [layer for layer in make_vae().modules() if isinstance(layer, torch.nn.LeakyReLU)]
    assert [leak.negative_slope for leak in leaks] == [0.02] * 6


def test_a_row_is_an_image_by_height_width_and_channel():
    model, rows = make_vae().eval(), pictures(3)
    seen = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    drawn = []
    model.decoder.register_forward_hook(lambda _, inputs, output: drawn.append(output))
    model.posterior(model.inputs(torch.from_numpy(rows)))
    torch.testing.assert_close(seen[0], as_images(rows) / 255)
    decoded = model.decode(random_latents())
    torch.testing.assert_close(as_images(decoded), (torch.tanh(drawn[0]) + 1) / 2)


def test_leading_dimensions_are_kept_in_their_order():
    model, rows = make_vae().eval(), torch.from_numpy(pictures(6))
    pairs = model.posterior(model.inputs(rows).view(2, 3, -1))
    assert pairs.mean.shape == (2, 3, 4)
    torch.testing.assert_close(pairs.mean[1, 2], model.posterior(model.inputs(rows[5])).mean)
    latents = random_latents(6)
    torch.testing.assert_close(
        model.decode(latents.view(2, 3, 4)).view(6, -1), model.decode(latents)
    )


def test_images_lie_between_black_and_white():
    decoded = make_vae().decode(1e3 * random_latents(100))
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    assert decoded.max() - decoded.min() > 0.9


def test_decoded_images_are_those_of_the_decoder_in_grey_levels():
    model, latents = make_vae(), random_latents()
    images = model.pictures(decode_codes(model, latents.numpy()[:, None]))
    assert images.shape == (5, 1, *SHAPE)
    assert images.dtype == np.uint8
    error = images.reshape(5, -1) / 255 - model.decode(latents).detach().numpy()
    assert np.abs(error).max() <= 0.5001 / 255


def test_initial_weights_follow_the_seed_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = make_vae(seed=1), make_vae(seed=1), make_vae(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert equal_states(first, again)
    assert not torch.equal(first.encoder[0].weight, other.encoder[0].weight)
    assert not torch.equal(first.decoder[1].weight, other.decoder[1].weight)


# Losses ----------------------------------------------------------------------------------


def test_bernoulli_loss_is_the_cross_entropy_summed_over_pixels():
    model, rows = make_vae().double(), torch.from_numpy(pictures(5))
    inputs, latents = model.inputs(rows).double(), random_latents().double()
    x, p = inputs.numpy(), model.decode(latents).detach().numpy()
    expected = -(xlogy(x, p) + xlogy(1 - x, 1 - p)).sum(1).mean()
    assert model.negative_log_likelihood(inputs, latents).item() == pytest.approx(expected, 1e-6)


def test_bernoulli_loss_is_exact_where_the_image_is_saturated():
    # ln(1 - p) is lost when p rounds to 1; the loss of a white pixel on black is 2a.
    model = make_vae()
    with torch.no_grad():
        for layer in (model.from_latent, model.decoder[-1]):
            layer.weight.zero_()
        model.decoder[-1].bias.fill_(50)
    black = torch.zeros(1, model.feature_dim)
    loss = model.negative_log_likelihood(black, random_latents(1))
    assert loss.item() == pytest.approx(2 * 50 * model.feature_dim)


def test_gaussian_loss_is_that_of_torch_without_its_constant():
    model = make_vae(likelihood="gaussian", likelihood_sd=0.2)
    inputs, latents = model.inputs(torch.from_numpy(pictures(5))), random_latents()
    normal = Normal(model.decode(latents), 0.2)
    expected = (normal.log_prob(normal.mean) - normal.log_prob(inputs)).sum(1).mean()
    torch.testing.assert_close(model.negative_log_likelihood(inputs, latents), expected)


def test_trap_mean_and_variance_in_the_wrong_order():
    # KL(N(2, 1) ‖ N(0, 1)) = 2; swapped it would be (e² − 3)/2 = 2.19.
    model = make_vae()
    with torch.no_grad():
        for layer, bias in ((model.mean_head, 2.0), (model.logvar_head, 0.0)):
            layer.weight.zero_()
            layer.bias.fill_(bias)
    _, kl = loss_terms(model, torch.from_numpy(pictures(3)), torch.Generator())
    assert kl.item() == pytest.approx(2 * 4)


def test_gradients_are_finite_and_reach_all_weights():
    model = make_vae()
    reconstruction, kl = loss_terms(model, torch.from_numpy(pictures(8)), torch.Generator())
    (reconstruction + kl).backward()
    for weight in model.parameters():
        assert weight.grad.isfinite().all()
    # What lies before a batch normalisation has no offset of its own.
    moved = [name for name, w in model.named_parameters() if w.grad.abs().max() > 1e-4]
    without = {"encoder.0.bias", "encoder.3.bias", "encoder.6.bias"}
    assert {name for name, _ in model.named_parameters()} - set(moved) <= without


def test_losses_are_float32_under_bfloat16_autocast():
    model, rows = make_vae(), torch.from_numpy(pictures(32))
    exact = loss_terms(model, rows, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = loss_terms(model, rows, torch.Generator().manual_seed(1))
        posterior = model.posterior(model.inputs(rows))
    assert posterior.mean.dtype == posterior.logvar.dtype == torch.float32
    for term, reference in zip(rounded, exact, strict=True):
        assert term.dtype == torch.float32
        assert term.item() == pytest.approx(reference.item(), rel=0.02)


# Batch statistics ------------------------------------------------------------------------


def test_encoding_uses_the_statistics_of_training_whatever_the_batch():
    model, rows = make_vae(), pictures(9)
    loss_terms(model.train(), torch.from_numpy(pictures(20, seed=1)), torch.Generator())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    together, _ = encode(model, rows)
    model.train()
    alone, _ = encode(model, rows, batch_size=1)
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_pair_shares_its_batch_statistics():
    first, second, changed = np.zeros((8, 1152)), np.full((8, 1152), 255), np.ones((8, 1), bool)
    statistics = [
        quick_source(pairs=(*members, changed), steps=1).encoder[1].running_mean
        for members in (
            (first.astype(np.uint8), second.astype(np.uint8)),
            (second.astype(np.uint8), first.astype(np.uint8)),
        )
    ]
    # If the members went one after the other, the later one would weigh more.
    torch.testing.assert_close(*statistics)


# Training --------------------------------------------------------------------------------


def make_pairs(pairs=24):
    return (
        pictures(pairs, seed=1),
        pictures(pairs, seed=2),
        np.eye(4, dtype=bool)[np.arange(pairs) % 4],
    )


def quick_source(
    pairs=None, *, model=None, checkpoints=None, beta=1.0, supervision="labels", **changes
):
    usual = {"steps": 6, "warmup_steps": 1, "batch_pairs": 8, "learning_rate": 1e-3}
    return train_source(
        *(pairs or make_pairs()),
        make_model=lambda features: ImageVAE(model or options(), seed=0),
        options=SourceTraining(**(usual | changes)),
        objective=BetaVAE(beta=beta),
        supervision=Catalogue().load("supervision", supervision),
        seed=0,
        device=CPU,
        checkpoints=checkpoints,
    ).model


def test_it_learns_a_few_images_by_heart():
    rows = pictures(4)
    model = quick_source(
        (rows, rows, np.zeros((4, 1), bool)),
        **{"steps": 150, "beta": 0.0, "supervision": "none", "learning_rate": 3e-3},
    )
    latents, _ = encode(model, rows)
    error = model.pictures(decode_codes(model, latents)).reshape(4, -1) / 255.0 - rows / 255.0
    assert np.sqrt((error**2).mean()) < 0.25 * (rows / 255.0).std()


def test_bytes_are_trained_on_as_bytes_and_the_need_is_said(caplog):
    with caplog.at_level(logging.INFO):
        matrix = place_features(
            *(pictures(2**10, (32, 32, 3), seed) for seed in (1, 2)), device=CPU
        )
    assert caplog.messages == ["features: 2048 × 3072, 6.0 MiB on cpu"]
    assert matrix.dtype == torch.uint8
    first, second, changed = make_pairs()
    as_floats = quick_source((first.astype(np.float32), second.astype(np.float32), changed))
    assert equal_states(quick_source(), as_floats)


def test_same_seed_same_bits_and_each_mode_of_supervision_its_own():
    models = [quick_source(supervision=mode) for mode in ("labels", "labels", "ada", "none")]
    assert equal_states(models[0], models[1])
    for one, other in ((0, 2), (0, 3), (2, 3)):
        assert not equal_states(models[one], models[other])


def test_a_continued_training_ends_with_the_same_bits(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", key="k", minutes=0)
    quick_source(steps=3, checkpoints=checkpoints)
    assert len(list(checkpoints.folder.iterdir())) > 0
    continued = quick_source(steps=7, checkpoints=checkpoints)
    whole = quick_source(steps=7)
    assert whole.encoder[1].num_batches_tracked == 7
    assert equal_states(whole, continued)


def test_finetuning_moves_weights_and_statistics_of_a_copy():
    source, target = quick_source(), 255 - pictures(20, seed=5)  # batches of 8, 8 and 4
    before = {name: tensor.clone() for name, tensor in source.state_dict().items()}
    tuned = finetune(
        source,
        target,
        options=Finetuning(epochs=2, batch_size=8),
        **{"objective": BetaVAE(), "seed": 0, "device": CPU},
    ).model
    for name, tensor in source.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert not torch.equal(tuned.state_dict()[name], tensor), name


def test_a_new_model_has_the_shape_of_the_images_in_the_store():
    made = ImageVAE.fitted(
        torch.zeros(2, 64 * 64 * 3),
        facts={"image_shape": [64, 64, 3]},
        options={"latent_dim": 10, "likelihood_sd": 0.1},
        seed=3,
    )
    wanted = ImageVAEOptions(image_shape=(64, 64, 3), latent_dim=10, likelihood_sd=0.1)
    assert made.options == wanted
    assert equal_states(made, ImageVAE(wanted, seed=3))


# Storage ---------------------------------------------------------------------------------


def test_a_stored_model_is_the_model_to_the_bit(tmp_path):
    model = quick_source(model=options(likelihood="gaussian", likelihood_sd=0.3))
    sidecar = save_model(tmp_path / "model.safetensors", model)
    loaded = load_model(tmp_path / "model.safetensors")
    assert isinstance(loaded, ImageVAE)
    assert loaded.options == model.options
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert equal_states(loaded, model)
    for ours, theirs in zip(encode(loaded, pictures(5)), encode(model, pictures(5)), strict=True):
        assert np.array_equal(ours, theirs)
    assert sidecar["feature_dim"] == 16 * 24 * 3
    assert sidecar["options"]["image_shape"] == list(SHAPE)
    assert sidecar["options"].keys() == ImageModel.model_fields.keys() | {
        *("image_shape", "latent_dim")
    }
