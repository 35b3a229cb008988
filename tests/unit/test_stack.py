"""Replicates trained as one: the numbers of each are those of its single training.

Where there is a GPU, all of it runs there too, with steps that are recorded and replayed.
"""

import logging
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.scaling import fit_scaling
from fovscope.objectives.anchored import Anchored
from fovscope.objectives.beta_tcvae import BetaTCVAE
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.objectives.dip_vae_ii import DIPVAEII
from fovscope.registry import Catalogue
from fovscope.runtime.job import job_key
from fovscope.runtime.pack import Neighbour
from fovscope.study.config import Finetuning, Model, SourceTraining
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.finetune import finetune_all, image_batches
from fovscope.training.loop import DivergedError, train
from fovscope.training.pairs import Replay
from fovscope.training.record import lent
from fovscope.training.sampling import EpochSampler, ReplayingSampler
from fovscope.training.source import pair_batches, train_sources
from fovscope.training.stack import Replicate, clip_each, train_all, train_stack
from fovscope.training.state import TrainingState

MODEL = Model(latent_dim=5, width=16, likelihood_sd=0.3, likelihood_units="scaled")
PAIRS, FEATURES, FACTORS, STEPS = 60, 12, 3, 100
ADAM = partial(torch.optim.Adam, lr=1e-3, fused=True)
OPTIONS = {"precision": "float32", "log_every": 25, "warmup_steps": 40, "clip_norm": 1.0}
OBJECTIVES = {
    "beta_vae": BetaVAE,
    "anchored": partial(Anchored, agreement=0.1, total_correlation=0.5),
    "beta_tcvae": BetaTCVAE,
    "dip_vae_ii": DIPVAEII,
}
BETAS = (1.0, 2.0, 1.0)
no_gpu = not torch.cuda.is_available()
on_gpu = pytest.param("cuda", marks=pytest.mark.skipif(no_gpu, reason="there is no GPU"))


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["cpu", on_gpu])
def device(request):
    return torch.device(request.param)


def pairs_on(device):
    """Return features (2 P, D) of pairs, what changed in each, and factors (2, P, K)."""
    rng = np.random.default_rng(0)
    changed = np.eye(FACTORS, dtype=bool)[rng.integers(FACTORS, size=PAIRS)]
    first, fresh = rng.normal(size=(2, PAIRS, FACTORS))
    factors = np.stack([first, np.where(changed, fresh, first)]).astype(np.float32)
    features = factors.reshape(-1, FACTORS) @ rng.normal(size=(FACTORS, FEATURES)) + 5
    factors[:, ::3, 1] = np.nan
    made = features.astype(np.float32), changed, factors
    return [torch.from_numpy(array).to(device) for array in made]


class Replicates:
    """Three models before their training, of different seeds and β; the last batch is smaller."""

    def __init__(self, device, *, objective="beta_vae", supervision="labels", folder=None):
        features, changed, anchors = pairs_on(device)
        shared = Catalogue().load("supervision", supervision)
        self.make_batch = pair_batches(features, changed, shared, anchors)
        self.all, self.states = [], []
        scaling = fit_scaling(features, kind="standardise")
        for seed, beta in enumerate(BETAS):
            entry = OBJECTIVES[objective](beta=beta)
            kept = folder and Checkpoints(folder / str(seed), key=str(seed), minutes=1)
            model = FeatureVAE(FEATURES, MODEL, scaling, seed=seed).to(device)
            sampler = EpochSampler(PAIRS, 16, seed=seed, device=device)
            self.all.append(Replicate(seed, entry, lambda _, m=model: m, kept))
            self.states.append(TrainingState.start(model, entry, ADAM, sampler))

    def train(self, *, steps=STEPS, **changes):
        given = self.states, self.all, self.make_batch, ADAM
        return train_stack(*given, steps=steps, **(OPTIONS | changes))

    def train_singly(self, **changes):
        for state, each in zip(self.states, self.all, strict=True):
            train(state, each.objective, self.make_batch, steps=STEPS, **(OPTIONS | changes))


def assert_close(ours, singles, *, tolerance):
    for one, other in zip(ours, singles, strict=True):
        for (name, weight), single in zip(
            one.model.named_parameters(), other.model.parameters(), strict=True
        ):
            difference = (weight - single).norm() / single.norm()
            assert difference <= tolerance, name
        for point, other_point in zip(one.curve, other.curve, strict=True):
            assert point == pytest.approx(other_point, rel=1e-4, abs=1e-4)


