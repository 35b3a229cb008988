"""Targets of five channels, in five files and in one OME-TIFF, through the command line."""

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from conftest import TINY, Study
from PIL import Image
from scipy.spatial.distance import cdist

from fovscope.cli import main
from fovscope.features.store import read_store
from fovscope.runtime.provenance import read_json
from fovscope.runtime.verify import verify_study

pytestmark = pytest.mark.slow

STAINS = ["DAPI", "Tubulin", "Actin", "ER", "AGP"]
PER_CLASS = 30
CLASSES = ("dividing", "resting")


def cell(label, number):
    """Return five channels of a cell; of resting ones the last channel is nearly empty."""
    rng = np.random.default_rng([CLASSES.index(label), number])
    y, x = np.mgrid[:48, :48] - 24
    distance = np.hypot(x / rng.uniform(0.9, 1.4), y)
    planes = [np.clip(1 - distance / rng.uniform(8, 20), 0, 1) for _ in STAINS]
    planes[-1] = planes[-1] * (1.0 if label == "dividing" else 0.02)
    noise = rng.normal(0, 40, (len(STAINS), 48, 48))
    return np.clip(3000 * np.stack(planes) + noise, 0, 4095).astype(np.uint16)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("channels")
    for label in CLASSES:
        for number in range(PER_CLASS):
            planes = cell(label, number)
            for stain, plane in zip(STAINS, planes, strict=True):
                path = folder / f"files/{stain}/{label}/{number}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(path, plane)
            path = folder / f"ome/{label}/{number}.ome.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            stack = np.stack([planes, planes // 2])  # two planes in z
            axes = {"axes": "ZCYX", "Channel": {"Name": STAINS}}
            tifffile.imwrite(path, stack, ome=True, photometric="minisblack", metadata=axes)
    sizes = {"train_pairs": 100, "iid_train": 100, "iid_test": 100, "pairs_per_factor": 10}
    study = Study(
        folder,
        TINY
        | {
            "seeds": [0],
            "sources": {"texture_dsprites": sizes},
            "targets": {
                "files": {
                    "folder": "files",
                    "channels": {"file": "{channel}/{image}.tif", "use": STAINS},
                    "white_level": 4095,
                },
                "ome": {
                    "folder": "ome",
                    "channels": {"use": STAINS[::-1], "projection": "max"},
                    "white_level": 4095,
                },
            },
            "representations": ["latents", "full"],
        },
    )
    figures = [f"results/figures/samples_{name}.png" for name in ("files", "ome")]
    run = study.run("accuracy", *figures)
    assert run.code == 0, run.text
    return study


def test_the_channels_of_five_files_and_of_one_are_the_same_features(study):
    """The second target has the same channels the other way round."""
    results = study.folder / "results/features"
    names = {"files": STAINS, "ome": STAINS[::-1]}
    blocks = {}
    for name, expected in names.items():
        manifest = results / name / "lite0/manifest.json"
        assert read_json(manifest)["channels"] == expected
        assert read_json(manifest.with_name("task.json"))["bag"] == 5
        features = read_store(manifest)
        assert features.shape == (2 * PER_CLASS, 5 * 1280)
        table = pd.read_parquet(study.folder / f"results/data/{name}/manifest.parquet")
        order = np.argsort(table["image_id"].str.partition(".")[0].to_numpy())
        blocks[name] = features[order].reshape(-1, 5, 1280)
    np.testing.assert_allclose(blocks["files"], blocks["ome"][:, ::-1], atol=1e-5)
    # No two channels are the same.
    assert np.abs(np.diff(blocks["files"], axis=1)).max(axis=2).min() > 0.01


@pytest.mark.parametrize("name", ["files", "ome"])
def test_the_channel_that_differs_between_the_classes_does_so_in_its_features_alone(study, name):
    manifest = study.folder / f"results/features/{name}/lite0/manifest.json"
    features = read_store(manifest).reshape(2 * PER_CLASS, 5, 1280)
    table = pd.read_parquet(study.folder / f"results/data/{name}/manifest.parquet")
    dividing = (table["label"] == "dividing").to_numpy()
    right = {}
    for block, stain in enumerate(read_json(manifest)["channels"]):
        distances = cdist(features[:, block], features[:, block])
        np.fill_diagonal(distances, np.inf)
        right[stain] = (dividing[distances.argmin(axis=1)] == dividing).mean()
    assert right.pop("AGP") == 1
    assert max(right.values()) < 0.8, right


def test_the_colours_of_a_source_go_round_in_a_bag_of_five(study):
    manifest = study.folder / "results/features/texture_dsprites/lite0/manifest.json"
    assert read_json(manifest)["channels"] == ["red", "green", "blue", "red", "green"]
    features = read_store(manifest).reshape(-1, 5, 1280)
    np.testing.assert_array_equal(features[:, :2], features[:, 3:])


def test_both_targets_have_accuracies_and_pictures(study):
    rows = pd.read_parquet(study.folder / "results/tables/accuracy.parquet")
    assert set(rows["target"]) == {"files", "ome"}
    full = rows[(rows["representation"] == "full Φ") & (rows["score"] == "balanced_accuracy")]
    # A probe has 48 images to find the columns of the last channel among 6,400. Who guesses has
    # ten of the twelve test images right once in fifty.
    best = full.groupby("target")["mean"].max()
    assert (best > 83).all(), full
    assert (full["mean"] > 55).all(), full
    for name in ("files", "ome"):
        with Image.open(study.folder / f"results/figures/samples_{name}.png") as picture:
            assert np.asarray(picture.convert("RGB")).std(axis=2).max() > 20  # in colour


@pytest.mark.parametrize("name", ["files", "ome"])
def test_the_configuration_that_init_prints_runs(study, tmp_path, capsys, name):
    assert main(["init", str(study.folder / name)]) == 0
    mine = Study(tmp_path, yaml.safe_load(capsys.readouterr().out))
    assert set(mine.config["targets"][name]["channels"]["use"]) == set(STAINS)
    plan = mine.run("-n")
    assert plan.code == 0, plan.text
    assert plan.jobs["cache_features"], plan.text
    run = mine.run(f"results/data/{name}/manifest.parquet")
    assert run.code == 0, run.text
    table = pd.read_parquet(tmp_path / f"results/data/{name}/manifest.parquet")
    assert table["label"].value_counts().to_dict() == dict.fromkeys(CLASSES, PER_CLASS)


def test_a_changed_channel_file_makes_the_features_of_its_target_stale(study):
    assert verify_study(study.folder / "results") == []
    path = study.folder / "files/ER/resting/3.tif"
    before = path.read_bytes()
    tifffile.imwrite(path, tifffile.imread(path) // 2)
    changed = verify_study(study.folder / "results")
    plan = study.run("-n", "results/features/files/lite0/manifest.json")
    other = study.run("-n", "results/features/ome/lite0/manifest.json")
    path.write_bytes(before)
    assert [line.partition(":")[0] for line in changed] == [str(path)]
    assert plan.jobs["cache_features"] == 1, plan.text
    assert "Nothing to be done" in other.text
