"""Channels of a target: files of their own or planes of one, in the order that is asked for."""

import io
import itertools
import json
import re
import shutil
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from fovscope.apply.encode import open_folder
from fovscope.datasets.channel_files import digests_of_images
from fovscope.datasets.channel_guess import of_content
from fovscope.datasets.classes import class_names
from fovscope.datasets.content import target_content
from fovscope.datasets.listing import DataError, image_files
from fovscope.datasets.manifest import build_manifest
from fovscope.images.channels import rgb_view
from fovscope.images.read import FolderImages, read_image, resized
from fovscope.images.stacks import read_stack
from fovscope.study.config import load_study
from fovscope.study.data import Target
from fovscope.study.section import ConfigError

SIZES = {"C": 4, "Z": 3, "Y": 10, "X": 12, "S": 3}
RNG = np.random.default_rng(0)
STAINS = ("DAPI", "Tubulin", "Actin", "ER", "AGP")


def encoded(samples, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


def random(axes, dtype=np.uint16):
    return RNG.integers(0, 256, [SIZES[letter] for letter in axes]).astype(dtype)


def channels(use, **more):
    """Return the section `channels` as plain values."""
    return Target(folder="x", channels={"use": use, **more}).channels.model_dump(mode="json")


# Stacks -------------------------------------------------------------------------------------


def written():
    """Yield how axes can be written: by OME-XML, ImageJ, or the shape that tifffile notes."""
    for count in (1, 2):
        for planes in itertools.permutations("CZ", count):
            yield "ome", "".join([*planes, "YX"])
            yield "ome", "".join([*planes, "YXS"])
    for axes in ("CYX", "ZYX", "ZCYX", "CYXS", "YXS"):
        yield "imagej", axes
    for count in (0, 1, 2):
        for planes in itertools.combinations("CZ", count):
            for axes in itertools.permutations("".join([*planes, "YX"])):
                yield "shaped", "".join(axes)


@pytest.mark.parametrize(("kind", "axes"), list(written()))
@pytest.mark.parametrize("projection", ["max", 1])
def test_channels_come_first_to_last_whatever_the_order_of_axes(kind, axes, projection):
    samples = random(axes, np.uint8 if "S" in axes else np.uint16)
    options = {"ome": {"ome": True}, "imagej": {"imagej": True}, "shaped": {}}[kind]
    photometric = "rgb" if "S" in axes else "minisblack"
    data = encoded(samples, metadata={"axes": axes}, photometric=photometric, **options)
    order = "".join(letter for letter in "ZCSYX" if letter in axes)
    expected = samples.transpose([axes.index(letter) for letter in order])
    if "Z" in axes:
        expected = expected.max(axis=0) if projection == "max" else expected[projection]
    expected = np.moveaxis(expected.reshape(-1, SIZES["Y"], SIZES["X"]), 0, 2)
    np.testing.assert_array_equal(
        read_stack(data, Path("x.tif"), projection).samples, expected, strict=True
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_samples_of_a_pixel_are_channels(dtype, planar):
    samples = random("YXC", dtype)
    stored = samples if planar == "contig" else np.moveaxis(samples, 2, 0)
    data = encoded(stored, photometric="minisblack", planarconfig=planar, metadata=None)
    np.testing.assert_array_equal(read_stack(data, Path("x.tif")).samples, samples)


def test_pages_without_a_meaning_are_channels_or_planes_if_these_are_asked_for():
    samples = random("CYX")
    data = encoded(samples, photometric="minisblack", metadata=None)
    stack = read_stack(data, Path("x.tif"))
    np.testing.assert_array_equal(stack.samples, np.moveaxis(samples, 0, 2))
    one = read_stack(data, Path("x.tif"), "max").samples
    np.testing.assert_array_equal(one[..., 0], samples.max(axis=0))


def test_a_mean_of_planes_keeps_type_and_white():
    samples = random("ZYX")
    data = encoded(samples, imagej=True, metadata={"axes": "ZYX"})
    stack = read_stack(data, Path("x.tif"), "mean")
    assert (stack.samples.dtype, stack.full_scale) == (np.uint16, 65535)
    np.testing.assert_array_equal(stack.samples[..., 0], np.rint(samples.mean(axis=0)))


def test_colours_that_jpeg_converts_are_those_of_the_image(tmp_path):
    samples = np.repeat(np.repeat(random("YXS", np.uint8), 16, axis=0), 16, axis=1)
    how = {"photometric": "ycbcr", "compression": "jpeg"}
    (tmp_path / "1.tif").write_bytes(encoded(samples, **how))
    shown = read_image(tmp_path / "1.tif", channels=channels([2, 0, 1]))
    np.testing.assert_array_equal(shown, read_image(tmp_path / "1.tif")[..., [2, 0, 1]])
    colormap = np.zeros((3, 256), np.uint16)
    palette = encoded(samples[..., 0], photometric="palette", colormap=colormap)
    with pytest.raises(DataError, match=r"1\.tif: stores PALETTE colours; save it as grey or RGB"):
        read_stack(palette, tmp_path / "1.tif")


def test_inverted_grey_is_turned():
    samples = random("YX", np.uint8)
    data = encoded(samples, photometric="miniswhite")
    np.testing.assert_array_equal(read_stack(data, Path("x.tif")).samples[..., 0], 255 - samples)


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_colours_of_other_formats_are_channels(tmp_path, suffix):
    samples = random("YXS", np.uint8)
    Image.fromarray(samples).save(tmp_path / f"x.{suffix}")
    shown = read_image(tmp_path / f"x.{suffix}", channels=channels([2, 0]))
    np.testing.assert_array_equal(shown, samples[..., [2, 0]])


@pytest.mark.parametrize(
    ("axes", "projection", "words"),
    [
        ("ZYX", None, r"has 3 planes in z; set 'projection' in 'channels' to max, mean or"),
        ("ZYX", 3, r"has 3 planes in z, so there is no plane 3; correct 'projection'"),
        ("TYX", None, r"has the axes T 2, Y 10, X 12; .* save each time"),
        ("TZYX", "max", r"has the axes T 2, Z 3, Y 10, X 12; .* save each time"),
    ],
)
def test_what_is_not_one_image_is_refused_with_the_option_to_set(axes, projection, words):
    samples = np.zeros([(SIZES | {"T": 2})[letter] for letter in axes], np.uint8)
    data = encoded(samples, ome=True, metadata={"axes": axes}, photometric="minisblack")
    with pytest.raises(DataError, match=rf"x\.tif: {words}"):
        read_stack(data, Path("x.tif"), projection)


def test_a_stack_that_lacks_its_end_or_its_other_files_is_refused(tmp_path):
    whole = encoded(random("CYX"), ome=True, metadata={"axes": "CYX"}, photometric="minisblack")
    with tifffile.TiffFile(io.BytesIO(whole)) as tiff:
        description = tiff.ome_metadata
        last = tiff.pages[-1].dataoffsets[0]
    one = encoded(random("YX"), description=description, metadata=None)
    with pytest.raises(DataError, match="planes that lie in other files; name these by 'file'"):
        read_stack(one, Path("x.tif"))
    for length in (last, last - 100, len(whole) // 3):
        with pytest.raises(DataError, match=r"x\.tif: .*damaged"):
            read_stack(whole[:length], Path("x.tif"))


# One file -----------------------------------------------------------------------------------


def ome(path, samples, names=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    more = {"Channel": {"Name": list(names)}} if names else {}
    options = {"ome": True, "photometric": "minisblack", "metadata": {"axes": "CYX", **more}}
    tifffile.imwrite(path, samples, **options)
    return path


@pytest.mark.parametrize("use", [[0, 1, 2, 3], [3, 1], [2, 0, 1]])
def test_the_order_of_use_is_that_of_channels(tmp_path, use):
    samples = random("CYX", np.uint8)
    path = ome(tmp_path / "x.tif", samples, STAINS[:4])
    expected = np.moveaxis(samples[use], 0, 2)
    np.testing.assert_array_equal(read_image(path, channels=channels(use)), expected)
    by_name = channels([STAINS[number] for number in use])
    np.testing.assert_array_equal(read_image(path, channels=by_name), expected)


def test_one_channel_is_repeated_as_grey_is(tmp_path):
    samples = random("CYX", np.uint8)
    shown = read_image(ome(tmp_path / "x.tif", samples), channels=channels([1]))
    np.testing.assert_array_equal(shown, np.repeat(samples[1][..., np.newaxis], 3, axis=2))


def test_each_channel_has_its_black(tmp_path):
    samples = np.full((3, 4, 4), 1000, np.uint16)
    path = ome(tmp_path / "x.tif", samples)
    how = channels([0, 1, 2], names=["a", "b", "c"], black_level={"a": 1000, "b": 0})
    shown = read_image(path, channels=how, white_level=2000, black_level=600)
    assert shown[0, 0].tolist() == [0, 128, 73]  # 0, 1000 of 2000, 400 of 1400
    tifffile.imwrite(path, samples[0])
    assert read_image(path, white_level=2000, black_level=500)[0, 0, 0] == 85
    with pytest.raises(DataError, match="'black_level' 70000 is not below white"):
        read_image(path, black_level=70_000)


def test_each_channel_has_its_white(tmp_path):
    samples = np.full((3, 4, 4), 1000, np.uint16)
    path = ome(tmp_path / "x.tif", samples)
    how = channels([0, 1, 2], names=["a", "b", "c"], white_level={"a": 2000, "b": 1000})
    shown = read_image(path, channels=how, white_level=4000)
    assert shown[0, 0].tolist() == [128, 255, 64]


@pytest.mark.parametrize(
    ("names", "use", "words"),
    [
        ((), [0, 4], r"x\.tif: has 4 channels, so there is no channel 4; correct 'use'"),
        ((), ["DAPI"], r"x\.tif: has 4 channels without names, .* 'channels: \{DAPI: 0\}'"),
        (STAINS[:4], ["DAPPI"], r"x\.tif: unknown channel 'DAPPI'; did you mean 'DAPI'\?"),
        (["a", "b", "b", "b"], ["b"], r"x\.tif: 3 of its 4 channels are called 'b'; .*\{b: 1\}"),
    ],
)
def test_a_channel_that_a_file_lacks_is_named(tmp_path, names, use, words):
    path = ome(tmp_path / "x.tif", random("CYX"), names)
    with pytest.raises(DataError, match=words):
        read_image(path, channels=channels(use))


def test_without_the_option_the_refusal_names_it(tmp_path):
    path = ome(tmp_path / "x.tif", random("CYX"))
    with pytest.raises(DataError, match=r"has 4 pages; .* the target's option 'channels'"):
        read_image(path)
    tifffile.imwrite(path, random("YXC"), photometric="minisblack", planarconfig="contig")
    with pytest.raises(DataError, match=r"has 4 channels .* option 'channels' which are used"):
        read_image(path)


# Files of their own -------------------------------------------------------------------------

LAYOUTS = (
    "{channel}/{image}.tif",
    "{image}_{channel}.tif",
    "{image}/{channel}.tif",
    "{channel}/{image}-{channel}.tif",
    "{folder}/{channel}/{image}.tif",
    "all/{folder}/{image}_{channel}.tif",
)


def path_of(template, stain, image):
    """Return the file of a channel of an image, whose name is in `LAYOUTS` a folder and a name."""
    folder, _, name = image.rpartition("/")
    file = template.replace("{channel}", stain).replace("{folder}", folder)
    return file.replace("{image}", name if "{folder}" in template else image)


def write_files(root, template, stains=STAINS, count=4, names=("round", "long")):
    """Write images of some classes; the pixels of each say its class, number and channel."""
    for label, name in enumerate(names):
        for number in range(count):
            for place, stain in enumerate(stains):
                path = root / path_of(template, stain, f"{name}/{number}")
                path.parent.mkdir(parents=True, exist_ok=True)
                grey = np.full((6, 8), 10 * (count * label + number) + place, np.uint8)
                grey[2:4, 2 : 4 + place] = 200
                tifffile.imwrite(path, grey)
    return root


def target(root, template, use=STAINS, **more):
    return Target(folder=str(root), channels={"file": template, "use": list(use)}, **more)


def complaint(options):
    with pytest.raises(DataError) as error:
        build_manifest(options)
    return str(error.value)


@pytest.mark.parametrize("template", LAYOUTS)
def test_classes_lie_in_the_folders_of_an_image(tmp_path, template):
    options = target(write_files(tmp_path, template), template, ("Actin", "DAPI"))
    manifest = build_manifest(options)
    table = manifest.table
    assert set(table["image_id"]) == {f"{c}/{n}" for c in ("round", "long") for n in range(4)}
    assert list(table["label"]) == [image.split("/")[0] for image in table["image_id"]]
    how = manifest.info["preprocessing"]
    images = FolderImages.from_manifest(table, tmp_path, how, size=8, interpolation="nearest")
    row = list(table["image_id"]).index("long/3")
    assert images[row].shape == (8, 8, 2)
    assert images[row][1, 0].tolist() == [10 * 7 + 2, 10 * 7]  # Actin, then DAPI
    plain = json.loads(json.dumps(options.model_dump(mode="json"), sort_keys=True))
    assert Target.model_validate(plain) == options
    assert class_names(plain) == ["long", "round"]


@pytest.mark.parametrize("template", LAYOUTS)
@pytest.mark.parametrize("listed", ["image", "used", "unused"])
def test_a_table_names_images_or_any_file_of_theirs(tmp_path, template, listed):
    write_files(tmp_path, template)
    stain = {"image": None, "used": "DAPI", "unused": "AGP"}[listed]
    images = [f"{label}/{number}" for label in ("round", "long") for number in range(4)]
    paths = [path_of(template, stain, image) if stain else image for image in images]
    table = pd.DataFrame({"path": paths, "label": [image.split("/")[0] for image in images]})
    table.to_csv(tmp_path / "table.csv", index=False)
    section = {"file": template, "use": ["ER", "DAPI"]}
    options = Target(table=str(tmp_path / "table.csv"), channels=section)
    found = build_manifest(options).table
    assert list(found["image_id"]) == sorted(images)
    by_folder = build_manifest(target(tmp_path, template, ("ER", "DAPI"))).table
    pd.testing.assert_frame_equal(found[["path", "sha256"]], by_folder[["path", "sha256"]])
    content = target_content(options.model_dump(mode="json"), tmp_path / "digests.json")
    assert content["files"] == 2 * len(images)


def test_masks_lie_under_the_names_of_images(tmp_path):
    write_files(tmp_path / "data", "{channel}/{image}.tif")
    for label, number in itertools.product(("round", "long"), range(4)):
        path = tmp_path / "masks" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.pad(np.full((2, 4), 255, np.uint8), 2)[:6, :8]).save(path)
    masks = str(tmp_path / "masks")
    options = target(tmp_path / "data", "{channel}/{image}.tif", masks=masks, mask=True)
    manifest = build_manifest(options)
    assert manifest.table["mask_path"].str.endswith(".png").all()
    how = manifest.info["preprocessing"]
    images = FolderImages.from_manifest(
        manifest.table, tmp_path / "data", how, size=8, interpolation="nearest"
    )
    assert images[7].shape == (8, 8, 5)
    assert not images[7][0].any()
    assert images[7][3, 3].all()


def test_groups_are_told_by_the_name_of_an_image(tmp_path):
    template = "{channel}/{image}.tif"
    write_files(tmp_path, template, count=8)
    table = build_manifest(target(tmp_path, template, group_pattern="([0-9])$")).table
    assert list(table["group"]) == [image[-1] for image in table["image_id"]]
    assert (table.groupby("group")["split"].nunique() == 1).all()


def write_unique(root, count=4):
    """Write images as MetaXpress does, whose names end in what no other file has."""
    for label, name in enumerate(("round", "long")):
        for number in range(count):
            for place in range(3):
                grey = np.full((6, 8), 10 * (count * label + number) + place, np.uint8)
                unique = uuid.UUID(int=int(RNG.integers(1 << 62)), version=4)
                path = root / name / f"B{number:02}_s1_w{place + 1}{str(unique).upper()}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(path, grey)
    return root


def test_names_may_differ_in_more_than_the_channel(tmp_path):
    write_unique(tmp_path)
    options = target(tmp_path, "{image}_{channel}*.tif", ("w3", "w1"))
    manifest = build_manifest(options)
    table, how = manifest.table, manifest.info["preprocessing"]
    assert list(table["image_id"][:2]) == ["long/B00_s1", "long/B01_s1"]
    images = FolderImages.from_manifest(table, tmp_path, how, size=8, interpolation="nearest")
    assert images[1][2, 2].tolist() == [52, 50]
    content = target_content(options.model_dump(mode="json"), tmp_path / "digests.json")
    assert content["files"] == 16
    assert len(open_folder(tmp_path, None, how)) == 8
    again = next(tmp_path.glob("round/B00_s1_w1*"))
    shutil.copy(again, again.with_name("B00_s1_w1_copy.tif"))
    said = complaint(options)
    assert "are both channel w1 of the image 'round/B00_s1'" in said


# Tables of CellProfiler ----------------------------------------------------------------------


def image_table(root, name, folders=True, **changes):
    """Write a table with a column for the file of each channel, and for its folder."""
    rows = []
    for label in ("round", "long"):
        for path in sorted((root / label).glob("*_w1*")):
            row = {"label": label}
            for stain, mark in zip(STAINS[:3], ("w1", "w2", "w3"), strict=True):
                (file,) = path.parent.glob(f"{path.name.partition('_w1')[0]}_{mark}*")
                row[f"Image_FileName_{stain}"] = file.name if folders else f"{label}/{file.name}"
                if folders:
                    row[f"Image_PathName_{stain}"] = str(root / label)
            rows.append(row | changes)
    pd.DataFrame(rows).to_csv(root / name, index=False)
    section = {"columns": "Image_FileName_{channel}", "use": ["Actin", "DAPI"]}
    return Target(table=str(root / name), channels=section)


@pytest.mark.parametrize("folders", [True, False])
def test_a_table_may_name_the_file_of_each_channel(tmp_path, folders):
    options = image_table(write_unique(tmp_path), "image.csv", folders)
    manifest = build_manifest(options)
    table, how = manifest.table, manifest.info["preprocessing"]
    assert set(table["label"]) == {"round", "long"}
    assert table["image_id"].str.match(r"(round|long)/B0\d_s1_w3").all()
    images = FolderImages.from_manifest(table, tmp_path, how, size=8, interpolation="nearest")
    assert images[1][2, 2].tolist() == [52, 50]
    plain = options.model_dump(mode="json")
    assert Target.model_validate(plain) == options
    before = target_content(plain, tmp_path / "digests.json")
    assert before["files"] == 16
    digests = digests_of_images(table, manifest.info)
    assert len(digests) == 16
    assert all((tmp_path / file).is_file() for file in digests)
    dapi = next(tmp_path.glob("long/*_w1*"))
    tifffile.imwrite(dapi, np.zeros((6, 8), np.uint8))
    assert target_content(plain, tmp_path / "digests.json")["sha256"] != before["sha256"]


def test_a_file_that_a_column_lacks_is_named(tmp_path):
    write_unique(tmp_path)
    said = complaint(image_table(tmp_path, "t.csv", Image_FileName_DAPI=""))
    assert "rows of the table without 'Image_FileName_DAPI' (8); fill it in" in said
    said = complaint(image_table(tmp_path, "t.csv", Image_PathName_DAPI="/elsewhere"))
    assert "listed files that do not exist (8)" in said
    section = {"columns": "FileName_{channel}", "use": ["DAPI"]}
    said = complaint(Target(table=str(tmp_path / "t.csv"), channels=section))
    assert "has no column ['FileName_DAPI']; columns there: label, Image_FileName_DAPI" in said


def test_new_images_of_a_table_of_files_need_a_template(tmp_path):
    options = image_table(write_unique(tmp_path), "t.csv")
    how = build_manifest(options).info["preprocessing"]
    with pytest.raises(DataError, match=r"are columns of a table.* say by 'file' in 'channels'"):
        open_folder(tmp_path, None, how)


def test_a_missing_file_is_named_with_its_image_and_channel(tmp_path):
    template = "{channel}/{image}.tif"
    write_files(tmp_path, template)
    (tmp_path / "ER/round/2.tif").unlink()
    said = complaint(target(tmp_path, template))
    assert "images without the file of a channel (1); add it, or remove the image" in said
    assert "round/2: ER" in said
    assert "Traceback" not in said


def test_a_file_that_a_table_needs_is_named(tmp_path):
    write_files(tmp_path, "{channel}/{image}.tif")
    (tmp_path / "ER/round/2.tif").unlink()
    images = [f"{label}/{number}" for label in ("round", "long") for number in range(4)]
    pd.DataFrame({"path": images}).to_csv(tmp_path / "t.csv", index=False)
    section = {"file": "{channel}/{image}.tif", "use": list(STAINS)}
    said = complaint(Target(table=str(tmp_path / "t.csv"), channels=section))
    assert "listed files that do not exist (1); correct the table" in said
    assert str(tmp_path / "ER/round/2.tif") in said


def test_a_channel_without_any_file_is_named_with_the_nearest(tmp_path):
    write_files(tmp_path, "{channel}/{image}.tif")
    said = complaint(target(tmp_path, "{channel}/{image}.tif", ("DAPI", "Tubulln")))
    assert "channels: unknown channel 'Tubulln'; did you mean 'Tubulin'?" in said


def test_a_template_that_fits_no_file_is_told_with_one_that_is_there(tmp_path):
    write_files(tmp_path, "{channel}/{image}.tif")
    said = complaint(target(tmp_path, "{image}_{channel}.png"))
    assert "no file is called like '{image}_{channel}.png'" in said
    assert "'AGP/long/0.tif'; correct the template" in said


def test_channels_of_two_sizes_are_named(tmp_path):
    write_files(tmp_path, "{channel}/{image}.tif")
    tifffile.imwrite(tmp_path / "ER/round/2.tif", np.zeros((6, 7), np.uint8))
    said = complaint(target(tmp_path, "{channel}/{image}.tif", ("DAPI", "ER")))
    assert "{channel}/round/2.tif: channels of different size: DAPI 8×6, ER 7×6 pixels" in said


def test_a_file_of_several_channels_is_refused_where_each_is_to_be_one(tmp_path):
    write_files(tmp_path, "{channel}/{image}.tif")
    path = tmp_path / "ER/round/2.tif"
    grey = tifffile.imread(path)
    tifffile.imwrite(path, np.dstack([grey] * 3), photometric="rgb")
    options = target(tmp_path, "{channel}/{image}.tif")
    build_manifest(options)  # grey that is stored as colours
    tifffile.imwrite(path, np.dstack([grey, grey, grey + 1]), photometric="rgb")
    assert "2.tif: has 3 channels, where each file is to be one" in complaint(options)


def test_a_single_mistake_in_each_grey_range_is_said_of_its_channel(tmp_path, caplog):
    for number in range(10):
        samples = RNG.integers(0, [[[60000]], [[900]]], (2, 20, 20)).astype(np.uint16)
        ome(tmp_path / f"{number}.tif", samples)
    section = {"use": [0, 1], "names": ["bright", "dim"]}
    build_manifest(Target(folder=str(tmp_path), channels=section))
    said = [record.getMessage() for record in caplog.records if "white" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("channel dim: 10 16-bit images use values up to 89")
    caplog.clear()
    build_manifest(Target(folder=str(tmp_path), channels=section | {"white_level": {"dim": 1023}}))
    assert not [record for record in caplog.records if "white" in record.getMessage()]


def stacks(root, *names, count=12, depth=2):
    """Write stacks whose channels have these names, one tuple of them after the other."""
    for number in range(count):
        samples = RNG.integers(0, 255, (depth, 20, 20)).astype(np.uint8)
        own = [name.format(number) for name in names[number % len(names)]]
        samples = samples[: len(own)] if own else samples[: depth - number % 2]
        ome(root / "ab"[number // 2 % 2] / f"{number:02}.tif", samples, own)
    return root


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([("DAPI", "GFP"), ("GFP", "DAPI")], r"differently.*\n  DAPI, GFP: 6 images, e\.g\. a/00"),
        (
            [("DAPI", "GFP"), ("DAPI", "RFP")],
            r"give names .*\n  DAPI, RFP: 6 images, e\.g\. a/01",
        ),
        ([()], r"different numbers of channels.*\n  1: 6 images, .*01\.tif\n  2: 6 images"),
        ([("{} c1", "{} c2"), ("{} c1",)], r"different numbers of channels"),
    ],
)
def test_a_number_that_may_mean_two_channels_is_warned_of(tmp_path, caplog, names, words):
    use = [0, 1] if all(len(own) > 1 for own in names) else [0]
    build_manifest(Target(folder=str(stacks(tmp_path, *names)), channels=use))
    (said,) = [r.getMessage() for r in caplog.records if "channels" in r.getMessage()]
    assert re.search(words, said, re.DOTALL)


@pytest.mark.parametrize(
    ("names", "use"),
    [
        ([("DAPI", "GFP"), ("GFP", "DAPI")], ["GFP", "DAPI"]),
        ([("DAPI", "GFP"), ("DAPI", "GFP", "RFP")], [0, 1]),
        ([("{} c1", "{} c2")], [1, 0]),  # names of images, as ImageJ's labels of slices
    ],
)
def test_channels_that_are_the_same_in_all_files_are_not_warned_of(tmp_path, caplog, names, use):
    build_manifest(Target(folder=str(stacks(tmp_path, *names, depth=3)), channels=use))
    assert not [r for r in caplog.records if "channels" in r.getMessage()]


def test_channels_in_two_orders_are_guessed_by_their_names(tmp_path):
    stacks(tmp_path, ("DAPI", "GFP"), ("GFP", "DAPI"))
    assert of_content(image_files(tmp_path), tmp_path) == {"use": ["DAPI", "GFP"]}


def test_new_images_are_read_by_the_same_template(tmp_path):
    template = "{channel}/{image}.tif"
    options = target(write_files(tmp_path, template), template)
    how = build_manifest(options).info["preprocessing"]
    images = open_folder(tmp_path, None, how)
    assert len(images) == 8
    assert images[0].shape == (112, 112, 5)
    (tmp_path / "ER/round/2.tif").unlink()
    with pytest.raises(DataError, match=r"without the file of a channel.*\n.*round/2: ER"):
        open_folder(tmp_path, None, how)


# What depends on them -----------------------------------------------------------------------


def test_each_file_of_a_channel_counts(tmp_path):
    template = "{channel}/{image}.tif"
    write_files(tmp_path / "data", template)
    options = target(tmp_path / "data", template, ("DAPI", "ER"))
    plain = options.model_dump(mode="json")

    def known():
        manifest = build_manifest(options)
        content = target_content(plain, tmp_path / "digests.json")
        return manifest, content

    (before, content) = known()
    assert content["files"] == 16
    digests = digests_of_images(before.table, before.info)
    assert set(digests) == {
        f"{stain}/{label}/{number}.tif"
        for stain in ("DAPI", "ER")
        for label in ("round", "long")
        for number in range(4)
    }
    shutil.rmtree(tmp_path / "data/AGP")  # not in use
    (same, same_content) = known()
    assert same.info["images_digest"] == before.info["images_digest"]
    assert same_content == content
    tifffile.imwrite(tmp_path / "data/ER/round/2.tif", np.full((6, 8), 7, np.uint8))
    (after, other_content) = known()
    assert after.info["images_digest"] != before.info["images_digest"]
    assert other_content["sha256"] != content["sha256"]
    changed = digests_of_images(after.table, after.info).items() - digests.items()
    assert [file for file, _ in changed] == ["ER/round/2.tif"]


def test_the_order_of_channels_is_part_of_the_images_digest(tmp_path):
    template = "{channel}/{image}.tif"
    write_files(tmp_path, template)
    digests = {
        build_manifest(target(tmp_path, template, use)).info["images_digest"]
        for use in itertools.permutations(("DAPI", "ER", "AGP"))
    }
    assert len(digests) == 6


def test_a_target_without_channels_is_what_it_was(tmp_path):
    """The digest was taken before there were channels."""
    for number in range(10):
        grey = Image.new("L", (8, 6), 20 * number)
        path = tmp_path / ("a" if number < 5 else "b") / f"{number}.bmp"
        path.parent.mkdir(exist_ok=True)
        grey.save(path)
    options = Target(folder=str(tmp_path), background=9)
    assert "channels" not in options.model_dump()
    assert build_manifest(options).info["images_digest"] == IMAGES_DIGEST


IMAGES_DIGEST = "489cf8d7b7d93679a8f0a9fbae890758cab2ec92a0f6e2b6a2b260112b8c185e"


# Pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_rgb_view_is_the_first_three_channels(count):
    image = RNG.integers(1, 256, (5, 6, count), dtype=np.uint8)
    view = rgb_view(image)
    expected = {1: [0, 0, 0], 2: [0, 1]}.get(count, [0, 1, 2])
    np.testing.assert_array_equal(view[..., : len(expected)], image[..., expected])
    assert view.shape == (5, 6, 3)
    assert count != 2 or not view[..., 2].any()


@pytest.mark.parametrize("interpolation", ["bicubic", "nearest"])
def test_channels_are_resized_each_like_a_colour(interpolation):
    image = RNG.integers(0, 256, (9, 9, 5), dtype=np.uint8)
    result = resized(image, 6, interpolation)
    for start in (0, 2):
        part = np.ascontiguousarray(image[..., start : start + 3])
        expected = resized(part, 6, interpolation)
        np.testing.assert_array_equal(result[..., start : start + 3], expected)


# The option ---------------------------------------------------------------------------------

FORMS = r"write a list of planes of each file \(channels: \[0, 2, 1\]\)"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (3, FORMS),
        ("DAPI", FORMS),
        ([], FORMS),
        ([True], "True is no channel; write"),
        ([[0, 1]], r"\[0, 1\] is no channel; write"),
        ({"use": "DAPI"}, "'use' is to list channels, not 'DAPI'; write"),
        ({"file": "{channel}/{image}.tif"}, "'use' is to list channels, not None; write"),
        ([-1], "there is no channel -1; the first is 0"),
        ([0, 0], "'use' has 0 twice"),
        ({"DAPI": 0, "Actin": 0}, "'use' has 0 twice"),
        ({"use": [0, 1], "names": ["a"]}, "'names' are 1, but channels 2"),
        ({"use": [0], "fil": "x"}, "unknown key 'fil'; did you mean 'file'?"),
        ({"use": ["DAPI"], "file": "{image}.tif"}, r"needs \{channel\} and, once, \{image\}"),
        ({"use": ["a"], "file": "{channel}/{image}/{image}.tif"}, r"and, once, \{image\}"),
        ({"use": ["a"], "file": "{channel}/{image}{z}.tif"}, "in braces alone"),
        ({"use": ["a"], "file": "{folder}/{folder}/{channel}/{image}.tif"}, "in braces alone"),
        ({"use": ["a"], "file": "/{channel}/{image}.tif"}, "relative to the folder"),
        ({"use": ["a"], "file": "../{channel}/{image}.tif"}, "relative to the folder"),
        ({"use": ["a"], "file": "{channel}/{image}.czi"}, "has to end like an image: .bmp"),
        ({"use": [0], "projection": "sum"}, r"is max, mean or the number of a plane.*'sum'"),
        ({"use": [0], "projection": -1}, r"is max, mean or the number of a plane.*-1"),
        ({"use": [0], "white_level": {"ER": 9}}, "white_level: unknown channel 'ER'"),
        ({"use": [0], "white_level": {"0": 0}}, "greater than 0"),
        ({"use": [0], "black_level": {"ER": 9}}, "black_level: unknown channel 'ER'"),
        ({"use": ["ER"], "columns": "File"}, r"columns 'File' needs \{channel\} once"),
    ],
)
def test_a_mistake_in_the_option_is_named_with_what_may_stand_there(section, words):
    with pytest.raises(ConfigError, match=rf"targets\.cells\.channels.*{words}") as error:
        load_study({"targets": {"cells": {"folder": "cells", "channels": section}}})
    assert len(str(error.value).splitlines()) == 2


def test_generated_images_have_no_channels_to_choose():
    target = {"generator": "synthetic_cells", "channels": [0, 1]}
    with pytest.raises(ConfigError, match="'channels' goes with 'folder' or 'table'"):
        load_study({"targets": {"cells": target}})


def test_names_with_numbers_keep_their_order():
    section = Target(folder="x", channels={"Tubulin": 2, "Actin": 0}).channels
    assert (section.use, section.names) == ((2, 0), ("Tubulin", "Actin"))


# Studies of several targets -----------------------------------------------------------------

OF_FIVE = {"folder": "five", "channels": [0, 1, 2, 3, 4]}
OF_TWO = {"folder": "two", "channels": [0, 1]}
PICTURES = {"folder": "rgb"}
SHARED = {"sources": {"texture_dsprites": {}}, "betas": [1]}


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"a": OF_FIVE, "b": PICTURES}, r"a \(5 channels one by one\), b \(grey or RGB\)"),
        ({"a": OF_FIVE, "b": OF_TWO}, r"a \(5 channels one by one\), b \(2 channels one by one\)"),
    ],
)
def test_a_source_for_targets_of_different_channels_is_refused(targets, said):
    with pytest.raises(ConfigError, match=rf"recipes\.beta1: .*{said}.*a study for each kind"):
        load_study(SHARED | {"targets": targets})
    load_study({"targets": targets})  # by default sources follow each target


