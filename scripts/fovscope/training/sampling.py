"""What is random in training: order, noise and initial weights, as functions of (seed, step)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

ORDER, NOISE, NETWORKS, REPLAY = 0, 1, 2, 3
"""Independent streams of random numbers."""


def stream_seed(*key: int) -> int:
    """Return a seed that is well mixed and independent for each key."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


class EpochSampler:
    """Row indices of each step: every row exactly once per epoch, in an order drawn anew.

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
        """Return the row indices (B,) of `step`, whichever step was asked for before."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._generator.manual_seed(stream_seed(self.seed, ORDER, epoch))
            self._epoch, self._order = (
                epoch,
                torch.randperm(self.rows, generator=self._generator, device=self._generator.device),
            )
        return self._order[position * self.batch_size : (position + 1) * self.batch_size]


class ReplayingSampler:
    """Row indices of two tables, one below the other: of the first and, after them, of the second.

    Parameters
    ----------
    first, second : EpochSampler
        Of the rows of each; epochs are those of the first.
    """

    def __init__(self, first: EpochSampler, second: EpochSampler) -> None:
        self.seed = first.seed
        self.steps_per_epoch = first.steps_per_epoch
        self._first, self._second = first, second

    def __call__(self, step: int) -> Tensor:
        """Return the row indices (B,) of `step`, whichever step was asked for before."""
        return torch.cat([self._first(step), self._first.rows + self._second(step)])


Sampler = EpochSampler | ReplayingSampler
"""Row indices of each step, as a function of (seed, step)."""
