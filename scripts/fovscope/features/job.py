"""One extraction job: from files to a part of a feature store, on one GPU or on several.

A job that asks for several tasks becomes as many processes (ranks), each on a GPU of its own,
on one node or on many. A rank fills its share of the job's shards, so ranks need not talk to
each other; the job ends when all have. Slurm starts them by `srun`; elsewhere they are started
here, with the environment variables that `torchrun` sets. A rank knows its place from these, or
from Slurm's through submitit's `TorchDistributedEnvironment`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from submitit.helpers import TorchDistributedEnvironment

from fovscope import FovscopeError
from fovscope.datasets.listing import read_info
from fovscope.features.extract import cache_features
from fovscope.features.store import Part, join_parts
from fovscope.images.source import open_images
from fovscope.registry import Catalogue
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.runtime.job import logged, plugins_of
from fovscope.runtime.parquet import read_table
from fovscope.runtime.provenance import digest_json, read_json, versions
from fovscope.study.features import Backbone, Features

_PAUSE = 0.2
"""Seconds between two looks at the ranks."""
_COLOURS = ("red", "green", "blue")
_ENDING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class RankError(FovscopeError):
    """A process of a job on several GPUs failed; its log says why."""


@dataclass(frozen=True)
class ExtractionJob:
    """What one job does.

    Attributes
    ----------
    manifest : str
        Where the manifest of the store will be; the store lies beside it.
    task : str
        JSON of all that the features depend on: the rule `specify_features`.
    table, info : str
        The image table and its facts.
    part, parts : int
        Which part of the store, from 1, and how many there are.
    threads : int
        Processor cores of each process.
    log : str
        Log file of the job; ranks write theirs beside it.
    """

    manifest: str
    task: str
    table: str
    info: str
    part: int
    parts: int
    threads: int
    log: str


def run_job(job: ExtractionJob, tasks: int = 1) -> None:
    """Fill the part of a job, by as many processes as it has tasks.

    Parameters
    ----------
    job : ExtractionJob
        The job.
    tasks : int
        Processes, each with a GPU of its own where there are GPUs. Does not change the result.

    Raises
    ------
    RankError
        If a process failed.
    FovscopeError
        As `cache_features`.
    """
    part = Part(job.part, job.parts)
    if tasks == 1:
        _fill(job, part, resolve_device())
        return
    with _ended_with_us(_start(job, tasks)) as ranks:
        while any(rank.poll() is None for rank in ranks):
            if any(rank.poll() for rank in ranks):
                break
            time.sleep(_PAUSE)
        if any(rank.poll() != 0 for rank in ranks):
            raise RankError(
                f"one of {tasks} processes failed: see {_rank_log(job, '*')}; finished shards "
                "are kept"
            )
    join_parts(job.manifest, part, tasks)


def run_rank(job: ExtractionJob) -> None:
    """Fill the share of this process, as the environment says which it is."""
    if "RANK" not in os.environ:
        os.environ.setdefault("SUBMITIT_EXECUTOR", "slurm")  # who started us, for submitit
        # Which GPUs there are is for Slurm to say, so they keep their numbers.
        TorchDistributedEnvironment().export(set_cuda_visible_devices=False)
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    with logged(SimpleNamespace(log=[_rank_log(job, rank)], output=[])):
        device = resolve_device()
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        _fill(job, Part(job.part, job.parts).cut(world)[rank], device)


def _fill(job: ExtractionJob, part: Part, device: torch.device) -> None:
    task, info = read_json(job.task), read_info(job.info)
    # The images themselves count, not what tells that they may have changed.
    depends_on = {name: value for name, value in task.items() if name != "images"}
    catalogue = Catalogue(plugins_of(task["code"]))
    use_cores(job.threads)
    cache_features(
        Path(job.manifest),
        partial(open_images, read_table(job.table), info, catalogue=catalogue),
        backbone=Backbone.model_validate(task["backbone"]),
        options=Features.model_validate(task["features"]),
        data_digest=info["images_digest"],
        channels=channel_names(info, task.get("bag", 0)),
        bag=task.get("bag", 0),
        device=device,
        # Without a GPU the network itself wants the cores.
        workers=job.threads if device.type == "cuda" else 0,
        key=digest_json([depends_on, info["images_digest"], versions()]),
        part=part,
    )


def channel_names(info: Mapping[str, Any], bag: int) -> list[str]:
    """Return the names of the channels that features are made of, in their order.

    Parameters
    ----------
    info : mapping
        The facts of a data set.
    bag : int
        Channels that the network is given one by one; 0 where images are pictures.

    Returns
    -------
    list of str
        None of images that are grey or RGB; of such images in a bag their colours, which go round.
    """
    preprocessing = info.get("interventions", info).get("preprocessing", {})
    channels = preprocessing.get("channels")
    if channels is not None:
        return list(channels["names"])
    return [_COLOURS[number % len(_COLOURS)] for number in range(bag)]


def _start(job: ExtractionJob, tasks: int) -> list[subprocess.Popen]:
    command = [sys.executable, "-m", __name__, json.dumps(asdict(job))]
    # A script of the workflow finds the package next to it; a process of its own must be told.
    scripts = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [scripts, os.environ.get("PYTHONPATH")]))
    env = os.environ | {"PYTHONPATH": paths}
    if "SLURM_JOB_ID" in env and shutil.which("srun"):
        # Within the step in which this process already is.
        srun = ["srun", "--overlap", "--kill-on-bad-exit=1", f"--ntasks={tasks}"]
        return [subprocess.Popen([*srun, *command], env=env)]
    places = [
        {"RANK": str(n), "LOCAL_RANK": str(n), "WORLD_SIZE": str(tasks)} for n in range(tasks)
    ]
    return [subprocess.Popen(command, env=env | place) for place in places]


@contextmanager
def _ended_with_us(ranks: list[subprocess.Popen]) -> Iterator[list[subprocess.Popen]]:
    """End the ranks when this process fails or is asked to end; what is finished is kept."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    for number in _ENDING:
        signal.signal(number, end)
    try:
        yield ranks
    finally:
        for rank in ranks:
            rank.terminate()
        for rank in ranks:
            rank.wait()


def _rank_log(job: ExtractionJob, rank: int | str) -> str:
    return str(Path(job.log).with_suffix(f".rank{rank}.log"))


if __name__ == "__main__":
    run_rank(ExtractionJob(**json.loads(sys.argv[1])))
