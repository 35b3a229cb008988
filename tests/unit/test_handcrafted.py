"""Features of shapes and pixels whose values are known from geometry or by hand."""

from pathlib import Path

import numpy as np
import pytest
from skimage.draw import polygon

from fovscope.interpret.features import FEATURES
from fovscope.interpret.handcrafted import (
    CANVAS,
    binary_patterns,
    colour,
    cooccurrence,
    geometry,
    intensity,
    measure_object,
)

Y, X = np.mgrid[:241, :241] - 120.0


def disc(radius):
    return np.hypot(X, Y) < radius


def turned(degrees):
    """Coordinates along and across an axis, counter-clockwise from x on the screen."""
    angle = np.deg2rad(degrees)
    return X * np.cos(angle) - Y * np.sin(angle), X * np.sin(angle) + Y * np.cos(angle)


def ellipse(a, b, degrees=0.0):
    u, v = turned(degrees)
    return (u / a) ** 2 + (v / b) ** 2 < 1


def rectangle(a, b, degrees=0.0):
    u, v = turned(degrees)
    return (np.abs(u) < a / 2) & (np.abs(v) < b / 2)


def star(outer, ratio):
    radius = np.tile([outer, ratio * outer], 5)
    angle = np.arange(10) * np.pi / 5
    rows, columns = polygon(120 + radius * np.sin(angle), 120 + radius * np.cos(angle))
    mask = np.zeros(X.shape, bool)
    mask[rows, columns] = True
    return mask


def test_disc():
    found = geometry(disc(80.5))
    assert found["area"] == pytest.approx(np.pi * 80.5**2, rel=0.005)
    assert found["equivalent_diameter"] == pytest.approx(161, rel=0.005)
    assert found["perimeter"] == pytest.approx(2 * np.pi * 80.5, rel=0.01)
    assert found["circularity"] == pytest.approx(1, abs=0.015)
    assert found["solidity"] == pytest.approx(1, abs=0.01)
    assert found["elongation"] == pytest.approx(1, abs=1e-6)
    assert found["extent"] == pytest.approx(np.pi / 4, rel=0.01)
    assert found["hu1"] == pytest.approx(1 / (2 * np.pi), rel=0.005)
    assert [found[f"hu{k}"] for k in range(2, 8)] == pytest.approx([0] * 6, abs=1e-3)


@pytest.mark.parametrize("degrees", [0, 30, 75, 90, 150])
def test_ellipse(degrees):
    found = geometry(ellipse(90, 45, degrees))
    assert found["area"] == pytest.approx(np.pi * 90 * 45, rel=0.005)
    assert found["elongation"] == pytest.approx(2, rel=0.005)
    assert found["eccentricity"] == pytest.approx(np.sqrt(3) / 2, rel=0.005)
    # Complete elliptic integral of the second kind: 4 · 90 · E(k² = 3/4)
    assert found["perimeter"] == pytest.approx(435.98, rel=0.02)
    # Normalised second moments of an ellipse: a/(4πb) and b/(4πa)
    assert found["hu1"] == pytest.approx((2 + 0.5) / (4 * np.pi), rel=0.005)
    assert found["hu2"] == pytest.approx((2 - 0.5) / (4 * np.pi), rel=0.005)
    off = found["orientation"] - degrees
    assert abs((off + 90) % 180 - 90) < 0.2


def test_rectangle():
    mask = np.zeros((100, 200), bool)
    mask[20:60, 30:150] = True
    found = geometry(mask)
    assert found["area"] == 4800
    assert found["extent"] == found["solidity"] == 1
    assert found["elongation"] == pytest.approx(3)
    assert found["eccentricity"] == pytest.approx(np.sqrt(8) / 3)
    assert found["perimeter"] == pytest.approx(320, rel=0.06)  # worst case of four directions
    assert found["circularity"] == pytest.approx(4 * np.pi * 4800 / 320**2, rel=0.13)
    assert found["orientation"] % 180 == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("radius", "error", "least", "most"),
    [
        *((5, 0.04, 0.95, 1.07), (10, 0.02, 0.96, 1.03), (20, 0.01, 0.98, 1.02)),
        *((40, 0.005, 0.99, 1.01), (80, 0.0025, 0.995, 1.005)),
    ],
)
def test_perimeters_of_discs_err_by_size_as_documented(radius, error, least, most):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: 2 * radius + 20, : 2 * radius + 20] - radius - 10.0
    errors, circularities = [], []
    for _ in range(100):
        size, dx, dy = radius * rng.uniform(0.9, 1.1), *rng.uniform(-0.5, 0.5, 2)
        found = geometry(np.hypot(x - dx, y - dy) < size)
        errors.append(found["perimeter"] / (2 * np.pi * size) - 1)
        circularities.append(found["circularity"])
    assert abs(np.mean(errors)) < (0.006 if radius == 5 else 0.001)
    assert error / 2 < np.quantile(np.abs(errors), 0.95) < error
    low, high = np.quantile(circularities, (0.025, 0.975))
    assert least < low < high < most


