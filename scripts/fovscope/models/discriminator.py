"""A network that tells inputs from their reconstructions, and what it sees on the way.

Lafarge et al., MIDL 2019 (PMLR 102:315-325), after Larsen et al., ICML 2016 (arXiv 1512.09300):
distances between its hidden layers are a similarity of images that is learned. Of images three
blocks as those of the encoder, then a layer of 64 values and a logit. Of rows that are no images,
layers of 256 values take the place of the blocks.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from fovscope.models.vae import initialise
from fovscope.models.valid_blocks import FILTERS, LEAK, block, linear, rungs

LAST = 64
"""Values of the last hidden layer."""

WIDTH = 256
"""Of the hidden layers where rows are no images."""

_DENSE = 3


class Discriminator(nn.Module):
    """From rows (M, D) to hidden layers and logits.

    Parameters
    ----------
    row_shape : tuple of int
        ``(D,)``, or height, width and channels of the image in a row.
    seed : int
        Of the initial weights.

    Attributes
    ----------
    hidden : nn.ModuleList
        Hidden layers, the first one first.
    """

    def __init__(self, row_shape: tuple[int, ...], *, seed: int) -> None:
        super().__init__()
        self.row_shape = row_shape
        self.hidden = nn.ModuleList(
            _of_images(*row_shape) if len(row_shape) == 3 else _of_rows(*row_shape)
        )
        self.logit = linear(LAST, 1)
        initialise(self, seed=seed)

    def forward(self, rows: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the hidden layers of rows (M, D), and the logits (M,) that they are real."""
        seen, layers = rows.reshape(-1, *self.row_shape), []
        if seen.ndim == 4:
            seen = seen.permute(0, 3, 1, 2)
        for layer in self.hidden:
            seen = layer(seen)
            layers.append(seen)
        return layers, self.logit(seen).squeeze(-1).to(rows)


def _of_images(height: int, width: int, channels: int) -> list[nn.Module]:
    sizes, left = rungs(height, width)
    inputs = [channels, *[FILTERS] * len(sizes)]
    flat = math.prod(left) * inputs[-1]
    return [*map(block, inputs[:-1]), nn.Sequential(nn.Flatten(), *_dense(flat, LAST))]


def _of_rows(features: int) -> list[nn.Module]:
    widths = [features, *[WIDTH] * _DENSE, LAST]
    return [nn.Sequential(*_dense(*pair)) for pair in pairwise(widths)]


def _dense(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    normalised = nn.BatchNorm1d(outputs), nn.LeakyReLU(LEAK, inplace=True)
    return linear(inputs, outputs, bias=False), *normalised
