"""The views of a long table: CSV, Markdown, LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from fovscope.records import write_table
from fovscope.runtime.provenance import replacing

STATISTICS = {
    "mean": ("value", "mean"),
    "sd": ("value", "std"),
    "n": ("value", "count"),
    # A release reruns nothing by itself, so the models of one line may come from several.
    "fovscope": ("fovscope", lambda versions: ", ".join(sorted(set(versions)))),
}
"""What a line of a long table says of the models that it sums up."""

MASKS = {"active_mask": ("active_mask", lambda masks: ", ".join(sorted(set(masks.dropna()))))}
"""Masks of the models' active dimensions, each different one once; empty where all are used."""


def files_of(output: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the files of one table by format, of a job that writes several."""
    return {kind: output[f"{name}_{kind}"] for kind in ("parquet", "csv", "md", "tex")}


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
        The table itself, one row a number.
    view : pandas.DataFrame
        What a person reads: one row a line, cells as text.
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
