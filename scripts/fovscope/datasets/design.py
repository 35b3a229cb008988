"""The factor grid of Texture-dSprites and the designs sampled from it.

The grid (method, section 1) has 25,804,800 images; nobody needs all of them. A design is a
table with one row an image: pairs to train on, independent rows for metrics with a
classifier, and constructed one-factor-apart pairs for OMES (Dapueto et al. 2024,
arXiv 2409.18017).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fovscope.study.config import Source

FACTOR_SIZES = {
    "Texture": 5,
    "Color": 7,
    "Shape": 3,
    "Scale": 6,
    "Orientation": 40,
    "PosX": 32,
    "PosY": 32,
}
"""Number of values of each factor, in the order of the grid: Texture slowest, PosY fastest."""

FACTORS = tuple(FACTOR_SIZES)
SIZES = tuple(FACTOR_SIZES.values())
ROLES = ("train_pair", "iid_train", "iid_test", "factor_pair")


def factors_to_index(factors: np.ndarray, sizes: Sequence[int] = SIZES) -> np.ndarray:
    """Return the position of factor vectors in the grid.

    Parameters
    ----------
    factors : (..., n_factors) array of int
        Factor values.
    sizes : sequence of int
        Number of values of each factor, slowest first.

    Returns
    -------
    (...) array of int64
        Mixed-radix index.

    Raises
    ------
    ValueError
        Where a factor value lies outside its range.
    """
    return np.ravel_multi_index(tuple(np.moveaxis(np.asarray(factors), -1, 0)), tuple(sizes))


def index_to_factors(index: np.ndarray, sizes: Sequence[int] = SIZES) -> np.ndarray:
    """Return the (..., n_factors) factor vectors at positions of the grid.

    The inverse of `factors_to_index`.
    """
    return np.stack(np.unravel_index(index, tuple(sizes)), axis=-1)


def sample_design(options: Source) -> pd.DataFrame:
    """Draw the design of a source.

    Every role has its own random stream and is drawn row by row, so that a longer design
    begins with the shorter one, and the number of training pairs changes no evaluation row.

    Parameters
    ----------
    options : Source
        Numbers of rows, seed, and whether the members of a training pair always differ.

    Returns
    -------
    DataFrame
        One row an image, ordered by role (`ROLES`); the members of a pair are adjacent.
        ``image_id`` (text, row number), ``role``, ``pair_id`` (counts within the role; -1 for
        independent rows), ``member`` (0 or 1), ``changed_factor`` (position in `FACTORS`; -1
        for independent rows) and the seven factors.
    """

    def stream(*key: int) -> np.random.Generator:
        return np.random.default_rng([options.seed, *key])

    changed, first, second = _pairs(stream(0), options.train_pairs, options.distinct_pairs)
    train = _pair_table("train_pair", changed, first, second)

    iid = []
    for key, role, n in ((1, "iid_train", options.iid_train), (2, "iid_test", options.iid_test)):
        factors = _levels(stream(key).random((n, len(SIZES))), SIZES)
        iid.append(_table(role, factors, pair_id=-1, member=0, changed_factor=-1))

    constructed = [
        _pairs(stream(3, factor), options.pairs_per_factor, distinct=True, factor=factor)
        for factor in range(len(SIZES))
    ]
    apart = _pair_table("factor_pair", *map(np.concatenate, zip(*constructed, strict=True)))

    design = pd.concat([train, *iid, apart], ignore_index=True)
    design.insert(0, "image_id", [f"{row:06d}" for row in range(len(design))])
    return design


def _levels(uniform: np.ndarray, sizes: np.ndarray | Sequence[int]) -> np.ndarray:
    """Cut uniform numbers in [0, 1) into levels 0 .. size - 1."""
    return np.floor(uniform * np.asarray(sizes)).astype(np.int64)


def _pairs(
    rng: np.random.Generator, n: int, distinct: bool, factor: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return changed factor, first and second factor vectors of `n` pairs.

    A factor is drawn for each pair unless `factor` names it. One row of uniform numbers makes
    one pair: this is what lets a longer design begin with a shorter one.
    """
    uniform = rng.random((n, len(SIZES) + 2))
    first = _levels(uniform[:, :-2], SIZES)
    drawn = _levels(uniform[:, -2], len(SIZES))
    changed = drawn if factor is None else np.full(n, factor)
    sizes = np.asarray(SIZES)[changed]
    rows = np.arange(n)
    second = first.copy()
    if distinct:  # one of the size - 1 steps around the cycle that lead elsewhere
        step = 1 + _levels(uniform[:, -1], sizes - 1)
        second[rows, changed] = (first[rows, changed] + step) % sizes
    else:
        second[rows, changed] = _levels(uniform[:, -1], sizes)
    return changed, first, second


def _pair_table(
    role: str, changed: np.ndarray, first: np.ndarray, second: np.ndarray
) -> pd.DataFrame:
    n = len(changed)
    factors = np.stack([first, second], axis=1).reshape(2 * n, -1)
    return _table(
        role,
        factors,
        pair_id=np.repeat(np.arange(n), 2),
        member=np.tile([0, 1], n),
        changed_factor=np.repeat(changed, 2),
    )


def _table(role: str, factors: np.ndarray, **columns: int | np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(factors, columns=list(FACTORS))
    for position, (name, values) in enumerate({"role": role, **columns}.items()):
        table.insert(position, name, values)
    return table
