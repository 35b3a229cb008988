"""The views of a long table: CSV, Markdown, LaTeX; and Markdown back again, for the report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fovscope.records import write_table
from fovscope.registry import Entry
from fovscope.runtime.provenance import replacing


def versions_of(versions: Iterable[str]) -> str:
    """Return each version of fovscope once.

    A release reruns nothing by itself, so the models of one line may come from several.
    """
    return ", ".join(sorted(set(versions)))


STATISTICS = {
    "mean": ("value", "mean"),
    "sd": ("value", "std"),
    "n": ("value", "count"),
    "fovscope": ("fovscope", versions_of),
}
"""What a line of a long table says of the models that it sums up."""

MASKS = {"active_mask": ("active_mask", lambda masks: ", ".join(sorted(set(masks.dropna()))))}
"""Masks of the models' active dimensions, each different one once; empty where all are used."""


def caption_of(entry: Entry, facts: Mapping[str, Any]) -> str:
    """Return the caption of a table, of this study.

    Parameters
    ----------
    entry : Entry
        The table; its caption may speak of ``{variant}`` and ``{supervision}``.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.
    """
    supervision = dict.fromkeys(recipe["supervision"] for recipe in facts["recipes"].values())
    text = entry.declared["caption"]
    return text.format(variant=facts["variant"], supervision=", ".join(supervision))


def mean_sd(mean: float, sd: float, *, digits: int) -> str:
    """Return ``mean ± SD``; the SD is left out where there was one model only."""
    if pd.isna(mean):
        return "–"
    return f"{mean:.{digits}f}" if pd.isna(sd) else f"{mean:.{digits}f} ± {sd:.{digits}f}"


def widen(cells: pd.DataFrame, row: list[str], column: str) -> pd.DataFrame:
    """Turn a table of cells into lines, in the order in which the lines first appear.

    Parameters
    ----------
    cells : pandas.DataFrame
        Columns `row`, `column` and ``cell``.
    row : list of str
        What makes a line; they stay columns.
    column : str
        Whose values become columns.
    """
    wide = cells.pivot(index=row, columns=column, values="cell").reset_index()
    return cells[row].drop_duplicates().merge(wide, on=row)  # pandas' pivot sorts its lines


def write_views(
    long: pd.DataFrame,
    view: pd.DataFrame,
    caption: str,
    paths: dict[str, str],
    *,
    blocks: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write a table in all its formats.

    Parameters
    ----------
    long : pandas.DataFrame
        The table itself, one row per number.
    view : pandas.DataFrame
        What a person reads: one row per line, cells as text.
    caption : str
        One sentence above the Markdown and LaTeX tables.
    paths : dict of str to str
        File by format: ``parquet, csv, md, tex``.
    blocks : mapping of str to pandas.DataFrame, optional
        The same as several tables by title, for Markdown and LaTeX, where one would be too
        wide for a page.
    """
    write_table(paths["parquet"], long)
    markdown, latex = [caption], []
    for title, table in (blocks or {"": view}).items():
        markdown += [f"**{title}**"] if title else []
        cells = table.rename(columns=_without_bars).map(_without_bars)
        markdown.append(cells.to_markdown(index=False, disable_numparse=True))
        latex.append(_latex(table, f"{title}. {caption}" if title else caption))
    texts = {
        "csv": view.to_csv(index=False),
        "md": "\n\n".join(markdown) + "\n",
        "tex": "\n".join(latex),
    }
    for kind, text in texts.items():
        with replacing(paths[kind]) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")


def read_markdown(text: str) -> tuple[str, dict[str, pd.DataFrame]]:
    """Return the caption and the tables by title of a Markdown view, as `write_views` wrote it.

    Parameters
    ----------
    text : str
        The file.

    Returns
    -------
    caption : str
        The sentence above the tables.
    tables : dict of str to pandas.DataFrame
        By title, empty for a single table; all cells are text.
    """
    caption, *parts = text.rstrip("\n").split("\n\n")
    tables, title = {}, ""
    for part in parts:
        if part.startswith("**"):
            title = part.strip("*")
        else:
            tables[title] = _markdown_table(part)
    return caption, tables


def _markdown_table(text: str) -> pd.DataFrame:
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines()]
    heading, _, *rows = [[cell.strip().replace(r"\|", "|") for cell in line] for line in lines]
    return pd.DataFrame(rows, columns=heading)


def _without_bars(text: object) -> str:
    return str(text).replace("|", r"\|")  # they would end a cell of Markdown


def _latex(view: pd.DataFrame, caption: str) -> str:
    style = view.rename(columns=_escaped).map(_escaped).style.hide(axis="index")
    return style.to_latex(caption=_escaped(caption), hrules=True, column_format="l" * view.shape[1])


def _escaped(text: object) -> str:
    return "".join(_LATEX.get(character, character) for character in str(text))


_LATEX = {character: "\\" + character for character in "&%$#_{}"} | {
    "±": r"$\pm$",
    "β": r"$\beta$",
    "Φ": r"$\Phi$",
    "–": "--",
}
