"""The profile without a cluster: what it asks for, and how packs are made."""

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT, Run
from snakemake.iocontainers import InputFiles, OutputFiles, Params, ResourceList, Wildcards
from snakemake_executor_plugin_slurm.partitions import read_partition_file
from snakemake_executor_plugin_slurm_packs import (
    Executor,
    Pack,
    _batches,
    _check_configuration,
    _described_job,
    _leave_job,
)
from snakemake_interface_common.exceptions import WorkflowError

from fovscope.runtime.job import job_key
from fovscope.runtime.pack import JOBS, neighbours

PROFILE = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())


@pytest.mark.slow
def test_the_profile_plans_without_a_cluster():
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "-n", "--forceall"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Run(0, done.stdout + done.stderr).jobs["train"] == 3  # the seeds of the demo


def rules_with(words):
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    return {block.partition(":")[0] for block in text.split("\nrule ")[1:] if words in block}


def test_the_rules_that_ask_for_a_gpu_go_to_the_gpu_partition():
    partitions = {
        rule: resources.get("slurm_partition")
        for rule, resources in PROFILE["set-resources"].items()
    }
    assert {rule for rule, partition in partitions.items() if partition} == rules_with("gpu=1,")
    assert set(partitions.values()) == {"gpu", None}
    assert PROFILE["default-resources"]["slurm_partition"] == "cpu"


def test_every_setting_is_of_a_rule_that_is_there():
    assert PROFILE["set-resources"].keys() <= rules_with("script:")


def job(rule, number, **resources):
    values = {"mem_mb": 100, "_cores": 2, "runtime": 30, "gpu": 1, "pack": 4, "pack_at_once": 2}
    return SimpleNamespace(
        rule=SimpleNamespace(name=rule),
        name=f"{rule}{number}",
        resources=ResourceList(fromdict=values | resources),
        is_group=lambda: False,
    )


def test_jobs_are_packed_by_rule_and_alike():
    jobs = [job("train", n) for n in range(9)] + [job("tune", n) for n in range(2)]
    jobs += [job("train", 9, gpu_model="a100"), job("plot", 0, pack=1), job("plot", 1, pack=1)]
    batches = list(_batches(jobs))
    assert Counter(len(batch) for batch in batches) == {3: 3, 2: 1, 1: 3}
    for batch in batches:
        assert len({member.rule.name for member in batch}) == 1
    assert sorted(member.name for batch in batches for member in batch) == sorted(
        member.name for member in jobs
    )


def test_packing_is_off_where_the_profile_says_none():
    assert [len(batch) for batch in _batches([job("train", n, pack=0) for n in range(2)])] == [1, 1]


def test_only_jobs_that_a_process_can_do_together_share_a_stack(tmp_path):
    jobs = [job("train", n, stack=20, stack_with="ab"[n % 2]) for n in range(30)]
    jobs += [job("train", n, stack=20, stack_with="") for n in range(3)]  # packed
    batches = list(_batches(jobs))
    assert Counter(len(batch) for batch in batches) == {15: 2, 3: 1}
    for batch in batches:
        assert len({member.resources["stack_with"] for member in batch}) == 1
    stack, pack = Pack(batches[0], tmp_path), Pack(batches[2], tmp_path)
    # One after another in the time of one, because the first does it all.
    assert (stack.at_once, stack.asked["runtime"], stack.asked["mem_mb"]) == (1, 30, 100)
    assert (pack.at_once, pack.asked["runtime"], pack.asked["mem_mb"]) == (2, 60, 200)


@pytest.mark.parametrize(
    ("asked", "sizes"),
    [({}, [2]), ({"stack": 20}, [1, 1]), ({"stack": 20, "gpu": 0}, [2])],
    ids=["no stack", "different", "no GPU"],
)
def test_packs_are_mixed_where_nothing_is_stacked(asked, sizes):
    jobs = [job("train", n, stack_with="ab"[n], **asked) for n in range(2)]
    assert [len(batch) for batch in _batches(jobs)] == sizes


