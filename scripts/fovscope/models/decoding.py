"""From latent codes back to what a model reconstructs, for traversals."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fovscope.models.vae import VAE


@torch.inference_mode()
def scaled_inputs(model: VAE, features: np.ndarray) -> NDArray[np.float32]:
    """Return what the encoder is shown of raw features (N, D): in the units of reconstructions."""
    device = next(model.parameters()).device
    return model.inputs(torch.tensor(features, device=device)).cpu().numpy()


@torch.inference_mode()
def decode_codes(model: VAE, codes: np.ndarray) -> NDArray[np.float32]:
    """Return the reconstruction (..., D) of codes (..., d): scaled features, or pixels in [0, 1].

    The model is left in evaluation mode.
    """
    model.eval()
    device = next(model.parameters()).device
    rows = torch.tensor(codes, dtype=torch.float32).view(-1, codes.shape[-1])
    decoded = torch.empty(len(rows), model.feature_dim)
    pairs = (matrix.split(model.rows_at_a_time) for matrix in (rows, decoded))
    for block, place in zip(*pairs, strict=True):
        place.copy_(model.decode(block.to(device)))
    return decoded.view(*codes.shape[:-1], -1).numpy()
