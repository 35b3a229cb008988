"""Splits: complete, stratified, seeded, independent of row order, and without leaks."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fovscope.datasets.listing import DataError
from fovscope.datasets.splits import stratified_splits, unmet_shares

FRACTIONS = {"test_fraction": 0.2, "val_fraction": 0.2, "seed": 42}

class_sizes = st.lists(st.integers(3, 60), min_size=2, max_size=6)
fractions = st.floats(0.05, 0.6)


def labels_of(sizes):
    return np.repeat([f"class{i}" for i in range(len(sizes))], sizes)


def digests_of(n):
    return np.array([f"{i:05d}" for i in range(n)])


@settings(deadline=None)
@given(class_sizes, fractions, fractions, st.integers(0, 2**31))
def test_each_class_meets_its_shares_to_within_one_image(sizes, test_fraction, val_fraction, seed):
    splits = stratified_splits(
        labels_of(sizes), test_fraction=test_fraction, val_fraction=val_fraction, seed=seed
    )
    assert set(splits) == {"train", "val", "test"}
    for name, size in zip(np.unique(labels_of(sizes)), sizes, strict=True):
        counts = Counter(splits[labels_of(sizes) == name])
        assert counts.total() == size
        assert min(counts["train"], counts["val"], counts["test"]) >= 1
        if size >= 8:
            assert abs(counts["test"] - test_fraction * size) <= 1
            assert abs(counts["val"] - val_fraction * (size - counts["test"])) <= 1


def test_shares_of_the_paper():
    splits = stratified_splits(labels_of([100, 50]), **FRACTIONS)
    assert Counter(splits[:100]) == {"train": 64, "val": 16, "test": 20}
    assert Counter(splits[100:]) == {"train": 32, "val": 8, "test": 10}


def test_a_fraction_of_zero_makes_no_split():
    labels = labels_of([10, 10])
    splits = stratified_splits(labels, test_fraction=0.2, val_fraction=0, seed=0)
    assert Counter(splits) == {"train": 16, "test": 4}
    splits = stratified_splits(labels, test_fraction=0, val_fraction=0.2, seed=0)
    assert Counter(splits) == {"train": 16, "val": 4}


@settings(deadline=None)
@given(class_sizes, st.integers(0, 1000))
def test_same_seed_same_split_and_another_seed_another(sizes, seed):
    labels = labels_of([*sizes, 60])
    split = {"test_fraction": 0.3, "val_fraction": 0.3}
    first = stratified_splits(labels, **split, seed=seed)
    np.testing.assert_array_equal(first, stratified_splits(labels, **split, seed=seed))
    assert (first != stratified_splits(labels, **split, seed=seed + 1)).any()


@settings(deadline=None)
@given(class_sizes, st.booleans(), st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(sizes, grouped, seed):
    labels = labels_of(sizes)
    identities = digests_of(len(labels))
    groups = np.array([f"g{i % 5}" for i in range(len(labels))]) if grouped else None
    if grouped and min(sizes) < 15:
        return
    splits = stratified_splits(labels, **FRACTIONS, groups=groups, identities=identities)
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = stratified_splits(
        labels[order],
        **FRACTIONS,
        groups=groups[order] if grouped else None,
        identities=identities[order],
    )
    np.testing.assert_array_equal(shuffled, splits[order])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_groups_and_copies_are_never_torn_apart(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(["a", "b", "c"], 400)
    groups = rng.integers(0, 30, 400).astype(str)
    identities = rng.integers(0, 390, 400).astype(str)
    # Most images have one copy elsewhere, so groups are bound into few units; keep some loose.
    identities[40:] = digests_of(360)
    splits = stratified_splits(labels, **FRACTIONS, groups=groups, identities=identities)
    assert set(splits) == {"train", "val", "test"}
    for names in (groups, identities):
        for name in np.unique(names):
            assert len(set(splits[names == name])) == 1

    splits = stratified_splits(labels, **FRACTIONS, identities=identities)
    for name in np.unique(identities):
        assert len(set(splits[identities == name])) == 1


def test_a_copy_binds_two_groups():
    labels = np.array(["a", "b"] * 10)
    groups = np.repeat([f"g{i}" for i in range(10)], 2)
    identities = digests_of(20)
    identities[2] = identities[0]  # g0 and g1 share an image
    for seed in range(20):
        splits = stratified_splits(
            labels,
            test_fraction=0.2,
            val_fraction=0.2,
            seed=seed,
            groups=groups,
            identities=identities,
        )
        assert len(set(splits[:4])) == 1


def test_class_shares_of_groups_come_close():
    # 60 slides of 5 to 40 cells; shares within 3 points of 20 % for each of 5 classes.
    rng = np.random.default_rng(0)
    slide = np.repeat(np.arange(60), rng.integers(5, 41, 60))
    labels = np.array([rng.choice(list("abcde"), p=rng.dirichlet(np.ones(5))) for _ in slide])
    for seed in range(5):
        splits = stratified_splits(
            labels, test_fraction=0.2, val_fraction=0.2, seed=seed, groups=slide.astype(str)
        )
        for name in "abcde":
            of_class = splits[labels == name]
            test = (of_class == "test").mean()
            assert abs(test - 0.2) < 0.03
            assert abs((of_class == "val").mean() / (1 - test) - 0.2) < 0.03


def test_three_groups_suffice():
    labels = np.array(["a", "b"] * 9)
    groups = np.repeat(["x", "y", "z"], 6)
    splits = stratified_splits(labels, **FRACTIONS, groups=groups)
    assert Counter(splits) == {"train": 6, "val": 6, "test": 6}


def test_all_classes_that_are_too_small_are_named():
    labels = labels_of([2, 10, 1])
    with pytest.raises(DataError) as error:
        stratified_splits(labels, **FRACTIONS)
    assert "class 'class0' has 2 different images, needs at least 3" in str(error.value)
    assert "class 'class2' has 1 different images, needs at least 3" in str(error.value)
    assert "class1" not in str(error.value)
    stratified_splits(labels_of([2, 2]), test_fraction=0.2, val_fraction=0, seed=0)


def test_copies_do_not_make_a_class_large_enough():
    with pytest.raises(DataError, match="class 'class0' has 1 different images"):
        stratified_splits(labels_of([5, 5]), **FRACTIONS, identities=["same"] * 5 + list("abcde"))


def test_a_copy_with_two_labels_counts_for_one_class_only():
    labels = np.array(["a"] * 4 + ["b"] * 3)
    identities = [*"wxyz", "w", "p", "q"]
    with pytest.raises(DataError, match="class 'b' has 2 different images"):
        stratified_splits(labels, **FRACTIONS, identities=identities)


def test_groups_that_cannot_be_split_are_named():
    labels = np.array(["a"] * 6 + ["b"] * 6)
    with pytest.raises(DataError, match="class 'b' has 2 different groups, needs at least 3"):
        stratified_splits(labels, **FRACTIONS, groups=list("xyzxyz") + list("pqpqpq"))


def test_shares_that_groups_do_not_let_be_met_are_named():
    labels = labels_of([100, 100])
    splits = np.array((["train"] * 98 + ["val", "test"]) * 2)
    classes = np.unique(labels)
    assert unmet_shares(labels, splits, test_fraction=0.2, val_fraction=0.2) == [
        f"class '{name}': 1 of 100 images (1.0%) in '{split}' instead of {share}"
        for name in classes
        for split, share in (("test", "20%"), ("val", "16%"))
    ]
    (too_many,) = unmet_shares(
        [""] * 40, ["test"] * 34 + ["val"] * 6, test_fraction=0.2, val_fraction=0.2
    )
    assert too_many == "the data set: 34 of 40 images (85.0%) in 'test' instead of 20%"


def test_shares_that_are_drawn_without_groups_are_met():
    for counts in ([100, 50], [3, 4], [7, 1000]):
        labels = labels_of(counts)
        splits = stratified_splits(labels, **FRACTIONS)
        assert unmet_shares(labels, splits, test_fraction=0.2, val_fraction=0.2) == []