def everything(state):
    """Return all numbers of a state by name."""
    found = dict(state.model.state_dict())
    moments = state.optimizers["loss"].state_dict()["state"]
    for index, values in moments.items():
        found |= {f"{index}.{key}": value for key, value in values.items()}
    return found | {"curve": torch.tensor([list(point.values()) for point in state.curve])}


def assert_equal_bits(one, other):
    one, other = everything(one), everything(other)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


# Numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objective", "supervision"),
    list(zip(OBJECTIVES, ("labels", "labels", "ada", "ada-ml"), strict=True)),
)
def test_a_stack_gives_the_numbers_of_single_trainings(objective, supervision, device):
    stack, singles = (
        Replicates(device, objective=objective, supervision=supervision) for _ in range(2)
    )
    trained = stack.train()
    singles.train_singly()
    assert_close(trained, singles.states, tolerance=1e-5)
    moments = [everything(state) for states in (stack, singles) for state in states.states]
    for stacked, single in zip(moments[:3], moments[3:], strict=True):
        for name in ("0.step", "0.exp_avg", "0.exp_avg_sq"):
            torch.testing.assert_close(stacked[name], single[name], rtol=1e-3, atol=1e-6)


def test_a_stack_in_bfloat16_stays_near_the_single_trainings(device):
    stack, singles = Replicates(device), Replicates(device)
    trained = stack.train(precision="bfloat16")
    singles.train_singly(precision="bfloat16")
    for one, other in zip(trained, singles.states, strict=True):
        assert one.curve[-1]["loss"] == pytest.approx(other.curve[-1]["loss"], rel=0.05)
    exact = Replicates(device)
    exact.train()
    assert trained[0].curve[-1]["loss"] != exact.states[0].curve[-1]["loss"]


def test_a_stack_of_one_gives_the_numbers_of_the_single_training(device):
    stack, single = Replicates(device), Replicates(device)
    given = stack.states[1:2], stack.all[1:2], stack.make_batch, ADAM
    trained = train_stack(*given, steps=STEPS, **OPTIONS)
    single.train_singly()
    assert_close(trained, single.states[1:2], tolerance=1e-5)


def test_gradients_are_clipped_each_by_itself():
    generator = torch.Generator().manual_seed(0)
    shapes = (3, 4, 5), (3, 7)
    gradients = [torch.randn(*shape, generator=generator) for shape in shapes]
    for gradient in gradients:
        gradient[1] *= 0.01  # shorter than the norm
    expected = [[gradient[r].clone() for gradient in gradients] for r in range(3)]
    for own in expected:
        weights = [nn.Parameter(torch.zeros_like(gradient)) for gradient in own]
        for weight, gradient in zip(weights, own, strict=True):
            weight.grad = gradient
        nn.utils.clip_grad_norm_(weights, 0.5)
    clip_each(gradients, 0.5)
    for replicate, own in enumerate(expected):
        for gradient, single in zip(gradients, own, strict=True):
            torch.testing.assert_close(gradient[replicate], single)


def test_replayed_rows_come_after_those_of_the_target():
    own, old = (
        EpochSampler(rows, batch, seed=seed, device=torch.device("cpu"))
        for rows, batch, seed in ((10, 4, 0), (7, 3, 1))
    )
    both = ReplayingSampler(own, old)
    assert both.seed == own.seed
    assert both.steps_per_epoch == own.steps_per_epoch
    for step in range(6):
        assert both(step).tolist() == [*own(step).tolist(), *(10 + old(step)).tolist()]


def test_source_models_and_tuned_ones_are_those_of_single_trainings(device):
    features, changed, anchors = (part.cpu().numpy() for part in pairs_on("cpu"))
    pairs = features[:PAIRS], features[PAIRS:], changed
    new = {"facts": {}, "options": MODEL.model_dump()}
    source = SourceTraining(steps=20, warmup_steps=10, batch_pairs=16, learning_rate=1e-3)
    tuning = Finetuning(epochs=2, batch_size=32, replay=8, learning_rate=1e-3)
    again = Replay(features, anchors.reshape(-1, FACTORS))

    def trained(seeds):
        """Return source and tuned models; of several, trained as one on any device."""
        first = [
            Replicate(seed, Anchored(), partial(FeatureVAE.fitted, seed=seed, **new))
            for seed in seeds
        ]
        labels = Catalogue().load("supervision", "labels")
        given = {"options": source, "supervision": labels, "device": device, "anchors": anchors}
        made = train_sources(*pairs, replicates=first, stackable=True, **given)
        then = [
            Replicate(seed, Anchored(), lambda _, m=one.model: m)
            for seed, one in zip(seeds, made, strict=True)
        ]
        given = {"options": tuning, "device": device, "replay": again}
        tuned = finetune_all(features[:50], replicates=then, stackable=True, **given)
        return made, tuned

    together, alone = trained([0, 1]), [trained([seed]) for seed in (0, 1)]
    for stage in (0, 1):
        assert_close(together[stage], [one[stage][0] for one in alone], tolerance=1e-5)
    assert [point["step"] for point in together[1][0].curve] == [2, 4]


