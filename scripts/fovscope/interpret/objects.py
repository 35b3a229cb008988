"""The objects of a data set, measured image by image: features, masks, and which to doubt."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from fovscope.images.channels import rgb_view
from fovscope.images.read import read_image, read_mask, reading_options
from fovscope.interpret.features import FEATURES
from fovscope.interpret.handcrafted import measure_object
from fovscope.interpret.segmentation import (
    SMALLEST,
    given_object,
    reason_to_doubt,
    segment_object,
)


class Look(NamedTuple):
    """An image and, where it is known, its object.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        Where it is measured, its RGB view (`fovscope.images.channels.rgb_view`).
    mask : ndarray of bool, shape (height, width), or None
        None where the object has to be found.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None


def measure_objects(
    manifest: pd.DataFrame, root: Path, preprocessing: Mapping[str, Any], *, workers: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Segment and measure the object of each image of a data set.

    Parameters
    ----------
    manifest : DataFrame
        With the columns `image_id`, `path` and `mask_path`, the last two relative to `root`.
    root : Path
        Folder below which the images lie now.
    preprocessing : mapping
        Entry of that name in the manifest's info: `background`, `white_level`, `channels`.
    workers : int
        Threads.

    Returns
    -------
    objects, masks : DataFrame
        As of `measure_looks`.
    """
    look = look_at_files(manifest, root, preprocessing)
    return measure_looks(manifest["image_id"], look, workers=workers)


def look_at_files(
    manifest: pd.DataFrame, root: Path, preprocessing: Mapping[str, Any]
) -> Callable[[int], Look]:
    """Return what reads the RGB view of a row's image; parameters as of `measure_objects`."""
    reading = reading_options(preprocessing)
    paths, masks = manifest["path"].to_list(), manifest["mask_path"].to_list()

    def look(row: int) -> Look:
        given = isinstance(masks[row], str)
        mask = read_mask(root / masks[row]) if given else None
        return Look(rgb_view(read_image(root / paths[row], **reading)), mask)

    return look


def measure_looks(
    image_ids: Sequence[str], look: Callable[[int], Look], *, workers: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Segment, where they are not known, and measure the objects of images.

    Parameters
    ----------
    image_ids : sequence of str
        Names of N images.
    look : callable
        From a row, 0 to N - 1, to the image.
    workers : int
        Threads.

    Returns
    -------
    objects : DataFrame
        One row per image, in their order: `image_id`, `segmentation` (``given`` or
        ``automatic``), `flag` (what makes it doubtful, empty if nothing does), `side` (of the
        square canvas, native pixels: 224 canvas pixels) and the columns of `FEATURES`, NaN where
        there is nothing to measure.
    masks : DataFrame
        `image_id` and `mask`, a PNG of one bit at native resolution; see `decode_mask`.
    """
    with ThreadPoolExecutor(workers) as pool:
        rows = pool.map(lambda row: _measured(look(row)), range(len(image_ids)))
        hidden = not sys.stderr.isatty()
        bar = tqdm(rows, "measure", len(image_ids), unit="image", disable=hidden)
        objects, masks = zip(*bar, strict=True)
    ids = pd.DataFrame({"image_id": list(image_ids)})
    return pd.concat([ids, pd.DataFrame(list(objects))], axis=1), ids.assign(mask=masks)


def _measured(seen: Look) -> tuple[dict[str, Any], bytes]:
    given = seen.mask is not None
    found = given_object(seen.mask) if given else segment_object(seen.image)
    features = dict.fromkeys(FEATURES, np.nan)
    if found.mask.sum() >= SMALLEST:
        features |= measure_object(seen.image, found.mask)
    row = {
        "segmentation": "given" if given else "automatic",
        "flag": reason_to_doubt(found),
        "side": max(seen.image.shape[:2]),
    }
    return row | features, encode_mask(found.mask)


def encode_mask(mask: NDArray[np.bool_]) -> bytes:
    """Return a mask (height, width) as a PNG of one bit."""
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    return stream.getvalue()


def decode_mask(data: bytes) -> NDArray[np.bool_]:
    """Return the mask (height, width) of `encode_mask`."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)
