import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fovscope.interpret.contact_sheet import Tile, choose_rows, contact_sheet
from fovscope.interpret.features import FEATURES
from fovscope.interpret.objects import decode_mask, encode_mask, measure_objects

AS_STORED = {"background": 0, "white_level": None}


@pytest.fixture
def images(tmp_path):
    """Three images of a bright rectangle, one of them with a mask, and an empty one."""
    rows = []
    for number, (height, width) in enumerate([(60, 60), (40, 80), (50, 50), (30, 30)]):
        image = np.zeros((height, width, 3), np.uint8)
        if number < 3:
            image[10:30, 15:40] = (200, 30, 30)
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        rows.append({"image_id": f"{number}.png", "path": f"{number}.png", "mask_path": None})
    mask = np.zeros((50, 50), np.uint8)
    mask[10:20, 15:40] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    rows[2]["mask_path"] = "mask.png"
    return tmp_path, pd.DataFrame(rows)


def test_each_image_has_its_row_in_order_whatever_the_number_of_threads(images):
    folder, manifest = images
    objects, masks = measure_objects(manifest, folder, AS_STORED)
    assert list(objects["image_id"]) == list(masks["image_id"]) == list(manifest["image_id"])
    assert list(objects["segmentation"]) == ["automatic", "automatic", "given", "automatic"]
    assert list(objects["side"]) == [60, 80, 50, 30]
    again = measure_objects(manifest, folder, AS_STORED, workers=3)
    pd.testing.assert_frame_equal(objects, again[0])
    pd.testing.assert_frame_equal(masks, again[1])


def test_native_area_can_be_had_back_from_the_canvas(images):
    folder, manifest = images
    objects, masks = measure_objects(manifest, folder, AS_STORED)
    native = objects["area"] * (objects["side"] / 224) ** 2
    found = [decode_mask(mask).sum() for mask in masks["mask"]]
    np.testing.assert_allclose(native[:3], found[:3])
    assert found[2] == 10 * 25
    assert 20 * 25 <= found[0] <= 22 * 27  # automatic outlines lie at most a pixel outside


def test_nothing_is_measured_of_nothing(images):
    folder, manifest = images
    objects, _ = measure_objects(manifest, folder, AS_STORED)
    assert list(objects["flag"]) == ["", "", "", "empty"]
    assert objects.loc[3, list(FEATURES)].isna().all()
    assert objects.loc[:2, list(FEATURES)].notna().all(axis=None)


def test_masks_come_back():
    mask = np.random.default_rng(0).random((13, 29)) > 0.5
    assert (decode_mask(encode_mask(mask)) == mask).all()


def test_a_sheet_shows_doubtful_masks_first_and_all_classes():
    manifest = pd.DataFrame({"label": np.repeat(["b", "a", "c"], 300)})
    flags = pd.Series([""] * 900)
    flags[[5, 400]] = "empty"
    rows = choose_rows(manifest, flags)
    assert rows[:2] == [400, 5]
    assert len(rows) == len(set(rows)) == 180
    assert manifest["label"][rows].value_counts().between(55, 65).all()
    flags[:] = "empty"
    assert len(choose_rows(manifest, flags)) == 72
    assert choose_rows(manifest[:3], flags[:3] * 0) == [0, 1, 2]


def test_a_tile_shows_image_and_outline_and_a_flagged_one_stands_out():
    mask = np.zeros((40, 80), bool)
    mask[10:30, 20:60] = True
    image = np.full((40, 80, 3), 255, np.uint8)
    tiles = [Tile(image, mask, flag) for flag in ("", "fragmented")]
    sheet = np.array(contact_sheet(tiles))
    plain, flagged = sheet[:, :102], sheet[:, 102:204]
    green = (plain == (0, 158, 115)).all(axis=2)
    assert green.sum() == pytest.approx(2 * (48 + 24), abs=8)  # outline at 96 pixels a tile
    assert not (plain == (213, 94, 0)).all(axis=2).any()
    assert (flagged == (213, 94, 0)).all(axis=2).sum() > 1000
