"""docs/metrics.md holds what its script computes: every score, and the cheap ones afresh."""

import importlib.util
import re
from pathlib import Path

import pytest

from fovscope.metrics.presets import score_titles
from fovscope.registry import Catalogue

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/metrics.md").read_text("utf-8")
CHEAP = ("mig", "modularity", "omes")


def load_script():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks/reference_codes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(text):
    """Cells of a Markdown table by the name in their first column."""
    rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in text.splitlines() if "|" in line]
    return {name.strip("`"): cells for name, *cells in rows}


def printed(mark):
    return lines_of(DOCS.split(f"<!-- generated: {mark} -->")[1].split("<!-- end")[0])


def test_cheap_scores_of_the_reference_codes_are_the_printed_ones():
    script = load_script()
    fresh = lines_of(script.markdown(script.score_codes(CHEAP)))
    table = printed("reference codes")
    assert fresh.keys() - {"score", "---"} == {"mig", "modularity", "omes", "omes_max"}
    assert {name: table[name] for name in fresh} == fresh


def test_cheap_scores_of_noise_are_the_printed_ones():
    script = load_script()
    fresh = lines_of(script.markdown(script.score_noise(CHEAP)))
    table = printed("noise by size")
    assert {name: table[name] for name in fresh} == fresh


def test_every_score_is_in_the_table_and_every_metric_has_a_section():
    scores = list(score_titles(Catalogue()))
    for mark in ("reference codes", "noise by size"):
        assert [name for name in printed(mark) if name not in ("score", "---")] == scores
    titles = re.findall(r"^### (.*)$", DOCS, re.MULTILINE)
    assert len(titles) == len(Catalogue()["metric"]) + 1  # and UDR
    for title in titles:
        section = DOCS.split(f"### {title}\n")[1].split("\n##")[0]
        for word in ("Definition", "Range", "Floor", "Ceiling", "Pitfalls"):
            assert f"* **{word}.**" in section, (title, word)


@pytest.mark.parametrize("mark", ["reference codes", "noise by size"])
def test_the_script_replaces_its_own_table_only(mark):
    text = load_script().replaced(DOCS, mark, "| new |")
    assert text.count("| new |") == 1
    assert text.replace("| new |", "") != DOCS
    assert (
        text.split(f"<!-- generated: {mark} -->")[0] == DOCS.split(f"<!-- generated: {mark} -->")[0]
    )
