"""Reading images: every kind of file against values worked out by hand."""

import os
import pickle
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from fovscope.images.read import (
    DataError,
    FolderImages,
    apply_mask,
    load_for_network,
    read_image,
    read_mask,
    resized,
    square_canvas,
)

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
WIDE_GREY = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
WIDE_COLOUR = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
WIDE_COLOUR[0, 0] = [0, 65535, 32768]


def as_rgb(grey):
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def expected_8bit(samples, white=65535):
    return np.rint(np.clip(samples / white, 0, 1) * 255).astype(np.uint8)


def write_png16(path, samples):
    """Write a 16-bit PNG by the PNG specification (Pillow writes no 16-bit colour)."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    samples = np.atleast_3d(samples)
    height, width, channels = samples.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [5, 23])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "lanczos", "nearest"])
@pytest.mark.parametrize("differing", [None, 1, 2])
def test_resized_pictures_are_those_of_pillow_whether_grey_or_not(size, interpolation, differing):
    image = as_rgb(RNG.integers(0, 256, (11, 11), dtype=np.uint8))
    if differing is not None:
        image[4, 6, differing] ^= 255
    expected = Image.fromarray(image).resize(
        (size, size), getattr(Image.Resampling, interpolation.upper())
    )
    np.testing.assert_array_equal(resized(image, size, interpolation), np.asarray(expected))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp", ".PNG"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_8bit_files_keep_every_value(tmp_path, suffix, pixels):
    path = tmp_path / f"image{suffix}"
    Image.fromarray(pixels).save(path)
    image = read_image(path)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pixels if pixels.ndim == 3 else as_rgb(pixels))


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_of_one_colour_keeps_it(tmp_path, suffix, mode):
    path = tmp_path / f"image{suffix}"
    Image.new("L", (16, 16), 200).convert(mode).save(path, quality=100)
    assert np.abs(read_image(path).astype(int) - 200).max() <= 1


def test_one_bit_and_palette_files_are_shown_in_their_colours(tmp_path):
    bits = GREY > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    Image.fromarray(bits).save(tmp_path / "bits.tif")
    for name in ("bits.png", "bits.tif"):
        np.testing.assert_array_equal(
            read_image(tmp_path / name), as_rgb(np.where(bits, 255, 0).astype(np.uint8))
        )

    indices = Image.fromarray((GREY % 3).astype(np.uint8), "L")
    indices.putpalette([10, 20, 30, 200, 100, 0, 1, 2, 3])
    indices.save(tmp_path / "palette.png")
    colours = np.array([[10, 20, 30], [200, 100, 0], [1, 2, 3]], dtype=np.uint8)
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), colours[GREY % 3])


def test_transparent_palette_colour_shows_the_background(tmp_path):
    indices = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "L")
    indices.putpalette([10, 20, 30, 200, 100, 0])
    indices.save(tmp_path / "palette.png", transparency=0)
    image = read_image(tmp_path / "palette.png", background=77)
    assert image.tolist() == [[[77, 77, 77], [200, 100, 0]]]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_half_transparent_pixels_mix_with_the_background(tmp_path, suffix):
    # 200 · 128/255 + 40 · 127/255 = 120.3; opaque and fully transparent are the ends.
    pixels = np.array([[[200, 200, 200, 128], [200, 10, 0, 255], [200, 10, 0, 0]]], dtype=np.uint8)
    path = tmp_path / f"rgba{suffix}"
    Image.fromarray(pixels, "RGBA").save(path)
    expected = [[[120, 120, 120], [200, 10, 0], [40, 40, 40]]]
    assert read_image(path, background=40).tolist() == expected

    grey = tmp_path / f"grey{suffix}"
    Image.fromarray(pixels[..., [0, 3]], "LA").save(grey)
    assert read_image(grey, background=40)[..., 0].tolist() == [[120, 200, 40]]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16bit_png_keeps_its_precision(tmp_path, channels):
    samples = RNG.integers(0, 4096, (5, 7, channels), dtype=np.uint16)
    alpha = channels in (2, 4)
    if alpha:
        samples[..., -1] = 65535
    write_png16(tmp_path / "wide.png", samples)
    # Shown over the 12 bits that are used: with 8 of 16 bits only 16 grey levels would be left.
    image = read_image(tmp_path / "wide.png", white_level=4095)
    colours = samples[..., :-1] if alpha else samples
    expected = np.broadcast_to(expected_8bit(colours, 4095), (5, 7, 3))
    np.testing.assert_array_equal(image, expected)


def test_a_transparent_colour_of_a_16bit_png_is_transparent_as_in_8_bit(tmp_path):
    samples = np.full((1, 2, 3), 40000, np.uint16)
    samples[0, 1] = 1000
    write_png16(tmp_path / "wide.png", samples)
    data = (tmp_path / "wide.png").read_bytes()
    key = b"tRNS" + samples[0, 1].astype(">u2").tobytes()
    chunk = struct.pack(">I", len(key) - 4) + key + struct.pack(">I", zlib.crc32(key))
    (tmp_path / "wide.png").write_bytes(data[:33] + chunk + data[33:])
    image = read_image(tmp_path / "wide.png", background=77)
    assert image[0, :, 0].tolist() == [round(40000 / 65535 * 255), 77]


@pytest.mark.parametrize("size", [20, 60])
def test_a_cut_16bit_png_is_named(tmp_path, size):
    write_png16(tmp_path / "wide.png", np.full((9, 9, 3), 40000, np.uint16))
    os.truncate(tmp_path / "wide.png", size)
    with pytest.raises(DataError, match=r"wide\.png: .*(damaged|Truncated)"):
        read_image(tmp_path / "wide.png")


def test_16bit_png_alpha_is_relative_to_the_full_range(tmp_path):
    samples = np.array([[[4095, 32768], [4095, 0]]], dtype=np.uint16)
    write_png16(tmp_path / "wide.png", samples)
    image = read_image(tmp_path / "wide.png", white_level=4095, background=10)
    assert image[0, :, 0].tolist() == [133, 10]  # 255 · ½ + 10 · ½


WIDE_TIFFS = {
    "grey": (WIDE_GREY, {}),
    "big-endian": (WIDE_GREY, {"byteorder": ">"}),
    "bigtiff": (WIDE_GREY, {"bigtiff": True}),
    "zlib": (WIDE_GREY, {"compression": "zlib"}),
    "colour": (WIDE_COLOUR, {"photometric": "rgb"}),
    "colour big-endian": (WIDE_COLOUR, {"photometric": "rgb", "byteorder": ">"}),
    "colour tiles": (WIDE_COLOUR, {"photometric": "rgb", "tile": (16, 16)}),
}


@pytest.mark.parametrize("kind", WIDE_TIFFS)
def test_16bit_tiff(tmp_path, kind):
    samples, layout = WIDE_TIFFS[kind]
    tifffile.imwrite(tmp_path / "wide.tif", samples, **layout)
    image = read_image(tmp_path / "wide.tif")
    expected = expected_8bit(samples)
    np.testing.assert_array_equal(image, expected if expected.ndim == 3 else as_rgb(expected))


def test_16bit_tiff_in_colour_planes_and_with_inverted_grey(tmp_path):
    planes = np.moveaxis(WIDE_COLOUR, -1, 0)
    tifffile.imwrite(tmp_path / "planes.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "planes.tif"), expected_8bit(WIDE_COLOUR))
    tifffile.imwrite(tmp_path / "inverted.tif", 65535 - WIDE_GREY, photometric="miniswhite")
    np.testing.assert_array_equal(
        read_image(tmp_path / "inverted.tif"), as_rgb(expected_8bit(WIDE_GREY))
    )


def test_16bit_lzw_tiff(tmp_path):
    Image.fromarray(WIDE_GREY).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(
        read_image(tmp_path / "lzw.tif"), as_rgb(expected_8bit(WIDE_GREY))
    )


def test_16bit_ends_and_white_level(tmp_path):
    tifffile.imwrite(tmp_path / "wide.tif", np.array([[0, 257, 1000, 65535]], dtype=np.uint16))
    assert read_image(tmp_path / "wide.tif")[0, :, 0].tolist() == [0, 1, 4, 255]
    at_1000 = read_image(tmp_path / "wide.tif", white_level=1000)
    assert at_1000[0, :, 0].tolist() == [0, 66, 255, 255]  # 65.5 rounds to even 66


def test_a_white_level_of_deeper_images_is_not_that_of_8_bit(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png", white_level=255).max() == GREY.max()
    with pytest.raises(DataError, match=r"grey\.png: 8-bit pixels do not reach .* 4095"):
        read_image(tmp_path / "grey.png", white_level=4095)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_tiff_is_white_at_one(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "float.tif", np.array([[-1, 0, 0.25, 1, 7]], dtype=dtype))
    assert read_image(tmp_path / "float.tif")[0, :, 0].tolist() == [0, 0, 64, 255, 255]
    doubled = read_image(tmp_path / "float.tif", white_level=2)
    assert doubled[0, :, 0].tolist() == [0, 0, 32, 128, 255]


def test_float_tiff_with_nan_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "nan.tif", np.array([[0, np.nan]], dtype=np.float32))
    with pytest.raises(DataError, match=r"nan\.tif.*not finite"):
        read_image(tmp_path / "nan.tif")


def test_32bit_integers_need_a_white_level(tmp_path):
    tifffile.imwrite(tmp_path / "long.tif", np.array([[0, 500, 1000]], dtype=np.int32))
    with pytest.raises(DataError, match=r"long\.tif.*white_level"):
        read_image(tmp_path / "long.tif")
    image = read_image(tmp_path / "long.tif", white_level=1000)
    assert image[0, :, 0].tolist() == [0, 128, 255]


def test_files_that_are_no_single_image_are_named(tmp_path):
    tifffile.imwrite(
        tmp_path / "stack.tif", np.zeros((3, 4, 5), np.uint8), photometric="minisblack"
    )
    with pytest.raises(DataError, match=r"stack\.tif.*3 pages"):
        read_image(tmp_path / "stack.tif")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(DataError, match=r"text\.png.*not an image"):
        read_image(tmp_path / "text.png")
    Image.fromarray(RNG.integers(0, 256, (99, 99, 3), dtype=np.uint8)).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cut\.jpg.*truncated"):
        read_image(tmp_path / "cut.jpg")
    tifffile.imwrite(
        tmp_path / "five.tif",
        np.zeros((4, 5, 5), np.uint16),
        photometric="minisblack",
        planarconfig="contig",
    )
    with pytest.raises(DataError, match=r"five\.tif.*5 channels"):
        read_image(tmp_path / "five.tif")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_orientation_tags_are_not_applied(tmp_path, suffix):
    exif = Image.Exif()
    exif[274] = 6  # rotated by 90°
    path = tmp_path / f"image{suffix}"
    Image.fromarray(GREY).save(path, exif=exif)
    assert read_image(path).shape == (5, 7, 3)


@pytest.mark.parametrize("low", [1, 255])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_mask_is_what_is_not_zero(tmp_path, suffix, low):
    object_ = GREY > 100
    path = tmp_path / f"mask{suffix}"
    Image.fromarray(np.where(object_, low, 0).astype(np.uint8)).save(path)
    mask = read_mask(path)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, object_)


def test_mask_ignores_alpha_and_reads_labels(tmp_path):
    opaque = np.zeros((2, 3, 4), np.uint8)
    opaque[..., 3] = 255
    opaque[0, 1, 2] = 9
    Image.fromarray(opaque, "RGBA").save(tmp_path / "rgba.png")
    assert read_mask(tmp_path / "rgba.png").tolist() == [[False, True, False], [False] * 3]
    tifffile.imwrite(tmp_path / "labels.tif", np.array([[0, 300]], np.uint16))
    assert read_mask(tmp_path / "labels.tif").tolist() == [[False, True]]


def test_apply_mask_sets_the_background():
    masked = apply_mask(COLOUR, GREY > 100, 33)
    np.testing.assert_array_equal(masked[GREY > 100], COLOUR[GREY > 100])
    assert (masked[GREY <= 100] == 33).all()
    with pytest.raises(DataError, match="image is 7×5, its mask 5×7 pixels"):
        apply_mask(COLOUR, (GREY > 100).T, 33)


def test_canvas_is_centred_and_odd_pixels_go_to_the_far_side():
    canvas = square_canvas(np.zeros((2, 5, 3), np.uint8), 9)
    assert canvas.shape == (5, 5, 3)
    assert canvas[:, 0, 0].tolist() == [9, 0, 0, 9, 9]
    canvas = square_canvas(np.zeros((6, 4, 3), np.uint8), 9)
    assert canvas[0, :, 1].tolist() == [9, 0, 0, 0, 0, 9]
    square = RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(square_canvas(square, 9), square)


def test_network_input_of_the_same_size_is_the_image_itself(tmp_path):
    pixels = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    for interpolation in ("bicubic", "bilinear", "lanczos", "nearest"):
        image = load_for_network(tmp_path / "image.png", size=32, interpolation=interpolation)
        np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "lanczos"])
def test_shrinking_is_antialiased(tmp_path, interpolation):
    # A one-pixel checkerboard has the mean 127.5 everywhere; without antialiasing it aliases.
    board = np.where(np.indices((96, 96)).sum(axis=0) % 2, 255, 0).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "board.png")
    image = load_for_network(tmp_path / "board.png", size=32, interpolation=interpolation)
    assert np.abs(image[2:-2, 2:-2].astype(float) - 127.5).max() < 3


def test_masked_and_padded_pixels_are_background_and_size_is_kept(tmp_path):
    Image.fromarray(np.full((20, 40, 3), 200, np.uint8)).save(tmp_path / "image.png")
    mask = np.zeros((20, 40), bool)
    mask[5:15, 10:30] = True
    Image.fromarray(mask).save(tmp_path / "mask.png")
    image = load_for_network(
        tmp_path / "image.png",
        size=80,
        interpolation="nearest",
        background=50,
        mask_path=tmp_path / "mask.png",
    )
    expected = np.full((80, 80, 3), 50)
    expected[30:50, 20:60] = 200  # (10 + 5 … 15) · 2 rows, (10 … 30) · 2 columns
    np.testing.assert_array_equal(image, expected)

    Image.fromarray(mask.T).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"image\.png.*40×20.*20×40"):
        load_for_network(
            tmp_path / "image.png",
            size=80,
            interpolation="nearest",
            mask_path=tmp_path / "mask.png",
        )


def test_folder_images_follow_the_manifest_and_can_be_pickled(tmp_path):
    for name, value in (("a", 10), ("b", 20)):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((6, 6), value, np.uint8)).save(tmp_path / name / "x.png")
    half = np.zeros((6, 6), bool)
    half[:3] = True
    Image.fromarray(half).save(tmp_path / "mask.png")
    table = pd.DataFrame(
        {"path": ["b/x.png", "a/x.png"], "label": ["q", "p"], "mask_path": ["mask.png"] * 2}
    )
    preprocessing = {"background": 99, "white_level": None, "mask": False}
    options = {"size": 6, "interpolation": "nearest"}
    images = FolderImages.from_manifest(table, tmp_path, preprocessing, **options)
    assert len(images) == 2
    assert (images[0] == 20).all()
    assert (images[1] == 10).all()

    again = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(again[1], images[1])

    relabelled = table.assign(label="other")
    np.testing.assert_array_equal(
        FolderImages.from_manifest(relabelled, tmp_path, preprocessing, **options)[0], images[0]
    )

    masked = FolderImages.from_manifest(table, tmp_path, preprocessing | {"mask": True}, **options)
    assert masked[0][:, 0, 0].tolist() == [20, 20, 20, 99, 99, 99]
