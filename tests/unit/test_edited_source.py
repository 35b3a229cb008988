"""A source made of a target's own images: whose they are, and that they come out the same."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from fovscope import FovscopeError
from fovscope.cli import main
from fovscope.datasets.base import Followed
from fovscope.datasets.calibrated import measured_limits
from fovscope.datasets.interventions import prepare_interventions
from fovscope.datasets.listing import DataError, write_info
from fovscope.datasets.manifest import build_manifest
from fovscope.datasets.prepare import prepare_design, prepare_generated
from fovscope.factors import Factor
from fovscope.images.source import open_images
from fovscope.interpret.objects import measure_objects
from fovscope.interventions.edit import Subject, own_settings
from fovscope.records import write_table
from fovscope.registry import Catalogue
from fovscope.study.data import Target

CATALOGUE = Catalogue()
SIZES = {"train_pairs": 40, "iid_train": 10, "iid_test": 10, "pairs_per_factor": 3}


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """Sixty generated cells, measured."""
    folder = tmp_path_factory.mktemp("cells")
    manifest = prepare_generated(
        CATALOGUE.entry("generator", "synthetic_cells"),
        {},
        folder,
        Target(generator="synthetic_cells"),
        images=60,
        seed=0,
    )
    preprocessing = manifest.info["preprocessing"]
    objects, masks = measure_objects(manifest.table, folder, preprocessing)
    write_table(folder / "masks.parquet", masks)
    return Followed(
        *("cells", manifest.table, manifest.info, objects, masks),
        masks_path=str(folder / "masks.parquet"),
    )


@pytest.fixture(scope="module")
def manifest(followed):
    return prepare_interventions(followed, factors=None, seed=3, **SIZES)


def test_training_rows_are_made_of_training_images_alone(followed, manifest):
    split = followed.images.set_index("image_id")["split"]
    table = manifest.table
    assert set(split[table.loc[table["split"] == "train", "base"]]) == {"train"}
    assert set(split[table.loc[table["split"] == "test", "base"]]) == {"test"}
    assert set(table.loc[table["role"] == "train_pair", "split"]) == {"train"}


def test_both_members_of_a_pair_are_made_of_one_image(manifest):
    pairs = manifest.table[manifest.table["pair"] >= 0]
    assert (pairs.groupby(["role", "pair"])["base"].nunique() == 1).all()
    differ = pairs.groupby(["role", "pair"])[
        [name for name in pairs if name.startswith("factor_")]
    ].nunique()
    assert ((differ > 1).sum(axis=1) == 1).all()


def test_settings_lie_within_what_was_measured(followed, manifest):
    objects = followed.objects_of("train")
    sizes = objects["equivalent_diameter"].quantile([0.04, 0.96])
    assert manifest.table["factor_Size"].between(*sizes).all()


def test_facts_say_what_can_be_set_and_what_not(manifest):
    names = {factor["name"] for factor in manifest.info["factors"]}
    assert names == {"Size", "Elongation", "Orientation", "Hue", "Intensity"}
    assert names.isdisjoint(manifest.info["refused"])
    assert not any(Factor.from_json(raw).nuisance for raw in manifest.info["factors"])


def test_a_design_follows_from_its_seed(followed, manifest):
    again = prepare_interventions(followed, factors=None, seed=3, **SIZES)
    pd.testing.assert_frame_equal(again.table, manifest.table)
    assert again.info == manifest.info
    other = prepare_interventions(followed, factors=None, seed=4, **SIZES)
    assert other.info["images_digest"] != manifest.info["images_digest"]


def test_images_are_the_same_in_a_part_of_the_table_and_in_any_order(manifest):
    def images(table):
        options = {"size": 96, "interpolation": "bicubic", "catalogue": CATALOGUE}
        return open_images(table, manifest.info, **options)

    whole, part = images(manifest.table), images(manifest.table.iloc[7:9])
    for row in (1, 0, 1):
        assert part[row].shape == (96, 96, 3)
        np.testing.assert_array_equal(part[row], whole[7 + row])


def test_a_texture_is_set_where_it_is_asked_for_and_can_be_shown(followed):
    manifest = prepare_interventions(followed, factors=["Texture"], seed=0, **SIZES)
    options = {"size": 224, "interpolation": "bicubic", "catalogue": CATALOGUE}
    edited = open_images(manifest.table, manifest.info, **options)
    shown = [own_settings(Subject(*edited.look(row)))["Texture"] for row in range(12)]
    assert np.corrcoef(shown, manifest.table["factor_Texture"].head(12))[0, 1] > 0.9


def test_the_factors_to_set_can_be_chosen(followed):
    manifest = prepare_interventions(followed, factors=["Size", "PosX"], seed=0, **SIZES)
    assert [factor["name"] for factor in manifest.info["factors"]] == ["Size", "PosX"]
    with pytest.raises(DataError, match="none of the factors can be set on cells"):
        prepare_interventions(followed, factors=["Loudness"], seed=0, **SIZES)


def test_doubtful_objects_are_left_out_and_counted(followed, caplog):
    objects = followed.objects.copy()
    training = followed.images["split"].to_numpy() == "train"
    doubted = np.flatnonzero(training)[:5]
    objects.loc[doubted, "flag"] = "fragmented"
    doubting = Followed(
        *("cells", followed.images, followed.facts, objects, followed.masks, followed.masks_path)
    )
    with caplog.at_level(logging.INFO):
        manifest = prepare_interventions(doubting, factors=None, seed=3, **SIZES)
    assert not set(objects.loc[doubted, "image_id"]) & set(manifest.table["base"])
    assert "5 not: fragmented" in caplog.text


def test_a_target_without_objects_is_refused(followed):
    objects = followed.objects.assign(flag="empty", equivalent_diameter=np.nan)
    nothing = Followed(
        *("cells", followed.images, followed.facts, objects, followed.masks, followed.masks_path)
    )
    with pytest.raises(FovscopeError, match=r"0 of .* objects can be edited"):
        prepare_interventions(nothing, factors=None, seed=0, **SIZES)


# A generator within the limits of a target -----------------------------------------------


def test_a_calibrated_source_has_sizes_and_hues_of_the_target(followed):
    limits = measured_limits(followed, workers=1)
    sizes = {"train_pairs": 50, "iid_train": 10, "iid_test": 10, "pairs_per_factor": 2}
    entry = CATALOGUE.entry("generator", "cells")
    manifest = prepare_design(entry, {"calibration": limits}, limits=limits, seed=0, **sizes)
    training = followed.objects_of("train")
    low, high = training["equivalent_diameter"].quantile([0.01, 0.99])
    assert manifest.table["factor_Size"].between(low, high).all()
    assert manifest.info["generator"]["options"]["calibration"] == limits


def test_a_source_says_what_cannot_be_seen_in_an_image():
    entry = CATALOGUE.entry("generator", "cells")
    sizes = {"train_pairs": 20, "iid_train": 10, "iid_test": 10, "pairs_per_factor": 2}
    table = prepare_design(entry, {"grey": True}, seed=0, **sizes).table
    assert table["hidden"].str.split(",").map(lambda names: "Hue" in names).all()


def test_a_sheet_shows_test_images_with_each_factor_set(followed, manifest, tmp_path, capsys):
    folder = tmp_path / "data/edited@cells"
    write_table(folder / "manifest.parquet", manifest.table)
    write_info(folder / "manifest.json", manifest.info)
    sheet = tmp_path / "edits.png"
    assert main(["look", str(folder), "--rows", "2", "--out", str(sheet)]) == 0
    with Image.open(sheet) as picture:
        columns = 1 + 3 * len(manifest.info["factors"])
        assert picture.width // columns >= 96
        assert picture.height // 96 == 2
    natural = {name: fact for name, fact in manifest.info.items() if name != "interventions"}
    write_info(folder / "manifest.json", natural)
    assert main(["look", str(folder), "--out", str(sheet)]) == 1
    assert "has no interventions" in capsys.readouterr().err


# Other channels than three ----------------------------------------------------------------


@pytest.fixture(scope="module")
def of_five(followed, tmp_path_factory):
    """The same cells in five channels: red, green, blue, and the first two again."""
    folder, before = tmp_path_factory.mktemp("five"), Path(followed.facts["root"])
    for path in followed.images["path"]:
        (folder / path).parent.mkdir(exist_ok=True)
        pixels = np.asarray(Image.open(before / path).convert("RGB"))
        planes = np.moveaxis(pixels[..., [0, 1, 2, 0, 1]], 2, 0)
        name = (folder / path).with_suffix(".tif")
        tifffile.imwrite(name, planes, photometric="minisblack")
    shutil.copytree(before / "masks", folder / "masks")
    manifest = build_manifest(
        Target(
            folder=str(folder / "images"),
            masks=str(folder / "masks"),
            channels={"a": 0, "b": 1, "c": 2, "d": 3, "e": 4},
        )
    )
    manifest.table["split"] = followed.images["split"]  # drawn with classes there
    root = folder / "images"
    objects, masks = measure_objects(manifest.table, root, manifest.info["preprocessing"])
    write_table(folder / "masks.parquet", masks)
    return Followed(
        *("five", manifest.table, manifest.info, objects, masks),
        masks_path=str(folder / "masks.parquet"),
    )


def test_objects_are_measured_in_the_rgb_view(followed, of_five):
    names = ["area", "elongation", "hue", "value"]
    pd.testing.assert_frame_equal(of_five.objects[names], followed.objects[names])
    assert measured_limits(of_five, workers=1) == measured_limits(followed, workers=1)


def test_edited_images_have_the_channels_of_their_target(of_five):
    manifest = prepare_interventions(of_five, factors=None, seed=3, **SIZES)
    assert "Hue" in manifest.info["refused"]
    assert "Hue" not in {factor["name"] for factor in manifest.info["factors"]}
    images = open_images(
        manifest.table, manifest.info, size=64, interpolation="bicubic", catalogue=CATALOGUE
    )
    image = images[0]
    assert image.shape == (64, 64, 5)
    assert image.std(axis=(0, 1)).min() > 1
    seen = images.look(0)
    np.testing.assert_array_equal(seen.image, image[..., :3])