def test_tuned_models_of_a_stack_are_those_of_single_trainings(device):
    """Where nothing is known of rows, and there is no warm-up and no clipping."""
    features, *_ = pairs_on(device)
    make_batch = image_batches(features[:50])
    options = {"steps": 20, "precision": "float32", "log_every": 4}
    adamw = partial(torch.optim.AdamW, lr=1e-2, fused=True)

    def states():
        made = Replicates(device)
        for state in made.states:
            state.optimizers["loss"] = adamw(list(state.model.parameters()))
            state.sampler = EpochSampler(50, 16, seed=state.sampler.seed, device=device)
        return made

    stack, singles = states(), states()
    trained = train_stack(stack.states, stack.all, make_batch, adamw, **options)
    for state, each in zip(singles.states, singles.all, strict=True):
        train(state, each.objective, make_batch, **options)
    assert_close(trained, singles.states, tolerance=1e-5)


# What goes wrong -------------------------------------------------------------------------


def test_a_replicate_that_diverges_is_named_and_its_neighbours_go_on(device, tmp_path, caplog):
    sick, sound = Replicates(device, folder=tmp_path), Replicates(device)
    with torch.no_grad():
        next(sick.states[1].model.parameters()).fill_(torch.nan)
    with caplog.at_level(logging.ERROR):
        outcomes = sick.train()
    assert isinstance(outcomes[1], DivergedError)
    assert str(outcomes[1]).startswith("seed 1: training diverged before step 25: loss nan")
    assert [record.getMessage().count("seed 1") for record in caplog.records] == [1]
    assert sick.states[1].curve == []
    sound.train()
    for index in (0, 2):
        assert_equal_bits(sick.states[index], sound.states[index])


def test_single_trainings_one_after_another_bear_a_diverging_one_too():
    made = Replicates("cpu")
    with torch.no_grad():
        next(made.states[0].model.parameters()).fill_(torch.nan)
    outcomes = train_all(made.states, made.all, made.make_batch, ADAM, steps=5, **OPTIONS)
    assert isinstance(outcomes[0], DivergedError)
    assert [each.curve[-1]["step"] for each in outcomes[1:]] == [5, 5]


class KilledError(Exception):
    """The process ends."""


def train_and_kill(monkeypatch, made, *, after, saves=3, **changes):
    """Let a stack save after so many steps, and end when so many of its models are saved."""
    save, saved, step = Checkpoints.save, [], iter(range(1, STEPS + 1))

    def save_some(checkpoints, state):
        if len(saved) == saves:
            raise KilledError
        saved.append(state)
        save(checkpoints, state)

    def end(checkpoints, state):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_some)
        patch.setattr(Checkpoints, "saved", end)
        patch.setattr(Checkpoints, "due", property(lambda _: next(step) == after))
        with pytest.raises(KilledError):
            made.train(**changes)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_stack_that_is_killed_ends_with_the_same_bits(device, precision, tmp_path, monkeypatch):
    killed = Replicates(device, folder=tmp_path)
    train_and_kill(monkeypatch, killed, after=38, precision=precision)  # between two points
    continued, whole = Replicates(device, folder=tmp_path), Replicates(device)
    seen = []
    sample = EpochSampler.__call__
    monkeypatch.setattr(
        EpochSampler, "__call__", lambda sampler, step: seen.append(step) or sample(sampler, step)
    )
    continued.train(precision=precision)
    assert min(seen) == 38
    whole.train(precision=precision)
    for one, other in zip(continued.states, whole.states, strict=True):
        assert_equal_bits(one, other)


def test_a_save_that_is_cut_short_counts_for_none(device, tmp_path, monkeypatch):
    for saves in (3, 2):
        killed = Replicates(device, folder=tmp_path)
        train_and_kill(monkeypatch, killed, after=20, saves=saves)
    files = [len(list((tmp_path / str(seed)).glob("step*"))) for seed in range(3)]
    assert files == [2, 2, 1]
    continued, whole = Replicates(device, folder=tmp_path), Replicates(device)
    continued.train()
    whole.train()
    for one, other in zip(continued.states, whole.states, strict=True):
        assert_equal_bits(one, other)


