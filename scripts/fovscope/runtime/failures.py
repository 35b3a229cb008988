"""What failed in a run, said once more at its end.

With `keep-going` the reason of a failure is far above the last line by the time that the run ends.
Snakemake tells its log handlers which job failed and which ended well; the reason is in the log of
the job.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from snakemake_interface_logger_plugins.common import LogEvent

_RECORD = re.compile(r"^\d\d:\d\d:\d\d ERROR ", re.MULTILINE)

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

    def emit(self, record: logging.LogRecord) -> None:
        """Note a job that failed; forget one that ended well in the end."""
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_ERROR:
            self._errors.setdefault(record.jobid, []).append(record)
        elif event == LogEvent.JOB_FINISHED:
            self._errors.pop(record.job_id, None)

    def summary(self) -> str:
        """Return rule, log file and reason of each job that failed; empty if none did."""
        failed = list(self._errors.values())
        if not failed:
            return ""
        count = "1 job" if len(failed) == 1 else f"{len(failed)} jobs"
        lines = [f"{count} failed; cure it and run again, what is done stays done:"]
        for tries in failed[:_JOBS]:
            lines += [f"  {tries[0].rule_name}", *(f"    {line}" for line in _reason(tries))]
        more = [f"  and {len(failed) - _JOBS} more"] if len(failed) > _JOBS else []
        return "\n".join(lines + more)


def _reason(tries: list[logging.LogRecord]) -> list[str]:
    """Return what the executor says of a failed job, and the last error in the job's log."""
    messages = [record.rule_msg for record in tries if record.rule_msg]
    logs = list(tries[-1].log)  # the job's own first
    log = Path(logs[0]) if logs else None
    text = log.read_text("utf-8", errors="replace") if log and log.is_file() else ""
    _, *records = _RECORD.split(text)
    said = records[-1].strip().splitlines() if records else []
    if len(said) > 1 and said[1].startswith("Traceback"):
        said = [said[0], said[-1]]
    cut = ["..."] if len(said) > _LINES else []
    executor = messages[-1].splitlines() if messages else []
    return [*executor, f"log: {log or 'none'}", *said[:_LINES], *cut]
