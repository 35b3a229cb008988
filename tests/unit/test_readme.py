"""The README leads somewhere, shows what it says, and repeats the results as they stand."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
RESULTS = (ROOT / "docs/results.md").read_text("utf-8")
LARGEST = 300_000  # bytes of a picture in the repository


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)", README))))
def test_every_link_leads_to_a_file(link):
    assert link.startswith("https://") or (ROOT / link).exists()


def test_pictures_are_small():
    pictures = list((ROOT / "docs/pictures").glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size <= LARGEST for picture in pictures)


def cells(text, first):
    """Return the cells of the table line that begins with a name."""
    (line,) = re.findall(rf"^\| {re.escape(first)} \|(.*)\|$", text, re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


@pytest.mark.parametrize(
    "name", ["Size", "Elongation", "NucleusRatio", "Granularity", "Hue", "Intensity", "Orientation"]
)
def test_names_are_those_of_the_results(name):
    verdict, own, other, response = cells(README, name)
    shown = f"{name} (partly)" if verdict == "partly" else name
    full = cells(RESULTS, shown)
    found = [full[0], full[1].partition(" ")[0], full[2], full[4].partition(" ")[0]]
    assert found == [verdict, own, other, response]


@pytest.mark.parametrize(
    ("seen", "representation"),
    [
        ("the ten numbers", "latents"),
        ("all 2,304 features of the network", "full Φ"),
        ("ten principal components of these", "PCA-10 of Φ"),
        ("size, shape, colour, texture, as measured", "handcrafted features"),
    ],
)
def test_accuracies_are_those_of_the_results(seen, representation):
    line_of_demo = rf"^\| synthetic_cells \|.*\| {re.escape(representation)} \|.*$"
    (line,) = re.findall(line_of_demo, RESULTS, re.MULTILINE)
    assert cells(README, seen) == [cell.strip() for cell in line.split("|")[5:7]]
