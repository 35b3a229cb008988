"""Designs: which factor values the images of a source have, and which images make a pair.

Nobody needs all images of a grid: Texture-dSprites has 25,804,800 (method, section 1). A design
is an image table drawn from a seed: pairs to train on, independent rows for metrics with a
classifier, and constructed one-factor-apart pairs for OMES (Dapueto et al. 2024, arXiv 2409.18017).
It knows of a generator only what this declares, its factors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope import FovscopeError
from fovscope.factors import Factor

ARRANGED = ("split", "role", "pair", "member", "changed")
"""Columns of a design that say what its images are for, and change none of them."""

HIDDEN = "hidden"
"""The column of a design with the factors that cannot be seen in an image, if there are such."""

BASE = "base"
"""The column of a design on real images with the image that each row is made of."""


class DesignError(FovscopeError):
    """A design that cannot be drawn or read."""


def sample_design(
    factors: Sequence[Factor],
    *,
    train_pairs: int,
    iid_train: int,
    iid_test: int,
    pairs_per_factor: int,
    distinct_pairs: bool = True,
    changed_factors: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw the design of a source.

    Every role has a random stream of its own and is drawn row by row, so that a longer design
    begins with the shorter one, and the number of training pairs changes no evaluation row.

    Parameters
    ----------
    factors : sequence of Factor
        Factors of the generator. A factor with listed values takes each of them equally often;
        one with limits is uniform between them, or its logarithm is.
    train_pairs, iid_train, iid_test : int
        Number of training pairs, of independent training rows and of independent test rows.
    pairs_per_factor : int
        Number of test pairs per factor that differ in this factor alone.
    distinct_pairs : bool
        Whether a factor that changes in a training pair always takes another value. Otherwise it
        is drawn anew and may come out the same (the published rule).
    changed_factors : int
        Number of factors that change in a training pair.
    seed : int
        Seed of the design.

    Returns
    -------
    DataFrame
        One row per image: training pairs, independent training and test rows, factor pairs; the
        members of a pair are adjacent. ``image_id`` (text, row number), ``split``, ``role``
        (``train_pair``, ``image`` or ``factor_pair``), ``pair`` (counts within the role; -1 for
        ``image``), ``member`` (0 or 1), ``changed`` (names of the factors that change, in their
        order, separated by commas) and one column per factor.

    Raises
    ------
    DesignError
        If more factors are to change than there are.
    """
    if not 1 <= changed_factors <= len(factors):
        raise DesignError(
            f"{changed_factors} factors cannot change in a pair: the generator has "
            f"{len(factors)} ({', '.join(factor.name for factor in factors)}); set "
            f"changed_factors to 1 up to {len(factors)}"
        )

    def stream(*key: int) -> np.random.Generator:
        return np.random.default_rng([seed, *key])

    sizes = np.array([factor.size or 0 for factor in factors])
    changed, *members = _pairs(stream(0), train_pairs, sizes, changed_factors, distinct_pairs)
    parts = [_pair_table("train_pair", "train", factors, changed, *members)]
    for key, split, n in ((1, "train", iid_train), (2, "test", iid_test)):
        places = _places(stream(key).random((n, len(sizes))), sizes)
        parts.append(_table(factors, places, split=split, role="image", pair=-1))

    constructed = [
        _pairs(stream(3, factor), pairs_per_factor, sizes, 1, distinct=True, factor=factor)
        for factor in range(len(sizes))
    ]
    changed, *members = map(np.concatenate, zip(*constructed, strict=True))
    parts.append(_pair_table("factor_pair", "test", factors, changed, *members))

    design = pd.concat(parts, ignore_index=True)
    design.insert(0, "image_id", [f"{row:06d}" for row in range(len(design))])
    return design


def changed_matrix(table: pd.DataFrame, factors: Sequence[Factor]) -> NDArray[np.bool_]:
    """Return which factors change in which training pair.

    A pair names its factors also where they happened to come out the same.

    Parameters
    ----------
    table : DataFrame
        A design, or a part of it.
    factors : sequence of Factor
        The columns of the result.

    Returns
    -------
    ndarray of bool, shape (P, K)
        One row per training pair in the order of the table.

    Raises
    ------
    DesignError
        If a pair names another factor.
    """
    first = (table["role"] == "train_pair") & (table["member"] == 0)
    named = table.loc[first, "changed"].str.get_dummies(",")
    names = [factor.name for factor in factors]
    if unknown := sorted(set(named) - set(names)):
        raise DesignError(
            f"training pairs change {', '.join(unknown)}, but the factors of this source are "
            f"{', '.join(names)}; make the image table again"
        )
    return named.reindex(columns=names, fill_value=0).to_numpy(bool)


