"""What a model is trained for: an objective turns a batch into losses.

An objective is a class with options, declared by `fovscope.registry.objective`. It holds no
state: what it trains beside the model are the networks that it makes, with optimisers of their
own where they need one. The training loop knows no objective; it takes each optimiser's loss,
computes the gradients of all of them, and lets all optimisers step.

What an objective does in a step can be recorded once and replayed (CUDA graphs): losses are
tensors, nothing is read from the device, and what depends on the step comes in as a number.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from fovscope import FovscopeError
from fovscope.models.gaussian import Posterior, kl_to_prior, sample
from fovscope.models.vae import VAE

LOSS = "loss"
"""The term that is minimised over the weights of the model."""

REQUIRED_TERMS = (LOSS, "reconstruction", "kl")
"""What every objective reports."""

Number = float | Tensor
"""A Python number, or a float32 tensor of shape () where a step is recorded."""


class ObjectiveError(FovscopeError):
    """An option that cannot be, or an objective that breaks its contract."""


@dataclass(frozen=True, eq=False)
class Batch:
    """The rows of one step, encoded and sampled.

    A batch of images has the shape (B, ...); a batch of pairs (2, B, ...), first members first.

    Attributes
    ----------
    model : VAE
        In training.
    networks : nn.ModuleDict
        Those that the objective made.
    inputs : Tensor of shape (..., D)
        What the encoder was given.
    encoded : Posterior of shape (..., d)
        What the encoder returned.
    posterior : Posterior of shape (..., d)
        The same after weak supervision, which gives both members of a pair one posterior in the
        dimensions that they share.
    latent : Tensor of shape (..., d)
        One sample of each posterior.
    noise : torch.Generator or Tensor of shape (..., d)
        For whatever else is drawn in this step, on the device of the batch. For a stackable
        objective, which draws nothing, the numbers of which the latent samples are made.
    known : mapping of str to Tensor of shape (..., k)
        What else is known of the rows, e.g. the settings that they were made with.
    """

    model: VAE
    networks: nn.ModuleDict
    inputs: Tensor
    encoded: Posterior
    posterior: Posterior
    latent: Tensor
    noise: torch.Generator | Tensor
    known: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: VAE,
        features: Tensor,
        noise: torch.Generator | Tensor,
        *,
        networks: nn.ModuleDict | None = None,
        share: Callable[[Posterior], Posterior] | None = None,
        known: Mapping[str, Tensor] | None = None,
    ) -> Batch:
        """Encode and sample raw features (..., D).

        Parameters
        ----------
        model, features, noise, networks, known
            As in the attributes, but the features still raw.
        share : callable, optional
            What weak supervision makes of the posteriors.
        """
        inputs = model.inputs(features)
        encoded = model.posterior(inputs)
        posterior = encoded if share is None else share(encoded)
        return cls(
            model=model,
            networks=nn.ModuleDict() if networks is None else networks,
            inputs=inputs,
            encoded=encoded,
            posterior=posterior,
            latent=sample(posterior, noise),
            noise=noise,
            known=known or {},
        )

    @cached_property
    def reconstruction(self) -> Tensor:
        """−ln p(inputs | latent) in nats, of shape (), averaged over all rows."""
        return self.model.negative_log_likelihood(self.inputs, self.latent)

    @cached_property
    def kl(self) -> Tensor:
        """KL(posterior ‖ N(0, I)) in nats, of shape (), averaged over all rows."""
        return kl_to_prior(self.posterior).sum(-1).mean()

    @property
    def posterior_rows(self) -> Posterior:
        """The posteriors of all rows, (M, d), whether or not they come in pairs."""
        return Posterior(*(part.flatten(0, -2) for part in self.posterior))

    @property
    def latent_rows(self) -> Tensor:
        """The latent samples of all rows, (M, d), whether or not they come in pairs."""
        return self.latent.flatten(0, -2)


class Objective(ABC):
    """The losses of a batch, and the networks and optimisers that they need.

    A subclass takes its options as keyword-only parameters of ``__init__``, and calls the weight
    of the KL term `beta` where it has one.

    Where `losses` draws nothing, needs no further networks, and knows β from its coefficients
    alone, it can be declared ``stackable=True``: models are then trained for it as one where that
    is faster (`fovscope.training.stack`).
    """

    def networks(self, model: VAE, *, seed: int) -> dict[str, nn.Module]:
        """Return further networks by name; by default none.

        Those that no optimiser of `optimizers` holds are trained together with the model.

        Parameters
        ----------
        model : VAE
            The model that will be trained.
        seed : int
            Of initial weights; torch's global generator is not to be used.
        """
        del model, seed
        return {}

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, torch.optim.Optimizer]:
        """Return further optimisers, by the name of the loss that each minimises.

        By default none. The optimiser of the model, which minimises ``loss``, is the loop's.
        """
        del networks
        return {}

    @abstractmethod
    def coefficients(self, step: int, warmth: float) -> dict[str, float]:
        """Return the numbers that `losses` needs and that may change from step to step.

        Parameters
        ----------
        step : int
            Steps taken so far.
        warmth : float
            From 0 to 1 during the warm-up, then 1; multiplies what regularises.
        """

    @abstractmethod
    def losses(self, batch: Batch, coefficients: Mapping[str, Number]) -> dict[str, Tensor]:
        """Return the terms of a batch, each of shape (); all of them go to the training curve.

        Parameters
        ----------
        batch : Batch
            Encoded and sampled.
        coefficients : mapping of str to number
            What `coefficients` returned, as floats or as tensors.

        Returns
        -------
        dict of str to Tensor
            ``loss``, ``reconstruction``, ``kl``, one term under the name of each further
            optimiser, and what else is worth a curve. The gradient of an optimiser's term is
            taken with respect to the weights of that optimiser alone, so that losses may share
            parts of their computation.
        """


def not_negative(**options: float) -> None:
    """Raise ObjectiveError if an option is negative or not finite."""
    for name, value in options.items():
        if not 0 <= value < math.inf:
            raise ObjectiveError(f"option '{name}' must be a number from 0, is {value}")


def decayed(weights: Iterable[Tensor], decay: float) -> list[dict[str, list[Tensor] | float]]:
    """Return parameter groups of an optimiser: matrices and kernels decay, vectors do not."""
    weights = list(weights)
    return [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