@pytest.mark.parametrize(
    ("radius", "error", "circularity"),
    [(5, 0.08, 0.88), (10, 0.038, 0.94), (20, 0.016, 0.97)],
)
def test_lone_pixels_at_the_ends_of_a_disc_are_its_worst_case(radius, error, circularity):
    found = geometry(np.hypot(X, Y) <= radius)
    assert found["perimeter"] / (2 * np.pi * radius) - 1 == pytest.approx(error, abs=0.001)
    assert found["circularity"] == pytest.approx(circularity, abs=0.005)


@pytest.mark.parametrize(
    ("a", "b", "error"), [(200, 200, 0.053), (30, 10, 0.066), (10, 10, 0.08), (40, 1, 0.065)]
)
def test_upright_edges_come_out_too_short_by_as_much_as_documented(a, b, error):
    mask = np.pad(np.ones((b, a), bool), 3)
    assert 1 - geometry(mask)["perimeter"] / (2 * (a + b)) == pytest.approx(error, abs=0.0015)


def test_turned_edges_are_between_too_short_and_too_long_as_documented():
    angles = np.arange(0, 90, 1.5)
    errors = [geometry(rectangle(41, 41, angle))["perimeter"] / 164 - 1 for angle in angles]
    assert -0.07 < min(errors) < -0.06
    assert 0.02 < max(errors) < 0.03


def test_line_of_one_pixel_is_as_long_as_it_is_wide_in_pixels():
    mask = np.zeros((50, 50), bool)
    mask[20, 5:45] = True
    assert geometry(mask)["elongation"] == pytest.approx(40)


@pytest.mark.parametrize("ratio", [0.382, 0.6])
def test_star(ratio):
    """Area 5 R r sin 36°; of its hull, a pentagon, 5/2 R² sin 72°."""
    found = geometry(star(110, ratio))
    assert found["area"] == pytest.approx(5 * 110**2 * ratio * np.sin(np.pi / 5), rel=0.01)
    assert found["solidity"] == pytest.approx(ratio / np.cos(np.pi / 5), rel=0.01)
    assert found["elongation"] == pytest.approx(1, abs=0.01)
    assert found["circularity"] < 0.7


def test_form_keeps_under_turning_moving_and_scaling():
    shape = star(50, 0.5) | rectangle(80, 16, 20)
    plain = geometry(shape)
    turned_shape = geometry(np.rot90(shape))
    moved = geometry(np.roll(shape, (20, -15), axis=(0, 1)))
    larger = geometry(star(100, 0.5) | rectangle(160, 32, 20))
    form = [name for name in plain if FEATURES[name].group == "Shape"]
    for other, tolerance in ((turned_shape, 1e-6), (moved, 1e-6), (larger, 0.04)):
        assert [other[name] for name in form] == pytest.approx(
            [plain[name] for name in form], rel=tolerance, abs=5e-3
        )
    assert moved["orientation"] == pytest.approx(plain["orientation"])
    assert (turned_shape["orientation"] - plain["orientation"]) % 180 == pytest.approx(90)
    assert larger["area"] == pytest.approx(4 * plain["area"], rel=0.03)


def test_mirroring_turns_the_sign_of_the_seventh_moment_only():
    shape = rectangle(100, 20) | np.roll(rectangle(20, 60), (30, 40), axis=(0, 1))
    plain, mirrored = geometry(shape), geometry(shape[:, ::-1])
    assert abs(plain["hu7"]) > 0.01
    assert mirrored["hu7"] == pytest.approx(-plain["hu7"])
    for order in range(1, 7):
        assert mirrored[f"hu{order}"] == pytest.approx(plain[f"hu{order}"], abs=1e-9)


