import pickle
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab
from skimage.measure import points_in_poly

from fovscope.datasets.design import sample_design
from fovscope.generators.sprites import (
    SPRITE_SIZES,
    PublishedSprites,
    archive_index,
    heart_outline,
    sprite,
)
from fovscope.generators.texture_dsprites import FACTORS, PALETTE, TextureDSprites, render
from fovscope.generators.textures import (
    BRODATZ,
    generated_textures,
    load_brodatz,
    load_textures,
    procedural_textures,
)
from fovscope.interpret.features import FEATURES
from fovscope.runtime.provenance import digest_file

HEART = Path(__file__).parents[3] / "shared/data/dsprites_heart_outline.npy"
SQUARE, ELLIPSE, HEART_SHAPE = 0, 1, 2
COLUMNS = [factor.column for factor in FACTORS]
SMALL = {"train_pairs": 5, "iid_train": 100, "iid_test": 100, "pairs_per_factor": 10}


def shift(image, rows, columns):
    return np.roll(image, (rows, columns), axis=(0, 1))


# Factors


def test_factors_are_the_published_ones_in_their_order():
    sizes = {"Texture": 5, "Color": 7, "Shape": 3, "Scale": 6, "Orientation": 40}
    sizes |= {"PosX": 32, "PosY": 32}
    assert {factor.name: factor.size for factor in FACTORS} == sizes
    assert list(sizes) == [factor.name for factor in FACTORS]
    assert np.prod(list(sizes.values())) == 25_804_800
    assert [f.name for f in FACTORS if f.nominal] == ["Texture", "Color", "Shape"]
    assert [f.name for f in FACTORS if f.nuisance] == ["PosX", "PosY"]


def test_every_handcrafted_feature_is_the_counterpart_of_one_factor():
    counterparts = [name for factor in FACTORS for name in factor.counterparts]
    assert sorted(counterparts) == sorted(FEATURES)


# Sprites


@pytest.mark.parametrize(("scale", "area"), list(enumerate([100, 144, 196, 256, 324, 400])))
def test_square_areas_are_the_published_ones_at_any_position(scale, area):
    along_x = {int(sprite(SQUARE, scale, 0, x, 7).sum()) for x in range(32)}
    along_y = {int(sprite(SQUARE, scale, 0, 20, y).sum()) for y in range(32)}
    assert along_x == along_y == {area}


def test_centre_is_within_half_a_pixel_of_the_published_rule():
    for k in range(32):
        row, column = np.argwhere(sprite(SQUARE, 5, 0, k, 31 - k)).mean(axis=0)
        assert column == pytest.approx(15.5 + 32 * k / 31, abs=0.5)
        assert row == pytest.approx(15.5 + 32 * (31 - k) / 31, abs=0.5)
    np.testing.assert_array_equal(
        np.argwhere(sprite(SQUARE, 5, 0, 0, 31)).mean(axis=0), [47.5, 15.5]
    )


def test_every_position_gives_another_image():
    images = {sprite(HEART_SHAPE, 2, 3, x, 0).tobytes() for x in range(32)}
    assert len(images) == 32


def test_first_and_last_orientation_coincide_and_others_do_not():
    for shape in (SQUARE, ELLIPSE, HEART_SHAPE):
        np.testing.assert_array_equal(sprite(shape, 5, 0, 3, 4), sprite(shape, 5, 39, 3, 4))
    assert len({sprite(HEART_SHAPE, 5, o, 3, 4).tobytes() for o in range(40)}) == 39


@pytest.mark.parametrize("orientation", [0, 5, 17])
def test_areas_follow_the_geometry(orientation):
    for scale in range(6):
        s = 0.5 + 0.1 * scale
        areas = [int(sprite(shape, scale, orientation, 9, 9).sum()) for shape in range(3)]
        expected = np.array([19.2**2, np.pi * 12.8 * 7.2, 225.0]) * s**2
        np.testing.assert_allclose(areas, expected, rtol=0.1)


def test_ellipse_extent_is_twice_its_semi_axes():
    rows, columns = np.nonzero(sprite(ELLIPSE, 5, 0, 0, 0))
    assert np.ptp(columns) + 1 == 26  # pixels at ±0.5 .. ±12.5
    assert np.ptp(rows) + 1 == 14


