"""Stratified training, validation and test splits that leak neither groups nor copies.

Test images are a share of each class, validation images a share of what is left (method,
section 2). What must not be torn apart forms one *unit*: the images of one group (e.g. one slide),
and copies of one image, because a copy of a training image in the test split is no test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fovscope.datasets.listing import DataError

_ORDERS = 20
"""Random orders in which groups are tried; the best outcome is kept."""

_FAR_OFF = 0.5
"""Part of a share by which it may be missed without a word."""


def stratified_splits(
    labels: ArrayLike,
    *,
    test_fraction: float,
    val_fraction: float,
    seed: int,
    groups: ArrayLike | None = None,
    identities: ArrayLike | None = None,
) -> np.ndarray:
    """Return a split for each image; every class is in every split.

    Parameters
    ----------
    labels : array-like of str, shape (n_images,)
        Classes; empty text for each image where there are none.
    test_fraction : float
        Share of the images to test on; 0: no test split.
    val_fraction : float
        Share of the *other* images to validate on; 0: no validation split.
    seed : int
        Seed of the draw. The order of the images matters too, unless `identities` is given.
    groups : array-like of str, shape (n_images,), optional
        Images of one group stay in one split; class shares are then met as closely as found.
    identities : array-like of str, shape (n_images,), optional
        Digest of the content; copies stay in one split.

    Returns
    -------
    ndarray of str, shape (n_images,)
        ``"train"``, ``"val"`` or ``"test"``. Without groups and copies each class meets its
        shares to within one image.

    Raises
    ------
    DataError
        If a class is too small to be in every split; all such classes are named.
    """
    classes, class_of = np.unique(np.asarray(labels), return_inverse=True)
    units = _units(len(class_of), groups, identities)
    counts = np.zeros((units.max(initial=-1) + 1, len(classes)), dtype=int)
    np.add.at(counts, (units, class_of), 1)
    if groups is None:  # copies that carry two labels count for the more frequent one
        counts *= np.arange(len(classes)) == counts.argmax(axis=1, keepdims=True)

    wanted = {"test": test_fraction, "val": val_fraction}
    wanted = {split: fraction for split, fraction in wanted.items() if fraction > 0}
    _require_enough(classes, counts, len(wanted) + 1, "images" if groups is None else "groups")

    hold_out = _hold_out_images if groups is None else _hold_out_groups
    rng = np.random.default_rng(seed)
    split_of_unit = np.full(len(counts), "train", dtype="<U5")
    for number, (split, fraction) in enumerate(wanted.items()):
        left = np.flatnonzero(split_of_unit == "train")
        held = hold_out(counts[left], fraction, len(wanted) - number, rng)
        split_of_unit[left[held]] = split
    _require_all_classes(classes, counts, split_of_unit, ("train", *wanted))
    return split_of_unit[units]


def unmet_shares(
    labels: ArrayLike, splits: ArrayLike, *, test_fraction: float, val_fraction: float
) -> list[str]:
    """Return which classes have far more or fewer images in a split than they were to have.

    Parameters
    ----------
    labels : array-like of str, shape (n_images,)
        Classes; empty text for each image where there are none.
    splits : array-like of str, shape (n_images,)
        As `stratified_splits` returns, of the same labels and fractions.
    test_fraction, val_fraction : float
        As in `stratified_splits`.

    Returns
    -------
    list of str
        A sentence for each: of more than half as much too many or too few, and of more than two
        images, which few images may differ by.
    """
    labels, splits = np.asarray(labels), np.asarray(splits)
    wanted_shares = {"test": test_fraction, "val": val_fraction * (1 - test_fraction)}
    unmet = []
    for label in np.unique(labels):
        of_class = splits[labels == label]
        for split, share in wanted_shares.items():
            count, wanted = (of_class == split).sum(), share * len(of_class)
            if abs(count - wanted) > max(_FAR_OFF * wanted, 2):
                unmet.append(
                    f"{_named(label)}: {count} of {len(of_class)} images "
                    f"({count / len(of_class):.1%}) in '{split}' instead of {share:.0%}"
                )
    return unmet


def _units(n_images: int, groups: ArrayLike | None, identities: ArrayLike | None) -> np.ndarray:
    """Return the number of each image's unit; numbers follow the sorted names, not the rows."""
    numbers = [
        np.unique(np.asarray(names), return_inverse=True)[1]
        for names in (groups, identities)
        if names is not None
    ]
    if not numbers:
        return np.arange(n_images)
    if len(numbers) == 1:
        return numbers[0]
    group, content = numbers
    n_groups = group.max() + 1
    n_nodes = n_groups + content.max() + 1
    edges = (np.ones(n_images), (group, n_groups + content))
    # A content that occurs in two groups binds them together.
    _, component = connected_components(coo_array(edges, shape=(n_nodes, n_nodes)), directed=False)
    return component[group]


