"""What failed in a run, said once more at its end.

With `keep-going` the reason of a failure is far above the last line by the time that the run ends.
Snakemake tells its log handlers which job failed and which ended well; the reason is in the log of
the job, or, where its script did not start or was killed, in what Slurm wrote.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

_RECORD = re.compile(r"^\d\d:\d\d:\d\d ERROR ", re.MULTILINE)
_MORE = re.compile(r" *For further error details see the cluster/cloud log and the log files .*")
"""What Snakemake adds to each message of a cluster."""
_OF_SNAKEMAKE = (
    "Exiting because a job execution failed. Look above for error messages",
    "At least one job did not complete successfully.",
    "Complete log(s):",
    "Elapsed time:",
)
"""How lines begin that Snakemake writes whatever has happened."""
_SKEW = 10.0
"""Seconds by which the clock of a file server may be late."""

_JOBS = 10
_LINES = 8
"""How many jobs a summary names, and how many lines of the reason of each."""


class Failures(logging.Handler):
    """The jobs of a run that failed and were not cured by another attempt.

    A handler of Snakemake's logger: it hears of each event of the run, whatever is printed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._errors: dict[int, list[logging.LogRecord]] = {}
        self._begun: dict[int, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Note a job that failed; forget one that ended well in the end."""
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self._begun[record.jobid] = record.created
        elif event == LogEvent.JOB_ERROR:
            self._errors.setdefault(record.jobid, []).append(record)
        elif event == LogEvent.JOB_FINISHED:
            self._errors.pop(record.job_id, None)

    def summary(self) -> str:
        """Return rule, log file and reason of each job that failed; empty if none did."""
        failed = [(self._begun.get(job, 0), tries) for job, tries in self._errors.items()]
        if not failed:
            return ""
        count = "1 job" if len(failed) == 1 else f"{len(failed)} jobs"
        lines = [f"{count} failed; cure it and run again, what is done stays done:"]
        for begun, tries in failed[:_JOBS]:
            reason = _reason(tries, begun)
            lines += [f"  {tries[0].rule_name}", *(f"    {line}" for line in reason)]
        more = [f"  and {len(failed) - _JOBS} more"] if len(failed) > _JOBS else []
        return "\n".join(lines + more)


def _reason(tries: list[logging.LogRecord], begun: float) -> list[str]:
    """Return what the executor says of a failed job, its logs, and the last error in them."""
    messages = [record.rule_msg for record in tries if record.rule_msg]
    executor = _MORE.sub("", messages[-1]).splitlines() if messages else []
    # The job's own first. One that is older is of another attempt, and its script did not start.
    own, *others = [Path(log) for log in tries[-1].log] or [None]
    logs = [log for log in (own, *others) if log and log.is_file() and log.stat().st_size]
    if own in logs and own.stat().st_mtime < begun - _SKEW:
        logs.remove(own)
    said: list[str] = []
    for number, log in enumerate(logs, start=1):
        said = _error_of_job(log) or (_end(log) if log in others else [])
        if said:
            logs = logs[:number]
            break
    cut = ["..."] if len(said) > _LINES else []
    shown = [f"log: {log}" for log in logs] or ["log: none"]
    if own and not (logs or executor):
        # Nobody else says which of the jobs of a rule it was, and what ends without a word.
        shown = [f"nothing new in {own}: killed, perhaps for want of memory, or never started"]
    return [*executor, *shown, *said[:_LINES], *cut]


def _error_of_job(log: Path) -> list[str]:
    """Return the last error that a script logged; of one with a traceback, its end."""
    _, *records = _RECORD.split(log.read_text("utf-8", errors="replace"))
    said = records[-1].strip().splitlines() if records else []
    return [said[0], said[-1]] if len(said) > 1 and said[1].startswith("Traceback") else said


def _end(log: Path) -> list[str]:
    """Return the last lines of what Slurm, or a Snakemake inside its job, wrote."""
    lines = log.read_text("utf-8", errors="replace").splitlines()
    return [
        line
        for line in lines
        if line.strip() not in ("", "WorkflowError:") and not line.startswith(_OF_SNAKEMAKE)
    ][-_LINES:]
