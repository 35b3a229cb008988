from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from fovscope.factors import Factor
from fovscope.generators.calibration import (
    calibrate,
    calibrated_factors,
    calibrated_styles,
    measure_background,
)
from fovscope.generators.cells import FACTORS, Cells
from fovscope.generators.declared import GeneratorError
from fovscope.images.read import read_image
from fovscope.interpret.features import FEATURES
from fovscope.interpret.objects import decode_mask, measure_objects

CHULA = Path(__file__).parents[3] / "shared/data/chula_rbc12"
Y, X = np.mgrid[:100, :100] - 49.5
MASK = np.hypot(X, Y) <= 25


def scene(*, blur=0.0, noise=0.0, rise=0.0, ground=(0.8, 0.8, 0.8), cell=0.3):
    """A disc on a background, (100, 100, 3) of uint8."""
    inside = gaussian_filter(MASK.astype(float), blur) if blur else MASK.astype(float)
    light = 1 + rise * X / 100
    image = np.stack([g * light + inside * (cell - g * light) for g in ground], axis=2)
    image += np.random.default_rng(0).normal(0, noise, (100, 100, 1))
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def objects(n=200, **columns):
    """Measured objects and backgrounds of as many images, with values between 0 and 1."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.random((n, len(FEATURES))), columns=list(FEATURES))
    table.insert(0, "image_id", [f"{k}.png" for k in range(n)])
    table["flag"], table["side"] = "", 80
    names = ("red", "green", "blue", "level", "saturation", "gradient", "noise", "blur")
    backgrounds = pd.DataFrame(rng.random((n, len(names))), columns=list(names))
    backgrounds["image_id"], backgrounds["grey"] = table["image_id"], 0.0
    return table.assign(**columns), backgrounds


@pytest.mark.parametrize("level", [0.05, 0.5, 1.0])
def test_level_and_colour_of_the_background_are_found(level):
    found = measure_background(scene(ground=(level, 0.6 * level, 0.8 * level), cell=0.3), MASK)
    assert found["level"] == pytest.approx(level, abs=0.005)
    assert found["saturation"] == pytest.approx(0.4, abs=0.05)
    assert found["green"] == pytest.approx(0.6 * level, abs=0.005)
    assert found["grey"] == 0


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_noise_is_found_beside_a_gradient(noise):
    found = measure_background(scene(noise=noise, rise=0.2), MASK)
    assert found["noise"] == pytest.approx(noise, rel=0.1)
    assert found["gradient"] == pytest.approx(0.2 * 0.8 / (0.8 + 0.15), rel=0.1)
    assert found["grey"] == 1


@pytest.mark.parametrize("blur", [0.0, 1.0, 1.5, 2.0])
def test_blur_is_found_in_pixels_of_the_canvas(blur):
    found = measure_background(scene(blur=blur), MASK)
    assert found["blur"] == pytest.approx(blur * 2.24, rel=0.15, abs=0.3)


def test_other_objects_are_no_background():
    image = scene()
    image[:, :20] = 40
    found = measure_background(image, MASK)
    assert found["level"] == pytest.approx(0.8, abs=0.005)
    assert found["gradient"] == pytest.approx(0, abs=0.01)


def test_nothing_is_said_where_there_is_no_background():
    found = measure_background(scene(), np.ones((100, 100), bool))
    assert np.isnan(found["level"])
    assert np.isnan(found["blur"])


def test_limits_are_quantiles_of_objects_without_doubt():
    values = np.linspace(50, 150, 101)
    table, backgrounds = objects(101, equivalent_diameter=values, value=0.5)
    table.loc[values > 100, "flag"] = "too large"
    backgrounds["level"] = 0.9
    found = calibrate(table, backgrounds.sample(frac=1, random_state=0))
    assert found["Size"] == pytest.approx([51, 99])
    assert found["contrast"] == pytest.approx([-0.4, -0.4])
    assert found["side"] == [80, 80]
    assert found["saturation"] != found["background_saturation"]


def test_hues_about_zero_are_an_arc_across_it():
    hue = np.random.default_rng(0).uniform(-20, 20, 300) % 360
    low, high = calibrate(*objects(300, hue=hue))["Hue"]
    assert low == pytest.approx(340, abs=2)
    assert high == pytest.approx(380, abs=2)


def test_grey_images_have_no_limits_of_colour():
    table, backgrounds = objects(hue=np.nan)
    backgrounds["grey"] = 1.0
    found = calibrate(table, backgrounds)
    assert found["grey"] == [1, 1]
    assert not {"Hue", "saturation"} & set(found)


def test_a_few_objects_are_no_sample():
    with pytest.raises(GeneratorError, match=r"19 of 19 objects .* 20 are needed"):
        calibrate(*objects(19))


def test_factors_are_narrowed_and_never_widened():
    calibration = {"Size": (10.0, 60.0), "Hue": (340.0, 380.0), "noise": (0, 1)}
    found = {factor.name: factor for factor in calibrated_factors(FACTORS, calibration)}
    assert found["Size"].limits == (30.0, 60.0)
    assert found["Hue"].limits == (340.0, 380.0)
    unchanged = [factor for factor in FACTORS if factor.name not in ("Size", "Hue")]
    assert [found[factor.name] for factor in unchanged] == unchanged
    assert found["Size"].log


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (Factor(name="Size", limits=(24.0, 150.0), unit="px"), r"between 24 and 150 px, and"),
        (Factor(name="Size", values=5), "list of values"),
    ],
)
def test_a_factor_that_cannot_be_narrowed_is_named(factor, message):
    with pytest.raises(GeneratorError, match=message):
        calibrated_factors([factor], {"Size": (180.0, 200.0)})


def test_a_target_that_does_not_vary_is_named_as_such():
    with pytest.raises(GeneratorError, match=r"'Size' is 126\.4 px in all images of the target"):
        calibrated_factors(FACTORS, {"Size": (126.4, 126.4)})


@pytest.mark.skipif(not CHULA.is_dir(), reason="../shared/data/chula_rbc12 is not here")
def test_cells_can_be_calibrated_to_real_ones():
    """Red cells of a smear: reddish, lighter about, never grey."""
    paths = sorted(CHULA.rglob("*.*"))[::40]
    manifest = pd.DataFrame({"image_id": [path.name for path in paths], "mask_path": None})
    manifest["path"] = [str(path.relative_to(CHULA)) for path in paths]
    preprocessing = {"background": 0, "white_level": None}
    table, masks = measure_objects(manifest, CHULA, preprocessing)
    backgrounds = [
        measure_background(read_image(path), decode_mask(mask))
        for path, mask in zip(paths, masks["mask"], strict=True)
    ]
    found = calibrate(table, pd.DataFrame(backgrounds).assign(image_id=table["image_id"]))
    assert found["grey"] == [0, 0]
    assert found["contrast"][1] < 0.05
    assert found["background"][0] > 0.5
    factors = calibrated_factors(FACTORS, found)
    middle = {factor.name: sum(factor.limits) / 2 for factor in factors}
    drawing = Cells(calibration=found).render(middle, np.random.default_rng(0))
    assert np.median(drawing.image[:10].max(axis=2)) / 255 == pytest.approx(
        np.mean(found["background"]), abs=0.25
    )


@pytest.mark.parametrize(
    ("background", "grey", "styles"),
    [
        ((0.9, 1.0), (0, 0), {"stained"}),
        ((0.9, 1.0), (1, 1), {"unstained"}),
        ((0.8, 1.0), (0, 1), {"stained", "unstained"}),
        ((0.0, 0.1), (0, 1), {"fluorescence", "darkfield"}),
        ((0.1, 0.9), (0, 1), {"stained", "unstained", "fluorescence", "darkfield"}),
    ],
)
def test_the_ground_and_the_colour_of_a_target_choose_the_styles(background, grey, styles):
    calibration = {"background": background, "grey": grey}
    assert set(calibrated_styles(calibration)) == styles
    assert set(Cells(calibration=calibration).styles) == styles
    assert Cells(styles=("stained",), calibration=calibration).styles == ("stained",)
