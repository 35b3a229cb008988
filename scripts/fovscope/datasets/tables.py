"""What a user's table says of images, before any is read; the standard library only.

One reader for the manifest, for the digests of a dry run and for the classes to hold out. Tables
come from spreadsheets and scripts of all systems: what cannot be meant otherwise is read as it is
meant, and everything else is an error that says what to do.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from fovscope.datasets.listing import DataError, composed, relative, require_file

TABLE_COLUMNS = ("path", "label", "mask", "split", "group")
"""Columns of a table that mean something whatever the configuration says."""

METADATA = "Metadata_"
"""What the names of columns begin with that travel along."""

_PATHS = ("path", "mask")
_DELIMITERS = ",;\t|"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WORKBOOKS = {
    **{b"PK\x03\x04": "a workbook", b"\xd0\xcf\x11\xe0": "a workbook"},
    **{b"PAR1": "Parquet", b"\x1f\x8b": "compressed (gzip)", b"SQLite": "a database (SQLite)"},
}
_EXCEL = "in Excel, save it as 'CSV UTF-8'"
_SAYS_DELIMITER = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
"""The first line of a table that Excel is to open."""

_INTEGER_OR_DECIMAL_COMMA = re.compile(r"[-+]?\d*(,\d+)?([eE][-+]?\d+)?")
_OR_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


def read_columns(table: Path) -> dict[str, list[str]]:
    """Return the columns of a table by name, each cell as the text that it is.

    A class may be called "NA" or "007". A byte order mark, UTF-16, the kind of line ends, empty
    rows, blanks around names and cells, empty cells after the last column and whether comma,
    semicolon, tab or bar separate cells count for nothing; cells that a row lacks are empty;
    columns without a name are left out. The columns of `TABLE_COLUMNS` are found in any case, and
    text but for paths is in composed Unicode (NFC).

    Raises
    ------
    DataError
        If there is no such file, or it is not a CSV in UTF-8; the line is named.
    """
    require_file(table, "table")
    text = _text(table)
    first = _SAYS_DELIMITER.match(text)
    delimiter = first[1] if first else _delimiter(text)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise DataError(
            f"table {table} is not a CSV in UTF-8: line {reader.line_num}: {error}; quotes are to "
            "be double, and doubled inside of quotes"
        ) from error
    rows = [(line, row) for line, row in rows[bool(first) :] if any(row)]
    names = _names(rows.pop(0)[1] if rows else [], table)
    _require_cells(names, [row for _, row in rows], table)
    cells = [_cells(row, len(names), table, line, delimiter) for line, row in rows]
    columns = zip(*cells, strict=True) if cells else [()] * len(names)
    return {
        name: list(column if name in _PATHS else map(composed, column))
        for name, column in zip(names, columns, strict=True)
        if name
    }


def _text(table: Path) -> str:
    data = table.read_bytes()
    for signature, kind in _WORKBOOKS.items():
        if data.startswith(signature):
            raise DataError(f"table {table} is not a CSV in UTF-8 but {kind}; {_EXCEL}")
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
        if "\0" in text:
            raise DataError(f"table {table} is not a CSV in UTF-8: it holds bytes of 0; {_EXCEL}")
        return text
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start : error.start + 1]
        raise DataError(
            f"table {table} is not a CSV in UTF-8: line {line}: byte 0x{byte.hex()}, which is "
            f"'{byte.decode('cp1252', 'replace')}' in Windows-1252; {_EXCEL}"
        ) from error


def _delimiter(text: str) -> str:
    """Return what separates the names of a table, one of which must be ``path``."""
    line = next(filter(str.strip, text.splitlines()), "")
    for delimiter in _DELIMITERS:
        names = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        if len(names) > 1 and "path" in [name.strip().lower() for name in names]:
            return delimiter
    return max(_DELIMITERS, key=line.count)


def _names(cells: Sequence[str], table: Path) -> list[str]:
    names = [composed(name) for name in cells]
    names = [
        low if (low := name.lower()) in TABLE_COLUMNS and low not in names else name
        for name in names
    ]
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice or not named:
        fault = f"names columns twice: {', '.join(twice)}" if twice else "has no line of names"
        raise DataError(f"table {table} {fault}; its first line must name each column once")
    return names


def _require_cells(names: Sequence[str], rows: Sequence[Sequence[str]], table: Path) -> None:
    """Raise `DataError` where the only column of a table is all columns of another one."""
    if len(names) > 1:
        return
    name = names[0].lower()
    if any("path" in map(str.strip, name.split(mark)) for mark in _DELIMITERS if mark in name):
        raise DataError(
            f"table {table} has quotes around each line, which make one cell of it; save it anew "
            "as 'CSV UTF-8', or take them out"
        )
    words = name.split()
    if len(words) > 1 and "path" in words and all(len(row[0].split()) > 1 for row in rows):
        raise DataError(
            f"table {table} has blanks between its cells; separate them by commas, or save it anew "
            "as 'CSV UTF-8'"
        )


def _cells(row: list[str], count: int, table: Path, line: int, delimiter: str) -> list[str]:
    if any(row[count:]):
        mark = {",": "comma", ";": "semicolon", "\t": "tab"}.get(delimiter, f"'{delimiter}'")
        raise DataError(
            f"table {table}, line {line}: {len(row)} cells in a row of a table of {count} columns; "
            f"quote cells with a {mark} in them, or name all columns in the first line"
        )
    return (row + [""] * (count - len(row)))[:count]


# Numbers ------------------------------------------------------------------------------------


def with_decimal_points(cells: Iterable[str]) -> list[str]:
    """Return a column of numbers with a point for each decimal comma, or the column as it is.

    ``1,5`` is read where the whole column is such numbers. ``1,500`` could be one and a half or
    fifteen hundred: where there is nothing else, the column stays as it is.
    """
    cells = list(cells)
    commas = [cell for cell in cells if "," in cell]
    numbers = all(_INTEGER_OR_DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    if not numbers or all(_OR_THOUSANDS.fullmatch(cell) for cell in commas):
        return cells
    return [cell.replace(",", ".") for cell in cells]


# Paths --------------------------------------------------------------------------------------


def listed_path(cell: str, root: Path) -> str:
    """Return a path that a table lists, from the folder `root` of the table."""
    if os.path.isabs(cell) or ".." in cell:  # noqa: PTH117
        return relative(root / cell, root)
    return os.path.normpath(cell)


def listed_paths(cells: Iterable[str], root: Path) -> list[str]:
    """Return the paths that a column of a table lists, as `listed_path`; empty cells stay empty.

    A path with backslashes, or in another form of Unicode than on the disk, is taken for the file
    that is there. The disk is asked of such paths only.

    Raises
    ------
    DataError
        If the names of several files differ in their Unicode form only, and none is the listed one.
    """

    @cache
    def by_form(folder: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        try:
            entries = os.listdir(folder)  # noqa: PTH208
        except OSError:  # no folder: nothing is in it
            return {}
        for name in entries:
            found.setdefault(composed(name), []).append(name)
        return found

    def on_disk(path: str) -> str | None:
        """Return the spelling of a path that exists, if there is one."""
        if os.path.lexists(root / path):
            return path
        spelled: list[str] = []
        for part in Path(path).parts:
            folder = os.fspath(root.joinpath(*spelled))
            names = [part] if part in ("..", os.sep) else by_form(folder).get(composed(part), [])
            if len(names) > 1 and part not in names:
                raise DataError(
                    f"table in {root}: '{path}' could be {len(names)} files whose names differ in "
                    "their Unicode form only; rename all but one"
                )
            if not names:
                return None
            spelled.append(part if part in names else names[0])
        return os.fspath(Path(*spelled))

    def spelled(cell: str) -> str:
        if "\\" not in cell and cell.isascii():
            return cell
        spellings = (cell, cell.replace("\\", "/")) if "\\" in cell else (cell,)
        return next(filter(None, map(on_disk, spellings)), cell)

    return [listed_path(spelled(cell), root) if cell else "" for cell in cells]
