"""Images in OME-Zarr: the pixels of the same OME-TIFF, whatever the version, or refused by name."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from fovscope.apply.encode import open_folder
from fovscope.cli import main
from fovscope.datasets.channel_files import digests_of_images
from fovscope.datasets.content import target_content
from fovscope.datasets.listing import DataError
from fovscope.datasets.manifest import build_manifest
from fovscope.datasets.stores import content, digest_of
from fovscope.images.read import read_image, read_mask
from fovscope.images.stacks import read_stack
from fovscope.study.data import Target

RNG = np.random.default_rng(0)
STAINS = ("DAPI", "Tubulin", "Actin", "ER", "AGP")
KINDS = {"c": "channel", "t": "time", "z": "space", "y": "space", "x": "space"}


def described(axes, version, names=()):
    """Return the attributes of an image by OME-NGFF."""
    listed = list(axes) if version == "0.3" else [{"name": a, "type": KINDS[a]} for a in axes]
    image = {"axes": listed, "datasets": [{"path": "full"}, {"path": "half"}]}
    if version in ("0.1", "0.2"):
        del image["axes"]
    ome = {"multiscales": [image], "omero": {"channels": [{"label": name} for name in names]}}
    return {"ome": ome | {"version": version}} if version == "0.5" else ome


def write_zarr(folder, samples, axes, *, version="0.4", names=(), **options):
    """Write an image, with a copy of half its size beside it."""
    new = version == "0.5"
    group = zarr.create_group(folder, zarr_format=3 if new else 2)
    group.attrs.update(described(axes, version, names))
    how = {} if new else {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    chunks = options.pop("chunks", tuple(min(size, 8) for size in samples.shape))
    for name, data in (("full", samples), ("half", samples[..., ::2, ::2])):
        array = group.create_array(
            name, shape=data.shape, dtype=data.dtype, chunks=chunks, **how, **options
        )
        array[...] = data


def five_channels(side=20):
    return RNG.integers(0, 4096, (5, side, side + 3)).astype(np.uint16)


def channels(use, **more):
    """Return the section `channels` as plain values."""
    return Target(folder="x", channels={"use": use, **more}).channels.model_dump(mode="json")


@pytest.mark.parametrize("version", ["0.1", "0.3", "0.4", "0.5"])
def test_five_channels_are_those_of_the_same_ome_tiff(tmp_path, version):
    samples = five_channels()
    names = {"axes": "CYX", "Channel": {"Name": list(STAINS)}}
    tifffile.imwrite(tmp_path / "1.ome.tif", samples, ome=True, metadata=names)
    whole = samples[None, :, None] if version == "0.1" else samples
    axes = "tczyx" if version == "0.1" else "cyx"
    write_zarr(tmp_path / "1.ome.zarr", whole, axes, version=version, names=STAINS)
    how = channels(["ER", "DAPI", "Actin", "AGP", "Tubulin"])
    expected = read_image(tmp_path / "1.ome.tif", channels=how)
    np.testing.assert_array_equal(read_image(tmp_path / "1.ome.zarr", channels=how), expected)
    assert expected.shape == (20, 23, 5)


@pytest.mark.parametrize(
    "options", [{"shards": (5, 16, 16)}, {"compressors": None}, {"chunks": (1, 20, 23)}]
)
def test_how_chunks_are_stored_makes_no_difference(tmp_path, options):
    samples = five_channels()
    write_zarr(tmp_path / "1.zarr", samples, "cyx", version="0.5", **options)
    stack = read_stack(content(tmp_path / "1.zarr"), tmp_path / "1.zarr")
    np.testing.assert_array_equal(stack.samples, np.moveaxis(samples, 0, 2))
    assert stack.full_scale == 65535
    assert stack.names == ()


def test_planes_in_z_are_projected_and_times_refused(tmp_path):
    samples = RNG.integers(0, 256, (2, 3, 9, 8)).astype(np.uint8)
    write_zarr(tmp_path / "z.zarr", samples, "czyx")
    image = read_image(tmp_path / "z.zarr", channels=channels([1, 0], projection="max"))
    np.testing.assert_array_equal(image, np.moveaxis(samples.max(axis=1), 0, 2)[..., ::-1])
    with pytest.raises(DataError, match=r"z\.zarr: has 3 planes in z; set 'projection'"):
        read_image(tmp_path / "z.zarr", channels=channels([0]))
    write_zarr(tmp_path / "t.zarr", samples, "ctyx")
    with pytest.raises(DataError, match=r"t\.zarr: has the axes C 2, T 3, .*each time"):
        read_image(tmp_path / "t.zarr", channels=channels([0]))


def test_one_plane_is_a_grey_image_and_several_need_the_option(tmp_path):
    samples = RNG.integers(0, 256, (1, 1, 9, 8)).astype(np.uint8)
    write_zarr(tmp_path / "grey.zarr", samples, "czyx")
    image = read_image(tmp_path / "grey.zarr")
    np.testing.assert_array_equal(image, np.repeat(samples[0, 0, ..., None], 3, axis=2))
    write_zarr(tmp_path / "five.zarr", five_channels(), "cyx")
    with pytest.raises(DataError, match=r"five\.zarr: has 5 channels or planes; .*'channels'"):
        read_image(tmp_path / "five.zarr")


def test_labels_are_a_mask(tmp_path):
    labels = np.zeros((9, 8), np.int32)
    labels[2:5, 3:7], labels[6:, :2] = 3, 700
    write_zarr(tmp_path / "labels", labels, "yx")
    np.testing.assert_array_equal(read_mask(tmp_path / "labels"), labels > 0)


# What is no image ---------------------------------------------------------------------------


def damaged(folder, what):
    if what == "no chunks":
        shutil.rmtree(folder / "full/0")
    elif what == "no metadata":
        for file in (folder / ".zattrs", folder / ".zgroup"):
            file.unlink()
    elif what == "no array":
        shutil.rmtree(folder / "full")
    elif what == "half a file":
        (folder / ".zattrs").write_text('{"multiscales": [')
    else:
        (folder / ".zattrs").write_text(json.dumps(what))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("no chunks", "is damaged: none of its chunks is there"),
        ("no metadata", "is a folder, and no OME-Zarr image"),
        ("no array", "cannot be decoded, so it may be damaged"),
        ("half a file", "is no JSON, so it may be damaged"),
        ({"plate": {}}, "is a plate or a well of OME-Zarr, of many images; list them in a table"),
        ({"multiscales": [{}]}, "'multiscales' names no array"),
        ({"anything": 1}, "is Zarr, but no OME-Zarr image"),
        (described("yx", "0.4"), r"has 3 axes, and describes 2 \(Y, X\)"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, what, words):
    write_zarr(tmp_path / "1.zarr", five_channels(8)[:1, :, :8], "cyx")
    damaged(tmp_path / "1.zarr", what)
    with pytest.raises(DataError, match=rf"1\.zarr.*: .*{words}"):
        read_image(tmp_path / "1.zarr")


def test_a_folder_of_bioformats2raw_is_its_one_image(tmp_path):
    samples = five_channels()
    group = zarr.create_group(tmp_path / "1.zarr", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    write_zarr(tmp_path / "1.zarr/0", samples, "cyx")
    how = channels([3])
    expected = read_image(tmp_path / "1.zarr/0", channels=how)
    np.testing.assert_array_equal(read_image(tmp_path / "1.zarr", channels=how), expected)
    write_zarr(tmp_path / "1.zarr/1", samples, "cyx")
    with pytest.raises(DataError, match=r"holds 2 images; list them in a table, .* 1\.zarr/0"):
        read_image(tmp_path / "1.zarr", channels=how)


def test_a_codec_that_is_not_there_is_not_called_damage(tmp_path):
    write_zarr(tmp_path / "1.zarr", five_channels()[:1], "cyx")
    metadata = tmp_path / "1.zarr/full/.zarray"
    described = json.loads(metadata.read_text())
    metadata.write_text(json.dumps(described | {"compressor": {"id": "lab's own"}}))
    with pytest.raises(DataError, match=r"no decoder here .*lab's own.*; save it with") as error:
        read_image(tmp_path / "1.zarr")
    assert "damaged" not in str(error.value)


# Targets ------------------------------------------------------------------------------------


def write_target(folder):
    for number in range(12):
        place = folder / ("round", "long")[number % 2] / f"{number}.ome.zarr"
        place.parent.mkdir(parents=True, exist_ok=True)
        write_zarr(place, five_channels(), "cyx", names=STAINS)
    return Target(folder=str(folder), channels=["DAPI", "Actin"])


def test_each_folder_is_one_image_of_a_folder_or_a_table(tmp_path):
    options = write_target(tmp_path / "cells")
    manifest = build_manifest(options)
    assert manifest.info["classes"] == ["long", "round"]
    assert len(manifest.table) == 12
    rows = manifest.table[["path", "label"]]
    rows.to_csv(tmp_path / "cells/t.csv", index=False)
    listed = Target(table=str(tmp_path / "cells/t.csv"), channels=["DAPI", "Actin"])
    pd.testing.assert_frame_equal(build_manifest(listed).table, manifest.table)
    how = manifest.info["preprocessing"]
    assert open_folder(tmp_path / "cells", None, how)[0].shape == (112, 112, 2)


def test_what_counts_of_a_folder_is_the_image_in_its_full_size(tmp_path):
    options = write_target(tmp_path / "cells")
    plain, cache = options.model_dump(mode="json"), tmp_path / "digests.json"
    manifest, before = build_manifest(options), target_content(plain, cache)
    assert before["files"] == 12
    digests = digests_of_images(manifest.table, manifest.info)
    store = tmp_path / "cells/round/4.ome.zarr"
    assert digests["round/4.ome.zarr"] == digest_of(store)
    shutil.rmtree(store / "half")
    assert target_content(plain, cache) == before
    array = zarr.open_array(store, path="full")
    array[3, 5, 5] += 1
    assert target_content(plain, cache)["sha256"] != before["sha256"]
    after = build_manifest(options)
    assert after.info["images_digest"] != manifest.info["images_digest"]
    changed = digests_of_images(after.table, after.info).items() - digests.items()
    assert [name for name, _ in changed] == ["round/4.ome.zarr"]


def test_a_look_finds_images_and_the_names_of_their_channels(tmp_path, capsys):
    write_target(tmp_path / "cells")
    assert main(["look", str(tmp_path / "cells"), "--out", str(tmp_path / "sheet.png")]) == 0
    said = capsys.readouterr().out
    assert "12 in 2 classes of 6" in said
    assert "channels    DAPI, Tubulin, Actin, ER, AGP: in each file" in said
    assert main(["look", str(tmp_path / "cells/round/0.ome.zarr")]) == 1
    assert "give the folder in which images lie" in capsys.readouterr().err


def test_each_channel_may_be_a_folder(tmp_path):
    samples = five_channels()
    for number, stain in enumerate(STAINS):
        (tmp_path / stain).mkdir()
        write_zarr(tmp_path / stain / "1.zarr", samples[number], "yx")
    options = {"file": "{channel}/{image}.zarr"}
    how = channels(["ER", "DAPI"], **options)
    image = read_image(tmp_path / "{channel}/1.zarr", channels=how)
    expected = np.rint(samples[[3, 0]] / 65535 * 255)
    np.testing.assert_array_equal(image, np.moveaxis(expected, 0, 2))
