"""What the explorer holds is what it was given; how it reads in a browser is tested there."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from explored import CLASSES, VERDICTS, given_images, names_of
from PIL import Image

from fovscope.figures import explore as explorer
from fovscope.figures.explore import (
    COLUMNS,
    PER_SHEET,
    distance_weights,
    drawn_rows,
    explore,
    fair_shares,
    image_map,
    image_set,
    oddness,
    shown_names,
    sprite_sheets,
    thumbnail_side,
)


def data_of(page):
    """The data in a page, as its script reads it."""
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1])


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_the_page_holds_codes_classes_and_splits_of_each_image():
    given = given_images()
    (found,) = data_of(explore([given]))["sets"]
    assert found["ids"] == list(given.image_table["image_id"])
    assert [found["classes"][k] for k in found["class"]] == list(given.image_table["label"])
    assert [found["splits"][k] for k in found["split"]] == list(given.image_table["split"])
    np.testing.assert_array_equal(floats(found["codes"]).reshape(4, -1).T, given.values)
    assert len(floats(found["map"])) == 2 * len(given.image_table)


def test_names_of_classes_are_text_and_no_part_of_the_page():
    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append(tag)

    pages, found = [], []
    for classes in (CLASSES, ("a", "b", "c")):
        Tags().feed(explore([given_images(classes=classes)]).html)
        pages.append(found.copy())
        found.clear()
    assert pages[0] == pages[1]
    assert "script" in pages[0]


def test_nothing_is_loaded_from_anywhere():
    html = explore([given_images()]).html
    assert not re.search(r"""\s(?:src|href)=|url\((?!\$\{)|@import|\bfetch\(|https?://""", html)


def test_thumbnails_lie_on_sheets_in_the_order_of_the_images():
    given = given_images(PER_SHEET + COLUMNS + 2)
    rows = np.arange(PER_SHEET + COLUMNS + 2)
    sheets = sprite_sheets(given.open_images(8), rows, 8)
    assert len(sheets) == 2
    for k in (0, 1, COLUMNS, PER_SHEET - 1, PER_SHEET, PER_SHEET + COLUMNS + 1):
        sheet = np.asarray(Image.open(io.BytesIO(sheets[k // PER_SHEET])))
        line, column = divmod(k % PER_SHEET, COLUMNS)
        grey = sheet[8 * line + 4, 8 * column + 4].astype(int)
        assert abs(grey - 255 * k // len(rows)).max() <= 3


def test_names_of_dimensions_say_whether_they_hold_here():
    assert shown_names(given_images())[:3] == ["Size", "z1 (named Scale; does not hold here)", "z2"]
    elsewhere = names_of(VERDICTS, stage="finetuned"), names_of(VERDICTS, target="others")
    for names in (*({"names": table} for table in elsewhere), {}):
        given = given_images(names=names)
        assert shown_names(given)[0] == "z0 (named Size; not judged here)"


def test_odd_is_an_image_whose_tenth_nearest_other_is_far():
    line = np.arange(30.0)[:, None] * [1, 0]
    found = oddness(line, np.array([2.0, 0.0]))
    assert found[[0, -1]] == pytest.approx(2 * 10)
    assert found[15] == pytest.approx(2 * 5)  # five on either side
    assert oddness(line[:4], np.ones(2))[0] == pytest.approx(3)  # the last one, of fewer
    assert oddness(line[:1], np.ones(2)) == 0


def test_a_dimension_counts_by_its_sd_and_not_at_all_if_the_model_does_not_use_it():
    codes = np.array([[0, 0, 0], [4, 0.02, 0]], np.float32)
    assert distance_weights(codes, 0.1) == pytest.approx([0.5, 0, 0])
    assert distance_weights(codes[:, 1:], 0.1) == pytest.approx([100, 0])  # none is used
    assert distance_weights(codes[:, 2:], 0.1) == [0]


def test_a_map_keeps_groups_together_and_is_the_same_again():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 30)
    codes = rng.standard_normal((60, 5)) + 10 * group[:, None]
    found = image_map(codes, np.ones(5), seed=0)
    np.testing.assert_array_equal(found, image_map(codes, np.ones(5), seed=0))
    distance = np.linalg.norm(found[:, None] - found[None], axis=2) + 1e9 * np.eye(60)
    assert (group[distance.argmin(axis=1)] == group).all()
    assert image_map(codes, np.array([1, 1, 0, 0, 0]), seed=0) is None


def test_small_targets_are_shown_whole_and_large_ones_share_the_rest():
    assert fair_shares({"large": 90, "small": 10, "other": 50}, 100) == {
        "large": 45,
        "small": 10,
        "other": 45,
    }
    assert fair_shares({"one": 30}, 100) == {"one": 30}
    assert drawn_rows(4, 4, seed=0).tolist() == [0, 1, 2, 3]
    some = drawn_rows(1000, 100, seed=0)
    assert len(set(some.tolist())) == 100
    assert (np.diff(some) > 0).all()
    assert some.max() > 900


def test_few_images_are_shown_larger_than_many():
    assert thumbnail_side(600) == 96
    assert thumbnail_side(20_000) == 40
    sides = [thumbnail_side(count) for count in (1, 5_000, 8_000, 12_000, 20_000)]
    assert sides == sorted(sides, reverse=True)


def test_images_of_two_models_are_read_once(monkeypatch):
    read = []

    class Counted:
        def __init__(self, side):
            self.side = side

        def __getitem__(self, row):
            read.append(row)
            return np.zeros((self.side, self.side, 3), np.uint8)

    monkeypatch.setattr(explorer, "MOST", 30)
    two = [given_images(images=Counted, backbone=name) for name in ("lite0", "dino")]
    data = data_of(explore(two))
    assert len(read) == len(set(read)) == 30
    assert [(one["of"], len(one["ids"])) for one in data["sets"]] == [(40, 30)] * 2
    assert list(data["pictures"]) == ["cells"]
    (first, second) = data["sets"]
    assert first["ids"] == second["ids"]
    shown = given_images().image_table.iloc[sorted(read)]
    assert first["ids"] == list(shown["image_id"])


def test_a_target_without_classes_and_a_model_that_collapsed_are_shown():
    found = image_set(given_images(classes=()), np.arange(40))
    assert found["classes"] == []
    assert set(found["class"]) == {0}
    given = given_images(dimensions=1, classes=())
    given.values[:] = 0
    found = image_set(given, np.arange(40))
    assert found["weights"] == [0]
    assert found["map"] == ""
    assert found["start"] == [0, 0]
