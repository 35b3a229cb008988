"""A feature VAE on disk: one safetensors file with weights, scaling and architecture.

The file alone rebuilds the model: its metadata hold the number of features and the options as
JSON. No pickle is written or read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save

from fovscope.config import Model
from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.scaling import FeatureScaling

# One key only: safetensors writes several in no fixed order, and equal models shall give
# equal files.
_KEY = "fovscope.feature_vae"


def save_model(path: Path, model: FeatureVAE) -> dict[str, Any]:
    """Write a model.

    Parameters
    ----------
    path : Path
        Where to; the folder exists.
    model : FeatureVAE
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
    metadata = {_KEY: json.dumps(architecture, sort_keys=True)}
    # Not `save_file`: its errors do not tell a full disk from a mistake.
    Path(path).write_bytes(save(model.state_dict(), metadata))
    return architecture | {"parameters": sum(weight.numel() for weight in model.parameters())}


def load_model(path: Path, *, device: str = "cpu") -> FeatureVAE:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    path : Path
        The safetensors file.
    device : str
        Where the model shall be.

    Returns
    -------
    FeatureVAE
        With the bits that were saved.

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    with safe_open(path, framework="pt", device=str(device)) as file:
        metadata = file.metadata() or {}
        if _KEY not in metadata:
            raise ValueError(f"{path} is not a feature VAE of fovscope; train it again")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    architecture = json.loads(metadata[_KEY])
    scaling = FeatureScaling(tensors["scaling.offset"], tensors["scaling.scale"])
    model = FeatureVAE(
        architecture["feature_dim"], Model(**architecture["options"]), scaling, seed=0
    ).to(device)
    model.load_state_dict(tensors)
    return model
