"""The documentation as a site: it builds without a warning, and asks nobody for anything."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow

LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]* src=\"?([^\" >]+)|<link ([^>]+)>")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, ROOT / "docs/build.py", folder]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    # A build that says nothing does not hear its own warnings either.
    assert "Documentation built" in run.stderr
    assert "WARNING" not in run.stderr
    return folder


def test_every_page_is_there_and_in_the_menu(site):
    menu = (site / "index.html").read_text("utf-8")
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    for page in [*(str(path)[:-3] for path in pages), "config", "changelog", "contributing"]:
        assert (site / f"{page}.html").is_file(), page
        assert page == "index" or f'href="{page}.html"' in menu or f"href={page}.html" in menu, page


def test_nothing_is_loaded_from_elsewhere(site):
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        for source, link in LOADED.findall(text):
            assert "//" not in source + link, path
        assert 'class="mermaid"' not in text, path  # its library would come from a server
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\"?https?:|@import", path.read_text("utf-8")), path


def test_the_reference_is_made_of_docstrings(site):
    text = (site / "api/metrics.html").read_text("utf-8")
    assert 'id="fovscope.metrics.mig.mig_score"' in text
    assert "Mutual information gap" in text or "mutual information gap" in text.lower()


def test_links_to_files_of_the_repository_lead_to_them(site):
    text = (site / "extend.html").read_text("utf-8")
    assert "repository/examples/lab/my_lab.py" in text
    ours = (ROOT / "examples/lab/my_lab.py").read_bytes()
    assert (site / "repository/examples/lab/my_lab.py").read_bytes() == ours
