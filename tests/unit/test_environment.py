"""One lock file; everything else that names versions or packages agrees with it."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LOCK = dict(
    line.lower().split("==")
    for line in (ROOT / "envs/requirements.lock").read_text().splitlines()
    if "==" in line
)


def names(requirements):
    return {re.split(r"[<>=]", requirement)[0].lower() for requirement in requirements}


def test_lock_is_exact_and_names_no_registry():
    lines = (ROOT / "envs/requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line) for line in lines[1:])


def test_lock_has_all_that_its_packages_need():
    """Set-up installs what the lock names, and lets nothing be added to it."""
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


@pytest.mark.parametrize("path", sorted(ROOT.glob("envs/*.yaml")), ids=lambda path: path.stem)
def test_conda_files_agree_with_the_lock(path):
    (pip,) = (
        entry["pip"]
        for entry in yaml.safe_load(path.read_text())["dependencies"]
        if isinstance(entry, dict)
    )
    for requirement in pip:
        name, version = requirement.lower().split("==")
        assert LOCK[name] == version


def test_declared_dependencies_are_what_the_package_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = names(project["dependencies"] + extras["workflow"])
    assert declared | names(extras["docs"]) <= LOCK.keys()
    distributions = packages_distributions()
    imported = set()
    for path in (ROOT / "scripts").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])
    own = {path.parent.name for path in (ROOT / "scripts").glob("*/__init__.py")}
    foreign = imported - sys.stdlib_module_names - own
    needed = {distributions[name][0].lower() for name in foreign}
    # The executor of packs is imported by Snakemake alone, from the environment of the workflow.
    of_snakemake = {name for name in needed if name.startswith("snakemake-")}
    assert needed - of_snakemake <= declared
    assert of_snakemake <= LOCK.keys()


def test_one_version():
    import fovscope

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == fovscope.__version__
    assert f"## {fovscope.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    "package", ["metrics", "probes", "tables", "study", "evaluation", "interpret", "profiles"]
)
def test_networks_are_imported_only_where_they_run(package):
    root = ROOT / "scripts/fovscope" / package
    for path in root.rglob("*.py") if root.is_dir() else [root]:
        tree = ast.parse(path.read_text("utf-8"))
        modules = {
            module
            for node in ast.walk(tree)
            for module in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not {m.partition(".")[0] for m in modules} & {"torch", "timm"}, path
        assert not {m for m in modules if m.startswith(("fovscope.models", "fovscope.training"))}
