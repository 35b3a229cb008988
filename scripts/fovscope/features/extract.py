"""Streaming extraction: images in, feature cache out.

Where there is a GPU, worker processes decode and resize (`fovscope.features.ring`), elsewhere
threads do; the main process runs the frozen backbone on uint8 batches. Batches never cross a
shard and do not depend on the number of workers, so neither do the features.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from fovscope.backbones.networks import (
    BagOfChannels,
    FeatureExtractor,
    Pixels,
    input_of,
    load_extractor,
    to_device,
)
from fovscope.features.ring import Ring, read_image
from fovscope.features.store import WHOLE, Layout, Part, fill_store, first_choice
from fovscope.images.source import ImageSource
from fovscope.runtime.devices import device_name, resolve_precision
from fovscope.study.features import Backbone, Features

_LOG = logging.getLogger(__name__)

_ON_CPU = 16  # images a batch: the feature maps of more of them do not stay in its caches
_ON_GPU = (32, 64, 128, 256, 512)  # what is tried
_LARGEST = 128 * 2**20  # bytes of a batch, of which several are in memory at a time
_TRIALS = 16  # no size is tried of which the images make fewer batches: trying would cost more
_NEARLY = 0.97  # share of the best rate that is enough: a smaller batch leaves memory to others


@contextmanager
def reading(
    images: ImageSource, *, device: torch.device, workers: int
) -> Iterator[Callable[[Sequence[Sequence[int]]], Iterator[Tensor]]]:
    """Start what reads images for a network, and end it.

    Parameters
    ----------
    images : ImageSource
        The images.
    device : torch.device
        Where the network runs.
    workers : int
        Processes that read images; 0 reads in this process, with as many threads as the
        network has.

    Yields
    ------
    callable
        It takes batches as sequences of row numbers, and yields them as uint8
        (B, size, size, channels), each of which may be overwritten when the next is asked for.
    """
    if not workers:
        yield partial(read_in_threads, images, torch.get_num_threads())
        return
    with Ring(images, workers=workers, device=device) as ring:
        yield ring.batches


def read_in_threads(
    images: ImageSource, threads: int, batches: Iterable[Sequence[int]]
) -> Iterator[Tensor]:
    """Yield batches, uint8 (B, size, size, channels), as they are asked for.

    Decoding and resizing let other threads run.
    """

    def read(rows: Sequence[int]) -> list[NDArray[np.uint8]]:
        return [read_image(images, row) for row in rows]

    with ThreadPoolExecutor(threads) as pool:
        share = pool.map if threads > 1 else map
        for rows in batches:
            shares = share(read, np.array_split(rows, threads))
            yield torch.from_numpy(np.stack(list(chain.from_iterable(shares))))


def cache_features(
    manifest_path: Path,
    open_images: Callable[..., ImageSource],
    *,
    backbone: Backbone,
    options: Features,
    data_digest: str,
    device: torch.device,
    workers: int,
    channels: Sequence[str] = (),
    bag: int = 0,
    key: str = "",
    part: Part = WHOLE,
) -> None:
    """Write the features of a part of the images; see `fill_store`.

    Parameters
    ----------
    manifest_path : Path
        Where the manifest will be; the store lies beside it.
    open_images : callable
        ``open_images(size=..., interpolation=...)`` returns the images, uint8
        (size, size, channels): the weights say which size they want.
    backbone, options
        What to compute.
    data_digest : str
        Digest of the images and their preprocessing, from the data manifest.
    device : torch.device
        Where the network runs.
    workers : int
        Processes that read images; 0 reads in this process, with as many threads as the
        network has. Does not change the result.
    channels : sequence of str
        Names of the channels of the images, for the manifest; none where they are grey or RGB.
    bag : int
        Channels that the network is given one by one; 0 where images are pictures.
    key : str
        Digest of what else the features depend on.
    part : Part
        The part; by default all images.

    Raises
    ------
    WeightsError
        If the weights are missing or not those of the model.
    StoreError
        If features are not finite.
    DataError
        If an image cannot be read any more, or a process that reads images was killed.
    LockError
        If another process is writing the same part.
    """
    size, interpolation = input_of(backbone)
    images = open_images(size=size, interpolation=interpolation)
    # Processes start while this one is small: without weights, and before CUDA is initialised.
    with reading(images, device=device, workers=workers) as read:
        if device.index is not None:
            torch.cuda.set_device(device)
        extractor, identity = load_extractor(backbone, options, bag=bag)
        if channels:
            identity |= {"channels": list(channels)}
        precision = resolve_precision(options.precision, device)
        to_device(extractor, device, precision)
        layout = Layout(len(images), extractor.dim, extractor.dtype, options.shard_rows)
        _LOG.info(
            "%d images -> %d features, part %d of %d, %s on %s, %d worker(s)",
            *(layout.rows, layout.columns, part.number, part.of, precision, device, workers),
        )

        def compute(ranges: list[tuple[int, int]]) -> Iterator[NDArray]:
            if not ranges:
                return iter(())
            at_a_time = options.batch_size or first_choice(
                manifest_path,
                device_name(device),
                lambda: batch_size(extractor, options, images, device=device, precision=precision),
            )
            batches = read(cut_batches(ranges, at_a_time))
            total = sum(stop - start for start, stop in ranges)
            features = extract(extractor, batches, device=device, precision=precision)
            return _by_range(_watched(features, total), ranges)

        fill_store(
            manifest_path,
            layout,
            identity
            | {
                "data_digest": data_digest,
                "precision": str(precision).removeprefix("torch."),
                "batch_size": options.batch_size,
            },
            compute,
            key=key,
            part=part,
        )


@torch.inference_mode()
def extract(
    extractor: FeatureExtractor | BagOfChannels | Pixels,
    batches: Iterable[Tensor],
    *,
    device: torch.device,
    precision: torch.dtype,
) -> Iterator[NDArray[np.float32]]:
    """Yield the features (B, D) of each uint8 batch (B, H, W, channels).

    The copy of a result back to the host waits until the next batch has been submitted,
    so that a GPU always has work queued.
    """
    previous = None
    for batch in batches:
        on_device = batch.to(device, non_blocking=True)
        with torch.autocast(device.type, precision, enabled=precision != extractor.arithmetic):
            current = extractor(on_device).float()
        if previous is not None:
            yield previous.cpu().numpy()
        previous = current
    if previous is not None:
        yield previous.cpu().numpy()


def batch_size(
    extractor: FeatureExtractor | BagOfChannels | Pixels,
    options: Features,
    images: ImageSource,
    *,
    device: torch.device,
    precision: torch.dtype,
) -> int:
    """Return the images of a batch: as configured, else what suits the device.

    Parameters
    ----------
    extractor : FeatureExtractor, BagOfChannels or Pixels
        On `device` already.
    options : Features
        Its `batch_size` wins. Without it a CPU gets 16, and a GPU is tried out.
    images : ImageSource
        As the network takes them; at most the first one is looked at.
    device : torch.device
        Where the network runs.
    precision : torch.dtype
        Arithmetic of the network.

    Raises
    ------
    torch.OutOfMemoryError
        If a GPU has no room for the smallest batch.
    """
    if options.batch_size is not None:
        return options.batch_size
    if device.type != "cuda":
        return _ON_CPU
    shape = read_image(images, 0).shape

    def rate(size: int, batches: int = 4) -> float:
        blank = torch.zeros((size, *shape), dtype=torch.uint8, device=device)
        for _ in range(2):  # in the first the libraries choose their algorithms
            start = time.perf_counter()
            for _ in extract(extractor, [blank] * batches, device=device, precision=precision):
                pass  # each result is fetched: at the end the device has done all
        return size * batches / (time.perf_counter() - start)

    largest = min(_LARGEST // math.prod(shape), max(_ON_GPU[0], len(images) // _TRIALS))
    chosen = fastest(rate, [size for size in _ON_GPU if size <= largest])
    torch.cuda.empty_cache()
    _LOG.info("%d images a batch", chosen)
    return chosen


def fastest(rate: Callable[[int], float], sizes: Sequence[int]) -> int:
    """Return the smallest size whose rate is nearly the best.

    Parameters
    ----------
    rate : callable
        From a size to images per second.
    sizes : sequence of int
        In ascending order; the first that is too large for the memory ends the search.

    Raises
    ------
    torch.OutOfMemoryError
        If the first is too large.
    """
    rates: dict[int, float] = {}
    for size in sizes or [1]:
        try:
            rates[size] = rate(size)
        except torch.OutOfMemoryError as error:
            if not rates:
                error.add_note(
                    f"A batch of {size} has no room on the GPU: set features.batch_size to fewer "
                    "images, or take a backbone that is smaller or sees smaller images."
                )
                raise
            break
    enough = _NEARLY * max(rates.values())
    return next(size for size, reached in rates.items() if reached >= enough)


def cut_batches(ranges: list[tuple[int, int]], size: int) -> list[range]:
    """Cut row ranges into batches that never cross a range."""
    return [
        range(first, min(first + size, stop))
        for start, stop in ranges
        for first in range(start, stop, size)
    ]


def _by_range(batches: Iterator[NDArray], ranges: list[tuple[int, int]]) -> Iterator[NDArray]:
    """Join consecutive batches to one block per range."""
    for start, stop in ranges:
        block: list[NDArray] = []
        while sum(map(len, block)) < stop - start:
            block.append(next(batches))
        yield np.concatenate(block)


def _watched(batches: Iterator[NDArray], total: int) -> Iterator[NDArray]:
    """Show progress: a bar when a person watches, a line per tenth of the work in a log."""
    shown = sys.stderr.isatty()
    done = 0
    with tqdm(total=total, unit="image", disable=not shown) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))
            if not shown and done * 10 // total < (done + len(batch)) * 10 // total:
                _LOG.info("%d of %d images", done + len(batch), total)
            done += len(batch)
