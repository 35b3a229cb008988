"""From cells to wells to treatments: what a screen's table must say, and how profiles are pooled.

A well is the mean of its cells, a treatment (compound × concentration) the median of its wells
(Ljosa et al. 2013, J Biomol Screen 18:1321; Caicedo et al. 2018). Wells of controls are no
treatment. The columns of a screen are called here what `COLUMNS` maps them to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from fovscope import FovscopeError

COLUMNS = {
    "plate": "Metadata_Plate",
    "well": "Metadata_Well",
    "batch": "Metadata_Batch",
    "compound": "Metadata_Compound",
    "concentration": "Metadata_Concentration",
    "moa": "Metadata_MOA",
    "control": "Metadata_Control",
}
"""What is known of a cell's well, and the columns of an image table that usually say it."""

_OPTIONAL = ("concentration", "moa")
_OF_WELL = ("batch", "compound", "concentration", "moa", "control")
_WORDS = {"true": True, "1": True, "false": False, "0": False, "": False}
_ROWS_AT_ONCE = 1 << 16


class ProfileError(FovscopeError):
    """A screen from which profiles cannot be made or scored; the message names the wells."""


@dataclass(frozen=True)
class Profiles:
    """Numbers of wells or treatments, beside what is known of each.

    Attributes
    ----------
    about : DataFrame
        N rows. Of wells ``plate, well, batch, compound, concentration, treatment, moa, control,
        cells``; of treatments ``treatment, compound, concentration, moa, batches`` (a tuple,
        the one with most wells first), ``wells, cells``.
    values : ndarray of float64, shape (N, D)
        The profiles.
    """

    about: pd.DataFrame
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.about)

    def at(self, rows: ArrayLike) -> Profiles:
        """Return the profiles of some rows, by mask or number."""
        rows = np.asarray(rows)
        return Profiles(self.about.iloc[rows].reset_index(drop=True), self.values[rows])


def screen_columns(images: pd.DataFrame, columns: Mapping[str, str] = COLUMNS) -> pd.DataFrame:
    """Return what an image table says of the well of each cell.

    Parameters
    ----------
    images : DataFrame
        The image table, one row per cell.
    columns : mapping of str to str
        Column of the table by the name that it has here, see `COLUMNS`.

    Returns
    -------
    DataFrame
        ``plate, well, batch, compound, concentration, moa, control`` in the order of the cells.
        A concentration that is not given is missing; so is an MOA. Controls are booleans.

    Raises
    ------
    ProfileError
        If a column is absent, a cell lacks its plate, well, batch or compound, a concentration is
        no number, or what says whether a well is a control is neither true nor false.
    """
    needed = [name for name in COLUMNS if name not in _OPTIONAL]
    absent = [f"{columns[k]} ({k})" for k in needed if columns[k] not in images]
    if absent:
        there = [name for name in images if str(name).startswith("Metadata_")] or ["none"]
        raise ProfileError(
            f"the image table says nothing of {', '.join(absent)}; its columns of this kind: "
            f"{', '.join(there)}. Columns of other names are set in profiles, under the words in "
            "brackets"
        )
    found = pd.DataFrame({k: images.get(columns[k]) for k in COLUMNS}, index=images.index)
    for name in ("plate", "well", "batch", "compound"):
        unknown = found[name].isna()
        if unknown.any():
            first = images.index[unknown][0]
            raise ProfileError(
                f"{unknown.sum()} cells have no {columns[name]}, the first in row {first}"
            )
        found[name] = found[name].astype(str)
    found["control"] = _booleans(found["control"], columns["control"])
    found["concentration"] = _numbers(found["concentration"], columns["concentration"])
    found["moa"] = (
        found["moa"].astype(object).where(found["moa"].notna() & (found["moa"] != ""), np.nan)
    )
    return found.reset_index(drop=True)