def _require_enough(classes: np.ndarray, counts: np.ndarray, needed: int, what: str) -> None:
    available = (counts > 0).sum(axis=0)
    short = [
        f"{_named(name)} has {n} different {what}, needs at least {needed}"
        for name, n in zip(classes, available, strict=True)
        if n < needed
    ]
    if short:
        raise DataError("; ".join(short))


def _require_all_classes(
    classes: np.ndarray, counts: np.ndarray, split_of_unit: np.ndarray, splits: tuple[str, ...]
) -> None:
    absent = [
        f"{_named(name)} is not in '{split}'"
        for split in splits
        for name, n in zip(classes, counts[split_of_unit == split].sum(axis=0), strict=True)
        if n == 0
    ]
    if absent:
        raise DataError(
            f"no split found that keeps groups together: {'; '.join(absent)}; "
            "use smaller groups or provide the splits"
        )


def _named(label: str) -> str:
    return f"class '{label}'" if label else "the data set"


def _hold_out_images(
    counts: np.ndarray, fraction: float, to_leave: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the units to hold out, drawn class by class.

    Parameters
    ----------
    counts : ndarray of int, shape (n_units, n_classes)
        Images of each class in each unit.
    fraction : float
        Share to hold out.
    to_leave : int
        Units of each class that later splits need.
    rng : Generator

    Returns
    -------
    ndarray of int
        Rows of `counts`.
    """
    class_of_unit = counts.argmax(axis=1)
    held = []
    for number in range(counts.shape[1]):
        members = rng.permutation(np.flatnonzero(class_of_unit == number))
        wanted = round(fraction * len(members))
        held.append(members[: np.clip(wanted, 1, len(members) - to_leave)])
    return np.concatenate(held)


def _hold_out_groups(
    counts: np.ndarray, fraction: float, to_leave: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the units to hold out when units mix classes; parameters as `_hold_out_images`.

    Groups are visited in random order and taken while that brings the class shares nearer to
    `fraction`; the best of several orders wins.
    """
    shares = counts / counts.sum(axis=0)
    present = counts > 0
    n_present = present.sum(axis=0)

    def cost(held_shares: np.ndarray, n_held: np.ndarray) -> float:
        unmet = (n_held < 1).sum() + (n_present - n_held < to_leave).sum()
        return unmet + ((held_shares - fraction) ** 2).sum()

    best, best_cost = np.array([], dtype=int), np.inf
    for _ in range(_ORDERS):
        held, total, n_held = [], np.zeros(shares.shape[1]), np.zeros_like(n_present)
        now = cost(total, n_held)
        for unit in rng.permutation(len(counts)):
            then = cost(total + shares[unit], n_held + present[unit])
            if then < now:
                held.append(unit)
                total, n_held, now = total + shares[unit], n_held + present[unit], then
        if now < best_cost:
            best, best_cost = np.array(held, dtype=int), now
    return best
