"""A model of a study on images: those it was tuned on come back, and mistakes are named."""

import re
import shutil
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, Study
from safetensors.numpy import load_file, save_file

from fovscope.cli import main
from fovscope.dimensions import dimension_names
from fovscope.factors import bind
from fovscope.generators.texture_dsprites import FACTORS
from fovscope.runtime.provenance import read_json, write_json

pytestmark = pytest.mark.slow

MODEL = "lite0/beta1/seed0/synthetic_cells"
LATENTS = "representations/synthetic_cells/lite0/beta1/seed0/finetuned.parquet"
SAID = ["image", "predicted", "confidence"]
NEW = {"model": MODEL, "images": "results/data/synthetic_cells/images"}
ONE = TINY | {"seeds": [0], "encode": {"new": NEW}}


def encode(results, images, out, *options):
    model = f"{results}/models/{MODEL}.safetensors"
    arguments = ["encode", "--model", model, "--images", str(images), "--out", str(out)]
    return main([*arguments, *options])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A study of which nothing is made but what new images ask for, in two steps.

    The images are there first, because the new ones are those of the study.
    """
    study = Study(tmp_path_factory.mktemp("encode"), ONE | {"encode": {}})
    made = study.run("data", "results/config.yaml")
    assert made.code == 0, made.text
    study.config = ONE
    return study, study.run("encode")


@pytest.fixture(scope="module")
def study(run):
    folder, made = run
    assert made.code == 0, made.text
    return folder


@pytest.fixture(scope="module")
def images(study):
    return study.folder / NEW["images"]


@pytest.fixture(scope="module")
def encoded(study, images, tmp_path_factory):
    out = tmp_path_factory.mktemp("encoded")
    assert encode(study.folder / "results", images, out) == 0
    return out


@pytest.fixture
def results(study, tmp_path):
    """A copy of what a model needs: neither images nor features."""
    left_out = shutil.ignore_patterns("images", "masks", "features.zarr", "parts")
    copy = tmp_path / "copy"
    shutil.copytree(study.folder / "results", copy, ignore=left_out)
    return copy


def test_an_archive_is_verified_and_applied_elsewhere(study, images, encoded, tmp_path):
    assert main(["archive", str(study.folder / "results"), str(tmp_path / "study.zip")]) == 0
    with ZipFile(tmp_path / "study.zip") as archive:
        archive.extractall(tmp_path / "elsewhere")
    assert main(["verify", "--results", str(tmp_path / "elsewhere")]) == 0
    assert encode(tmp_path / "elsewhere", images, tmp_path / "out") == 0
    here, there = (pd.read_csv(out / "latents.csv") for out in (encoded, tmp_path / "out"))
    pd.testing.assert_frame_equal(there, here)


@pytest.fixture(scope="module")
def names(study):
    """What dimensions are called, by the study's own verdicts on fine-tuned models."""
    table = "results/tables/names.parquet"
    made = study.run(table)
    assert made.code == 0, made.text
    verdicts = pd.read_parquet(study.folder / table).set_index(["stage", "factor"])["name"]
    bound = dimension_names(10, bind(FACTORS, angles=False))
    judged = {
        f"z{k} {factor}": name for k, (factor, name) in enumerate(verdicts["finetuned"].items())
    }
    named = {name: f"{name.replace(' ', ' (named ', 1)}; not judged here)" for name in bound[:7]}
    return [(named | judged).get(name, name) for name in bound]


def test_the_images_of_the_study_give_its_latents(study, encoded, names):
    results = study.folder / "results"
    stored = pd.read_parquet(results / LATENTS)
    table = pd.read_csv(encoded / "latents.csv")
    assert ("images/" + table["image"]).tolist() == stored["image_id"].tolist()
    np.testing.assert_allclose(
        table[names],
        stored[[f"z{k}" for k in range(10)]],
        rtol=1e-3,
        atol=1e-3,
    )


def test_the_training_images_fill_every_percentile_evenly(study, encoded, names):
    manifest = pd.read_parquet(study.folder / "results/data/synthetic_cells/manifest.parquet")
    train = pd.read_csv(encoded / "latents.csv")[(manifest["split"] == "train").to_numpy()]
    even = 100 * (np.arange(len(train)) + 0.5) / len(train)
    for name in ("outlier_", *(f"{name} " for name in names)):
        # Rounding may change a rank by one.
        np.testing.assert_allclose(np.sort(train[f"{name}percentile"]), even, atol=100 / len(train))


def test_the_contact_sheet_opens_from_disk_and_shows_the_oddest_first(encoded):
    page = (encoded / "contact_sheet.html").read_text("utf-8")
    table = pd.read_csv(encoded / "latents.csv").sort_values("outlier_score", ascending=False)
    assert re.findall(r"<h2>(.*?)</h2>", page) == table["image"].tolist()
    sources = re.findall(r'(?:src|href)="(.*?)"', page)
    assert len(sources) == len(table)
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "url(" not in page


def test_new_images_ask_for_their_model_and_its_evidence_alone(run):
    _, made = run
    needed = {"cache_features", "train", "finetune", "explain", "encode_images"}
    assert needed <= set(made.jobs), made.text
    assert not {"report", "evaluate_references"} & set(made.jobs)
    assert not [rule for rule in made.jobs if rule.startswith(("tabulate", "plot", "evaluate_b"))]


