import numpy as np
import pandas as pd
import pytest

from fovscope.datasets.design import (
    FACTORS,
    ROLES,
    SIZES,
    factors_to_index,
    index_to_factors,
    sample_design,
)
from fovscope.study.config import Source

SMALL = {"train_pairs": 500, "iid_train": 300, "iid_test": 200, "pairs_per_factor": 50}


def members(design, role):
    rows = design[design["role"] == role]
    first, second = (rows[rows["member"] == m].reset_index(drop=True) for m in (0, 1))
    return first, second


def test_grid_has_the_published_size_and_order():
    assert np.prod(SIZES) == 25_804_800
    last = np.array(SIZES) - 1
    assert factors_to_index(last) == 25_804_799
    assert factors_to_index([1, 0, 0, 0, 0, 0, 0]) == 25_804_800 // 5  # Texture slowest
    assert factors_to_index([0, 0, 0, 0, 0, 0, 1]) == 1  # PosY fastest


def test_index_round_trip():
    index = np.random.default_rng(0).integers(25_804_800, size=(50, 2))
    factors = index_to_factors(index)
    assert factors.shape == (50, 2, 7)
    np.testing.assert_array_equal(factors_to_index(factors), index)


def test_value_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="invalid entry"):
        factors_to_index([0, 7, 0, 0, 0, 0, 0])


def test_table_layout():
    design = sample_design(Source(**SMALL))
    identity = ["image_id", "role", "pair_id", "member", "changed_factor"]
    assert list(design.columns) == [*identity, *FACTORS]
    counts = design.groupby("role", sort=False).size()
    assert tuple(counts.index) == ROLES
    assert counts.tolist() == [1000, 300, 200, 700]
    assert design["image_id"].is_unique
    assert design["image_id"][12] == "000012"
    iid = design["role"].str.startswith("iid")
    assert (design.loc[iid, ["pair_id", "changed_factor"]] == -1).all(axis=None)
    pairs = design[~iid]
    np.testing.assert_array_equal(pairs["member"], np.tile([0, 1], len(pairs) // 2))
    np.testing.assert_array_equal(pairs["pair_id"][::2], pairs["pair_id"][1::2])


@pytest.mark.parametrize("role", ["train_pair", "factor_pair"])
def test_pairs_differ_in_exactly_the_changed_factor(role):
    first, second = members(sample_design(Source(**SMALL)), role)
    differs = first[list(FACTORS)].to_numpy() != second[list(FACTORS)].to_numpy()
    np.testing.assert_array_equal(differs.sum(axis=1), 1)
    np.testing.assert_array_equal(differs.argmax(axis=1), first["changed_factor"])


def test_every_factor_has_its_constructed_pairs_even_in_the_paper_variant():
    first, second = members(sample_design(Source(distinct_pairs=False, **SMALL)), "factor_pair")
    assert np.bincount(first["changed_factor"]).tolist() == [50] * 7
    assert (first[list(FACTORS)].to_numpy() != second[list(FACTORS)].to_numpy()).any(axis=1).all()


def test_published_rule_leaves_13_percent_identical_pairs():
    # P(identical) = mean over factors of 1/size = 13.3 %; of Shape pairs 1/3.
    n = 20_000
    options = Source(**SMALL | {"train_pairs": n}, distinct_pairs=False)
    first, second = members(sample_design(options), "train_pair")
    same = (first[list(FACTORS)] == second[list(FACTORS)]).all(axis=1)
    expected = np.mean(1 / np.array(SIZES))
    assert expected == pytest.approx(0.133, abs=5e-4)
    assert same.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / n))
    shape = same[first["changed_factor"] == FACTORS.index("Shape")]
    assert shape.mean() == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / len(shape)))


def test_values_and_changes_are_uniform():
    first, second = members(sample_design(Source(**SMALL | {"train_pairs": 40_000})), "train_pair")
    for name, size in zip(FACTORS, SIZES, strict=True):
        share = np.bincount(first[name], minlength=size) / len(first)
        np.testing.assert_allclose(share, 1 / size, atol=5 * np.sqrt(1 / size / len(first)))
    chosen = np.bincount(first["changed_factor"]) / len(first)
    np.testing.assert_allclose(chosen, 1 / 7, atol=0.01)
    shape = first["changed_factor"] == FACTORS.index("Shape")
    moves = pd.crosstab(first["Shape"][shape], second["Shape"][shape], normalize=True)
    np.testing.assert_allclose(moves, (1 - np.eye(3)) / 6, atol=0.03)


def test_seed_decides_and_longer_designs_begin_with_shorter_ones():
    short = sample_design(Source(**SMALL))
    pd.testing.assert_frame_equal(short, sample_design(Source(**SMALL)))
    assert not short[list(FACTORS)].equals(sample_design(Source(seed=1, **SMALL))[list(FACTORS)])

    more = sample_design(Source(**SMALL | {"train_pairs": 900, "iid_train": 700}))
    columns = [c for c in short.columns if c != "image_id"]
    for role in ROLES:
        old, new = (d[d["role"] == role][columns].reset_index(drop=True) for d in (short, more))
        pd.testing.assert_frame_equal(old, new.head(len(old)))


def test_roles_and_factors_have_streams_of_their_own():
    design = sample_design(Source(**SMALL))
    first = design[design["member"] == 0]
    starts = first.groupby(
        ["role", first["changed_factor"].where(first["role"] == "factor_pair")], dropna=False
    )[list(FACTORS)].first()
    assert len(starts) == 3 + 7
    assert not starts.duplicated().any()