def test_heart_turns_clockwise_with_its_tip_down_at_first():
    def tip(orientation):  # the far end of the long axis, from the anchor at (15.5, 15.5)
        offset = np.argwhere(sprite(HEART_SHAPE, 5, orientation, 0, 0)).mean(axis=0) - 15.5
        return -offset  # the centroid lies opposite to the tip

    down, left = tip(0), tip(10)  # 10/39 of a turn: just past a quarter
    assert down[0] > 1.8
    assert abs(down[1]) < 0.1
    assert left[1] < -1.8


def test_heart_has_the_measured_size_and_centroid():
    outline = heart_outline()
    # The measured 64-gon spans 19.53 × 18.16 pixels.
    np.testing.assert_allclose(np.ptp(outline, axis=0), [19.5, 18.2], atol=0.3)
    centroid = np.argwhere(sprite(HEART_SHAPE, 5, 0, 0, 0)).mean(axis=0) - 15.5
    np.testing.assert_allclose(centroid, [-2, 0], atol=0.1)
    half = sprite(HEART_SHAPE, 5, 0, 0, 0)[:, :32]
    np.testing.assert_array_equal(half, half[:, ::-1])  # mirror-symmetric


@pytest.mark.skipif(not HEART.exists(), reason="measured outline not at ../shared/data")
def test_heart_matches_the_measured_outline():
    fine = np.arange(-12, 12, 0.1)
    points = np.stack(np.meshgrid(fine, fine), axis=-1).reshape(-1, 2)
    ours, measured = points_in_poly(points, heart_outline()), points_in_poly(points, np.load(HEART))
    assert (ours & measured).sum() / (ours | measured).sum() > 0.97


# Published archive: a small one with other sizes and the same order of factors

SIZES = (3, 2, 5, 2, 2)


@pytest.fixture
def archive(tmp_path):
    images = np.random.default_rng(0).integers(0, 2, (120, 64, 64), dtype=np.uint8)
    path = tmp_path / "dsprites.npz"
    np.savez_compressed(path, latents_values=np.zeros((120, 6)), imgs=images)
    return path, images


def test_the_archive_is_ordered_by_shape_first_and_position_y_last():
    last = np.array(SPRITE_SIZES) - 1
    assert archive_index(last) == 737_279
    assert archive_index([1, 0, 0, 0, 0]) == 737_280 // 3
    assert archive_index([0, 0, 0, 0, 1]) == 1
    with pytest.raises(ValueError, match="invalid entry"):
        archive_index([0, 6, 0, 0, 0])


def test_published_sprites_are_found_by_their_factors(archive):
    path, images = archive
    wanted = np.array([[2, 1, 4, 1, 1], [0, 0, 0, 0, 1], [1, 0, 3, 1, 0], [0, 0, 0, 0, 1]])
    published = PublishedSprites(path, wanted, SIZES)
    for factors in wanted:
        np.testing.assert_array_equal(
            published(*factors.tolist()), images[archive_index(factors, SIZES)]
        )
    with pytest.raises(KeyError, match="not of this design"):
        published(0, 0, 0, 0, 0)


def test_streaming_crosses_blocks(tmp_path):
    images = np.zeros((3 * 2 * 40 * 32 * 2, 64, 64), np.uint8)  # more than one block of 2048
    images[np.arange(len(images)), np.arange(len(images)) % 64, 7] = 1
    np.savez_compressed(tmp_path / "big.npz", imgs=images)
    sizes = (3, 2, 40, 32, 2)
    wanted = np.array([[0, 0, 31, 31, 1], [0, 0, 32, 0, 0], [2, 1, 39, 31, 1]])  # 2047, 2048, last
    published = PublishedSprites(tmp_path / "big.npz", wanted, sizes)
    for factors in wanted:
        expected = images[archive_index(factors, sizes)]
        np.testing.assert_array_equal(published(*factors.tolist()), expected)


def test_another_file_is_refused(tmp_path, archive):
    one = np.zeros((1, 5), int)
    with pytest.raises(ValueError, match=r"imgs.*expected dsprites_ndarray"):
        PublishedSprites(archive[0], one)  # too few images for the published sizes
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    for name in ("text.npz", "other.npz"):
        with pytest.raises(ValueError, match=rf"{name}: .*expected dsprites_ndarray"):
            PublishedSprites(tmp_path / name, one, SIZES)


