"""The object of a mask file is what is stored as non-zero; what is suspicious is named."""

import io

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from fovscope.apply.encode import open_folder
from fovscope.datasets.listing import DataError
from fovscope.images.masks import (
    ALMOST_ALL,
    EMPTY,
    GREY_LEVELS,
    INVERTED,
    PALETTE,
    examine_mask,
    read_mask,
    warnings_of_masks,
)

Y, X = np.mgrid[-32:32, -32:32]
SHAPES = {
    "disk": np.hypot(Y, X) < 15,
    "box": (abs(Y + 0.5) < 12) & (abs(X + 0.5) < 20),
    "diamond": abs(Y) + abs(X) < 22,
    "two": (np.hypot(Y, X - 15) < 9) | (np.hypot(Y, X + 15) < 11),
}
DISK = SHAPES["disk"]


def examined(path):
    return examine_mask(path.read_bytes(), path)


@settings(deadline=None)
@given(
    dtype=st.sampled_from(["?", "u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"]),
    photometric=st.sampled_from(["miniswhite", "minisblack", "mask", "palette", "rgb"]),
    values=st.lists(st.integers(1, 120), min_size=1, max_size=3),
    byteorder=st.sampled_from("<>"),
    compression=st.sampled_from([None, "zlib"]),
)
def test_any_tiff_is_masked_by_what_is_not_zero(
    tmp_path_factory, dtype, photometric, values, byteorder, compression
):
    labels = np.zeros((64, 64))
    for value, columns in zip(values, (slice(20, 30), slice(30, 40), slice(40, 50)), strict=False):
        labels[20:44, columns] = value
    how = {"photometric": photometric, "byteorder": byteorder, "compression": compression}
    stored = labels.astype(dtype)
    if photometric == "palette":
        stored = stored.astype("u1")
        how["colormap"] = np.full((3, 256), 65535, np.uint16)  # all of one colour
    if photometric == "rgb":
        stored = np.stack([stored] * 3, axis=0)
        how["planarconfig"] = "separate"
    path = tmp_path_factory.mktemp("any") / "any.tif"
    tifffile.imwrite(path, stored, **how)
    mask, doubts = examined(path)
    np.testing.assert_array_equal(mask, labels != 0)
    assert doubts == ()


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif"])
def test_a_palette_mask_goes_by_its_index_and_not_by_its_colours(tmp_path, suffix):
    image = Image.fromarray(DISK.astype(np.uint8), "L")
    image.putpalette([0, 0, 0, 250, 40, 0])
    image.save(tmp_path / f"m.{suffix}")
    mask, doubts = examined(tmp_path / f"m.{suffix}")
    np.testing.assert_array_equal(mask, DISK)
    assert doubts == ()
    image.putpalette([255, 255, 254, 0, 0, 0])  # a black object on (almost) white
    image.save(tmp_path / f"m.{suffix}", optimize=False)
    mask, doubts = examined(tmp_path / f"m.{suffix}")
    np.testing.assert_array_equal(mask, DISK)
    assert doubts == (PALETTE,)


