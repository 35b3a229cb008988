"""Unsupervised fine-tuning of a source model on a target's training split.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649): a β-VAE on single images, AdamW, constant β, all
weights, the last epoch is kept. The scaling stays that of the source.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from fovscope.models.vae import VAE, check_features, loss_terms
from fovscope.study.config import Finetuning
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.loop import (
    EpochSampler,
    TrainedModel,
    TrainingState,
    place_features,
    train,
)


def finetune(
    model: VAE,
    features: np.ndarray,
    *,
    options: Finetuning,
    beta: float,
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Continue a source model on a target, without labels.

    Parameters
    ----------
    model : VAE
        The source model; it is copied, not changed.
    features : array of shape (N, D)
        Raw features, or pixels, of the target's training split.
    options : Finetuning
        Epochs, batch, learning rate, precision.
    beta : float
        Weight of the KL term: that of the source model.
    seed : int
        Of order and noise.
    device : torch.device
        Where to train.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save now and then.

    Returns
    -------
    TrainedModel
        The tuned model on `device`, and the curve with one point an epoch.

    Raises
    ------
    ValueError
        If the features are not those that the model was made for.
    DivergedError
        If the loss became infinite or not a number.
    """
    check_features(model, features.shape)
    tuned = deepcopy(model).to(device)
    data = place_features(features, device=device)
    sampler = EpochSampler(len(data), options.batch_size, seed=seed, device=device)

    def image_loss_terms(rows: Tensor, noise: torch.Generator) -> tuple[Tensor, Tensor]:
        return loss_terms(tuned, data[rows], noise)

    return train(
        TrainingState(
            tuned,
            torch.optim.AdamW(tuned.parameters(), lr=options.learning_rate, fused=True),
            sampler,
        ),
        image_loss_terms,
        steps=options.epochs * sampler.steps_per_epoch,
        beta_at=lambda step: beta,
        precision=options.precision,
        log_every=sampler.steps_per_epoch,
        checkpoints=checkpoints,
    )
