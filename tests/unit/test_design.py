import numpy as np
import pandas as pd
import pytest

from fovscope.datasets.design import DesignError, changed_matrix, sample_design
from fovscope.factors import Factor
from fovscope.generators.texture_dsprites import FACTORS

NAMES = [factor.name for factor in FACTORS]
COLUMNS = [factor.column for factor in FACTORS]
SIZES = [factor.size for factor in FACTORS]
SMALL = {"train_pairs": 500, "iid_train": 300, "iid_test": 200, "pairs_per_factor": 50}
PARTS = [("train_pair", "train"), ("image", "train"), ("image", "test"), ("factor_pair", "test")]
MIXED = (
    Factor(name="Stain", values=("H&E", "PAS", "Giemsa"), nominal=True),
    Factor(name="Dose", values=(0.1, 1.0, 10.0)),
    Factor(name="Size", limits=(20.0, 60.0)),
    Factor(name="Copies", values=4),
)
FIRST_ROWS = (
    ([[3, 1, 0, 0, 32, 29, 19], [3, 1, 0, 0, 32, 14, 19]], "PosX"),
    ([[4, 3, 2, 5, 2, 7, 25], [0, 5, 1, 0, 4, 4, 24]], ""),
    ([[0, 2, 1, 0, 4, 10, 3], [1, 3, 0, 2, 34, 20, 21]], ""),
    ([[4, 6, 0, 1, 11, 22, 10], [0, 6, 0, 1, 11, 22, 10]], "Texture"),
)
"""Of each part: factors of two rows, and what changes in the first, for seed 0."""


def members(design, role):
    rows = design[design["role"] == role]
    first, second = (rows[rows["member"] == m].reset_index(drop=True) for m in (0, 1))
    return first, second


def part_of(design, role, split):
    return design[(design["role"] == role) & (design["split"] == split)]


def test_table_layout():
    design = sample_design(FACTORS, **SMALL)
    identity = ["image_id", "split", "role", "pair", "member", "changed"]
    assert list(design.columns) == [*identity, *COLUMNS]
    counts = design.groupby(["role", "split"], sort=False).size()
    assert list(counts.index) == PARTS
    assert counts.tolist() == [1000, 300, 200, 700]
    assert design["image_id"].is_unique
    assert design["image_id"][12] == "000012"
    single = design["role"] == "image"
    assert (design.loc[single, ["pair", "member"]] == [-1, 0]).all(axis=None)
    assert (design.loc[single, "changed"] == "").all()
    pairs = design[~single]
    np.testing.assert_array_equal(pairs["member"], np.tile([0, 1], len(pairs) // 2))
    np.testing.assert_array_equal(pairs["pair"][::2], pairs["pair"][1::2])
    assert (design[["pair", "member", *COLUMNS]].dtypes == np.int64).all()


def test_rows_are_those_of_the_published_runs():
    """A design drawn before generators were plug-ins: the same seed, the same images."""
    design = sample_design(FACTORS, **SMALL)
    for part, expected in zip(PARTS, FIRST_ROWS, strict=True):
        rows = part_of(design, *part)
        assert rows[COLUMNS].head(2).to_numpy().tolist() == expected[0]
        assert rows["changed"].iloc[0] == expected[1]


@pytest.mark.parametrize("role", ["train_pair", "factor_pair"])
def test_pairs_differ_in_exactly_the_changed_factor(role):
    first, second = members(sample_design(FACTORS, **SMALL), role)
    differs = first[COLUMNS].to_numpy() != second[COLUMNS].to_numpy()
    np.testing.assert_array_equal(differs.sum(axis=1), 1)
    assert np.array(NAMES)[differs.argmax(axis=1)].tolist() == first["changed"].tolist()


def test_every_factor_has_its_constructed_pairs_even_in_the_paper_variant():
    first, second = members(sample_design(FACTORS, distinct_pairs=False, **SMALL), "factor_pair")
    assert first["changed"].tolist() == np.repeat(NAMES, 50).tolist()
    assert (first[COLUMNS].to_numpy() != second[COLUMNS].to_numpy()).any(axis=1).all()


def test_published_rule_leaves_13_percent_identical_pairs():
    # P(identical) = mean over factors of 1/size = 13.3 %; of Shape pairs 1/3.
    n = 20_000
    design = sample_design(FACTORS, **SMALL | {"train_pairs": n}, distinct_pairs=False)
    first, second = members(design, "train_pair")
    same = (first[COLUMNS] == second[COLUMNS]).all(axis=1)
    expected = np.mean(1 / np.array(SIZES))
    assert expected == pytest.approx(0.133, abs=5e-4)
    assert same.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / n))
    shape = same[first["changed"] == "Shape"]
    assert shape.mean() == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / len(shape)))


