"""The objects of a data set, measured image by image: features, masks, and which to doubt."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from fovscope.images.read import read_image, read_mask
from fovscope.interpret.features import FEATURES
from fovscope.interpret.handcrafted import measure_object
from fovscope.interpret.segmentation import (
    SMALLEST,
    given_object,
    reason_to_doubt,
    segment_object,
)


class _Job(NamedTuple):
    image_id: str
    path: Path
    mask_path: Path | None
    background: int
    white_level: float | None


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
        Entry of that name in the manifest's info: `background` and `white_level`.
    workers : int
        Threads.

    Returns
    -------
    objects : DataFrame
        One row per image, in the order of the manifest: `image_id`, `segmentation` (``given`` or
        ``automatic``), `flag` (what makes it doubtful, empty if nothing does), `side` (of the
        square canvas, native pixels: 224 canvas pixels) and the columns of `FEATURES`, NaN where
        there is nothing to measure.
    masks : DataFrame
        `image_id` and `mask`, a PNG of one bit at native resolution; see `decode_mask`.
    """
    jobs = [
        _Job(
            row.image_id,
            root / row.path,
            root / row.mask_path if isinstance(row.mask_path, str) else None,
            preprocessing["background"],
            preprocessing["white_level"],
        )
        for row in manifest.itertuples()
    ]
    with ThreadPoolExecutor(workers) as pool:
        hidden = not sys.stderr.isatty()
        bar = tqdm(pool.map(_measure, jobs), "measure", len(jobs), unit="image", disable=hidden)
        objects, masks = zip(*bar, strict=True)
    return (
        pd.DataFrame(list(objects)),
        pd.DataFrame({"image_id": manifest["image_id"].to_numpy(), "mask": masks}),
    )


def _measure(job: _Job) -> tuple[dict[str, Any], bytes]:
    image = read_image(job.path, background=job.background, white_level=job.white_level)
    given = job.mask_path is not None
    found = given_object(read_mask(job.mask_path)) if given else segment_object(image)
    features = dict.fromkeys(FEATURES, np.nan)
    if found.mask.sum() >= SMALLEST:
        features |= measure_object(image, found.mask)
    row = {
        "image_id": job.image_id,
        "segmentation": "given" if given else "automatic",
        "flag": reason_to_doubt(found),
        "side": max(image.shape[:2]),
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
