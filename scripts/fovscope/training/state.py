"""All that changes during training: what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fovscope.models.vae import VAE
from fovscope.objectives.base import LOSS, Objective
from fovscope.training.sampling import NETWORKS, Sampler, stream_seed

MakeOptimizer = Callable[[list[Tensor]], torch.optim.Optimizer]
"""From weights to an optimiser of them."""


@dataclass
class TrainingState:
    """A training under way; a checkpoint is this, without the sampler's cache.

    Attributes
    ----------
    model : VAE
        In training.
    networks : nn.ModuleDict
        Further networks of the objective.
    optimizers : dict of str to Optimizer
        By the name of the term that each minimises, ``loss`` first.
    sampler : Sampler
        Of the rows.
    step : int
        Steps taken.
    curve : list of dict
        Mean terms since the point before, with the `step` of each point.
    terms : tuple of str
        Names of the terms, known from the first step on.
    sums : Tensor of shape (T,)
        Sums of the terms over the last `summed` steps, which have no point of the curve yet.
    summed : int
        Number of these steps.
    """

    model: VAE
    networks: nn.ModuleDict
    optimizers: dict[str, torch.optim.Optimizer]
    sampler: Sampler
    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    terms: tuple[str, ...] = ()
    sums: Tensor = field(default_factory=lambda: torch.zeros(0))
    summed: int = 0

    @classmethod
    def start(
        cls, model: VAE, objective: Objective, make_optimizer: MakeOptimizer, sampler: Sampler
    ) -> TrainingState:
        """Return the state before the first step, with the networks of the objective.

        Parameters
        ----------
        model : VAE
            On the device to train on.
        objective : Objective
            What to train for.
        make_optimizer : callable
            Makes the optimiser of the model, and of the networks of the objective that no
            optimiser of its own trains.
        sampler : Sampler
            Of the rows; its seed is that of the networks too.
        """
        seed = stream_seed(sampler.seed, NETWORKS)
        networks = nn.ModuleDict(objective.networks(model, seed=seed))
        networks.to(next(model.parameters()).device)
        own = objective.optimizers(networks)
        taken = {id(weight) for optimizer in own.values() for weight in weights_of(optimizer)}
        weights = [
            weight
            for weight in (*model.parameters(), *networks.parameters())
            if weight.requires_grad and id(weight) not in taken
        ]
        return cls(model, networks, {LOSS: make_optimizer(weights), **own}, sampler)

    @property
    def device(self) -> torch.device:
        """Where the training runs."""
        return next(self.model.parameters()).device


def weights_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return all weights that an optimiser changes."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]
