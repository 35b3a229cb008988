"""Streaming extraction: images in, feature cache out.

Worker processes decode and resize; the main process copies uint8 batches to the device and
runs the frozen backbone. Batches never cross a shard and do not depend on the number of
workers, so neither do the features.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from fovscope.backbones.networks import BagOfChannels, FeatureExtractor, Pixels, load_extractor
from fovscope.features.store import WHOLE, Layout, Part, fill_store
from fovscope.images.read import DataError
from fovscope.images.source import ImageSource
from fovscope.runtime.devices import resolve_precision
from fovscope.study.features import Backbone, Features

_LOG = logging.getLogger(__name__)
_NOTICE = 5.0
"""Seconds within which the kernel tells of the end of a child whose socket has closed."""


class ImageBatches(Dataset):
    """Batches of an image source as a map-style data set.

    Parameters
    ----------
    images : ImageSource
        The images.
    batches : sequence of sequences of int
        Row numbers of the images of each batch.
    threads : int
        Threads that read the images of a batch, where no worker processes do: decoding and
        resizing let other threads run.
    """

    def __init__(
        self, images: ImageSource, batches: Sequence[Sequence[int]], threads: int = 1
    ) -> None:
        self.images = images
        self.batches = batches
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Tensor:
        """Return a batch, uint8 (B, size, size, channels)."""
        shares = np.array_split(self.batches[number], self._threads)
        read = self._pool.map if self._pool else map
        return torch.from_numpy(np.stack(list(chain.from_iterable(read(self._read, shares)))))

    def _read(self, rows: Sequence[int]) -> list[NDArray[np.uint8]]:
        return [self._image(row) for row in rows]

    def _image(self, row: int) -> NDArray[np.uint8]:
        try:
            return self.images[row]
        except OSError as error:
            raise DataError(
                f"image {row} cannot be read any more: {error}; put it back, then run the "
                "workflow again; finished shards are kept"
            ) from error


def batch_loader(
    images: ImageSource, batches: Sequence[Sequence[int]], *, device: torch.device, workers: int
) -> DataLoader:
    """Return a loader of batches, uint8 (B, size, size, channels), for a network on `device`.

    Parameters
    ----------
    images, batches
        As in `ImageBatches`.
    device : torch.device
        Where the network runs.
    workers : int
        Processes that read images; 0 reads in this process, with as many threads as the
        network has.
    """
    workers = min(workers, len(batches))
    return DataLoader(
        ImageBatches(images, batches, threads=1 if workers else torch.get_num_threads()),
        batch_size=None,
        num_workers=workers,
        # Children of this process, which end when they see that it is gone.
        multiprocessing_context="fork" if workers else None,
        pin_memory=device.type == "cuda",
    )


@contextmanager
def _in_words() -> Iterator[None]:
    """Say in words what went wrong in the processes that read images."""
    try:
        yield
    except DataError as error:  # a worker's message comes wrapped in its traceback
        raise DataError(str(error).rpartition(f"{DataError.__name__}: ")[2].strip()) from None
    except RuntimeError as error:  # raised by a signal handler, wherever this process is
        if not str(error).startswith("DataLoader worker"):
            raise
        raise DataError(
            f"a process that reads images was killed ({error}), most often because memory ran "
            "out: give the job more mem_mb or fewer threads, then run the workflow again; "
            "finished shards are kept"
        ) from error


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
    extractor, identity = load_extractor(backbone, options, bag=bag)
    if channels:
        identity |= {"channels": list(channels)}
    extractor.to(device)
    images = open_images(
        size=extractor.transform.size, interpolation=extractor.transform.interpolation
    )
    precision = resolve_precision(options.precision, device)
    layout = Layout(len(images), extractor.dim, extractor.dtype, options.shard_rows)
    _LOG.info(
        "%d images -> %d features, part %d of %d, %s on %s, %d worker(s)",
        *(layout.rows, layout.columns, part.number, part.of, precision, device, workers),
    )

    def compute(ranges: list[tuple[int, int]]) -> Iterator[NDArray]:
        batches = cut_batches(ranges, options.batch_size)
        loader = batch_loader(images, batches, device=device, workers=workers)
        total = sum(stop - start for start, stop in ranges)
        features = extract(extractor, _read(loader), device=device, precision=precision)
        return _by_range(_watched(features, total), ranges)

    with _in_words():
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
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            current = extractor(on_device).float()
        if previous is not None:
            yield previous.cpu().numpy()
        previous = current
    if previous is not None:
        yield previous.cpu().numpy()


def _read(loader: DataLoader) -> Iterator[Tensor]:
    """Yield the batches of a loader.

    A worker that is killed while it hands over a batch first breaks the connection; the signal
    of its death, at which PyTorch raises what `_in_words` understands, comes a moment later.
    """
    try:
        yield from loader
    except (ConnectionError, EOFError):
        time.sleep(_NOTICE)
        raise


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
