"""Scaling of backbone features before the VAE, fitted on the source and kept for every target.

`standardise` subtracts the mean and divides by the standard deviation (SD) of each feature.
A feature that hardly moves on the source can move a lot on a target and would explode there,
so the SD is floored at a quarter of the median SD of those that move. `range` is the published
choice (Dapueto et al., IJCNN 2025): one affine map of the global minimum and maximum to [0, 1].
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from fovscope import FovscopeError

SD_FLOOR = 0.25
"""Smallest SD, as a fraction of the median SD over the features that are not constant."""

_ROUNDING = 1e-6
"""SD of a constant, as a fraction of its size, by rounding in single precision, and some more."""

_BLOCK_ROWS = 4_096


class ScalingError(FovscopeError):
    """Features for which there is no scale."""


class FeatureScaling(nn.Module):
    """The affine map ``(x − offset) / scale``, as constants that travel with the model.

    Parameters
    ----------
    offset, scale : Tensor of shape (D,)
        In units of the raw features; `scale` is positive.
    """

    def __init__(self, offset: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("offset", offset)
        self.register_buffer("scale", scale)

    def forward(self, features: Tensor) -> Tensor:
        """Scale raw features of shape (..., D); they come out in the type of the constants."""
        return (features.to(self.scale.dtype) - self.offset) / self.scale


def fit_scaling(features: Tensor, *, kind: Literal["standardise", "range"]) -> FeatureScaling:
    """Fit the scaling to the source training rows.

    Parameters
    ----------
    features : Tensor of shape (N, D)
        Raw features, on any device; they are read in blocks and not copied.
    kind : {"standardise", "range"}
        Per-feature mean and SD, or the global minimum and maximum.

    Returns
    -------
    FeatureScaling
        On the device of `features`.

    Raises
    ------
    ScalingError
        If a feature is not finite, or all are constant, so that no scale can be found.
    """
    offset, scale = {"standardise": _mean_and_sd, "range": _minimum_and_range}[kind](features)
    unknown = int((~((scale > 0) & scale.isfinite())).sum())
    if unknown:
        raise ScalingError(
            f"no scale for features of shape {tuple(features.shape)}: {unknown} of "
            f"{len(scale)} are constant or not finite over the source rows; check the source's "
            "images and the backbone"
        )
    return FeatureScaling(offset.float(), scale.float())


def _mean_and_sd(features: Tensor) -> tuple[Tensor, Tensor]:
    rows = features.shape[0]
    mean = sum(block.double().sum(0) for block in features.split(_BLOCK_ROWS)) / rows
    squares = sum((block.double() - mean).square().sum(0) for block in features.split(_BLOCK_ROWS))
    sd = (squares / rows).sqrt()
    # Constants say nothing of how far the others move. The floor is theirs too, unless all are.
    moving = sd[sd > _ROUNDING * mean.abs()]
    return mean, sd.clamp(min=SD_FLOOR * moving.median()) if len(moving) else sd.mul(0)


def _minimum_and_range(features: Tensor) -> tuple[Tensor, Tensor]:
    minimum, maximum = features.min().float(), features.max().float()
    return minimum.repeat(features.shape[1]), (maximum - minimum).repeat(features.shape[1])
