"""Events as Snakemake 9 logs them; a real run ends with a summary in tests/integration."""

import logging
import os

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from fovscope.runtime.failures import Failures


class Run:
    """A run whose events are logged as by Snakemake."""

    def __init__(self):
        self.failures = Failures()
        self.logger = logging.Logger("run")
        self.logger.addHandler(self.failures)

    def error(self, rule, jobid, *logs, message=None):
        facts = {"rule_name": rule, "jobid": jobid, "log": list(logs), "rule_msg": message}
        self.logger.error("Error", extra=facts | {"event": LogEvent.JOB_ERROR})

    def begun(self, jobid):
        self.logger.info("Job", extra={"jobid": jobid, "event": LogEvent.JOB_INFO})

    def finished(self, jobid):
        self.logger.info("Finished", extra={"job_id": jobid, "event": LogEvent.JOB_FINISHED})

    def said(self):
        return self.failures.summary().splitlines()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Run()


def test_a_run_without_failures_needs_no_words(run):
    run.finished(3)
    run.logger.error("a text without an event")
    assert run.said() == []


def test_a_failure_that_another_attempt_cured_is_none(run, tmp_path):
    (tmp_path / "a.log").write_text("01:00:00 INFO step 5\n01:00:01 ERROR diverged\nat step 7\n")
    run.error("evaluate", 4, "lost.log")
    run.finished(4)
    run.error("finetune", 5, "a.log", "slurm/7.log")
    assert run.said() == [
        "1 job failed; cure it and run again, what is done stays done:",
        *("  finetune", "    log: a.log", "    diverged", "    at step 7"),
    ]
    # Cured first, then lost: what came last counts.
    run.error("evaluate", 4)
    assert run.said()[-2:] == ["  evaluate", "    log: none"]


def test_a_job_that_was_killed_without_a_word_is_named_by_its_log(run, tmp_path):
    (tmp_path / "a.log").touch()
    said = "killed, perhaps for want of memory, or never started"
    for log in ("a.log", "lost.log"):
        run.error("evaluate", 4, log)
        assert run.said()[-2:] == ["  evaluate", f"    nothing new in {log}: {said}"]
    # Slurm knows better.
    run.error("evaluate", 4, "lost.log", message="SLURM-job '7' failed: out of memory")
    assert run.said()[-2:] == ["    SLURM-job '7' failed: out of memory", "    log: none"]


def test_what_slurm_says_and_the_end_of_a_traceback_are_the_reason(run, tmp_path):
    trace = "Traceback (most recent call last):\n  File x\n    y()\nKeyError: 'z'\n"
    (tmp_path / "a.log").write_text(
        f"01:00:00 ERROR the first\n01:00:01 ERROR the job stopped\n{trace}"
    )
    for message in ("SLURM-job '6' failed", "SLURM-job '7'\nfailed"):
        run.error("finetune", 5, "a.log", message=message)
    assert run.said()[2:] == [
        f"    {line}"
        for line in ("SLURM-job '7'", "failed", "log: a.log", "the job stopped", "KeyError: 'z'")
    ]


SLURM_SAYS = "slurm_script: line 4: /lab/.venv/bin/python: No such file or directory"


def test_of_a_job_that_died_before_its_script_slurms_log_is_the_reason(run, tmp_path):
    (tmp_path / "7.log").write_text(f"\n{SLURM_SAYS}\nWorkflowError:\n")
    run.error("finetune", 5, "a.log", "7.log", message="SLURM-job '7' ended as FAILED. For further")
    assert run.said()[2:] == [
        f"    {line}"
        for line in ("SLURM-job '7' ended as FAILED. For further", "log: 7.log", SLURM_SAYS)
    ]


def test_a_log_of_an_earlier_attempt_is_no_reason(run, tmp_path):
    (tmp_path / "a.log").write_text("01:00:01 ERROR diverged\n")
    (tmp_path / "7.log").write_text(SLURM_SAYS)
    run.begun(5)
    run.error("finetune", 5, "a.log", "7.log")
    assert run.said()[2:] == ["    log: a.log", "    diverged"]
    os.utime(tmp_path / "a.log", (0, 0))
    assert run.said()[2:] == ["    log: 7.log", f"    {SLURM_SAYS}"]


def test_of_a_job_that_was_killed_both_logs_are_named(run, tmp_path):
    killed = "slurmstepd: error: *** JOB 7 ON gpu1 CANCELLED DUE TO TIME LIMIT ***"
    (tmp_path / "a.log").write_text("01:00:01 INFO step 5\n")
    (tmp_path / "7.log").write_text(f"Select jobs to execute...\n{killed}\n")
    run.error("finetune", 5, "a.log", "7.log")
    assert run.said()[2:4] == ["    log: a.log", "    log: 7.log"]
    assert run.said()[-1] == f"    {killed}"


def test_many_failures_and_long_reasons_are_cut(run, tmp_path):
    for k in range(12):
        (tmp_path / f"{k}.log").write_text("01:00:01 ERROR first\n" + "  more\n" * 40)
        run.error("finetune", k, f"{k}.log")
    said = "\n".join(run.said())
    assert said.startswith("12 jobs failed")
    assert said.count("first") == 10
    assert said.count("    ...") == 10
    assert said.endswith("\n  and 2 more")
