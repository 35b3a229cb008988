"""The training loop, one for every objective, for source training and for fine-tuning.

All state is in a `TrainingState`, and everything random is a function of (seed, step): the
batch of a step and its noise do not depend on what ran before. A run that continues from a
saved state (`fovscope.training.checkpoint`) therefore gives the numbers of an undisturbed one.

Nothing inside a step waits for the device: terms are summed there and fetched every `log_every`
steps.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from fovscope import FovscopeError
from fovscope.models.vae import VAE
from fovscope.objectives.base import LOSS, REQUIRED_TERMS, Batch, Objective, ObjectiveError
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.sampling import NOISE, stream_seed
from fovscope.training.state import TrainingState, weights_of

logger = logging.getLogger(__name__)

_BLOCK_ROWS = 4_096
_PLACED_AS = {np.dtype(np.float16): torch.float16, np.dtype(np.uint8): torch.uint8}

MakeBatch = Callable[[TrainingState, Tensor, torch.Generator | Tensor], Batch]
"""From row indices and the step's noise, or its generator, to a batch."""


class DivergedError(FovscopeError):
    """A loss became infinite or not a number."""


@dataclass(frozen=True)
class TrainedModel:
    """A model and how its losses went.

    Each point of the curve has a `step`, the `loss`, its terms `reconstruction` and `kl` (nats)
    and whatever else the objective reports: means over the steps since the point before.
    """

    model: VAE
    curve: list[dict[str, float]]


