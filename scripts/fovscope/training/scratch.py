"""Training of a new model on the images of a target alone, without labels and without a source.

Adam, what regularises warmed up linearly. Each step takes the share `weight_decay` from each
weight, as published by Lafarge et al., MIDL 2019: the decoupled weight decay of AdamW
(Loshchilov & Hutter 2019, arXiv 1711.05101), but not in units of the learning rate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from fovscope.features.store import SelectedRows
from fovscope.models.vae import VAE
from fovscope.objectives.base import Objective, decayed
from fovscope.study.models import TargetTraining
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.finetune import image_batches
from fovscope.training.loop import TrainedModel, place_features, train
from fovscope.training.sampling import EpochSampler
from fovscope.training.state import TrainingState


def train_from_scratch(
    features: np.ndarray | SelectedRows,
    *,
    make_model: Callable[[Tensor], VAE],
    options: TargetTraining,
    objective: Objective,
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Train a new model on single images.

    Parameters
    ----------
    features : array of shape (N, D)
        Raw features of the training split, on which their scaling is fitted; or pixels, uint8.
        Sliced by rows, block by block: a `SelectedRows` of a store is never in memory twice.
    make_model : callable
        From the features, on the device, to a new model (`VAE.fitted`).
    options : TargetTraining
        Steps, batch, learning rate, weight decay, warm-up, precision.
    objective : Objective
        What to train for.
    seed : int
        Of order, noise and further networks.
    device : torch.device
        Where to train.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save now and then.

    Returns
    -------
    TrainedModel
        The model on `device`, and the curve.

    Raises
    ------
    ValueError
        If there are no rows, or a feature is not finite.
    DivergedError
        If a loss became infinite or not a number.
    """

    def adam(weights: list[Tensor]) -> torch.optim.Optimizer:
        groups = decayed(weights, options.weight_decay / options.learning_rate)
        return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)

    data = place_features(features, device=device)
    model = make_model(data).to(device)
    sampler = EpochSampler(len(data), options.batch_size, seed=seed, device=device)
    return train(
        TrainingState.start(model, objective, adam, sampler),
        objective,
        image_batches(data),
        steps=options.steps,
        precision=options.precision,
        log_every=max(100, options.steps // 200),
        warmup_steps=options.warmup_steps,
        checkpoints=checkpoints,
    )
