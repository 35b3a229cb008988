"""RGB-VAE: a convolutional variational autoencoder of small images.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649), the "RGB" input beside the features of frozen
networks: three convolutions 4×4 of stride 2 with batch normalisation and LeakyReLU, layer
normalisation, heads; the decoder is its mirror image with transposed convolutions and without
normalisation, and ends with (tanh + 1)/2. The images come as rows of grey levels 0 to 255.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fovscope.models.vae import WHITE, VAEOfImages, initialise, undrawn
from fovscope.registry import model
from fovscope.study.models import ImageModel

FILTERS = (32, 64, 128)
LEAK = 0.02
_CONVOLUTION = {"kernel_size": 4, "stride": 2, "padding": 1}
"""Halves the side of an image; transposed, doubles it."""


class ImageVAEOptions(ImageModel):
    """What an image VAE is made of.

    Attributes
    ----------
    image_shape : tuple of int
        Height, width and channels; the sides are multiples of 8 pixels.
    latent_dim : int
        Number of latent dimensions d.
    """

    image_shape: tuple[int, int, int]
    latent_dim: int


@model("image_vae")
class ImageVAE(VAEOfImages):
    """A VAE of small images.

    Encoder and decoder of images in [0, 1].

    Parameters
    ----------
    options : ImageVAEOptions
        Shape of the images, latent dimensions, likelihood.
    seed : int
        Of the initial weights.
    """

    kind = "image_vae"
    made_of = ImageVAEOptions
    rows_at_a_time = 256  # the first layer alone takes ten times the memory of the images

    def __init__(self, options: ImageVAEOptions, seed: int) -> None:
        super().__init__()
        self.options = options
        height, width, channels = options.image_shape
        self.feature_dim = height * width * channels
        factor = 2 ** len(FILTERS)
        self._code_shape = (height // factor, width // factor, FILTERS[-1])
        hidden = math.prod(self._code_shape)
        widths = (channels, *FILTERS)
        downwards = []
        for inputs, outputs in zip(widths, FILTERS, strict=False):
            downwards += [
                undrawn(nn.Conv2d, inputs, outputs, **_CONVOLUTION),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(LEAK, inplace=True),
            ]
        upwards = []
        for inputs, outputs in zip(reversed(FILTERS), reversed(widths[:-1]), strict=True):
            upwards += [
                nn.LeakyReLU(LEAK, inplace=True),
                undrawn(nn.ConvTranspose2d, inputs, outputs, **_CONVOLUTION),
            ]
        self.encoder = nn.Sequential(*downwards)
        self.norm = nn.LayerNorm(hidden)
        self.mean_head = undrawn(nn.Linear, hidden, options.latent_dim)
        self.logvar_head = undrawn(nn.Linear, hidden, options.latent_dim)
        self.from_latent = undrawn(nn.Linear, options.latent_dim, hidden)
        self.decoder = nn.Sequential(*upwards)
        initialise(self, seed=seed)

    def inputs(self, features: Tensor) -> Tensor:
        """Return grey levels (..., D) as values in [0, 1]."""
        return features.float() / WHITE

    def hidden(self, inputs: Tensor) -> Tensor:
        """Return the normalised output of the last convolution, (..., H), of images (..., D)."""
        # Height, width, channels, permuted, *is* channels-last memory: nothing is copied.
        images = inputs.reshape(-1, *self.options.image_shape).permute(0, 3, 1, 2)
        maps = self.encoder(images).permute(0, 2, 3, 1)
        return self.norm(maps.reshape(*inputs.shape[:-1], -1))

    def decode(self, latent: Tensor) -> Tensor:
        """Return images (..., D) in [0, 1] of latent vectors (..., d)."""
        return (torch.tanh(self._decode(latent)) + 1) / 2

    def _decode(self, latent: Tensor) -> Tensor:
        """Return the arguments of the tanh, (..., D)."""
        codes = self.from_latent(latent).reshape(-1, *self._code_shape)
        images = self.decoder(codes.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return images.reshape(*latent.shape[:-1], -1).to(latent)

    def negative_log_likelihood(self, inputs: Tensor, latent: Tensor) -> Tensor:
        """Return the Bernoulli or Gaussian reconstruction loss, summed over all values."""
        if self.options.likelihood == "gaussian":
            errors = (inputs - self.decode(latent)).square()
            losses = errors / (2 * self.options.likelihood_sd**2)
        else:
            # (tanh a + 1)/2 is the logistic function of 2a; from a the logarithms are exact.
            losses = nn.functional.binary_cross_entropy_with_logits(
                2 * self._decode(latent), inputs, reduction="none"
            )
        return losses.sum(-1).mean()