def train(
    state: TrainingState,
    objective: Objective,
    make_batch: MakeBatch,
    *,
    steps: int,
    precision: str,
    log_every: int,
    warmup_steps: int = 0,
    clip_norm: float | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Take the model from `state.step`, or from its newest checkpoint, to `steps`.

    Parameters
    ----------
    state : TrainingState
        Where to start; changed as the training goes on.
    objective : Objective
        What to train for: the one that `state` was made for.
    make_batch : callable
        Gathers, encodes and samples the rows of a step.
    steps : int
        Where to end.
    precision : {"float32", "bfloat16"}
        Arithmetic of the matrix products; losses and weights are float32.
    log_every : int
        Steps between two points of the curve; only there the losses are looked at.
    warmup_steps : int
        Steps over which the warmth of the objective grows linearly from 0 to 1.
    clip_norm : float, optional
        Largest norm of the gradient of ``loss``.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save now and then.

    Returns
    -------
    TrainedModel
        The model of `state` and the curve.

    Raises
    ------
    DivergedError
        If a loss or the weights are not finite.
    ObjectiveError
        If a term is missing.
    """
    device, bfloat16 = state.device, precision == "bfloat16"
    weights = {name: weights_of(optimizer) for name, optimizer in state.optimizers.items()}
    noise = torch.Generator(device)
    if checkpoints is not None:
        checkpoints.restore(state)
    state.model.train()
    state.networks.train()

    with _same_bits_again(), checkpoints.watching() if checkpoints is not None else nullcontext():
        for _ in tqdm(range(state.step, steps), desc="steps", disable=not sys.stderr.isatty()):
            rows = state.sampler(state.step)
            noise.manual_seed(stream_seed(state.sampler.seed, NOISE, state.step))
            warmth = linear_warmup(state.step, warmup_steps=warmup_steps)
            coefficients = objective.coefficients(state.step, warmth)

            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                terms = objective.losses(make_batch(state, rows, noise), coefficients)
            if not state.terms:
                begin_sums(state, terms, objective)
            _descend(state.optimizers, terms, weights, clip_norm)
            state.sums += torch.stack([terms[name] for name in state.terms]).detach()

            state.step += 1
            state.summed += 1
            if state.step % log_every == 0 or state.step == steps:
                add_point(state, steps, coefficients)
            if checkpoints is not None:
                checkpoints.after_step(state)
    return TrainedModel(state.model, state.curve)


def _descend(
    optimizers: Mapping[str, torch.optim.Optimizer],
    terms: Mapping[str, Tensor],
    weights: Mapping[str, list[Tensor]],
    clip_norm: float | None,
) -> None:
    """Let each optimiser step, after the gradients of all: of its term, for its weights alone."""
    last = next(reversed(optimizers))
    for name, optimizer in optimizers.items():
        optimizer.zero_grad(set_to_none=True)
        # Losses may share parts of their computation, so it is kept until the last of them.
        terms[name].backward(inputs=weights[name], retain_graph=name != last)
    if clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(weights[LOSS], clip_norm, foreach=True)
    for optimizer in optimizers.values():
        optimizer.step()


def _same_bits_again() -> AbstractContextManager:
    """Let cuDNN choose only convolutions whose gradients are the same each time."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)


def begin_sums(state: TrainingState, terms: Mapping[str, Tensor], objective: Objective) -> None:
    """Note the names of the terms of an objective, and begin their sums.

    Raises
    ------
    ObjectiveError
        If a term is missing.
    """
    missing = {*REQUIRED_TERMS, *state.optimizers} - terms.keys()
    if missing:
        raise ObjectiveError(
            f"the losses of {type(objective).__name__} lack {', '.join(sorted(missing))}; they "
            f"have to hold {', '.join(REQUIRED_TERMS)} and one term for each of its optimisers"
        )
    state.terms = tuple(terms)
    state.sums = torch.zeros(len(terms), device=state.device)


def add_point(
    state: TrainingState, steps: int, coefficients: Mapping[str, float], *, who: str = ""
) -> None:
    """Fetch the summed terms: a point of the curve, and a line of the log.

    Parameters
    ----------
    state : TrainingState
        After some steps since its last point.
    steps : int
        Where the training ends.
    coefficients : mapping of str to float
        Of the last step.
    who : str
        What lines and errors begin with, where several models are trained.

    Raises
    ------
    DivergedError
        If a loss or the weights are not finite.
    """
    terms = dict(zip(state.terms, (state.sums / state.summed).tolist(), strict=True))
    _check_finite(terms, state, coefficients, who)
    state.curve.append({"step": state.step} | terms)
    if not sys.stderr.isatty():
        logger.info("%sstep %d of %d: %s", who, state.step, steps, _shown(terms))
    state.sums.zero_()
    state.summed = 0


def _check_finite(
    terms: Mapping[str, float], state: TrainingState, coefficients: Mapping[str, float], who: str
) -> None:
    # The last step's gradients reach no loss any more, only the weights.
    weights = (*state.model.parameters(), *state.networks.parameters())
    sound = torch.stack([weight.isfinite().all() for weight in weights]).all()
    if all(map(math.isfinite, terms.values())) and bool(sound):
        return
    rate = state.optimizers[LOSS].param_groups[0]["lr"]
    raise DivergedError(
        f"{who}training diverged before step {state.step}: {_shown(terms)}, with "
        f"{_shown(coefficients | {'learning rate': rate})}; try a lower learning_rate, a longer "
        "warm-up where there is one, or precision float32"
    )


def _shown(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in numbers.items())


def linear_warmup(step: int, *, warmup_steps: int) -> float:
    """Return the warmth at `step`: linear from 0 at step 0 to 1 at `warmup_steps`, then 1."""
    return min(1.0, step / warmup_steps) if warmup_steps else 1.0


def place_features(*arrays: np.ndarray, device: torch.device) -> Tensor:
    """Put all rows into one matrix on the device, and say beforehand what it needs.

    Parameters
    ----------
    *arrays : arrays of shape (N_k, D)
        Raw features, all of one type; anything that is sliced by rows (`SelectedRows`).
    device : torch.device
        Where to.

    Returns
    -------
    Tensor of shape (Σ N_k, D)
        In the type of the arrays if that is float16 or uint8 (pixels), else in float32.

    Raises
    ------
    ValueError
        If shapes do not fit, there are no rows, or a value is not finite.
    """
    if any(array.ndim != 2 or array.shape[1] != arrays[0].shape[1] for array in arrays):
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"features must have shape (N, D) with one D, not {shapes}")
    rows, columns = sum(len(array) for array in arrays), arrays[0].shape[1]
    if rows == 0:
        raise ValueError("there are no rows to train on; check the split and the design")
    dtype = _PLACED_AS.get(arrays[0].dtype, torch.float32)
    mebibytes = rows * columns * dtype.itemsize / 2**20
    logger.info("features: %d × %d, %.1f MiB on %s", rows, columns, mebibytes, device)
    matrix = torch.empty(rows, columns, dtype=dtype, device=device)
    for part, array in zip(matrix.split([len(array) for array in arrays]), arrays, strict=True):
        for start in range(0, len(array), _BLOCK_ROWS):
            block = array[start : start + _BLOCK_ROWS]
            part[start : start + _BLOCK_ROWS].copy_(torch.from_numpy(block))
    if not dtype.is_floating_point:
        return matrix
    # A row's sum is finite exactly if all its values are; float64 cannot overflow here.
    bad_rows = (~matrix.sum(1, dtype=torch.float64).isfinite()).nonzero()
    if len(bad_rows):
        raise ValueError(
            f"{len(bad_rows)} of {rows} feature rows are not finite, the first is row "
            f"{int(bad_rows[0])}; cache the features again (float16 overflows above 65504)"
        )
    return matrix
