"""Training of a source model on pairs that differ in one factor of variation.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649): Adam, β warmed up linearly, gradient norm
clipped. The loss of a step is the mean of both members' reconstruction terms plus β times the
mean of both members' KL terms, on posteriors averaged where the pair shares a dimension.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.gaussian import Posterior
from fovscope.models.image_vae import ImageVAE, ImageVAEOptions
from fovscope.models.scaling import fit_scaling
from fovscope.models.vae import VAE, loss_terms
from fovscope.objectives.supervision import SUPERVISION, average_shared
from fovscope.study.config import Model, SourceTraining
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

ModelOptions = Model | ImageVAEOptions


def model_options(features: Mapping[str, Any], options: Mapping[str, Any]) -> ModelOptions:
    """Return what the source model of a feature store is made of.

    Parameters
    ----------
    features : mapping
        The manifest of the store; `image_shape` there says that its rows are images.
    options : mapping
        Of a feature VAE, or of an image VAE without the shape.
    """
    if "image_shape" in features:
        return ImageVAEOptions(image_shape=features["image_shape"], **options)
    return Model.model_validate(dict(options))


def train_source(
    pairs_first: np.ndarray,
    pairs_second: np.ndarray,
    changed_factor: np.ndarray,
    *,
    model_options: ModelOptions,
    options: SourceTraining,
    beta: float,
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints | None = None,
) -> TrainedModel:
    """Train a feature VAE or an image VAE on pairs.

    Parameters
    ----------
    pairs_first, pairs_second : arrays of shape (P, D)
        Raw features of both members, on which their scaling is fitted; or pixels, uint8.
    changed_factor : integer array of shape (P,)
        Index of the factor in which the members differ.
    model_options : Model or ImageVAEOptions
        Kind of model, architecture, scaling and likelihood.
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
    model = _new_model(features, model_options, seed=seed).to(device)
    changed = torch.tensor(changed_factor, dtype=torch.int64, device=device)
    return train(
        TrainingState(
            model,
            torch.optim.Adam(model.parameters(), lr=options.learning_rate, fused=True),
            EpochSampler(len(pairs_first), options.batch_pairs, seed=seed, device=device),
        ),
        pair_loss_terms(model, features, changed, supervision=options.supervision),
        steps=options.steps,
        beta_at=partial(linear_warmup, beta=beta, warmup_steps=options.warmup_steps),
        precision=options.precision,
        log_every=max(100, options.steps // 200),
        clip_norm=options.clip_norm,
        checkpoints=checkpoints,
    )


def _new_model(features: Tensor, options: ModelOptions, *, seed: int) -> VAE:
    if isinstance(options, ImageVAEOptions):
        return ImageVAE(options, seed=seed)
    scaling = fit_scaling(features, kind=options.scaling)
    return FeatureVAE(features.shape[1], options, scaling, seed=seed)


def pair_loss_terms(
    model: VAE, features: Tensor, changed_factor: Tensor, *, supervision: str
) -> LossTerms:
    """Return the loss of a batch of pairs as a function of their indices.

    Parameters
    ----------
    model : VAE
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

        # Both members in one pass: one double batch is faster, and batch statistics are of all.
        both = features[torch.cat([rows, rows + pairs])].view(2, len(rows), feature_dim)
        return loss_terms(model, both, noise, share)

    return terms


def _check_pairs(
    first: np.ndarray,
    second: np.ndarray,
    changed_factor: np.ndarray,
    model_options: ModelOptions,
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
