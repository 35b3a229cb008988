"""Training of a source model on pairs that differ in one factor of variation.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649): Adam, β warmed up linearly, gradient norm
clipped. The loss of a step is the mean of both members' reconstruction terms plus β times the
mean of both members' KL terms, on posteriors averaged where the pair shares a dimension.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from fovscope.config import Model, SourceTraining
from fovscope.models.feature_vae import FeatureVAE, loss_terms
from fovscope.models.gaussian import Posterior
from fovscope.models.pairs import SUPERVISION, average_shared
from fovscope.models.scaling import fit_scaling
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.loop import (
    EpochSampler,
    LossTerms,
    TrainedModel,
    TrainingState,
    linear_warmup,
    place_features,
    train,
)


def train_source(
    pairs_first: np.ndarray,
    pairs_second: np.ndarray,
    changed_factor: np.ndarray,
    *,
    model_options: Model,
    options: SourceTraining,
    beta: float,
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Train a feature VAE on pairs.

    Parameters
    ----------
    pairs_first, pairs_second : float16 or float32 arrays of shape (P, D)
        Raw features of both members. The scaling is fitted on these rows.
    changed_factor : integer array of shape (P,)
        Index of the factor in which the members differ.
    model_options : Model
        Architecture, scaling and likelihood.
    options : SourceTraining
        Supervision, steps, batch, learning rate, warm-up, clipping, precision.
    beta : float
        Weight of the KL term after the warm-up.
    seed : int
        Of initial weights, order and noise.
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
        If the arrays or options do not fit together.
    DivergedError
        If the loss became infinite or not a number.
    """
    _check_pairs(pairs_first, pairs_second, changed_factor, model_options, options)
    features = place_features(pairs_first, pairs_second, device=device)
    pairs, feature_dim = pairs_first.shape
    scaling = fit_scaling(features, kind=model_options.scaling)
    model = FeatureVAE(feature_dim, model_options, scaling, seed=seed).to(device)
    changed = torch.tensor(changed_factor, dtype=torch.int64, device=device)
    return train(
        TrainingState(
            model,
            torch.optim.Adam(model.parameters(), lr=options.learning_rate, fused=True),
            EpochSampler(pairs, options.batch_pairs, seed=seed, device=device),
        ),
        pair_loss_terms(model, features, changed, supervision=options.supervision),
        steps=options.steps,
        beta_at=partial(linear_warmup, beta=beta, warmup_steps=options.warmup_steps),
        precision=options.precision,
        log_every=max(100, options.steps // 200),
        clip_norm=options.clip_norm,
        checkpoints=checkpoints,
    )


def pair_loss_terms(
    model: FeatureVAE, features: Tensor, changed_factor: Tensor, *, supervision: str
) -> LossTerms:
    """Return the loss of a batch of pairs as a function of their indices.

    Parameters
    ----------
    model : FeatureVAE
        The model in training.
    features : Tensor of shape (2 P, D)
        Raw features of all first members, then of all second members.
    changed_factor : integer Tensor of shape (P,)
        Index of the factor in which the members differ.
    supervision : {"labels", "ada", "none"}
        What decides which dimensions are shared.

    Returns
    -------
    callable
        From row indices (B,) and the generator of the noise to (reconstruction, KL).
    """
    pairs, feature_dim = len(changed_factor), features.shape[1]
    shared_dimensions = SUPERVISION[supervision]

    def terms(rows: Tensor, noise: torch.Generator) -> tuple[Tensor, Tensor]:
        def share(posterior: Posterior) -> Posterior:
            return average_shared(posterior, shared_dimensions(posterior, changed_factor[rows]))

        # Both members in one pass: matrix products of one double batch are faster.
        both = features[torch.cat([rows, rows + pairs])].view(2, len(rows), feature_dim)
        return loss_terms(model, both, noise, share)

    return terms


def _check_pairs(
    first: np.ndarray,
    second: np.ndarray,
    changed_factor: np.ndarray,
    model_options: Model,
    options: SourceTraining,
) -> None:
    if first.shape != second.shape or changed_factor.shape != first.shape[:1]:
        raise ValueError(
            f"pairs do not fit together: first {first.shape}, second {second.shape}, changed "
            f"factor {changed_factor.shape}; expected (P, D), (P, D) and (P,)"
        )
    d = model_options.latent_dim
    if options.supervision == "labels" and not np.isin(changed_factor, range(d)).all():
        raise ValueError(
            f"supervision 'labels' binds factor i to dimension i, but changed factors go from "
            f"{changed_factor.min()} to {changed_factor.max()} and latent_dim is {d}"
        )
