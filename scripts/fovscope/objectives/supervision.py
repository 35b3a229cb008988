"""Weak supervision: what the two members of a pair are known to share.

The members of a pair differ in one factor of variation or a few. In the latent dimensions that
should not have changed both get the same posterior. An entry says which dimensions these are and
how the two posteriors become one: it is a function of the posteriors (2, B, d), first members
first, and of `changed`, a boolean tensor (B, K) that is true for each of K factors that changed.
It returns new posteriors (2, B, d) and leaves the given ones as they are. One that binds
dimension i to factor i, which thereby names it, declares ``binds=True``.

Ada-GVAE and Ada-ML-VAE: Locatello et al. 2020 (arXiv 2002.02886), section 4.1. Labels: Dapueto
et al., IJCNN 2025 (arXiv 2506.20649), the published source models.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fovscope.models.gaussian import Posterior, kl_between
from fovscope.registry import supervision


@supervision("labels", binds=True)
def labels(posterior: Posterior, changed: Tensor) -> Posterior:
    """Share, by averaging, all dimensions but those bound to the factors that changed.

    Dimension i is bound to factor i, which thereby names it.

    Raises
    ------
    ValueError
        If there are more factors than dimensions.
    """
    return average(posterior, shared_by_labels(changed, posterior.mean.shape[-1]))


@supervision("ada")
def ada(posterior: Posterior, changed: Tensor) -> Posterior:
    """Share, by averaging, the dimensions that differ little within their pair (Ada-GVAE)."""
    del changed
    return average(posterior, shared_by_divergence(posterior))


@supervision("ada-ml")
def ada_ml(posterior: Posterior, changed: Tensor) -> Posterior:
    """Share, by a product, the dimensions that differ little within their pair (Ada-ML-VAE)."""
    del changed
    return multiply(posterior, shared_by_divergence(posterior))


@supervision("none")
def none(posterior: Posterior, changed: Tensor) -> Posterior:
    """Share nothing."""
    del changed
    return posterior


# Which dimensions ------------------------------------------------------------------------


def shared_by_labels(changed: Tensor, dimensions: int) -> Tensor:
    """Return a mask (B, d), false where a dimension is bound to a factor that changed.

    Parameters
    ----------
    changed : boolean Tensor of shape (B, K)
        True for each factor that changed.
    dimensions : int
        Number d of latent dimensions.

    Raises
    ------
    ValueError
        If K exceeds d.
    """
    factors = changed.shape[-1]
    if factors > dimensions:
        raise ValueError(
            f"supervision 'labels' binds factor i to dimension i, but there are {factors} factors "
            f"and latent_dim is {dimensions}; choose a larger latent_dim or another supervision"
        )
    return ~torch.nn.functional.pad(changed, (0, dimensions - factors))


def shared_by_divergence(posterior: Posterior) -> Tensor:
    """Return a mask (B, d), true where members diverge less than the midpoint of their pair.

    The midpoint is that between the smallest and the largest symmetrised KL of the pair. Two
    identical members share nothing.
    """
    swapped = Posterior(posterior.mean.flip(0), posterior.logvar.flip(0))
    divergence = kl_between(posterior, swapped).mean(0)
    smallest, largest = divergence.aminmax(dim=-1, keepdim=True)
    return divergence < (smallest + largest) / 2


# How two posteriors become one -----------------------------------------------------------


def average(posterior: Posterior, shared: Tensor) -> Posterior:
    """Give both members mean (μ₁ + μ₂)/2 and variance (σ₁² + σ₂²)/2 where they share.

    Parameters
    ----------
    posterior : Posterior of shape (2, B, d)
        Of the first and second members.
    shared : boolean Tensor of shape (B, d)
        True where a dimension is shared.
    """
    mean, logvar = posterior
    log_mean_variance = torch.logsumexp(logvar, 0) - math.log(2)
    return Posterior(
        torch.where(shared, mean.mean(0), mean),
        torch.where(shared, log_mean_variance, logvar),
    )


def multiply(posterior: Posterior, shared: Tensor) -> Posterior:
    """Give both members the product of their Gaussians where they share.

    Its precision is the sum 1/σ₁² + 1/σ₂², its mean that of μ₁ and μ₂ weighted by precision
    (ML-VAE, Bouchacourt et al. 2018, arXiv 1705.08841, section 3). The code published for
    Ada-ML-VAE doubles the variance of the product.

    Parameters
    ----------
    posterior, shared
        As in `average`.
    """
    mean, logvar = posterior
    product_mean = (torch.softmax(-logvar, 0) * mean).sum(0)  # the shares of the precision
    product_logvar = -torch.logsumexp(-logvar, 0)
    return Posterior(
        torch.where(shared, product_mean, mean),
        torch.where(shared, product_logvar, logvar),
    )