def test_models_at_different_steps_meet(device, tmp_path):
    made, whole = Replicates(device, folder=tmp_path), Replicates(device)
    ahead = made.states[2:], made.all[2:], made.make_batch, ADAM
    train_stack(*ahead, steps=50, **OPTIONS)
    made.all[2].checkpoints.save(made.states[2])
    continued = Replicates(device, folder=tmp_path)
    trained = continued.train()
    whole.train()
    assert [state.step for state in continued.states] == [STEPS] * 3
    assert_close(trained, whole.states, tolerance=1e-5)


def test_a_model_of_a_stack_can_go_on_alone(device, tmp_path):
    made, whole = Replicates(device, folder=tmp_path), Replicates(device)
    made.train(steps=40)
    for state, each in zip(made.states, made.all, strict=True):
        each.checkpoints.save(state)
    alone = Replicates(device, folder=tmp_path)
    given = alone.states[1], alone.all[1].objective, alone.make_batch
    train(*given, steps=STEPS, checkpoints=alone.all[1].checkpoints, **OPTIONS)
    whole.train()
    # The point of step 40 is one more, because the stack ended there.
    assert [point["step"] for point in alone.states[1].curve] == [25, 40, 50, 75, 100]
    weights = nn.utils.parameters_to_vector
    one, other = (weights(made.states[1].model.parameters()) for made in (alone, whole))
    assert (one - other).norm() / other.norm() <= 1e-5


def test_what_is_left_for_another_job_is_all_that_it_needs(device, tmp_path):
    made = Replicates(device, folder=tmp_path)
    others = [replace(each, leave=True) for each in made.all[1:]]
    trained = train_stack(
        *(made.states, [made.all[0], *others], made.make_batch, ADAM), steps=40, **OPTIONS
    )
    assert [len(list((tmp_path / str(seed)).glob("*"))) for seed in range(3)] == [0, 1, 1]
    theirs = Replicates(device, folder=tmp_path)
    for index in (1, 2):
        given = theirs.states[index], theirs.all[index].objective, theirs.make_batch
        done = train(*given, steps=40, checkpoints=theirs.all[index].checkpoints, **OPTIONS)
        assert done.curve == trained[index].curve
        assert_equal_bits(theirs.states[index], made.states[index])


def test_models_that_another_process_trains_are_left_to_it(tmp_path):
    """A lock keeps processes apart, so another one holds it."""
    outputs = [{"values": [], "names": {"model": str(tmp_path / f"m{n}")}} for n in range(2)]
    nothing = {"values": [], "names": {}}
    jobs = [
        Neighbour({"output": out} | dict.fromkeys(("input", "params", "wildcards"), nothing))
        for out in outputs
    ]
    code = (
        "import sys; from fovscope.runtime.locks import writing\n"
        "with writing(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, jobs[0].output.model]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with lent(jobs, minutes=1) as free:
            assert [job.output.model for job, _ in free] == [str(tmp_path / "m1")]
            assert free[0][1].folder == tmp_path / ".m1.checkpoints"
            assert free[0][1].key == job_key(jobs[1])
        other.communicate()


# What can be stacked ---------------------------------------------------------------------


def declared(kind):
    return {name for name, entry in Catalogue()[kind].items() if entry.declared.get("stackable")}


def test_what_is_declared_stackable_has_no_networks_and_batch_statistics():
    assert declared("objective") == OBJECTIVES.keys()  # FactorVAE has a discriminator
    assert declared("model") == {"feature_vae"}
    model = Replicates("cpu").states[0].model
    for name in OBJECTIVES:
        assert OBJECTIVES[name]().networks(model, seed=0) == {}
    constants = {name for name, _ in model.named_buffers()}
    assert constants == {"scaling.offset", "scaling.scale", "error_weight"}


@pytest.mark.parametrize(
    "others",
    [(Anchored(gamma=1), Anchored(gamma=2)), (BetaVAE(), DIPVAEII())],
    ids=["another option", "another objective"],
)
def test_only_objectives_that_differ_in_beta_are_trained_as_one(others):
    made = Replicates("cpu")
    replicates = [Replicate(0, each, None) for each in others]
    with pytest.raises(ValueError, match="same options but for β"):
        train_stack(made.states[:2], replicates, made.make_batch, ADAM, steps=1, **OPTIONS)


def test_only_models_of_one_architecture_are_trained_as_one():
    made = Replicates("cpu")
    wider = FeatureVAE(FEATURES, Model(width=8), made.states[0].model.scaling, seed=0)
    states = [TrainingState.start(wider, BetaVAE(), ADAM, made.states[0].sampler), made.states[1]]
    with pytest.raises(ValueError, match="one architecture"):
        train_stack(states, made.all[:2], made.make_batch, ADAM, steps=1, **OPTIONS)
