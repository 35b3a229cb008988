"""The report: one HTML page that holds everything and opens from disk.

It begins with what was found, in sentences that lead to their evidence (`figures.findings`); the
sections below are folded until one is opened, and all open on paper. Sections are tables and
pictures with captions, each where its entry says that it belongs, so that those of a plug-in appear
without code. The page's look is in `report.html.j2`. Pictures are put into the file itself,
photographs as JPEG, so that the page can be mailed.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from PIL import Image

from fovscope.figures.findings import Finding
from fovscope.figures.glossary import GLOSSARY, linked
from fovscope.figures.style import DPI
from fovscope.registry import Catalogue
from fovscope.tables.render import read_markdown
from fovscope.verdict import VERDICTS

QUESTION = "What varies in these images, in a few numbers per image?"
QUESTION_OF_NAMES = "Which numbers have earned a name, and what do they cost in accuracy?"
CITATIONS = (
    "Method: Dapueto, Pastore, Noceti, Odone, Disentangled representations of microscopy images, "
    "IJCNN 2025, arXiv 2506.20649. Software: fovscope, see CITATION.cff. Data: as said above."
)

SECTIONS = (
    "Data",
    "Accuracy",
    "Disentanglement",
    "What each dimension means",
    "Which dimensions tell the classes apart",
    "Reconstruction",
    "Open set",
    "Profiles",
)
"""In the order of reading; sections of plug-ins follow."""

OF_TABLES = (
    "Means and SDs over models, as in the study's own report. The Parquet file beside it holds "
    "each score with its floor, its ceiling and where it comes from."
)
"""What Snakemake's own report says of a table."""

TEMPLATE = Path(__file__).with_name("report.html.j2")

_JPEG_ABOVE = 300_000
"""Bytes of a PNG above which it may be a photograph."""

_JPEG_BELOW = 0.5
"""Share of a photograph's PNG that its JPEG does not reach; that of a drawing with much text does,
and blurs the text."""

_LONG = 40
"""Characters of a cell, such as a citation, beyond which it may be wrapped."""


@dataclass(frozen=True)
class Place:
    """Where a table or figure stands in the report, and under which caption."""

    kind: str
    name: str
    section: str
    order: int
    caption: str


MASKS = Place(
    "figure",
    "masks",
    "Data",
    20,
    "Outlines of the objects that were measured; suspicious ones are marked.",
)
"""The contact sheet of masks, which is drawn where objects are measured."""


@dataclass(frozen=True)
class Picture:
    """A PNG file and what it shows."""

    path: str
    caption: str

    @property
    def anchor(self) -> str:
        """Its place on the page, by the name of its file."""
        return f"figure-{Path(self.path).stem}"

    @property
    def inches(self) -> float:
        """Width on paper, so that the text of all pictures is of one size."""
        with Image.open(self.path) as image:
            return image.width / DPI


@dataclass(frozen=True)
class Table:
    """A table as a person reads it, what it says, and its place on the page if it needs one."""

    view: pd.DataFrame
    caption: str
    anchor: str = ""

    @property
    def characters(self) -> int:
        """Width in characters, with one between columns; headings and long texts are wrapped."""
        return sum(
            1 + max(len(line) for line in (*str(name).split(), *_lines(cells)))
            for name, cells in self.view.items()
        )


@dataclass(frozen=True)
class Notes:
    """A list of texts on one thing."""

    items: Sequence[str]
    caption: str
    anchor: str


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    title: str
    text: str = ""
    parts: Sequence[Picture | Table | Notes] = field(default_factory=tuple)

    @property
    def contents(self) -> str:
        """What is in it, ``2 tables, 5 pictures``."""
        kinds = {"table": Table, "picture": Picture, "list": Notes}
        counts = {k: sum(isinstance(p, kind) for p in self.parts) for k, kind in kinds.items()}
        return ", ".join(f"{n} {kind}{'s' * (n > 1)}" for kind, n in counts.items() if n)


def render_report(
    title: str,
    question: str,
    facts: Mapping[str, str],
    sections: Sequence[Section],
    *,
    findings: Mapping[str, Sequence[Finding]] | None = None,
    explorer: str = "",
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    title, question : str
        Heading, and what the study asks.
    facts : mapping of str to str
        The study at a glance.
    sections : sequence of Section
        In the order of reading; those without parts and text are left out.
    findings : mapping of str to sequence of Finding, optional
        By target; the page begins with them.
    explorer : str
        Address of the page on which images can be explored, relative to this one; empty if there
        is none.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"html_table": _html_table, "data_uri": data_uri, "linked": linked}
    for kind in (Picture, Table):
        environment.tests[kind.__name__.lower()] = partial(_is, kind)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    shown = [section for section in sections if section.parts or section.text]
    return page.render(
        title=title,
        question=question,
        facts=facts,
        sections=shown,
        found={target: _by_topic(said) for target, said in (findings or {}).items()},
        glossary=GLOSSARY,
        explorer=explorer,
    )