@pytest.mark.parametrize("quality", [30, 50, 75, 90, 97])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", [255, 100])
def test_a_mask_that_went_through_jpeg_keeps_its_area(tmp_path, quality, shape, value):
    true = SHAPES[shape]
    path = tmp_path / "m.jpg"
    Image.fromarray(true * np.uint8(value)).save(path, quality=quality)
    with Image.open(path) as image:
        pixels = np.asarray(image)
    mask, doubts = examined(path)
    assert mask.sum() == pytest.approx(true.sum(), rel=0.02)
    assert doubts == (GREY_LEVELS,)
    how = {"compression": "jpeg", "compressionargs": {"level": quality}}
    tifffile.imwrite(tmp_path / "m.tif", true * np.uint8(value), **how)
    assert read_mask(tmp_path / "m.tif").sum() == pytest.approx(true.sum(), rel=0.02)
    if quality >= 50:  # and with what JPEG left of it saved without loss
        Image.fromarray(pixels).save(tmp_path / "m.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), mask)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("factor", [0.5, 1.5, 2, 3.3])
@pytest.mark.parametrize("method", ["BILINEAR", "BICUBIC", "LANCZOS"])
def test_a_resampled_mask_keeps_its_area(tmp_path, shape, factor, method):
    true = Image.fromarray(SHAPES[shape] * np.uint8(255))
    size = (round(64 * factor),) * 2
    true.resize(size, Image.Resampling[method]).save(tmp_path / "m.png")
    mask, doubts = examined(tmp_path / "m.png")
    assert mask.sum() == pytest.approx(SHAPES[shape].sum() * factor**2, rel=0.05)
    assert doubts == (GREY_LEVELS,)


def test_a_smooth_float_mask_is_cut_at_half(tmp_path):
    soft = ndimage.gaussian_filter(DISK.astype(np.float32), 1.5) * np.float32(0.8)
    tifffile.imwrite(tmp_path / "m.tif", soft)
    mask, doubts = examined(tmp_path / "m.tif")
    np.testing.assert_array_equal(mask, soft >= soft.max() / 2)
    assert doubts == (GREY_LEVELS,)


def tiled_labels(count, size=200):
    """Return touching labels 1 to `count` in a disk: the nearest of as many random points."""
    rng = np.random.default_rng(count)
    outside = np.hypot(*np.mgrid[-size // 2 : size // 2, -size // 2 : size // 2]) > size / 2.5
    seeds = np.zeros((size, size), int)
    rows, columns = np.divmod(rng.choice(size * size, count, replace=False), size)
    seeds[rows, columns] = np.arange(1, count + 1)
    nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)[1]
    return np.where(outside, 0, seeds[tuple(nearest)])


@pytest.mark.parametrize("count", [2, 5, 60, 250])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_labels_are_no_grey_levels(tmp_path, count, dtype):
    labels = tiled_labels(count)
    tifffile.imwrite(tmp_path / "m.tif", labels.astype(dtype))
    mask, doubts = examined(tmp_path / "m.tif")
    np.testing.assert_array_equal(mask, labels > 0)
    assert doubts == ()


@pytest.mark.parametrize("values", [(1, 2), (2, 1), (128, 255), (1, 255)])
def test_a_border_of_one_pixel_with_a_label_of_its_own_belongs_to_the_object(tmp_path, values):
    border, inside = values
    grown = ndimage.binary_dilation(DISK)
    labels = np.where(DISK, inside, np.where(grown, border, 0)).astype(np.uint8)
    Image.fromarray(labels).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), grown)


def test_colours_are_labels_and_alpha_does_not_count(tmp_path):
    colours = np.random.default_rng(0).integers(1, 256, (61, 3), dtype=np.uint8)
    colours[0] = 0
    labels = tiled_labels(60)
    opaque = np.full((200, 200, 1), 255, np.uint8)
    Image.fromarray(np.concatenate([colours[labels], opaque], axis=2)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), labels > 0)


def test_what_is_suspicious_is_named(tmp_path):
    def doubts(mask):
        Image.fromarray(mask).save(tmp_path / "m.png")
        return examined(tmp_path / "m.png").doubts

    assert doubts(DISK) == ()
    assert doubts(np.zeros_like(DISK)) == (EMPTY,)
    assert doubts(np.ones_like(DISK)) == (ALMOST_ALL,)
    assert doubts(~DISK) == (INVERTED,)
    assert doubts(~np.roll(DISK, -18, axis=0)) == (INVERTED,)  # its object touches one side
    assert doubts(np.hypot(Y, X) < 32) == ()  # an object that touches all four
    assert doubts(np.hypot(Y, X) < 100) == (ALMOST_ALL,)


def test_one_message_says_of_which_masks_what_is_suspicious():
    messages = warnings_of_masks({"a.png": (EMPTY,), "b.png": (), "c.jpg": (GREY_LEVELS, EMPTY)})
    assert messages == [
        f"{EMPTY} (2):\n  a.png\n  c.jpg",
        "masks with grey levels, as of JPEG or resampling (1); "
        "they were cut at half of their maximum:\n  c.jpg",
    ]


def test_a_mask_of_jpeg_with_two_values_only_is_not_suspicious(tmp_path):
    stream = io.BytesIO()
    block = np.zeros((64, 64), np.uint8)
    block[16:48, 16:48] = 255  # whole blocks of 8 × 8 pixels
    Image.fromarray(block).save(stream, "JPEG", quality=100)
    mask, doubts = examine_mask(stream.getvalue(), tmp_path / "m.jpg")
    np.testing.assert_array_equal(mask, block > 0)
    assert doubts == ()


def test_a_new_image_has_one_mask_by_its_name_in_any_form_of_unicode(tmp_path):
    for name in ("images/Z\u00fcn/1.png", "masks/Zu\u0308n/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.fromarray((DISK * 255).astype(np.uint8)).save(tmp_path / name)
    how = {"background": 0, "white_level": None, "mask": True}
    images = open_folder(tmp_path / "images", tmp_path / "masks", how)
    assert images.masks == (tmp_path / "masks/Zu\u0308n/1.png",)
    Image.fromarray(DISK).save(tmp_path / "masks/Zu\u0308n/1.tif")
    with pytest.raises(DataError, match="images with several masks"):
        open_folder(tmp_path / "images", tmp_path / "masks", how)
