"""β-VAE: Higgins et al., ICLR 2017; with β = 1 the VAE of Kingma & Welling 2014."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from fovscope.objectives.base import Batch, Number, Objective, not_negative
from fovscope.registry import objective


@objective("beta_vae", stackable=True)
class BetaVAE(Objective):
    """Reconstruction + β·KL (Higgins et al. 2017).

    Parameters
    ----------
    beta : float
        Weight of the KL term.
    """

    def __init__(self, *, beta: float = 1.0) -> None:
        not_negative(beta=beta)
        self.beta = beta

    def coefficients(self, step: int, warmth: float) -> dict[str, float]:
        """Return β, warmed up."""
        del step
        return {"beta": self.beta * warmth}

    def losses(self, batch: Batch, coefficients: Mapping[str, Number]) -> dict[str, Tensor]:
        """Return loss, reconstruction and KL."""
        reconstruction, kl = batch.reconstruction, batch.kl
        loss = reconstruction + coefficients["beta"] * kl
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}
