"""Copies, grey ranges and shortcuts: what is said of the images of a data set together."""

import io
import os
import re

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis.extra.numpy import arrays
from PIL import Image

from fovscope.datasets.copies import near_copies
from fovscope.datasets.greys import grey_warnings
from fovscope.datasets.leaks import giveaways
from fovscope.datasets.listing import DataError
from fovscope.datasets.manifest import build_manifest
from fovscope.datasets.readings import reading_of
from fovscope.datasets.splits import stratified_splits
from fovscope.study.config import Target


def textured(seed, side=48):
    """An image of blobs, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    centres = rng.uniform(0.1, 0.9, (6, 2))
    blobs = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / 0.01) for a, b in centres)
    return np.rint(255 * blobs / blobs.max()).astype(np.uint8)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels) if path.suffix == ".tif" else Image.fromarray(pixels).save(path)


# Copies ---------------------------------------------------------------------------------------


@given(arrays(np.uint8, (3, 5)))
def test_one_image_has_one_digest_however_it_is_stored(grey):
    stored = [
        grey[..., None],
        np.stack([grey] * 3, axis=2),
        np.stack([grey, np.full_like(grey, 255)], axis=2),
        grey[..., None] * np.uint16(257),
        (grey[..., None] / 255).astype(np.float32),
    ]
    assert len({reading_of(samples).pixels for samples in stored}) == 1
    others = [grey.T[..., None], grey[..., None] ^ 1, np.stack([grey, grey // 2], axis=2)]
    assert not {reading_of(stored[0]).pixels} & {reading_of(other).pixels for other in others}
    clear = [np.stack([grey] * count + [grey // 3], axis=2) for count in (1, 3)]
    assert len({(reading_of(samples).pixels, reading_of(samples).colour) for samples in clear}) == 1
    assert not any(reading_of(samples).colour for samples in (*stored, *clear))


def test_images_that_are_black_in_8_bit_only_are_no_copies():
    dark = [np.full((4, 4, 1), value, np.uint16) for value in range(50)]
    assert len({reading_of(samples).pixels for samples in dark}) == 50


def test_copies_in_other_formats_share_a_split(tmp_path):
    for k in range(12):
        pixels = textured(k)
        for label in "ab":
            write(tmp_path / label / f"{k}.png", np.roll(pixels, 3 * (label == "a"), axis=0))
        write(tmp_path / f"b/{k}.bmp", pixels)
        write(tmp_path / f"b/{k}.tif", pixels * np.uint16(257))
        (tmp_path / f"b/{k}_16.png").write_bytes(imagecodecs.png_encode(pixels * np.uint16(257)))
    for seed in range(3):
        table = build_manifest(Target(folder=str(tmp_path), split_seed=seed)).table
        copies = table[table["label"] == "b"].groupby(table["path"].str.extract(r"(\d+)")[0])
        assert (copies["split"].nunique() == 1).all()


def test_without_copies_the_draw_follows_the_digests_of_the_files(tmp_path):
    for k in range(40):
        write(tmp_path / "ab"[k % 2] / f"{k}.png", textured(k))
    table = build_manifest(Target(folder=str(tmp_path), split_seed=3)).table
    drawn = stratified_splits(
        table["label"], test_fraction=0.2, val_fraction=0.2, seed=3, identities=table["sha256"]
    )
    assert table["split"].tolist() == drawn.tolist()


def test_copies_in_two_provided_splits_are_an_error_in_any_format(tmp_path):
    for k in range(8):
        write(tmp_path / ("train", "test")[k // 4] / "ab"[k % 2] / f"{k}.png", textured(k))
    write(tmp_path / "test/a/copy.tif", textured(0))
    with pytest.raises(DataError, match=r"test/a/copy.tif \(test\) = train/a/0.png \(train\)"):
        build_manifest(Target(folder=str(tmp_path)))


def as_jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=75)
    return np.asarray(Image.open(buffer))


def scaled(pixels):
    return np.asarray(Image.fromarray(pixels).resize((67, 67), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    "change",
    [
        as_jpeg,
        scaled,
        lambda pixels: pixels // 2 + 40,
        lambda pixels: pixels.astype(np.uint16) * 11 + 500,
        lambda pixels: (pixels / 99).astype(np.float32),
        np.rot90,
        np.fliplr,
        lambda pixels: np.rot90(pixels.T, 2),
        lambda pixels: 255 - pixels,
        lambda pixels: np.pad(pixels, 8, constant_values=255),
        lambda pixels: np.pad(255 - pixels.T, ((0, 0), (3, 9))),
        lambda pixels: hot([pixels.astype(np.uint16)])[0],
    ],
)
def test_near_copies_are_found_and_others_are_not(change):
    images = [textured(k) for k in range(60)]
    images.append(change(images[7]))
    thumbnails = [reading_of(image[..., None]).thumbnail for image in images]
    splits = ["train"] * 40 + ["val"] * 10 + ["test"] * 11
    assert near_copies(thumbnails, splits) == [(60, 7)]
    assert near_copies(thumbnails, ["train"] * 61) == []
    assert near_copies([*thumbnails[:-1], None], splits) == []


def test_a_hot_pixel_makes_no_near_copies():
    images = hot([textured(k).astype(np.uint16) for k in range(24)])
    thumbnails = [reading_of(image[..., None]).thumbnail for image in images]
    assert near_copies(thumbnails, ["test", "train"] * 12) == []


def test_the_plain_background_of_an_object_is_no_frame():
    thumbnails = []
    for radius in (6, 12, 20):  # alike but for their size
        cone = np.clip(1 - np.hypot(*np.mgrid[-24:24, -24:24]) / radius, 0, 1)
        thumbnails.append(reading_of((200 * cone[..., None]).astype(np.uint8)).thumbnail)
    assert near_copies(thumbnails, ["train", "val", "test"]) == []


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_images_that_viewers_turn_are_named(tmp_path, caplog, suffix):
    for k in range(12):
        exif = Image.Exif()
        exif[274] = 6 if k == 3 else 1
        path = tmp_path / "ab"[k % 2] / f"{k}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(textured(k)).save(path, exif=exif)
    build_manifest(Target(folder=str(tmp_path)))
    (said,) = (record.message for record in caplog.records if "turn" in record.message)
    assert "taken as they are stored (1); if that matters" in said
    assert said.endswith(f"\n  b/3.{suffix}")


def test_blank_and_tiny_images_are_near_copies_of_nothing(tmp_path):
    blank = np.zeros((20, 20, 1), np.uint8)
    tiny = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    assert [reading_of(image).thumbnail for image in (blank, tiny)] == [None, None]
    assert near_copies([None] * 4, ["train", "val", "test", "test"]) == []


def test_near_copies_across_splits_are_named_with_their_number(tmp_path, caplog):
    for k in range(12):
        split = ("train", "test")[k // 6]
        write(tmp_path / split / "ab"[k % 2] / f"{k}.png", textured(k))
    write(tmp_path / "test/a/again.jpg", textured(0))
    build_manifest(Target(folder=str(tmp_path), val_fraction=0))
    assert "one of another split, so that scores may flatter (1); if they are" in caplog.text
    assert "test/a/again.jpg (test) ~ train/a/0.png (train)" in caplog.text


@pytest.mark.slow
def test_many_images_are_compared_in_seconds():
    rng = np.random.default_rng(0)
    thumbnails = list(rng.integers(0, 256, (20_000, 16, 16), dtype=np.uint8))
    thumbnails[19_999] = thumbnails[3]
    splits = ["train"] * 16_000 + ["test"] * 4_000
    assert near_copies(thumbnails, splits) == [(19_999, 3)]


# Grey ranges ----------------------------------------------------------------------------------


def said_of(images, labels=None, white_level=None, black_level=None):
    readings = [reading_of(np.atleast_3d(image)) for image in images]
    names = ("depth", "white", "low", "middle", "high")
    facts = pd.DataFrame({name: [getattr(r, name) for r in readings] for name in names})
    if labels is not None:
        facts["label"] = labels
    return grey_warnings(facts, white_level, black_level)


def noise(low, high, dtype=np.uint16, n=10, side=16):
    rng = np.random.default_rng(0)
    return [rng.uniform(low, high, (side, side)).astype(dtype) for _ in range(n)]


def hot(images, pixels=1):
    for image in images:
        image.flat[:pixels] = np.iinfo(image.dtype).max
    return images


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (noise(0, 4096), r"10 16-bit images use values up to 40\d\d.*set white_level.* to 4095"),
        (noise(0, 1024), "set white_level, e.g. to 1023"),
        (hot(noise(0, 4096)), "set white_level, e.g. to 4095"),
        (hot(noise(0, 4096), pixels=2), "set white_level, e.g. to 4095"),
        (noise(0, 4096)[1:] + noise(65535, 65535, n=1), "set white_level, e.g. to 4095"),
        (noise(32768, 36864), r"16-bit .* 6% of .* black_level.* 32768, and white_level.* 36863"),
        (hot(noise(32768, 36864)), "set black_level, e.g. to 32768, and white_level, .* 36863"),
        (noise(50_000, 51_000), r"black_level, e.g. to 500\d\d, and white_level, e.g. to 510\d\d"),
        (noise(0, 16, np.uint8), "8-bit images use values up to 15.*set white_level, e.g. to 15"),
        (noise(0, 200, np.float32), "float images reach 199.* but white is 1.* e.g. to 255"),
        (noise(0, 0.05, np.float32), r"32-bit float images use values up to 0\.0.*almost black"),
        (noise(-1, 1, np.float32), "32-bit float .* to -0.9.* all that is below 0 is black"),
    ],
)
def test_a_range_that_cannot_be_meant_is_named_with_the_option_to_set(images, words):
    (message,) = said_of(images)
    assert re.search(words, message)


@pytest.mark.parametrize(
    ("images", "white_level"),
    [
        (noise(0, 65536), None),
        (noise(0, 0), None),  # all black: no level would help
        (noise(20_000, 40_000), None),
        (noise(0, 4096), 4095),
        (noise(0, 256, np.uint8), None),
        (noise(100, 140, np.uint8), None),
        (noise(0, 1, np.float32), None),
        (noise(0, 300, np.float32), 255),
        (noise(0, 4096) + noise(0, 65536, n=2), None),  # some images are bright
        (noise(40_000, 40_001), None),  # blank: no contrast is no range
    ],
)
def test_a_range_that_can_be_meant_is_not_warned_of(images, white_level):
    assert said_of(images, white_level=white_level) == []


@pytest.mark.parametrize("start", [300, 32768, 50_000])
def test_levels_that_are_proposed_leave_nothing_to_say(start):
    images = noise(start, start + 1000)
    (message,) = said_of(images, white_level=65535 if start == 300 else None)
    if start > 300:
        black, white = map(float, re.findall(r"_level, e\.g\. to (\d+)", message))
        assert black < start + 200 < start + 900 < white
        assert said_of(images, white_level=white, black_level=black) == []
    assert said_of(images, white_level=start + 1000, black_level=start) == []
    clipped = said_of(images, white_level=start + 1000, black_level=start + 500)[0]
    assert f"below {start + 500} is black: set black_level lower" in clipped


def test_a_white_level_below_most_of_the_image_is_named():
    (message,) = said_of(noise(1000, 4096), white_level=255)
    assert "more than half of an image is white, because white_level is 255" in message


def test_negative_samples_are_black_whatever_the_type():
    (message,) = said_of(noise(-500, 500, np.int16), white_level=500)
    assert re.match(r"16-bit images go down to -49\d, but all that is below 0 is black", message)


def test_classes_of_different_ranges_or_depths_are_a_leak():
    labels = ["a"] * 10 + ["b"] * 10
    (message,) = said_of(noise(0, 4096) + noise(0, 65536), labels)
    assert "in class a" in message
    assert "a network may learn that" in message
    (depths,) = said_of(noise(0, 200, np.uint8) + noise(0, 60_000), labels)
    assert "16-bit (b: 10); 8-bit (a: 10)" in depths
    assert "the depth alone tells the class of 100%" in depths
    (mixed,) = said_of(noise(0, 200, np.uint8) + noise(0, 60_000), ["a", "b"] * 10)
    assert "16-bit (a: 5, b: 5); 8-bit (a: 5, b: 5)" in mixed
    assert "tells" not in mixed
    (unlabelled,) = said_of(noise(0, 200, np.uint8) + noise(0, 60_000))
    assert "16-bit (10); 8-bit (10)" in unlabelled


def bright_by_degrees(median, n, spread=0.7):
    """Images whose brightness differs as that of cells does, by a log-normal distribution."""
    rng = np.random.default_rng(0)
    tops = np.minimum(median * rng.lognormal(0, spread, n), 65535)
    return [rng.uniform(0, top, (16, 16)).astype(np.uint16) for top in tops]


@pytest.mark.parametrize("is_labelled", [True, False])
def test_images_of_fewer_bits_within_each_class_are_named_with_what_to_check(is_labelled):
    images = noise(0, 65536, n=15) + noise(0, 4096, n=5)
    (message,) = said_of(images, ["a", "b"] * 10 if is_labelled else None)
    assert re.match(r"5 of 20 16-bit images reach 40\d\d at most.* half reach 6\d{4}:", message)
    assert "e.g. 15 beside 0; see whether they have fewer bits or another exposure" in message
    natural = bright_by_degrees(20_000, 100, 0.4) + bright_by_degrees(1250, 100, 0.4)
    (message,) = said_of(natural)
    assert message.startswith("100 of 200")


@pytest.mark.parametrize(
    "images",
    [
        bright_by_degrees(6000, 400, spread=1.2),  # six in ten: below an eighth
        noise(0, 65536, n=19) + noise(0, 4096, n=2),  # odd ones
        noise(0, 65536, n=15) + noise(100, 100, n=5),  # blank
    ],
)
def test_dim_images_are_not_warned_of_where_they_differ_by_degrees_or_are_few(images):
    assert said_of(images) == []


# Shortcuts --------------------------------------------------------------------------------------


def test_what_tells_classes_is_named_with_the_classes_that_it_tells():
    rng = np.random.default_rng(0)
    labels = pd.Series(["a"] * 30 + ["b"] * 30 + ["c"] * 30 + ["rare"] * 3)
    size = np.r_[rng.integers(50, 90, 30), rng.integers(100, 140, 63)]
    features = {
        "size": pd.DataFrame({"width": size}),
        "constant": pd.DataFrame({"x": np.ones(93)}),
        "noise": pd.DataFrame(rng.normal(size=(93, 4))),
    }
    assert list(giveaways(features, labels)) == ["size: a (100%)"]
    assert list(giveaways(features, pd.Series(["a"] * 93))) == []


@pytest.mark.parametrize(
    "shortcut", ["size", "padding", "suffix", "format", "colour", "day", "border"]
)
def test_classes_told_without_a_look_at_the_object_are_a_warning(tmp_path, caplog, shortcut):
    for k in range(20):
        label, odd = "ab"[k % 2], k % 2
        pixels = textured(k)[:40] if odd and shortcut == "size" else textured(k)
        pixels = pixels // 2 + np.random.default_rng(k).integers(1, 100, pixels.shape, np.uint8)
        if odd and shortcut == "padding":
            pixels[:5] = pixels[-5:] = 0
        if odd and shortcut == "border":
            pixels[:, 0] = pixels[:, -1] = pixels[0] = pixels[-1] = np.arange(len(pixels)) % 9 + 190
        if odd and shortcut == "colour":
            pixels = np.stack([pixels, pixels // 2, pixels // 3], axis=2)
        suffix = "bmp" if odd and shortcut == "suffix" else "png"
        path = tmp_path / label / f"{k}.{suffix}"
        write(path, pixels)
        if odd and shortcut == "format":
            Image.fromarray(pixels).save(path, "BMP")  # whatever it is called
        day = 86_400 * (100 + (7 if odd and shortcut == "day" else 0))
        os.utime(path, (day, day))
    build_manifest(Target(folder=str(tmp_path)))
    (record,) = caplog.records
    named = {
        **{"size": "image size", "padding": "padding or empty margins"},
        **{"suffix": "file format", "format": "file format"},
        **{"colour": "grey or colour", "day": "day of the file"},
        **{"border": "colour along the border"},
    }
    assert f"\n  {named[shortcut]}: a (100%), b (100%)" in record.message
