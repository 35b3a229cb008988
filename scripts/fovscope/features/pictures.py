"""Features of pictures that are in memory, such as reconstructions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fovscope.backbones.networks import load_extractor, to_device
from fovscope.features.extract import batch_size, extract
from fovscope.images.channels import rgb_view
from fovscope.images.read import resized
from fovscope.runtime.devices import resolve_precision
from fovscope.study.features import Backbone, Features


def features_of(
    pictures: NDArray[np.uint8], *, backbone: Backbone, options: Features, device: torch.device
) -> NDArray[np.float32]:
    """Return the features (N, D) of pictures.

    Parameters
    ----------
    pictures : ndarray of uint8, shape (N, H, W, C)
        Brought to the size of the network by its own filter; of many channels the first three.
    backbone, options
        Sections of the configuration.
    device : torch.device
        Where the network runs.
    """
    extractor, _ = load_extractor(backbone, options)
    precision = resolve_precision(options.precision, device)
    to_device(extractor, device, precision)
    transform = extractor.transform

    def sized(some: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        return [
            resized(rgb_view(picture), transform.size, transform.interpolation) for picture in some
        ]

    at_a_time = batch_size(
        extractor, options, sized(pictures[:1]), device=device, precision=precision
    )

    def batches() -> Iterator[Tensor]:
        for start in range(0, len(pictures), at_a_time):
            yield torch.from_numpy(np.stack(sized(pictures[start : start + at_a_time])))

    return np.concatenate(list(extract(extractor, batches(), device=device, precision=precision)))
