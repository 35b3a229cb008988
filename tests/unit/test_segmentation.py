import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.draw import disk, ellipse
from skimage.measure import label
from skimage.morphology import closing
from skimage.morphology import disk as disk_footprint

from fovscope.generators.synthetic_cells import generate_cells
from fovscope.interpret.segmentation import (
    Segmentation,
    _closed,
    given_object,
    reason_to_doubt,
    segment_object,
)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def scene(background, *objects, noise=3, size=(100, 120), seed=0):
    """Objects (rows and columns, colour) on a background of one colour, with camera noise."""
    image = np.empty((*size, 3))
    image[:] = background
    for place, colour in objects:
        image[place] = colour
    image += np.random.default_rng(seed).normal(0, noise, image.shape)
    return image.clip(0, 255).astype(np.uint8)


def as_mask(place, size=(100, 120)):
    mask = np.zeros(size, bool)
    mask[place] = True
    return mask


CELL = ellipse(50, 60, 20, 30)


@pytest.mark.parametrize(
    ("background", "colour"),
    [
        ((255, 255, 255), (60, 60, 60)),
        ((0, 0, 0), (90, 20, 120)),
        ((150, 160, 150), (160, 110, 130)),
        ((70, 90, 140), (110, 90, 110)),
    ],
    ids=["silhouette", "fluorescence", "stained", "of the same brightness"],
)
def test_object_on_any_background(background, colour):
    found = segment_object(scene(background, (CELL, colour)))
    assert overlap(found.mask, as_mask(CELL)) > 0.93
    assert reason_to_doubt(found) == ""


def test_generated_cells_are_found_as_they_are():
    for cell in generate_cells(12, seed=1):
        found = segment_object(cell.image)
        assert overlap(found.mask, cell.mask.astype(bool)) > 0.95
        assert reason_to_doubt(found) == ""


def test_the_central_object_is_taken_and_not_a_larger_neighbour():
    small, large = disk((50, 60), 10), disk((50, 5), 38, shape=(100, 120))
    image = scene((230, 230, 230), (small, (90, 40, 90)), (large, (90, 40, 90)))
    assert overlap(segment_object(image).mask, as_mask(small)) > 0.85


def test_between_crowded_objects_the_background_is_not_the_object():
    """Along the edge there is more of the neighbours than of the background."""
    cells = [disk((r, c), 21, shape=(100, 120)) for r in (0, 50, 100) for c in (10, 60, 110)]
    image = scene((200, 200, 200), *((cell, (120, 80, 100)) for cell in cells))
    assert overlap(segment_object(image).mask, as_mask(cells[4])) > 0.9


@pytest.mark.parametrize("radii", [(20, 30), (26, 24), (12, 30)])
@pytest.mark.parametrize("pale", [False, True], ids=["plain", "pale in the middle"])
def test_a_body_in_a_crop_as_tight_as_its_box_is_found_and_trusted(radii, pale):
    """Red blood cells are pale in the middle, which is not the object."""
    cell = ellipse(50, 60, *radii)
    middle = ellipse(50, 60, radii[0] / 2, radii[1] / 2)
    image = scene((190, 200, 195), (cell, (130, 80, 100)), *([(middle, (180, 140, 160))] * pale))
    box = tuple(slice(places.min(), places.max() + 1) for places in cell)
    found = segment_object(image[box])
    assert overlap(found.mask, as_mask(cell)[box]) > 0.9
    assert reason_to_doubt(found) == ""


@pytest.mark.parametrize("cut", [np.s_[8:], np.s_[:-8], np.s_[:, 10:], np.s_[:, :-10]])
def test_a_body_that_a_crop_cuts_off_is_doubtful(cut):
    box = tuple(slice(places.min(), places.max() + 1) for places in CELL)
    assert reason(as_mask(CELL)[box]) == ""
    assert "reaches the border" in reason(as_mask(CELL)[box][cut])


def test_a_neighbour_that_touches_is_cut_off():
    middle, neighbour = disk((50, 60), 22), disk((50, 19), 21, shape=(100, 120))
    image = scene((220, 220, 220), (middle, (120, 40, 60)), (neighbour, (120, 40, 60)))
    assert overlap(segment_object(image).mask, as_mask(middle)) > 0.9


def test_a_thin_appendage_belongs_to_its_body():
    body, leg = disk((50, 60), 12), np.s_[49:52, 70:112]
    image = scene((255, 255, 255), (leg, 165), (body, 30))
    assert segment_object(image).mask[50, 108]


def test_holes_are_filled():
    image = scene((230, 230, 230), (CELL, (150, 60, 80)), (disk((50, 60), 8), (230, 230, 230)))
    found = segment_object(image).mask
    assert found[50, 60]
    assert label(~found).max() == 1


def test_nothing_is_found_where_nothing_is():
    found = segment_object(np.full((40, 40, 3), 200, np.uint8))
    assert not found.mask.any()
    assert reason_to_doubt(found) == "empty"


def reason(mask, main_part=1.0):
    return reason_to_doubt(Segmentation(mask, main_part))


def test_what_is_doubtful_is_named():
    tiny, huge = np.zeros((50, 50), bool), np.ones((50, 50), bool)
    tiny[20:23, 20:25] = True
    assert reason(tiny) == "too small"
    assert reason(huge) == "too large, touches all sides, reaches the border"
    cut = np.zeros((50, 50), bool)
    cut[:20, 10:30] = True
    assert reason(cut) == "reaches the border"
    assert reason(cut[5:]) == "reaches the border"
    inner = np.pad(cut, 3)
    assert reason(inner) == ""
    assert reason(inner, main_part=0.6) == "fragmented"


def test_fragments_count_unless_they_are_neighbours_at_the_border():
    pieces = [disk((50, c), 14) for c in (25, 60, 95)]
    image = scene((230, 230, 230), *((piece, (90, 40, 90)) for piece in pieces))
    assert segment_object(image).main_part == pytest.approx(1 / 3, abs=0.05)
    outside = [disk((50, c), 14, shape=(100, 120)) for c in (5, 60, 115)]
    image = scene((230, 230, 230), *((piece, (90, 40, 90)) for piece in outside))
    assert segment_object(image).main_part == 1


def test_a_given_mask_is_taken_as_it_is():
    mask = as_mask(disk((30, 30), 12)) | as_mask(disk((70, 90), 6))
    found = given_object(mask)
    assert (found.mask == mask).all()
    assert found.main_part == pytest.approx(0.8, abs=0.01)
    assert given_object(np.zeros((5, 5), bool)).main_part == 0


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    radius=st.integers(1, 9),
    grain=st.floats(0, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_gaps_are_closed_as_by_the_definition(shape, radius, grain, seed):
    """Dilation and then erosion by a disk; only its time is another (below)."""
    noise = np.random.default_rng(seed).normal(size=shape)
    pieces = ndimage.gaussian_filter(noise, grain)
    pieces = pieces >= np.quantile(pieces, 0.7)
    padded = closing(np.pad(pieces, radius), disk_footprint(radius))
    expected = padded[radius:-radius, radius:-radius]
    np.testing.assert_array_equal(_closed(pieces, radius), expected)


def test_the_time_to_close_gaps_does_not_follow_their_width():
    pieces = np.random.default_rng(0).random((400, 400)) > 0.9
    seconds = []
    for radius in (2, 40):
        start = time.process_time()
        _closed(pieces, radius)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 5 * seconds[0]  # 400 times, where each pixel looks at the whole disk