def _is(kind: type, part: object) -> bool:
    return isinstance(part, kind)


def _by_topic(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    topics: dict[str, list[Finding]] = {}
    for finding in findings:
        topics.setdefault(finding.about, []).append(finding)
    return topics


def report_sections(
    views: Iterable[Mapping[str, Any]],
    tables: Path,
    pictures: Iterable[str],
    first: Sequence[Section] = (),
) -> list[Section]:
    """Return the sections that tables and figures ask for.

    Parameters
    ----------
    views : iterable of mapping
        Tables and figures of the study: ``kind, name, section, order, caption`` of each.
    tables : Path
        Folder with the Markdown view of each table of the study.
    pictures : iterable of str
        PNG files, each called by its figure, ``<figure>_<place>.png``.
    first : sequence of Section
        What stands in a section before its tables and figures: text and parts.

    Returns
    -------
    list of Section
        `SECTIONS`, then further ones by name; in each tables and figures by their order. What the
        study lacks is left out.
    """
    places = [*(Place(**view) for view in views), MASKS]
    of_figure = _by_figure(pictures, [place.name for place in places if place.kind == "figure"])
    titles = [section.title for section in first] + sorted(place.section for place in places)
    sections = {title: Section(title) for title in (*SECTIONS, *titles)}
    sections |= {section.title: section for section in first}
    for place in sorted(places, key=lambda place: place.order):
        if place.kind == "table":
            parts = _tables(tables / f"{place.name}.md")
        else:
            parts = _pictures(place, of_figure[place.name])
        section = sections[place.section]
        sections[place.section] = replace(section, parts=[*section.parts, *parts])
    return list(sections.values())


def _tables(file: Path) -> list[Table]:
    """Return the tables of a Markdown view that have lines, with the caption above them."""
    if not file.exists():
        return []
    caption, tables = read_markdown(file.read_text(encoding="utf-8"))
    shown = [(title, view) for title, view in tables.items() if len(view)]
    anchors = [f"table-{file.stem}", *[""] * len(shown)]
    return [
        Table(view, f"{title}. {caption}" if title else caption, anchor)
        for (title, view), anchor in zip(shown, anchors, strict=False)
    ]


def _pictures(place: Place, paths: Iterable[str]) -> list[Picture]:
    """Return the pictures of a figure, each with the figure's caption and what it shows."""
    parts = []
    for path in paths:
        what = Path(path).stem.removeprefix(place.name).replace("_", " ").strip()
        parts.append(Picture(path, f"{what}: {place.caption}" if what else place.caption))
    return parts


def _by_figure(paths: Iterable[str], names: Sequence[str]) -> dict[str, list[str]]:
    """Return the pictures of each figure; of names that begin alike the longest counts."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for path in paths:
        stem = Path(path).stem
        mine = [name for name in names if stem == name or stem.startswith(f"{name}_")]
        found[max(mine, key=len)].append(path)
    return found


def captions_for_snakemake(catalogue: Catalogue) -> dict[str, str]:
    """Return what Snakemake's own report says of pictures and tables, by file name."""
    captions = {MASKS.name: MASKS.caption} | {
        name: entry.declared["caption"] for name, entry in catalogue["figure"].items()
    }
    return {f"{name}.rst": text for name, text in captions.items()} | {"table.rst": OF_TABLES}


def study_facts(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the study at a glance, from its resolved configuration."""
    backbones = [f"{name} ({entry['model']})" for name, entry in config["backbones"].items()]
    counts = {"inputs": len(backbones)}
    counts |= {"recipes": len(config["recipes"]), "seeds": len(config["seeds"])}
    return {
        "Targets": ", ".join(config["targets"]),
        "Sources": ", ".join(config["sources"]),
        "Inputs": ", ".join(backbones),
        "Recipes": "; ".join(_recipe(name, entry) for name, entry in config["recipes"].items()),
        "Models": f"{math.prod(counts.values())}: "
        + " × ".join(f"{n} {what if n > 1 else what[:-1]}" for what, n in counts.items()),
        "Training": f"{config['source_training']['steps']:,} steps",
        "Variant": config["variant"],
    }


def _recipe(name: str, entry: Mapping[str, Any]) -> str:
    options = [f"{option} {_short(value)}" for option, value in entry["options"].items()]
    source = entry["source"]
    source = source if isinstance(source, str) else " + ".join(source)
    parts = [source, entry["objective"], *options, f"supervision {entry['supervision']}"]
    if entry["tuning"] == "none":
        parts.append("not fine-tuned")
    return f"{name} ({', '.join(parts)})"


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def data_sets(
    tables: Mapping[str, pd.DataFrame], targets: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Return a line per target: classes, images by split, masks, terms, citation.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Image tables by target.
    targets : mapping of str to mapping
        ``licence`` and ``citation`` of each.
    """
    return pd.DataFrame([_data_set(name, table, targets[name]) for name, table in tables.items()])


def _data_set(name: str, table: pd.DataFrame, terms: Mapping[str, Any]) -> dict[str, object]:
    splits, labels = table["split"].value_counts(), table.get("label", pd.Series(dtype=str))
    masks = table.get("mask_path", pd.Series(dtype=str))
    return {
        "target": name,
        "classes": labels.nunique() or "–",
        **{split: int(splits.get(split, 0)) for split in ("train", "val", "test")},
        "smallest class": int(labels.value_counts().min()) if labels.nunique() else "–",
        "masks": "given" if masks.notna().any() else "segmented",
        "licence": terms["licence"] or "–",
        "citation": terms["citation"] or "–",
    }


def names_that_hold(names: pd.DataFrame) -> pd.DataFrame:
    """Return which names hold, a line for the models of each recipe on each target.

    Parameters
    ----------
    names : DataFrame
        The table ``names`` of the study.

    Returns
    -------
    DataFrame
        `target`, `input`, `recipe`, `stage`, and a column for each verdict that was given, with the
        factors that it was given to.
    """
    place = ["target", "input", "recipe", "stage"]
    cells = names.groupby([*place, "verdict"], sort=False)["factor"].agg(", ".join).unstack()
    given = [verdict for verdict in VERDICTS if verdict in cells]
    return cells[given].rename_axis(columns=None).reset_index().fillna("–")


def data_uri(path: str) -> str:
    """Return a picture as text that a page can hold."""
    content, kind = Path(path).read_bytes(), "png"
    if len(content) > _JPEG_ABOVE:
        packed = io.BytesIO()
        Image.open(io.BytesIO(content)).convert("RGB").save(packed, "JPEG", quality=85)
        if len(packed.getvalue()) < _JPEG_BELOW * len(content):
            content, kind = packed.getvalue(), "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _largest(mebibytes: pd.Series) -> str:
    # Snakemake measures nothing of a job that ends within a moment.
    return "–" if mebibytes.isna().all() else f"{mebibytes.max():.0f} MiB"


def _lines(cells: pd.Series) -> list[str]:
    return [str(cell)[:_LONG] for cell in cells]


def _html_table(view: pd.DataFrame) -> str:
    bold = view.attrs.get("bold", [])
    if bold:
        view = view.map(html.escape).rename(columns=html.escape)
    for row, column in bold:
        view.iat[row, column] = f"<b>{view.iat[row, column]}</b>"
    with pd.option_context("display.max_colwidth", None):  # else long names end in dots
        return view.to_html(index=False, border=0, na_rep="–", classes="numbers", escape=not bold)


def run_times(benchmarks: Path) -> pd.DataFrame:
    """Return what each rule has cost: jobs, hours of wall time, largest memory.

    Parameters
    ----------
    benchmarks : Path
        Folder with a folder per rule, in it one of Snakemake's benchmark files per job.
    """
    jobs = pd.concat(
        [
            pd.read_csv(path, sep="\t", na_values="-").assign(rule=path.parent.name)
            for path in sorted(benchmarks.glob("*/*.tsv"))
        ]
    )
    rules = jobs.groupby("rule", sort=True).agg(
        jobs=("s", "size"),
        minutes=("s", lambda seconds: f"{seconds.sum() / 60:.1f}"),
        longest=("s", lambda seconds: f"{seconds.max():.0f} s"),
        memory=("max_rss", _largest),
    )
    return rules.reset_index().rename(
        columns={"minutes": "minutes in all", "longest": "longest job", "memory": "largest memory"}
    )