@pytest.mark.parametrize(
    "targets",
    [
        {"a": OF_FIVE, "b": OF_FIVE | {"channels": [4, 3, 2, 1, 0]}},
        {"a": PICTURES, "b": {"folder": "x", "channels": [3, 1, 2]}},
    ],
)
def test_a_source_for_targets_of_as_many_channels_is_fine(targets):
    load_study(SHARED | {"targets": targets})


def test_models_of_pixels_take_as_many_channels_as_the_images_have():
    study = load_study({"targets": {"cells": OF_FIVE}, "backbones": {"rgb": "pixels"}})
    assert study.targets["cells"].bag == 5


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"folder": "x", "channels": {"use": ["a"], "columns": "{channel}"}}, "those of a table"),
        (
            {"table": "x", "channels": {"use": ["a"], "file": "{image}_{channel}*.tif"}},
            r"'\*' in 'file' is looked up in a 'folder'; .* set 'columns'",
        ),
        (
            {"folder": "x", "black_level": 9, "channels": {"use": [0], "white_level": {"0": 9}}},
            "black_level 9 of 0 must be below white_level 9",
        ),
        ({"folder": "x", "black_level": 9, "white_level": 8}, "black_level 9 must be below"),
    ],
)
def test_options_that_do_not_go_together_are_named(target, words):
    with pytest.raises(ConfigError, match=rf"targets\.cells: .*{words}"):
        load_study({"targets": {"cells": target}})
