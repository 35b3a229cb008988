"""The VAE of single cells: Lafarge et al., MIDL 2019 (PMLR 102:315-325).

Three blocks of valid convolutions (`fovscope.models.valid_blocks`) and two layers that see all
that is left give mean and log variance. The decoder goes back through the sizes of the encoder: a
layer makes the last map from the latent vector; then, block by block, the nearest places are
repeated until the size before the pooling, and a convolution 5×5, padded by 4, adds the four
pixels that the valid one took. For 68 pixels that is 1 → 5 → 10 → 14 → 28 → 32 → 64 → 68, as
published. A convolution 1×1 ends it.

Layers that see a whole map, or make one from a single place, are linear layers: the convolutions
5×5 of the publication on a map of 5×5, written as what they are.

Each image is divided by the maximum of each of its channels: how bright a stain came out is not
what the model is to learn. The images come as rows of grey levels 0 to 255.
"""

from __future__ import annotations

import math

from pydantic import model_validator
from torch import Tensor, nn

from fovscope.models.vae import VAEOfImages, initialise, undrawn
from fovscope.models.valid_blocks import (
    BLOCKS,
    FILTERS,
    KERNEL,
    LEAK,
    block,
    convolution,
    linear,
    rungs,
)
from fovscope.registry import model
from fovscope.study.section import Section


class CellVAEOptions(Section):
    """What a VAE of cells is made of.

    Attributes
    ----------
    image_shape : tuple of int
        Height, width and channels; the sides are at least 36 pixels.
    latent_dim : int
        Number of latent dimensions d.
    """

    image_shape: tuple[int, int, int]
    latent_dim: int

    @model_validator(mode="after")
    def _is_large_enough(self) -> CellVAEOptions:
        height, width, _ = self.image_shape
        if len(rungs(height, width)[0]) < BLOCKS:
            raise ValueError(
                f"images of {height}×{width} pixels are too small for three blocks of cell_vae; "
                "use sides of at least 36 pixels, or the network image_vae"
            )
        return self


@model("cell_vae")
class CellVAE(VAEOfImages):
    """A VAE of crops of single cells.

    Encoder and decoder of images whose channels each have the maximum 1.

    Parameters
    ----------
    options : CellVAEOptions
        Shape of the images, latent dimensions.
    seed : int
        Of the initial weights.
    """

    kind = "cell_vae"
    made_of = CellVAEOptions
    rows_at_a_time = 256  # the last layers take twelve times the memory of the images

    def __init__(self, options: CellVAEOptions, seed: int) -> None:
        super().__init__()
        self.options = options
        height, width, channels = options.image_shape
        self.feature_dim = math.prod(options.image_shape)
        sizes, left = rungs(height, width)
        self._code_shape = (*left, FILTERS)
        hidden = math.prod(self._code_shape)
        self.encoder = nn.Sequential(*(block(n) for n in (channels, FILTERS, FILTERS)))
        self.mean_head = linear(hidden, options.latent_dim)
        self.logvar_head = linear(hidden, options.latent_dim)
        self.from_latent = linear(options.latent_dim, hidden, bias=False)
        upwards: list[nn.Module] = [*_normalised()]
        for rung in reversed(sizes):
            upwards += [
                nn.Upsample(rung.between),
                convolution(FILTERS, KERNEL, padding=KERNEL - 1),
                *_normalised(),
            ]
        self.decoder = nn.Sequential(*upwards, undrawn(nn.Conv2d, FILTERS, channels, kernel_size=1))
        initialise(self, seed=seed)

    def inputs(self, features: Tensor) -> Tensor:
        """Return grey levels (..., D) in units of the maximum of each channel of an image."""
        images = features.float().view(*features.shape[:-1], -1, self.options.image_shape[2])
        # A black channel stays black.
        return (images / images.amax(-2, keepdim=True).clamp(min=1)).flatten(-2)

    def hidden(self, inputs: Tensor) -> Tensor:
        """Return what the blocks leave, (..., H), of images (..., D)."""
        # Height, width, channels, permuted, *is* channels-last memory: nothing is copied.
        images = inputs.reshape(-1, *self.options.image_shape).permute(0, 3, 1, 2)
        return self.encoder(images).permute(0, 2, 3, 1).reshape(*inputs.shape[:-1], -1)

    def decode(self, latent: Tensor) -> Tensor:
        """Return images (..., D) of latent vectors (..., d), which may exceed [0, 1]."""
        maps = self.from_latent(latent).reshape(-1, *self._code_shape)
        images = self.decoder(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return images.reshape(*latent.shape[:-1], -1).to(latent)

    def reconstruct(self, inputs: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decoded images (..., D), and ½ Σ (x − x̂)², averaged over all rows."""
        decoded = self.decode(latent)
        return decoded, (inputs - decoded).square().sum(-1).mean() / 2

    def negative_log_likelihood(self, inputs: Tensor, latent: Tensor) -> Tensor:
        """Return the Gaussian reconstruction loss ½ Σ (x − x̂)², averaged over all rows."""
        return self.reconstruct(inputs, latent)[1]


def _normalised() -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(FILTERS), nn.LeakyReLU(LEAK, inplace=True)
