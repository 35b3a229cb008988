"""The views of a long table: CSV, Markdown, LaTeX; and Markdown back again, for the report.

Cells hold names that people give, of classes for example, which are text in every format: what
Markdown and LaTeX would take for their own is escaped, in one place each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fovscope.records import write_table
from fovscope.registry import Entry
from fovscope.runtime.provenance import replacing
from fovscope.texts import legible


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
    recipes = facts["recipes"].values()
    supervision = dict.fromkeys(recipe["supervision"] for recipe in recipes)
    variants = dict.fromkeys(recipe["variant"] for recipe in recipes)
    text = entry.declared["caption"]
    return text.format(variant=", ".join(variants), supervision=", ".join(supervision))


def mean_sd(mean: float, sd: float, *, digits: int) -> str:
    """Return ``mean ± SD``; the SD is left out where there was one model only."""
    if pd.isna(mean):
        return "–"
    return f"{mean:.{digits}f}" if pd.isna(sd) else f"{mean:.{digits}f} ± {sd:.{digits}f}"


def interval(low: float, high: float, *, digits: int) -> str:
    """Return ``low to high``, a dash where there is no interval."""
    return "–" if pd.isna(low) else f"{low:.{digits}f} to {high:.{digits}f}"


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
    bold: Mapping[str, pd.DataFrame] | None = None,
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
    bold : mapping of str to pandas.DataFrame, optional
        Which cells are set in bold, by the title of a block, empty for the view itself: of the
        same rows, with the columns that have such cells. The CSV file, which has no bold, names
        these columns in one of its own, ``bold``.
    """
    write_table(paths["parquet"], long)
    bold, csv = bold or {}, view
    if "" in bold:
        csv = view.assign(bold=bold[""].dot(bold[""].columns + ", ").str.removesuffix(", "))
    markdown, latex = [caption], []
    for title, table in (blocks or {"": view}).items():
        marks = bold.get(title, pd.DataFrame(index=table.index))
        markdown += [f"**{_in_markdown(title)}**"] if title else []
        cells = _emboldened(table.map(_in_markdown), marks, "**{}**")
        cells = cells.rename(columns=_in_markdown)
        markdown.append(cells.to_markdown(index=False, disable_numparse=True))
        latex.append(_latex(table, f"{title}. {caption}" if title else caption, marks))
    texts = {
        "csv": csv.to_csv(index=False),
        "md": "\n\n".join(markdown) + "\n",
        "tex": "\n".join(latex),
    }
    for kind, text in texts.items():
        with replacing(paths[kind]) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")


def _emboldened(cells: pd.DataFrame, marks: pd.DataFrame, template: str) -> pd.DataFrame:
    """Return escaped cells, those that are marked in the template."""
    changed = {
        name: cells[name].where(~marks[name], [template.format(cell) for cell in cells[name]])
        for name in marks
    }
    return cells.assign(**changed)


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
        By title, empty for a single table; all cells are text. Which of them are bold stands in
        ``attrs["bold"]`` of each table: numbers of row and column.
    """
    caption, *parts = text.rstrip("\n").split("\n\n")
    tables, title = {}, ""
    for part in parts:
        if part.startswith("**"):
            title = _from_markdown(part.removeprefix("**").removesuffix("**"))
        else:
            tables[title] = _markdown_table(part)
    return caption, tables


def _markdown_table(text: str) -> pd.DataFrame:
    cells = re.compile(r"((?:[^\\|]|\\.)*)\|")  # up to a bar that is not escaped
    lines = [cells.findall(line)[1:] for line in text.splitlines()]
    heading, _, *rows = [[cell.strip() for cell in line] for line in lines]
    bold = [
        (i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if _BOLD.fullmatch(cell)
    ]
    table = pd.DataFrame(rows, columns=heading).map(lambda cell: _BOLD.sub(r"\1", cell))
    table = table.map(_from_markdown).rename(columns=_from_markdown)
    table.attrs["bold"] = bold
    return table


_BOLD = re.compile(r"^\*\*(.*)\*\*$")
"""Stars that a cell has of its own are escaped."""


_MARKDOWN = re.compile(
    r"[\\`*|~$]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # at the end of a word: inside of one it is no emphasis
    r"|<(?=[A-Za-z/!?])"  # a tag
    r"|&(?=#?\w+;)"  # an entity
    r"|(?<=\])[(\[]"  # a link
)
"""What Markdown takes for its own: mathematics, and strikes of one tilde, are those of GitHub."""


def _in_markdown(text: object) -> str:
    """Return text as a cell or title of Markdown shows it."""
    return _MARKDOWN.sub(r"\\\g<0>", legible(text))


def _from_markdown(text: str) -> str:
    return re.sub(r"\\([\\`*|~$_<&(\[])", r"\1", text)


def _latex(view: pd.DataFrame, caption: str, bold: pd.DataFrame) -> str:
    cells = _emboldened(view.map(_in_latex), bold, r"\textbf{{{}}}").rename(columns=_in_latex)
    style = cells.style.hide(axis="index")
    table = style.to_latex(
        caption=_in_latex(caption), hrules=True, column_format="l" * view.shape[1]
    )
    foreign = "".join(sorted({character for character in table if character > _LAST_OF_LATIN}))
    return f"% XeLaTeX or LuaLaTeX, with a font that has {foreign}\n{table}" if foreign else table


def _in_latex(text: object) -> str:
    """Return text as LaTeX prints it, in a cell or a caption."""
    latex = "".join(_LATEX.get(character, character) for character in legible(text))
    latex = re.sub("-(?=-)", "-{}", latex)  # else two hyphens are a dash
    # Else an option of the line break or rule before it.
    return f"{{}}{latex}" if latex.startswith(("[", "*")) else latex


_LAST_OF_LATIN = "\u017f"
"""Characters beyond Latin with accents need a font that pdfLaTeX does not load by itself."""

_LATEX = {character: "\\" + character for character in "&%$#_{}"} | {
    # Else commands, accents, or in the old encoding of fonts other characters.
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "`": r"\textasciigrave{}",
    '"': r"\char34{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "−": "$-$",
    "°": r"\textdegree{}",
    "µ": r"\textmu{}",
    "β": r"$\beta$",
    "Φ": r"$\Phi$",
    "–": r"\textendash{}",
    "…": r"\ldots{}",
}