def test_values_and_changes_are_uniform():
    first, second = members(sample_design(FACTORS, **SMALL | {"train_pairs": 40_000}), "train_pair")
    for name, size in zip(COLUMNS, SIZES, strict=True):
        share = np.bincount(first[name], minlength=size) / len(first)
        np.testing.assert_allclose(share, 1 / size, atol=5 * np.sqrt(1 / size / len(first)))
    chosen = first["changed"].value_counts(normalize=True)
    assert sorted(chosen.index) == sorted(NAMES)
    np.testing.assert_allclose(chosen, 1 / 7, atol=0.01)
    shape = first["changed"] == "Shape"
    moves = pd.crosstab(first["factor_Shape"][shape], second["factor_Shape"][shape], normalize=True)
    np.testing.assert_allclose(moves, (1 - np.eye(3)) / 6, atol=0.03)


def test_seed_decides_and_longer_designs_begin_with_shorter_ones():
    short = sample_design(FACTORS, **SMALL)
    pd.testing.assert_frame_equal(short, sample_design(FACTORS, **SMALL))
    assert not short[COLUMNS].equals(sample_design(FACTORS, seed=1, **SMALL)[COLUMNS])

    more = sample_design(FACTORS, **SMALL | {"train_pairs": 900, "iid_train": 700})
    columns = [c for c in short.columns if c != "image_id"]
    for part in PARTS:
        old, new = (part_of(d, *part)[columns].reset_index(drop=True) for d in (short, more))
        pd.testing.assert_frame_equal(old, new.head(len(old)))


def test_roles_and_factors_have_streams_of_their_own():
    design = sample_design(FACTORS, **SMALL)
    first = design[design["member"] == 0]
    starts = first.groupby(
        ["role", "split", first["changed"].where(first["role"] == "factor_pair")], dropna=False
    )[COLUMNS].first()
    assert len(starts) == 3 + 7
    assert not starts.duplicated().any()


# Factors of any kind, and several that change ---------------------------------------------------


def test_factors_hold_their_values_and_fill_their_limits():
    design = sample_design(MIXED, **SMALL)
    for factor in MIXED[:2]:
        assert set(design[factor.column]) == set(factor.values)
    assert set(design["factor_Copies"]) == {0, 1, 2, 3}
    size = (design["factor_Size"] - 20) / 40
    assert size.between(0, 1).all()
    assert size.mean() == pytest.approx(0.5, abs=0.03)
    assert size.std() == pytest.approx(12**-0.5, abs=0.02)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_so_many_factors_change_and_no_other(k):
    first, second = members(sample_design(MIXED, **SMALL, changed_factors=k), "train_pair")
    columns = [factor.column for factor in MIXED]
    differs = first[columns].to_numpy() != second[columns].to_numpy()
    np.testing.assert_array_equal(differs.sum(axis=1), k)
    names = np.array([factor.name for factor in MIXED])
    assert [",".join(names[row]) for row in differs] == first["changed"].tolist()


def test_which_factors_change_together_is_uniform():
    design = sample_design(MIXED, **SMALL | {"train_pairs": 12_000}, changed_factors=2)
    share = members(design, "train_pair")[0]["changed"].value_counts(normalize=True)
    assert len(share) == 6
    np.testing.assert_allclose(share, 1 / 6, atol=0.015)  # 4 SD


def test_more_changes_in_training_pairs_change_no_evaluation_row():
    one, two = (sample_design(MIXED, **SMALL, changed_factors=k) for k in (1, 2))
    evaluation = one["role"] != "train_pair"
    pd.testing.assert_frame_equal(one[evaluation], two[evaluation])
    short = sample_design(MIXED, **SMALL | {"train_pairs": 100}, changed_factors=2)
    pd.testing.assert_frame_equal(short.head(200), two.head(200))


def test_a_new_value_between_limits_is_uniform_whatever_the_first_one():
    design = sample_design(MIXED[2:3], **SMALL | {"train_pairs": 5000})
    first, second = (rows["factor_Size"] for rows in members(design, "train_pair"))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.06  # 4 / sqrt(5000)
    assert second.mean() == pytest.approx(40, abs=0.7)


@pytest.mark.parametrize("k", [0, 5])
def test_more_changes_than_factors_are_refused(k):
    with pytest.raises(DesignError, match=r"has 4 \(Stain, Dose, Size, Copies\)"):
        sample_design(MIXED, **SMALL, changed_factors=k)


def test_changed_matrix_names_factors_also_where_the_pair_is_identical():
    design = sample_design(MIXED, **SMALL, distinct_pairs=False, changed_factors=2)
    changed = changed_matrix(design.query("role != 'factor_pair'"), MIXED)
    assert changed.shape == (500, 4)
    assert changed.dtype == bool
    np.testing.assert_array_equal(changed.sum(axis=1), 2)
    first, second = members(design, "train_pair")
    columns = [factor.column for factor in MIXED]
    differs = first[columns].to_numpy() != second[columns].to_numpy()
    assert (changed >= differs).all()
    assert (changed > differs).any()
    with pytest.raises(DesignError, match="change Copies, but"):
        changed_matrix(design, MIXED[:3])
    never = changed_matrix(sample_design(MIXED[:1], **SMALL), MIXED)
    assert never.tolist() == [[True, False, False, False]] * 500
