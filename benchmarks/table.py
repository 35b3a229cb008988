"""The lines that all benchmarks print: ours, reference, ratio and mark, as one Markdown table.

A ratio says how many times as fast as the reference we are, whether the figures are seconds or a
rate, or of memory how many times as small; both come from one run, best in turns. Run as a script
this prints the head of the table: hardware and versions. `make bench` puts the lines of all
benchmarks under it.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("numpy", "scipy", "scikit-learn", "xgboost", "torch", "timm", "snakemake")
LESS_IS_BETTER = ("s", "MB")
COLUMNS = ("line", "ours", "reference", "ratio", "mark")


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was measured.

    Attributes
    ----------
    what : str
        The work, and its size.
    ours, reference : float
        Seconds, memory or a rate; the reference is missing where there is none.
    unit : str
        ``s``, ``MB``, or anything a second: a rate, of which more is better.
    against : str
        What the reference is.
    least : float, optional
        The mark: the ratio to reach.
    limit : float, optional
        The mark, where it is none of ratios: what to stay within, or the rate to reach.
    """

    what: str
    ours: float
    unit: str = "s"
    reference: float | None = None
    against: str = ""
    least: float | None = None
    limit: float | None = None

    def __str__(self) -> str:
        """Return the row of the table."""
        reference = ratio = mark = "–"
        if self.reference is not None:
            reference = f"{shown(self.reference, self.unit)}, {self.against}"
            ratio = f"{self._times_as_fast(self.reference):.3g}"
        if self.least is not None:
            mark = f"≥ {self.least:g}"
            reached = self._times_as_fast(self.reference) >= self.least
        elif self.limit is not None:
            mark = f"{'≤' if self.unit in LESS_IS_BETTER else '≥'} {self.limit:,.4g} {self.unit}"
            reached = self._times_as_fast(self.limit) >= 1
        if mark != "–":
            mark += "" if reached else ", missed"
        return f"| {self.what} | {shown(self.ours, self.unit)} | {reference} | {ratio} | {mark} |"

    def _times_as_fast(self, other: float) -> float:
        return other / self.ours if self.unit in LESS_IS_BETTER else self.ours / other


def shown(value: float, unit: str) -> str:
    """Return a figure with its unit, in three digits."""
    if unit == "s" and value < 1:
        return f"{1000 * value:.3g} ms"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def head() -> str:
    """Return hardware and versions, and the first lines of the table."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"{hardware()}; Python {platform.python_version()}, {packages}",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---|---:|---:|---:|---:|",
        ]
    )


def hardware() -> str:
    """Return processor, cores, memory and, if there is one, GPU."""
    facts = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in facts.splitlines() if "model name" in line]
    amx = ", AMX" if "amx_tile" in facts else ""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    found = f"{names[0] if names else platform.machine()}{amx}, {cores} cores, {gigabytes:.0f} GiB"
    if shutil.which("nvidia-smi"):
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        found += "".join(f", {name}" for name in said.splitlines())
    return found


def print_table(lines: Iterable[Line], *, with_head: bool = True) -> None:
    """Print lines as soon as they are measured."""
    if with_head:
        print(head(), flush=True)
    for line in lines:
        print(line, flush=True)


def parser(about: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have."""
    made = argparse.ArgumentParser(description=about.splitlines()[0])
    made.add_argument("--rows", action="store_true", help="the rows alone, without head")
    return made


def seconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds that a call takes, by a clock."""
    start = clock()
    call()
    return clock() - start


def cpu_seconds(call: Callable[[], object], turns: int = 1) -> float:
    """Return the least CPU time of some calls: other work on the machine disturbs it little."""
    return min(seconds(call, time.process_time) for _ in range(turns))


if __name__ == "__main__":
    print(head())
