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

_AT_A_TIME = 16
"""Images of a batch on any device, where none are configured. To try out what suits a GPU would
take longer than such few pictures do, and the clock may choose another number the next time."""


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

    at_a_time = options.batch_size or _AT_A_TIME

    def batches() -> Iterator[Tensor]:
        for start in range(0, len(pictures), at_a_time):
            images = map(rgb_view, pictures[start : start + at_a_time])
            sized = [resized(image, transform.size, transform.interpolation) for image in images]
            yield torch.from_numpy(np.stack(sized))

    return np.concatenate(list(extract(extractor, batches(), device=device, precision=precision)))
