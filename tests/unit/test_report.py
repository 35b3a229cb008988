"""The report holds what it is given, and nothing that points elsewhere."""

import base64
import io
import re
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fovscope.figures.findings import Finding
from fovscope.figures.glossary import GLOSSARY
from fovscope.figures.report import (
    SECTIONS,
    Notes,
    Picture,
    Section,
    Table,
    captions_for_snakemake,
    data_sets,
    data_uri,
    names_that_hold,
    render_report,
    report_sections,
    run_times,
    study_facts,
)
from fovscope.registry import Catalogue
from fovscope.tables.render import write_views

REPORT = Path(__file__).parents[2] / "workflow/report"


def saved(path, size, *, noise):
    pixels = np.random.default_rng(0).integers(0, 256 if noise else 1, (size, size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path), pixels


def test_the_page_holds_its_tables_and_pictures_and_points_nowhere(tmp_path):
    path, _ = saved(tmp_path / "p.png", 8, noise=True)
    table = Table(pd.DataFrame({"a<b": ["61.3 ± 2.0"]}), "Accuracy in %")
    page = render_report(
        "Cells & more",
        "Which?",
        {"Targets": "cells"},
        [
            Section("Tables", parts=[table]),
            Section("Pictures", parts=[Picture(path, "A cell")]),
            Section("Nothing"),
            Section("Words", "Only words."),
        ],
    )
    assert "Cells &amp; more" in page
    assert "<th>a&lt;b</th>" in page
    assert "61.3 ± 2.0" in page
    assert "<figcaption>A cell</figcaption>" in page
    assert "Nothing" not in page
    assert "Only words." in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_findings_lead_to_their_evidence_and_words_to_their_meaning(tmp_path):
    picture = Picture(saved(tmp_path / "masks_a@b.png", 8, noise=True)[0], "Outlines <1>")
    parts = [Table(pd.DataFrame({"n": [1]}), "", "table-names"), picture]
    parts.append(Notes(["dark & grey"], "Noticed.", "remarks-cells"))
    said = [
        Finding("Names", "Size holds: gap <1>.", "table-names"),
        Finding("Odd images", "None.", "figure-masks_a@b"),
        Finding("Take care", "Dark.", "remarks-cells"),
    ]
    page = render_report("t", "?", {}, [Section("s", parts=parts)], findings={"cells": said})
    assert page.index("<h2>cells</h2>") < page.index("<details")
    places, links = re.findall(r' id="(.*?)"', page), re.findall(r'href="#(.*?)"', page)
    assert len(places) == len(set(places))
    assert {finding.evidence for finding in said} <= set(links) <= set(places)
    assert {term.anchor for term in GLOSSARY} <= set(places)
    assert "<li>dark &amp; grey</li>" in page
    assert "&lt;1&gt;." in page
    assert '<img loading="lazy" alt="Outlines &lt;1&gt;"' in page
    assert "1 table, 1 picture, 1 list" in page


def test_the_explorer_is_linked_to_where_there_is_one():
    link = '<a href="explore.html">'
    assert link in render_report("t", "?", {}, [], explorer="explore.html")
    assert "Explore" not in render_report("t", "?", {}, [])


def test_a_table_without_lines_is_left_out(tmp_path):
    (tmp_path / "empty.md").write_text("Of nothing.\n\n| a   | b   |\n|-----|-----|\n")
    view = {"kind": "table", "name": "empty", "section": "Data", "order": 1, "caption": ""}
    assert all(not section.parts for section in report_sections([view], tmp_path, []))


def test_pictures_survive_as_they_are_and_photographs_nearly_so(tmp_path):
    path, pixels = saved(tmp_path / "small.png", 8, noise=True)
    head, _, content = data_uri(path).partition(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(Image.open(io.BytesIO(base64.b64decode(content))), pixels)
    path, _ = saved(tmp_path / "large.png", 400, noise=True)
    head, _, content = data_uri(path).partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (400, 400)


def test_a_large_drawing_with_much_text_stays_sharp(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.choice(np.uint8([0, 255]), (2000, 2000, 1)).repeat(3, axis=2)
    path = tmp_path / "drawing.png"
    Image.fromarray(pixels).save(path)
    assert path.stat().st_size > 300_000
    assert data_uri(str(path)).startswith("data:image/png")


def test_a_table_knows_its_width_with_wrapped_headings_and_long_texts():
    view = pd.DataFrame(
        {"gap, kindred features": ["0.1", "0.22"], "n": [6, 12], "citation": ["x" * 300, ""]}
    )
    table = Table(view, "")
    assert table.characters == len("features") + 2 + 40 + 3
    page = render_report("t", "?", {}, [Section("s", parts=[table])])
    assert f"--characters: {table.characters}" in page


def test_names_are_text_and_whole_on_the_page():
    names = ["<b>&amp;", "a " * 60 + "end", "خلية", "_x_", "`$`"]
    page = render_report(
        "t", "?", {}, [Section("s", parts=[Table(pd.DataFrame({"n": names}), "")])]
    )
    assert all(f"<td>{escape(name, quote=False)}</td>" in page for name in names)


def test_run_times_are_summed_by_rule(tmp_path):
    for rule, job, seconds, memory in (
        ("train", "a", 60, 100),
        ("train", "b", 30, 300),
        ("all", "c", 6, "-"),
    ):
        (tmp_path / rule).mkdir(exist_ok=True)
        (tmp_path / rule / f"{job}.tsv").write_text(f"s\tmax_rss\n{seconds}\t{memory}\n")
    times = run_times(tmp_path).set_index("rule")
    assert list(times.loc["train"]) == [2, "1.5", "60 s", "300 MiB"]
    assert times.loc["all", "largest memory"] == "–"


def test_the_facts_count_the_models():
    recipe = {"source": "sprites", "objective": "beta_vae", "supervision": "labels"}
    recipe |= {"tuning": "finetune"}
    joint = {"source": ["sprites", "edited"], "tuning": "none"}
    config = {
        "targets": {"cells": {}},
        "backbones": {"a": {"model": "vit"}, "b": {"model": "cnn"}},
        "recipes": {
            "beta1": recipe | {"options": {"beta": 1.0}},
            "ada": recipe | joint | {"supervision": "ada", "options": {"beta": 2.5, "of": "pairs"}},
        },
        "sources": {"sprites": {}, "edited": {}},
        "seeds": [0, 1, 2],
        "source_training": {"steps": 400_000},
        "variant": "default",
    }
    facts = study_facts(config)
    assert facts["Models"] == "12: 2 inputs × 2 recipes × 3 seeds"
    assert facts["Recipes"] == (
        "beta1 (sprites, beta_vae, beta 1, supervision labels); "
        "ada (sprites + edited, beta_vae, beta 2.5, of pairs, supervision ada, not fine-tuned)"
    )
    assert study_facts(config | {"seeds": [0]})["Models"].endswith("1 seed")
    assert facts["Training"] == "400,000 steps"


def test_targets_are_listed_with_their_splits_and_terms():
    manifest = pd.DataFrame(
        {"label": list("aab"), "split": ["train", "train", "test"], "mask_path": [None] * 3}
    )
    (line,) = data_sets({"cells": manifest}, {"cells": {"licence": "CC0", "citation": ""}}).to_dict(
        "records"
    )
    assert (line["classes"], line["train"], line["val"], line["test"]) == (2, 2, 0, 1)
    assert (line["masks"], line["licence"], line["citation"]) == ("segmented", "CC0", "–")


def test_a_target_without_classes_and_masks_is_listed_too():
    table = pd.DataFrame({"image_id": list("ab"), "split": ["train", "test"]})
    (line,) = data_sets({"t": table}, {"t": {"licence": "", "citation": ""}}).to_dict("records")
    assert (line["classes"], line["smallest class"], line["masks"]) == ("–", "–", "segmented")


PLUGIN = """
from fovscope.registry import figure, table


@table("mine", kinds=("accuracy",), section="My section", order=1, caption="Mine. {variant}.")
def mine(scores, facts):
    \"\"\"Mine.\"\"\"


@figure("open", scope="study", of="targets", needs=(), section="Data", order=15, caption="Open.")
def drawn(given):
    \"\"\"Drawn.\"\"\"
"""


def test_tables_and_pictures_stand_where_their_entries_say_a_plugins_too(tmp_path):
    (tmp_path / "my_plugin.py").write_text(PLUGIN)
    view = pd.DataFrame({"n": [1]})
    for name, blocks in (("accuracy", None), ("mine", None), ("disentanglement", {"One": view})):
        paths = {kind: str(tmp_path / f"{name}.{kind}") for kind in ("parquet", "csv", "md", "tex")}
        write_views(view, view, f"Of {name}.", paths, blocks=blocks)
    pictures = [
        *("masks_cells", "samples_cells", "open", "open_set_cells_b", "samples_blue_cells"),
        *("disentanglement", "correlation_cells_b"),
    ]
    catalogue = Catalogue([tmp_path / "my_plugin.py"])
    views = [
        {"kind": kind, "name": name}
        | {key: entry.declared[key] for key in ("section", "order", "caption")}
        for kind in ("table", "figure")
        for name, entry in catalogue[kind].items()
    ]
    sections = report_sections(
        views,
        tmp_path,
        [str(tmp_path / f"{name}.png") for name in pictures],
        [Section("Data", "Cited.", [Table(view, "First.")])],
    )
    assert [section.title for section in sections] == [*SECTIONS, "My section"]
    assert sections[0].text == "Cited."
    captions = {s.title: [part.caption.partition(".")[0] for part in s.parts] for s in sections}
    samples = "Some images of each class, or of each value of the first factor, drawn at random, as"
    assert captions["Data"] == [
        "First",
        f"cells: {samples} the network sees them",
        f"blue cells: {samples} the network sees them",
        "Open",
        "cells: Outlines of the objects that were measured; suspicious ones are marked",
    ]
    assert captions["Accuracy"] == ["Of accuracy"]
    assert captions["Disentanglement"][0] == "One"
    assert captions["Disentanglement"][1].startswith("Disentanglement before and after")
    assert captions["What each dimension means"][0].startswith("cells b: Mean |r| (Pearson)")
    assert captions["Open set"][0].startswith("cells b: Distance of held-out images")
    assert captions["My section"] == ["Of mine"]


def test_captions_of_snakemakes_own_report_are_those_of_the_entries():
    """`make generated` writes the files."""
    written = {file.name: file.read_text("utf-8").rstrip("\n") for file in REPORT.glob("*.rst")}
    assert written == captions_for_snakemake(Catalogue())


def test_the_names_that_hold_stand_in_a_line_for_each_recipe_on_a_target():
    verdicts = {"Size": "holds", "Hue": "holds", "Form": "does not hold"}
    lines = [
        {"target": target, "input": "vit", "recipe": "named", "stage": "transferred"}
        | {"factor": factor, "verdict": verdict}
        for target, known in (("cells", verdicts), ("algae", {"Size": "partly"}))
        for factor, verdict in known.items()
    ]
    view = names_that_hold(pd.DataFrame(lines)).set_index("target")
    assert list(view) == ["input", "recipe", "stage", "holds", "partly", "does not hold"]
    assert view.loc["cells", "holds":].tolist() == ["Size, Hue", "–", "Form"]
    assert view.loc["algae", "holds":].tolist() == ["–", "Size", "–"]
