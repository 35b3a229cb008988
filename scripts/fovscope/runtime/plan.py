"""What lies ahead: jobs of each rule, Slurm jobs that they make, hours that they will take.

The jobs are those of a dry run. Hours are estimated from the benchmark files of earlier jobs of
the same rule: their mean, scaled to the steps or epochs of today where the rule trains.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from tabulate import tabulate

FACTS = "FOVSCOPE_FACTS"
"""Environment variable with the file where a dry run shall leave what it knows of the rules."""

_JOBS = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
_GPUS = re.compile(r"(?:^|,)gpu(?::[^:,()]+)*?(?::(\d+))?(?=[,(]|$)")
_GROWS_WITH = {
    "train": ("source_training", "steps"),
    "train_on_target": ("target_training", "steps"),
    "finetune": ("finetuning", "epochs"),
    "finetune_open_set": ("finetuning", "epochs"),
}
"""Rules whose jobs take so much longer as a value of the config is larger."""


def leave_facts(facts: Callable[[], Mapping[str, Any]]) -> None:
    """Write the `workflow` of `plan` where `fovscope plan` wants it, if it asked."""
    if FACTS in os.environ:
        Path(os.environ[FACTS]).write_text(json.dumps(facts()), encoding="utf-8")


def gpus_of(gres: str) -> int:
    """Return the number of GPUs in Slurm's generic resources.

    >>> gpus_of("gpu:a100:2,mps:200")
    2
    """
    return sum(int(found[1] or 1) for found in _GPUS.finditer(gres))


def planned_jobs(dry_run: str) -> dict[str, int]:
    """Return the number of jobs of each rule from what a dry run printed."""
    table = dry_run.partition("Job stats:")[2].partition("\ntotal ")[0]
    return {rule: int(number) for rule, number in _JOBS.findall(table)}


def plan(dry_run: str, workflow: Mapping[str, Any], results: Path) -> str:
    """Return the plan as text: a line for each rule, the sums, and where an estimate is missing.

    Parameters
    ----------
    dry_run : str
        What Snakemake printed.
    workflow : mapping
        ``study``, the resolved configuration, and ``rules``: by name `local`, `gpus`, `cores`,
        `pack` (jobs to a Slurm job) and `pack_at_once` (how many of them share its GPUs at a
        time) of each; rules that are not there only name targets.
    results : Path
        Results folder of earlier runs, of this study or of another.
    """
    jobs = planned_jobs(dry_run)
    rows, sums, unknown = [], [0, 0, 0, 0.0, 0.0], []
    for name, rule in workflow["rules"].items():
        if name not in jobs:
            continue
        single = 0 if rule["local"] else jobs[name]
        seconds = seconds_per_job(name, workflow["study"], results)
        hours = (seconds or 0) / 3600
        turns = _turns(jobs[name], rule["pack"], rule["pack_at_once"])
        gpu = hours * turns * rule["gpus"]
        cpu = 0 if rule["gpus"] else hours * jobs[name] * rule["cores"]
        numbers = [jobs[name], single, -(-single // rule["pack"]), gpu, cpu]
        sums = [total + number for total, number in zip(sums, numbers, strict=True)]
        shown = ["?" if rule["gpus"] else "", "" if rule["gpus"] else "?"]
        if seconds is not None:
            shown = [f"{number:.2f}" if number else "" for number in (gpu, cpu)]
        elif not rule["local"]:
            unknown.append(name)
        each = "" if seconds is None else f"{seconds:.0f}"
        rows.append([name, *(number or "" for number in numbers[:3]), each, *shown])
    if not rows:
        return "Nothing will run: everything is there and up to date."
    timed = any(sums[3:])
    hours = (f"{number:.2f}" if timed else "?" for number in sums[3:])
    rows.append(["total", *sums[:3], "", *hours])
    heads = ["rule", "jobs", "Slurm jobs", "packed", "s a job", "GPU hours", "CPU hours"]
    text = tabulate(
        rows,
        heads,
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", *("right",) * 6),
    )
    notes = [
        "",
        f"Seconds are means of earlier jobs in {results}/benchmarks, in proportion to steps and "
        "epochs; other images, backbones, metrics and machines take other times. Slurm jobs "
        "without and with the packing of this profile; GPU hours with it, as if jobs that share a "
        "GPU took no longer than alone.",
    ]
    if unknown and not timed:
        notes = [
            "",
            f"How long it will take is known once a study has run: {results} has no times.",
        ]
    elif unknown:
        notes.append(f"No earlier run to estimate from: {', '.join(unknown)}.")
    return "\n".join([text, *notes])


def seconds_per_job(rule: str, study: Mapping[str, Any], results: Path) -> float | None:
    """Return what a job of a rule will take by what earlier ones took; None without any."""
    seconds = [
        float(row["s"])
        for path in results.glob(f"benchmarks/{rule}/*.tsv")
        for row in csv.DictReader(path.open(encoding="utf-8"), delimiter="\t")
    ]
    if not seconds:
        return None
    return fmean(seconds) * _growth(rule, study, results / "config.yaml")


def _turns(jobs: int, pack: int, at_once: int) -> int:
    """Return how many times GPUs are taken for as long as a job lasts."""
    packs = -(-jobs // pack)
    return sum(-(-len(range(first, jobs, packs)) // at_once) for first in range(packs))


def _growth(rule: str, study: Mapping[str, Any], earlier: Path) -> float:
    if rule not in _GROWS_WITH or not earlier.exists():
        return 1
    section, key = _GROWS_WITH[rule]
    return study[section][key] / yaml.safe_load(earlier.read_text("utf-8"))[section][key]
