"""VAE+ and the VAE of single cells: sizes, scaling, losses and schedule against the publication."""

import numpy as np
import pytest
import torch
from skimage import data

from fovscope.models.cell_vae import CellVAE, CellVAEOptions
from fovscope.models.discriminator import Discriminator
from fovscope.models.storage import load_model, save_model
from fovscope.models.vae import encode
from fovscope.models.valid_blocks import rungs
from fovscope.objectives.base import Batch, ObjectiveError, decayed
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.objectives.vae_plus import VAEPlus
from fovscope.study.models import TargetTraining
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.scratch import train_from_scratch

CPU = torch.device("cpu")
SHAPE = (36, 44, 2)  # the smallest; not square, and no picture of three colours


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_vae(shape=SHAPE, latent_dim=4, seed=0):
    return CellVAE(CellVAEOptions(image_shape=shape, latent_dim=latent_dim), seed)


def crops(number, shape=SHAPE, seed=0):
    """Return crops of a photograph as rows of grey levels."""
    photo, rng = data.astronaut(), np.random.default_rng(seed)
    rows, columns = rng.integers(400, size=(2, number))
    height, width, channels = shape
    found = [
        photo[top : top + height, left : left + width, :channels]
        for top, left in zip(rows, columns, strict=True)
    ]
    return np.stack(found).reshape(number, -1)


def equal_states(one, other):
    others = other.state_dict()
    return all(torch.equal(tensor, others[name]) for name, tensor in one.state_dict().items())


# Sizes -----------------------------------------------------------------------------------


def decoder_sizes(model):
    """Return the sides of square maps, from the latent vector to the image."""
    sizes, latent = [1], torch.zeros(2, model.options.latent_dim)
    upsamplings_and_norms = (torch.nn.Upsample, torch.nn.BatchNorm2d)
    for layer in model.decoder:
        if isinstance(layer, upsamplings_and_norms):
            layer.register_forward_hook(lambda _, inputs, output: sizes.append(output.shape[-1]))
    model.decode(latent)
    return sizes


def test_sizes_of_the_decoder_are_the_published_ones():
    assert decoder_sizes(make_vae((68, 68, 3))) == [1, 5, 10, 14, 28, 32, 64, 68]


@pytest.mark.parametrize(("side", "left"), [(36, 1), (48, 2), (67, 4), (128, 12)])
def test_other_sizes_and_channels_end_where_they_began(side, left):
    model = make_vae((side, side, 5))
    sizes = decoder_sizes(model)
    assert (sizes[1], sizes[-1]) == (left, side)
    rows = torch.zeros(2, side * side * 5)
    assert model.decode(model.posterior(rows).mean).shape == rows.shape
    assert [layer.shape[0] for layer in Discriminator((side, side, 5), seed=0)(rows)[0]] == [2] * 4


def test_parameter_count_is_that_of_the_publication_by_hand():
    """Without the biases that batch normalisation removes; 68 pixels, 3 channels, d = 256."""
    norms = 2 * 32
    convolution, first = 25 * 32 * 32, 25 * 3 * 32
    encoder = first + 2 * convolution + 3 * norms + 2 * (25 * 32 * 256 + 256)
    decoder = 25 * 256 * 32 + 3 * convolution + 4 * norms + (32 * 3 + 3)
    model = make_vae((68, 68, 3), latent_dim=256)
    assert sum(weight.numel() for weight in model.parameters()) == encoder + decoder
    discriminator = first + 2 * convolution + 3 * norms + 25 * 32 * 64 + 2 * 64 + 64 + 1
    network = Discriminator((68, 68, 3), seed=0)
    assert sum(weight.numel() for weight in network.parameters()) == discriminator


def test_images_that_are_too_small_are_refused_and_have_a_smaller_discriminator():
    with pytest.raises(ValueError, match=r"35×40 pixels are too small .* at least 36"):
        CellVAEOptions(image_shape=(35, 40, 3), latent_dim=2)
    assert [len(rungs(side, side)[0]) for side in (5, 6, 16, 36)] == [0, 1, 2, 3]


# The model -------------------------------------------------------------------------------


