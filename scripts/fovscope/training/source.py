"""Training of a source model on pairs that differ in one factor of variation or a few.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649): Adam, what regularises warmed up linearly, gradient
norm clipped. The loss of a step is the objective of both members together, on posteriors that
weak supervision made one where the pair shares a dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from fovscope.models.gaussian import Posterior
from fovscope.models.vae import VAE
from fovscope.objectives.base import Batch, Objective
from fovscope.study.models import SourceTraining
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.loop import MakeBatch, TrainedModel, place_features
from fovscope.training.sampling import EpochSampler
from fovscope.training.stack import Outcome, Replicate, the_first, train_all
from fovscope.training.state import TrainingState

Supervision = Callable[[Posterior, Tensor], Posterior]
"""From posteriors (2, B, d) and changed dimensions (B, k) to the posteriors after sharing."""


def train_source(
    pairs_first: np.ndarray,
    pairs_second: np.ndarray,
    changed: np.ndarray,
    *,
    make_model: Callable[[Tensor], VAE],
    options: SourceTraining,
    objective: Objective,
    supervision: Supervision,
    seed: int,
    device: torch.device,
    anchors: np.ndarray | None = None,
    checkpoints: Checkpoints | None = None,
    stackable: bool = False,
) -> TrainedModel:
    """Train a new model on pairs.

    Parameters
    ----------
    pairs_first, pairs_second : arrays of shape (P, D)
        Raw features of both members, on which their scaling is fitted; or pixels, uint8.
    changed : boolean array of shape (P, k)
        True for each of the first k dimensions that stands for a factor in which the members
        differ: of a factor each in its order, unless it has two.
    make_model : callable
        From raw features (2 P, D) of all members, on the device, to a new model (`VAE.fitted`).
    options : SourceTraining
        Steps, batch, learning rate, warm-up, clipping, precision.
    objective : Objective
        What to train for.
    supervision : callable
        What becomes of the posteriors of a pair (`fovscope.objectives.supervision`).
    seed : int
        Of order, noise and further networks.
    device : torch.device
        Where to train.
    anchors : array of shape (2, P, k), optional
        Settings of first and of second members (`fovscope.training.anchors`), for an objective
        that asks for them.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save now and then.
    stackable : bool
        Whether model and objective are declared to be: on a GPU their steps are then recorded.

    Returns
    -------
    TrainedModel
        The model on `device`, and the curve.

    Raises
    ------
    ValueError
        If the arrays or options do not fit together.
    DivergedError
        If a loss became infinite or not a number.
    """
    return the_first(
        train_sources(
            *(pairs_first, pairs_second, changed),
            replicates=[Replicate(seed, objective, make_model, checkpoints)],
            options=options,
            supervision=supervision,
            device=device,
            anchors=anchors,
            stackable=stackable,
        )
    )


def train_sources(
    pairs_first: np.ndarray,
    pairs_second: np.ndarray,
    changed: np.ndarray,
    *,
    replicates: Sequence[Replicate],
    options: SourceTraining,
    supervision: Supervision,
    device: torch.device,
    anchors: np.ndarray | None = None,
    stackable: bool = False,
) -> list[Outcome]:
    """Train new models on the same pairs; each as `train_source` would.

    Parameters
    ----------
    pairs_first, pairs_second, changed, options, supervision, device, anchors, stackable
        As in `train_source`.
    replicates : sequence of Replicate
        The models to make.

    Returns
    -------
    list of TrainedModel or DivergedError
        What became of each.

    Raises
    ------
    ValueError
        If the arrays or options do not fit together.
    """
    _check_pairs(pairs_first, pairs_second, changed)
    features = place_features(pairs_first, pairs_second, device=device)
    adam = partial(torch.optim.Adam, lr=options.learning_rate, fused=True)

    def start(each: Replicate) -> TrainingState:
        sampler = EpochSampler(len(changed), options.batch_pairs, seed=each.seed, device=device)
        model = each.make_model(features).to(device)
        return TrainingState.start(model, each.objective, adam, sampler)

    return train_all(
        [start(each) for each in replicates],
        replicates,
        pair_batches(
            features,
            torch.tensor(changed, device=device),
            supervision,
            None if anchors is None else torch.tensor(anchors, device=device),
        ),
        adam,
        steps=options.steps,
        precision=options.precision,
        log_every=max(100, options.steps // 200),
        warmup_steps=options.warmup_steps,
        clip_norm=options.clip_norm,
        stackable=stackable,
    )


def pair_batches(
    features: Tensor, changed: Tensor, supervision: Supervision, anchors: Tensor | None = None
) -> MakeBatch:
    """Return what makes a batch of pairs.

    Parameters
    ----------
    features : Tensor of shape (2 P, D)
        Raw features of all first members, then of all second members.
    changed : boolean Tensor of shape (P, k)
        Dimensions whose factors differ within the pair.
    supervision : callable
        What becomes of the posteriors of a pair.
    anchors : Tensor of shape (2, P, k), optional
        Settings of both members.
    """
    pairs, feature_dim = len(changed), features.shape[1]

    def make_batch(state: TrainingState, rows: Tensor, noise: torch.Generator | Tensor) -> Batch:
        def share(posterior: Posterior) -> Posterior:
            return supervision(posterior, changed[rows])

        # Both members in one pass: one double batch is faster, and batch statistics are of all.
        both = features[torch.cat([rows, rows + pairs])].view(2, len(rows), feature_dim)
        known = {"changed": changed[rows]}
        if anchors is not None:
            known["anchors"] = anchors[:, rows]
        return Batch.of(state.model, both, noise, networks=state.networks, share=share, known=known)

    return make_batch


def _check_pairs(first: np.ndarray, second: np.ndarray, changed: np.ndarray) -> None:
    fits = changed.ndim == 2 and len(changed) == len(first) and changed.dtype == bool
    if first.shape != second.shape or not fits:
        raise ValueError(
            f"pairs do not fit together: first {first.shape}, second {second.shape}, changed "
            f"{changed.shape} of {changed.dtype}; expected (P, D), (P, D) and (P, k) of bool"
        )
