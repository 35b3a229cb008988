"""Features of pictures that are in memory, such as reconstructions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fovscope.backbones.networks import load_extractor, to_device
from fovscope.features.extract import extract
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

    def batches() -> Iterator[Tensor]:
        for start in range(0, len(pictures), options.batch_size):
            images = map(rgb_view, pictures[start : start + options.batch_size])
            sized = [resized(image, transform.size, transform.interpolation) for image in images]
            yield torch.from_numpy(np.stack(sized))

    return np.concatenate(list(extract(extractor, batches(), device=device, precision=precision)))
