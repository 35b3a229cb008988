import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2hsv
from skimage.measure import label, regionprops

from fovscope.generators.synthetic_cells import (
    CLASSES,
    FACTORS,
    ODD,
    ODD_SHARE,
    RANGES,
    SIDE,
    SyntheticCells,
    class_probabilities,
    factor_table,
    generate_cells,
    make_cell,
    render_cell,
)

NAMES = [factor.name for factor in FACTORS]
TYPICAL = {
    "Size": 2600.0,
    "Elongation": 1.5,
    "NucleusRatio": 0.25,
    "Granularity": 0.5,
    "Hue": 275.0,
    "Orientation": 40.0,
}


@pytest.fixture(scope="module")
def cells():
    return list(generate_cells(150, seed=0))


def drawn_factors(n):
    rng = np.random.default_rng(0)
    return pd.DataFrame({name: rng.uniform(*limits, n) for name, limits in RANGES.items()})


def test_masks_measure_what_the_factors_say(cells):
    for cell in cells:
        (region,) = regionprops(cell.mask)
        assert region.area == pytest.approx(cell.factors["Size"], rel=0.02)
        elongation = region.axis_major_length / region.axis_minor_length
        assert elongation == pytest.approx(cell.factors["Elongation"], rel=0.02)
        ratio = cell.nucleus_mask.sum() / cell.mask.sum()
        assert ratio == pytest.approx(cell.factors["NucleusRatio"], abs=0.012)
        # skimage counts from the row axis; both are defined modulo half a turn
        turn = np.rad2deg(region.orientation) + 90 - cell.factors["Orientation"]
        assert abs((turn + 90) % 180 - 90) < 3


def test_cell_is_one_piece_inside_the_image_with_its_nucleus_inside(cells):
    for cell in cells:
        assert label(cell.mask).max() == label(cell.nucleus_mask).max() == 1
        assert (cell.nucleus_mask <= cell.mask).all()
        assert not cell.mask[[0, -1]].any()
        assert not cell.mask[:, [0, -1]].any()


def test_extreme_factors_stay_inside():
    corner = {name: high for name, (_, high) in RANGES.items()}
    for seed in range(40):
        factors = corner | {"Orientation": 4.5 * seed}
        _, mask, nucleus = render_cell(factors, np.random.default_rng(seed))
        assert (nucleus <= mask).all()
        assert mask.sum() == pytest.approx(factors["Size"], rel=0.02)
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()


def test_stain_orders_background_cytoplasm_nucleus(cells):
    for cell in cells:
        assert cell.image.shape == (SIDE, SIDE, 3)
        assert cell.image.dtype == np.uint8
        grey = cell.image.mean(axis=2)
        cytoplasm = (cell.mask == 1) & (cell.nucleus_mask == 0)
        nucleus, body = grey[cell.nucleus_mask == 1].mean(), grey[cytoplasm].mean()
        assert nucleus + 20 < body
        assert body + 20 < grey[cell.mask == 0].mean()


def test_hue_factor_turns_the_colour_of_the_cytoplasm():
    hues = []
    for hue in np.linspace(*RANGES["Hue"], 6):
        image, mask, nucleus = render_cell(TYPICAL | {"Hue": hue}, np.random.default_rng(1))
        body = image[(mask == 1) & (nucleus == 0)].mean(axis=0) / 255
        hues.append(360 * rgb2hsv(body))
    hues = np.array(hues)[:, 0]
    assert (np.diff(hues) > 8).all()


def test_granularity_roughens_the_cytoplasm_and_nothing_else():
    roughness, masks = [], []
    for grain in np.linspace(0, 1, 5):
        factors = TYPICAL | {"Granularity": grain}
        image, mask, nucleus = render_cell(factors, np.random.default_rng(1))
        grey = image.mean(axis=2)
        detail = grey - gaussian_filter(grey, 3)
        inner = gaussian_filter((mask & ~nucleus).astype(float), 2) > 0.97
        roughness.append(detail[inner].std())
        masks.append(mask)
    assert (np.diff(roughness) > 0.5).all()
    assert all((mask == masks[0]).all() for mask in masks)


def test_cell_depends_on_seed_and_index_alone(cells):
    again = make_cell(7, seed=0)
    np.testing.assert_array_equal(again.image, cells[7].image)
    np.testing.assert_array_equal(again.mask, cells[7].mask)
    assert again.factors == cells[7].factors
    assert make_cell(7, seed=1).factors != cells[7].factors
    assert make_cell(8, seed=0).factors != cells[7].factors


