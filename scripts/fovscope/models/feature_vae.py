"""Φ-VAE: a variational autoencoder of backbone features.

Architecture and loss follow Dapueto et al., IJCNN 2025 (arXiv 2506.20649), section "Φ-VAE":
fully connected layers D → n → 2n → 3n → d and back. The reconstruction term is the negative
log likelihood of a Gaussian of fixed standard deviation σ; with σ in units of the raw
features, β means the same for every feature dimension and every scaling. In the paper's
scaling it is the published 768·Σ(x − x̂)².
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn

from fovscope.models.scaling import FeatureScaling, fit_scaling
from fovscope.models.vae import VAE, initialise, undrawn
from fovscope.registry import model
from fovscope.study.models import Model

LEAK = 0.2


@model("feature_vae", stackable=True)
class FeatureVAE(VAE):
    """A VAE of the features of a backbone.

    Encoder, decoder and the scaling of their input.

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

    kind = "feature_vae"

    def __init__(
        self, feature_dim: int, options: Model, scaling: FeatureScaling, seed: int
    ) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.options = options
        self.scaling = scaling
        n, d = options.width, options.latent_dim
        self.encoder = _hidden_layers(feature_dim, n, 2 * n, 3 * n)
        self.mean_head = undrawn(nn.Linear, 3 * n, d)
        self.logvar_head = undrawn(nn.Linear, 3 * n, d)
        self.decoder = _hidden_layers(d, 3 * n, 2 * n, n)
        self.output = undrawn(nn.Linear, n, feature_dim)
        # Follows from scaling and options, hence not stored.
        self.register_buffer("error_weight", _error_weight(scaling, options), persistent=False)
        initialise(self, seed=seed)

    @classmethod
    def fitted(
        cls, features: Tensor, *, facts: Mapping[str, Any], options: Mapping[str, Any], seed: int
    ) -> Self:
        """Return a new model, the scaling fitted to `features`; see `VAE.fitted`."""
        del facts
        chosen = Model.model_validate(dict(options))
        return cls(features.shape[1], chosen, fit_scaling(features, kind=chosen.scaling), seed)

    @classmethod
    def empty(cls, architecture: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Return a model of a stored architecture; see `VAE.empty`."""
        scaling = FeatureScaling(tensors["scaling.offset"], tensors["scaling.scale"])
        return cls(architecture["feature_dim"], Model(**architecture["options"]), scaling, 0)

    def inputs(self, features: Tensor) -> Tensor:
        """Return scaled features."""
        return self.scaling(features)

    def hidden(self, inputs: Tensor) -> Tensor:
        """Return the last hidden layer (..., 3n) of scaled features (..., D)."""
        return self.encoder(inputs)

    def decode(self, latent: Tensor) -> Tensor:
        """Return the reconstructed scaled features (..., D) of latent vectors (..., d)."""
        decoded = self.output(self.decoder(latent)).to(latent)
        if self.options.output == "squashed":
            return (torch.tanh(nn.functional.leaky_relu(decoded, LEAK)) + 1) / 2
        return decoded

    def reconstruction_loss(self, scaled: Tensor, reconstructed: Tensor) -> Tensor:
        """Return Σ_j (x_j − x̂_j)² / 2σ² in nats, averaged over all rows, constants dropped."""
        return (self.error_weight * (scaled - reconstructed).square()).sum(-1).mean()

    def reconstruct(self, inputs: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decoded features (..., D) and their reconstruction loss."""
        decoded = self.decode(latent)
        return decoded, self.reconstruction_loss(inputs, decoded)

    def negative_log_likelihood(self, inputs: Tensor, latent: Tensor) -> Tensor:
        """Return the reconstruction loss of what the latent vectors decode to."""
        return self.reconstruct(inputs, latent)[1]


def _hidden_layers(*widths: int) -> nn.Sequential:
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [undrawn(nn.Linear, inputs, outputs), nn.LeakyReLU(LEAK, inplace=True)]
    return nn.Sequential(*layers)


def _error_weight(scaling: FeatureScaling, options: Model) -> Tensor:
    """Return 1 / 2σ² for an error in scaled units, of shape (D,)."""
    in_scaled_units = options.likelihood_units == "scaled"
    unit = torch.ones_like(scaling.scale) if in_scaled_units else scaling.scale
    return unit.square() / (2 * options.likelihood_sd**2)
