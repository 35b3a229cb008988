"""A stored model is the model, to the bit."""

import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fovscope.factors import Factor, bind, bound_of
from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.scaling import fit_scaling
from fovscope.models.storage import ModelError, load_model, save_model
from fovscope.models.vae import encode
from fovscope.runtime.provenance import read_json, write_json
from fovscope.study.config import Model
from fovscope.training.loop import TrainedModel
from fovscope.training.record import save_trained

OPTIONS = Model(
    latent_dim=3, width=8, output="squashed", likelihood_units="scaled", likelihood_sd=0.1
)


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(3, 2, (40, 6)).astype(np.float32)


@pytest.fixture
def model(features):
    scaling = fit_scaling(torch.from_numpy(features), kind="standardise")
    return FeatureVAE(6, OPTIONS, scaling, seed=3)


def test_the_names_of_dimensions_lie_beside_the_model_and_are_handed_on(tmp_path, model):
    write_json(tmp_path / "features.json", {"weights_digest": "w", "data_digest": "d"})
    factors = [
        Factor(name="Size", limits=(8.0, 90.0), unit="px", log=True, counterparts=("area",)),
        Factor(name="Hue", limits=(0.0, 360.0), period=360.0),
        Factor(name="Colour", values=("red", "blue"), nominal=True, nuisance=True),
    ]
    bound = bind(factors, angles=True)
    for name in ("source", "tuned"):  # what is tuned has the names of its source
        files = tmp_path / f"{name}.safetensors", tmp_path / f"{name}.json"
        save_trained(*files, TrainedModel(model, []), [tmp_path / "features.json"], bound=bound)
        bound = bound_of(read_json(files[1]))
    assert bound == bind(factors, angles=True)
    assert [one.dimensions for one in bound] == [(0,), (1, 2), (3,)]


def test_round_trip_is_exact_and_needs_the_file_alone(tmp_path, model, features):
    save_model(tmp_path / "model.safetensors", model)
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.options == OPTIONS
    stored = model.state_dict()
    assert {"scaling.offset", "scaling.scale"} <= stored.keys()
    assert stored.keys() == loaded.state_dict().keys()
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, stored[name]), name
    assert torch.equal(loaded.error_weight, model.error_weight)
    for ours, theirs in zip(encode(loaded, features), encode(model, features), strict=True):
        assert np.array_equal(ours, theirs)


def test_raw_likelihood_survives_the_round_trip(tmp_path, model):
    raw = FeatureVAE(6, Model(latent_dim=3, width=8), model.scaling, seed=0)
    save_model(tmp_path / "model.safetensors", raw)
    loaded = load_model(tmp_path / "model.safetensors")
    assert torch.equal(loaded.error_weight, raw.error_weight)
    assert not torch.equal(loaded.error_weight, model.error_weight)


def test_equal_models_give_equal_files(tmp_path, model):
    for name in ("a", "b"):
        save_model(tmp_path / name, model)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_sidecar_says_what_was_built(tmp_path, model):
    sidecar = save_model(tmp_path / "model.safetensors", model)
    assert sidecar["feature_dim"] == 6
    assert sidecar["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert Model(**sidecar["options"]) == OPTIONS


def test_another_kind_of_file_is_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="not a model of fovscope"):
        load_model(tmp_path / "other.safetensors")


def test_a_flipped_bit_is_found_when_the_model_is_read(tmp_path, model):
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model.safetensors was damaged .* train it again"):
        load_model(path)


def test_a_truncated_model_is_found_when_it_is_read(tmp_path, model):
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    os.truncate(path, path.stat().st_size - 7)
    with pytest.raises(ModelError, match=r"model.safetensors cannot be read .* train it again"):
        load_model(path)
