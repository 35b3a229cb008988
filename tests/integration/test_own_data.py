"""Data of a user's own: images without classes, and embeddings made elsewhere."""

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import TINY, Study
from PIL import Image

from fovscope.cli import main
from fovscope.datasets.prepare import generate_images
from fovscope.generators.base import load_generator
from fovscope.registry import Catalogue

pytestmark = pytest.mark.slow

CELLS = TINY["targets"]["synthetic_cells"]
WILD = 220  # images; fewer than 200 objects cannot stand in for factors
WITH_CLASSES = ("accuracy", "comparisons", "confusion", "importance")


def embeddings(image_ids, columns=3, seed=0):
    """Return random numbers for images, in an order of their own."""
    rng = np.random.default_rng(seed)
    numbers = {f"e{k}": rng.standard_normal(len(image_ids)) for k in range(columns)}
    table = pd.DataFrame({"image_id": image_ids, **numbers, "Metadata_plate": "P1"})
    return table.sample(frac=1, random_state=seed)


def of_cells(count=CELLS["images"]):
    return [f"images/{number:06d}.png" for number in range(count)]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A target with classes and one without; embeddings of both, and of the first alone."""
    folder = tmp_path_factory.mktemp("own")
    generator = load_generator(Catalogue().entry("generator", "synthetic_cells"), {})
    generate_images(generator, folder / "wild", images=WILD, seed=5)
    names = sorted(path.name for path in (folder / "wild/images").iterdir())
    embeddings(of_cells()).to_csv(folder / "cells.csv", index=False)
    embeddings(names).to_csv(folder / "wild.csv", index=False)
    embeddings(of_cells(), 5).to_parquet(folder / "embeddings.parquet")
    study = Study(
        folder,
        TINY
        | {
            "seeds": [0],
            "targets": {"cells": CELLS, "wild": {"folder": "wild/images", "masks": "wild/masks"}},
            "representations": [
                *("latents", "pca", "random", "constant"),
                {"theirs": {"file": "{dataset}.csv"}},
                {"of_cells": {"file": "embeddings.parquet", "datasets": ["cells"]}},
            ],
        },
    )
    run = study.run()
    assert run.code == 0, run.text
    return study


@pytest.fixture(scope="module")
def tables(study):
    return {
        path.stem: pd.read_parquet(path)
        for path in (study.folder / "results/tables").glob("*.parquet")
    }


def test_embeddings_are_a_row_under_their_name(study, tables):
    rows = tables["accuracy"]
    for name, columns in (("theirs", 3), ("of_cells", 5)):
        of_name = rows[rows["representation"] == name]
        assert set(of_name["target"]) == {"cells"}
        assert set(of_name["probe"]) == {"gbt", "mlp"}
        assert set(of_name["stage"]) == {"baseline"}
        file = f"results/representations/cells/images/{name}.parquet"
        assert pd.read_parquet(study.folder / file).shape == (CELLS["images"], 1 + columns)
    assert "| theirs" in (study.folder / "results/tables/accuracy.md").read_text()


def test_what_needs_classes_leaves_the_target_without_any_out(tables):
    for name in WITH_CLASSES:
        assert set(tables[name]["target"]) == {"cells"}, name


def test_what_needs_no_classes_is_there(study, tables):
    correlation = tables["correlation"]
    wild = correlation[correlation["target"] == "wild"]
    assert {"latents", "PCA-10 of Φ", "random-10 of Φ", "theirs"} == set(wild["representation"])
    assert wild["mean_abs"].between(0, 1).all()
    assert "wild" in set(tables["transfer"]["target"])
    # Measured properties stand in for factors, for each representation by itself.
    long = tables["disentanglement"]
    wild = long[(long["measured_on"] == "wild") & (long["score"] == "mig")]
    assert set(wild["factors"]) == {"stand-in"}
    found = sorted(zip(wild["stage"], wild["representation"], strict=True))
    assert found == [
        ("baseline", "PCA-10 of Φ"),
        ("baseline", "random-10 of Φ"),
        ("baseline", "theirs"),
        ("finetuned", "latents"),
        ("transferred", "latents"),
    ]
    assert (wild["n"] == 1).all()
    figures = study.folder / "results/figures"
    for name in ("samples_wild", "scatter_wild_lite0_beta1_seed0", "correlation_wild_lite0"):
        with Image.open(figures / f"{name}.png") as picture:
            assert min(picture.size) > 100
    assert "wild" in (study.folder / "results/report.html").read_text()


def test_a_study_without_any_classes_ends_well(study):
    """Also its new images: an outlier lies far from the centre of all training images."""
    before = study.config
    new = {"model": "lite0/beta1/seed0/wild", "images": "wild/images"}
    study.config = before | {
        "targets": {"wild": before["targets"]["wild"]},
        "representations": before["representations"][:-1],
        "encode": {"new": new},
    }
    # What the other target has left does not belong to this study.
    for name in WITH_CLASSES:
        for file in (study.folder / "results/tables").glob(f"{name}.*"):
            file.unlink()
    run = study.run()
    again = study.run("-n")
    study.config = before
    assert run.code == 0, run.text
    assert "Nothing to be done" in again.text
    made = {path.stem for path in (study.folder / "results/tables").iterdir()}
    assert made == {"correlation", "names", "transfer", "disentanglement"}
    page = (study.folder / "results/report.html").read_text()
    assert "<h2>Accuracy" not in page
    assert "Data" in page
    encoded = pd.read_csv(study.folder / "results/encoded/new/latents.csv")
    assert {"predicted", "confidence"}.isdisjoint(encoded)
    assert len(encoded) == WILD
    assert encoded["outlier_percentile"].between(0, 100).all()
    sheet = (study.folder / "results/encoded/new/contact_sheet.html").read_text()
    assert "the centre of the training images" in sheet


def test_embeddings_that_do_not_fit_are_named_before_any_network_runs(new_study, tmp_path):
    table = embeddings(of_cells())
    table[table["image_id"] != "images/000007.png"].to_parquet(tmp_path / "embeddings.parquet")
    study = new_study(representations=["latents", {"theirs": {"file": "embeddings.parquet"}}])
    run = study.run("accuracy", "--cores", "1")
    assert run.code != 0
    assert "Traceback" not in run.text
    before, _, after = run.text.partition(
        "embeddings.parquet has no row for images of the data set: images/000007.png"
    )
    assert after
    for work in ("Cache lite0 features", "Train the source model"):
        assert work not in before
    assert "images/000007.png" in run.text.partition("1 job failed")[2]


def test_a_file_of_embeddings_that_is_not_there_is_named_with_the_nearest(new_study, tmp_path):
    (tmp_path / "embeddings.parquet").touch()
    run = new_study(representations=["latents", {"theirs": {"file": "embedings.parquet"}}]).run(
        "-n"
    )
    assert run.code != 0
    assert (
        "representations.theirs: file embedings.parquet does not exist; "
        "did you mean 'embeddings.parquet'?"
    ) in run.text
    assert "Traceback" not in run.text


def test_a_class_of_images_without_classes_cannot_be_held_out(new_study, tmp_path):
    (tmp_path / "wild").mkdir()
    for number in range(3):
        Image.new("L", (20, 20), number).save(tmp_path / f"wild/{number}.png")
    study = new_study(targets={"wild": {"folder": "wild"}}, open_set={"wild": "each"})
    run = study.run("-n")
    assert run.code != 0
    assert "open_set: 'wild' has no classes, so none can be held out" in run.text
    assert "Traceback" not in run.text


def test_a_configuration_that_init_prints_runs(study, tmp_path, capsys):
    assert main(["init", str(study.folder / "wild/images")]) == 0
    own = Study(tmp_path, yaml.safe_load(capsys.readouterr().out))
    run = own.run("-n")
    assert run.code == 0, run.text
    assert run.jobs["train"] == 3  # the seeds of the demo