def test_table_agrees_with_the_cells(cells):
    table = factor_table(len(cells), seed=0)
    assert list(table.columns) == ["label", *NAMES]
    assert table["label"].tolist() == [cell.label for cell in cells]
    assert table[NAMES].to_dict("records") == [cell.factors for cell in cells]


def test_factors_fill_their_ranges_independently():
    table = factor_table(4000, seed=3)[NAMES]
    for name, (low, high) in RANGES.items():
        u = (table[name] - low) / (high - low)
        assert u.between(0, 1).all()
        assert u.mean() == pytest.approx(0.5, abs=0.02)
        assert u.std() == pytest.approx(12**-0.5, abs=0.01)
    assert np.abs(table.corr().to_numpy() - np.eye(6)).max() < 0.07  # 4 / sqrt(4000)


def test_class_rule_is_balanced_with_the_documented_bayes_accuracy():
    probabilities = class_probabilities(drawn_factors(200_000))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.min() >= -1e-12
    share = probabilities.mean(axis=0)
    assert (share > 0.15).all()
    assert (share < 0.40).all()
    assert probabilities.max(axis=1).mean() == pytest.approx(0.911, abs=0.002)


def test_labels_follow_the_class_probabilities():
    table = factor_table(4000, seed=0)
    expected = class_probabilities(table).mean(axis=0)
    share = [(table["label"] == name).mean() for name in CLASSES]
    np.testing.assert_allclose(share, expected, atol=0.02)
    best = np.array(CLASSES)[class_probabilities(table).argmax(axis=1)]
    assert (best == table["label"]).mean() == pytest.approx(0.911, abs=0.02)


def test_orientation_has_no_say_in_the_class():
    factors = drawn_factors(100)
    turned = factors.assign(Orientation=0.0)
    np.testing.assert_array_equal(class_probabilities(factors), class_probabilities(turned))


def test_odd_cells_change_nothing_in_the_others(cells):
    with_odd = list(generate_cells(len(cells), seed=0, odd_class=True))
    odd = [cell.label == ODD for cell in with_odd]
    assert np.mean(odd) == pytest.approx(ODD_SHARE, abs=0.08)  # 3 SD of 150 draws
    for plain, other, is_odd in zip(cells, with_odd, odd, strict=True):
        assert plain.label != ODD
        assert plain.factors == other.factors
        if is_odd:
            assert (plain.image != other.image).any()
        else:
            np.testing.assert_array_equal(plain.image, other.image)
            np.testing.assert_array_equal(plain.mask, other.mask)
            assert plain.label == other.label


def test_odd_cells_are_spiny_and_keep_their_factors():
    odd = [c for c in generate_cells(200, seed=1, odd_class=True) if c.label == ODD]
    low, high = RANGES["Size"]
    place = np.mean([(cell.factors["Size"] - low) / (high - low) for cell in odd])
    assert place == pytest.approx(0.5, abs=0.2)  # chance alone says which cells are odd
    for cell in odd:
        (region,) = regionprops(cell.mask)
        assert region.solidity < 0.8  # of the others: above 0.9
        assert region.area == pytest.approx(cell.factors["Size"], rel=0.02)
        elongation = region.axis_major_length / region.axis_minor_length
        assert elongation == pytest.approx(cell.factors["Elongation"], rel=0.05)
        ratio = cell.nucleus_mask.sum() / cell.mask.sum()
        assert ratio == pytest.approx(cell.factors["NucleusRatio"], abs=0.015)
        assert (cell.nucleus_mask <= cell.mask).all()


def test_a_target_is_made_of_these_cells(cells):
    for index in (0, 3, 40):
        example = SyntheticCells().make(index, seed=0)
        np.testing.assert_array_equal(example.drawing.image, cells[index].image)
        np.testing.assert_array_equal(example.drawing.mask, cells[index].mask)
        assert (example.factors, example.label) == (cells[index].factors, cells[index].label)
    with_odd = [SyntheticCells(odd_class=True).make(index, seed=0).label for index in range(40)]
    assert ODD in with_odd


def test_a_source_has_pairs_of_cells_that_share_what_does_not_change():
    rng = np.random.default_rng
    first = SyntheticCells().render(TYPICAL, rng(0))
    second = SyntheticCells().render(TYPICAL | {"Hue": 330.0}, rng(0))
    np.testing.assert_array_equal(first.mask, second.mask)
    assert (first.image != second.image).any()