# Textures


@pytest.mark.parametrize("make", [generated_textures, procedural_textures])
def test_generated_textures_differ_clearly_and_are_never_white(make):
    textures = make()
    assert textures.shape == (5, 224, 224)
    assert textures.dtype == np.float32
    assert textures.min() >= 0
    assert textures.max() < 1
    assert (textures.std(axis=(1, 2)) > 0.08).all()
    spectra = np.abs(np.fft.rfft2(textures - textures.mean(axis=(1, 2), keepdims=True)))
    similarity = np.corrcoef(spectra.reshape(5, -1)) - np.eye(5)
    assert similarity.max() < 0.75
    np.testing.assert_array_equal(textures, make())


def test_procedural_textures_differ_on_the_smallest_object():
    # The smallest square is 10 sprite pixels, 35 image pixels. Grey levels and their steps
    # from pixel to pixel tell any two textures apart on every patch of that size.
    patches = procedural_textures()[:, :210, :210].reshape(5, 6, 35, 6, 35).swapaxes(2, 3)
    contrast = patches.std(axis=(3, 4))
    step = np.abs(np.diff(patches, axis=4)).mean(axis=(3, 4))
    described = np.stack([contrast, step], axis=-1).reshape(5, -1, 2)
    for first, second in combinations(range(5), 2):
        means = described[first].mean(0) - described[second].mean(0)
        spread = np.maximum(described[first].std(0), described[second].std(0))
        assert (np.abs(means) / spread).max() > 3, (first, second)


def test_the_configuration_chooses_the_textures(tmp_path):
    np.testing.assert_array_equal(load_textures(None), generated_textures())
    np.testing.assert_array_equal(load_textures("procedural"), procedural_textures())
    with pytest.raises(ValueError, match="no such folder"):
        load_textures(str(tmp_path / "none"))


