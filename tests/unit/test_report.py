"""The report holds what it is given, and nothing that points elsewhere."""

import base64
import io
import re

import numpy as np
import pandas as pd
from PIL import Image

from fovscope.figures.report import (
    Picture,
    Section,
    Table,
    data_sets,
    data_uri,
    render_report,
    run_times,
    study_facts,
)
from fovscope.figures.samples import PER_CLASS, sample_rows


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
    config = {
        "targets": {"cells": {}},
        "backbones": {"a": {"model": "vit"}, "b": {"model": "cnn"}},
        "betas": [1.0, 2.0],
        "seeds": [0, 1, 2],
        "source": {"name": "sprites", "train_pairs": 6000},
        "source_training": {"supervision": "labels", "steps": 400_000},
        "variant": "default",
    }
    facts = study_facts(config)
    assert facts["Models"] == "12: β = 1, 2; 3 seeds"
    assert facts["Source"] == "sprites, 6,000 pairs"


def test_targets_are_listed_with_their_splits_and_terms():
    manifest = pd.DataFrame(
        {"label": list("aab"), "split": ["train", "train", "test"], "mask_path": [None] * 3}
    )
    (line,) = data_sets({"cells": manifest}, {"cells": {"licence": "CC0", "citation": ""}}).to_dict(
        "records"
    )
    assert (line["classes"], line["train"], line["val"], line["test"]) == (2, 2, 0, 1)
    assert (line["masks"], line["licence"], line["citation"]) == ("segmented", "CC0", "–")


def test_samples_are_of_their_class_and_never_twice():
    groups = pd.Series(["b"] * 20 + ["a"] * 3)
    rows = sample_rows(groups, seed=0)
    assert list(rows) == ["a", "b"]
    assert rows["a"] == [20, 21, 22]
    assert len(set(rows["b"])) == PER_CLASS
    assert max(rows["b"]) < 20
