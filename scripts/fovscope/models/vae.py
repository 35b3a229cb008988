"""What the variational autoencoders have in common: posteriors, likelihoods, encoding.

A model takes rows of a feature store. What a row holds, features of a network or pixels, and
which likelihood a reconstruction has, is the model's own; supervision, training, storage and
latents are the same for all. Definitions: Kingma & Welling 2014 (arXiv 1312.6114).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fovscope.models.gaussian import Posterior
from fovscope.study.section import Section

Layer = TypeVar("Layer", bound=nn.Module)

LOGVAR_BOUNDS = (-20.0, 10.0)
INITIAL_BIAS = 0.01

WHITE = 255
"""The largest grey level of images."""


class VAE(nn.Module, ABC):
    """A variational autoencoder of rows of features.

    A subclass brings the layers, among them `mean_head` and `logvar_head`. Where nothing but
    weights changes in a step (batch statistics would), it can be declared ``stackable=True``:
    models are then trained as one where that is faster (`fovscope.training.stack`).

    Attributes
    ----------
    kind : str
        Name under which it is registered.
    feature_dim : int
        Number of values D in a row.
    options : Section
        What it is made of, `latent_dim` among it.
    rows_at_a_time : int
        Rows that are encoded or decoded at a time.
    """

    kind: str
    feature_dim: int
    options: Section
    rows_at_a_time = 4_096
    mean_head: nn.Module
    logvar_head: nn.Module

    @classmethod
    @abstractmethod
    def fitted(
        cls, features: Tensor, *, facts: Mapping[str, Any], options: Mapping[str, Any], seed: int
    ) -> Self:
        """Return a new model of raw features (N, D), which give the scaling of its input.

        Parameters
        ----------
        features : Tensor of shape (N, D)
            On any device.
        facts : mapping
            The manifest of their store.
        options : mapping
            What the model is made of, as plain values.
        seed : int
            Of the initial weights.
        """

    @classmethod
    @abstractmethod
    def empty(cls, architecture: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Return a model of a stored architecture, its weights still to be loaded."""

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of what is in a row: (D,), or height, width and channels of an image."""
        return (self.feature_dim,)

    def pictures(self, decoded: NDArray[np.float32]) -> NDArray[np.uint8] | None:
        """Return the images (..., H, W, C) in decoded rows (..., D); None where rows are none."""
        del decoded
        return None

    @abstractmethod
    def inputs(self, features: Tensor) -> Tensor:
        """Return what the encoder takes, float32 (..., D), of raw features (..., D)."""

    @abstractmethod
    def hidden(self, inputs: Tensor) -> Tensor:
        """Return the last hidden layer of the encoder, (..., H), of inputs (..., D)."""

    @abstractmethod
    def decode(self, latent: Tensor) -> Tensor:
        """Return the reconstructed inputs (..., D) of latent vectors (..., d)."""

    @abstractmethod
    def negative_log_likelihood(self, inputs: Tensor, latent: Tensor) -> Tensor:
        """Return −ln p(inputs | latent), averaged over all rows, constants dropped."""

    def reconstruct(self, inputs: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return what latent vectors decode to, (..., D), and the negative log-likelihood."""
        return self.decode(latent), self.negative_log_likelihood(inputs, latent)

    def posterior(self, inputs: Tensor) -> Posterior:
        """Return the posterior (..., d) of inputs (..., D)."""
        hidden = self.hidden(inputs)
        # Back to the input's type: under autocast the heads give bfloat16.
        mean, logvar = self.mean_head(hidden).to(inputs), self.logvar_head(hidden).to(inputs)
        return Posterior(mean, logvar.clamp(*LOGVAR_BOUNDS))


class VAEOfImages(VAE):
    """A VAE whose rows are images in grey levels 0 to 255.

    Attributes
    ----------
    made_of : type
        Of its options, `image_shape` (height, width, channels) among them. These and a seed are
        what a model is called with.
    """

    made_of: type[Section]

    @classmethod
    def fitted(
        cls, features: Tensor, *, facts: Mapping[str, Any], options: Mapping[str, Any], seed: int
    ) -> Self:
        """Return a new model of images of the store's shape; see `VAE.fitted`."""
        del features
        return cls(cls.made_of(image_shape=facts["image_shape"], **options), seed)

    @classmethod
    def empty(cls, architecture: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Return a model of a stored architecture; see `VAE.empty`."""
        del tensors
        return cls(cls.made_of(**architecture["options"]), 0)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Height, width and channels of the image in a row."""
        return self.options.image_shape

    def pictures(self, decoded: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the images (..., H, W, C) of decoded rows (..., D), in grey levels."""
        levels = np.rint(WHITE * decoded.clip(0, 1)).astype(np.uint8)
        return levels.reshape(*decoded.shape[:-1], *self.row_shape)


def undrawn(kind: Callable[..., Layer], *sizes: int, **options: Any) -> Layer:  # noqa: ANN401
    """Return a layer whose weights `initialise` has still to draw.

    Those that torch draws leave its global generator as it was. `nn.utils.skip_init` would draw
    none, but has torch import sympy: a third of a second for each job that encodes.
    """
    with torch.random.fork_rng(devices=()):
        return kind(*sizes, **options)


def initialise(model: nn.Module, *, seed: int) -> None:
    """Draw Xavier-uniform weights for linear and convolutional layers; biases are small."""
    generator = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, INITIAL_BIAS)


@torch.inference_mode()
def encode(
    model: VAE, features: np.ndarray, *, batch_size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the posteriors of raw features, on the model's device and in evaluation mode.

    Parameters
    ----------
    model : VAE
        The model; it is left in evaluation mode.
    features : array of shape (N, D)
        Raw features; anything that is sliced by rows, such as a Zarr array.
    batch_size : int, optional
        Rows in memory at a time; by default what suits the model.

    Returns
    -------
    mean, logvar : float32 arrays of shape (N, d)
        The representation z is the mean.

    Raises
    ------
    ValueError
        If the features are not those that the model was made for.
    """
    check_features(model, features.shape)
    model.eval()
    device = next(model.parameters()).device
    mean = np.empty((features.shape[0], model.options.latent_dim), np.float32)
    logvar = np.empty_like(mean)
    step = batch_size or model.rows_at_a_time
    for start in range(0, features.shape[0], step):
        rows = slice(start, start + step)
        batch = torch.tensor(np.asarray(features[rows]), device=device)
        posterior = model.posterior(model.inputs(batch))
        mean[rows], logvar[rows] = posterior.mean.cpu().numpy(), posterior.logvar.cpu().numpy()
    return mean, logvar


def check_features(model: VAE, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `shape` is (N, D) with the model's number of features D."""
    if len(shape) != 2 or shape[1] != model.feature_dim:
        raise ValueError(
            f"the model was trained on {model.feature_dim} features per image, these have shape "
            f"{tuple(shape)}; use features (N, {model.feature_dim}) of the same backbone"
        )
