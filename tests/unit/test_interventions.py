"""do() on shapes whose size, form, direction and colour are known by construction."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from fovscope import FovscopeError
from fovscope.generators.synthetic_cells import generate_cells
from fovscope.images.read import square_canvas
from fovscope.interpret.handcrafted import CANVAS, measure_object
from fovscope.interpret.segmentation import segment_object
from fovscope.interventions.edit import Reach, Subject, edit, own_settings
from fovscope.interventions.paint import EditError
from fovscope.interventions.placement import pose_of
from fovscope.interventions.settings import FACTORS, allowed, reasons_against, usable
from fovscope.interventions.sheet import edit_sheet, steps

SIDE = 128
Y, X = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2


def ellipse(a, b, degrees=0.0, x=0.0, y=0.0):
    angle = np.deg2rad(degrees)
    u = (X - x) * np.cos(angle) - (Y - y) * np.sin(angle)
    v = (X - x) * np.sin(angle) + (Y - y) * np.cos(angle)
    return (u / a) ** 2 + (v / b) ** 2 < 1


def subject(mask, background, colour, *, noise=3.0, grain=0.0, seed=0):
    """A mask as a picture: one colour on another, blurred by a lens, with detail and noise."""
    rng = np.random.default_rng(seed)
    image = np.where(mask[..., np.newaxis], colour, background).astype(float)
    if grain:
        detail = gaussian_filter(rng.normal(size=mask.shape), 1.2)
        image += (grain * detail / detail.std() * mask)[..., np.newaxis]
    image = gaussian_filter(image, (0.6, 0.6, 0)) + rng.normal(0, noise, image.shape)
    return Subject(image.clip(0, 255).round().astype(np.uint8), mask)


BLUE, PINK, GREY = (60, 70, 160), (200, 90, 150), (110, 110, 110)
SUBJECTS = {
    "disc, stained": subject(ellipse(28, 28), (235, 230, 225), PINK),
    "ellipse, stained": subject(ellipse(36, 20, 30), (235, 230, 225), BLUE),
    "ellipse, fluorescent": subject(ellipse(32, 22, 120), (8, 6, 10), (40, 150, 60)),
    "ring, silhouette": subject(ellipse(34, 26, 70), (255, 255, 255), GREY, noise=0),
    "textured, off centre": subject(
        ellipse(30, 21, 160, 9, -6), (180, 185, 175), (120, 80, 110), grain=12
    ),
}
RING = SUBJECTS["ring, silhouette"].image
RING[ellipse(20, 14, 70)] = 255

subjects = pytest.mark.parametrize("name", SUBJECTS)


def rng(seed=0):
    return np.random.default_rng(seed)


def distance(a, b, period):
    return abs((a - b + period / 2) % period - period / 2)


EDGE = 1.7
"""Pixels by which Otsu's threshold on root distances finds all of these objects too wide; the
diameter of an object is that of its mask."""


def measured(drawing):
    """What is measured with the mask of the drawing, and with one found on its image alone."""
    found = measure_object(drawing.image, segment_object(drawing.image).mask)
    found["equivalent_diameter"] -= EDGE
    return [measure_object(drawing.image, drawing.mask > 0), found]


@subjects
def test_nothing_set_leaves_the_natural_image(name):
    natural = Image.fromarray(SUBJECTS[name].image).resize((CANVAS, CANVAS), Image.BICUBIC)
    drawing = edit(SUBJECTS[name], {}, rng=rng())
    assert np.abs(drawing.image.astype(int) - np.asarray(natural)).max() <= 1


@subjects
def test_own_values_leave_the_natural_image(name):
    own = own_settings(SUBJECTS[name])
    own = {key: value for key, value in own.items() if not np.isnan(value)}
    natural = Image.fromarray(SUBJECTS[name].image).resize((CANVAS, CANVAS), Image.BICUBIC)
    difference = edit(SUBJECTS[name], own, rng=rng()).image.astype(float) - np.asarray(natural)
    assert np.sqrt(np.mean(difference**2)) < 1


@subjects
@pytest.mark.parametrize("value", [70.0, 100.0, 135.0])
def test_size(name, value):
    own = own_settings(SUBJECTS[name])
    for features in measured(edit(SUBJECTS[name], {"Size": value}, rng=rng())):
        assert features["equivalent_diameter"] == pytest.approx(value, rel=0.02)
        assert features["elongation"] == pytest.approx(own["Elongation"], rel=0.03)
        assert features["value"] == pytest.approx(own["Intensity"], abs=0.02)
        if own["Elongation"] > 1.2:
            assert distance(features["orientation"], own["Orientation"], 180) < 2


@subjects
@pytest.mark.parametrize("value", [1.0, 1.5, 2.2])
def test_elongation(name, value):
    own = own_settings(SUBJECTS[name])
    for features in measured(edit(SUBJECTS[name], {"Elongation": value}, rng=rng())):
        assert features["elongation"] == pytest.approx(value, rel=0.03)
        assert features["equivalent_diameter"] == pytest.approx(own["Size"], rel=0.02)
        if value > 1.2:
            assert distance(features["orientation"], own["Orientation"], 180) < 2


@pytest.mark.parametrize("name", [name for name in SUBJECTS if not name.startswith("disc")])
@pytest.mark.parametrize("value", [0.0, 45.0, 100.0, 179.0])
def test_orientation(name, value):
    own = own_settings(SUBJECTS[name])
    for features in measured(edit(SUBJECTS[name], {"Orientation": value}, rng=rng())):
        assert distance(features["orientation"], value, 180) < 2
        assert features["equivalent_diameter"] == pytest.approx(own["Size"], rel=0.02)
        assert features["elongation"] == pytest.approx(own["Elongation"], rel=0.03)


@pytest.mark.parametrize("name", [name for name in SUBJECTS if not name.startswith("ring")])
@pytest.mark.parametrize("value", [10.0, 130.0, 350.0])
def test_hue(name, value):
    own = own_settings(SUBJECTS[name])
    for features in measured(edit(SUBJECTS[name], {"Hue": value}, rng=rng())):
        assert distance(features["hue"], value, 360) < 3
        assert features["value"] == pytest.approx(own["Intensity"], abs=0.02)
        assert features["equivalent_diameter"] == pytest.approx(own["Size"], rel=0.02)


@subjects
@pytest.mark.parametrize("change", [-0.15, 0.1])
def test_intensity(name, change):
    own = own_settings(SUBJECTS[name])
    value = own["Intensity"] + change
    drawing = edit(SUBJECTS[name], {"Intensity": value}, rng=rng())
    features = measure_object(drawing.image, drawing.mask > 0)
    assert features["value"] == pytest.approx(value, abs=0.02)
    assert features["equivalent_diameter"] == pytest.approx(own["Size"], rel=0.02)
    if not np.isnan(own["Hue"]):
        assert distance(features["hue"], own["Hue"], 360) < 3


@pytest.mark.parametrize("share", [0.5, 0.8, 1.5])
def test_texture(share):
    own = own_settings(SUBJECTS["textured, off centre"])
    wanted = share * own["Texture"]
    drawing = edit(SUBJECTS["textured, off centre"], {"Texture": wanted}, rng=rng())
    again = own_settings(Subject(drawing.image, drawing.mask > 0))
    assert again["Texture"] == pytest.approx(wanted, rel=0.1)
    assert again["Intensity"] == pytest.approx(own["Intensity"], abs=0.02)
    assert again["Size"] == pytest.approx(own["Size"], rel=0.02)


def test_position():
    drawing = edit(SUBJECTS["ellipse, stained"], {"PosX": 0.4, "PosY": 0.6}, rng=rng())
    for mask in (drawing.mask > 0, segment_object(drawing.image).mask):
        centre = np.array(pose_of(mask).centre) / CANVAS
        assert centre == pytest.approx((0.4, 0.6), abs=0.005)


def test_all_at_once():
    wanted = {"Size": 80.0, "Elongation": 2.0, "Orientation": 20.0, "Hue": 330.0, "Intensity": 0.7}
    for features in measured(edit(SUBJECTS["ellipse, stained"], wanted, rng=rng())):
        assert features["equivalent_diameter"] == pytest.approx(80, rel=0.02)
        assert features["elongation"] == pytest.approx(2, rel=0.03)
        assert distance(features["orientation"], 20, 180) < 2
        assert distance(features["hue"], 330, 360) < 3
        assert features["value"] == pytest.approx(0.7, abs=0.02)


def test_what_is_uncovered_looks_like_the_background():
    shrunk = edit(SUBJECTS["disc, stained"], {"Size": 40.0}, rng=rng()).image.astype(float)
    y, x = np.mgrid[:CANVAS, :CANVAS] - (CANVAS - 1) / 2
    uncovered = (np.hypot(x, y) > 27) & (np.hypot(x, y) < 48)
    beyond = np.hypot(x, y) > 60
    assert shrunk[uncovered].mean(axis=0) == pytest.approx(shrunk[beyond].mean(axis=0), abs=1)
    assert shrunk[uncovered].std() == pytest.approx(shrunk[beyond].std(), rel=0.2)


def sd_inside(settings):
    """SD of the grey values well inside of an edited object, over several noises."""
    drawings = [edit(SUBJECTS["ellipse, stained"], settings, rng=rng(seed)) for seed in range(6)]
    inside = binary_erosion(drawings[0].mask > 0, iterations=8)
    return np.mean([drawing.image.mean(axis=2)[inside].std() for drawing in drawings])


@pytest.mark.parametrize("size", [70.0, 110.0, 130.0])
def test_noise_stays_when_the_object_is_resampled(size):
    assert sd_inside({"Size": size}) == pytest.approx(sd_inside({}), rel=0.15)


def test_the_same_generator_gives_the_same_image():
    images = [
        edit(SUBJECTS["disc, stained"], {"Size": 60.0}, rng=rng(seed)).image for seed in (1, 1, 2)
    ]
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_other_canvas():
    drawing = edit(replace(SUBJECTS["ellipse, stained"], size=96), {"Size": 90.0}, rng=rng())
    assert drawing.image.shape == (96, 96, 3)
    features = measure_object(drawing.image, drawing.mask > 0)
    assert features["equivalent_diameter"] == pytest.approx(90, rel=0.02)  # pixels of 224


def test_finer_than_the_canvas():
    mask = np.kron(ellipse(36, 20, 30), np.ones((3, 3))) > 0
    image = np.where(mask[..., np.newaxis], BLUE, (235, 230, 225)).astype(np.uint8)
    drawing = edit(Subject(image, mask), {"Elongation": 1.4}, rng=rng())
    features = measure_object(drawing.image, drawing.mask > 0)
    assert features["elongation"] == pytest.approx(1.4, rel=0.03)


@pytest.mark.parametrize("size", [32, 64, 100, 518])
@pytest.mark.parametrize("form", [{}, {"Elongation": 3.0, "Orientation": 90.0}])
def test_what_one_canvas_has_room_for_any_has(size, form):
    """Designs are drawn for the canvas of 224, and a network may see another."""
    y, x = np.mgrid[:600, :600] - 290.5
    mask = (x / 150) ** 2 + (y / 110) ** 2 < 1 + 0.2 * np.sin(9 * np.arctan2(y, x))
    image = np.where(mask[..., np.newaxis], PINK, (235, 230, 225)).astype(np.uint8)
    sizes = [value for value in np.arange(40.0, 224.0) if Reach(mask).holds(form | {"Size": value})]
    settings = form | {"Size": sizes[-1]}
    drawn = edit(Subject(image, mask, size), settings, rng=rng())
    assert measure_object(drawn.image, drawn.mask > 0)["equivalent_diameter"] == pytest.approx(
        sizes[-1], rel=0.03
    )
    with pytest.raises(EditError, match="set a smaller Size or Elongation"):
        edit(Subject(image, mask, size), form | {"Size": sizes[-1] + 1}, rng=rng())


def test_padding_goes_on_with_the_background_of_the_picture():
    picture = Subject(SUBJECTS["disc, stained"].image[30:98], SUBJECTS["disc, stained"].mask[30:98])
    continued = edit(picture, {}, rng=rng()).image
    assert np.abs(continued[:30].mean(axis=(0, 1)) - (235, 230, 225)).max() < 2
    flat = edit(replace(picture, background=0), {}, rng=rng()).image
    natural = Image.fromarray(square_canvas(picture.image, 0)).resize((CANVAS, CANVAS), 3)
    assert np.abs(flat.astype(int) - np.asarray(natural)).max() <= 1


def test_object_that_touches_its_frame_does_not_take_the_padding_along():
    """A crop to the box of the mask: beyond it the background goes on, in the surroundings too."""
    whole = SUBJECTS["ellipse, stained"]
    rows, columns = (np.flatnonzero(whole.mask.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    drawing = edit(Subject(whole.image[box], whole.mask[box]), {"Size": 90.0}, rng=rng())
    outside = ~binary_dilation(drawing.mask > 0, iterations=9)
    assert np.abs(drawing.image[outside] - np.array([235.0, 230, 225])).max() < 25
    assert drawing.image[outside].std(axis=0).max() < 6  # the noise has an SD of 3


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("disc, stained", {"Scale": 3.0}, "Scale cannot be set; what can be set: Size"),
        ("disc, stained", {"Size": np.nan}, "Size cannot be set to nan"),
        ("disc, stained", {"Size": -1.0}, "Size -1 is not above 0"),
        ("disc, stained", {"Size": 260.0}, "set a smaller Size or Elongation"),
        ("disc, stained", {"Elongation": 0.5}, "Elongation 0.5 is below 1"),
        ("disc, stained", {"Elongation": 9.0}, "set a smaller Size or Elongation"),
        ("disc, stained", {"PosX": 0.02}, "off the canvas"),
        ("disc, stained", {"Intensity": 1.2}, "Intensity 1.2 is not between 0 and 1"),
        ("disc, stained", {"Texture": 2.0}, "Texture 2 is out of reach"),
        ("ring, silhouette", {"Hue": 40.0}, "grey object; set Intensity"),
    ],
)
def test_what_an_image_cannot_have(name, settings, message):
    with pytest.raises(EditError, match=message):
        edit(SUBJECTS[name], settings, rng=rng())


def test_mask_of_another_size():
    with pytest.raises(EditError, match="128×128, its mask 64×128"):
        Subject(SUBJECTS["disc, stained"].image, np.ones((128, 64), bool))


def test_real_cells_keep_what_is_not_set():
    moved = Counter()
    for cell in generate_cells(8, seed=3):
        whole = Subject(cell.image, cell.mask.astype(bool))
        own = own_settings(whole)
        drawing = edit(whole, {"Size": 95.0, "Orientation": 60.0}, rng=rng())
        again = own_settings(Subject(drawing.image, drawing.mask > 0))
        assert again["Size"] == pytest.approx(95, rel=0.02)
        assert again["Elongation"] == pytest.approx(own["Elongation"], rel=0.03)
        assert distance(again["Hue"], own["Hue"], 360) < 3
        assert again["Intensity"] == pytest.approx(own["Intensity"], abs=0.02)
        moved["texture"] += np.log(again["Texture"] / own["Texture"])
    assert abs(moved["texture"] / 8) < 0.25


def objects(**columns):
    count = len(next(iter(columns.values())))
    usual = {
        "flag": [""] * count,
        "area": np.full(count, 7854.0),
        "equivalent_diameter": np.full(count, 100.0),
        "elongation": np.linspace(1.2, 2.0, count),
        "hue": np.linspace(200.0, 260.0, count),
        "saturation": np.full(count, 0.4),
        "value": np.linspace(0.3, 0.7, count),
    }
    return pd.DataFrame(usual | columns)


def limits_of(table):
    return {factor.name: factor.limits for factor in allowed(table)}


def test_limits_are_quantiles_of_the_objects():
    limits = limits_of(
        objects(equivalent_diameter=np.linspace(40, 80, 101), Texture=np.linspace(0.01, 0.05, 101))
    )
    assert limits["Size"] == pytest.approx((42, 78))
    assert limits["Intensity"] == pytest.approx((0.32, 0.68))
    assert limits["Texture"] == pytest.approx((0.012, 0.048))
    assert limits["Orientation"] == (0, 180)


def test_the_largest_object_fits_whatever_its_form():
    limits = limits_of(objects(equivalent_diameter=np.linspace(60, 220, 101)))
    assert limits["Size"][1] * np.sqrt(limits["Elongation"][1]) < CANVAS
    half = limits["Size"][1] * np.sqrt(limits["Elongation"][1]) / 2 / CANVAS
    if "PosX" in limits:
        assert limits["PosX"][0] - half > 0


def test_hues_lie_on_the_shortest_arc():
    around = np.append(np.linspace(340, 379, 95) % 360, [90, 120, 150, 180, 200])
    assert limits_of(objects(hue=around))["Hue"] == pytest.approx((340, 377), abs=1)
    assert limits_of(objects(hue=np.linspace(0, 359, 100)))["Hue"] == (0, 360)


def test_grey_images_have_no_hue_and_round_objects_no_direction():
    grey = limits_of(objects(hue=np.full(50, np.nan), saturation=np.zeros(50)))
    assert "Hue" not in grey
    assert "Intensity" in grey
    assert "Orientation" not in limits_of(objects(elongation=np.linspace(1.0, 1.3, 50)))


def test_doubtful_objects_are_left_out_and_counted():
    flags = ["", "fragmented", "reaches the border", ""] * 20
    areas = np.where(np.arange(80) % 4 == 3, 0.7 * CANVAS**2, 8000.0)
    reasons = reasons_against(objects(flag=flags, area=areas))
    counts = {"": 20, "fragmented": 20, "reaches the border": 20, "covers too much": 20}
    assert reasons.value_counts().to_dict() == counts


def test_in_tight_crops_the_border_is_forgiven():
    flags = ["reaches the border", "touches all sides, reaches the border", "fragmented"] * 30
    assert usable(objects(flag=flags)).sum() == 60


@pytest.mark.parametrize(("filling", "taken"), [(40, 60), (60, 100)])
def test_bodies_that_fill_their_picture_are_taken_where_most_do(filling, taken):
    """Else those that are left in tight crops would be the elongated ones alone."""
    areas = np.where(np.arange(100) < filling, 0.7 * CANVAS**2, 8000.0)
    assert usable(objects(flag=[""] * 100, area=areas)).sum() == taken


def test_no_object_can_be_edited():
    with pytest.raises(FovscopeError, match=r"0 of 5 objects can be edited .*5 empty.*give masks"):
        allowed(objects(flag=["empty"] * 5, equivalent_diameter=np.full(5, np.nan)))


def test_sheet_has_a_column_per_value_and_shows_the_natural_image_first():
    factors = allowed(objects(value=np.linspace(0.5, 0.7, 50)))
    sheet = edit_sheet([SUBJECTS["disc, stained"]] * 2, factors[:1], seed=0)
    tiles = np.asarray(sheet)
    assert factors[0].name == "Size"
    assert tiles.shape == (14 + 2 * 98, 4 * 98, 3)
    natural = Image.fromarray(SUBJECTS["disc, stained"].image).resize((CANVAS, CANVAS), 3)
    shown = np.asarray(natural.resize((96, 96), 3)).astype(int)
    assert np.abs(tiles[14:110, :96] - shown).max() <= 2


def test_steps_are_even_on_the_scale_of_a_factor():
    size, orientation = FACTORS[0], FACTORS[2]
    assert steps(replace(size, limits=(50.0, 200.0))) == pytest.approx([50, 100, 200])
    assert steps(orientation) == pytest.approx([0, 60, 120])


# Other channels than three ----------------------------------------------------------------


def of_channels(name, channels):
    """Return a subject whose channels are those of a picture, in an order of their own."""
    seen = SUBJECTS[name]
    return Subject(np.ascontiguousarray(seen.image[..., channels]), seen.mask)


@subjects
@pytest.mark.parametrize("settings", [{"Size": 60}, {"Elongation": 1.5, "Orientation": 100}])
def test_all_channels_are_moved_alike(name, settings):
    """Each colour twice: what is averaged over channels is what it is of three."""
    twice = edit(of_channels(name, [0, 1, 2, 0, 1, 2]), settings, rng=rng())
    once = edit(SUBJECTS[name], settings, rng=rng())
    np.testing.assert_array_equal(twice.mask, once.mask)
    for part in (twice.image[..., :3], twice.image[..., 3:]):
        np.testing.assert_allclose(part.astype(int), once.image.astype(int), atol=1)


@pytest.mark.parametrize("channels", [[0, 1], [0, 1, 2, 2, 1], [2, 0, 1, 0]])
def test_intensity_is_that_of_the_picture_and_no_channel_is_clipped(channels):
    seen = of_channels("ellipse, fluorescent", channels)
    for wanted in (0.3, 0.5):
        drawing = edit(seen, {"Intensity": wanted}, rng=rng())
        assert drawing.image.shape[2] == len(channels)
        own = own_settings(Subject(drawing.image, drawing.mask > 0))
        assert own["Intensity"] == pytest.approx(wanted, abs=0.03)
        inside = drawing.image[binary_erosion(drawing.mask > 0, iterations=6)]
        assert inside.max() < 255
        assert (inside.mean(axis=0) > own_settings(seen)["Intensity"]).all()


@pytest.mark.parametrize("channels", [[0, 1], [0, 1, 2, 2, 1]])
def test_a_bag_of_channels_has_no_hue_to_set(channels):
    seen = of_channels("ellipse, fluorescent", channels)
    with pytest.raises(EditError, match=f"Hue cannot be set on images of {len(channels)} channels"):
        edit(seen, {"Hue": 90}, rng=rng())


def test_a_sheet_of_five_channels_is_a_picture():
    seen = of_channels("ellipse, stained", [0, 1, 2, 2, 1])
    size = replace(FACTORS[0], limits=(30.0, 60.0))
    assert edit_sheet([seen], [size], seed=0).mode == "RGB"
