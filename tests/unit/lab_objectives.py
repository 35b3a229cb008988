"""A plug-in with an objective of a user's: what the published ones do not need, in small.

Its discriminator has batch statistics and an SGD with momentum, it shares one computation between
both losses, and one of its weights grows with the step.
"""

import torch
from torch import nn

from fovscope.objectives.base import Objective
from fovscope.registry import objective


class Discriminator(nn.Module):
    """From inputs (..., D) to the hidden layer (..., 8) and logits (...)."""

    def __init__(self, inputs, generator):
        super().__init__()
        self.first = nn.utils.skip_init(nn.Linear, inputs, 8, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.last = nn.utils.skip_init(nn.Linear, 8, 1)
        for weight in (*self.first.parameters(), *self.last.parameters()):
            nn.init.normal_(weight, std=0.1, generator=generator)

    def forward(self, inputs):
        rows = self.norm(self.first(inputs).flatten(0, -2))
        hidden = nn.functional.leaky_relu(rows).view(*inputs.shape[:-1], -1)
        return hidden.to(inputs), self.last(hidden).squeeze(-1).to(inputs)


@objective("feature_matching")
class FeatureMatching(Objective):
    """A VAE whose reconstructions resemble the inputs to a discriminator (after Lafarge 2019).

    Parameters
    ----------
    beta : float
        Weight of the KL term.
    """

    def __init__(self, *, beta: float = 2.0) -> None:
        self.beta = beta

    def networks(self, model, *, seed):
        generator = torch.Generator().manual_seed(seed)
        return {"discriminator": Discriminator(model.feature_dim, generator)}

    def optimizers(self, networks):
        weights = networks["discriminator"].parameters()
        return {"discriminator": torch.optim.SGD(weights, lr=1e-2, momentum=0.9)}

    def coefficients(self, step, warmth):
        return {"beta": self.beta * warmth, "similarity": min(max((step - 5) / 10, 0.0), 1.0)}

    def losses(self, batch, coefficients):
        discriminator = batch.networks["discriminator"]
        reconstructed = batch.model.decode(batch.latent)
        reconstruction = batch.model.negative_log_likelihood(batch.inputs, batch.latent)
        hidden, logits = discriminator(torch.stack([batch.inputs, reconstructed]))
        similarity = (hidden[0] - hidden[1]).square().mean()
        loss = (
            reconstruction
            + coefficients["beta"] * batch.kl
            + coefficients["similarity"] * similarity
        )
        real = torch.zeros_like(logits)
        real[0] = 1
        return {
            "loss": loss,
            "reconstruction": reconstruction,
            "kl": batch.kl,
            "similarity": similarity,
            "discriminator": nn.functional.binary_cross_entropy_with_logits(logits, real),
        }
