"""Batches that worker processes read are those that one process would read, whatever happens."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fovscope import FovscopeError
from fovscope.datasets.listing import DataError
from fovscope.features import extract as extraction
from fovscope.features import ring as ring_module
from fovscope.features.extract import cache_features
from fovscope.features.ring import Ring
from fovscope.study.config import Backbone, Features

CPU = torch.device("cpu")


class Images:
    """Images by row number; `reads` counts them in all processes."""

    def __init__(self, shape=(2, 3, 1), size=100, fail=None):
        self.shape, self.size, self.fail = shape, size, fail or {}
        self.reads = multiprocessing.get_context("fork").Value("i", 0)

    def __len__(self):
        return self.size

    def __getitem__(self, row):
        with self.reads.get_lock():
            self.reads.value += 1
        if row in self.fail:
            raise self.fail[row]
        return np.random.default_rng(row).integers(0, 256, self.shape, dtype=np.uint8)


def pids():
    return [child.pid for child in multiprocessing.active_children()]


@settings(max_examples=15, deadline=None)
@given(
    workers=st.integers(1, 3),
    slots=st.integers(1, 5),
    sizes=st.lists(st.integers(1, 7), max_size=9),
    turns=st.integers(1, 2),
)
def test_batches_are_the_same_in_the_same_order_by_any_workers_and_slots(
    workers, slots, sizes, turns
):
    images = Images()
    rng = np.random.default_rng(0)
    batches = [rng.integers(len(images), size=size) for size in sizes]
    places = set()
    with Ring(images, workers=workers, device=CPU, slots=slots) as ring:
        for _ in range(turns):
            read = []
            for batch in ring.batches(batches):
                read.append(batch.numpy().copy())
                places.add(batch.data_ptr())
            assert len(read) == len(batches)
            for rows, batch in zip(batches, read, strict=True):
                np.testing.assert_array_equal(batch, [images[row] for row in rows])
    assert len(places) <= turns * slots
    assert not pids()


def test_batches_may_be_an_array_of_row_numbers():
    images, rows = Images(), np.arange(12).reshape(3, 4)
    with Ring(images, workers=2, device=CPU) as ring:
        for numbers, batch in zip(rows, ring.batches(rows), strict=True):
            np.testing.assert_array_equal(batch, [images[row] for row in numbers])


def test_workers_are_ahead_by_no_more_than_the_slots():
    images = Images()
    with Ring(images, workers=2, device=CPU, slots=3) as ring:
        for number, _ in enumerate(ring.batches([range(k, k + 5) for k in range(0, 100, 5)])):
            time.sleep(0.02)  # in which they could read all that is left
            assert images.reads.value <= 5 * (number + 3) + 1  # one tells the shape of all


def test_a_slot_is_filled_again_only_after_its_copy(monkeypatch):
    def late(batch, *_):
        """Copy a batch as late as a GPU may: when somebody waits for it."""
        copy = torch.empty_like(batch)
        return copy, SimpleNamespace(synchronize=lambda: copy.copy_(batch))

    monkeypatch.setattr(ring_module, "_copied", late)
    images = Images()
    batches = [range(k, k + 4) for k in range(0, 40, 4)]
    copies = []
    with Ring(images, workers=2, device=CPU, slots=2) as ring:
        for batch in ring.batches(batches):
            time.sleep(0.02)  # in which a worker would fill a slot that is given back too early
            copies.append(batch)
    for rows, copy in zip(batches, copies, strict=True):
        np.testing.assert_array_equal(copy, [images[row] for row in rows])


def test_memory_is_pinned_while_it_is_in_use_and_let_go_after_an_error(monkeypatch):
    calls = []
    runtime = SimpleNamespace(
        cudaHostRegister=lambda place, size, flags: calls.append(("lock", place, size, flags)),
        cudaHostUnregister=lambda place: calls.append(("unlock", place)),
    )
    monkeypatch.setattr(torch.cuda, "cudart", lambda: runtime)
    monkeypatch.setattr(torch.cuda, "check_error", lambda _: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: calls.append(("wait",)))
    slots = torch.zeros(4, 2, 3, dtype=torch.uint8)

    def use():
        with ring_module._pinned(slots, torch.device("cuda")):
            calls.append(("use",))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    place = slots.data_ptr()
    assert calls == [("lock", place, 24, 0), ("use",), ("wait",), ("unlock", place)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gets_the_same_batches():
    images = Images((64, 64, 3))
    batches = [range(k, k + 10) for k in range(0, 100, 10)]
    with Ring(images, workers=2, device=torch.device("cuda"), slots=2) as ring:
        for rows, batch in zip(batches, ring.batches(batches), strict=True):
            assert batch.is_cuda
            np.testing.assert_array_equal(batch.cpu(), [images[row] for row in rows])


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (FileNotFoundError("gone.png"), DataError, r"^image 7 cannot be read any more: gone\.png"),
        (FovscopeError("no such stain"), DataError, "^no such stain$"),
        (KeyError("stain"), RuntimeError, r"images failed:\n(.|\n)*__getitem__(.|\n)*'stain'"),
    ],
)
def test_an_error_of_a_worker_comes_with_its_text(error, kind, said):
    images = Images(fail={7: error})
    with Ring(images, workers=2, device=CPU) as ring:
        read = ring.batches([range(4), range(4, 8), range(8, 12)])
        next(read)
        with pytest.raises(kind, match=said):
            next(read)
    assert not pids()


def test_images_of_another_shape_are_refused():
    class Odd(Images):
        def __getitem__(self, row):
            return super().__getitem__(row)[..., : 1 if row == 5 else None]

    with Ring(Odd((2, 2, 3)), workers=1, device=CPU) as ring:
        read = ring.batches([range(5), range(5, 6)])
        next(read)
        with pytest.raises(RuntimeError, match="shape"):
            next(read)


def test_a_killed_worker_is_named_within_seconds():
    images = Images()
    with Ring(images, workers=2, device=CPU) as ring:
        read = ring.batches([range(4)] * 10)
        next(read)
        os.kill(pids()[1], signal.SIGKILL)
        start = time.monotonic()
        with pytest.raises(DataError, match=r"killed \(SIGKILL\), most often because memory ran"):
            list(read)
        assert time.monotonic() - start < 2
    assert not pids()


READER = """
import signal, time
import numpy as np, torch
from multiprocessing import active_children
from fovscope.features.ring import Ring

signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored

class Images:
    def __getitem__(self, row):
        time.sleep(0.01)
        return np.zeros((8, 8, 3), np.uint8)

with Ring(Images(), workers=3, device=torch.device("cpu")) as ring:
    for number, _ in enumerate(ring.batches([range(9)] * 10_000)):
        if number == 3:
            print(*(child.pid for child in active_children()), flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_and_leave_nothing(how):
    before = set(Path("/dev/shm").iterdir())
    reader = subprocess.Popen(
        [sys.executable, "-c", READER], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    workers = [Path("/proc") / pid for pid in reader.stdout.readline().split()]
    assert len(workers) == 3
    if how == signal.SIGINT:  # as a terminal sends it
        os.killpg(reader.pid, how)
    else:
        reader.send_signal(how)
    assert reader.wait(10) in (-how, 1)
    deadline = time.monotonic() + 10
    while any(runs(worker) for worker in workers):
        assert time.monotonic() < deadline, "workers go on"
        time.sleep(0.02)
    assert set(Path("/dev/shm").iterdir()) <= before


def runs(process):
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_workers_start_before_the_weights_are_loaded(tmp_path, monkeypatch):
    started = []
    load = extraction.load_extractor

    def noted(*arguments, **options):
        started.append(len(pids()))
        assert not torch.cuda.is_initialized()
        return load(*arguments, **options)

    monkeypatch.setattr(extraction, "load_extractor", noted)
    cache_features(
        tmp_path / "manifest.json",
        lambda **_: Images((32, 32, 3)),
        backbone=Backbone(model="pixels", size=32),
        options=Features(batch_size=16, shard_rows=32),
        data_digest="d",
        device=CPU,
        workers=2,
    )
    assert started == [2]
    assert not pids()
