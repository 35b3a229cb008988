"""A model on disk: one safetensors file with weights, scaling and architecture.

The file alone rebuilds the model: its metadata name its kind and hold its size, its options
and the digest of its weights as JSON. No pickle is written or read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fovscope import FovscopeError
from fovscope.models.vae import VAE
from fovscope.registry import Catalogue

# A file has one key only: safetensors writes several in no fixed order, and equal models
# shall give equal files.
_KEY = "fovscope."
_AGAIN = "delete it and train it again"


class ModelError(FovscopeError):
    """A file that is not the model that was written; the message says what to do."""


def save_model(path: Path, model: VAE) -> dict[str, Any]:
    """Write a model.

    Parameters
    ----------
    path : Path
        Where to; the folder exists.
    model : VAE
        On any device.

    Returns
    -------
    dict
        What a JSON file beside it should say: `feature_dim`, `parameters` (their number) and
        the resolved `options`.
    """
    architecture = {
        "feature_dim": model.feature_dim,
        "options": model.options.model_dump(mode="json"),
    }
    tensors = model.state_dict()
    described = json.dumps(architecture | {"sha256": _digest(tensors)}, sort_keys=True)
    # Not `save_file`: its errors do not tell a full disk from a mistake.
    Path(path).write_bytes(save(tensors, {_KEY + model.kind: described}))
    return architecture | {"parameters": sum(weight.numel() for weight in model.parameters())}


def load_model(path: Path, *, device: str = "cpu", catalogue: Catalogue | None = None) -> VAE:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    path : Path
        The safetensors file.
    device : str
        Where the model shall be.
    catalogue : Catalogue, optional
        Where its kind is registered; by default the built-in ones.

    Returns
    -------
    VAE
        With the bits that were saved.

    Raises
    ------
    ModelError
        If the file holds something else, or other weights than were written.
    """
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelError(f"{path} cannot be read ({error}); {_AGAIN}") from error
    keys = [key for key in metadata if key.startswith(_KEY)]
    if not keys:
        raise ModelError(f"{path} is not a model of fovscope; {_AGAIN}")
    architecture = json.loads(metadata[keys[0]])
    if _digest(tensors) != architecture.get("sha256"):
        raise ModelError(f"{path} was damaged after it was written; {_AGAIN}")
    kind = (catalogue or Catalogue()).load("model", keys[0].removeprefix(_KEY))
    model = kind.empty(architecture, tensors).to(device)
    model.load_state_dict(tensors)
    return model


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the digest of weights, whatever device they are on."""
    content = hashlib.sha256()
    for name in sorted(tensors):
        content.update(name.encode())
        content.update(tensors[name].cpu().contiguous().numpy())
    return content.hexdigest()
