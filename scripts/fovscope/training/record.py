"""A trained model and what a reader needs to know of it, as files."""

from __future__ import annotations

from pathlib import Path

import torch

from fovscope.models.storage import save_model
from fovscope.provenance import read_json, replacing, versions, write_json
from fovscope.training.loop import TrainedModel


def save_trained(
    model_path: str | Path, info_path: str | Path, trained: TrainedModel, features: str | Path
) -> None:
    """Write a model and, beside it, its parameters, curve, versions and provenance.

    Parameters
    ----------
    model_path, info_path : path
        The safetensors file and its JSON.
    trained : TrainedModel
        What training returned.
    features : path
        Manifest of the features that it was trained on.
    """
    with replacing(model_path) as temporary:
        architecture = save_model(temporary, trained.model)
    manifest = read_json(features)
    write_json(
        info_path,
        architecture
        | {
            "curve": trained.curve,
            "versions": versions(),
            "provenance": {
                "weights_digest": manifest["weights_digest"],
                "data_digest": manifest["data_digest"],
                "device": _device_name(next(trained.model.parameters()).device),
            },
        },
    )


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
