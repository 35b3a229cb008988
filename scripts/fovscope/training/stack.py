"""Replicates trained as one: models that differ in their seed or in β.

Their weights are stacked, so that a layer of all of them is one batched product. Each has rows,
noise and β of its own, those of its single training, and its gradient is clipped by itself; the
moments of Adam, being of single weights, are its own anyway. So the numbers of each are those of
its single training, up to the order in which a product sums.

The losses are those of the objective, mapped over the replicates (`torch.func.vmap`); model and
objective say in the registry whether they are ``stackable``. On a GPU the whole step is recorded
once and replayed, also for a stack of one; on a CPU, which is busy with a single model, models are
trained one after another (`train_all`).

A model of a stack keeps a state of its own, whose tensors are views of the stack's: checkpoints,
curve and result are those of a model that is trained alone, and it can go on alone.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from tqdm import tqdm

from fovscope.models.vae import VAE
from fovscope.objectives.base import LOSS, Objective
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.loop import (
    DivergedError,
    MakeBatch,
    TrainedModel,
    add_point,
    begin_sums,
    linear_warmup,
    train,
)
from fovscope.training.recorded import recorded
from fovscope.training.sampling import NOISE, stream_seed
from fovscope.training.state import MakeOptimizer, TrainingState, weights_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replicate:
    """One of the models that are trained on the same features.

    Attributes
    ----------
    seed : int
        Of order, noise and further networks.
    objective : Objective
        What to train for.
    make_model : callable
        From raw features (N, D), on the device, to the model before training, there too.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save now and then.
    leave : bool
        Whether to save it at the end too, for the job that it belongs to.
    """

    seed: int
    objective: Objective
    make_model: Callable[[Tensor], VAE]
    checkpoints: Checkpoints | None = None
    leave: bool = False


Outcome = TrainedModel | DivergedError
"""What became of a replicate."""


def the_first(outcomes: Sequence[Outcome]) -> TrainedModel:
    """Return the model of the first replicate, or raise what it ended with."""
    outcome = outcomes[0]
    if isinstance(outcome, DivergedError):
        raise outcome
    return outcome


def train_all(
    states: Sequence[TrainingState],
    replicates: Sequence[Replicate],
    make_batch: MakeBatch,
    make_optimizer: MakeOptimizer,
    *,
    steps: int,
    precision: str,
    log_every: int,
    warmup_steps: int = 0,
    clip_norm: float | None = None,
    stackable: bool = False,
) -> list[Outcome]:
    """Train replicates as one where that is faster, else one after another.

    Parameters
    ----------
    states : sequence of TrainingState
        Where each starts; changed as the training goes on.
    replicates : sequence of Replicate
        Objective and checkpoints of each.
    make_batch, steps, precision, log_every, warmup_steps, clip_norm
        As in `train`.
    make_optimizer : callable
        What made the optimisers of the models.
    stackable : bool
        Whether model and objective are declared to be.

    Returns
    -------
    list of TrainedModel or DivergedError
        In the order of `states`. A model that diverges stops there; the others go on.
    """
    options = {
        **{"steps": steps, "precision": precision, "log_every": log_every},
        **{"warmup_steps": warmup_steps, "clip_norm": clip_norm},
    }
    if stackable and states[0].device.type == "cuda":
        return train_stack(states, replicates, make_batch, make_optimizer, **options)
    outcomes: list[Outcome] = []
    for state, each in zip(states, replicates, strict=True):
        try:
            outcomes.append(
                train(state, each.objective, make_batch, checkpoints=each.checkpoints, **options)
            )
        except DivergedError as error:
            outcomes.append(error)
    return outcomes


def _check_alike(states: Sequence[TrainingState], replicates: Sequence[Replicate]) -> None:
    def shared(state: TrainingState, objective: Objective) -> tuple:
        options = {name: value for name, value in vars(objective).items() if name != "beta"}
        model = state.model
        return type(model), model.feature_dim, model.options, type(objective), options

    first, *others = (shared(s, each.objective) for s, each in zip(states, replicates, strict=True))
    if any(other != first for other in others):
        raise ValueError(
            "only models of one architecture and one objective, with the same options but for β, "
            "can be trained as one"
        )


# Training --------------------------------------------------------------------------------


def train_stack(
    states: Sequence[TrainingState],
    replicates: Sequence[Replicate],
    make_batch: MakeBatch,
    make_optimizer: MakeOptimizer,
    *,
    steps: int,
    precision: str,
    log_every: int,
    warmup_steps: int = 0,
    clip_norm: float | None = None,
) -> list[Outcome]:
    """Train replicates as one; parameters and result are those of `train_all`.

    Those that stand at different steps, because not all have been trained before, are trained
    as one from where they meet.

    Raises
    ------
    ValueError
        If they differ in more than their seed and β.
    """
    _check_alike(states, replicates)
    members = [_Member(*each) for each in zip(states, replicates, strict=True)]
    _restore(members)
    while behind := [m for m in members if m.error is None and m.state.step < steps]:
        step = min(m.state.step for m in behind)
        until = min((m.state.step for m in behind if m.state.step > step), default=steps)
        together = [m for m in behind if m.state.step == step]
        _advance(
            together,
            Stack([m.state for m in together], make_optimizer),
            _Losses(together[0], make_batch, precision),
            **{"until": until, "steps": steps, "log_every": log_every},
            **{"warmup_steps": warmup_steps, "clip_norm": clip_norm},
        )
    _save([member for member in members if member.replicate.leave])
    return [m.error or TrainedModel(m.state.model, m.state.curve) for m in members]


@dataclass
class _Member:
    state: TrainingState
    replicate: Replicate
    error: DivergedError | None = None


def _restore(members: Sequence[_Member]) -> None:
    """Take all to their newest checkpoints, of a save that was cut short to the one before."""
    saved = [m for m in members if m.replicate.checkpoints is not None]
    for member in saved:
        member.replicate.checkpoints.restore(member.state)
    common = min((m.state.step for m in saved), default=0)
    for member in saved:
        if member.state.step > common:
            member.replicate.checkpoints.restore(member.state, latest=common)


def _advance(
    members: Sequence[_Member],
    stack: Stack,
    losses: _Losses,
    *,
    until: int,
    steps: int,
    log_every: int,
    warmup_steps: int,
    clip_norm: float | None,
) -> None:
    """Train members that stand at the same step as one."""
    start = members[0].state.step
    taken: dict[int, _Step] = {}  # by the number of rows: the last batch of an epoch is smaller
    checkpoints = [m.replicate.checkpoints for m in members if m.replicate.checkpoints is not None]
    watching = checkpoints[0].watching() if checkpoints else nullcontext()
    for member in members:
        member.state.model.train()
    with watching:
        for step in tqdm(range(start, until), desc="steps", disable=not sys.stderr.isatty()):
            warmth = linear_warmup(step, warmup_steps=warmup_steps)
            coefficients = [m.replicate.objective.coefficients(step, warmth) for m in members]
            rows = torch.stack([m.state.sampler(step) for m in members])
            if rows.shape[1] not in taken:
                taken[rows.shape[1]] = _Step(stack, losses, rows, coefficients[0], clip_norm)
            taken[rows.shape[1]](rows, step, coefficients)

            for member in members:
                member.state.step += 1
                member.state.summed += 1
            if (step + 1) % log_every == 0 or step + 1 == steps:
                _add_points(members, steps, coefficients)
                if all(member.error is not None for member in members):
                    return
            if checkpoints and checkpoints[0].due:
                stack.hand_back()
                _save(members)
                checkpoints[0].saved(members[0].state)
    stack.hand_back()


def _add_points(
    members: Sequence[_Member], steps: int, coefficients: Sequence[Mapping[str, float]]
) -> None:
    """Add to the curves; what has diverged is named, and looked at no more."""
    for member, own in zip(members, coefficients, strict=True):
        if member.error is not None:
            continue
        who = f"seed {member.replicate.seed}: " if len(members) > 1 else ""
        try:
            add_point(member.state, steps, own, who=who)
        except DivergedError as error:
            member.error = error
            if len(members) > 1:
                logger.error("%s; the others go on", error)


def _save(members: Sequence[_Member]) -> None:
    for member in members:
        if member.error is None and member.replicate.checkpoints is not None:
            member.replicate.checkpoints.save(member.state)


# One step --------------------------------------------------------------------------------


class Stack:
    """Models of one architecture, with each of their weights in one tensor (R, ...).

    Parameters
    ----------
    states : sequence of TrainingState
        Of R models at the same step. Their weights become views of the stack's.
    make_optimizer : callable
        What made the optimisers of the models.
    """

    def __init__(self, states: Sequence[TrainingState], make_optimizer: MakeOptimizer) -> None:
        self.states = states
        models = [state.model for state in states]
        self.weights: dict[str, Tensor] = {}
        for name, _ in models[0].named_parameters():
            own = [model.get_parameter(name) for model in models]
            stacked = torch.stack([weight.detach() for weight in own])
            for weight, part in zip(own, stacked, strict=True):
                weight.data = part
            self.weights[name] = stacked.requires_grad_()
        self.constants = {
            name: torch.stack([model.get_buffer(name) for model in models])
            for name, _ in models[0].named_buffers()
        }
        self.sums = torch.empty(len(states), 0)
        self.optimizer = make_optimizer(list(self.weights.values()))
        self._take_moments()

    def _take_moments(self) -> None:
        own = [state.optimizers[LOSS].state_dict()["state"] for state in self.states]
        moments = {
            index: {
                # The number of steps is one for all.
                key: torch.stack([each[index][key] for each in own]) if value.ndim else value
                for key, value in values.items()
            }
            for index, values in own[0].items()
        }
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def begin_sums(self, terms: Mapping[str, Tensor], objective: Objective) -> None:
        """Make room for the sums of the terms, unless it is there."""
        if self.sums.numel():
            return
        for state in self.states:
            if not state.terms:
                begin_sums(state, terms, objective)
        self.sums = torch.stack([state.sums for state in self.states])
        for state, part in zip(self.states, self.sums, strict=True):
            state.sums = part

    def hand_back(self) -> None:
        """Give the optimisers of the models their moments, as views."""
        for index, state in enumerate(self.states):
            own = state.optimizers[LOSS]
            for weight, stacked in zip(weights_of(own), self.weights.values(), strict=True):
                moments = self.optimizer.state[stacked]
                own.state[weight] = {k: v[index] if v.ndim else v for k, v in moments.items()}


class _Losses(nn.Module):
    """The terms of a replicate as a function of tensors, to be mapped over replicates.

    Attributes
    ----------
    names : tuple of str
        Of the coefficients.
    terms : tuple of str
        What `forward` returns.
    """

    def __init__(self, member: _Member, make_batch: MakeBatch, precision: str) -> None:
        super().__init__()
        self.model = _feature_major(deepcopy(member.state.model))
        self.objective = member.replicate.objective
        self.autocast = {
            **{"device_type": member.state.device.type, "dtype": torch.bfloat16},
            **{"enabled": precision == "bfloat16", "cache_enabled": False},
        }
        self._state = replace(member.state, model=self.model)
        self._make_batch = make_batch
        self.names: tuple[str, ...] = ()
        self.terms: tuple[str, ...] = ()

    @torch.no_grad()
    def prepare(
        self, rows: Tensor, coefficients: Mapping[str, float]
    ) -> tuple[dict[str, Tensor], torch.Size]:
        """Return the terms of rows, and the shape of the noise that they take."""
        batch = self._make_batch(self._state, rows, torch.Generator(rows.device))
        terms = self.objective.losses(batch, coefficients)
        self.names, self.terms = tuple(coefficients), tuple(terms)
        return terms, batch.latent.shape

    def forward(self, rows: Tensor, noise: Tensor, coefficients: Tensor) -> Tensor:
        """Return the terms (T,) of rows, noise (..., d) and coefficients (C,)."""
        batch = self._make_batch(self._state, rows, noise)
        given = dict(zip(self.names, coefficients.unbind(), strict=True))
        terms = self.objective.losses(batch, given)
        return torch.stack([terms[name] for name in self.terms])


class _Step:
    """A step of a stack with so many rows; on a GPU recorded.

    Parameters
    ----------
    stack : Stack
        What to train.
    losses : _Losses
        Of a replicate.
    rows : Tensor of shape (R, B)
        Of the first step of this kind.
    coefficients : mapping of str to float
        Of a replicate.
    clip_norm : float, optional
        Largest norm of the gradient of a replicate.
    """

    def __init__(
        self,
        stack: Stack,
        losses: _Losses,
        rows: Tensor,
        coefficients: Mapping[str, float],
        clip_norm: float | None,
    ) -> None:
        self.stack, self.losses, self.clip_norm = stack, losses, clip_norm
        terms, shape = losses.prepare(rows[0], coefficients)
        stack.begin_sums(terms, losses.objective)
        replicates, device = len(rows), rows.device
        self._generator = torch.Generator(device)
        self._rows = rows.clone()
        self._noise = torch.zeros(replicates, *shape, device=device)
        self._coefficients = torch.zeros(replicates, len(coefficients), device=device)
        self._given: list[list[float]] = []
        self._replay: Callable[[], None] | None = None
        if device.type == "cuda":
            self._replay = recorded(self._descend, rehearse=self._rehearse, device=device)

    def __call__(
        self, rows: Tensor, step: int, coefficients: Sequence[Mapping[str, float]]
    ) -> None:
        """Take step number `step`, with these rows (R, B) and coefficients of each replicate."""
        self._rows.copy_(rows)
        for noise, state in zip(self._noise, self.stack.states, strict=True):
            self._generator.manual_seed(stream_seed(state.sampler.seed, NOISE, step))
            noise.normal_(generator=self._generator)
        given = [list(each.values()) for each in coefficients]
        if given != self._given:
            # Not waited for; the numbers are few enough to be copied when they are handed over.
            self._coefficients.copy_(torch.tensor(given), non_blocking=True)
            self._given = given
        (self._replay or self._descend)()

    def _descend(self) -> None:
        """Launch all that a step does; nothing in here waits for the device."""
        stack = self.stack
        weights = list(stack.weights.values())
        named = [{f"model.{k}": v for k, v in d.items()} for d in (stack.weights, stack.constants)]

        def of_one(*given: Mapping[str, Tensor] | Tensor) -> Tensor:
            return functional_call(self.losses, given[:2], given[2:])

        with torch.autocast(**self.losses.autocast):
            terms = vmap(of_one)(*named, self._rows, self._noise, self._coefficients)
        total = terms[:, self.losses.terms.index(LOSS)].sum()
        gradients = torch.autograd.grad(total, weights)
        if self.clip_norm is not None:
            clip_each(gradients, self.clip_norm)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        for group in stack.optimizer.param_groups:
            group["capturable"] = self._rows.is_cuda and torch.cuda.is_current_stream_capturing()
        stack.optimizer.step()
        stack.sums.add_(terms.detach())

    def _rehearse(self) -> None:
        """Go through a step that changes nothing.

        The optimiser hears that a gradient overflowed, as it does from `torch.amp.GradScaler`: it
        makes its moments, if it has none, and leaves all numbers as they are.
        """
        optimizer, sums = self.stack.optimizer, self.stack.sums.clone()
        optimizer.found_inf = torch.ones((), device=self._rows.device)
        self._descend()
        del optimizer.found_inf
        self.stack.sums.copy_(sums)


def clip_each(gradients: Sequence[Tensor], largest: float) -> None:
    """Scale the gradients of each replicate to this norm if theirs is larger, in place.

    Parameters
    ----------
    gradients : sequence of Tensor of shape (R, ...)
        Of all weights.
    largest : float
        As in `torch.nn.utils.clip_grad_norm_`.
    """
    parts = [part for gradient in gradients for part in gradient]
    norms = torch.stack(torch._foreach_norm(parts)).view(len(gradients), -1)
    scale = (largest / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))


class _FeatureMajor(nn.Module):
    """A linear layer as weight times columns, so that its gradient lies in memory as it does.

    The gradient of rows times the transposed weight comes out transposed; of a stack, all of it
    would have to be copied before the optimiser takes it.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, rows: Tensor) -> Tensor:
        columns = self.weight @ rows.flatten(0, -2).T + self.bias[:, None]
        return columns.T.unflatten(0, rows.shape[:-1])


def _feature_major(model: VAE) -> VAE:
    """Exchange the linear layers; change nothing in place, because a transpose is a view."""
    for parent in list(model.modules()):
        if getattr(parent, "inplace", False):
            parent.inplace = False
        for name, layer in parent.named_children():
            if isinstance(layer, nn.Linear):
                setattr(parent, name, _FeatureMajor(layer))
    return model
