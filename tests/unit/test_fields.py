"""Cells cut out of the fields of a screen, whose nuclei are known."""

import numpy as np
import pytest
import sites
from PIL import Image

from fovscope.datasets.fields import annotated_fields, cut_cells, find_nuclei
from fovscope.datasets.listing import DataError
from fovscope.profiles.wells import screen_columns


@pytest.fixture
def screen(tmp_path):
    for name, content in sites.bbbc021().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def nuclei(*centres, side=220):
    y, x = np.mgrid[:side, :side]
    discs = [np.hypot(y - row, x - column) <= 9 for row, column in centres]
    return (300 + 9000 * np.any(discs, axis=0)).astype(np.uint16) if discs else np.full_like(y, 300)


def test_nuclei_are_found_where_they_are_also_if_they_touch():
    found = find_nuclei(nuclei(*sites.NUCLEI), 68)
    distance = np.abs(found[:, None] - np.array(sites.NUCLEI)[None]).max(axis=2)
    assert len(found) == len(sites.NUCLEI)
    assert distance.min(axis=0).max() <= 2


def test_cells_that_the_field_cuts_off_specks_and_empty_fields_are_none():
    assert len(find_nuclei(nuclei((60, 60), (20, 150), (150, 200)), 68)) == 1
    speck = nuclei((60, 60))
    speck[150:156, 150:156] = 9300
    assert len(find_nuclei(speck, 68)) == 1
    assert len(find_nuclei(nuclei(), 68)) == 0


def test_fields_have_the_mechanism_of_their_treatment_and_others_are_left_out(screen):
    fields = annotated_fields(screen)
    assert set(fields["compound"]) == {"DMSO", "taxol"}
    assert set(fields["batch"]) == {"Week1", "Week2"}
    assert len(fields) == 2 * 2 * 2


def test_each_cell_is_a_square_and_a_row_of_a_screen(screen, tmp_path):
    table = cut_cells(screen, tmp_path / "cells", crop=68, per_field=20)
    assert len(table) == 8 * len(sites.NUCLEI)
    wells = screen_columns(table)
    assert wells.groupby("plate")["well"].nunique().tolist() == [2, 2]
    assert wells["moa"].isna().equals(wells["control"])
    assert (table.groupby("group")["Metadata_Compound"].nunique() == 1).all()
    pixels = np.asarray(Image.open(tmp_path / "cells" / table["path"][0]))
    assert pixels.shape == (68, 68, 3)
    assert pixels.max(axis=(0, 1)).tolist() == [255, 255, 255]  # each channel by its own largest


def test_of_a_crowded_field_the_same_cells_are_taken_each_time(screen, tmp_path):
    first = cut_cells(screen, tmp_path / "a", crop=68, per_field=3)
    assert len(first) == 8 * 3
    again = cut_cells(screen, tmp_path / "b", crop=68, per_field=3, workers=2)
    assert again.equals(first)
    for path in first["path"]:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def test_what_is_absent_from_the_archives_is_named(screen, tmp_path):
    (screen / "BBBC021_v1_images_Week2_22123.zip").unlink()
    with pytest.raises(DataError, match=r"\(12\).*\n  Week2_22123/Week2_B02_s1_w1\.tif"):
        cut_cells(screen, tmp_path / "cells", crop=68, per_field=3)
    (screen / "BBBC021_v1_moa.csv").unlink()
    with pytest.raises(DataError, match=r"one table \*_moa\.csv; there are 0"):
        annotated_fields(screen)
