import pytest
import yaml

from fovscope.runtime.plan import gpus_of, plan, planned_jobs, seconds_per_job

DRY_RUN = """Building DAG of jobs...
Job stats:
job                count
---------------  -------
prepare          1
train          10
evaluate              21
all                    1
total                 33

Job 3: Train 7
"""
STUDY = {"source_training": {"steps": 400}, "finetuning": {"epochs": 20}}


def facts():
    rule = {"local": False, "gpus": 0, "cores": 2, "pack": 1, "pack_at_once": 1}
    return {
        "prepare": rule | {"local": True},
        "train": rule | {"gpus": 1, "pack": 4},
        "evaluate": rule | {"pack": 10},
        "not_planned": rule,
    }


def write_benchmarks(results, rule, *seconds):
    folder = results / "benchmarks" / rule
    folder.mkdir(parents=True)
    for number, value in enumerate(seconds):
        (folder / f"{number}.tsv").write_text(f"s\th:m:s\tmax_rss\n{value}\t0:0:1\t-\n")


def cells(text):
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}


@pytest.mark.parametrize(
    ("gres", "number"),
    [
        *(("gpu", 1), ("gpu:2", 2), ("gpu:a100", 1), ("gpu:a100:4(S:0-1)", 4), ("gpu:2(S:0,1)", 2)),
        *(("gpu:a100:2,gpu:v100:4", 6), ("gpu:a100_3g.20gb:3,mps:200", 3), ("mps:100,gpu:1", 1)),
        *(("", 0), ("(null)", 0), ("lustre:1", 0), ("mygpu:1", 0)),
    ],
)
def test_gpus_are_counted_in_generic_resources(gres, number):
    assert gpus_of(gres) == number


def test_jobs_are_counted_by_rule():
    assert planned_jobs(DRY_RUN) == {
        "prepare": 1,
        "train": 10,
        "evaluate": 21,
        "all": 1,
    }


def test_slurm_jobs_and_hours_add_up(tmp_path):
    write_benchmarks(tmp_path, "train", 3600, 7200)
    write_benchmarks(tmp_path, "evaluate", 1800)
    found = cells(plan(DRY_RUN, {"study": STUDY, "rules": facts()}, tmp_path))
    assert found["train"] == ["10", "10", "3", "5400", "15.00"]
    # 21 jobs of half an hour on two cores.
    assert found["evaluate"] == ["21", "21", "3", "1800", "21.00"]
    # Local jobs are none of Slurm's.
    assert found["total"] == ["32", "31", "6", "15.00", "21.00"]
    assert "not_planned" not in found


def test_what_has_never_run_is_named(tmp_path):
    write_benchmarks(tmp_path, "train", 3600)
    text = plan(DRY_RUN, {"study": STUDY, "rules": facts()}, tmp_path)
    assert text.endswith("No earlier run to estimate from: evaluate.")
    assert cells(text)["evaluate"] == ["21", "21", "3", "?"]


def test_before_a_first_run_there_are_no_times(tmp_path):
    text = plan(DRY_RUN, {"study": STUDY, "rules": facts()}, tmp_path)
    assert text.endswith(f"known once a study has run: {tmp_path} has no times.")
    assert "0.00" not in text


def test_a_gpu_is_counted_once_for_the_jobs_that_share_it(tmp_path):
    write_benchmarks(tmp_path, "train", 3600)
    shared = {"train": facts()["train"] | {"pack_at_once": 3}}
    found = cells(plan(DRY_RUN, {"study": STUDY, "rules": shared}, tmp_path))
    # Packs of 4, 3 and 3: three at a time, the first takes two hours, the others one.
    assert found["train"] == ["10", "10", "3", "3600", "4.00"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("train", 800), ("finetune", 400), ("finetune_open_set", 400), ("evaluate", 200)],
)
def test_training_takes_longer_in_proportion_to_its_steps(tmp_path, rule, expected):
    write_benchmarks(tmp_path, rule, 200)
    earlier = {"source_training": {"steps": 100}, "finetuning": {"epochs": 10}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(earlier))
    assert seconds_per_job(rule, STUDY, tmp_path) == expected
    assert seconds_per_job("never_run", STUDY, tmp_path) is None


def test_nothing_ahead_is_said(tmp_path):
    text = plan("Nothing to be done", {"study": STUDY, "rules": facts()}, tmp_path)
    assert text.startswith("Nothing will run")
