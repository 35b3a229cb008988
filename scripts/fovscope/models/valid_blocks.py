"""Blocks of valid convolutions, of encoder and discriminator of Lafarge et al., MIDL 2019.

A block is a convolution 5×5 without padding, batch normalisation, the maximum of 2×2 places and
LeakyReLU: of 68 pixels it leaves 32, then 14, then 5. What is left of an image of another size
follows; a layer that sees all of it comes after the last block. Only images so small that nothing
would be left have fewer than three blocks.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from fovscope.models.vae import undrawn

KERNEL, FILTERS, LEAK = 5, 32, 0.01
BLOCKS = 3


class Rung(NamedTuple):
    """Height and width around a block: before it, and between its convolution and pooling."""

    before: tuple[int, int]
    between: tuple[int, int]


def rungs(height: int, width: int, *, most: int = BLOCKS) -> tuple[list[Rung], tuple[int, int]]:
    """Return the sizes around each block, and what the last one leaves.

    Parameters
    ----------
    height, width : int
        Of the image in pixels.
    most : int
        Number of blocks, unless the image is too small for so many.

    Returns
    -------
    rungs : list of Rung
        One for each block, from the image on.
    left : tuple of int
        Height and width after the last block.
    """
    found, left = [], (height, width)
    # Two places at least have to remain, of which pooling makes one.
    while len(found) < most and min(left) >= KERNEL + 1:
        between = (left[0] - KERNEL + 1, left[1] - KERNEL + 1)
        found.append(Rung(left, between))
        left = (between[0] // 2, between[1] // 2)
    return found, left


def block(inputs: int) -> nn.Sequential:
    """Return a block of so many input channels, its weights not yet drawn."""
    return nn.Sequential(
        convolution(inputs, KERNEL),
        nn.BatchNorm2d(FILTERS),
        nn.MaxPool2d(2),
        nn.LeakyReLU(LEAK, inplace=True),
    )


def convolution(inputs: int, kernel: int, *, padding: int = 0) -> nn.Conv2d:
    """Return a convolution to `FILTERS` channels, without the bias that normalisation removes."""
    return undrawn(nn.Conv2d, inputs, FILTERS, kernel, padding=padding, bias=False)


def linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer, its weights not yet drawn."""
    return undrawn(nn.Linear, inputs, outputs, bias=bias)
