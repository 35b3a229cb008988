import subprocess

import pytest

from fovscope import FovscopeError
from fovscope.runtime.why import explained, why

PARAMS = (
    "Params have changed since last execution: Union of exclusive params before and now across "
    "all output: before: {} now: {} "
)
BACKBONE = {"model": "m", "weights": "w.pth", "sha256": None, "pooling": "auto", "size": 64}
CONTENT = {"files": 1, "sha256": "a"}


def said(tmp_path, before, now):
    words = [",".join(map(repr, values)) or "<nothing exclusive>" for values in (before, now)]
    return list(explained(PARAMS.format(*words), tmp_path))


def test_options_that_changed_are_named_with_their_section(tmp_path):
    assert said(tmp_path, [BACKBONE], [BACKBONE | {"size": 96}]) == [
        "config changed: backbones.size 64 -> 96"
    ]
    assert said(tmp_path, [10], [12]) == ["config changed: 10 -> 12"]


def test_code_that_changed_came_or_went_is_named(tmp_path):
    before = {"fovscope/a.py": "1", "fovscope/b.py": "2", "fovscope/c.py": "3"}
    now = {"fovscope/a.py": "1", "fovscope/b.py": "9", "fovscope/d.py": "4"}
    assert said(tmp_path, [before], [now]) == [
        "code changed: fovscope/b.py",
        "code no longer used: fovscope/c.py",
        "code added: fovscope/d.py",
    ]


def test_files_that_changed_are_named_by_what_the_config_calls_them(tmp_path):
    before = {"sprites": CONTENT, "textures": CONTENT}
    now = {"sprites": CONTENT, "textures": CONTENT | {"sha256": "b"}}
    assert said(tmp_path, [before], [now]) == ["content of textures changed"]
    table = CONTENT | {"table_sha256": "t"}
    assert said(tmp_path, [table], [table | {"table_sha256": "u"}]) == ["table changed"]


def test_a_value_without_a_counterpart_is_new_or_no_longer_used(tmp_path):
    assert said(tmp_path, [True], []) == ["no longer used: True"]
    assert said(tmp_path, [], [5]) == ["newly used: 5"]


def test_the_first_files_of_a_long_list_are_named_in_order(tmp_path):
    files = ", ".join(f"{n}.parquet" for n in (5, 3, 1, 4, 2))
    reasons = f"Missing output files: a.csv; Input files updated by another job: {files}"
    assert list(explained(reasons, tmp_path)) == [
        "missing output files: a.csv",
        "input files updated by another job: 1.parquet, 2.parquet, 3.parquet, and 2 more",
    ]


@pytest.fixture
def snakemake_says(monkeypatch):
    def says(text, code):
        run = subprocess.CompletedProcess([], code, stdout=text, stderr="")
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: run)

    return says


def test_that_nothing_will_run_is_said(snakemake_says, tmp_path):
    snakemake_says("Building DAG of jobs...\nNothing to be done.\n", 0)
    assert why([], [], tmp_path) == "Nothing will run: everything is there and up to date."


def test_an_error_of_snakemake_is_passed_on_without_its_list_of_options(snakemake_says, tmp_path):
    snakemake_says("No rule to produce none\n", 1)
    with pytest.raises(FovscopeError, match=r"^No rule to produce none$"):
        why(["none"], [], tmp_path)
    snakemake_says("usage: __main__.py [-h]\n  [--x]\n__main__.py: error: unknown: --y\n", 2)
    with pytest.raises(FovscopeError, match=r"^error: unknown: --y$"):
        why([], ["--y"], tmp_path)
