"""Factors of the generator `cells` are what is measured, whatever the look."""

import numpy as np
import pytest

from fovscope.datasets.design import sample_design
from fovscope.generators.base import draw_factors
from fovscope.generators.cell_looks import STYLES
from fovscope.generators.cell_painting import SIDE
from fovscope.generators.cells import FACTORS, ROUND, Cells
from fovscope.generators.declared import GeneratorError
from fovscope.interpret.handcrafted import colour, geometry
from fovscope.registry import Catalogue
from fovscope.study.entries import checked_options

NAMES = [factor.name for factor in FACTORS]
CLEAN = {"noise": (0.0, 0.0), "blur": (0.0, 0.0)}
SMALL = {"train_pairs": 300, "iid_train": 40, "iid_test": 1, "pairs_per_factor": 2}


def some_factors(seed, **given):
    return draw_factors(FACTORS, np.random.default_rng([9, seed])) | given


def rendered(number, *, seed=1, factors=None, **options):
    factors = factors or some_factors(number)
    return Cells(**options).render(factors, np.random.default_rng([seed, number]))


@pytest.fixture(scope="module")
def design():
    return sample_design(FACTORS, seed=4, **SMALL)


# Factors


def test_size_axes_and_direction_are_measured_as_set():
    for number in range(60):
        factors = some_factors(number, PosX=0.5, PosY=0.5)
        if factors["Size"] * np.sqrt(factors["Elongation"]) > 130:
            continue  # rays may reach twice as far as the axes, and the frame would cut them
        found = geometry(rendered(number, factors=factors).mask > 0)
        assert found["equivalent_diameter"] == pytest.approx(factors["Size"], rel=0.03)
        # At 24 pixels a ray is less than a pixel wide, and half of it is lost to the mask.
        assert found["elongation"] == pytest.approx(factors["Elongation"], rel=0.08)
        if factors["Elongation"] > 1.5:
            off = (found["orientation"] - factors["Orientation"] + 90) % 180 - 90
            assert abs(off) < 3


def test_the_centre_is_where_it_is_set():
    factors = some_factors(0, Size=40.0, Elongation=1.5, PosX=0.45, PosY=0.56)
    rows, columns = np.nonzero(rendered(0, factors=factors).mask)
    assert columns.mean() + 0.5 == pytest.approx(0.45 * SIDE, abs=0.5)
    assert rows.mean() + 0.5 == pytest.approx(0.56 * SIDE, abs=0.5)


@pytest.mark.parametrize("style", STYLES)
def test_brightness_is_measured_as_set(style):
    errors = []
    for number in range(40):
        factors = some_factors(number, Size=90.0)
        drawing = rendered(number, factors=factors, styles=(style,), calibration=CLEAN)
        found = colour(drawing.image[drawing.mask > 0])
        errors.append(found["value"] - factors["Intensity"])
    # JPEG takes the colour of four pixels together, and so dulls fine grains of strong colours.
    assert np.abs(errors).max() < 0.07
    assert np.median(np.abs(errors)) < 0.01


@pytest.mark.parametrize("style", STYLES)
def test_hue_is_measured_as_set(style):
    errors = []
    for number in range(40):
        factors = some_factors(number, Size=90.0)
        drawing = rendered(number, factors=factors, styles=(style,), grey=False, calibration=CLEAN)
        found = colour(drawing.image[drawing.mask > 0])
        errors.append((found["hue"] - factors["Hue"] + 180) % 360 - 180)
    assert np.median(np.abs(errors)) < 3
    assert np.abs(errors).max() < 25


def test_granules_are_what_roughens_the_cytoplasm():
    # One look, and a nucleus as small as it gets.
    rough = []
    for strength in (0.0, 0.5, 1.0):
        factors = some_factors(3, Size=90.0, NucleusRatio=0.08, Granularity=strength)
        drawing = rendered(3, factors=factors, styles=("stained",), calibration=CLEAN)
        grey = drawing.image.mean(axis=2)
        steps = np.abs(np.diff(grey, axis=1))[drawing.mask[:, 1:] > 0]
        rough.append(steps.mean())
    assert rough[0] < rough[1] < rough[2]
    assert rough[2] > 1.5 * rough[0]


def test_a_larger_nucleus_covers_more():
    shown = 0
    for number in range(12):
        images = [
            rendered(
                number,
                factors=some_factors(number, Size=110.0, Elongation=1.3, NucleusRatio=ratio),
                styles=("fluorescence",),
                calibration=CLEAN,
            ).image.astype(int)
            for ratio in (0.08, 0.1, 0.3, 0.5)
        ]
        changed = [(np.abs(image - images[0]).max(axis=2) > 12).sum() for image in images[1:]]
        assert changed[0] <= changed[1] <= changed[2]
        shown += changed[2] > 500
    assert 5 <= shown < 12  # in a quarter of the images the nucleus is hidden


# Looks


def test_styles_are_dark_or_bright_about_the_object():
    for style, dark in zip(STYLES, (False, False, True, True), strict=True):
        levels = []
        for number in range(12):
            drawing = rendered(number, styles=(style,))
            levels.append(np.median(drawing.image[drawing.mask == 0]))
        assert (np.median(levels) < 80) == dark, style


