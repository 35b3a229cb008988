"""What is generated: JSON schema and tables of options from the typed configuration, captions.

The captions of tables and figures go into Snakemake's own report and into docs/reading.md.

``python -m fovscope.study.documents`` writes them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from fovscope.registry import REQUIRED, Catalogue
from fovscope.study.config import Study, sections_of
from fovscope.study.section import PAPER, Section

_WITH_OPTIONS = {
    "generator": "`sources.<name>`, `targets.<name>`",
    "objective": "`recipes.<name>`",
    "representation": "`representations.<name>`",
    "probe": "`probes.<name>`",
    "metric": "`metrics.<name>`",
}
"""Kinds of entries with options in the configuration, and where these stand."""


def json_schema() -> str:
    """Return the JSON schema of a study, from which editors complete and check."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Study.model_json_schema()
    for section in ("Source", "Target", "Recipe", "Metrics", "Representation"):
        # Options of entries stand beside the section's own keys.
        schema["$defs"][section]["additionalProperties"] = True
    properties = schema["properties"]
    properties["representations"] = {
        "anyOf": [properties["representations"], {"type": "array"}],
        "description": properties["representations"]["description"],
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def option_table() -> str:
    """Return the Markdown tables of all options: a section each, then those of entries."""
    nested = list(sections_of(Study))
    skip = {name for name, *_ in nested} | {"probes"}
    parts = [_section_table(Study, "The study", skip=skip)]
    for name, section, by_name in nested:
        parts.append(_section_table(section, f"`{name}.<name>`" if by_name else f"`{name}`"))
    return "\n".join([*parts, *_entry_tables()])


def _section_table(section: type[Section], title: str, skip: set[str] = frozenset()) -> str:
    lines = [f"### {title}", "", section.__doc__.splitlines()[0], ""]
    lines += ["| key | type | default | paper | what |", "|---|---|---|---|---|"]
    for name, field in section.model_fields.items():
        if name in skip or name == "options":
            continue
        default = "(required)" if field.is_required() else _shown(field.default)
        paper = _shown((field.json_schema_extra or {}).get(PAPER))
        kind = _type_name(field.annotation)
        lines.append(f"| `{name}` | {kind} | {default} | {paper} | {field.description} |")
    return "\n".join([*lines, ""])


def _entry_tables() -> list[str]:
    """Return a table for each kind of entry with options of its own."""
    parts, catalogue = [], Catalogue()
    for kind, where in _WITH_OPTIONS.items():
        entries = sorted(catalogue[kind].items())
        published = any(PAPER in entry.declared for _, entry in entries)
        columns = ["key", "type", "default", *(["paper"] if published else []), "what"]
        lines = [f"### Options of each {kind}: {where}", ""]
        lines += [f"| {kind} | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
        for name, entry in entries:
            for key, option in entry.options.items():
                required = option.default is REQUIRED
                cells = {
                    "key": f"`{key}`",
                    "type": option.annotation.replace("|", "or"),
                    "default": "(required)" if required else _shown(option.default),
                    "paper": _shown(entry.declared.get(PAPER, {}).get(key)),
                    "what": option.description,
                }
                lines.append(f"| `{name}` | {' | '.join(cells[c] for c in columns)} |")
        parts.append("\n".join([*lines, ""]))
    return parts


def _type_name(annotation: object) -> str:
    if get_origin(annotation) is Annotated:
        return _type_name(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_name(a) for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is tuple:
        of = _type_name(get_args(annotation)[0])
        return f"list of {of}s" if of.endswith("number") else f"list of {of}"
    if get_origin(annotation) is dict:
        return f"names with {_type_name(get_args(annotation)[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "section"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names.get(annotation, "value")


def _shown(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, tuple):
        value = list(value)
    return "" if value is None else f"`{json.dumps(value)}`"


_BEGIN, _END = "<!-- generated: options -->", "<!-- end of generated -->"
_VIEWS = "<!-- generated: tables and figures -->"


def readme_with_options(readme: str) -> str:
    """Return `readme` with its generated part replaced by the current tables."""
    return _with_generated(readme, _BEGIN, option_table())


def _with_generated(text: str, begin: str, generated: str) -> str:
    head, rest = text.split(begin)
    return f"{head}{begin}\n\n{generated}\n{_END}{rest.split(_END)[1]}"


_DRAWN = {
    "study": "One picture.",
    "dataset": "A picture for each data set.",
    "input": "A picture for each data set and backbone.",
    "model": "A picture for each data set, of the first model of each backbone.",
}
"""How many pictures a figure of a scope has."""


def page_with_views(page: str, pictures: Path) -> str:
    """Return docs/reading.md with a section for each table and figure, in the order of the report.

    Parameters
    ----------
    page : str
        The page as it is.
    pictures : Path
        Folder with ``<figure>.webp`` of some figures.
    """
    from fovscope.figures.report import MASKS, SECTIONS

    catalogue = Catalogue()
    views = [(MASKS.section, MASKS.order, "figure", "masks", _DRAWN["dataset"], MASKS.caption)]
    for kind in ("table", "figure"):
        for name, entry in catalogue[kind].items():
            declared = entry.declared
            first = entry.description if kind == "table" else _DRAWN[declared["scope"]]
            where = (declared["section"], declared.get("order", 0))
            views.append((*where, kind, name, first, declared["caption"]))
    parts = []
    for section in SECTIONS:
        here = sorted(view for view in views if view[0] == section)
        parts += [f"## {section}", ""] if here else []
        for _, _, kind, name, first, caption in here:
            parts += [f"### {name}: {kind}", "", _of_any_study(first), ""]
            if kind == "figure" and (pictures / f"{name}.webp").exists():
                parts += [f"![Figure {name} of the demo](pictures/{name}.webp)", ""]
            parts += [_of_any_study(caption), ""]
    return _with_generated(page, _VIEWS, "\n".join(parts))


def _of_any_study(caption: str) -> str:
    """Return a caption without what it says of one study."""
    return re.sub(r" *[^.]*\{\w+\}[^.]*\.", "", caption)


def write_generated(root: Path) -> None:
    """Write schema, table of options and captions below the repository `root`."""
    # The drawing libraries are needed for this alone.
    from fovscope.figures.report import captions_for_snakemake

    for name, caption in captions_for_snakemake(Catalogue()).items():
        (root / "workflow/report" / name).write_text(caption + "\n", encoding="utf-8")
    (root / "workflow/schemas/config.schema.json").write_text(json_schema(), encoding="utf-8")
    readme = root / "config/README.md"
    readme.write_text(readme_with_options(readme.read_text("utf-8")), encoding="utf-8")
    page = root / "docs/reading.md"
    views = page_with_views(page.read_text("utf-8"), root / "docs/pictures")
    page.write_text(views, encoding="utf-8")


if __name__ == "__main__":
    write_generated(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
