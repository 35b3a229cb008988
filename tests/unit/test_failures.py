"""Logs as Snakemake 9 writes them; a real run ends with a summary in tests/integration."""

from fovscope.runtime.failures import summarise_failures


def error(rule, jobid, log, message="None"):
    return (
        f"[Mon Nov 23 01:20:01 2026]\nError in rule {rule}:\n    message: {message}\n"
        f"    jobid: {jobid}\n    input: a.parquet\n    output: b.parquet\n"
        f"    log: {log} (check log file(s) for error details)\n"
    )


def finished(rule, jobid):
    return (
        f"[Mon Nov 23 01:21:01 2026]\nFinished jobid: {jobid} (Rule: {rule})\n1 of 9 steps done\n"
    )


def test_a_run_without_failures_needs_no_words():
    assert summarise_failures(finished("train_source", 3)) == ""


def test_a_failure_that_another_attempt_cured_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.log").write_text("01:00:00 INFO step 5\n01:00:01 ERROR diverged\nat step 7\n")
    log = error("evaluate", 4, "lost.log") + finished("evaluate", 4) + error("finetune", 5, "a.log")
    assert summarise_failures(log).splitlines() == [
        "1 job failed; cure it and run again, what is done stays done:",
        *("  finetune", "    log: a.log", "    diverged", "    at step 7"),
    ]
    # Cured first, then lost: of the same job only what came last counts.
    again = finished("evaluate", 4) + error("evaluate", 4, "lost.log")
    assert "evaluate" in summarise_failures(again)


def test_the_log_of_a_cluster_job_within_the_log_is_no_job_of_its_own():
    outer = error("finetune", 5, "a.log, slurm/7.log", "SLURM-job '7' failed")
    both = f"{outer}Logfile slurm/7.log:\n=====\n{error('finetune', 0, 'a.log')}=====\n"
    said = summarise_failures(both + finished("all", 0))
    assert said.splitlines()[1:] == ["  finetune", "    SLURM-job '7' failed", "    log: a.log"]
    # Cured by the second attempt, while something else failed.
    other = summarise_failures(both + finished("finetune", 5) + error("evaluate", 6, "b.log"))
    assert other.splitlines()[1:] == ["  evaluate", "    log: b.log"]


def test_what_slurm_says_and_the_end_of_a_traceback_are_the_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trace = "Traceback (most recent call last):\n  File x\n    y()\nKeyError: 'z'\n"
    (tmp_path / "a.log").write_text(
        f"01:00:00 ERROR the first\n01:00:01 ERROR the job stopped\n{trace}"
    )
    lines = summarise_failures(error("finetune", 5, "a.log", "SLURM-job '7'\nfailed")).splitlines()
    assert lines[2:] == [
        f"    {line}"
        for line in ("SLURM-job '7'", "failed", "log: a.log", "the job stopped", "KeyError: 'z'")
    ]


def test_many_failures_and_long_reasons_are_cut(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k in range(12):
        (tmp_path / f"{k}.log").write_text("01:00:01 ERROR first\n" + "  more\n" * 40)
    said = summarise_failures("".join(error("finetune", k, f"{k}.log") for k in range(12)))
    assert said.startswith("12 jobs failed")
    assert said.count("first") == 10
    assert said.count("    ...") == 10
    assert said.endswith("\n  and 2 more")