def test_the_workflow_gives_what_the_command_gives(study, encoded):
    manifest = pd.read_parquet(study.folder / "results/data/synthetic_cells/manifest.parquet")
    study.config = ONE | {"encode": {"new": NEW | {"images": f"{NEW['images']}s"}}}
    mistaken = study.run("-n", "encode")
    unused = {
        "probes": TINY["probes"] | {"mlp": TINY["probes"]["mlp"] | {"alpha": 1e-3}},
        "features": TINY["features"] | {"images_per_job": 9_999},
    }
    study.config = ONE | unused
    again = study.run("-n", "encode")
    study.config = ONE
    assert "encode_images" not in again.jobs, again.text
    there = study.folder / "results/encoded/new"
    found, expected = (pd.read_csv(folder / "latents.csv") for folder in (there, encoded))
    assert list(found) == list(expected)
    for name in found.select_dtypes("number").columns.drop("confidence"):
        rank = 100 / len(manifest) * 2 if name.endswith("percentile") else 1e-3
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-3, atol=rank)
    # Trees are cut at values of training images, which rounding can push to the other side.
    new = (manifest["split"] != "train").to_numpy()
    pd.testing.assert_frame_equal(found.loc[new, SAID], expected.loc[new, SAID], rtol=1e-3)
    sizes = [(folder / "contact_sheet.html").stat().st_size for folder in (there, encoded)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
    assert mistaken.code != 0
    assert "did you mean 'images'?" in mistaken.text


def test_images_that_cannot_be_used_are_named_all_at_once(results, tmp_path, images, capsys):
    new = tmp_path / "new"
    (new / "deep").mkdir(parents=True)
    assert encode(results, new, tmp_path / "out") == 1
    assert f"{new} holds no images" in capsys.readouterr().err
    shutil.copy(images / "000000.png", new)
    (new / "broken.png").write_bytes(b"no image")
    (new / "deep/half.png").write_bytes((images / "000001.png").read_bytes()[:60])
    assert encode(results, new, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "images that cannot be used (2)" in said
    assert "broken.png" in said
    assert "half.png" in said
    assert not (tmp_path / "out").exists()


def test_a_masked_target_asks_for_masks(results, tmp_path, images, capsys):
    info = results / "data/synthetic_cells/manifest.json"
    facts = read_json(info)
    write_json(info, facts | {"preprocessing": facts["preprocessing"] | {"mask": True}})
    assert encode(results, images, tmp_path / "out") == 1
    assert "give the masks" in capsys.readouterr().err
    masks = tmp_path / "masks"
    masks.mkdir()
    for mask in sorted((images.parent / "masks").iterdir())[1:]:
        shutil.copy(mask, masks)
    assert encode(results, images, tmp_path / "out", "--masks", str(masks)) == 1
    assert (
        f"images without a mask in {masks} (1); add it or remove them:\n  000000"
        in capsys.readouterr().err
    )


def test_where_nothing_can_be_written_is_named_before_anything_is_encoded(
    results, tmp_path, images, capsys
):
    (tmp_path / "file").write_text("in the way")
    for mistake, message in {
        ("--out", str(tmp_path / "file/out")): f"cannot be written: look at {tmp_path}/file",
        ("--masks", str(tmp_path / "none")): "folder of masks",
        ("--images", str(tmp_path / "file")): "is a file; give the folder",
    }.items():
        assert encode(results, images, tmp_path / "out", *mistake) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def drop_manifest(results):
    (results / "features/synthetic_cells/lite0/manifest.json").unlink()


def other_weights(results):
    manifest = results / "features/synthetic_cells/lite0/manifest.json"
    write_json(manifest, read_json(manifest) | {"weights_digest": "0" * 64})


def other_version(results):
    model = results / f"models/{MODEL}.safetensors"
    save_file(load_file(model), model, {"fovscope.feature_vae.v9": "{}"})
    info = model.with_suffix(".json")
    facts = read_json(info)
    write_json(info, facts | {"versions": facts["versions"] | {"fovscope": "9.0"}})


def emptied(file):
    return lambda results: (results / file).write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_manifest, "features/synthetic_cells/lite0/manifest.json is not there"),
        (other_weights, "the backbone here is not that of"),
        (other_version, "it was written by 9.0"),
        (emptied(f"models/{MODEL}.json"), "is damaged"),
        (emptied(LATENTS), "is damaged"),
    ],
)
def test_a_model_that_does_not_fit_is_named(results, tmp_path, images, capsys, spoil, message):
    spoil(results)
    assert encode(results, images, tmp_path / "out") == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("models/lite0/beta1/seed0/source.safetensors", "give its name in the place of it"),
        ("models/lite0/beta1/seed7/synthetic_cells.safetensors", "is not there"),
        ("config.yaml", "is not a model of a study"),
    ],
)
def test_a_path_to_something_else_is_named(study, images, capsys, model, message):
    path = study.folder / "results" / model
    assert main(["encode", "--model", str(path), "--images", str(images)]) == 1
    assert message in capsys.readouterr().err
