"""Numbers made elsewhere: a table with one row per image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope import FovscopeError
from fovscope.registry import representation
from fovscope.representations.base import Given


@representation("file", needs="file", label="{name}", files=("file",))
def file(given: Given, *, file: str, datasets: list[str] | None = None) -> NDArray[np.float64]:
    """Take the numbers of a table of yours.

    Parameters
    ----------
    file : str
        Parquet or CSV file with the column `image_id` and numbers; `{dataset}` in its name
        stands for the data set.
    datasets : list of str
        The data sets that it is about; by default all targets.
    """
    del file, datasets  # `given.file` is that of the data set
    return read_numbers(given.file, given.images)


def read_numbers(path: Path, images: pd.DataFrame) -> NDArray[np.float64]:
    """Read the numbers (N, D) of N images from a user's table.

    Columns called ``Metadata_…`` are left out, as pycytominer does.

    Raises
    ------
    FovscopeError
        If it is no such table, an image is missing or there twice, a column is not numeric or a
        value not finite.
    """
    table = _read_table(path)
    if "image_id" not in table:
        raise FovscopeError(
            f"{path} has no column image_id; columns there: {', '.join(map(str, table.columns))}"
        )
    table["image_id"] = table["image_id"].astype(str)
    _refuse(path, "images twice", table["image_id"][table["image_id"].duplicated()])
    absent = images["image_id"][~images["image_id"].isin(table["image_id"])]
    _refuse(path, "no row for images of the data set", absent)
    numbers = table.set_index("image_id").loc[images["image_id"]]
    numbers = numbers[[c for c in numbers if not str(c).startswith("Metadata_")]]
    words = [c for c in numbers if not pd.api.types.is_numeric_dtype(numbers[c])]
    _refuse(path, "columns that are no numbers (call them Metadata_… to leave them out)", words)
    if numbers.empty or not len(numbers.columns):
        raise FovscopeError(f"{path} has no column of numbers beside image_id")
    values = numbers.to_numpy(np.float64)
    bad = numbers.index[~np.isfinite(values).all(axis=1)]
    _refuse(path, "values that are not finite in the rows of", bad)
    return values


def _read_table(path: Path) -> pd.DataFrame:
    is_csv = path.suffix.lower() == ".csv"
    try:
        if not is_csv:
            return pd.read_parquet(path)
        table = pd.read_csv(path)
        if "image_id" in table:  # text as it stands: "007" is no number, "NA" is not missing
            as_text = {"dtype": str, "keep_default_na": False}
            table["image_id"] = pd.read_csv(path, usecols=["image_id"], **as_text)["image_id"]
        return table
    except (ValueError, OSError) as error:  # of both readers; the path itself is there
        kind = "CSV" if is_csv else "Parquet (CSV files end in .csv)"
        raise FovscopeError(f"{path} cannot be read as {kind}: {error}") from error


def _refuse(path: Path, what: str, cases: Any) -> None:  # noqa: ANN401
    cases = [str(case) for case in cases]
    if cases:
        more = f" and {len(cases) - 5} more" if len(cases) > 5 else ""
        raise FovscopeError(f"{path} has {what}: {', '.join(cases[:5])}{more}")
