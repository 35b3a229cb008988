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
_LOG = re.compile(r"^ {4}log: (.*) \(check log file", re.MULTILINE)
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
    failed = {error["jobid"]: error for error in _ERROR.finditer(log)}
    for job in _FINISHED.finditer(log):
        if job[1] in failed and failed[job[1]].start() < job.start():
            del failed[job[1]]
    if not failed:
        return ""
    count = "1 job" if len(failed) == 1 else f"{len(failed)} jobs"
    lines = [f"{count} failed; cure it and run again, what is done stays done:"]
    for error in list(failed.values())[:_JOBS]:
        lines += [f"  {error['rule']}", *(f"    {line}" for line in _reason(error))]
    more = [f"  and {len(failed) - _JOBS} more"] if len(failed) > _JOBS else []
    return "\n".join(lines + more)


def _reason(error: re.Match[str]) -> list[str]:
    """Return what the executor says of a failed job, and the last error in the job's log."""
    lines = [] if error["message"] in (None, "None") else error["message"].splitlines()
    name = _LOG.search(error["files"])
    if name is None:
        return lines
    log = Path(name[1])
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    _, *records = _RECORD.split(text)
    said = records[-1].strip().splitlines() if records else []
    if len(said) > 1 and said[1].startswith("Traceback"):
        said = [said[0], said[-1]]
    return [*lines, f"log: {log}", *said[:_LINES], *(["..."] if len(said) > _LINES else [])]
