"""The training loop, one for source training and fine-tuning.

All state is in a `TrainingState`, and everything random is a function of (seed, step): the
batch of a step and its noise do not depend on what ran before. A run that continues from a
saved state (`fovscope.training.checkpoint`) therefore gives the numbers of an undisturbed one.

Nothing inside a step waits for the device: losses are summed there and fetched every
`log_every` steps.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from fovscope import FovscopeError
from fovscope.models.vae import VAE
from fovscope.training.checkpoint import Checkpoints

logger = logging.getLogger(__name__)

_LOSSES = ("loss", "reconstruction", "kl")
_ORDER, _NOISE = 0, 1  # independent streams of random numbers
_PLACED_AS = {np.dtype(np.float16): torch.float16, np.dtype(np.uint8): torch.uint8}

LossTerms = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""From row indices and the generator of the step's noise to (reconstruction, KL)."""


class DivergedError(FovscopeError):
    """The loss became infinite or not a number."""


class EpochSampler:
    """Row indices of each step: every row exactly once an epoch, in an order drawn anew.

    The last batch of an epoch holds what is left.

    Parameters
    ----------
    rows : int
        Number of rows.
    batch_size : int
        Rows per step.
    seed : int
        Of the orders.
    device : torch.device
        Where the indices are drawn and stay.
    """

    def __init__(self, rows: int, batch_size: int, *, seed: int, device: torch.device) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_epoch = -(-rows // batch_size)
        self._generator = torch.Generator(device)
        self._epoch, self._order = -1, torch.empty(0)

    def __call__(self, step: int) -> Tensor:
        """Return the row indices of `step`, whichever step was asked for before."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._generator.manual_seed(_stream_seed(self.seed, _ORDER, epoch))
            self._epoch, self._order = (
                epoch,
                torch.randperm(self.rows, generator=self._generator, device=self._generator.device),
            )
        return self._order[position * self.batch_size : (position + 1) * self.batch_size]


@dataclass
class TrainingState:
    """All that changes during training; a checkpoint is this, without the sampler's cache.

    `sums` are the losses of the last `summed` steps, which have no point of the curve yet.
    """

    model: VAE
    optimizer: torch.optim.Optimizer
    sampler: EpochSampler
    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    sums: Tensor = field(init=False)
    summed: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.sums = torch.zeros(len(_LOSSES), device=next(self.model.parameters()).device)


@dataclass(frozen=True)
class TrainedModel:
    """A model and how its losses went: `step`, `loss`, `reconstruction`, `kl` (nats) a point.

    Each point is the mean over the steps since the point before.
    """

    model: VAE
    curve: list[dict[str, float]]


def train(
    state: TrainingState,
    loss_terms: LossTerms,
    *,
    steps: int,
    beta_at: Callable[[int], float],
    precision: str,
    log_every: int,
    clip_norm: float | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Take the model from `state.step`, or from its newest checkpoint, to `steps`.

    Parameters
    ----------
    state : TrainingState
        Where to start; changed as the training goes on.
    loss_terms : callable
        From row indices and a generator to (reconstruction, KL).
    steps : int
        Where to end.
    beta_at : callable
        Weight β of the KL term at a step.
    precision : {"float32", "bfloat16"}
        Arithmetic of the matrix products; losses and weights are float32.
    log_every : int
        Steps between two points of the curve; only there the loss is looked at.
    clip_norm : float, optional
        Largest gradient norm.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save now and then.

    Returns
    -------
    TrainedModel
        The model of `state` and the curve.

    Raises
    ------
    DivergedError
        If the loss or the weights are not finite.
    """
    weights = list(state.model.parameters())
    device = weights[0].device
    noise = torch.Generator(device)
    if checkpoints is not None:
        checkpoints.restore(state)
    state.model.train()

    with _same_bits_again(), checkpoints.watching() if checkpoints is not None else nullcontext():
        for _ in tqdm(range(state.step, steps), desc="steps", disable=not sys.stderr.isatty()):
            rows = state.sampler(state.step)
            noise.manual_seed(_stream_seed(state.sampler.seed, _NOISE, state.step))
            beta = beta_at(state.step)

            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                reconstruction, kl = loss_terms(rows, noise)
            loss = reconstruction + beta * kl

            state.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(weights, clip_norm, foreach=True)
            state.optimizer.step()

            state.step += 1
            state.sums += torch.stack([loss, reconstruction, kl]).detach()
            state.summed += 1
            if state.step % log_every == 0 or state.step == steps:
                _add_point(state, steps, beta)
            if checkpoints is not None:
                checkpoints.after_step(state)
    return TrainedModel(state.model, state.curve)


def _same_bits_again() -> AbstractContextManager:
    """Let cuDNN choose only convolutions whose gradients are the same each time."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)


def _add_point(state: TrainingState, steps: int, beta: float) -> None:
    """Fetch the summed losses: a point of the curve, and a line of the log."""
    losses = dict(zip(_LOSSES, (state.sums / state.summed).tolist(), strict=True))
    _check_finite(losses, state, beta)
    state.curve.append({"step": state.step} | losses)
    if not sys.stderr.isatty():
        logger.info("step %d of %d: %s", state.step, steps, _shown(losses))
    state.sums.zero_()
    state.summed = 0


def _check_finite(losses: dict[str, float], state: TrainingState, beta: float) -> None:
    # The last step's gradients reach no loss any more, only the weights.
    weights = torch.stack([weight.isfinite().all() for weight in state.model.parameters()])
    if all(map(math.isfinite, losses.values())) and bool(weights.all()):
        return
    raise DivergedError(
        f"training diverged before step {state.step}: {_shown(losses)}, with β = {beta:g} and "
        f"learning rate {state.optimizer.param_groups[0]['lr']:g}; try a lower learning_rate, "
        "a longer warmup_steps, a larger likelihood_sd, or precision float32"
    )


def _shown(losses: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in losses.items())


def _stream_seed(*key: int) -> int:
    """Return a seed that is well mixed and independent for each key."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def linear_warmup(step: int, *, beta: float, warmup_steps: int) -> float:
    """Return β at `step`: linear from 0 at step 0 to `beta` at `warmup_steps`, then constant."""
    return beta * min(1.0, step / warmup_steps) if warmup_steps else beta


def place_features(*arrays: np.ndarray, device: torch.device) -> Tensor:
    """Put all rows into one matrix on the device, and say beforehand what it needs.

    Parameters
    ----------
    *arrays : arrays of shape (N_k, D)
        Raw features, all of one type.
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
        part.copy_(torch.from_numpy(array))
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
