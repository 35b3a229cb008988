"""A ring of shared buffers that worker processes fill with images, for a network to take from.

A batch has one of a few slots, and each worker reads its share of every batch into it, in place:
what goes through pipes is row numbers. Which pixels lie where follows from the batches alone,
whatever the number of workers. A GPU copies from the slots themselves, on a stream of its own.
The memory is no file of any file system: when the last process has ended, it is gone.

The workers are children that hold nothing of value. They end when the ring is left, and when
they see that their parent is gone.
"""

from __future__ import annotations

import math
import mmap
import os
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fovscope import FovscopeError
from fovscope.images.read import DataError
from fovscope.images.source import ImageSource

_NOTICE = 5.0
"""Seconds within which the kernel tells of the end of a child whose pipe has closed."""


def read_image(images: ImageSource, row: int) -> NDArray[np.uint8]:
    """Return image `row`.

    Raises
    ------
    DataError
        If it cannot be read any more.
    """
    try:
        return images[row]
    except OSError as error:
        raise DataError(
            f"image {row} cannot be read any more: {error}; put it back, then run the "
            "workflow again; finished shards are kept"
        ) from error


class Ring:
    """Worker processes and the slots that they fill; the processes run until `close`.

    Parameters
    ----------
    images : ImageSource
        The images.
    workers : int
        Processes that read them.
    device : torch.device
        Where batches are wanted. Nothing of CUDA is used before `batches`, so that the processes
        can be started before it is initialised.
    slots : int
        Batches that are in memory at a time, one of which is in use while others are filled.
    """

    def __init__(
        self, images: ImageSource, *, workers: int, device: torch.device, slots: int = 4
    ) -> None:
        self._images, self._device, self._slots = images, device, slots
        self._memory = os.memfd_create("batches")
        self._workers: list[BaseProcess] = []
        self._pipes: list[Connection] = []
        context = get_context("fork")
        for _ in range(workers):
            ours, theirs = context.Pipe()
            self._pipes.append(ours)
            arguments = (images, self._memory, theirs, tuple(self._pipes))
            self._workers.append(context.Process(target=_work, args=arguments, daemon=True))
            self._workers[-1].start()
            theirs.close()

    def __enter__(self) -> Ring:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for pipe in self._pipes:
            pipe.close()
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        os.close(self._memory)

    def batches(self, batches: Sequence[Sequence[int]]) -> Iterator[Tensor]:
        """Yield batches, uint8 (B, H, W, channels), on the device.

        Parameters
        ----------
        batches : sequence of sequences of int
            Row numbers of the images of each batch.

        Yields
        ------
        Tensor
            On a CPU a slot itself, which holds this batch until the next one is asked for.

        Raises
        ------
        DataError
            If an image cannot be read, or a process was killed.
        RuntimeError
            If a process failed in another way; with its traceback.
        """
        if len(batches) == 0:  # an array of row numbers has no truth value
            return
        image = read_image(self._images, batches[0][0])
        shape = (self._slots, max(map(len, batches)), *image.shape)
        os.ftruncate(self._memory, math.prod(shape))
        slots = torch.from_numpy(_mapped(self._memory, shape))
        with _pinned(slots, self._device):
            stream = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None
            for number in range(min(self._slots, len(batches))):
                self._ask_for(batches[number], number, shape)
            for number, rows in enumerate(batches):
                self._wait()
                slot = number % self._slots
                batch, copied = _copied(slots[slot, : len(rows)], self._device, stream)
                yield batch
                if copied is not None:
                    copied.synchronize()
                if number + self._slots < len(batches):
                    self._ask_for(batches[number + self._slots], slot, shape)

    def _ask_for(self, rows: Sequence[int], slot: int, shape: tuple[int, ...]) -> None:
        """Give each worker its share of a batch."""
        bounds = [len(rows) * n // len(self._workers) for n in range(len(self._workers) + 1)]
        for worker, pipe, first, stop in zip(
            self._workers, self._pipes, bounds[:-1], bounds[1:], strict=True
        ):
            with _alive(worker):
                pipe.send((shape, slot, first, rows[first:stop]))

    def _wait(self) -> None:
        """Wait until all workers have read their shares of the batch that is due."""
        for worker, pipe in zip(self._workers, self._pipes, strict=True):
            with _alive(worker):
                problem = pipe.recv()
            if problem is not None:
                kind, text = problem
                raise kind(text)


@contextmanager
def _alive(worker: BaseProcess) -> Iterator[None]:
    """Say in words that a worker is gone."""
    try:
        yield
    except (EOFError, OSError) as error:
        worker.join(_NOTICE)
        code = worker.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        raise DataError(
            f"a process that reads images was killed ({how}), most often because memory ran "
            "out: give the job more mem_mb or fewer threads, then run the workflow again; "
            "finished shards are kept"
        ) from error


@contextmanager
def _pinned(slots: Tensor, device: torch.device) -> Iterator[None]:
    """Lock the slots in their place: a GPU copies from nowhere else while others compute.

    PyTorch pins memory of its own only, which no other process could write to.
    """
    if device.type != "cuda":
        yield
        return
    runtime, place = torch.cuda.cudart(), slots.data_ptr()
    torch.cuda.check_error(runtime.cudaHostRegister(place, slots.nbytes, 0))
    try:
        yield
    finally:
        torch.cuda.synchronize(device)
        torch.cuda.check_error(runtime.cudaHostUnregister(place))


def _copied(
    batch: Tensor, device: torch.device, stream: torch.cuda.Stream | None
) -> tuple[Tensor, torch.cuda.Event | None]:
    """Return a batch on the device, and what tells when its slot is free again."""
    if stream is None:
        return batch, None
    with torch.cuda.stream(stream):
        copy = batch.to(device, non_blocking=True)
        copied = stream.record_event()
    computing = torch.cuda.current_stream(device)
    computing.wait_event(copied)
    copy.record_stream(computing)  # else its memory would be free as soon as the copy is made
    return copy, copied


def _mapped(memory: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.frombuffer(mmap.mmap(memory, math.prod(shape)), np.uint8).reshape(shape)


def _work(
    images: ImageSource, memory: int, pipe: Connection, others: tuple[Connection, ...]
) -> None:
    """Read shares of batches until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent acts on it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:  # of the parent, whose end shows only where nobody else has them
        other.close()
    torch.set_num_threads(1)
    slots = None
    with suppress(EOFError, ConnectionError):
        while True:
            shape, slot, first, rows = pipe.recv()
            if slots is None or slots.shape != shape:
                slots = _mapped(memory, shape)
            pipe.send(_problem(images, rows, slots[slot, first : first + len(rows)]))


def _problem(
    images: ImageSource, rows: Sequence[int], place: NDArray[np.uint8]
) -> tuple[type[Exception], str] | None:
    """Read images into their place; return what went wrong, as text: not every error pickles."""
    try:
        if len(rows):
            np.stack([read_image(images, row) for row in rows], out=place)
    except FovscopeError as error:
        return DataError, str(error)
    except Exception:  # whatever it is, it is raised again where it is seen
        return RuntimeError, f"a process that reads images failed:\n{traceback.format_exc()}"
    return None
