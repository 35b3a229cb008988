"""What image files store: any layout is shown as the file says, or refused by name."""

import io
import itertools
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from fovscope.datasets.listing import DataError
from fovscope.images.read import read_image
from fovscope.images.stored import read_stored

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (24, 20), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (24, 20, 3), dtype=np.uint8)

COLOURS = {"minisblack": 1, "miniswhite": 1, "mask": 1, "rgb": 3, "separated": 4}
REFUSED_COLOURS = {"cielab": 3, "ycbcr": 3, "cfa": 1}
BACKGROUND = 40


# Any TIFF ---------------------------------------------------------------------------------


@st.composite
def tiffs(draw):
    """Draw an array, and how tifffile is to write it."""
    photometric = draw(st.sampled_from([*COLOURS, *REFUSED_COLOURS]))
    dtype = np.dtype(draw(st.sampled_from(["?", "u1", "u2", "u4", "i1", "i2", "f2", "f4", "f8"])))
    colours = (COLOURS | REFUSED_COLOURS)[photometric]
    extra = draw(st.sampled_from([(), (), (0,), (1,), (2,), (0, 0), (0, 2)]))
    channels = colours + len(extra)
    bits = draw(st.sampled_from([None, None, 12 if dtype == "u2" else 4]))
    bits = bits if dtype.kind == "u" and dtype.itemsize < 4 else None
    top = 2 ** (bits or dtype.itemsize * 8) - 1 if dtype.kind == "u" else 1
    seed = draw(st.integers(0, 2**32 - 1))
    samples = np.random.default_rng(seed).uniform(0, 1, (17, 23, channels)) * top
    samples = (np.rint(samples) if dtype.kind != "f" else samples).astype(dtype)
    separate = channels > 1 and draw(st.booleans())
    how = {
        "photometric": photometric,
        "extrasamples": extra or None,
        "bitspersample": bits,
        # tifffile loses bits where it packs those of big-endian samples.
        "byteorder": "<" if bits else draw(st.sampled_from("<>")),
        "bigtiff": draw(st.booleans()),
        "tile": draw(st.sampled_from([None, (16, 16)])),
        "compression": draw(st.sampled_from([None, None, "zlib", "lzw", "packbits", "zstd"])),
        "predictor": draw(st.booleans()) or None,
        "metadata": None,
    }
    if channels > 1:
        how["planarconfig"] = "separate" if separate else "contig"
    if how["compression"] is None or bits or dtype.kind == "b":
        how["predictor"] = None
    if how["tile"] is None:
        how["rowsperstrip"] = draw(st.sampled_from([5, 17]))
    return samples, how


def as_stored(samples, how):
    planes = np.moveaxis(samples, 2, 0)
    if samples.shape[2] == 1:
        return samples[..., 0]
    return planes if how["planarconfig"] == "separate" else samples


def shown(samples, how):
    """Return what a file shows by TIFF 6.0, 0 to 1, laid over the background; None: refused."""
    extra, photometric, dtype = how["extrasamples"] or (), how["photometric"], samples.dtype
    if photometric not in COLOURS or extra not in ((), (1,), (2,)):
        return None
    bits = how["bitspersample"] or (1 if dtype.kind == "b" else dtype.itemsize * 8)
    if dtype.kind in "iu" and (dtype.kind == "i" or bits > 16):
        return None  # no usual white
    if photometric in ("miniswhite", "separated") and (dtype.kind == "f" or extra == (1,)):
        return None  # 0 is white, but which value is black?
    if dtype.kind == "b" and how.get("planarconfig") == "contig":
        return None  # tifffile does not write this as TIFF 6.0 says
    values = samples.astype(float) / (2**bits - 1 if dtype.kind != "f" else 1)
    colours, alpha = np.split(values, [COLOURS[photometric]], axis=2)
    if photometric == "miniswhite":
        colours = 1 - colours
    if photometric == "separated":
        colours = (1 - colours[..., :3]) * (1 - colours[..., 3:])
    if extra == (2,):
        colours = colours * alpha
    if extra:  # multiplied colours are no brighter than their alpha
        colours = np.minimum(colours, alpha) + BACKGROUND / 255 * (1 - alpha)
    return np.broadcast_to(colours, (*colours.shape[:2], 3))