def test_brodatz_is_cropped_and_scaled_whatever_the_suffix(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (5, 260, 250), dtype=np.uint8)
    files = ["D11.png", "d40.PNG", "D23.tif", "D109.bmp", "D102.tiff"]
    for name, image in zip(files, grey, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    Image.fromarray(grey[0]).save(tmp_path / "D11_COLORED.png")
    textures = load_brodatz(tmp_path)
    assert textures.dtype == np.float32
    np.testing.assert_allclose(textures, grey[:, 20:244, 20:244] / 255, atol=1e-6)


def test_missing_or_small_brodatz_images_are_named(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        load_brodatz(tmp_path / "none")
    for name in BRODATZ[:3]:
        Image.new("L", (640, 640)).save(tmp_path / f"{name}.png")
    with pytest.raises(ValueError, match="no image D109, D102"):
        load_brodatz(tmp_path)
    for name in BRODATZ[3:]:
        Image.new("L", (240, 640)).save(tmp_path / f"{name}.png")
    with pytest.raises(ValueError, match=r"D109\.png: L image of 240×640"):
        load_brodatz(tmp_path)


# Rendering


def render_by_definition(factors, image, textures):
    """The four steps of the method on whole images."""
    coloured = np.rint(255 * image[..., None] * PALETTE[factors[1]]).astype(np.uint8)
    enlarged = np.asarray(Image.fromarray(coloured).resize((224, 224), Image.Resampling.BILINEAR))
    return np.rint(enlarged * textures[factors[0]][..., None].astype(float)).astype(np.uint8)


def test_palette_is_white_and_six_husl_colours():
    # husl colours of one lightness have one CIE lightness.
    np.testing.assert_array_equal(PALETTE[0], 1)
    lightness = rgb2lab(PALETTE[None, 1:])[0, :, 0]
    np.testing.assert_allclose(lightness, 69.3, atol=0.01)


def test_render_equals_the_definition():
    textures = generated_textures()
    design = sample_design(FACTORS, **SMALL)
    for factors in design[COLUMNS].to_numpy().tolist():
        image = sprite(*factors[2:])
        np.testing.assert_array_equal(
            render(factors, image, textures), render_by_definition(factors, image, textures)
        )


@pytest.mark.parametrize("box", [(0, 0, 5, 5), (58, 59, 64, 64), (0, 31, 64, 32), (3, 3, 3, 3)])
def test_render_equals_the_definition_at_the_border(box):
    image = np.zeros((64, 64), np.uint8)
    image[box[0] : box[2], box[1] : box[3]] = 1
    textures = generated_textures()
    factors = [1, 4, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(
        render(factors, image, textures), render_by_definition(factors, image, textures)
    )


def test_texture_is_fixed_in_image_coordinates():
    # Both images show the same texture pixel where both objects are: only the mask moves.
    textures = generated_textures()
    first, second = (render([2, 0], sprite(SQUARE, 5, 0, x, 8), textures) for x in (8, 10))
    both = (sprite(SQUARE, 5, 0, 8, 8) & sprite(SQUARE, 5, 0, 10, 8)).astype(np.uint8)
    inner = np.asarray(Image.fromarray(both * 255).resize((224, 224), Image.Resampling.BILINEAR))
    inner = inner == 255
    assert inner.sum() > 1000
    np.testing.assert_array_equal(first[inner], second[inner])


def test_source_serves_its_design_and_survives_pickling():
    design = sample_design(FACTORS, **SMALL)
    images = pickle.loads(pickle.dumps(TextureDSprites().images(design, seed=0)))
    assert len(images) == len(design)
    factors = design.loc[7, COLUMNS].tolist()
    expected = render_by_definition(factors, sprite(*factors[2:]), generated_textures())
    assert images[7].dtype == np.uint8
    np.testing.assert_array_equal(images[7], expected)


def test_one_drawing_is_the_image_of_the_table_with_its_object_as_mask():
    design = sample_design(FACTORS, **SMALL)
    generator = TextureDSprites()
    images = generator.images(design, seed=0)
    for row in range(0, 250, 50):
        values = {factor.name: int(design[factor.column][row]) for factor in FACTORS}
        drawing = generator.render(values, np.random.default_rng(0))
        np.testing.assert_array_equal(drawing.image, images[row])
        assert not drawing.image[drawing.mask == 0].max(initial=0) > 128  # half of the edge
        area = sprite(*list(values.values())[2:]).sum() * 3.5**2
        assert drawing.mask.sum() == pytest.approx(area, rel=0.05)


def test_a_published_archive_and_textures_are_used_and_digested(tmp_path, monkeypatch):
    sizes = (3, 6, 40, 1, 1)  # a small archive with all orientations
    monkeypatch.setattr("fovscope.generators.sprites.SPRITE_SIZES", sizes)
    monkeypatch.setattr(PublishedSprites.__init__, "__defaults__", (sizes,))
    pixels = np.random.default_rng(0).integers(0, 2, (720, 64, 64), dtype=np.uint8)
    np.savez(tmp_path / "dsprites.npz", imgs=pixels)
    generator = TextureDSprites(sprites=str(tmp_path / "dsprites.npz"), textures="procedural")
    design = sample_design(FACTORS, **SMALL).assign(factor_PosX=0, factor_PosY=0)
    values = design.loc[3, COLUMNS].tolist()
    expected = render(values, pixels[archive_index(values[2:], sizes)], procedural_textures())
    np.testing.assert_array_equal(generator.images(design, seed=0)[3], expected)
    by_name = {factor.name: value for factor, value in zip(FACTORS, values, strict=True)}
    drawing = generator.render(by_name, np.random.default_rng(0))
    np.testing.assert_array_equal(drawing.image, expected)
    made_of = generator.made_of()
    assert made_of["sprites"] == digest_file(tmp_path / "dsprites.npz")
    other = TextureDSprites()
    assert other.made_of()["sprites"] == "rendered"
    assert other.made_of()["textures"] != made_of["textures"]


def test_the_first_and_the_last_orientation_are_one_image():
    period = next(factor.period for factor in FACTORS if factor.name == "Orientation")
    values = dict.fromkeys([factor.name for factor in FACTORS], 1)
    first, second, end = (
        TextureDSprites().render(values | {"Orientation": value}, np.random.default_rng(0)).image
        for value in (0, 1, int(period))
    )
    np.testing.assert_array_equal(first, end)
    assert (first != second).any()
