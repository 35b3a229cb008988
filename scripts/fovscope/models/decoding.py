"""From latent codes back to what a model reconstructs, for traversals."""

from __future__ import annotations

import numpy as np
import torch

from fovscope.models.feature_vae import FeatureVAE


@torch.inference_mode()
def decode_codes(model: FeatureVAE, codes: np.ndarray) -> np.ndarray:
    """Return the reconstruction (..., D) of codes (..., d), in scaled units of the features."""
    device = model.error_weight.device
    return model.decode(torch.tensor(codes, device=device)).cpu().numpy()
