"""What every objective has to do with every weak supervision, whatever it trains for.

A user's objectives are held to the same (`contracts`).
"""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts import CATALOGUE as EVERYTHING
from torch.utils._python_dispatch import TorchDispatchMode

from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.image_vae import ImageVAE, ImageVAEOptions
from fovscope.models.scaling import fit_scaling
from fovscope.objectives.base import REQUIRED_TERMS, Batch, Objective
from fovscope.registry import Catalogue
from fovscope.study.config import Finetuning, Model
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.finetune import finetune
from fovscope.training.loop import train
from fovscope.training.sampling import EpochSampler
from fovscope.training.source import pair_batches
from fovscope.training.state import TrainingState

CPU = torch.device("cpu")
LAB = Path(__file__).with_name("lab_objectives.py")
CATALOGUE = Catalogue([LAB, *EVERYTHING.plugins])
SMALL = {
    "factor_vae": {"discriminator_width": 16},
    "anchored": {"agreement": 0.1, "total_correlation": 0.5},
}
MODEL = Model(latent_dim=5, width=16, likelihood_sd=0.3, likelihood_units="scaled")
PAIRS, FEATURES, FACTORS, STEPS = 60, 12, 3, 20

all_objectives = pytest.mark.parametrize("objective", CATALOGUE["objective"])
all_supervisions = pytest.mark.parametrize("supervision", CATALOGUE["supervision"])
both_precisions = pytest.mark.parametrize("precision", ["float32", "bfloat16"])


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make(objective) -> Objective:
    return CATALOGUE.load("objective", objective)(**SMALL.get(objective, {}))


def make_pairs():
    """Return features (2 P, D) of pairs, what changed in each, and factors (2, P, K).

    One factor changed or two; some are unknown.
    """
    rng = np.random.default_rng(0)
    changed = np.eye(FACTORS, dtype=bool)[rng.integers(FACTORS, size=PAIRS)]
    changed[::2, 0] = True
    first, fresh = rng.normal(size=(2, PAIRS, FACTORS))
    factors = np.stack([first, np.where(changed, fresh, first)]).astype(np.float32)
    features = factors.reshape(-1, FACTORS) @ rng.normal(size=(FACTORS, FEATURES)) + 5
    factors[:, ::3, 1] = np.nan
    made = features.astype(np.float32), changed, factors
    return [torch.from_numpy(array) for array in made]


def new_model(features, *, seed=0):
    return FeatureVAE(FEATURES, MODEL, fit_scaling(features, kind="standardise"), seed=seed)


def run(objective, supervision, *, steps=STEPS, seed=0, precision="float32", checkpoints=None):
    features, changed, anchors = make_pairs()
    entry = make(objective)
    state = TrainingState.start(
        new_model(features, seed=seed),
        entry,
        partial(torch.optim.Adam, lr=3e-3, fused=True),
        EpochSampler(PAIRS, 16, seed=seed, device=CPU),  # the last batch of an epoch has 12 pairs
    )
    train(
        *(state, entry),
        pair_batches(features, changed, CATALOGUE.load("supervision", supervision), anchors),
        **{"steps": steps, "precision": precision, "log_every": 5, "warmup_steps": 6},
        **{"clip_norm": 1.0, "checkpoints": checkpoints},
    )
    return state


def everything(state):
    """Return all numbers of a state by name."""
    found = {f"model.{name}": tensor for name, tensor in state.model.state_dict().items()}
    found |= {f"networks.{name}": tensor for name, tensor in state.networks.state_dict().items()}
    for name, optimizer in state.optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            found |= {f"{name}.{index}.{key}": value for key, value in moments.items()}
    return found | {"curve": torch.tensor([list(point.values()) for point in state.curve])}


def assert_equal_bits(one, other):
    one, other = everything(one), everything(other)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@all_supervisions
@all_objectives
def test_twenty_steps_lower_the_loss(objective, supervision):
    curve = run(objective, supervision).curve
    assert [point["step"] for point in curve] == [5, 10, 15, 20]
    assert curve[-1]["loss"] < 0.97 * curve[0]["loss"]
    assert {"step", *REQUIRED_TERMS} <= curve[0].keys()


class Interrupted(Checkpoints):
    """Checkpoints of a run that ends at a step; then of one that goes on."""

    at = 8  # between two points of the curve

    def after_step(self, state):
        if state.step == self.at:
            self.save(state)
            raise KeyboardInterrupt


