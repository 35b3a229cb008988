"""DIP-VAE-II: Kumar, Sattigeri & Balakrishnan, ICLR 2018 (arXiv 1711.00848).

The covariance of the averaged posterior q(z) is drawn to the identity. By the law of total
covariance it is Cov[μ(x)] + E[diag σ²(x)] (equation 5), both over the rows of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fovscope.models.gaussian import Posterior
from fovscope.objectives.base import Batch, Number, Objective, not_negative
from fovscope.registry import objective


def aggregate_covariance(posterior: Posterior) -> Tensor:
    """Return the covariance (d, d) of the mixture of M posteriors (M, d)."""
    mean, logvar = posterior
    centred = mean - mean.mean(0)
    # Products of elements: autocast would round those of matrices to bfloat16.
    of_means = (centred[:, :, None] * centred[:, None, :]).mean(0)
    return of_means + torch.diag(torch.exp(logvar).mean(0))


def penalties(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ_{i≠j} C_ij² and Σ_i (C_ii − 1)² of a covariance C (d, d)."""
    variances = covariance.diagonal()
    off_diagonal = (covariance - torch.diag(variances)).square().sum()
    return off_diagonal, (variances - 1).square().sum()


@objective("dip_vae_ii", stackable=True)
class DIPVAEII(Objective):
    """Reconstruction + β·KL + deviation of the latents' covariance from 1 (Kumar et al. 2018).

    Parameters
    ----------
    lambda_od : float
        Weight of the squared covariances between dimensions.
    lambda_d : float
        Weight of the squared deviations of the variances from 1.
    beta : float
        Weight of the KL term; 1 in the publication.
    """

    def __init__(
        self, *, lambda_od: float = 10.0, lambda_d: float = 10.0, beta: float = 1.0
    ) -> None:
        not_negative(lambda_od=lambda_od, lambda_d=lambda_d, beta=beta)
        self.lambda_od, self.lambda_d, self.beta = lambda_od, lambda_d, beta

    def coefficients(self, step: int, warmth: float) -> dict[str, float]:
        """Return λ_od, λ_d and β, warmed up."""
        del step
        weights = {"lambda_od": self.lambda_od, "lambda_d": self.lambda_d, "beta": self.beta}
        return {name: weight * warmth for name, weight in weights.items()}

    def losses(self, batch: Batch, coefficients: Mapping[str, Number]) -> dict[str, Tensor]:
        """Return loss, reconstruction, KL and the two penalties."""
        off_diagonal, diagonal = penalties(aggregate_covariance(batch.posterior_rows))
        loss = (
            batch.reconstruction
            + coefficients["beta"] * batch.kl
            + coefficients["lambda_od"] * off_diagonal
            + coefficients["lambda_d"] * diagonal
        )
        return {
            "loss": loss,
            "reconstruction": batch.reconstruction,
            "kl": batch.kl,
            "off_diagonal": off_diagonal,
            "diagonal": diagonal,
        }