@settings(deadline=None, max_examples=200)
@given(tiffs())
def test_any_tiff_is_read_as_it_says_or_refused_by_name(tmp_path_factory, tiff):
    samples, how = tiff
    path = tmp_path_factory.mktemp("any") / "any.tif"
    try:
        tifffile.imwrite(path, as_stored(samples, how), **how)
    except (ValueError, NotImplementedError):  # tifffile cannot write this
        assume(False)
    expected = shown(samples, how)
    if expected is None:
        with pytest.raises(DataError, match=r"any\.tif: (has|stores|u?int\d+ pixels)") as error:
            read_image(path, background=BACKGROUND)
        assert "damaged" not in str(error.value)
        return
    image = read_image(path, background=BACKGROUND)
    # Colours that were multiplied by alpha, or are of inks, are rounded on the way.
    rounded = how["extrasamples"] or how["photometric"] == "separated"
    atol = 1.01 if rounded else 0.501
    np.testing.assert_allclose(image, expected * 255, atol=atol)


@pytest.mark.parametrize(
    ("compression", "dtype"),
    [
        *itertools.product(["jpeg2000", "jpegxl", "lzma", "png", "jpegxr", "lerc"], ["u1", "u2"]),
        ("webp", "u1"),
    ],
)
def test_every_lossless_compression_of_tifffile(tmp_path, compression, dtype):
    samples = COLOUR.astype(dtype) * np.dtype(dtype).type(np.iinfo(dtype).max // 255)
    lossless = {"webp": {"lossless": True}, "jpegxr": {"level": 1.0}}.get(compression)
    options = {"compression": compression, "compressionargs": lossless, "photometric": "rgb"}
    tifffile.imwrite(tmp_path / "x.tif", samples, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), COLOUR)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "raw", "tiff_lzw"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_bilevel_files_show_what_pillow_shows(tmp_path, compression, photometric):
    info = {262: photometric}
    Image.fromarray(GREY > 127).save(tmp_path / "b.tif", compression=compression, tiffinfo=info)
    with Image.open(tmp_path / "b.tif") as image:
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif"), expected)


@pytest.mark.parametrize("photometric", ["rgb", "minisblack"])
def test_jpeg_in_tiff_is_what_pillow_decodes(tmp_path, photometric):
    smooth = np.asarray(Image.fromarray(COLOUR).resize((64, 48)))
    smooth = smooth if photometric == "rgb" else smooth[..., 0]
    tifffile.imwrite(tmp_path / "j.tif", smooth, compression="jpeg", photometric=photometric)
    with Image.open(tmp_path / "j.tif") as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / "j.tif") - expected).max() <= 3


def test_white_of_12_bit_is_4095(tmp_path):
    samples = np.array([[0, 1000, 4095]], np.uint16)
    tifffile.imwrite(tmp_path / "12.tif", samples, bitspersample=12)
    assert read_image(tmp_path / "12.tif")[0, :, 0].tolist() == [0, 62, 255]
    set_by_hand = read_image(tmp_path / "12.tif", white_level=2000)
    assert set_by_hand[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("scale", [257, 256, 1])
def test_a_tiff_palette_of_16_bit_or_wrongly_of_8(tmp_path, scale):
    palette = RNG.integers(0, 256, (3, 256), dtype=np.uint16)
    how = {"photometric": "palette", "colormap": palette * np.uint16(scale)}
    tifffile.imwrite(tmp_path / "p.tif", GREY, **how)
    np.testing.assert_array_equal(read_image(tmp_path / "p.tif"), palette.T[GREY])


def test_the_same_pixels_are_the_same_samples_in_every_format(tmp_path):
    for samples in (GREY, COLOUR):
        tifffile.imwrite(tmp_path / "a.tif", samples)
        for name in ("b.tif", "c.png", "d.bmp"):
            Image.fromarray(samples).save(tmp_path / name)
        for path in tmp_path.iterdir():
            stored = read_stored(path.read_bytes(), path)
            np.testing.assert_array_equal(stored.samples, np.atleast_3d(samples))


@pytest.mark.parametrize(
    ("dtype", "bits", "channels"),
    [("uint8", 8, 3), ("uint16", 16, 1), ("uint16", 16, 3), ("uint16", 16, 4), ("uint16", 12, 3)],
)
def test_jpeg_2000_keeps_its_samples_and_its_white(dtype, bits, channels):
    samples = RNG.integers(0, 2**bits, (32, 40, channels)).astype(dtype)
    samples[0] = 2**bits - 1
    options = {"level": 0, "reversible": True, "bitspersample": bits}
    for kind in ("jp2", "j2k"):
        data = imagecodecs.jpeg2k_encode(samples.squeeze(), codecformat=kind, **options)
        stored = read_stored(data, Path("x.tif"))
        np.testing.assert_array_equal(stored.samples, samples)
        assert stored.full_scale == 2**bits - 1
        assert stored.alpha == ("straight" if channels == 4 else "none")


def test_jpeg_2000_with_a_sign_has_no_usual_white():
    data = imagecodecs.jpeg2k_encode(np.full((32, 32), -5, np.int16), level=0, reversible=True)
    stored = read_stored(data, Path("x.tif"))
    assert (stored.samples == -5).all()
    assert stored.full_scale is None


# Several images ---------------------------------------------------------------------------


def saved(images, kind, **options):
    stream = io.BytesIO()
    images[0].save(stream, kind, save_all=True, append_images=images[1:], **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "MPO", "WEBP"])
