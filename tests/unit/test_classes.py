"""Classes that are known before any image is read are those of the manifest."""

import re
import unicodedata

import numpy as np
import pytest
from PIL import Image

from fovscope.datasets.classes import class_names, file_name, held_out_classes
from fovscope.datasets.listing import DataError
from fovscope.datasets.manifest import build_manifest
from fovscope.study.config import Target

ODD_NAMES = ["b c", "Ä", "100 %", "a", "{x}", "-v", "...", "*?"]


def plain(**options):
    return Target(**options).model_dump(mode="json")


def draw(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(value).integers(0, 255, (8, 8), dtype=np.uint8)
    Image.fromarray(noise).save(path)


@pytest.mark.parametrize("splits", [[""], ["train", "test"], ["train", "val", "test"]])
def test_classes_of_a_folder_are_those_of_its_manifest(tmp_path, splits):
    for place, split in enumerate(splits):
        for number, label in enumerate(ODD_NAMES):
            for n in range(6):
                deep = "deeper" if n % 2 else ""
                seed = 1000 * place + 10 * number + n
                draw(tmp_path / split / label / deep / f"{n}.png", seed)
    target = Target(folder=str(tmp_path))
    expected = build_manifest(target).info["classes"]
    # Nothing is read: the images could be anything.
    for image in tmp_path.rglob("*.png"):
        image.write_bytes(b"")
    (tmp_path / splits[0] / "empty").mkdir()
    (tmp_path / splits[0] / ".hidden").mkdir()
    (tmp_path / splits[0] / ".hidden/0.png").touch()
    assert class_names(target.model_dump(mode="json")) == expected


def test_masks_within_the_folder_are_no_class(tmp_path):
    for label in ("a", "b", "masks/a", "masks/b"):
        (tmp_path / label).mkdir(parents=True)
        (tmp_path / label / "0.png").touch()
    target = plain(folder=str(tmp_path), masks=str(tmp_path / "masks"))
    assert class_names(target) == ["a", "b"]


def test_classes_of_a_table(tmp_path):
    table = tmp_path / "images.csv"
    table.write_text('\ufeffpath,label\n0.png,NA\n1.png,007\n2.png,"a, b"\n3.png,NA\n', "utf-8")
    assert class_names(plain(table=str(table))) == ["007", "NA", "a, b"]


def test_a_class_that_is_not_there_is_named_with_the_nearest():
    cells = ["blast", "granulocyte", "spindle"]
    with pytest.raises(DataError, match="unknown class of 'cells' 'blsat'; did you mean 'blast'"):
        held_out_classes("cells", cells, ["blsat"])
    assert held_out_classes("cells", cells, ["spindle"]) == {"spindle": "spindle"}
    assert list(held_out_classes("cells", cells, "each").values()) == cells


def test_a_class_to_hold_out_is_found_in_any_form_of_unicode():
    nfc, nfd = (unicodedata.normalize(form, "Zün") for form in ("NFC", "NFD"))
    assert list(held_out_classes("mine", ["a", "b", nfc], [nfd]).values()) == [nfc]


def test_two_classes_must_be_left():
    with pytest.raises(DataError, match="must leave two to tell apart"):
        held_out_classes("mine", ["a", "b"], "each")
    for chosen in ("each", ["a"]):
        with pytest.raises(DataError, match="'mine' has no classes, so none can be held out"):
            held_out_classes("mine", [], chosen)
    assert held_out_classes("mine", [], []) == {}


def test_file_names_are_safe_distinct_and_legible():
    names = [*ODD_NAMES, "b_c", "b-c", "a" * 200, "a" * 201, "class", "ß", "."]
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", file) for file in files)
    assert file_name("Ciona_1") == "Ciona_1"
    assert file_name("Ciona larvae").startswith("Ciona_larvae.")