def test_a_script_knows_of_a_neighbour_what_it_knows_of_itself(tmp_path, monkeypatch):
    """What Snakemake's objects, and the same through the file, say to a script."""
    (tmp_path / "features").write_text("features")
    folder = tmp_path / "pack"
    folder.mkdir()

    def given(number):
        files = InputFiles([str(tmp_path / "features")])
        files._set_name("features", 0, end=1)  # a list of one, as Snakemake does
        return SimpleNamespace(
            input=files,
            output=OutputFiles(fromdict={"model": f"m{number}", "info": f"i{number}"}),
            params=Params(fromdict={"job": {"recipe": {"beta": 1.5}, "code": ["a"]}}),
            wildcards=Wildcards(fromdict={"seed": str(number)}),
        )

    jobs = [given(number) for number in range(4)]
    described = json.dumps([_described_job(each) for each in jobs])
    (folder / "jobs.json").write_text(described)
    (folder / "0.code").write_text("1")  # it has ended
    monkeypatch.setenv(JOBS, str(folder / "jobs.json"))
    with pytest.raises(KeyError), neighbours(jobs[1]):
        raise KeyError
    with neighbours(jobs[1]) as others:
        assert [other.output.model for other in others] == ["m2", "m3"]
        for own, other in zip(jobs[2:], others, strict=True):
            assert job_key(other) == job_key(own)
            assert list(other.input) == list(own.input)
            assert other.input.features == own.input.features
            assert other.params.job == own.params.job
            assert other.params.get("held_out") is None
            assert not hasattr(other.wildcards, "dataset")
    with neighbours(jobs[2]) as others:  # once is enough
        assert others == []
    monkeypatch.delenv(JOBS)
    with neighbours(jobs[2]) as others:
        assert others == []


def test_where_there_is_no_slurm_the_run_ends_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkflowError, match="no `scontrol` on PATH"):
        Executor(SimpleNamespace(executor_settings=SimpleNamespace(array_jobs=None)), None)


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Let a script stand for Slurm's `scontrol`."""

    def write(script):
        (tmp_path / "scontrol").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "scontrol").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return write


def test_where_slurm_does_not_know_its_cluster_nothing_waits_for_it(scontrol):
    scontrol("echo 'scontrol: fatal: Could not establish a configuration source' >&2; exit 1")
    with pytest.raises(WorkflowError, match=r"set SLURM_CONF(?s:.*)Could not establish"):
        Executor(SimpleNamespace(executor_settings=SimpleNamespace(array_jobs=None)), None)
    # A controller that is down will be up again.
    scontrol("echo 'Slurmctld(primary) at login is DOWN'; exit 1")
    _check_configuration()


def test_inside_a_slurm_job_only_the_job_is_forgotten(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SRUN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_CONF", "/etc/other/slurm.conf")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    _leave_job(logging.getLogger())
    assert os.environ["SLURM_NTASKS"] == "4"  # no job, a wish of the user
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    _leave_job(logging.getLogger())
    assert [name for name in os.environ if name.startswith("SLURM_")] == ["SLURM_CONF"]


def test_a_pack_asks_for_what_runs_at_a_time(tmp_path):
    pack = Pack([job("train", n, mem_mb=100 + n, runtime=30 + n) for n in range(3)], tmp_path)
    asked = dict(pack.resources.items())
    # Two at a time in two rounds, each as large as the largest; the GPU is shared.
    assert (asked["mem_mb"], asked["_cores"], asked["runtime"], asked["gpu"]) == (204, 4, 64, 1)
    assert pack.threads == 4


def test_partitions_can_be_chosen_by_what_a_job_needs():
    partitions = read_partition_file(ROOT / "profiles/slurm/partitions.yaml")

    def chosen(**resources):
        wants = SimpleNamespace(threads=2, resources=ResourceList(fromdict=resources))
        fits = {partition.name: partition.score_job_fit(wants) for partition in partitions}
        return max((name for name in fits if fits[name] is not None), key=fits.get)

    assert chosen(mem_mb=2000, runtime=60) == "cpu"
    assert chosen(mem_mb=2000, runtime=60, gpu=1) == "gpu"
