"""β-TCVAE: Chen et al., NeurIPS 2018 (arXiv 1802.04942).

Averaged over the data, the KL term is the sum of three (equation 2): the mutual information
I(z; x), the total correlation KL(q(z) ‖ Π_k q(z_k)) and the dimension-wise
Σ_k KL(q(z_k) ‖ p(z_k)), where q(z) is the posterior averaged over all images. Each gets a weight
of its own.

q(z) is estimated from the batch (minibatch-weighted sampling, section 4.1): with M rows
ln q(z_i) ≈ ln Σ_j q(z_i | x_j) − ln M. The published estimate subtracts also the logarithm of the
number N of training images. That shifts the three terms by constants, by (d − 1) ln N the total
correlation, and no gradient; it is left out, so that the terms keep their meaning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from fovscope.models.gaussian import Posterior
from fovscope.objectives.base import Batch, Number, Objective, not_negative
from fovscope.registry import objective


class Decomposition(NamedTuple):
    """The three parts of the KL term, each of shape (), in nats."""

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor


def log_normal(latent: Tensor, posterior: Posterior) -> Tensor:
    """Return ln N(latent; mean, variance) of each dimension, broadcast."""
    mean, logvar = posterior
    return -0.5 * (math.log(2 * math.pi) + logvar + (latent - mean).square() * torch.exp(-logvar))


def decompose(posterior: Posterior, latent: Tensor) -> Decomposition:
    """Estimate the parts of the KL term from one batch.

    Parameters
    ----------
    posterior : Posterior of shape (M, d)
        Of each row.
    latent : Tensor of shape (M, d)
        A sample of each.

    Returns
    -------
    Decomposition
        Its sum is the sampled KL term, the mean of ln q(z_i | x_i) − ln p(z_i), to rounding.
    """
    log_rows = math.log(len(latent))
    each = log_normal(latent[:, None], posterior)  # sample i under posterior j: (M, M, d)
    own = log_normal(latent, posterior).sum(-1)
    joint = torch.logsumexp(each.sum(-1), 1) - log_rows
    marginals = (torch.logsumexp(each, 1) - log_rows).sum(-1)
    standard = Posterior(torch.zeros_like(latent), torch.zeros_like(latent))
    prior = log_normal(latent, standard).sum(-1)
    return Decomposition(
        (own - joint).mean(), (joint - marginals).mean(), (marginals - prior).mean()
    )


@objective("beta_tcvae", stackable=True)
class BetaTCVAE(Objective):
    """Reconstruction + α·I(z; x) + β·total correlation + γ·dimension-wise KL (Chen et al. 2018).

    Parameters
    ----------
    beta : float
        Weight of the total correlation.
    alpha : float
        Weight of the mutual information between image and latent code.
    gamma : float
        Weight of the dimension-wise KL.
    """

    def __init__(self, *, beta: float = 6.0, alpha: float = 1.0, gamma: float = 1.0) -> None:
        not_negative(beta=beta, alpha=alpha, gamma=gamma)
        self.beta, self.alpha, self.gamma = beta, alpha, gamma

    def coefficients(self, step: int, warmth: float) -> dict[str, float]:
        """Return the three weights, warmed up."""
        del step
        weights = {"beta": self.beta, "alpha": self.alpha, "gamma": self.gamma}
        return {name: weight * warmth for name, weight in weights.items()}

    def losses(self, batch: Batch, coefficients: Mapping[str, Number]) -> dict[str, Tensor]:
        """Return loss, reconstruction, the exact KL and its estimated parts."""
        parts = decompose(batch.posterior_rows, batch.latent_rows)
        loss = (
            batch.reconstruction
            + coefficients["alpha"] * parts.mutual_information
            + coefficients["beta"] * parts.total_correlation
            + coefficients["gamma"] * parts.dimension_wise_kl
        )
        terms = {"loss": loss, "reconstruction": batch.reconstruction, "kl": batch.kl}
        return terms | parts._asdict()
