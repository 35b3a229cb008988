"""`fovscope look` and `fovscope init`: what is there, and a configuration for it."""

import re

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

from fovscope.apply.overview import described, look_at, picture
from fovscope.cli import main
from fovscope.study.config import load_study

BACKGROUND = 40


def cell(seed, side=24):
    """A bright disc on a dark, flat background; no two are alike."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side), BACKGROUND, np.uint8)
    radius = np.hypot(*np.mgrid[-side // 2 : side // 2, -side // 2 : side // 2])
    disc = radius < 5 + seed % 4
    image[disc] = rng.integers(120, 250, disc.sum())
    return image, disc


@pytest.fixture
def folder(tmp_path):
    """Two classes of twelve, with a mask for each image in a folder among those of the classes."""
    images = tmp_path / "My cells (2024)"
    for number in range(24):
        label = ("round", "larva")[number % 2]
        image, mask = cell(number, 24 + 2 * (number % 3))
        for kind, pixels in ((images / label, image), (images / "masks" / label, 255 * mask)):
            kind.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(kind / f"{number}.png")
    return images


def test_a_folder_is_described_with_the_lines_that_a_configuration_needs(folder, capsys, tmp_path):
    out = tmp_path / "look.png"
    assert main(["look", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "24 in 2 classes of 12" in said
    assert "24×24 to 28×28 pixels" in said
    assert "8-bit grey" in said
    assert "drawn by the study" in said
    lines = yaml.safe_load(said.partition("In a configuration\n")[2].partition("\nPicture")[0])
    assert lines["targets"]["My_cells_2024"] == {
        "folder": folder.as_posix(),
        "masks": (folder / "masks").as_posix(),
        "background": BACKGROUND,
    }
    assert Image.open(out).size[0] > 0


@pytest.mark.parametrize("name", ["labels", "GT", "seg", "ground truth", "My cells (2024)_masks"])
def test_masks_beside_the_images_are_found_whatever_their_folder_is_called(folder, name):
    masks = (folder / "masks").rename(folder.parent / name)
    assert look_at(folder).target.masks == masks.as_posix()
    for path in masks.rglob("*.png"):
        path.rename(path.with_stem(f"{path.stem}_mask"))
    seen = look_at(folder)
    assert seen.target.masks is None
    assert any(f"{masks} seems to hold the masks; rename each" in said for said in seen.remarks)


def test_the_configuration_that_is_printed_is_one(folder, capsys):
    assert main(["init", str(folder)]) == 0
    study = load_study(yaml.safe_load(capsys.readouterr().out))
    assert list(study.targets) == ["My_cells_2024"]
    assert study.targets["My_cells_2024"].background == BACKGROUND
    assert study.backbones


def test_what_a_study_would_refuse_is_named_with_what_is_there(folder, capsys, tmp_path):
    (folder / "round/0.png").write_bytes(b"no image")
    assert main(["look", str(folder), "--out", str(tmp_path / "look.png")]) == 0
    said = capsys.readouterr().out
    assert "A study would refuse this" in said
    assert "round/0.png" in said
    assert "8-bit grey" in said  # of the others
    assert "In a configuration" not in said
    assert main(["init", str(folder)]) == 1
    printed = capsys.readouterr()
    assert not printed.out
    assert "round/0.png" in printed.err


@pytest.mark.parametrize(
    ("name", "message"),
    [("My cell", "did you mean 'My cells (2024)'"), ("empty", "holds no images")],
)
def test_where_there_is_nothing_that_is_said(folder, capsys, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "look.png"
    assert main(["look", str(tmp_path / name), "--out", str(out)]) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("out", ["look.png", "round/sheet.png"])
def test_the_picture_does_not_become_one_of_the_images(folder, monkeypatch, capsys, out):
    monkeypatch.chdir(folder)
    assert main(["look", ".", "--out", out]) == 1
    assert "--out" in capsys.readouterr().err
    assert not (folder / out).exists()


def test_one_image_is_no_folder_of_them(folder, capsys):
    assert main(["init", str(folder / "round/0.png")]) == 1
    assert capsys.readouterr().err.endswith("give the folder that it lies in\n")


def test_too_few_images_for_the_configuration_that_is_printed_are_refused(folder, capsys, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted((folder / "round").iterdir()):
        path.rename(few / path.name)
    assert main(["look", str(few), "--out", str(tmp_path / "look.png")]) == 0
    said = capsys.readouterr().out
    assert "12 without labels" in said
    assert "10 from 8 training images" in said
    assert main(["init", str(few)]) == 1


def test_what_may_be_taken_out_of_the_configuration_is_there(folder, capsys):
    assert main(["init", str(folder)]) == 0
    printed = capsys.readouterr().out
    head, whole = printed.partition("\n\n")[0], yaml.safe_load(printed)
    named = re.findall(r"`(\w+)`", head.partition("take out")[2])
    assert set(named) < whole.keys()
    less = {key: value for key, value in whole.items() if key not in named}
    small, earnest = load_study(whole), load_study(less)
    assert list(earnest.recipes) == list(small.recipes) == ["named"]
    assert earnest.source_training.steps > small.source_training.steps


def test_a_line_end_in_the_name_of_a_folder_does_not_end_a_comment(folder, capsys):
    folder = folder.rename(folder.parent / "my\ncells\u2028(2024)")
    assert main(["init", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "A study of" in printed.splitlines()[1]
    (target,) = yaml.safe_load(printed)["targets"].values()
    assert target["folder"] == folder.as_posix()


def test_a_configuration_names_places_from_wherever_it_was_printed(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder.parent)
    assert main(["init", folder.name]) == 0
    target = yaml.safe_load(capsys.readouterr().out)["targets"]["My_cells_2024"]
    assert target["folder"] == folder.as_posix()
    assert target["masks"] == (folder / "masks").as_posix()


@pytest.mark.parametrize("name", ["images", "source", "edited"])
def test_a_folder_may_have_a_name_that_stands_for_something_else_in_a_study(folder, name):
    assert look_at(folder.rename(folder.parent / name)).name == f"my_{name}"


def test_a_table_with_splits(folder, capsys, tmp_path):
    rows = [
        f"{path.relative_to(folder.parent)},{path.parent.name},{('train', 'test')[n % 2]}"
        for label in ("round", "larva")
        for n, path in enumerate(sorted((folder / label).iterdir()))
    ]
    table = folder.parent / "cells.csv"
    table.write_text("\n".join(["path,label,split", *rows]))
    seen = look_at(table)
    assert seen.provided
    assert seen.name == "cells"
    assert seen.target.background == BACKGROUND
    assert len(seen.table) == len(seen.sights) == 24


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int32", "float32"])
def test_images_without_a_usual_white_and_dark_ones_get_theirs(tmp_path, capsys, dtype):
    for number in range(24):
        image, _ = cell(number)
        place = tmp_path / "dark" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(place / f"{number}.tif", image.astype(dtype) * np.dtype(dtype).type(16))
    seen = look_at(tmp_path / "dark")
    assert seen.target.white_level == 4095  # 250 * 16 has 12 bits
    assert seen.target.background == round(BACKGROUND * 16 / 4095 * 255)
    assert not any(word in " ".join(seen.remarks) for word in ("almost black", "white"))
    assert "; white is 4095\n" in described(seen)
    assert main(["init", str(tmp_path / "dark")]) == 0
    target = load_study(yaml.safe_load(capsys.readouterr().out)).targets["dark"]
    assert target.white_level == 4095


def test_each_channel_gets_the_white_that_it_needs(tmp_path):
    for number in range(12):
        image, _ = cell(number)
        place = tmp_path / "stacks" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        planes = np.stack([image * np.int16(16), image * np.int16(100)])
        tifffile.imwrite(place / f"{number}.tif", planes, metadata={"axes": "CYX"})
    seen = look_at(tmp_path / "stacks")
    assert seen.target.channels.white_level == {"0": 4095, "1": 32767}
    assert "(white is 4095), 1" in described(seen)


def test_what_a_study_would_warn_of_is_said_beside_the_configuration(folder, capsys):
    (folder / "empty").mkdir()
    assert main(["init", str(folder)]) == 0
    printed = capsys.readouterr()
    assert "empty" in printed.err
    assert load_study(yaml.safe_load(printed.out))


def test_copies_are_counted_in_any_format_and_warnings_passed_on(folder):
    image = np.asarray(Image.open(folder / "round/0.png"))
    tifffile.imwrite(folder / "round/again.tif", image)
    (folder / "round/copy.png").write_bytes((folder / "round/0.png").read_bytes())
    for name in ("again", "copy"):
        mask = (folder / "masks/round/0.png").read_bytes()
        (folder / f"masks/round/{name}.png").write_bytes(mask)
    (folder / "empty").mkdir()
    seen = look_at(folder)
    assert "2 images have the pixels of another\n" in described(seen)
    assert any("empty" in remark for remark in seen.remarks)


@pytest.mark.parametrize("labels", ["öß", "µβ", "кл"])
def test_the_names_of_classes_are_drawn_in_letters_that_differ(folder, caplog, labels):
    for label, letter in zip(("round", "larva"), labels, strict=True):
        (folder / label).rename(folder / letter)
        (folder / "masks" / label).rename(folder / "masks" / letter)
    sheet = np.asarray(picture(look_at(folder), rows=2).convert("L"))
    middle = len(sheet) // 2
    assert not np.array_equal(sheet[:14], sheet[middle : middle + 14])  # boxes would be equal
    assert "boxes" not in caplog.text


def test_the_picture_has_a_row_for_each_class_and_fills_rows_without(folder):
    seen = look_at(folder)
    one, two = (np.asarray(picture(seen, rows=rows)) for rows in (1, 2))
    assert two.shape[0] == 2 * one.shape[0]
    flat = folder / "flat"
    flat.mkdir()
    for path in (folder / "round").iterdir():
        path.rename(flat / path.name)
    unlabelled = look_at(flat)
    assert "label" not in unlabelled.table
    assert picture(unlabelled, rows=9).size[1] == 2 * one.shape[0]  # twelve images, eight in a row