@all_supervisions
@all_objectives
def test_an_interrupted_run_ends_with_the_same_bits(objective, supervision, tmp_path):
    checkpoints = Interrupted(tmp_path / "checkpoints", key="k", minutes=1)
    with pytest.raises(KeyboardInterrupt):
        run(objective, supervision, checkpoints=checkpoints)
    checkpoints.at = None
    continued = run(objective, supervision, checkpoints=checkpoints)
    assert_equal_bits(run(objective, supervision), continued)


@both_precisions
@all_objectives
def test_numbers_are_functions_of_the_seed_alone(objective, precision):
    before = torch.get_rng_state()
    first = run(objective, "labels", precision=precision)
    torch.rand(3)
    again = run(objective, "labels", precision=precision)
    torch.set_rng_state(before)
    run(objective, "labels", precision=precision)
    assert torch.equal(torch.get_rng_state(), before), "torch's global generator was used"
    assert_equal_bits(first, again)
    weights = torch.nn.utils.parameters_to_vector
    other = run(objective, "labels", seed=1, precision=precision)
    assert not torch.equal(weights(first.model.parameters()), weights(other.model.parameters()))


@all_objectives
def test_all_networks_are_trained(objective):
    early, late = run(objective, "labels", steps=1), run(objective, "labels")
    for name, weight in early.networks.named_parameters():
        assert not torch.equal(weight, late.networks.get_parameter(name)), name


@all_objectives
def test_finetuning_starts_from_any_model_and_bears_a_last_batch_of_two_rows(objective):
    """Two, because batch statistics of one row do not exist."""
    features, *_ = make_pairs()
    source = new_model(features)
    before = {name: tensor.clone() for name, tensor in source.state_dict().items()}
    tuned = finetune(
        source,
        features[:50].numpy(),
        options=Finetuning(epochs=6, batch_size=16, learning_rate=3e-3),
        **{"objective": make(objective), "seed": 0, "device": CPU},
    )
    assert tuned.curve[-1]["loss"] < tuned.curve[0]["loss"]
    for name, tensor in source.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("rows", [1, 3])
@all_objectives
def test_a_target_of_hardly_any_images_can_be_tuned_on(objective, rows):
    features, *_ = make_pairs()
    tuned = finetune(
        new_model(features),
        features[:rows].numpy(),
        options=Finetuning(epochs=2, batch_size=2, learning_rate=1e-3),
        **{"objective": make(objective), "seed": 0, "device": CPU},
    )
    assert np.isfinite(tuned.curve[-1]["loss"])


@all_objectives
def test_images_can_be_trained_on(objective):
    model = ImageVAE(ImageVAEOptions(image_shape=(8, 8, 1), latent_dim=3), seed=0)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 64), dtype=np.uint8)
    options = Finetuning(epochs=10, batch_size=10, learning_rate=1e-3)
    tuned = finetune(model, pixels, options=options, objective=make(objective), seed=0, device=CPU)
    assert tuned.curve[-1]["loss"] < tuned.curve[0]["loss"]


# A step that can be recorded -------------------------------------------------------------


class NothingIsRead(TorchDispatchMode):
    """Refuse operations that wait for the device, because their result must be known."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        assert name not in self.WAITS, f"{name} waits for the device"
        return function(*args, **(kwargs or {}))


def losses_of(objective, *, tensors=False, shape=(2, 9), precision="float32"):
    features, _, anchors = make_pairs()
    entry = make(objective)
    model = new_model(features)
    networks = torch.nn.ModuleDict(entry.networks(model, seed=0))
    coefficients = entry.coefficients(7, 0.5)
    if tensors:
        coefficients = {name: torch.tensor(value) for name, value in coefficients.items()}
    rows = features[: np.prod(shape)].view(*shape, FEATURES)
    noise = torch.Generator().manual_seed(0)
    known = {"anchors": anchors.flatten(0, 1)[: np.prod(shape)].view(*shape, FACTORS)}
    with NothingIsRead(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        batch = Batch.of(model, rows, noise, networks=networks, known=known)
        return entry.losses(batch, coefficients)


@pytest.mark.parametrize("shape", [(2, 9), (9,)])
@all_objectives
def test_nothing_is_read_and_numbers_may_be_tensors(objective, shape):
    floats, tensors = (losses_of(objective, tensors=t, shape=shape) for t in (False, True))
    assert floats.keys() == tensors.keys()
    for name, value in floats.items():
        torch.testing.assert_close(tensors[name], value)


@both_precisions
@all_objectives
def test_terms_are_float32_numbers(objective, precision):
    exact = losses_of(objective)
    for name, value in losses_of(objective, precision=precision).items():
        assert value.shape == (), name
        assert value.dtype == torch.float32, name
        assert value.item() == pytest.approx(exact[name].item(), rel=0.05, abs=0.05), name