def test_frames_are_images_of_their_own(tmp_path, kind):
    frames = [Image.fromarray(np.roll(COLOUR, i, axis=0)) for i in range(3)]
    path = tmp_path / "film.png"
    path.write_bytes(saved(frames, kind))
    with pytest.raises(DataError, match=r"film\.png: has 3 frames; save each"):
        read_image(path)
    path.write_bytes(saved(frames[:1], kind))
    assert read_image(path).shape == COLOUR.shape


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"imagej": True}, "pages"),
        ({"ome": True}, "pages"),
        ({"metadata": None}, "pages"),
        ({"imagej": True, "truncate": True}, "planes"),
        ({"truncate": True}, "planes"),
    ],
)
def test_stacks_are_refused_with_their_number(tmp_path, dtype, colours, options, what):
    if (options.get("imagej") or dtype is bool) and (colours == 3 or dtype is bool):
        dtype = np.uint8  # ImageJ has no bits, and colours of 8 bit only
    stack = np.zeros((5, 24, 20, 3) if colours == 3 else (5, 24, 20), dtype)
    photometric = "rgb" if colours == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric=photometric, **options)
    with pytest.raises(DataError, match=rf"stack\.tif: has 5 {what}"):
        read_image(tmp_path / "stack.tif")


def test_a_volume_of_one_page_is_refused(tmp_path):
    volume = np.zeros((1, 16, 32, 32), np.uint8)
    tifffile.imwrite(tmp_path / "v.tif", volume, volumetric=True, tile=(16, 16, 16))
    with pytest.raises(DataError, match="has 16 planes"):
        read_image(tmp_path / "v.tif")


def test_a_file_of_a_set_that_ome_describes_is_one_image(tmp_path):
    """Each file of such a set describes all its files."""
    with tifffile.TiffWriter(tmp_path / "set.tif", ome=True) as tiff:
        tiff.write(np.zeros((5, 24, 20), np.uint8), photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "set.tif") as tiff:
        description = tiff.ome_metadata
    tifffile.imwrite(tmp_path / "one.tif", GREY, description=description, metadata=None)
    np.testing.assert_array_equal(read_image(tmp_path / "one.tif")[..., 0], GREY)


def test_one_plane_with_the_description_of_its_stack_is_one_image(tmp_path):
    description = "ImageJ=1.54f\nimages=5\nslices=5\nloop=false\n"
    tifffile.imwrite(tmp_path / "plane.tif", GREY, description=description, metadata=None)
    np.testing.assert_array_equal(read_image(tmp_path / "plane.tif")[..., 0], GREY)


# What cannot be read ----------------------------------------------------------------------


