"""Weak supervision: which latent dimensions the two members of a pair share.

The members of a pair differ in one factor of variation. Dimensions that should not have
changed are shared: both posteriors take the average there (Ada-GVAE, Locatello et al. 2020,
arXiv 2002.02886, section 4.1). Three modes say which ones:

labels
    The changed factor's index names the only dimension that is *not* shared, so dimension i
    is named after factor i (Dapueto et al., IJCNN 2025, published source models).
ada
    Per pair, dimensions whose symmetrised KL is below the midpoint between the smallest and
    the largest one (Ada-GVAE).
none
    Nothing is shared: a β-VAE.

Posteriors of pairs have shape (2, B, d): first and second members of B pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from fovscope.models.gaussian import Posterior, kl_between

SharedDimensions = Callable[[Posterior, Tensor], Tensor]
"""From posteriors (2, B, d) and changed factors (B,) to a mask (B, d), true where shared."""


def shared_by_labels(posterior: Posterior, changed_factor: Tensor) -> Tensor:
    """Share all dimensions but the one that is bound to the changed factor."""
    dimensions = torch.arange(posterior.mean.shape[-1], device=changed_factor.device)
    return dimensions != changed_factor[:, None]


def shared_by_divergence(posterior: Posterior, changed_factor: Tensor) -> Tensor:
    """Share the dimensions that diverge less than the midpoint of their pair.

    Two identical members share nothing, which makes no difference to them.
    """
    del changed_factor
    swapped = Posterior(posterior.mean.flip(0), posterior.logvar.flip(0))
    divergence = kl_between(posterior, swapped).mean(0)
    smallest, largest = divergence.aminmax(dim=-1, keepdim=True)
    return divergence < (smallest + largest) / 2


def shared_by_nobody(posterior: Posterior, changed_factor: Tensor) -> Tensor:
    """Share nothing."""
    del changed_factor
    return torch.zeros_like(posterior.mean[0], dtype=torch.bool)


def average_shared(posterior: Posterior, shared: Tensor) -> Posterior:
    """Give both members the same posterior in the shared dimensions.

    Parameters
    ----------
    posterior : Posterior of shape (2, B, d)
        Of the first and second members.
    shared : boolean Tensor of shape (B, d)
        Where both take mean (μ₁ + μ₂)/2 and variance (σ₁² + σ₂²)/2.

    Returns
    -------
    Posterior of shape (2, B, d)
        New tensors; the given ones are untouched.
    """
    mean, logvar = posterior
    log_mean_variance = torch.logsumexp(logvar, 0) - math.log(2)
    return Posterior(
        torch.where(shared, mean.mean(0), mean),
        torch.where(shared, log_mean_variance, logvar),
    )


SUPERVISION: dict[str, SharedDimensions] = {
    "labels": shared_by_labels,
    "ada": shared_by_divergence,
    "none": shared_by_nobody,
}
