"""Unsupervised fine-tuning of a source model on a target's training split.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649): the objective of the source model on single
images, AdamW, no warm-up, all weights; the last epoch is kept. The scaling stays that of the
source.

What binds dimensions to factors is not in the target's images, so it fades as the model is tuned.
Replay keeps it: images of the source whose settings are known go into every batch.
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
from fovscope.training.pairs import Replay
from fovscope.training.sampling import REPLAY, EpochSampler, stream_seed
from fovscope.training.state import TrainingState


def finetune(
    model: VAE,
    features: np.ndarray,
    *,
    options: Finetuning,
    objective: Objective,
    seed: int,
    device: torch.device,
    replay: Replay | None = None,
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
        Epochs, batch, learning rate, images to replay in each batch, precision.
    objective : Objective
        What to train for: that of the source model.
    seed : int
        Of order, noise and further networks.
    device : torch.device
        Where to train.
    replay : Replay, optional
        What the model sees again; needed where `options` asks for it.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save now and then.

    Returns
    -------
    TrainedModel
        The tuned model on `device`, and the curve with one point per epoch.

    Raises
    ------
    ValueError
        If the features are not those that the model was made for, or nothing is there to replay.
    DivergedError
        If a loss became infinite or not a number.
    """
    check_features(model, features.shape)
    tuned = deepcopy(model).to(device)
    data = place_features(features, device=device)
    sampler = EpochSampler(len(data), options.batch_size, seed=seed, device=device)
    make_batch = image_batches(data)
    if options.replay:
        if replay is None:
            raise ValueError("there is nothing to replay")
        again = EpochSampler(
            len(replay.features), options.replay, seed=stream_seed(seed, REPLAY), device=device
        )
        make_batch = replaying_batches(
            data,
            place_features(replay.features, device=device),
            torch.tensor(replay.anchors, dtype=torch.float32, device=device),
            again,
        )
    adamw = partial(torch.optim.AdamW, lr=options.learning_rate, fused=True)
    return train(
        TrainingState.start(tuned, objective, adamw, sampler),
        objective,
        make_batch,
        steps=options.epochs * sampler.steps_per_epoch,
        precision=options.precision,
        log_every=sampler.steps_per_epoch,
        checkpoints=checkpoints,
    )


def image_batches(features: Tensor) -> MakeBatch:
    """Return what makes a batch of single images of raw features (N, D)."""

    def make_batch(state: TrainingState, rows: Tensor, noise: torch.Generator) -> Batch:
        unknown = torch.empty(len(rows), 0, device=features.device)
        return Batch.of(
            *(state.model, features[rows], noise),
            networks=state.networks,
            known={"anchors": unknown},
        )

    return make_batch


def replaying_batches(
    features: Tensor, replayed: Tensor, anchors: Tensor, again: EpochSampler
) -> MakeBatch:
    """Return what makes a batch of images of the target and, after them, of the source.

    Parameters
    ----------
    features : Tensor of shape (N, D)
        Raw features of the target.
    replayed : Tensor of shape (M, D)
        Raw features of the source.
    anchors : Tensor of shape (M, k)
        Settings of the source's images.
    again : EpochSampler
        Of the source's rows.
    """

    def make_batch(state: TrainingState, rows: Tensor, noise: torch.Generator) -> Batch:
        old = again(state.step)
        unknown = anchors.new_full((len(rows), anchors.shape[1]), torch.nan)
        return Batch.of(
            *(state.model, torch.cat([features[rows], replayed[old]]), noise),
            networks=state.networks,
            known={"anchors": torch.cat([unknown, anchors[old]])},
        )

    return make_batch
