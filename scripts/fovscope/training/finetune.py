"""Unsupervised fine-tuning of a source model on a target's training split.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649): the objective of the source model on single
images, AdamW, no warm-up, all weights; the last epoch is kept. The scaling stays that of the
source.

What binds dimensions to factors is not in the target's images, so it fades as the model is tuned.
Replay keeps it: images of the source whose settings are known go into every batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import numpy as np
import torch
from torch import Tensor

from fovscope.models.vae import VAE, check_features
from fovscope.objectives.base import Batch, Objective
from fovscope.study.models import Finetuning
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.loop import MakeBatch, TrainedModel, place_features
from fovscope.training.pairs import Replay
from fovscope.training.sampling import (
    REPLAY,
    EpochSampler,
    ReplayingSampler,
    Sampler,
    stream_seed,
)
from fovscope.training.stack import Outcome, Replicate, the_first, train_all
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
    stackable: bool = False,
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
    stackable : bool
        Whether model and objective are declared to be: on a GPU their steps are then recorded.

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
    return the_first(
        finetune_all(
            features,
            replicates=[Replicate(seed, objective, lambda _: deepcopy(model), checkpoints)],
            options=options,
            device=device,
            replay=replay,
            stackable=stackable,
        )
    )


def finetune_all(
    features: np.ndarray,
    *,
    replicates: Sequence[Replicate],
    options: Finetuning,
    device: torch.device,
    replay: Replay | None = None,
    stackable: bool = False,
) -> list[Outcome]:
    """Continue source models on the same images of a target; each as `finetune` would.

    Parameters
    ----------
    features, options, device, replay, stackable
        As in `finetune`.
    replicates : sequence of Replicate
        The source models, which they return for any features, to be changed.

    Returns
    -------
    list of TrainedModel or DivergedError
        What became of each.

    Raises
    ------
    ValueError
        If the features are not those that a model was made for, or nothing is there to replay.
    """
    if options.replay and replay is None:
        raise ValueError("there is nothing to replay")
    again = replay if options.replay else None
    data = place_features(features, *([again.features] if again else []), device=device)
    anchors = torch.empty(len(features), 0, device=device)
    if again:
        known = torch.tensor(again.anchors, dtype=torch.float32, device=device)
        unknown = known.new_full((len(features), known.shape[1]), torch.nan)
        anchors = torch.cat([unknown, known])

    def sampler(seed: int) -> Sampler:
        own = EpochSampler(len(features), options.batch_size, seed=seed, device=device)
        if not again:
            return own
        old = EpochSampler(
            len(again.features), options.replay, seed=stream_seed(seed, REPLAY), device=device
        )
        return ReplayingSampler(own, old)

    adamw = partial(torch.optim.AdamW, lr=options.learning_rate, fused=True)
    states = []
    for each in replicates:
        model = each.make_model(data).to(device)
        check_features(model, features.shape)
        states.append(TrainingState.start(model, each.objective, adamw, sampler(each.seed)))
    steps_per_epoch = states[0].sampler.steps_per_epoch
    return train_all(
        states,
        replicates,
        image_batches(data, anchors),
        adamw,
        steps=options.epochs * steps_per_epoch,
        precision=options.precision,
        log_every=steps_per_epoch,
        stackable=stackable,
    )


def image_batches(features: Tensor, anchors: Tensor | None = None) -> MakeBatch:
    """Return what makes a batch of single images.

    Parameters
    ----------
    features : Tensor of shape (N, D)
        Raw features.
    anchors : Tensor of shape (N, k), optional
        Settings, NaN where unknown; without them nothing is known.
    """
    known = features.new_empty(len(features), 0) if anchors is None else anchors

    def make_batch(state: TrainingState, rows: Tensor, noise: torch.Generator | Tensor) -> Batch:
        return Batch.of(
            *(state.model, features[rows], noise),
            networks=state.networks,
            known={"anchors": known[rows]},
        )

    return make_batch
