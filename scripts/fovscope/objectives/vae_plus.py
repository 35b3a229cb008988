"""VAE+: Lafarge et al., MIDL 2019 (PMLR 102:315-325).

A discriminator learns to tell images from their reconstructions. The model is told how far apart
both are in each of its hidden layers, which sharpens what a squared error of pixels blurs. The
layers come in one after the other, the first one first: with r = `ramp_steps` the weight of layer
k = 1, 2, … grows linearly from 0 at step k·r to 1 at step (k + 1)·r.

Distances are half the mean squared difference of a layer times the number of values in an image,
so that each weighs like the reconstruction. Images and reconstructions go through the
discriminator together: batch statistics of their own would hide how they differ.

In the publication encoder and decoder have an Adam each, on losses that differ by the KL term,
which has no gradient in the decoder: that is one Adam for both, the model's. Weight decay takes
the share `weight_decay` from each weight in each step, not from biases and norms. Through the
momentum m of the discriminator's gradient descent it adds up 1/(1 − m) times, which is allowed
for. The published code takes the learning rates of the two kinds of optimisers for each other's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fovscope.models.discriminator import Discriminator
from fovscope.models.vae import VAE
from fovscope.objectives.base import (
    Batch,
    Number,
    Objective,
    ObjectiveError,
    decayed,
    not_negative,
)
from fovscope.registry import objective

LAYERS = 4
MOMENTUM = 0.9

_NAME = "discriminator"


@objective("vae_plus", paper={"discriminator_learning_rate": 1e-3})
class VAEPlus(Objective):
    """Reconstruction + β·KL + distances in the layers of a discriminator (Lafarge et al. 2019).

    Parameters
    ----------
    beta : float
        Weight of the KL term.
    ramp_steps : int
        Steps between the layers of the discriminator, and over which each comes in.
    discriminator_learning_rate : float
        Of its gradient descent with momentum 0.9.
    discriminator_weight_decay : float
        Share by which its weights shrink in each step.
    """

    def __init__(
        self,
        *,
        beta: float = 2.0,
        ramp_steps: int = 2500,
        discriminator_learning_rate: float = 1e-2,
        discriminator_weight_decay: float = 1e-4,
    ) -> None:
        not_negative(beta=beta, discriminator_weight_decay=discriminator_weight_decay)
        if ramp_steps < 1:
            raise ObjectiveError(f"option 'ramp_steps' must be at least 1, is {ramp_steps}")
        if not 0 < discriminator_learning_rate < torch.inf:
            raise ObjectiveError(
                "option 'discriminator_learning_rate' must be a number above 0, is "
                f"{discriminator_learning_rate}"
            )
        self.beta = beta
        self.ramp_steps = ramp_steps
        self.discriminator_learning_rate = discriminator_learning_rate
        self.discriminator_weight_decay = discriminator_weight_decay

    def networks(self, model: VAE, *, seed: int) -> dict[str, nn.Module]:
        """Return the discriminator of what the model takes."""
        return {_NAME: Discriminator(model.row_shape, seed=seed)}

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, torch.optim.Optimizer]:
        """Return the discriminator's gradient descent."""
        rate = self.discriminator_learning_rate
        decay = self.discriminator_weight_decay * (1 - MOMENTUM) / rate
        groups = decayed(networks[_NAME].parameters(), decay)
        return {_NAME: torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM, fused=True)}

    def coefficients(self, step: int, warmth: float) -> dict[str, float]:
        """Return β, warmed up, and the weight of each layer of the discriminator."""
        weights = {
            _layer(k): min(max(step / self.ramp_steps - k, 0.0), 1.0) for k in range(1, LAYERS + 1)
        }
        return {"beta": self.beta * warmth} | weights

    def losses(self, batch: Batch, coefficients: Mapping[str, Number]) -> dict[str, Tensor]:
        """Return the model's loss and its terms, and the discriminator's loss."""
        decoded, reconstruction = batch.model.reconstruct(batch.inputs, batch.latent)
        both = torch.stack([batch.inputs, decoded])
        layers, logits = batch.networks[_NAME](both.flatten(0, -2))
        loss = reconstruction + coefficients["beta"] * batch.kl
        terms = {"reconstruction": reconstruction, "kl": batch.kl}
        for k, layer in enumerate(layers, 1):
            terms[_layer(k)] = _distance(layer) * (both.shape[-1] / 2)
            loss = loss + coefficients[_layer(k)] * terms[_layer(k)]
        real, made = logits.chunk(2)
        softplus = nn.functional.softplus
        terms[_NAME] = (softplus(-real).mean() + softplus(made).mean()) / 2
        return {"loss": loss} | terms


def _layer(k: int) -> str:
    return f"similarity{k}"


def _distance(layer: Tensor) -> Tensor:
    """Return the mean squared difference between the halves of a layer (2 M, ...)."""
    real, made = layer.float().chunk(2)
    return (real - made).square().mean()
