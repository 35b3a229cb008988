"""How far a run is, for a person who watches it, and what it has made in the end.

Snakemake tells its log handlers of each job that begins and ends. From these events follows what is
done of how many jobs, what is under way, and, by the means of jobs of the same rule in this run or
an earlier one, how long the rest will take.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean
from typing import TextIO

from snakemake_interface_logger_plugins.common import LogEvent

_NAMED = 3
"""How many rules that are under way a line names."""


class Progress(logging.Handler):
    """What a run has done: a line now and then while somebody watches, and one at the end.

    A handler of Snakemake's logger: it hears of each event of the run, whatever is printed.

    Parameters
    ----------
    earlier : callable
        From a rule to the mean seconds of its jobs in earlier runs, or None.
    watched : file, optional
        Where lines go; none are written without it.
    every : float
        Seconds between two lines, at least.
    """

    def __init__(
        self,
        earlier: Callable[[str], float | None],
        watched: TextIO | None = None,
        every: float = 15.0,
    ) -> None:
        super().__init__()
        self._due: Counter[str] = Counter()
        self._earlier, self._watched, self._every = earlier, watched, every
        self._under_way: dict[int, logging.LogRecord] = {}
        self._seconds: dict[str, list[float]] = {}
        self._made: list[str] = []
        self._begun = self._now = math.nan
        self._said = -math.inf
        self._done = self._total = 0

    def expect(self, due: Iterable[str]) -> None:
        """Take the rules of the jobs that will run, one for each job."""
        self._due = Counter(due)

    def emit(self, record: logging.LogRecord) -> None:
        """Note what begins and ends; write a line when one is due."""
        self._now = record.created
        match getattr(record, "event", None):
            case LogEvent.JOB_INFO:
                if math.isnan(self._begun):
                    self._begun = record.created
                self._under_way[record.jobid] = record
                self._tell()
            case LogEvent.JOB_ERROR:
                self._under_way.pop(record.jobid, None)
            case LogEvent.JOB_FINISHED:
                self._end(record.job_id)
            case LogEvent.PROGRESS:
                self._done, self._total = record.done, record.total
                self._tell()

    def _end(self, job: int) -> None:
        begun = self._under_way.pop(job, None)
        if begun is None:  # a second message of the same end
            return
        self._seconds.setdefault(begun.rule_name, []).append(self._now - begun.created)
        self._made += begun.output
        self._due[begun.rule_name] -= 1

    def _tell(self) -> None:
        """Write a line where somebody watches, the last one is a while ago, and something runs."""
        is_time = self._now - self._said >= self._every
        if self._watched and is_time and self._under_way and self._done:
            self._said = self._now
            print(self.line(), file=self._watched, flush=True)

    def line(self) -> str:
        """Return how far the run is, what is under way, and how long it will take yet."""
        rules = Counter(record.rule_name for record in self._under_way.values())
        named = [f"{number} {rule}" for rule, number in rules.most_common(_NAMED)]
        more = rules.total() - sum(number for _, number in rules.most_common(_NAMED))
        now = ", ".join(named + ([f"{more} more"] if more else []))
        return f">> {self._done} of {self._total} jobs done; under way: {now}; {self._left()}"

    def _left(self) -> str:
        """Return how long the jobs that are due will take, as many at a time as up to now."""
        means = {rule: self._mean(rule) for rule, number in self._due.items() if number > 0}
        known = {rule: mean for rule, mean in means.items() if mean is not None}
        work = sum(self._due[rule] * mean for rule, mean in known.items())
        spent = {record: self._now - record.created for record in self._under_way.values()}
        work -= sum(min(spent[r], known.get(r.rule_name, 0.0)) for r in spent)
        busy = sum(map(sum, self._seconds.values())) + sum(spent.values())
        if (means and not known) or not busy:
            return "how long yet is not known"
        at_a_time = busy / (self._now - self._begun)
        least = "" if len(known) == len(means) else "at least "
        return f"{least}{duration(work / at_a_time)} left"

    def _mean(self, rule: str) -> float | None:
        return fmean(self._seconds[rule]) if rule in self._seconds else self._earlier(rule)

    def summary(self, results: Path, report: Path) -> str:
        """Return what was made, and where to look.

        Parameters
        ----------
        results : Path
            Results folder of the study.
        report : Path
            Its report.
        """
        jobs = sum(map(len, self._seconds.values()))
        count = "1 job" if jobs == 1 else f"{jobs} jobs"
        made = [Path(file) for file in self._made]
        inside = [file.relative_to(results) for file in made if file.is_relative_to(results)]
        folders = Counter(file.parts[0] for file in inside if len(file.parts) > 1)
        parts = [f"{number} in {results / folder}" for folder, number in sorted(folders.items())]
        files = f" New files: {', '.join(parts)}." if parts else ""
        look = f" Look at {report}" if report in made else ""
        return f"Done: {count} in {duration(self._now - self._begun)}.{files}{look}"


def duration(seconds: float) -> str:
    """Return a time as a person says it.

    >>> duration(42), duration(754), duration(9000)
    ('42 s', '13 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
