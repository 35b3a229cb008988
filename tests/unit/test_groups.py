"""Groups that share a factor's value: different rows, all equally likely, names irrelevant."""

import numpy as np
import pytest

from fovscope.metrics.groups import TooFewRowsError, shared_values

FACTOR = np.array(["b", "a", "b", "c", "a", "b", "c", "b"])  # sizes: a 2, b 4, c 2


@pytest.fixture
def shared():
    return shared_values(FACTOR[:, None], fewest=2)[0]


def test_whole_groups_are_the_rows_of_each_value(shared):
    assert [rows.tolist() for rows in shared.whole_groups()] == [[1, 4], [0, 2, 5, 7], [3, 6]]


def test_pairs_are_different_rows_of_one_value_each_equally_often(shared):
    first, second = shared.pairs(80_000, np.random.default_rng(0))
    assert (FACTOR[first] == FACTOR[second]).all()
    assert (first != second).all()
    counts = np.zeros((8, 8))
    np.add.at(counts, (first, second), 1)
    # The first row is any (1/8), the second any other of its value: 1/8 or 1/24.
    expected = (FACTOR[:, None] == FACTOR) & ~np.eye(8, dtype=bool)
    expected = expected / expected.sum(axis=1, keepdims=True) / 8
    assert counts / 80_000 == pytest.approx(expected, abs=0.005)  # four standard deviations


def test_groups_are_different_rows_of_one_value_each_equally_often():
    shared = shared_values(np.repeat([0, 1], [3, 6])[:, None], fewest=3)[0]
    groups = np.sort(shared.groups(60_000, 3, np.random.default_rng(0)), axis=1)
    assert (np.diff(groups) > 0).all()
    drawn, counts = np.unique(groups, axis=0, return_counts=True)
    # Value 0 has one group of three, drawn in a third of cases; value 1 has twenty.
    assert len(drawn) == 21
    assert counts / 60_000 == pytest.approx([1 / 3] + [2 / 3 / 20] * 20, abs=0.008)


def test_names_of_values_change_no_draw():
    renamed = np.select([FACTOR == "a", FACTOR == "b"], [7, -2], 3)
    draws = []
    for column in (FACTOR, renamed):
        shared, rng = shared_values(column[:, None], fewest=2)[0], np.random.default_rng(5)
        draws.append((*shared.pairs(50, rng), shared.groups(50, 2, rng)))
    for once, again in zip(*draws, strict=True):
        assert (once == again).all()


def test_value_with_too_few_rows_is_named():
    factors = np.stack([np.tile([0, 1], 4), FACTOR], axis=1)
    with pytest.raises(TooFewRowsError, match=r"factor 1: only 2 test rows have the value a.*3"):
        shared_values(factors, fewest=3, rows="test ")