def test_each_channel_of_an_image_is_divided_by_its_own_maximum():
    rows = crops(3).copy()
    rows.reshape(3, 36, 44, 2)[1, ..., 0] = 0  # a channel that is black stays so
    scaled = make_vae().inputs(torch.from_numpy(rows)).numpy().reshape(3, 36, 44, 2)
    images = rows.reshape(3, 36, 44, 2).astype(float)
    for image, found in zip(images, scaled, strict=True):
        for channel in range(2):
            brightest = image[..., channel].max() or 1
            np.testing.assert_allclose(found[..., channel], image[..., channel] / brightest, 1e-6)


def test_what_the_encoder_sees_does_not_depend_on_how_bright_a_stain_is():
    model, rows = make_vae(), (crops(4) // 4) * 2
    half = rows.copy().reshape(4, 36, 44, 2)
    half[..., 1] //= 2
    for ours, theirs in zip(encode(model, rows), encode(model, half.reshape(4, -1)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_row_is_an_image_by_height_width_and_channel():
    model, rows = make_vae().eval(), torch.from_numpy(crops(6))
    seen, drawn = [], []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.decoder.register_forward_hook(lambda _, inputs, output: drawn.append(output))
    inputs = model.inputs(rows)
    pairs = model.posterior(inputs.view(2, 3, -1))
    by_channel = inputs.view(6, 36, 44, 2).unbind(-1)
    torch.testing.assert_close(seen[0], torch.stack(by_channel, 1))
    decoded = model.decode(pairs.mean)
    assert decoded.shape == (2, 3, model.feature_dim)
    torch.testing.assert_close(torch.stack(decoded.view(6, 36, 44, 2).unbind(-1), 1), drawn[0])
    pictures = model.pictures(2 * decoded.detach().numpy())
    assert pictures.shape == (2, 3, *SHAPE)
    expected = 255 * (2 * decoded).clamp(0, 1).detach().numpy().reshape(pictures.shape)
    assert np.abs(pictures - expected).max() <= 0.51


def test_reconstruction_is_half_the_squared_error():
    model, inputs = make_vae(), make_vae().inputs(torch.from_numpy(crops(5)))
    latent = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    decoded, loss = model.reconstruct(inputs, latent)
    torch.testing.assert_close(decoded, model.decode(latent))
    expected = sum(0.5 * ((inputs[k] - decoded[k]) ** 2).sum() for k in range(5)) / 5
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.negative_log_likelihood(inputs, latent), expected)


def test_initial_weights_follow_the_seed_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = make_vae(seed=1), make_vae(seed=1), make_vae(seed=2)
    networks = [Discriminator(SHAPE, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert equal_states(first, again)
    assert equal_states(*networks[:2])
    assert not equal_states(first, other)
    assert not equal_states(*networks[1:])


def test_a_stored_model_is_the_model_to_the_bit(tmp_path):
    model = trained(VAEPlus())
    sidecar = save_model(tmp_path / "model.safetensors", model)
    loaded = load_model(tmp_path / "model.safetensors")
    assert isinstance(loaded, CellVAE)
    assert equal_states(loaded, model)
    for ours, theirs in zip(encode(loaded, crops(5)), encode(model, crops(5)), strict=True):
        assert np.array_equal(ours, theirs)
    assert sidecar["options"] == {"image_shape": list(SHAPE), "latent_dim": 4}


# Losses ----------------------------------------------------------------------------------


def losses_of(objective, *, step, number=6):
    model = make_vae()
    networks = torch.nn.ModuleDict(objective.networks(model, seed=3))
    noise = torch.Generator().manual_seed(0)
    batch = Batch.of(model, torch.from_numpy(crops(number)), noise, networks=networks)
    return batch, networks, objective.losses(batch, objective.coefficients(step, 1.0))


def test_layers_come_in_one_after_the_other():
    """clip((t − 2500 (k + 1)) / 2500, 0, 1) of k = 0 … 3."""
    objective = VAEPlus()
    for step in (0, 2500, 3750, 5000, 6000, 9999, 12_000, 12_500, 80_000):
        weights = objective.coefficients(step, 0.5)
        assert weights.pop("beta") == 1.0
        expected = [min(max((step - 2500 * (k + 1)) / 2500, 0), 1) for k in range(4)]
        assert list(weights.values()) == pytest.approx(expected)


def test_similarity_is_half_the_values_of_an_image_times_the_mean_squared_difference():
    batch, networks, terms = losses_of(VAEPlus(), step=80_000)
    decoded = batch.model.decode(batch.latent)
    layers, logits = networks["discriminator"](torch.cat([batch.inputs, decoded]))
    assert len(layers) == 4
    for k, layer in enumerate(layers, 1):
        expected = 0.5 * 36 * 44 * 2 * ((layer[:6] - layer[6:]) ** 2).mean()
        torch.testing.assert_close(terms[f"similarity{k}"], expected)
    total = terms["reconstruction"] + 2 * terms["kl"]
    total = total + sum(terms[f"similarity{k}"] for k in (1, 2, 3, 4))
    torch.testing.assert_close(terms["loss"], total)
    real, made = torch.sigmoid(logits.double()[:6]), torch.sigmoid(logits.double()[6:])
    expected = -(real.log().mean() + (1 - made).log().mean()) / 2
    assert terms["discriminator"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_before_the_first_layer_comes_in_it_is_the_vae():
    batch, _, terms = losses_of(VAEPlus(beta=2.0), step=2500)
    plain = BetaVAE(beta=2.0).losses(batch, {"beta": 2.0})
    torch.testing.assert_close(terms["loss"], plain["loss"])


def test_similarity_reaches_the_encoder_through_the_discriminator():
    batch, _, terms = losses_of(VAEPlus(), step=80_000)
    weights = list(batch.model.encoder.parameters())
    of_layer = torch.autograd.grad(terms["similarity4"], weights, retain_graph=True)
    assert all(gradient.abs().max() > 0 for gradient in of_layer)


def test_options_that_cannot_be_are_refused():
    for wrong in ({"beta": -1}, {"ramp_steps": 0}, {"discriminator_learning_rate": 0}):
        with pytest.raises(ObjectiveError, match=next(iter(wrong))):
            VAEPlus(**wrong)


# Training --------------------------------------------------------------------------------


def trained(objective, *, steps=4, checkpoints=None, **options):
    usual = {"steps": steps, "batch_size": 8, "learning_rate": 1e-3}
    return train_from_scratch(
        crops(20),
        make_model=lambda features: make_vae(),
        options=TargetTraining(**(usual | options)),
        objective=objective,
        **{"seed": 0, "device": CPU, "checkpoints": checkpoints},
    ).model


def test_a_continued_training_ends_with_the_same_bits(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", key="k", minutes=0)
    trained(VAEPlus(ramp_steps=1), steps=2, checkpoints=checkpoints)
    assert len(list(checkpoints.folder.iterdir())) > 0
    continued = trained(VAEPlus(ramp_steps=1), steps=4, checkpoints=checkpoints)
    assert equal_states(trained(VAEPlus(ramp_steps=1)), continued)


def test_similarity_changes_what_is_learned_once_it_is_in():
    plain = trained(BetaVAE(beta=2.0), steps=2)
    assert equal_states(trained(VAEPlus(), steps=2), plain)
    assert not equal_states(trained(VAEPlus(ramp_steps=1), steps=3), trained(VAEPlus(), steps=3))


def test_each_step_takes_its_share_of_weights_and_of_nothing_else():
    """Without gradients AdamW takes nothing else; SGD through its momentum the same in the end."""
    kernel, bias = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW(decayed([kernel, bias], 0.01 / 0.5), lr=0.5)
    kernel.grad, bias.grad = torch.zeros(2, 2), torch.zeros(2)
    optimizer.step()
    torch.testing.assert_close(kernel.detach(), torch.full((2, 2), 0.99))
    assert torch.equal(bias, torch.ones(2))

    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(network.weight)
    objective = VAEPlus(discriminator_weight_decay=1e-3, discriminator_learning_rate=0.05)
    (descent,) = objective.optimizers(torch.nn.ModuleDict({"discriminator": network})).values()
    network.weight.grad = torch.zeros(1, 1)
    for _ in range(200):
        descent.step()
    # The momentum needs some 1 / (1 − .9) steps to build up.
    assert network.weight.item() == pytest.approx((1 - 1e-3) ** 190, rel=5e-3)
