"""Anchored VAE: named dimensions are told what they should say, wherever it is known.

Of images that were made or changed on purpose the settings are known, not only which of them
differ within a pair. The dimensions that are bound to factors are regressed on the settings, all
others are left to the VAE. An image of which a setting is unknown, such as the hue of a grey one,
says nothing about that dimension. Regression of latent means on known factors beside the VAE's
loss: Locatello et al., ICLR 2020 (arXiv 1905.01258), section 3, there with few labels; the anchors
are those of `fovscope.training.anchors`.

Two further terms. Agreement: the Kullback-Leibler divergence between the members of a pair in the
dimensions that they share, because averaging their posteriors does not force them to agree; it
helped every name that was tried (docs/names.md). Total correlation, off by default: that of
β-TCVAE, against dimensions that repeat each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fovscope.models.gaussian import Posterior, kl_between
from fovscope.objectives.base import Batch, Number, Objective, ObjectiveError, not_negative
from fovscope.objectives.beta_tcvae import decompose
from fovscope.registry import objective


@objective("anchored", anchors=True, stackable=True)
class Anchored(Objective):
    """Reconstruction + β·KL + γ·squared distance of named dimensions from their settings.

    Parameters
    ----------
    beta : float
        Weight of the KL term.
    gamma : float
        Weight of the squared distance, summed over dimensions whose setting is known, in units of
        the settings' variance.
    agreement : float
        Weight of the symmetrised KL between the members of a pair in shared dimensions.
    total_correlation : float
        Weight of the total correlation, beside the share that the KL term has of it.
    """

    def __init__(
        self,
        *,
        beta: float = 1.0,
        gamma: float = 10.0,
        agreement: float = 10.0,
        total_correlation: float = 0.0,
    ) -> None:
        not_negative(
            beta=beta, gamma=gamma, agreement=agreement, total_correlation=total_correlation
        )
        self.beta, self.gamma = beta, gamma
        self.agreement, self.total_correlation = agreement, total_correlation

    def coefficients(self, step: int, warmth: float) -> dict[str, float]:
        """Return the weights; what regularises is warmed up, the anchors hold from the start."""
        del step
        return {
            "beta": self.beta * warmth,
            "gamma": self.gamma,
            "agreement": self.agreement * warmth,
            "total_correlation": self.total_correlation * warmth,
        }

    def losses(self, batch: Batch, coefficients: Mapping[str, Number]) -> dict[str, Tensor]:
        """Return loss, reconstruction, KL, and the terms that are on.

        Raises
        ------
        ObjectiveError
            If the batch does not say what is known of its rows.
        """
        if "anchors" not in batch.known:
            raise ObjectiveError("an anchored objective needs the settings of its images")
        terms = {"reconstruction": batch.reconstruction, "kl": batch.kl}
        terms["anchors"] = anchor_loss(batch.posterior.mean, batch.known["anchors"])
        loss = terms["reconstruction"] + coefficients["beta"] * terms["kl"]
        loss = loss + coefficients["gamma"] * terms["anchors"]
        # Whether a term is there follows from the options, so that it is the same in every step.
        if self.agreement and "changed" in batch.known:
            terms["agreement"] = disagreement(batch.encoded, batch.known["changed"])
            loss = loss + coefficients["agreement"] * terms["agreement"]
        if self.total_correlation:
            parts = decompose(batch.posterior_rows, batch.latent_rows)
            terms["total_correlation"] = parts.total_correlation
            loss = loss + coefficients["total_correlation"] * parts.total_correlation
        return {"loss": loss} | terms


def anchor_loss(mean: Tensor, anchors: Tensor) -> Tensor:
    """Return the squared distance of the first latent means from their anchors.

    Parameters
    ----------
    mean : Tensor of shape (..., d)
        Posterior means.
    anchors : Tensor of shape (..., k), k ≤ d
        Settings on the scale of the latents, NaN where unknown.

    Returns
    -------
    Tensor of shape ()
        Summed over dimensions, averaged over all rows.
    """
    known = ~anchors.isnan()
    distance = mean[..., : anchors.shape[-1]] - anchors.masked_fill(~known, 0.0)
    return (distance.square() * known).sum(-1).mean()


def disagreement(encoded: Posterior, changed: Tensor) -> Tensor:
    """Return how far the posteriors of a pair are apart where they should be one.

    Parameters
    ----------
    encoded : Posterior of shape (2, B, d)
        Of both members, before supervision made them one.
    changed : boolean Tensor of shape (B, k), k ≤ d
        True where the setting of a bound dimension differs within the pair.

    Returns
    -------
    Tensor of shape ()
        Symmetrised KL in nats, summed over shared dimensions, averaged over pairs.
    """
    free = encoded.mean.shape[-1] - changed.shape[-1]
    shared = ~torch.nn.functional.pad(changed, (0, free))
    swapped = Posterior(encoded.mean.flip(0), encoded.logvar.flip(0))
    return (kl_between(encoded, swapped).mean(0) * shared).sum(-1).mean()
