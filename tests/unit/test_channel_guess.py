"""`fovscope look` and `init` tell channels by the names of files, and by what these hold."""

import uuid

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

from fovscope.apply.overview import look_at
from fovscope.cli import main
from fovscope.datasets.channel_guess import of_columns, of_names
from fovscope.datasets.manifest import build_manifest
from fovscope.study.config import load_study
from fovscope.study.data import Target

RNG = np.random.default_rng(0)
STAINS = ("DAPI", "Tubulin", "Actin")


def plane(place):
    """Noise on an offset, and an object that is brighter in each next channel."""
    grey = RNG.integers(90, 120, (24, 24)).astype(np.uint16)
    grey[6 + RNG.integers(4) : 16, 8:16] += 500 * (place + 1)
    return grey


def unique():
    return str(uuid.UUID(int=int(RNG.integers(1 << 62)), version=4)).upper()


NAMES = {
    "folders": ("{channel}/{image}.tif", lambda c, k, n, s: f"{s}/{c}/{n}.tif"),
    "in classes": ("{folder}/{channel}/{image}.tif", lambda c, k, n, s: f"{c}/{s}/{n}.tif"),
    "a folder each": ("{image}/{channel}.tif", lambda c, k, n, s: f"{c}/{n}/{s}.tif"),
    "stain last": ("{image}_{channel}.tif", lambda c, k, n, s: f"{c}/cell_{n}_{s}.tif"),
    "stain first": ("{folder}/{channel}-{image}.tif", lambda c, k, n, s: f"{c}/{s}-cell {n}.tif"),
    "MetaXpress": (
        "{image}_{channel}*.TIF",
        lambda c, k, n, s: f"{c}/Week1_B{n:02}_s1_w{k}{unique()}.TIF",
    ),
    "Leica": ("{image}_{channel}.tif", lambda c, k, n, s: f"{c}/Series{n:03}_ch{k:02}.tif"),
    "Yokogawa": (
        "{image}{channel}.tif",
        lambda c, k, n, s: f"{c}/P_A01_T0001F{n:03}L01A01Z01C{k:02}.tif",
    ),
    "Phenix": (
        "{image}-{channel}sk1fk1fl1.tiff",
        lambda c, k, n, s: f"{c}/r01c01f{n:02}p01-ch{k}sk1fk1fl1.tiff",
    ),
    "colours": (
        "{image}_{channel}.png",
        lambda c, k, n, s: f"{c}/{n}_{('red', 'green')[k % 2]}.png",
    ),
}


def files_of(kind, images=6):
    called = NAMES[kind][1]
    stains = STAINS[: 2 if kind == "colours" else 3]
    return [
        called(label, place + 1, number, stain)
        for label in ("round", "long")
        for number in range(images)
        for place, stain in enumerate(stains)
    ]


def write(root, files):
    for place, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / file, plane(place % 3))
    return root


@pytest.mark.parametrize("kind", NAMES)
def test_files_of_channels_are_told_by_their_names(kind, tmp_path):
    files = files_of(kind)
    section = of_names(files, write(tmp_path, files))
    assert section["file"] == NAMES[kind][0]
    assert len(section["use"]) == len(files) / 12


@pytest.mark.parametrize(
    "files",
    [
        [f"{label}/{n}.tif" for label in ("round", "long") for n in range(9)],
        [f"{stain}/{stain}{n}.tif" for stain in STAINS for n in range(9)],  # classes of proteins
        [f"{label}/plate{n}_C01.tif" for label in ("round", "long") for n in range(9)],  # one well
        [f"cell_{n}.tif" for n in range(9)],
        [],
    ],
)
def test_other_names_are_no_channels(files, tmp_path):
    assert of_names(files, write(tmp_path, files)) is None


def test_a_channel_that_few_images_have_is_left_out_with_a_word(tmp_path):
    write(tmp_path, files_of("folders", images=15))
    write(tmp_path, ["GFP/round/0.tif"])
    seen = look_at(tmp_path)
    assert set(seen.target.channels.use) == set(STAINS)
    assert "1 files are no channel that is used, and are left out: e.g. GFP/round/0.tif" in (
        seen.remarks
    )


