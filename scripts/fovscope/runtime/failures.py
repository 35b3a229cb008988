"""What failed in a run, said once more at its end.

With `keep-going` the reason of a failure is far above the last line by the time that the run ends.
Snakemake hands its own log to `onerror`; the reason is in the log of the job.
"""

from __future__ import annotations

import re
from pathlib import Path

_ERROR = re.compile(
    r"^Error in rule (?P<rule>\w+):\n"
    r"(?: {4}message: (?P<message>.*?)\n)?"  # several lines where Slurm said so much
    r" {4}jobid: (?P<jobid>\d+)\n"
    r"(?P<files>(?: {4}[^\n]*\n?)*)",
    re.MULTILINE | re.DOTALL,
)
_LOG = re.compile(r"^ {4}log: (.*?)(?:, .*)? \(check log file", re.MULTILINE)  # the job's own first
_FINISHED = re.compile(r"^Finished jobid: (\d+) ", re.MULTILINE)
_RECORD = re.compile(r"^\d\d:\d\d:\d\d ERROR ", re.MULTILINE)

_JOBS = 10
_LINES = 8
"""How many jobs a summary names, and how many lines of the reason of each."""


def summarise_failures(log: str) -> str:
    """Return which jobs of a run failed and were not cured by another attempt, and why.

    Parameters
    ----------
    log : str
        What Snakemake logged in the run.

    Returns
    -------
    str
        Rule, log file and reason of each job; empty if no job failed.
    """
    # By log file: on a cluster the log of the Snakemake within the job, which numbers its jobs
    # anew, is repeated after the error of the job.
    errors: dict[str, list[re.Match[str]]] = {}
    for error in _ERROR.finditer(log):
        errors.setdefault(_log_file(error), []).append(error)
    ends = {job[1]: job.start() for job in _FINISHED.finditer(log)}
    failed = [
        tries for tries in errors.values() if ends.get(tries[0]["jobid"], -1) < tries[-1].start()
    ]
    if not failed:
        return ""
    count = "1 job" if len(failed) == 1 else f"{len(failed)} jobs"
    lines = [f"{count} failed; cure it and run again, what is done stays done:"]
    for tries in failed[:_JOBS]:
        lines += [f"  {tries[0]['rule']}", *(f"    {line}" for line in _reason(tries))]
    more = [f"  and {len(failed) - _JOBS} more"] if len(failed) > _JOBS else []
    return "\n".join(lines + more)


def _log_file(error: re.Match[str]) -> str:
    found = _LOG.search(error["files"])
    return found[1] if found else f"none; job {error['jobid']}"


def _reason(tries: list[re.Match[str]]) -> list[str]:
    """Return what the executor says of a failed job, and the last error in the job's log."""
    messages = [error["message"] for error in tries if error["message"] not in (None, "None")]
    log = Path(_log_file(tries[0]))
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    _, *records = _RECORD.split(text)
    said = records[-1].strip().splitlines() if records else []
    if len(said) > 1 and said[1].startswith("Traceback"):
        said = [said[0], said[-1]]
    cut = ["..."] if len(said) > _LINES else []
    executor = messages[-1].splitlines() if messages else []
    return [*executor, f"log: {log}", *said[:_LINES], *cut]
