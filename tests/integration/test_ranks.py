"""One extraction job on several processes: the same store, whoever starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from fault_jobs import snapshot
from PIL import Image
from safetensors.torch import save_file

from fovscope.features.job import ExtractionJob
from fovscope.features.store import WHOLE, Part, seal_store
from fovscope.runtime.parquet import write_table
from fovscope.runtime.provenance import write_json
from fovscope.study.config import Backbone, Features

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"
IMAGES = 40
RUN = """
import json, sys
from fovscope.features.job import ExtractionJob, run_job
from fovscope.runtime.job import logged
from types import SimpleNamespace
job = ExtractionJob(**json.loads(sys.argv[1]))
with logged(SimpleNamespace(log=[job.log], output=[])):
    run_job(job, tasks=int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A job on 40 images in shards of 8, with its store in a folder that is yet to be made."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for row in range(IMAGES):
        pixels = rng.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{row}.png")
    torch.manual_seed(0)
    weights = folder / "w.safetensors"
    save_file(timm.create_model("test_vit", num_classes=0).state_dict(), weights)
    rows = {"path": [f"{row}.png" for row in range(IMAGES)], "mask_path": None}
    write_table(folder / "table.parquet", pd.DataFrame(rows))
    preprocessing = {"background": 0, "white_level": None, "mask": False}
    info = {"images_digest": "d", "root": str(folder), "preprocessing": preprocessing}
    write_json(folder / "info.json", info)
    task = {
        "code": {},  # of no plug-in
        "backbone": Backbone(model="test_vit", weights=str(weights), size=64).model_dump(),
        "features": Features(batch_size=4, shard_rows=8, precision="float32").model_dump(),
    }
    write_json(folder / "task.json", task)
    return ExtractionJob(
        manifest="",
        task=str(folder / "task.json"),
        table=str(folder / "table.parquet"),
        info=str(folder / "info.json"),
        part=1,
        parts=1,
        threads=1,
        log="",
    )


def start(job, folder, *command, **env):
    job = replace(job, manifest=f"{folder}/manifest.json", log=f"{folder}.log")
    return subprocess.Popen(
        [sys.executable, *(word.replace("JOB", json.dumps(asdict(job))) for word in command)],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"} | env,
        stderr=subprocess.DEVNULL,
    )


def run(job, folder, tasks):
    assert start(job, folder, "-c", RUN, "JOB", str(tasks)).wait(300) == 0


def store(folder, parts=1):
    seal_store(folder / "manifest.json", parts)
    return {name: x for name, x in snapshot(folder).items() if "of" not in name}


@pytest.fixture(scope="module")
def whole(job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "store"
    run(job, folder, 1)
    return store(folder)


def test_ranks_of_slurm_fill_their_shares(job, tmp_path, whole):
    slurm = {
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": "gpu[1-2]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_NTASKS": "2",
        "SLURM_LOCALID": "0",
    }
    ranks = [
        start(
            job,
            tmp_path / "store",
            *("-m", "fovscope.features.job", "JOB"),
            **slurm,
            SLURM_PROCID=str(rank),
            SLURM_NODEID=str(rank),
        )
        for rank in (0, 1)
    ]
    assert [rank.wait(300) for rank in ranks] == [0, 0]
    notes = {path.name for path in (tmp_path / "store").glob("part*of*")}
    assert notes == {Part(1, 2).note, Part(2, 2).note}
    assert store(tmp_path / "store", parts=2) == whole


def test_two_processes_fill_the_store_of_one_also_when_they_are_ended_on_the_way(
    job, tmp_path, whole
):
    folder = tmp_path / "store"
    process = start(job, folder, "-c", RUN, "JOB", "2")
    while not list(folder.glob("parts/00000*.json")):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 128 + signal.SIGUSR1
    assert not list(folder.glob("part*of*"))
    run(job, folder, 2)
    logs = [(tmp_path / f"store.rank{rank}.log").read_text() for rank in (0, 1)]
    # The locks of the shards are free: nobody is left who writes them.
    assert not any("manifest.json: process" in log for log in logs)
    assert "of 2 shards to compute" in logs[0]
    assert "of 3 shards to compute" in logs[1]
    assert [path.name for path in folder.glob("part*of*")] == [WHOLE.note]
    assert store(folder) == whole


def test_a_rank_that_fails_is_named(job, tmp_path):
    missing = replace(job, info=str(tmp_path / "nothing.json"))
    assert start(missing, tmp_path / "store", "-c", RUN, "JOB", "2").wait(300) == 1
    log = (tmp_path / "store.log").read_text()
    assert "one of 2 processes failed: see" in log
    assert "store.rank*.log" in log
    assert (
        "a file or folder has gone"
        in (tmp_path / "store.rank0.log").read_text() + (tmp_path / "store.rank1.log").read_text()
    )
