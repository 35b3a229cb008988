"""What others read of the repository: the workflow catalog, citation tools, and pip.

Rules of the catalog: https://github.com/snakemake/snakemake-workflow-catalog (adding workflows).
Keys of a citation: the Citation File Format 1.2.0, https://citation-file-format.github.io.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Za-z0-9._-]+")
CITED_TYPES = {"article", "book", "conference-paper", "generic", "report", "software", "thesis"}


def test_the_catalog_lists_the_workflow_with_its_usage():
    readme = (ROOT / "README.md").read_text("utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "workflow/Snakefile").is_file()
    assert (ROOT / "config/README.md").is_file()
    assert any((ROOT / "workflow/rules").glob("*.smk"))
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() <= {"mandatory-flags", "software-stack-deployment", "report"}
    ways = usage["software-stack-deployment"]
    assert ways.keys() <= {"conda", "apptainer", "apptainer+conda"}
    assert all(isinstance(way, bool) for way in ways.values())
    # A way that is promised is one that the rules know.
    rules = "".join(path.read_text("utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    for way in ("conda", "apptainer"):
        key = "container:" if way == "apptainer" else "conda:"
        assert ways[way] == (key in rules)
    assert usage["report"] == ("report(" in rules)


def test_the_citation_file_is_one():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited.keys() >= {"cff-version", "message", "title", "authors"}
    assert cited["cff-version"] == "1.2.0"
    assert cited["type"] == "software"
    paper = cited["preferred-citation"]
    assert paper.keys() >= {"type", "title", "authors"}
    assert paper["type"] in CITED_TYPES
    assert isinstance(paper["year"], int)
    for author in cited["authors"] + paper["authors"]:
        assert author.keys() <= {"name", "family-names", "given-names", "orcid", "affiliation"}
        assert author.keys() & {"name", "family-names"}


def closure(requirements):
    """Return the distributions that pip would install for some requirements."""
    found, waiting = {}, list(requirements)
    while waiting:
        text = waiting.pop()
        name = NAME.match(text)[0].lower()
        if name in found or "extra ==" in text:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # of another platform
            continue
        waiting += found[name].requires or []
    return found


@pytest.mark.slow
def test_the_wheel_brings_metrics_that_work_with_what_it_requires_alone(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "scripts", source / "scripts")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", tmp_path, source],
        check=True,
    )
    (wheel,) = tmp_path.glob("fovscope-*.whl")
    clean = tmp_path / "clean"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(clean)
    inside = {str(path.relative_to(clean)) for path in clean.rglob("*") if path.is_file()}
    ours = {
        str(path.relative_to(ROOT / "scripts"))
        for path in (ROOT / "scripts/fovscope").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert ours <= inside

    (metadata,) = clean.glob("fovscope-*.dist-info/METADATA")
    required = re.findall(r"^Requires-Dist: (.*)$", metadata.read_text("utf-8"), re.MULTILINE)
    needed = closure(required)
    assert needed.keys() >= {"numpy", "scikit-learn"}
    assert not needed.keys() & {"torch", "timm", "pandas"}
    for package in needed.values():
        for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            there, link = Path(package.locate_file(top)), clean / top
            if there.exists() and not link.exists():
                link.symlink_to(there)
    code = (
        "import numpy, fovscope.metrics as metrics\n"
        "for name in metrics.__all__:\n    getattr(metrics, name)\n"
        "factors = numpy.random.default_rng(0).integers(0, 4, (400, 2))\n"
        "print(metrics.mig_score(factors + 0.0, factors))\n"
        "try:\n    import torch\nexcept ModuleNotFoundError:\n    print('clean')\n"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(clean), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    score, said = run.stdout.splitlines()[-2:]
    assert said == "clean"
    assert float(score) > 0.95  # a dimension is a factor
