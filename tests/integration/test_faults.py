"""A kill costs minutes: real processes, really killed, and results identical to the byte.

The jobs start from a fork server that has the libraries loaded, so that a process costs
milliseconds. Two tests drive the scripts through Snakemake.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import fault_jobs
import pytest
import timm
import torch
import yaml
from fault_jobs import IMAGES, NOBODY, OPTIONS, STEPS, Notes, extract, fill, hold, snapshot, train
from PIL import Image
from safetensors.torch import save_file

from fovscope.features.store import StoreError, read_store, verify_store
from fovscope.objectives.factor_vae import FactorVAE
from fovscope.runtime.locks import LockError, writing

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SHARD = OPTIONS.shard_rows
KILLS = 12

pytestmark = pytest.mark.slow


# Processes -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Start a job in a process of its own."""
    paths = os.pathsep.join([str(ROOT / "scripts"), str(HERE)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        patch.setenv("OMP_NUM_THREADS", "1")
        context = get_context("forkserver")
        context.set_forkserver_preload([fault_jobs.__name__])
        context.Process(target=time.sleep, args=(0,)).start()

    def start(job, *arguments, **options):
        process = context.Process(target=job, args=arguments, kwargs=options)
        process.start()
        return process

    return start


@pytest.fixture(scope="session")
def run(start):
    """Run a job to its end and return its exit code."""

    def run(job, *arguments, **options):
        process = start(job, *arguments, **options)
        process.join(60)
        assert process.exitcode is not None, "the job hangs"
        return process.exitcode

    return run


def kill(process):
    process.kill()
    process.join()


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)


def children(pid):
    """Return the processes that any thread of a process started."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def log_of(folder):
    return (folder.parent / f"{folder.name}.log").read_text()


def forget_log(folder):
    folder.with_name(f"{folder.name}.log").write_text("")


def notes_of(folder):
    return Notes(folder.parent / f"{folder.name}.notes")


@pytest.fixture
def report(capsys):
    def report(text):
        with capsys.disabled():
            print(f"\n    {text}", end="")

    return report


# What undisturbed runs give -----------------------------------------------------------------


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model("test_vit", num_classes=0).state_dict(), path)
    return path


@pytest.fixture(scope="session")
def whole_store(tmp_path_factory, run, weights):
    folder = tmp_path_factory.mktemp("whole") / "store"
    assert run(extract, folder, weights=weights, pause=0) == 0
    return snapshot(folder)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    path = tmp_path_factory.mktemp("features") / "manifest.json"
    path.write_text(json.dumps({"weights_digest": "w", "data_digest": "d"}))
    return path


@pytest.fixture(scope="session")
def trainings(tmp_path_factory, run, manifest):
    """Return both kinds of training: the job's options and what an undisturbed run gives."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(train, folder / "source", manifest=manifest) == 0
    model = folder / "source/m.safetensors"
    options = {"manifest": manifest, "source": model}
    assert run(train, folder / "tuned", **options) == 0
    assert notes_of(folder / "tuned").count() == STEPS
    return {
        "source": ({"manifest": manifest}, snapshot(folder / "source")),
        "finetune": (options, snapshot(folder / "tuned")),
    }


# kill -9 at random points ---------------------------------------------------------------------


def kill_until_done(start, job, folder, delays, **options):
    """Start a job again and again, kill it after random delays; return the number of kills."""
    kills = 0
    while True:
        forget_log(folder)
        process = start(job, folder, **options)
        wait_for(notes_of(folder).count)
        process.join(next(delays))
        if not process.is_alive():
            assert process.exitcode == 0, log_of(folder)
            return kills
        kill(process)
        kills += 1


def test_extraction_killed_at_random_points(tmp_path, start, weights, whole_store, report):
    chance, kills, rounds, work = random.Random(1), 0, 0, 0
    delays = iter(lambda: chance.uniform(0.1, 1.2), None)
    while kills < KILLS:
        folder = tmp_path / str(rounds)
        options = {"weights": weights, "workers": rounds % 3}
        kills += kill_until_done(start, extract, folder, delays, **options)
        assert snapshot(folder) == whole_store
        rounds += 1
        work += notes_of(folder).count()
    again = (work - rounds * IMAGES) / kills
    # The workers are up to four batches ahead, and one image tells the shape of all.
    assert again <= SHARD + 4 * OPTIONS.batch_size + 1
    report(
        f"extraction: {kills} kills in {rounds} rounds survived; of {IMAGES} images, {again:.0f} "
        f"({100 * again / IMAGES:.1f} %) were read again for each kill, shards of {SHARD}"
    )


@pytest.mark.parametrize("kind", ["source", "finetune"])
def test_training_killed_at_random_points(tmp_path, start, trainings, kind, report):
    options, expected = trainings[kind]
    chance, kills, rounds, work = random.Random(2), 0, 0, 0
    delays = iter(lambda: chance.uniform(0.05, 0.8), None)
    while kills < KILLS:
        folder = tmp_path / str(rounds)
        kills += kill_until_done(start, train, folder, delays, **options)
        assert snapshot(folder) == expected
        rounds += 1
        work += notes_of(folder).count()
    again = (work - rounds * STEPS) / kills
    assert again < STEPS / 4
    report(
        f"{kind} training: {kills} kills in {rounds} rounds survived; of {STEPS} steps, "
        f"{again:.0f} ({100 * again / STEPS:.1f} %) were done again for each kill, at a "
        "checkpoint every 50 ms"
    )


# kill -9 before each single change on the disk ------------------------------------------------


def killed_before_each_change(run, job, folder, prepare, **options):
    """Yield after each kill; the last run, which ends by itself, is not yielded."""
    number = 1
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        prepare()
        code = run(fault_jobs.die_at, number, job, folder, **options)
        if code == 0:
            return
        assert code == -signal.SIGKILL
        yield number
        number += 1


@pytest.mark.parametrize("before", ["nothing", "a store of other content", "a damaged store"])
def test_store_killed_before_each_change_on_the_disk(tmp_path, run, before, report):
    assert run(fill, tmp_path / "whole") == 0
    whole = snapshot(tmp_path / "whole")
    assert run(fill, tmp_path / "other", identity="b") == 0
    folder = tmp_path / "cut"

    def prepare():
        if before != "nothing":
            origin = "other" if before == "a store of other content" else "whole"
            shutil.copytree(tmp_path / origin, folder)
            (folder / "manifest.json").unlink()  # as Snakemake does
        if before == "a damaged store":
            (folder / "features.zarr/c/1/0").write_bytes(b"damaged")

    kills = 0
    for _ in killed_before_each_change(run, fill, folder, prepare):
        if (folder / "manifest.json").exists():
            assert verify_store(folder / "manifest.json") == []
        assert run(fill, folder) == 0
        assert snapshot(folder) == whole
        kills += 1
    assert kills > 10
    report(f"store over {before}: killed before each of {kills} changes on the disk")


def test_training_killed_before_each_change_on_the_disk(tmp_path, run, manifest, report):
    # With a network and an optimiser of its own, so that all parts of a checkpoint are there.
    objective = FactorVAE(discriminator_width=16)
    options = {"manifest": manifest, "steps": 2, "every": 0, "objective": objective}
    assert run(train, tmp_path / "whole", **options) == 0
    whole, folder, kills = snapshot(tmp_path / "whole"), tmp_path / "cut", 0
    for _ in killed_before_each_change(run, train, folder, lambda: None, **options):
        assert run(train, folder, **options) == 0
        assert snapshot(folder) == whole
        kills += 1
    assert kills > 15
    report(f"training: killed before each of {kills} changes on the disk")


# Signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGINT"])
@pytest.mark.parametrize("kind", ["source", "finetune"])
def test_a_signal_costs_no_step(tmp_path, start, run, trainings, kind, name):
    (options, expected), folder = trainings[kind], tmp_path / "model"
    process = start(train, folder, **options, every=3600)
    wait_for(lambda: notes_of(folder).count() > 200)
    os.kill(process.pid, signal.Signals[name])
    process.join(10)
    assert process.exitcode == 128 + signal.Signals[name]
    done = notes_of(folder).count()
    assert done < STEPS
    assert f"{name}: stopped and saved; goes on from step {done}" in log_of(folder)
    assert not (folder / "m.safetensors").exists()
    assert run(train, folder, **options) == 0
    assert f"going on from step {done}" in log_of(folder)
    assert notes_of(folder).count() == STEPS
    assert snapshot(folder) == expected


def test_sigterm_costs_an_extraction_one_shard(tmp_path, start, run, weights, whole_store):
    folder = tmp_path / "store"
    process = start(extract, folder, weights=weights)
    wait_for(lambda: notes_of(folder).count() > 5 * SHARD)
    process.terminate()
    process.join(10)
    assert process.exitcode == -signal.SIGTERM
    assert run(extract, folder, weights=weights) == 0
    assert snapshot(folder) == whole_store
    assert notes_of(folder).count() - IMAGES <= SHARD + OPTIONS.batch_size


# Damaged files --------------------------------------------------------------------------------


def interrupted(start, folder, options):
    """Train, kill after the second checkpoint, and return the checkpoints, newest first."""
    process = start(train, folder, **options)
    found = folder / ".m.checkpoints"
    wait_for(lambda: len(list(found.glob("step*"))) == 2)
    kill(process)
    return sorted(found.glob("step*"), reverse=True)[:2]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_checkpoint_falls_back(tmp_path, start, run, trainings, damage, damaged):
    (options, expected), folder = trainings["source"], tmp_path / "model"
    checkpoints = interrupted(start, folder, options)
    for path in checkpoints[:damaged]:
        damage(path)
    assert run(train, folder, **options) == 0
    log = log_of(folder)
    assert log.count("is damaged; going back") == damaged
    assert (f"of {checkpoints[1]}" in log) == (damaged == 1)
    assert snapshot(folder) == expected


def test_a_checkpoint_of_another_configuration_is_never_continued(tmp_path, start, run, trainings):
    (options, expected), folder = trainings["source"], tmp_path / "model"
    interrupted(start, folder, options | {"key": "other", "learning_rate": 1e-4})
    assert run(train, folder, **options) == 0
    assert "is of another configuration; deleted" in log_of(folder)
    assert "going on from" not in log_of(folder)
    assert snapshot(folder) == expected


@pytest.mark.parametrize(
    "damage",
    [
        ("c/3/0", Path.unlink),
        ("c/3/0", truncate),
        ("c/3/0", flip),
        ("zarr.json", Path.unlink),
        ("zarr.json", truncate),
    ],
    ids=lambda damage: f"{damage[1].__name__} {damage[0]}",
)
def test_a_damaged_store_costs_its_damaged_shards(tmp_path, run, weights, whole_store, damage):
    folder, (file, spoil) = tmp_path / "store", damage
    assert run(extract, folder, weights=weights, pause=0) == 0
    spoil(folder / "features.zarr" / file)
    (problem,) = verify_store(folder / "manifest.json")
    assert file in problem
    with pytest.raises(StoreError, match=f"{file}.*delete manifest.json"):
        read_store(folder / "manifest.json")
    (folder / "manifest.json").unlink()
    before = notes_of(folder).count()
    assert run(extract, folder, weights=weights, pause=0) == 0
    assert notes_of(folder).count() - before == (SHARD if file.startswith("c/") else 0)
    assert snapshot(folder) == whole_store


def test_leftovers_of_killed_writers_go(tmp_path, run, weights, whole_store, trainings):
    options, expected = trainings["source"]
    store, model = tmp_path / "store", tmp_path / "model"
    left = [
        store / ".manifest.json.abcd1234.json",
        store / "parts/.000001.json.abcd1234.json",
        store / "features.zarr/c/1/0.0123456789abcdef.partial",
        model / ".m.safetensors.abcd1234.safetensors",
        model / ".m.checkpoints/.step000000000001-0.safetensors.abcd1234.safetensors",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    assert run(extract, store, weights=weights, pause=0) == 0
    assert run(train, model, **options) == 0
    assert snapshot(store) == whole_store
    assert snapshot(model) == expected


# Processes that read images -------------------------------------------------------------------


def test_a_killed_worker_is_named_and_a_rerun_completes(tmp_path, start, run, weights, whole_store):
    folder = tmp_path / "store"
    process = start(extract, folder, weights=weights, workers=2)
    wait_for(lambda: notes_of(folder).count() > 3 * SHARD)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    process.join(20)
    assert process.exitcode == 1
    assert "a process that reads images was killed" in log_of(folder)
    assert "Traceback" not in log_of(folder)
    assert run(extract, folder, weights=weights, workers=2, pause=0) == 0
    assert snapshot(folder) == whole_store


def test_workers_do_not_survive_their_parent(tmp_path, start, weights):
    folder = tmp_path / "store"
    process = start(extract, folder, weights=weights, workers=2)
    wait_for(lambda: notes_of(folder).count() > 3 * SHARD)
    workers = children(process.pid)
    assert len(workers) == 2
    kill(process)
    wait_for(lambda: not any(Path(f"/proc/{pid}/fd").exists() and _runs(pid) for pid in workers))


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_vanishes_is_named(tmp_path, run, weights, workers):
    images = tuple(tmp_path / f"{row}.png" for row in range(40))
    for row, path in enumerate(images):
        Image.new("RGB", (64, 64), (row, 0, 0)).save(path)
    options = {"weights": weights, "workers": workers, "images": images}
    assert run(extract, tmp_path / "whole", **options) == 0
    images[30].rename(tmp_path / "away")
    folder = tmp_path / "store"
    assert run(extract, folder, **options) == 1
    log = log_of(folder)
    gone = f"[Errno 2] No such file or directory: '{images[30]}'"
    assert f"ERROR image 30 cannot be read any more: {gone}" in log
    assert log.strip().endswith("run the workflow again; finished shards are kept")
    assert "Traceback" not in log
    assert not (folder / "manifest.json").exists()
    (tmp_path / "away").rename(images[30])
    assert run(extract, folder, **options) == 0
    assert "2 of 3 shards to compute" in log_of(folder)
    assert snapshot(folder) == snapshot(tmp_path / "whole")


# Disks ---------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    """Mount a small tmpfs; returns its folder and a function that mounts it anew."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = mount("size=96k")
    if done.returncode:
        pytest.skip(f"tmpfs cannot be mounted: {done.stderr.strip()}")
    yield folder, lambda options: mount(f"remount,{options}").check_returncode()
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def logged_elsewhere(folder, tmp_path):
    """Put a job's log and notes on another disk than its folder."""
    for kind in ("log", "notes"):
        folder.with_name(f"{folder.name}.{kind}").symlink_to(tmp_path / f"elsewhere.{kind}")


@pytest.fixture(params=["extract", "source", "finetune"])
def either_job(request, weights, whole_store, trainings):
    """Each job, its options, and what it gives undisturbed."""
    if request.param == "extract":
        return extract, {"weights": weights, "pause": 0}, whole_store
    return train, *trainings[request.param]


def test_a_full_disk_is_named_and_the_cure_completes(disk, tmp_path, run, either_job):
    (mounted, remount), (job, options, expected) = disk, either_job
    folder = mounted / "results"
    logged_elsewhere(folder, tmp_path)
    if job is train:
        remount("size=28k")
    assert run(job, folder, **options) == 1
    log = log_of(folder)
    assert "the disk is full; free some space, then run the workflow again" in log
    assert "Traceback" not in log
    for name, content in snapshot(folder).items():
        if not Path(name).name.startswith((".", "step")):
            assert content == expected[name]
    assert not (folder / "manifest.json").exists()
    before = notes_of(folder).count()
    remount("size=10m")
    assert run(job, folder, **options) == 0, log_of(folder)
    assert snapshot(folder) == expected
    if job is extract:
        assert notes_of(folder).count() - before < IMAGES  # whole shards were kept


def test_a_read_only_disk_is_named_and_the_cure_completes(disk, tmp_path, run, either_job):
    (mounted, remount), (job, options, expected) = disk, either_job
    folder = mounted / "results"
    logged_elsewhere(folder, tmp_path)
    remount("size=10m")
    folder.mkdir()
    remount("ro")
    assert run(job, folder, **options) == 1
    assert "the file system is read-only; have it made writable" in log_of(folder)
    assert "Traceback" not in log_of(folder)
    remount("rw")
    assert run(job, folder, **options) == 0
    assert snapshot(folder) == expected


def test_permissions_lost_on_the_way(start, run, trainings):
    """Root may write everywhere, so the job becomes another user."""
    options, expected = trainings["source"]
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        Path(name).chmod(0o777)
        folder = Path(name) / "model"
        if os.geteuid() == 0:
            options = options | {"uid": NOBODY}
            readable = shutil.copy(options["manifest"], name)
            options["manifest"] = Path(readable)
        process = start(train, folder, **options)
        checkpoints = folder / ".m.checkpoints"
        wait_for(lambda: list(checkpoints.glob("step*")))
        checkpoints.chmod(0o555)
        process.join(30)
        assert process.exitcode == 1
        assert "permission is missing; set the permissions" in log_of(folder)
        assert "Traceback" not in log_of(folder)
        checkpoints.chmod(0o755)
        assert run(train, folder, **options) == 0
        assert "going on from step" in log_of(folder)
        assert snapshot(folder) == expected


# Two at once ----------------------------------------------------------------------------------


def test_two_processes_on_one_store(tmp_path, start, weights, whole_store):
    folder = tmp_path / "store"
    first = start(extract, folder, weights=weights, pause=0.005)
    wait_for(lambda: notes_of(folder).count() > SHARD)
    second = start(extract, folder, weights=weights, pause=0.005)
    for process in (first, second):
        process.join(60)
        assert process.exitcode == 0
    assert f"process {first.pid} on " in log_of(folder)
    assert notes_of(folder).count() == IMAGES  # the second found everything done
    assert snapshot(folder) == whole_store


def test_parts_fill_a_store_at_once_and_are_killed_meanwhile(tmp_path, start, weights, whole_store):
    folder, chance, parts, kills = tmp_path / "store", random.Random(3), 3, 0
    processes = dict.fromkeys(range(1, parts + 1))
    while any(process is None or process.exitcode != 0 for process in processes.values()):
        for number, process in processes.items():
            if process is None or process.exitcode not in (None, 0):
                options = {"weights": weights, "pause": 0.02, "part": (number, parts)}
                processes[number] = start(extract, folder, **options)
        time.sleep(chance.uniform(0.1, 0.4))
        running = [process for process in processes.values() if process.is_alive()]
        if running and kills < 6:
            kill(chance.choice(running))
            kills += 1
    assert kills > 2
    fault_jobs.seal(folder, parts)
    assert snapshot(folder) == whole_store
    # Each part keeps its finished shards: a kill costs the shard in work.
    assert notes_of(folder).count() - IMAGES <= kills * (SHARD + OPTIONS.batch_size)


def test_two_cuts_of_one_store_never_write_the_same_shard(tmp_path, start, weights, whole_store):
    folder = tmp_path / "store"
    first = start(extract, folder, weights=weights, pause=0.005, part=(1, 2))
    wait_for(lambda: notes_of(folder).count() > SHARD)
    other = start(extract, folder, weights=weights, pause=0.005, part=(2, 2))
    whole = start(extract, folder, weights=weights, pause=0.005)
    for process in (first, other, whole):
        process.join(60)
        assert process.exitcode == 0
    assert f"process {first.pid} on " in log_of(folder) or f"{other.pid} on " in log_of(folder)
    assert notes_of(folder).count() == IMAGES
    # Which of the waiting ones came last shows in the lock's blanks and in its part's note only.
    for path in (*folder.glob("part?of?.json"), folder / ".manifest.json.lock"):
        path.unlink()
    expected = {name: whole_store[name] for name in whole_store if name != ".manifest.json.lock"}
    assert snapshot(folder) == expected


def test_other_content_waits_for_a_running_part(tmp_path, start, run):
    folder = tmp_path / "store"
    process = start(hold, folder / "manifest.json", pieces=range(1, 2))
    wait_for((folder / "held").exists)
    filling = start(fill, folder)
    filling.join(1)
    assert filling.is_alive()
    kill(process)
    filling.join(10)
    assert filling.exitcode == 0
    assert f"process {process.pid} on " in log_of(folder)


def test_two_processes_on_one_model(tmp_path, start, trainings):
    (options, expected), folder = trainings["source"], tmp_path / "model"
    processes = [start(train, folder, **options) for _ in range(2)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert snapshot(folder) == expected


def test_a_lock_names_its_holder_and_dies_with_it(tmp_path, start):
    path = tmp_path / "model.safetensors"
    process = start(hold, path)
    wait_for((tmp_path / "held").exists)
    message = rf"process {process.pid} on .* is writing it; wait"
    with pytest.raises(LockError, match=message), writing(path, patience=0.1):
        pass
    kill(process)
    with writing(path, patience=0):
        pass


# Through Snakemake ----------------------------------------------------------------------------


STUDY = {
    "seeds": [0],
    "sources": {
        "texture_dsprites": {
            "train_pairs": 400,
            "iid_train": 200,
            "iid_test": 100,
            "pairs_per_factor": 10,
        }
    },
    "features": {"shard_rows": 64, "batch_size": 16},
    "source_training": {"steps": 3000, "learning_rate": 1e-3, "warmup_steps": 50},
}


# As bash before 5.1, which many clusters have: the last of several commands takes not its place.
OLDER_BASH = f"""#!/bin/sh
exec {shutil.which("bash")} "$1" "$2
:"
"""


def snakemake(folder, *arguments):
    """Start the workflow up to the source model in a folder, with an older bash."""
    config, bash = folder / "config.yaml", folder / "bin/bash"
    if not config.exists():
        bash.parent.mkdir(parents=True)
        bash.write_text(OLDER_BASH)
        bash.chmod(0o755)
        tiny = yaml.safe_load((ROOT / "tests/integration/tiny.yaml").read_text())
        config.write_text(yaml.safe_dump(tiny | STUDY))
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile"]
    command += ["--configfile", config, "--profile", ROOT / "profiles/local", "--cores", "1"]
    target = "results/models/lite0/beta1/seed0/source.safetensors"
    return subprocess.Popen(
        [*map(str, command), *arguments, target],
        cwd=folder,
        env=os.environ
        | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "scripts")}
        | {"PATH": f"{bash.parent}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "snakemake.log").open("a"),
    )


def script_of(process, rule, line):
    """Return the process that runs the script of a rule, once its log has that line.

    No shell stands above it: on a cluster it would die of the signal that lets the script save
    its work, and the job would be over.
    """
    folder = Path(f"/proc/{process.pid}/cwd").readlink()
    wait_for(
        lambda: any(line in log.read_text() for log in folder.glob(f"results/logs/{rule}/*.log")),
        90,
    )
    (script,) = children(process.pid)
    assert b".snakemake/scripts" in (command := Path(f"/proc/{script}/cmdline").read_bytes())
    assert b"bash" not in command
    return script


def results(folder):
    return {
        name: content
        for name, content in snapshot(folder / "results").items()
        if name.startswith(("features", "models", "latents"))
    }


def test_scripts_killed_below_snakemake(tmp_path):
    assert snakemake(tmp_path / "whole").wait(150) == 0
    folder = tmp_path / "cut"
    process = snakemake(folder)
    os.kill(script_of(process, "cache_features", "shards to compute"), signal.SIGKILL)
    assert process.wait(60) == 1
    # SIGTERM to the script: Snakemake tries it again at once, and it goes on.
    process = snakemake(folder, "--retries", "1")
    os.kill(script_of(process, "train", "step 500 of"), signal.SIGTERM)
    assert process.wait(150) == 0, (folder / "snakemake.log").read_text()
    (log,) = (folder / "results/logs/train").glob("*.log")
    assert "going on from step" in log.read_text()
    assert results(folder) == results(tmp_path / "whole")
