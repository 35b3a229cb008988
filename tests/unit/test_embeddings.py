"""A table of numbers made elsewhere: taken as it is, or refused in words."""

import numpy as np
import pandas as pd
import pytest

from fovscope import FovscopeError
from fovscope.representations.file import read_numbers

IMAGES = pd.DataFrame({"image_id": ["007", "NA", "b/1.png"]})
TABLE = pd.DataFrame(
    {
        "Metadata_well": ["A1", "A2", "A3", "A4"],
        "e0": [1.0, 2.0, 3.0, 4.0],
        "image_id": ["b/1.png", "elsewhere", "007", "NA"],
        "e1": [10, 20, 30, 40],
    }
)


def written(table, folder, suffix):
    path = folder / f"mine{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_numbers_come_in_the_order_of_the_images_whatever_their_names(tmp_path, suffix):
    values = read_numbers(written(TABLE, tmp_path, suffix), IMAGES)
    np.testing.assert_array_equal(values, [[3, 30], [4, 40], [1, 10]])


MISTAKES = {
    "no row for images of the data set: NA": TABLE.iloc[:3],
    "images twice: 007": pd.concat([TABLE, TABLE.iloc[[2]]]),
    "columns that are no numbers .*: e1": TABLE.assign(e1=list("abcd")),
    "values that are not finite in the rows of: 007": TABLE.assign(e0=[1, 2, np.nan, 4]),
    "values that are not finite in the rows of: b/1.png": TABLE.assign(e0=[np.inf, 2, 3, 4]),
    "no column image_id; columns there: Metadata_well, e0, name, e1": TABLE.rename(
        columns={"image_id": "name"}
    ),
    "no column of numbers beside image_id": TABLE[["image_id", "Metadata_well"]],
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("message", MISTAKES)
def test_what_cannot_be_used_is_named(tmp_path, suffix, message):
    with pytest.raises(FovscopeError, match=f"mine{suffix} has {message}"):
        read_numbers(written(MISTAKES[message], tmp_path, suffix), IMAGES)


@pytest.mark.parametrize(("name", "kind"), [("a.csv", "CSV"), ("a.parquet", "Parquet")])
def test_a_file_of_another_kind_is_named(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b'"image_id\n\xff')
    with pytest.raises(FovscopeError, match=f"{name} cannot be read as {kind}"):
        read_numbers(tmp_path / name, IMAGES)
