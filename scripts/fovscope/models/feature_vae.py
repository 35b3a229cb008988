"""Φ-VAE: a variational autoencoder of backbone features.

Architecture and loss follow Dapueto et al., IJCNN 2025 (arXiv 2506.20649), section "Φ-VAE":
fully connected layers D → n → 2n → 3n → d and back. The reconstruction term is the negative
log likelihood of a Gaussian of fixed standard deviation σ; with σ in units of the raw
features, β means the same for every feature dimension and every scaling. In the paper's
scaling it is the published 768·Σ(x − x̂)².
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from fovscope.config import Model
from fovscope.models.gaussian import Posterior, kl_to_prior, sample
from fovscope.models.scaling import FeatureScaling

LEAK = 0.2
LOGVAR_BOUNDS = (-20.0, 10.0)
INITIAL_BIAS = 0.01


class FeatureVAE(nn.Module):
    """Encoder, decoder and the scaling of their input.

    Parameters
    ----------
    feature_dim : int
        Number of backbone features D.
    options : Model
        Width, latent dimensions, output and likelihood.
    scaling : FeatureScaling
        Fitted on the source; a constant of the model.
    seed : int
        Of the initial weights.
    """

    def __init__(
        self, feature_dim: int, options: Model, scaling: FeatureScaling, *, seed: int
    ) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.options = options
        self.scaling = scaling
        n, d = options.width, options.latent_dim
        self.encoder = _hidden_layers(feature_dim, n, 2 * n, 3 * n)
        self.mean_head = _linear(3 * n, d)
        self.logvar_head = _linear(3 * n, d)
        self.decoder = _hidden_layers(d, 3 * n, 2 * n, n)
        self.output = _linear(n, feature_dim)
        # Follows from scaling and options, hence not stored.
        self.register_buffer("error_weight", _error_weight(scaling, options), persistent=False)
        self._initialise(torch.Generator().manual_seed(seed))

    def _initialise(self, generator: torch.Generator) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.constant_(layer.bias, INITIAL_BIAS)

    def posterior(self, scaled: Tensor) -> Posterior:
        """Return the posterior (..., d) of scaled features (..., D)."""
        hidden = self.encoder(scaled)
        # Back to the input's type: under autocast the heads give bfloat16.
        mean, logvar = self.mean_head(hidden).to(scaled), self.logvar_head(hidden).to(scaled)
        return Posterior(mean, logvar.clamp(*LOGVAR_BOUNDS))

    def decode(self, latent: Tensor) -> Tensor:
        """Return the reconstructed scaled features (..., D) of latent vectors (..., d)."""
        decoded = self.output(self.decoder(latent)).to(latent)
        if self.options.output == "squashed":
            return (torch.tanh(nn.functional.leaky_relu(decoded, LEAK)) + 1) / 2
        return decoded

    def reconstruction_loss(self, scaled: Tensor, reconstructed: Tensor) -> Tensor:
        """Return Σ_j (x_j − x̂_j)² / 2σ² in nats, averaged over all rows, constants dropped."""
        return (self.error_weight * (scaled - reconstructed).square()).sum(-1).mean()


def _linear(inputs: int, outputs: int) -> nn.Linear:
    # torch would draw initial weights from its global generator, only to be overwritten.
    return nn.utils.skip_init(nn.Linear, inputs, outputs)


def _hidden_layers(*widths: int) -> nn.Sequential:
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [_linear(inputs, outputs), nn.LeakyReLU(LEAK, inplace=True)]
    return nn.Sequential(*layers)


def _error_weight(scaling: FeatureScaling, options: Model) -> Tensor:
    """Return 1 / 2σ² for an error in scaled units, of shape (D,)."""
    in_scaled_units = options.likelihood_units == "scaled"
    unit = torch.ones_like(scaling.scale) if in_scaled_units else scaling.scale
    return unit.square() / (2 * options.likelihood_sd**2)


def loss_terms(
    model: FeatureVAE,
    features: Tensor,
    noise: torch.Generator,
    share: Callable[[Posterior], Posterior] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the two terms of the loss: reconstruction and KL.

    Parameters
    ----------
    model : FeatureVAE
        The model.
    features : Tensor of shape (..., D)
        Raw features.
    noise : torch.Generator
        For the latent samples, on the device of `features`.
    share : callable, optional
        What weak supervision makes of the posteriors before they are sampled and compared
        with the prior.

    Returns
    -------
    reconstruction, kl : Tensor of shape ()
        In nats; summed over features or dimensions, averaged over all rows.
    """
    scaled = model.scaling(features)
    posterior = model.posterior(scaled)
    if share is not None:
        posterior = share(posterior)
    reconstructed = model.decode(sample(posterior, noise))
    return model.reconstruction_loss(scaled, reconstructed), kl_to_prior(posterior).sum(-1).mean()


@torch.inference_mode()
def encode(
    model: FeatureVAE, features: np.ndarray, *, batch_size: int = 4_096
) -> tuple[np.ndarray, np.ndarray]:
    """Return the posteriors of raw features, on the model's device.

    Parameters
    ----------
    model : FeatureVAE
        The model.
    features : array of shape (N, D)
        Raw features; anything that is sliced by rows, such as a Zarr array.
    batch_size : int
        Rows in memory at a time.

    Returns
    -------
    mean, logvar : float32 arrays of shape (N, d)
        The representation z is the mean.

    Raises
    ------
    ValueError
        If the features are not those that the model was made for.
    """
    check_features(model, features.shape)
    device = model.error_weight.device
    mean = np.empty((features.shape[0], model.options.latent_dim), np.float32)
    logvar = np.empty_like(mean)
    for start in range(0, features.shape[0], batch_size):
        rows = slice(start, start + batch_size)
        batch = torch.tensor(np.asarray(features[rows]), device=device)
        posterior = model.posterior(model.scaling(batch))
        mean[rows], logvar[rows] = posterior.mean.cpu().numpy(), posterior.logvar.cpu().numpy()
    return mean, logvar


def check_features(model: FeatureVAE, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `shape` is (N, D) with the model's number of features D."""
    if len(shape) != 2 or shape[1] != model.feature_dim:
        raise ValueError(
            f"the model was trained on {model.feature_dim} features per image, these have shape "
            f"{tuple(shape)}; use features (N, {model.feature_dim}) of the same backbone"
        )