def overwritten(path, **tags):
    """Write a small TIFF and set tags to what tifffile would not write."""
    tifffile.imwrite(path, GREY, metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for name, value in tags.items():
            tiff.pages.first.tags[name].overwrite(value)
    return path


@pytest.mark.parametrize(
    ("method", "name"), [(34661, "JBIG"), (32809, "THUNDERSCAN"), (48124, "JETRAW"), (9999, "9999")]
)
def test_a_compression_without_decoder_is_named_and_not_called_damage(tmp_path, method, name):
    path = overwritten(tmp_path / "x.tif", Compression=method)
    with pytest.raises(DataError, match=rf"x\.tif: is compressed by .*{name}.*LZW") as error:
        read_image(path)
    assert "damaged" not in str(error.value)


def huge_png():
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def test_huge_images_get_a_remedy(tmp_path):
    tiff = overwritten(tmp_path / "huge.tif", ImageWidth=20000, ImageLength=20000)
    (tmp_path / "huge.png").write_bytes(huge_png())
    for path in (tiff, tmp_path / "huge.png"):
        with pytest.raises(DataError, match=r"more than 178,956,970 pixels; cut it into"):
            read_image(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_a_tiff_that_lacks_its_end_is_damaged(tmp_path, compression, tile):
    tifffile.imwrite(tmp_path / "cut.tif", GREY, compression=compression, tile=tile)
    data = (tmp_path / "cut.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[:-30])
    with pytest.raises(DataError, match=r"cut\.tif: is damaged: 1 of its \d strips or tiles"):
        read_image(tmp_path / "cut.tif")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty; copy it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (bytes(128) + b"DICM" + bytes(99), "DICOM.*save it as PNG or TIFF"),
        (b"\0\0\0\x18ftypheic" + bytes(99), "HEIF.*save it as PNG or TIFF"),
        (b"\xff\xd8\xff\xe0" + bytes(99), "JPEG.*save it as PNG or TIFF"),
        (b"<html>404</html>", "not an image"),
        (b"\x93NUMPY\x01\0" + bytes(99), "a NumPy array.*save it as PNG or TIFF"),
        (b"PK\x03\x04" + bytes(99), "an archive"),
        (b"p\0\0\0" + bytes(99), "a LIF file of Leica"),
    ],
)
def test_files_that_only_bear_the_name_of_an_image(tmp_path, content, words):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.png: is .*{words}"):
        read_image(tmp_path / "x.png")


def test_a_preview_is_not_taken_for_the_image(tmp_path):
    tifffile.imwrite(tmp_path / "raw.tif", GREY, subfiletype=1)
    with pytest.raises(DataError, match=r"raw\.tif: is camera raw data"):
        read_image(tmp_path / "raw.tif")


def test_samples_without_a_meaning_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "c.tif", GREY.astype(np.complex64))
    with pytest.raises(DataError, match=r"c\.tif: has samples of 64 bit and format COMPLEXIEEEFP"):
        read_image(tmp_path / "c.tif")
    inks = {"photometric": "separated", "extratags": [(332, 3, 1, 2, True)]}
    tifffile.imwrite(tmp_path / "inks.tif", np.zeros((24, 20, 4), np.uint8), **inks)
    with pytest.raises(DataError, match=r"inks\.tif: stores inks other than CMYK"):
        read_image(tmp_path / "inks.tif")


@pytest.mark.parametrize("first", ["image", "thumbnail"])
def test_a_smaller_copy_for_viewers_is_no_second_image(tmp_path, first):
    image = COLOUR
    pages = [(image, 0), (image[::2, ::2], 1)]
    with tifffile.TiffWriter(tmp_path / "x.tif") as tiff:
        for page, kind in pages if first == "image" else reversed(pages):
            tiff.write(page, photometric="rgb", subfiletype=kind, metadata=None)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), image)


def test_the_transparent_grey_of_a_16_bit_png_is_transparent(tmp_path):
    grey = np.arange(6, dtype=np.uint16).reshape(2, 3) * 257

    def chunk(kind, data):
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in grey)
    header = struct.pack(">IIBBBBB", 3, 2, 16, 0, 0, 0, 0)
    parts = [
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", header),
        chunk(b"tRNS", struct.pack(">H", 4 * 257)),
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    ]
    (tmp_path / "x.png").write_bytes(b"".join(parts))
    shown = read_image(tmp_path / "x.png", background=99)
    np.testing.assert_array_equal(shown[..., 0], [[0, 1, 2], [3, 99, 5]])
