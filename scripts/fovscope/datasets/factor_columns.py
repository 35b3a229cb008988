"""Factors of variation and metadata in the columns of a user's table: numbers or names."""

from __future__ import annotations

import difflib
import logging
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from fovscope.datasets.layout import are_splits
from fovscope.datasets.tables import METADATA, TABLE_COLUMNS, read_columns, with_decimal_points
from fovscope.factors import Factor

_NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"
"""A number in a column that travels along; ``007`` is a name."""

_OTHER_NUMBER = r"[-+−]?[\d.,'’\s]*\d[\d.,'’\s]*%?"
"""A number as it is written somewhere: ``1.234,5``, ``1 234``, ``50 %``, ``−1``."""

_OTHER_WORDS = {
    **dict.fromkeys(("class", "classes", "classname", "category", "target", "species"), "label"),
    **dict.fromkeys(("celltype", "diagnosis", "phenotype"), "label"),
    **dict.fromkeys(("subset", "partition", "fold", "phase", "splits"), "split"),
    **dict.fromkeys(("patient", "patientid", "donor", "animal", "slide", "subject"), "group"),
}
"""What columns that mean something are called elsewhere, in lower case and without blanks."""

logger = logging.getLogger(__name__)


def read_table(path: Path, factors: tuple[str, ...]) -> pd.DataFrame:
    """Return a user's table as text, but for columns of numbers among its factors and metadata.

    Parameters
    ----------
    path : Path
        CSV (see `fovscope.datasets.tables.read_columns`).
    factors : tuple of str
        Columns with factors of variation.
    """
    table = pd.DataFrame(read_columns(path), dtype="str")
    for name in table:
        if name in factors or name.startswith(METADATA):
            cells = pd.Series(with_decimal_points(table[name]), dtype="str")
            if name in factors or (cells.str.fullmatch(_NUMBER) | (cells == "")).all():
                table[name] = _factor_values(cells)
    _warn_of_misspelt_columns(table, factors)
    return table


def _warn_of_misspelt_columns(table: pd.DataFrame, factors: tuple[str, ...]) -> None:
    missing = [name for name in TABLE_COLUMNS if name not in table]
    for name in table:
        if name in (*TABLE_COLUMNS, *factors) or name.startswith(METADATA):
            continue
        near = difflib.get_close_matches(name.lower(), missing, n=1, cutoff=0.8)
        meant = near[0] if near else _OTHER_WORDS.get(re.sub(r"[\W_]+", "", name.lower()))
        # By its cells as well: else splits that are published would be drawn anew without a word.
        if "split" in missing and are_splits(set(table[name]) - {""}):
            meant = "split"
        if meant in missing:
            logger.warning(
                "column '%s' of the table means nothing; did you mean '%s'?", name, meant
            )


def _factor_values(cells: pd.Series) -> pd.Series:
    values = cells.where(cells != "")
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers if (numbers.notna() == values.notna()).all() else values


def described_factor(name: str, values: pd.Series) -> Factor:
    """Return what a column of a table says of the factor in it."""
    values = values.dropna()
    if values.empty:
        return Factor(name=name)
    if not pd.api.types.is_numeric_dtype(values):
        return Factor(name=name, values=tuple(sorted(set(values.astype(str)))), nominal=True)
    return Factor(name=name, limits=(float(values.min()), float(values.max())))


def check_factor(name: str, values: pd.Series, problems: defaultdict[str, list[str]]) -> None:
    """Note what no disentanglement can be measured with, hours before it would be."""
    values = values.dropna()
    if values.nunique() < 2:
        problems["factors with one value only; leave them out"].append(name)
    numbers = pd.to_numeric(values, errors="coerce")
    if np.isinf(numbers).any():
        problems["factors with infinite values; correct them"].append(name)
    words = values[numbers.isna()]
    odd = words.astype(str).str.fullmatch(_OTHER_NUMBER)
    if odd.mean() > 0.5:
        kind = f"values of factor '{name}' that are numbers, but not written as such"
        problems[f"{kind}; write them like -1234.5"] += sorted(set(words[odd].astype(str)))
    elif 0 < len(words) < len(values) / 2:  # as names, its numbers would be one class each
        problems[f"values of factor '{name}' that are no numbers, unlike most; correct them"] += [
            f"'{word}' ({count} rows)" for word, count in words.value_counts().items()
        ]