# Places: the number of a listed value, or how far between its limits a value lies (0 to 1) ------


def _places(uniform: NDArray, sizes: NDArray) -> NDArray:
    """Cut uniform numbers in [0, 1) into levels 0 .. size - 1; a size of 0 leaves them."""
    return np.where(sizes > 0, np.floor(uniform * sizes), uniform)


def _pairs(
    rng: np.random.Generator,
    n: int,
    sizes: NDArray,
    k: int,
    distinct: bool,
    factor: int | None = None,
) -> tuple[NDArray, NDArray, NDArray]:
    """Return the changed factors (n, k) and the places of both members (n, n_factors) of pairs.

    Factors are drawn for each pair unless `factor` names the one. One row of uniform numbers
    makes one pair: this is what lets a longer design begin with a shorter one.
    """
    of_first, choices, of_second = np.split(
        rng.random((n, len(sizes) + 2 * k)), [len(sizes), len(sizes) + k], axis=1
    )
    first = _places(of_first, sizes)
    changed = (
        _without_replacement(choices, len(sizes)) if factor is None else np.full((n, 1), factor)
    )
    rows, listed = np.arange(n)[:, None], sizes[changed] > 0
    sizes = np.where(listed, sizes[changed], 2)
    if distinct:  # one of the size - 1 steps around the cycle that lead elsewhere
        step = 1 + np.floor(of_second * (sizes - 1))
        levels = (first[rows, changed] + step) % sizes
    else:
        levels = np.floor(of_second * sizes)
    second = first.copy()
    second[rows, changed] = np.where(listed, levels, of_second)
    return changed, first, second


def _without_replacement(uniform: NDArray, n_factors: int) -> NDArray[np.intp]:
    """Turn each row of uniform numbers (n, k) into k different factors (Fisher and Yates)."""
    rows = np.arange(len(uniform))
    order = np.tile(np.arange(n_factors), (len(uniform), 1))
    for position, numbers in enumerate(uniform.T):
        drawn = position + np.floor(numbers * (n_factors - position)).astype(np.intp)
        order[rows, position], order[rows, drawn] = order[rows, drawn], order[rows, position]
    return order[:, : uniform.shape[1]]


# Tables -------------------------------------------------------------------------------------


def _pair_table(
    role: str,
    split: str,
    factors: Sequence[Factor],
    changed: NDArray,
    first: NDArray,
    second: NDArray,
) -> pd.DataFrame:
    n, names = len(changed), [factor.name for factor in factors]
    return _table(
        factors,
        np.stack([first, second], axis=1).reshape(2 * n, -1),
        split=split,
        role=role,
        pair=np.repeat(np.arange(n), 2),
        member=np.tile([0, 1], n),
        changed=np.repeat([",".join(names[k] for k in sorted(row)) for row in changed], 2),
    )


def _table(
    factors: Sequence[Factor],
    places: NDArray,
    *,
    split: str,
    role: str,
    pair: int | NDArray,
    member: int | NDArray = 0,
    changed: str | NDArray = "",
) -> pd.DataFrame:
    values = {
        factor.column: _values(factor, column)
        for factor, column in zip(factors, places.T, strict=True)
    }
    table = pd.DataFrame(values)
    columns = {"split": split, "role": role, "pair": pair, "member": member, "changed": changed}
    for position, (name, column) in enumerate(columns.items()):
        table.insert(position, name, column)
    return table


def _values(factor: Factor, places: NDArray) -> NDArray:
    """Return the values of a factor at the given places."""
    if factor.limits is not None:
        low, high = factor.limits
        return low * (high / low) ** places if factor.log else low + places * (high - low)
    levels = places.astype(np.int64)
    return levels if isinstance(factor.values, int) else np.array(factor.values)[levels]