def _numbers(column: pd.Series, name: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    words = column[numbers.isna() & column.notna() & (column != "")]
    if len(words):
        raise ProfileError(
            f"{name} is a concentration: a number without its unit, not {words.iloc[0]!r}"
        )
    return numbers


def _booleans(column: pd.Series, name: str) -> pd.Series:
    text = column.astype(object).where(column.notna(), "").map(str).str.lower()
    text = text.str.removesuffix(".0")
    strange = sorted(set(text) - _WORDS.keys())
    if strange:
        raise ProfileError(
            f"{name} says whether a well is a control: true or false, 1 or 0, not {strange[0]!r}"
        )
    return text.map(_WORDS).astype(bool)


def pool_wells(cells: pd.DataFrame, values: NDArray[np.floating]) -> Profiles:
    """Return the mean of the cells of each well.

    A well with one cell is that cell; `cells` counts them.

    Parameters
    ----------
    cells : DataFrame
        N rows of `screen_columns`.
    values : ndarray, shape (N, D)
        A representation of the cells. It is read in parts: float32 is not copied as a whole.

    Returns
    -------
    Profiles
        Wells, sorted by plate and well.

    Raises
    ------
    ProfileError
        If a value is not finite, or two rows of a well disagree on its batch, compound,
        concentration, MOA or control: wells of a name must be one well.
    """
    codes, about = _wells_of(cells)
    sums = np.zeros((len(about), values.shape[1]))
    for start in range(0, len(values), _ROWS_AT_ONCE):
        part = np.asarray(values[start : start + _ROWS_AT_ONCE], dtype=np.float64)
        of_part = codes[start : start + len(part)]
        row = np.arange(len(part))
        pooled = csr_array((np.ones(len(part)), (of_part, row)), shape=(len(about), len(part)))
        sums += pooled @ part
        if not np.isfinite(part).all():
            k, dimension = np.argwhere(~np.isfinite(part))[0]
            where = about.iloc[of_part[k]]
            raise ProfileError(
                f"dimension {dimension} of the cell in row {start + k} (plate {where['plate']}, "
                f"well {where['well']}) is not finite; leave such cells or dimensions out"
            )
    return Profiles(about, sums / about["cells"].to_numpy()[:, None])


def _wells_of(cells: pd.DataFrame) -> tuple[NDArray[np.intp], pd.DataFrame]:
    """Return the well of each cell, by its number, and what is known of each well."""
    grouped = cells.groupby(["plate", "well"], sort=True)
    codes = grouped.ngroup().to_numpy()
    about = grouped[list(_OF_WELL)].first().reset_index()
    about["cells"] = np.bincount(codes, minlength=len(about))
    for name in _OF_WELL:
        each, expected = cells[name].to_numpy(), about[name].to_numpy()[codes]
        differs = (each != expected) & ~(pd.isna(each) & pd.isna(expected))
        if differs.any():
            k = int(differs.argmax())
            plate, well = cells[["plate", "well"]].iloc[k]
            raise ProfileError(
                f"well {well} of plate {plate} is there twice: its {name} is {expected[k]!r} and "
                f"{each[k]!r}. Give plates of different batches different names"
            )
    about.insert(5, "treatment", treatment_names(about["compound"], about["concentration"]))
    return codes, about


def treatment_names(compounds: Sequence[str], concentrations: Sequence[float]) -> list[str]:
    """Return ``compound@concentration``; the compound alone where no concentration is known."""
    pairs = zip(compounds, concentrations, strict=True)
    return [name if np.isnan(dose) else f"{name}@{dose:g}" for name, dose in pairs]


def pool_treatments(wells: Profiles) -> Profiles:
    """Return the median of the wells of each treatment; controls are left out.

    Parameters
    ----------
    wells : Profiles
        As of `pool_wells`, normalised or not.

    Returns
    -------
    Profiles
        Treatments, sorted by compound and concentration.

    Raises
    ------
    ProfileError
        If there is no treatment, or a compound has two MOAs.
    """
    treated = wells.at(~wells.about["control"].to_numpy())
    if not len(treated):
        raise ProfileError("all wells are controls: there is no treatment to profile")
    _one_moa(treated.about)
    keys = ["compound", "concentration"]
    grouped = treated.about.groupby(keys, sort=True, dropna=False)
    about = grouped.agg(
        treatment=("treatment", "first"),
        moa=("moa", "first"),
        batches=("batch", lambda batches: tuple(batches.value_counts(sort=True).index)),
        wells=("well", "size"),
        cells=("cells", "sum"),
    ).reset_index()
    codes = grouped.ngroup().to_numpy()
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    values = np.stack([np.median(treated.values[rows], axis=0) for rows in parts])
    return Profiles(about, values)


def _one_moa(about: pd.DataFrame) -> None:
    known = about.dropna(subset=["moa"])
    several = known.groupby("compound")["moa"].unique()
    several = several[several.map(len) > 1]
    if len(several):
        raise ProfileError(
            f"compound {several.index[0]} has {len(several.iloc[0])} mechanisms of action: "
            f"{', '.join(map(str, several.iloc[0]))}; name one"
        )


def varying(wells: Profiles) -> NDArray[np.bool_]:
    """Return which dimensions differ between wells; a constant one says nothing of them."""
    return np.ptp(wells.values, axis=0) > 0
