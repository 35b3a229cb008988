"""The report: one HTML page that holds everything and opens from disk.

Sections are tables and pictures with captions; the page's look is in `report.html.j2`. Pictures
are put into the file itself, photographs as JPEG, so that the page can be mailed.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from PIL import Image

from fovscope.figures.style import DPI

QUESTION = (
    "Which factor of variation does each latent dimension carry, how well do simple classifiers do "
    "on these few dimensions, and does either survive the transfer from synthetic images to "
    "microscopy?"
)
CITATIONS = (
    "Method: Dapueto, Pastore, Noceti, Odone, Disentangled representations of microscopy images, "
    "IJCNN 2025, arXiv 2506.20649. Software: fovscope, see CITATION.cff. Data: as said above."
)

TEMPLATE = Path(__file__).with_name("report.html.j2")

_JPEG_ABOVE = 300_000
"""Bytes of a PNG above which it may be a photograph."""

_JPEG_BELOW = 0.5
"""Share of a photograph's PNG that its JPEG does not reach; that of a drawing with much text does,
and blurs the text."""

_LONG = 40
"""Characters of a cell, such as a citation, beyond which it may be wrapped."""


@dataclass(frozen=True)
class Picture:
    """A PNG file and what it shows."""

    path: str
    caption: str

    @property
    def inches(self) -> float:
        """Width on paper, so that the text of all pictures is of one size."""
        with Image.open(self.path) as image:
            return image.width / DPI


@dataclass(frozen=True)
class Table:
    """A table as a person reads it, and what it says."""

    view: pd.DataFrame
    caption: str

    @property
    def characters(self) -> int:
        """Width in characters, with one between columns; headings and long texts are wrapped."""
        return sum(
            1 + max(len(line) for line in (*str(name).split(), *_lines(cells)))
            for name, cells in self.view.items()
        )


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    title: str
    text: str = ""
    parts: Sequence[Picture | Table] = field(default_factory=tuple)


def render_report(
    title: str, question: str, facts: Mapping[str, str], sections: Sequence[Section]
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
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"html_table": _html_table, "data_uri": data_uri}
    environment.tests["picture"] = lambda part: isinstance(part, Picture)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    shown = [section for section in sections if section.parts or section.text]
    return page.render(title=title, question=question, facts=facts, sections=shown)


def study_facts(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the study at a glance, from its resolved configuration."""
    backbones = [f"{name} ({entry['model']})" for name, entry in config["backbones"].items()]
    models = len(backbones) * len(config["betas"]) * len(config["seeds"])
    training = config["source_training"]
    return {
        "Targets": ", ".join(config["targets"]),
        "Source": f"{config['source']['name']}, {config['source']['train_pairs']:,} pairs",
        "Inputs": ", ".join(backbones),
        "Models": f"{models}: β = {', '.join(f'{beta:g}' for beta in config['betas'])}; "
        f"{len(config['seeds'])} seeds",
        "Supervision": f"{training['supervision']}, {training['steps']:,} steps",
        "Variant": config["variant"],
    }


def data_sets(
    manifests: Mapping[str, pd.DataFrame], targets: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Return one line a target: classes, images by split, masks, terms, citation."""
    lines = []
    for name, manifest in manifests.items():
        splits = manifest["split"].value_counts()
        lines.append(
            {
                "target": name,
                "classes": manifest["label"].nunique(),
                **{split: int(splits.get(split, 0)) for split in ("train", "val", "test")},
                "smallest class": int(manifest["label"].value_counts().min()),
                "masks": "given" if manifest["mask_path"].notna().any() else "segmented",
                "licence": targets[name]["licence"] or "–",
                "citation": targets[name]["citation"] or "–",
            }
        )
    return pd.DataFrame(lines)


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
    return view.to_html(index=False, border=0, na_rep="–", classes="numbers")


def run_times(benchmarks: Path) -> pd.DataFrame:
    """Return what each rule has cost: jobs, hours of wall time, largest memory.

    Parameters
    ----------
    benchmarks : Path
        Folder with one folder a rule and one of Snakemake's benchmark files a job.
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