def test_lengths_are_those_on_the_canvas_of_the_network():
    """A 30×80 image lies on a canvas of 80 that becomes 224: lengths × 2.8, areas × 7.84."""
    mask = np.zeros((30, 80), bool)
    mask[5:25, 10:50] = True
    image = np.full((30, 80, 3), 9, np.uint8)
    found = measure_object(image, mask)
    assert set(found) == set(FEATURES)
    assert found["area"] == pytest.approx(800 * (CANVAS / 80) ** 2)
    assert found["equivalent_diameter"] == pytest.approx(np.sqrt(4 * found["area"] / np.pi))
    native = geometry(mask)
    assert found["perimeter"] == pytest.approx(native["perimeter"] * CANVAS / 80)
    assert found["elongation"] == native["elongation"]


def test_nothing_outside_of_the_mask_counts():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (60, 50, 3), np.uint8)
    mask = np.zeros((60, 50), bool)
    mask[10:40, 12:30] = True
    mask[30:50, 20:45] = True
    changed = np.where(mask[..., None], image, rng.integers(0, 256, image.shape, np.uint8))
    assert (changed != image).any()
    assert measure_object(changed, mask) == measure_object(image, mask)


# Colour and texture -----------------------------------------------------------------------


def test_mean_colour_of_one_colour():
    found = colour(np.tile(np.uint8([[200, 100, 100]]), (7, 1)))
    assert found["mean_red"] == 200
    assert found["hue"] == pytest.approx(0, abs=1e-6)
    assert found["saturation"] == pytest.approx(0.5)
    assert found["value"] == pytest.approx(200 / 255)


def test_hue_is_averaged_around_the_circle_and_weighted_by_colourfulness():
    reds = np.uint8([[255, 0, 20], [255, 20, 0]])  # a little on either side of 0°
    assert min(colour(reds)["hue"], 360 - colour(reds)["hue"]) == pytest.approx(0, abs=1e-6)
    with_grey = np.uint8([[0, 255, 0], [90, 90, 90], [90, 90, 90]])
    assert colour(with_grey)["hue"] == pytest.approx(120)


def test_a_grey_object_has_no_hue():
    assert np.isnan(colour(np.full((5, 3), 80, np.uint8))["hue"])


def test_intensity_by_hand():
    found = intensity(np.uint8([0, 0, 128, 128]))
    assert found == {"intensity_sd": 64, "entropy": 1}
    levels = np.arange(0, 256, 8, dtype=np.uint8)
    assert intensity(levels)["entropy"] == pytest.approx(5)  # 32 levels, all as frequent
    assert intensity(levels[:1])["entropy"] == 0


def test_cooccurrence_of_stripes():
    """Columns of levels 0 and 1: across they differ by one level, along they are the same."""
    grey = np.tile(np.uint8([0, 8]), (20, 10))
    found = cooccurrence(grey, np.ones(grey.shape, bool))
    assert found["glcm_contrast"] == pytest.approx(3 / 4)  # 0°, 45°, 135°: 1; 90°: 0
    assert found["glcm_homogeneity"] == pytest.approx((3 * 0.5 + 1) / 4)
    assert found["glcm_energy"] == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert found["glcm_correlation"] == pytest.approx((-3 + 1) / 4, abs=0.01)


def test_cooccurrence_of_one_grey_value_and_of_a_line():
    flat = np.full((9, 9), 77, np.uint8)
    assert cooccurrence(flat, np.ones((9, 9), bool))["glcm_energy"] == 1
    line = np.zeros((9, 9), bool)
    line[4] = True  # has pairs in one direction only
    found = cooccurrence(np.tile(np.uint8([0, 8, 0, 8, 0, 8, 0, 8, 0]), (9, 1)), line)
    assert found["glcm_contrast"] == 1


def test_patterns_of_a_plain_a_spot_and_an_edge():
    plain = np.full((20, 20), 50, np.uint8)
    everywhere = np.ones(plain.shape, bool)
    found = binary_patterns(plain, everywhere)
    assert found["lbp_flat"] == 1
    assert found["lbp_entropy"] == 0
    spots = plain.copy()
    spots[1::3, 1::3] = 90
    assert binary_patterns(spots, everywhere)["lbp_spot"] == pytest.approx(1 / 9, abs=0.02)
    step = plain.copy()
    step[:, 10:] = 90
    # Of 18 inner columns one lies on the bright side of the step.
    assert binary_patterns(step, everywhere)["lbp_edge"] == pytest.approx(1 / 18)


def test_documentation_defines_each_feature():
    text = (Path(__file__).parents[2] / "docs/interpretability.md").read_text("utf-8")
    for name in FEATURES:
        assert f"`{name}`" in text or (name.startswith("hu") and "`hu1`" in text), name
