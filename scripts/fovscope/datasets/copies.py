"""Images that are there more than once: the same pixels, or nearly so.

A copy of a training image in the test split is no test. Images with the same pixels share a
split; images that only look alike (saved once more as JPEG, scaled, brightened, inverted, turned
or mirrored, in a frame of another colour than its own) may also be neighbours in time or depth, so
that they are left to the user, in a warning. Copies that are shifted, cropped, turned by less than
a right angle, or whose greys are stretched unevenly (equalised, say) are not found: a thumbnail has
too little in it to tell them from other images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ALIKE = 0.97
"""Least correlation of the edges in two thumbnails of images that are called alike.

Over 600 images each of plankton, red blood cells and fluorescent cells the most alike of different
images reached 0.95 (0.89, 0.75); of their copies as JPEG of quality 75 95 % exceeded 0.985.
"""

_COMPARISONS = 2_000_000_000
"""Comparisons that a minute or so is enough for; beyond, a sample of the images is compared."""

_BLOCK = 512
_DIHEDRAL = 8
"""Ways to turn and mirror a square."""


def check_copies(rows: pd.DataFrame, problems: defaultdict[str, list[str]]) -> list[str]:
    """Note copies in two provided splits; return copies that carry two labels.

    Parameters
    ----------
    rows : DataFrame
        Columns `path` and `pixels` (see `fovscope.datasets.readings.Reading`), where there are
        any `split` and `label`.
    problems : defaultdict
        Gets what is wrong, by kind.
    """
    for path, count in rows["path"].value_counts().items():
        if count > 1:
            problems["images listed more than once; keep one row of each"].append(path)
    distinct = rows.drop_duplicates("path")
    two_labels = []
    copies = distinct[distinct["pixels"].duplicated(keep=False) & distinct["pixels"].notna()]
    for _, same in copies.groupby("pixels"):
        if "split" in same and same["split"].nunique() > 1:
            places = " = ".join(f"{row.path} ({row.split})" for row in same.itertuples())
            problems["images in two provided splits; keep each in one"].append(places)
        if "label" in same and same["label"].nunique() > 1:
            two_labels.append(" = ".join(f"{row.path} ({row.label})" for row in same.itertuples()))
    return two_labels


def near_copies(
    thumbnails: Sequence[NDArray[np.uint8] | None], splits: Sequence[str]
) -> list[tuple[int, int]]:
    """Return images that look like one of another split, each with the one that is most alike.

    Images are called alike where the differences between neighbouring pixels of their thumbnails
    correlate by `ALIKE` or more, or by as much below zero (of an inverted copy), in any of the
    eight orientations of a square. Test images are compared with all others, validation images with
    those to train on.

    Parameters
    ----------
    thumbnails : sequence of ndarray of uint8, shape (side, side)
        None where there is too little in an image.
    splits : sequence of str
        ``train``, ``val`` or ``test``.

    Returns
    -------
    list of (int, int)
        Numbers of a held-out image and of the other one.
    """
    known = np.array([number for number, small in enumerate(thumbnails) if small is not None], int)
    split = np.asarray(splits)[known]
    found = []
    for held, rest in (("test", split != "test"), ("val", split == "train")):
        one, other = known[split == held], known[rest]
        if len(one) and len(other):
            found += _most_alike(thumbnails, one, other)
    return found


def _most_alike(
    thumbnails: Sequence[NDArray[np.uint8] | None], one: NDArray[np.int64], other: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    if len(one) * len(other) > _COMPARISONS:
        one = np.sort(np.random.default_rng(0).permutation(one)[: _COMPARISONS // len(other)])
    turns = _DIHEDRAL if _DIHEDRAL * len(one) * len(other) <= _COMPARISONS else 1
    edges = _edges(np.stack([thumbnails[number] for number in other])).T
    for start in range(0, len(one), _BLOCK):
        block = one[start : start + _BLOCK]
        images = np.stack([thumbnails[number] for number in block])
        best, likeness = np.zeros(len(block), int), np.zeros(len(block))
        for turned in _orientations(images)[:turns]:
            correlation = _edges(turned) @ edges
            np.abs(correlation, out=correlation)  # -1 where dark and bright are exchanged
            most = correlation.argmax(axis=1)
            value = correlation[np.arange(len(block)), most]
            best, likeness = np.where(value > likeness, most, best), np.maximum(value, likeness)
        for row in np.flatnonzero(likeness >= ALIKE):
            yield int(block[row]), int(other[best[row]])


def _orientations(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    mirrored = images[:, :, ::-1]
    return [np.rot90(side, turn, axes=(1, 2)) for side in (images, mirrored) for turn in range(4)]


def _edges(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return differences of neighbouring pixels, (n_images, n), centred and of length 1."""
    levels = images.astype(np.float32)
    edges = [np.diff(levels, axis=axis).reshape(len(levels), -1) for axis in (1, 2)]
    edges = np.concatenate(edges, axis=1)
    edges -= edges.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(edges, axis=1, keepdims=True)
    return edges / np.maximum(lengths, 1)  # of an even slope nothing is left
