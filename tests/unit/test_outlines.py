import numpy as np
import pytest

from fovscope.generators.outlines import coverage, draw_outlines, moments, posed

CIRCLE = np.linspace(0, 2 * np.pi, 256, endpoint=False)
DISC = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], axis=1)
SQUARE = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])


def drawn(ratio=0.3, count=60):
    return [draw_outlines(ratio, np.random.default_rng(seed)) for seed in range(count)]


def test_moments_of_a_rectangle_are_those_of_the_textbook():
    found = moments(SQUARE * (6, 2) + (10, 20))
    assert found.area == pytest.approx(12)
    np.testing.assert_allclose(found.centre, (13, 21))
    np.testing.assert_allclose(found.covariance, [[36 / 12, 0], [0, 4 / 12]], atol=1e-9)


def test_whatever_the_form_area_centre_axes_and_direction_are_as_asked_for():
    for number, outlines in enumerate(drawn()):
        angle = 180 * number / 60
        cell = posed(
            outlines.cell, diameter=50, elongation=2.5, orientation=angle, centre=(7.0, -3.0)
        )
        found = moments(cell)
        assert found.area == pytest.approx(np.pi * 25**2)
        np.testing.assert_allclose(found.centre, (7, -3), atol=1e-6)
        variances, axes = np.linalg.eigh(found.covariance)
        assert np.sqrt(variances[1] / variances[0]) == pytest.approx(2.5)
        # y points downwards: counter-clockwise on the screen is clockwise in the numbers.
        off = np.rad2deg(np.arctan2(-axes[1, 1], axes[0, 1])) - angle
        assert (off + 90) % 180 - 90 == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.08, 0.3, 0.5])
def test_a_nucleus_has_its_share_of_the_cell_and_lies_inside(ratio):
    for outlines in drawn(ratio, 40):
        # A shear keeps areas up to the straight edges between the corners.
        assert moments(outlines.nucleus).area == pytest.approx(ratio, rel=0.02)
        layers = [
            posed(p, diameter=90, elongation=1.5, orientation=30, centre=(110, 110))
            for p in (outlines.cell, outlines.nucleus)
        ]
        cell, nucleus = coverage([[layer] for layer in layers], (220, 220))
        assert (nucleus > cell + 0.3).sum() < 0.01 * nucleus.sum()


def test_the_stream_of_random_numbers_does_not_depend_on_the_ratio():
    after = []
    for ratio in (0.1, 0.5):
        rng = np.random.default_rng(3)
        draw_outlines(ratio, rng)
        after.append(rng.random())
    assert after[0] == after[1]


def test_coverage_of_a_square_off_the_grid_is_exact_across():
    covered = coverage([[SQUARE * (2, 2) + (1.25, 1)]], (4, 5))[0]
    np.testing.assert_allclose(covered[1], [0, 0.75, 1, 0.25, 0], atol=1e-6)
    np.testing.assert_allclose(covered.sum(axis=1), [0, 2, 2, 0], atol=1e-6)


def test_coverage_has_the_area_of_a_disc_wherever_it_lies():
    rng = np.random.default_rng(0)
    for radius in (2, 5, 20):
        place = 30 + rng.random(2)
        assert coverage([[radius * DISC + place]], (60, 60)).sum() == pytest.approx(
            np.pi * radius**2, rel=0.01
        )


def test_what_lies_outside_is_cut_off_on_each_side():
    whole = coverage([[8 * DISC + 20]], (40, 40))[0]
    for rows, columns in ((slice(16, 40), slice(0, 40)), (slice(0, 22), slice(18, 25))):
        part = coverage(
            [[8 * DISC + 20]],
            (rows.stop - rows.start, columns.stop - columns.start),
            origin=(columns.start, rows.start),
        )
        np.testing.assert_allclose(part[0], whole[rows, columns], atol=1e-5)


def test_where_polygons_of_a_layer_overlap_a_pixel_is_covered_once():
    discs = [8 * DISC + 20, 8 * DISC + 22]
    assert coverage([discs], (40, 40)).max() == 1
    alone = coverage([discs[:1]], (40, 40))[0]
    np.testing.assert_array_equal(coverage([discs[:1], discs[1:]], (40, 40))[0], alone)