def test_grey_images_have_no_colour_and_colour_images_have_some():
    for number in range(8):
        assert not np.ptp(rendered(number, grey=True).image, axis=2).any()
        assert np.ptp(rendered(number, grey=False).image, axis=2).any()


def test_a_calibration_narrows_what_is_left_to_chance():
    limits = {"background": (0.9, 0.95), "noise": (0.0, 0.002), "gradient": (0.0, 0.01)}
    for number in range(12):
        drawing = rendered(number, calibration=limits, factors=some_factors(number, Size=40.0))
        border = np.concatenate([drawing.image[:3], drawing.image[-3:]]).max(axis=2)
        brightest = np.percentile(border, 95)  # neighbours and debris may be darker
        assert 0.82 * 255 < brightest < 0.99 * 255
    grey = [rendered(number, calibration={"grey": (1.0, 1.0)}).image for number in range(8)]
    assert not np.ptp(np.stack(grey), axis=3).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"styles": ()}, "name one or more of stained"),
        ({"styles": ("oil",)}, "name one or more of stained"),
        ({"shared_nuisances": 1.5}, "it is a share"),
        ({"calibration": {"nois": (0, 1)}}, "'nois'; did you mean 'noise'"),
        ({"calibration": {"noise": (0.2, 0.1)}}, "the smaller first"),
    ],
)
def test_options_that_cannot_be_are_named(options, message):
    with pytest.raises(GeneratorError, match=message):
        Cells(**options)


# Pairs


def test_half_of_the_pairs_share_their_nuisances(design):
    pairs = design[design["role"] == "train_pair"]
    for share, low, high in ((0.5, 0.35, 0.6), (0.0, 0.0, 0.0), (1.0, 0.75, 1.0)):
        streams = Cells(shared_nuisances=share).streams(pairs, seed=0).reshape(-1, 2)
        np.testing.assert_array_equal(streams[:, 0], pairs["image_id"].astype(int)[::2])
        assert low <= (streams[:, 0] == streams[:, 1]).mean() <= high


def test_members_of_a_shared_pair_differ_in_the_changed_factor_alone(design):
    cells = Cells(shared_nuisances=1.0)
    pairs = design[(design["role"] == "train_pair") & (design["changed"] == "Hue")]
    streams = cells.streams(pairs, seed=0).reshape(-1, 2)
    images = cells.images(pairs, seed=0)
    shared = np.flatnonzero(streams[:, 0] == streams[:, 1])
    assert len(shared) > 5
    grey = [
        images[row].max(axis=2).astype(int) for pair in shared for row in (2 * pair, 2 * pair + 1)
    ]
    for first, second in zip(grey[::2], grey[1::2], strict=True):
        # HSV value does not depend on the hue, apart from noise and rounding.
        assert np.median(np.abs(first - second)) <= 4


def test_rows_keep_stream_and_look_in_a_part_of_the_table(design):
    cells = Cells()
    streams = cells.streams(design, seed=2)
    known = cells.known(design, seed=2)
    part = design.index[7:30]
    np.testing.assert_array_equal(cells.streams(design.loc[part], seed=2), streams[part])
    assert cells.known(design.loc[part], seed=2).equals(known.loc[part])


# What can be seen


def test_hue_is_known_exactly_in_colour_images(design):
    rows = design[design["role"] == "image"]
    cells = Cells()
    known = cells.known(rows, seed=0)
    assert list(known) == NAMES
    images = cells.images(rows, seed=0)
    coloured = [bool(np.ptp(images[row], axis=2).any()) for row in range(len(rows))]
    assert known["Hue"].tolist() == coloured
    assert 0.3 < np.mean(coloured) < 0.75


def test_a_factor_that_is_not_known_does_not_show(design):
    cells, checked = Cells(), set()
    rows = design[design["role"] == "image"]
    known = cells.known(rows, seed=0)
    streams = cells.streams(rows, seed=0)
    for number, seen, row in zip(streams, known.itertuples(), rows.itertuples(), strict=True):
        factors = {name: getattr(row, f"factor_{name}") for name in NAMES}
        for name, other in (("NucleusRatio", 0.5), ("Granularity", 0.9), ("Hue", 100.0)):
            if getattr(seen, name):
                continue
            images = [
                cells.image(f, np.random.default_rng([0, number]))
                for f in (factors, factors | {name: other})
            ]
            np.testing.assert_array_equal(*images)
            checked.add(name)
    assert checked == {"NucleusRatio", "Granularity", "Hue"}


def test_a_round_cell_has_no_direction(design):
    known = Cells().known(design, seed=0)
    assert (known["Orientation"] == (design["factor_Elongation"] >= ROUND)).all()


def test_options_pass_the_configuration():
    entry = Catalogue().entry("generator", "cells")
    given = {"styles": ["stained"], "grey": True, "calibration": {"blur": [0, 1]}}
    options = checked_options(entry, given, "sources.cells")
    assert options["styles"] == ["stained"]
    assert options["calibration"] == {"blur": [0, 1]}
    assert Cells(**options).styles == ("stained",)
