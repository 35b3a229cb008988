"""FactorVAE: Kim & Mnih, ICML 2018 (arXiv 1802.05983).

A discriminator learns to tell latent samples from samples whose dimensions were permuted over
the rows, each by itself: of q(z) from Π_k q(z_k). Its logit ln D/(1 − D) is then the logarithm
of their ratio, whose mean over samples is the total correlation (equation 3), which the model
keeps small.

As in the published algorithm 2 the permuted samples come from other rows than those that they
are told from: here one half of the batch each, while the model learns from all of it. Both
gradients are taken before either network steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fovscope.models.vae import VAE, initialise, undrawn
from fovscope.objectives.base import Batch, Number, Objective, ObjectiveError, not_negative
from fovscope.registry import objective

LAYERS, LEAK = 6, 0.2
BETAS = (0.5, 0.9)
"""Of the discriminator's Adam, as published."""

_NAME = "discriminator"


def make_discriminator(latent_dim: int, width: int, *, seed: int) -> nn.Sequential:
    """Return a network from latent vectors (..., d) to logits (..., 1)."""
    layers: list[nn.Module] = []
    for inputs in (latent_dim, *[width] * (LAYERS - 1)):
        layers += [undrawn(nn.Linear, inputs, width), nn.LeakyReLU(LEAK, inplace=True)]
    network = nn.Sequential(*layers, undrawn(nn.Linear, width, 1))
    initialise(network, seed=seed)
    return network


def permute_dimensions(latent: Tensor, noise: torch.Generator) -> Tensor:
    """Permute each dimension of latent vectors (M, d) over the rows, by itself."""
    draws = torch.rand(latent.shape, generator=noise, device=latent.device)
    return latent.gather(0, draws.argsort(0))


def discriminator_loss(real: Tensor, permuted: Tensor) -> Tensor:
    """Return the mean cross entropy in nats of the logits of either kind, weighted alike.

    It is ln 2 where nothing can be told apart.
    """
    softplus = nn.functional.softplus
    return (softplus(-real).mean() + softplus(permuted).mean()) / 2


@objective("factor_vae")
class FactorVAE(Objective):
    """Reconstruction + β·KL + γ·total correlation, by a discriminator (Kim & Mnih 2018).

    Parameters
    ----------
    gamma : float
        Weight of the total correlation.
    beta : float
        Weight of the KL term; 1 in the publication.
    discriminator_width : int
        Width of the six hidden layers of the discriminator.
    discriminator_learning_rate : float
        Of its Adam.
    """

    def __init__(
        self,
        *,
        gamma: float = 35.0,
        beta: float = 1.0,
        discriminator_width: int = 1000,
        discriminator_learning_rate: float = 1e-4,
    ) -> None:
        not_negative(
            gamma=gamma, beta=beta, discriminator_learning_rate=discriminator_learning_rate
        )
        if discriminator_width < 1:
            raise ObjectiveError(
                f"option 'discriminator_width' must be at least 1, is {discriminator_width}"
            )
        self.gamma, self.beta = gamma, beta
        self.discriminator_width = discriminator_width
        self.discriminator_learning_rate = discriminator_learning_rate

    def networks(self, model: VAE, *, seed: int) -> dict[str, nn.Module]:
        """Return the discriminator."""
        d = model.options.latent_dim
        return {_NAME: make_discriminator(d, self.discriminator_width, seed=seed)}

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, torch.optim.Optimizer]:
        """Return the discriminator's Adam."""
        return {
            _NAME: torch.optim.Adam(
                networks[_NAME].parameters(),
                lr=self.discriminator_learning_rate,
                betas=BETAS,
                fused=True,
            )
        }

    def coefficients(self, step: int, warmth: float) -> dict[str, float]:
        """Return γ and β, warmed up."""
        del step
        return {"gamma": self.gamma * warmth, "beta": self.beta * warmth}

    def losses(self, batch: Batch, coefficients: Mapping[str, Number]) -> dict[str, Tensor]:
        """Return the model's loss and its terms, and the discriminator's loss."""
        reconstruction, kl, latent = batch.reconstruction, batch.kl, batch.latent
        network = batch.networks[_NAME]
        logits = network(latent).squeeze(-1).to(latent)  # (..., B), under autocast too
        total_correlation = logits.mean()
        loss = (
            reconstruction + coefficients["beta"] * kl + coefficients["gamma"] * total_correlation
        )
        # The middle row of an odd number is in both halves: the last batch may be a single row.
        rows = latent.shape[-2]
        real, others = logits[..., : (rows + 1) // 2], latent[..., rows // 2 :, :]
        permuted = permute_dimensions(others.flatten(0, -2), batch.noise)
        return {
            "loss": loss,
            "reconstruction": reconstruction,
            "kl": kl,
            "total_correlation": total_correlation,
            _NAME: discriminator_loss(real, network(permuted).to(latent)),
        }
