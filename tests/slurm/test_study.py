"""The tiny study through the profile: where its jobs run, and that its numbers are the same."""

import re
from collections import Counter

import pandas as pd
import pytest
import yaml
from conftest import ROOT, TINY, Study
from slurm_cluster import wait_until

# Enough steps to be stopped in the middle of the training.
TRAINING = TINY["source_training"] | {"steps": 1500}
CONFIG = TINY | {"representations": ["latents"], "source_training": TRAINING}
GPU_RULES = {"cache_features", "train", "finetune"}  # of this study
TABLES = ("accuracy", "disentanglement")  # tables, and the targets that make them

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("idle")]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("local"), CONFIG)
    run = study.run(*TABLES)
    assert run.code == 0, run.text
    return study.folder / "results"


def test_the_study_gives_the_tables_of_a_local_run(local, cluster, snakemake, tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(CONFIG))
    before = len(cluster.history("JobID"))
    # As the local profile: on a CPU a small network is fastest on one core.
    threads = ["--set-threads", "train=1", "finetune=1"]
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    for rule in ("train", "finetune"):
        profile["set-resources"][rule]["stack"] = 1  # there is no GPU to train both seeds on as one
    (tmp_path / "singly").mkdir()
    (tmp_path / "singly/config.yaml").write_text(yaml.safe_dump(profile))
    run = snakemake(
        *(ROOT / "Snakefile", *TABLES, "--configfile", "study.yaml", *threads),
        *("--profile", tmp_path / "singly"),
    )

    # Slurm's warning before the time limit (`slurm_extra` of the profile) costs no step.
    number = cluster.wait_for("rule_train", "RUNNING", 600)
    logs = tmp_path / "results/logs/train"
    wait_until(
        lambda: sum("step" in log.read_text() for log in logs.glob("*.log")) == 2,
        200,
        "no training",
    )
    cluster.admin("scancel", "--signal=TERM", number)
    assert run.wait(900) == 0, run.text
    for seed in (0, 1):
        log = (logs / f"lite0_beta1_seed{seed}.log").read_text()
        assert "going on from step" in log

    for table in TABLES:
        mine, other = (
            pd.read_parquet(results / f"tables/{table}.parquet")
            for results in (tmp_path / "results", local)
        )
        pd.testing.assert_frame_equal(mine, other)
    for model in local.glob("models/**/*.safetensors"):
        assert (tmp_path / "results" / model.relative_to(local)).read_bytes() == model.read_bytes()

    jobs = cluster.history("Comment", "Partition", "ReqTRES", "State")[before:]
    for what, partition, asked, _ in jobs:
        rule = what.removeprefix("rule_").partition("_wildcards")[0]
        assert partition == ("gpu" if rule in GPU_RULES else "cpu"), what
        assert ("gres/gpu=1" in asked) == (rule in GPU_RULES), what
    # Both seeds in one job, at each stage; the signal ended one job.
    ends = Counter((what, state) for what, *_, state in jobs)
    packed = {f"rule_{rule}" for rule in ("train", "evaluate_source", "finetune", "evaluate")}
    assert {what for what, *_ in jobs if "_wildcards_" not in what} >= packed
    assert all(ends[what, "COMPLETED"] == 1 for what in packed)
    assert [key for key in ends if key[1] != "COMPLETED"] == [("rule_train", "FAILED")]
    memory = [
        int(re.search(r"mem=(\d+)M", asked)[1])
        for what, _, asked, _ in jobs
        if what.startswith("rule_train")
    ]
    # Two at a time, 6000 MB for each and a little for the features; a second attempt, twice that.
    assert 12_000 < memory[0] < 12_100
    assert memory[1] == 2 * memory[0]
    report = list((tmp_path / "slurm_logs").glob("efficiency_report_*.csv"))
    assert "rule_train" in report[0].read_text()


def content(store):
    return {
        path.relative_to(store): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and not path.name.startswith(".")  # locks
    }


@pytest.mark.parametrize("nodes", [1, 2])
def test_an_extraction_on_two_gpus_gives_the_store_of_one(
    local, cluster, snakemake, tmp_path, nodes
):
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    profile["set-resources"]["cache_features"] |= {
        "gpu": 2,
        "tasks": 2,
        "nodes": nodes,
        "mpi": "srun",
    }
    (tmp_path / "two").mkdir()
    (tmp_path / "two/config.yaml").write_text(yaml.safe_dump(profile))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(CONFIG))
    before = len(cluster.history("JobID"))
    threads = ["--set-threads", "cache_features=1"]  # of each process; the nodes are small
    run = snakemake(
        *(ROOT / "Snakefile", "features", "--configfile", "study.yaml"),
        *(*threads, "--profile", tmp_path / "two"),
    )
    assert run.wait(900) == 0, run.text

    results = tmp_path / "results"
    stores = [path.parent for path in (local / "features").rglob("manifest.json")]
    assert len(stores) == 2
    for store in stores:
        assert content(results / store.relative_to(local)) == content(store)
    jobs = cluster.history("Comment", "Partition", "ReqTRES", "NNodes", "State")[before:]
    asked = [job for what, *job in jobs if what.startswith("rule_cache_features")]
    assert len(asked) >= 2
    for partition, tres, count, state in asked:
        assert (partition, count, state) == ("gpu", str(nodes), "COMPLETED")
        assert "gres/gpu=2" in tres
    ranks = [log.name.split(".")[-2] for log in results.glob("logs/cache_features/*.rank?.log")]
    assert Counter(ranks) == {"rank0": len(asked), "rank1": len(asked)}
