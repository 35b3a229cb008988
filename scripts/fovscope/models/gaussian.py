"""Diagonal Gaussian posteriors: Kullback-Leibler (KL) divergences and sampling.

Definitions: Kingma & Welling 2014 (arXiv 1312.6114), section 2.4 and appendix B. Mean and log
variance travel together in a `Posterior`, because handing them over in the wrong order still
gives a plausible number.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Posterior(NamedTuple):
    """Mean and natural logarithm of the variance, each of shape (..., d)."""

    mean: Tensor
    logvar: Tensor


def kl_between(p: Posterior, q: Posterior) -> Tensor:
    """Return KL(p ‖ q) of each dimension, in nats, with the shape of the posteriors."""
    log_ratio = p.logvar - q.logvar
    shift = (p.mean - q.mean).square() * torch.exp(-q.logvar)
    return 0.5 * (torch.exp(log_ratio) + shift - 1 - log_ratio)


def kl_to_prior(posterior: Posterior) -> Tensor:
    """Return KL(posterior ‖ N(0, 1)) of each dimension, in nats."""
    mean, logvar = posterior
    return 0.5 * (torch.exp(logvar) + mean.square() - 1 - logvar)


def sample(posterior: Posterior, noise: torch.Generator | Tensor) -> Tensor:
    """Draw one latent vector from each posterior (reparametrised, so gradients pass).

    Parameters
    ----------
    posterior : Posterior of shape (..., d)
        Where to draw from.
    noise : torch.Generator or Tensor of shape (..., d)
        On the device of the posterior; or what it gave, standard normal numbers.

    Returns
    -------
    Tensor of shape (..., d)
        The draws.
    """
    mean, logvar = posterior
    if isinstance(noise, torch.Generator):
        noise = torch.randn(mean.shape, generator=noise, device=mean.device, dtype=mean.dtype)
    return mean + torch.exp(0.5 * logvar) * noise
