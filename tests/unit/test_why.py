import subprocess

import pytest

from fovscope import FovscopeError
from fovscope.runtime.why import explained, why
from fovscope.study.data import Target

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


MODEL = {"latent_dim": 10, "width": 512, "output": "linear", "scaling": "standardise"}
MODEL |= {"likelihood_units": "raw", "likelihood_sd": 0.876}
PANEL = {"metrics": {"mig": {}, "dci": {"rounds": 9}}, "active_sd": 0.05, "widest": 64}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"finetuning": {"epochs": 1}}, {"finetuning": {"epochs": 9}}, "finetuning.epochs 1 -> 9"),
        ({"training": {"steps": 1}}, {"training": {"steps": 2}}, "source_training.steps 1 -> 2"),
        (
            {"model": {"kind": "feature_vae", "options": MODEL}},
            {"model": {"kind": "feature_vae", "options": MODEL | {"width": 32}}},
            "model.width 512 -> 32",
        ),
        (
            {"recipe": {"source": "s", "options": {"beta": 1.0}}},
            {"recipe": {"source": "s", "options": {"beta": 4.0}}},
            "recipes.beta 1.0 -> 4.0",
        ),
        (
            {"options": {"panel": PANEL}},
            {"options": {"panel": PANEL | {"metrics": {"mig": {}, "dci": {"rounds": 5}}}}},
            "metrics.dci.rounds 9 -> 5",
        ),
        (
            {"options": {"stand_ins": PANEL}},
            {"options": {"stand_ins": PANEL | {"widest": 70}}},
            "metrics.widest 64 -> 70",
        ),
        (
            {"options": {"trees": {"rounds": 9}}},
            {"options": {"trees": {"rounds": 5}}},
            "probes.gbt.rounds 9 -> 5",
        ),
        (
            {"backbone": BACKBONE, "files": {}},
            {"backbone": BACKBONE | {"size": 96}, "files": {}},
            "backbones.size 64 -> 96",
        ),
        (
            {"representation": {"representation": "pca", "options": {"dimensions": 10}}},
            {"representation": {"representation": "pca", "options": {"dimensions": 5}}},
            "representations.dimensions 10 -> 5",
        ),
    ],
)
def test_an_option_of_a_job_is_called_as_in_the_configuration(tmp_path, before, now, expected):
    code = {"code": {"fovscope/a.py": "1"}}
    assert said(tmp_path, [code | before], [code | now]) == [f"config changed: {expected}"]


def test_options_of_a_data_set_are_those_of_its_section(tmp_path):
    target = Target(folder="images").model_dump(mode="json")
    before = {"origin": "files", "options": target, "files": CONTENT}
    now = before | {"options": target | {"background": 9}}
    assert said(tmp_path, [before], [now]) == ["config changed: targets.background 0 -> 9"]
    now = before | {"files": CONTENT | {"sha256": "b"}}
    assert said(tmp_path, [before], [now]) == ["content of images changed"]
    features = {"images": before | {"files": CONTENT | {"rows_sha256": "r"}}}
    changed = {"images": before | {"files": CONTENT | {"rows_sha256": "s"}}}
    assert said(tmp_path, [features], [changed]) == ["table changed"]


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
