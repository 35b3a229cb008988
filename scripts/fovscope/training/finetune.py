"""Unsupervised fine-tuning of a source model on a target's training split.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649): the objective of the source model on single
images, AdamW, no warm-up, all weights; the last epoch is kept. The scaling stays that of the
source.
"""

from __future__ import annotations

from copy import deepcopy
from functools import partial

import numpy as np
import torch
from torch import Tensor

from fovscope.models.vae import VAE, check_features
from fovscope.objectives.base import Batch, Objective
from fovscope.study.config import Finetuning
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.loop import MakeBatch, TrainedModel, place_features, train
from fovscope.training.sampling import EpochSampler
from fovscope.training.state import TrainingState


def finetune(
    model: VAE,
    features: np.ndarray,
    *,
    options: Finetuning,
    objective: Objective,
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Continue a source model on a target, without labels.

    Further networks of the objective, such as a discriminator, are not those of the source
    training, which are not kept: they start afresh.

    Parameters
    ----------
    model : VAE
        The source model; it is copied, not changed.
    features : array of shape (N, D)
        Raw features, or pixels, of the target's training split.
    options : Finetuning
        Epochs, batch, learning rate, precision.
    objective : Objective
        What to train for: that of the source model.
    seed : int
        Of order, noise and further networks.
    device : torch.device
        Where to train.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save now and then.

    Returns
    -------
    TrainedModel
        The tuned model on `device`, and the curve with one point per epoch.

    Raises
    ------
    ValueError
        If the features are not those that the model was made for.
    DivergedError
        If a loss became infinite or not a number.
    """
    check_features(model, features.shape)
    tuned = deepcopy(model).to(device)
    data = place_features(features, device=device)
    sampler = EpochSampler(len(data), options.batch_size, seed=seed, device=device)
    adamw = partial(torch.optim.AdamW, lr=options.learning_rate, fused=True)
    return train(
        TrainingState.start(tuned, objective, adamw, sampler),
        objective,
        image_batches(data),
        steps=options.epochs * sampler.steps_per_epoch,
        precision=options.precision,
        log_every=sampler.steps_per_epoch,
        checkpoints=checkpoints,
    )


def image_batches(features: Tensor) -> MakeBatch:
    """Return what makes a batch of single images of raw features (N, D)."""

    def make_batch(state: TrainingState, rows: Tensor, noise: torch.Generator) -> Batch:
        return Batch.of(state.model, features[rows], noise, networks=state.networks)

    return make_batch
