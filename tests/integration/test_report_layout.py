"""The report in a browser: what a person sees on a laptop and on paper."""

import json
import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fovscope.figures.findings import Finding
from fovscope.figures.report import Picture, Section, Table, render_report

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    not (BROWSER and shutil.which("pdftotext")), reason="needs chromium and poppler"
)

LAPTOP = "1366,768"
PHONE = "500,900"  # as narrow as a window of this browser gets
MEASURE = """<script>
document.querySelectorAll('details').forEach(e => e.open = true);
const hidden = [...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth);
const pictures = [...document.querySelectorAll('img')].map(e => e.getBoundingClientRect().width);
document.title = JSON.stringify([hidden, document.body.scrollWidth - innerWidth, pictures]);
</script>"""


@pytest.fixture
def report(tmp_path):
    """A page with a narrow table, the widest ones of a study, and pictures of two widths."""
    narrow = pd.DataFrame({"stage": ["finetuned", "narrowly"], "MLP": ["55.4 ± 4.5"] * 2})
    transfer = {"target": "synthetic_cells", "input": "lite0", "stage": "transferred"}
    transfer |= {"factor": "Orientation", "n": "6", "own |r|": "0.52 ± 0.08 (equivalent_diameter)"}
    transfer |= {"largest other |r|": "0.19 ± 0.04 (glcm_homogeneity)"}
    transfer |= {"gap": "-0.13 [-0.22, -0.05]"}
    transfer |= {"gap, kindred features left out": "-0.13 to -0.12 (length to width)"}
    unseen = {"target": "synthetic_cells", "input": "lite0", "held out": "spindle"}
    unseen |= {"mistaken for": "blast (41 ± 4 %)", "differs most in": "Shape (0.8 ± 0.1)"}
    detectors = ("Mahalanobis", "k-NN", "GBT confidence", "MLP confidence")
    unseen |= {f"AUROC {name}": "0.56 ± 0.03 [0.53, 0.59]" for name in detectors}
    unseen |= {f"FPR95 {name}, %": "91 ± 4" for name in detectors} | {"n": "6last"}
    parts = [Table(narrow, "Caption of a table.")]
    parts += [Table(pd.DataFrame([row]), "Wide.") for row in (transfer, unseen)]
    for width in (1400, 700):
        path = tmp_path / f"{width}.png"
        Image.fromarray(np.zeros((800, width, 3), np.uint8)).save(path)
        parts.append(Picture(str(path), "A picture."))
    page = tmp_path / "report.html"
    page.write_text(render_report("Study", "Which?", {}, [Section("All", parts=parts)]))
    return page


LOOK = """<script>
addEventListener("load", () => setTimeout(() => {
  const bottom = document.querySelector(".findings").getBoundingClientRect().bottom;
  const open = [...document.querySelectorAll("details")].map(e => e.open);
  const place = document.querySelector("#table-names").getBoundingClientRect();
  const ground = getComputedStyle(document.body).backgroundColor;
  const overflow = document.body.scrollWidth - innerWidth;
  document.title = JSON.stringify([bottom, open, place.top, innerHeight, ground, overflow]);
}, 300));
</script>"""


@pytest.fixture
def findings(tmp_path):
    """A page that begins with a finding, whose evidence lies deep in a folded section."""
    tall = tmp_path / "tall.png"
    Image.fromarray(np.zeros((4000, 400, 3), np.uint8)).save(tall)
    names = Table(pd.DataFrame({"name": ["Size"]}), "Names.", "table-names")
    sections = [Section("First", "Words."), Section("All", parts=[Picture(str(tall), "T"), names])]
    said = {"cells": [Finding("Names", "The one name holds: Size. " * 5, "table-names")]}
    page = tmp_path / "findings.html"
    text = render_report("Study", "Which?", {}, sections, findings=said)
    page.write_text(text.replace("</body>", LOOK + "</body>"))
    return page


def looked(page, *options, anchor=""):
    """Return where the findings end, what is open, where the evidence is, and the ground."""
    address = page.as_uri() + anchor
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--virtual-time-budget=3000", *options, address]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(unescape(re.search("<title>(.*?)</title>", found)[1]))


@pytest.mark.parametrize("window", [LAPTOP, PHONE])
def test_findings_stand_on_the_first_screen_and_the_rest_is_folded(findings, window):
    bottom, opened, _, height, _, overflow = looked(findings, f"--window-size={window}")
    assert 0 < bottom < height
    assert not any(opened)
    assert overflow <= 0


def test_a_link_to_evidence_opens_what_it_lies_in_and_nothing_else(findings):
    _, opened, top, height, *_ = looked(findings, anchor="#table-names")
    assert opened == [False, True, False, False]  # two sections, the study, the words
    assert 0 <= top < height


def test_the_page_is_dark_where_a_reader_wants_it(findings):
    ground = looked(findings, "--blink-settings=preferredColorScheme=0")[4]
    assert max(map(int, re.findall(r"\d+", ground))) < 50


def browse(page, *options):
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_no_column_is_hidden_on_a_laptop_and_pictures_are_of_one_scale(report):
    report.write_text(report.read_text().replace("</body>", MEASURE + "</body>"))
    page = browse(report, f"--window-size={LAPTOP}", "--dump-dom")
    measured = json.loads(unescape(re.search("<title>(.*?)</title>", page)[1]))
    hidden_of_tables, hidden_of_page, (wide, narrow) = measured
    assert hidden_of_tables == [0, 0, 0]
    assert hidden_of_page <= 0
    assert wide == pytest.approx(2 * narrow, abs=1)
    assert 900 < wide < 1100


def test_on_paper_all_is_there_and_only_wide_tables_are_small(report, tmp_path):
    browse(report, f"--print-to-pdf={tmp_path / 'report.pdf'}", "--no-pdf-header-footer")
    command = ["pdftotext", "-bbox", str(tmp_path / "report.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    width = float(re.search(r'<page width="([\d.]+)"', text)[1])
    words = re.findall(
        r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>', text
    )
    height = {word: float(bottom) - float(top) for _, top, _, bottom, word in words}
    assert {"narrowly", "6last", "(equivalent_diameter)", "[0.53,"} <= set(height)
    assert max(float(right) for _, _, right, _, _ in words) < width
    narrow, wide, caption = height["narrowly"], height["6last"], height["Caption"]
    assert narrow == pytest.approx(caption, rel=0.1)
    assert 0.75 * narrow < wide < 0.9 * narrow


def test_on_paper_no_title_is_left_behind_by_a_long_table(tmp_path):
    """Tables of all lengths move the titles over a page; each is followed by its first row."""
    sections = [
        Section(f"Title{n}", "Text.", [Table(pd.DataFrame({f"Column{n}": ["x"] * n}), "Caption.")])
        for n in range(2, 60, 3)
    ]
    page = tmp_path / "report.html"
    page.write_text(render_report("Study", "Which?", {}, sections))
    browse(page, f"--print-to-pdf={tmp_path / 'report.pdf'}", "--no-pdf-header-footer")
    command = ["pdftotext", str(tmp_path / "report.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pages = text.split("\f")
    for n in range(2, 60, 3):
        page = next(each for each in pages if f"Title{n}\n" in each or f"Title{n} " in each)
        assert f"Column{n}\n" in page