def test_colour_images_are_no_channels_whatever_their_names(tmp_path):
    files = write(tmp_path, files_of("folders")).rglob("*.tif")
    for path in files:
        tifffile.imwrite(path, RNG.integers(0, 255, (24, 24, 3)).astype(np.uint8))
    assert look_at(tmp_path).target.channels is None


def ome(root, count=18):
    for number in range(count):
        path = root / ("round", "long")[number % 2] / f"{number}.ome.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        stack = np.stack([np.stack([plane(place) for place in range(3)])] * 2)
        axes = {"axes": "ZCYX", "Channel": {"Name": list(STAINS)}}
        tifffile.imwrite(path, stack, ome=True, photometric="minisblack", metadata=axes)
    return root


def test_a_look_says_which_channels_there_are_and_how_to_use_them(tmp_path, capsys):
    write(tmp_path / "cells", files_of("MetaXpress", images=9))
    assert main(["look", str(tmp_path / "cells"), "--out", str(tmp_path / "look.png")]) == 0
    said = capsys.readouterr().out
    assert "18 in 2 classes of 9" in said
    assert "16-bit in 3 channels" in said
    assert "w1, w2, w3: files called {image}_{channel}*.TIF" in said
    lines = yaml.safe_load(said.partition("In a configuration\n")[2].partition("\nPicture")[0])
    section = lines["targets"]["cells"]["channels"]
    assert section == {
        "file": "{image}_{channel}*.TIF",
        "use": ["w1", "w2", "w3"],
        "white_level": {"w1": 1023, "w2": 2047, "w3": 2047},
    }


def write_table(root):
    """Write a table as CellProfiler's, with files of channels in folders of their own."""
    write(root, files_of("folders", images=9))
    rows = [
        {f"Image_FileName_{stain}": f"{number}.tif" for stain in STAINS}
        | {f"Image_PathName_{stain}": str(root / stain / label) for stain in STAINS}
        | {"Image_FileName_NucleiOutlines": "x.png", "label": label}
        for label in ("round", "long")
        for number in range(9)
    ]
    pd.DataFrame(rows).to_csv(root / "image.csv", index=False)
    return root / "image.csv"


@pytest.mark.parametrize("kind", ["files", "ome", "table"])
def test_the_configuration_that_is_printed_can_be_prepared(kind, tmp_path, capsys):
    if kind == "table":
        place = write_table(tmp_path)
    else:
        place = (
            ome(tmp_path) if kind == "ome" else write(tmp_path, files_of("in classes", images=9))
        )
    assert main(["init", str(place)]) == 0
    (target,) = load_study(yaml.safe_load(capsys.readouterr().out)).targets.values()
    assert set(target.channels.use) == set(STAINS)
    assert target.channels.projection == ("max" if kind == "ome" else None)
    table = build_manifest(target).table
    assert len(table) == 18
    assert set(table["label"]) == {"round", "long"}


def test_a_table_with_paths_or_without_files_says_nothing_of_channels():
    assert of_columns(["ImageNumber", "Metadata_Well"]) is None
    assert of_columns(["FileName_DNA", "PathName_DNA"]) == {
        "columns": "FileName_{channel}",
        "use": ["DNA"],
    }


def test_files_of_channels_that_are_taken_for_images_are_a_warning(tmp_path, caplog):
    write(tmp_path, files_of("stain last"))
    build_manifest(Target(folder=str(tmp_path)))
    said = "set channels: {file: '{image}_{channel}.tif', use: [Actin, DAPI, Tubulin]}"
    assert said in caplog.text
    caplog.clear()
    section = {"file": "{image}_{channel}.tif", "use": list(STAINS)}
    build_manifest(Target(folder=str(tmp_path), channels=section))
    assert "called like channels" not in caplog.text
