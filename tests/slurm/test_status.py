"""What the executor makes of Slurm's answers; scripts stand for squeue and sacct."""

import asyncio
import logging
import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm_packs as packs
from slurm_cluster import ACCOUNT
from snakemake_executor_plugin_slurm_packs.accounts import ask_allowances
from snakemake_executor_plugin_slurm_packs.limits import Limits
from snakemake_executor_plugin_slurm_packs.partitions import ask_partitions
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

SILENT, OUT_OF_ORDER = "exit 0", "exit 1"
NUMBER = "17"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Ask for a job by one command, twice with `seconds` between; return what became of it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def run(command, answers, seconds=1000, number=NUMBER):
        for name, script in answers.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        settings = SimpleNamespace(status_command=command, keep_successful_logs=True)
        executor = object.__new__(packs.Executor)
        executor.workflow = SimpleNamespace(executor_settings=settings)
        executor.logger, executor.run_uuid = logging.getLogger("test"), "run"
        executor.status_rate_limiter, executor._unanswered = nullcontext(), False
        executor._asked_why, executor._told = -packs._WAITS, set()
        said = []
        executor.report_job_success = lambda info: said.append("ended well")
        executor.report_job_error = lambda info, msg, aux_logs: said.append((msg, aux_logs))
        job = SimpleNamespace(rule=SimpleNamespace(name="train"))
        info = SubmittedJobInfo(job, number, {"slurm_logfile": Path("17.log")})

        async def ask():
            said.extend(["waits" async for _ in executor.check_active_jobs([info])])

        for now in (0, seconds):
            monkeypatch.setattr(packs, "time", SimpleNamespace(monotonic=lambda now=now: now))
            asyncio.run(ask())
        assert said.pop(0) == "waits"
        return said

    return run


def says(state):
    return f"echo '{NUMBER}|{state}'"


def test_a_job_that_squeue_has_forgotten_is_asked_of_the_accounting(check):
    assert check("squeue", {"squeue": SILENT, "sacct": says("COMPLETED")}) == ["ended well"]
    assert check("squeue", {"squeue": SILENT, "sacct": says("COMPLETED")}, seconds=9) == ["waits"]


@pytest.mark.parametrize("command", ["squeue", "sacct"])
def test_a_job_of_which_slurm_knows_nothing_fails_with_its_log_named(check, command):
    ((message, logs),) = check(command, {"squeue": SILENT, "sacct": SILENT})
    assert message == f"SLURM-job '{NUMBER}' is over; neither squeue nor sacct knows how it ended. "
    assert logs == ["17.log"]


def test_where_there_is_no_accounting_it_fails_too(check):
    ((message, _),) = check("squeue", {"squeue": SILENT, "sacct": OUT_OF_ORDER})
    assert "is over" in message


def test_a_job_may_run_as_long_as_squeue_lists_it_or_is_out_of_order(check):
    assert check("sacct", {"squeue": says("PENDING"), "sacct": SILENT}) == ["waits"]
    assert check("sacct", {"squeue": OUT_OF_ORDER, "sacct": SILENT}) == ["waits"]
    assert check("squeue", {"squeue": OUT_OF_ORDER, "sacct": SILENT}) == ["waits"]


@pytest.mark.parametrize("state", ["PREEMPTED", "NODE_FAIL"])
def test_a_job_that_was_stopped_fails_unless_it_is_in_the_queue_again(check, state):
    stopped = says(state)
    for squeue in (stopped, SILENT):
        ((message, _),) = check("sacct", {"squeue": squeue, "sacct": stopped})
        assert f"ended as {state}" in message
        assert check("sacct", {"squeue": squeue, "sacct": stopped}, seconds=9) == ["waits"]
    for squeue in (says("PENDING"), OUT_OF_ORDER):
        assert check("sacct", {"squeue": squeue, "sacct": stopped}) == ["waits"]
    ((message, _),) = check("squeue", {"squeue": stopped, "sacct": OUT_OF_ORDER})
    assert f"ended as {state}" in message


def waits_for(reason):
    return f"case $* in *%r*) echo '{NUMBER}|{reason}';; *) {says('PENDING')};; esac"


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("PartitionTimeLimit", "`runtime` is longer"),
        ("AssocGrpCpuLimit", "limit of your account"),
        ("QOSMaxGRESPerUser", "quality of service"),
        ("ReqNodeNotAvail, Reserved for maintenance", "sinfo -R"),
        ("Resources", "let it ask for less"),
        ("NewReasonOfSlurm", ""),
    ],
)
def test_why_a_job_waits_is_said_after_some_minutes_once(check, caplog, reason, remedy):
    assert check("squeue", {"squeue": waits_for(reason)}, seconds=9) == ["waits"]
    assert not caplog.records
    assert check("squeue", {"squeue": waits_for(reason)}) == ["waits"]
    (said,) = caplog.messages
    assert said.startswith(f"Rule train waits (SLURM-job {NUMBER}, and perhaps more): ")
    assert f"Slurm says {reason}" in said
    assert remedy in said


@pytest.mark.parametrize("reason", ["None", "Priority", "Dependency", "BeginTime"])
def test_a_job_that_waits_for_its_turn_is_no_news(check, caplog, reason):
    assert check("squeue", {"squeue": waits_for(reason)}) == ["waits"]
    assert not caplog.records


@pytest.mark.slow
def test_a_limit_of_an_account_is_named_as_slurm_names_it(cluster, check, caplog, monkeypatch):
    monkeypatch.setenv("PATH", cluster.env["PATH"])
    asked = ["--account=poor", "--time=9", "--job-name=run", "--output=/dev/null", "--wrap=true"]
    number = cluster.admin("sbatch", "--parsable", *asked).strip()
    try:
        cluster.wait_for("(null)", "PENDING")
        assert check("squeue", {}, number=number) == ["waits"]
    finally:
        cluster.admin("scancel", number)
    assert "Slurm says AssocMaxWallDurationPerJobLimit: a limit of your account" in caplog.text


@pytest.mark.slow
def test_the_limit_of_an_account_is_known_before(cluster, monkeypatch):
    monkeypatch.setenv("PATH", cluster.env["PATH"])
    limits = Limits(ask_partitions(), allowances=ask_allowances())
    asked = {"runtime": 4, "slurm_account": "poor"}
    assert limits.cut(asked) == {"runtime": 1}  # MaxWall=1
    assert limits.cut(asked | {"slurm_account": ACCOUNT}) == {}


def test_a_question_that_hangs_is_given_up_and_ended(check, monkeypatch, tmp_path):
    monkeypatch.setattr(packs, "_PATIENCE", 0.5)
    hangs = f"echo $$ >> {tmp_path}/asked; exec sleep 900"
    assert check("sacct", {"squeue": OUT_OF_ORDER, "sacct": hangs}) == ["waits"]
    asked = (tmp_path / "asked").read_text().split()
    assert len(asked) == 2
    assert not [number for number in asked if Path(f"/proc/{number}").exists()]
