"""What every metric of codes and factors must do, whatever it measures.

A metric is called with training and test rows; those defined on one table use the first.
Invariances are tested on random transformations of one mixed code.
"""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fovscope.metrics import (
    TooFewRowsError,
    beta_vae_score,
    explicitness_score,
    factor_vae_score,
    irs_score,
    modularity_score,
    sap_score,
)
from fovscope.metrics.dci_es import explicitness, loss_capacity_curves


def of_training_rows(metric, **options):
    def scores(codes_train, factors_train, codes_test, factors_test):
        result = metric(codes_train, factors_train, **options)
        return result.score, result.per_factor

    return scores


def of_both(metric, **options):
    def scores(*tables):
        result = metric(*tables, **options)
        return result.score, result.per_factor

    return scores


def dci_es(*tables, **options):
    per_factor = explicitness(loss_capacity_curves(*tables, widths=(0, 16, 64), **options))
    return per_factor.mean(), per_factor


SAMPLES = {"n_train": 700, "n_test": 600}
METRICS = {
    "beta_vae": of_both(beta_vae_score, pairs=3, standardise=True, **SAMPLES),
    "factor_vae": of_both(factor_vae_score, group_size=5, **SAMPLES),
    "sap": of_both(sap_score),
    "sap_svm": of_both(sap_score, classifier="svm"),
    "modularity": of_training_rows(modularity_score),
    "explicitness": of_both(explicitness_score),
    "explicitness_multinomial": of_both(explicitness_score, classifier="multinomial"),
    "irs": of_training_rows(irs_score),
    "dci_es": dci_es,
}
all_metrics = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())

# How far a score may move when codes are reordered, flipped and scaled, when factor values
# are renamed, and when rows are reordered: nothing but rounding, except ties of a tree,
# where an optimiser stops, fresh random features (dci_es) and fresh draws (rows).
TOLERANCE = {
    "beta_vae": (0.01, 1e-9, 0.1),
    "factor_vae": (1e-9, 1e-9, 0.1),
    "sap": (0.02, 0.02, 0.01),
    "sap_svm": (0.01, 1e-9, 0.01),
    "modularity": (0.01, 1e-9, 1e-9),
    "explicitness": (1e-3, 1e-3, 1e-3),
    "explicitness_multinomial": (1e-3, 1e-3, 1e-3),
    "irs": (1e-9, 1e-9, 1e-9),
    "dci_es": (0.12, 1e-9, 1e-9),
}

SIZES = (3, 4)
N_DIMS = 4


def draw_tables(n_train=500, n_test=300, sizes=SIZES, n_dims=N_DIMS):
    """A code that mixes the factors, with noise, and one dimension of noise only."""
    rng = np.random.default_rng(7)
    mixing = np.eye(len(sizes), n_dims) + 0.4 * rng.standard_normal((len(sizes), n_dims))
    mixing[:, -1] = 0
    tables = []
    for n in (n_train, n_test):
        factors = rng.integers(0, sizes, (n, len(sizes)))
        tables += [factors @ mixing + 0.4 * rng.standard_normal((n, n_dims)), factors]
    return tables


MIXED = draw_tables()
EXPECTED = {name: metric(*MIXED) for name, metric in METRICS.items()}
few_examples = settings(max_examples=6, deadline=None, derandomize=True)


def agree(name, tables, tolerance, order_of_factors=slice(None)):
    score, per_factor = METRICS[name](*tables)
    expected, expected_per_factor = EXPECTED[name]
    assert score == pytest.approx(expected, abs=tolerance)
    assert per_factor == pytest.approx(
        expected_per_factor[order_of_factors], abs=2 * tolerance, nan_ok=True
    )


@pytest.mark.parametrize("name", METRICS)
def test_mixed_code_is_neither_perfect_nor_worthless(name):
    """Else the invariances below would hold for a constant."""
    worthless = {"beta_vae": 0.5, "factor_vae": 0.5, "explicitness": 0.55, "dci_es": -1}
    assert worthless.get(name, 0.02) < EXPECTED[name][0] < 0.995


@pytest.mark.parametrize("name", METRICS)
@few_examples
@given(
    order=st.permutations(range(N_DIMS)),
    sign=st.lists(st.sampled_from([-1, 1]), min_size=N_DIMS, max_size=N_DIMS),
    scale=st.lists(st.floats(0.05, 20), min_size=N_DIMS, max_size=N_DIMS),
    shift=st.floats(-10, 10),
)
def test_order_sign_scale_and_offset_of_codes_do_not_matter(name, order, sign, scale, shift):
    if name == "irs":
        scale = scale[:1] * N_DIMS  # dimensions weigh by their range: only a common scale is free
    factor = np.array(sign) * scale
    codes_train, factors_train, codes_test, factors_test = MIXED
    moved = ((codes * factor + shift)[:, order] for codes in (codes_train, codes_test))
    train, test = moved
    agree(name, (train, factors_train, test, factors_test), TOLERANCE[name][0])


@pytest.mark.parametrize("name", METRICS)
@few_examples
@given(
    order=st.permutations(range(max(SIZES))),
    values=st.sampled_from([np.array(["east", "A", "w", "b"]), np.array([-3.5, 10, 2, 0.1])]),
)
def test_names_of_factor_values_do_not_matter(name, order, values):
    names = values[order]
    codes_train, factors_train, codes_test, factors_test = MIXED
    tables = codes_train, names[factors_train], codes_test, names[factors_test]
    agree(name, tables, TOLERANCE[name][1])


@pytest.mark.parametrize("name", METRICS)
@few_examples
@given(seed=st.integers(0, 99))
def test_order_of_rows_does_not_matter(name, seed):
    rng = np.random.default_rng(seed)
    codes_train, factors_train, codes_test, factors_test = MIXED
    train, test = rng.permutation(len(codes_train)), rng.permutation(len(codes_test))
    tables = codes_train[train], factors_train[train], codes_test[test], factors_test[test]
    agree(name, tables, TOLERANCE[name][2])


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"beta_vae", "factor_vae"}))
def test_order_of_factors_does_not_matter(name):
    codes_train, factors_train, codes_test, factors_test = MIXED
    tables = codes_train, factors_train[:, ::-1], codes_test, factors_test[:, ::-1]
    agree(name, tables, 1e-6, order_of_factors=slice(None, None, -1))


@pytest.mark.parametrize("name", METRICS)
def test_same_input_same_numbers(name):
    score, per_factor = METRICS[name](*MIXED)
    assert score == EXPECTED[name][0]
    assert np.array_equal(per_factor, EXPECTED[name][1], equal_nan=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("beta_vae", 1),
        ("factor_vae", 1),
        ("sap", 1 - 1 / 2),
        ("modularity", 1 - (np.log(3 / 2) / np.log(3)) ** 2),
        ("explicitness_multinomial", 1),
        ("irs", 1),
        ("dci_es", 1),
    ],
)
def test_missing_factor_combinations_are_no_obstacle(name, expected):
    """Six cells of nine: given one factor, the other has two values left of three.

    The dimension of the other factor therefore knows ln 3 - ln 2 nats of ln 3, and predicts
    half of the rows; nothing else changes for a perfect code.
    """
    rng = np.random.default_rng(1)
    cells = np.array([(0, 0), (0, 2), (1, 1), (1, 2), (2, 0), (2, 1)])
    factors = np.tile(cells, (200, 1))
    codes = factors + 0.001 * rng.standard_normal(factors.shape)
    # With the few pairs and small groups of METRICS, chance can hold the other factor still.
    metrics = METRICS | {
        "beta_vae": of_both(beta_vae_score, **SAMPLES),
        "factor_vae": of_both(factor_vae_score, **SAMPLES),
    }
    score, per_factor = metrics[name](codes[:720], factors[:720], codes[720:], factors[720:])
    assert score == pytest.approx(expected, abs=0.02)
    assert per_factor == pytest.approx([expected] * 2, abs=0.03)


@all_metrics
def test_one_dimension_and_one_factor(metric):
    codes_train, factors_train, codes_test, factors_test = MIXED
    tables = codes_train[:, :1], factors_train[:, :1], codes_test[:, :1], factors_test[:, :1]
    score, per_factor = metric(*tables)
    assert per_factor.shape == (1,)
    assert score == pytest.approx(per_factor[0])
    assert -1 <= score <= 1


# Without a dimension that moves: chance (accuracy of one answer; AUC), nothing, or, as the
# definition of E has it, all that there is to gain at once.
NOTHING = {"beta_vae": 0.5, "explicitness": 0.5, "explicitness_multinomial": 0.5, "dci_es": 1}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("n_dims", [0, 1, 3])
def test_codes_that_never_move(name, n_dims):
    _, factors_train, _, factors_test = MIXED
    train, test = (np.full((len(f), n_dims), 0.1) for f in (factors_train, factors_test))
    score, per_factor = METRICS[name](train, factors_train, test, factors_test)
    assert score == pytest.approx(NOTHING.get(name, 0))
    assert per_factor.shape == (2,)


@pytest.mark.parametrize("name", METRICS)
def test_constant_dimension_changes_nothing(name):
    codes_train, factors_train, codes_test, factors_test = MIXED
    train, test = (np.insert(c, 0, 3.7, axis=1) for c in (codes_train, codes_test))
    result = METRICS[name](train, factors_train, test, factors_test)
    if name == "modularity":  # a dimension that knows nothing counts, with 0
        assert result[0] == pytest.approx(EXPECTED[name][0] * N_DIMS / (N_DIMS + 1))
    elif name == "dci_es":  # the capacity counts the parameter
        assert result[0] == pytest.approx(EXPECTED[name][0], abs=0.05)
    else:
        assert result[0] == pytest.approx(EXPECTED[name][0], abs=1e-3)
        assert result[1] == pytest.approx(EXPECTED[name][1], abs=1e-3, nan_ok=True)


@all_metrics
def test_integers_and_lists_are_codes_too(metric):
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 2, (120, 2))
    codes = (10 * factors + rng.integers(0, 3, (120, 2))).tolist()
    score, _ = metric(codes, factors.tolist(), codes, factors.tolist())
    assert np.isfinite(score)


@all_metrics
def test_broken_tables_are_named(metric):
    codes_train, factors_train, codes_test, factors_test = (table.copy() for table in MIXED)
    constant = factors_train.copy()
    constant[:, 1] = 2
    with pytest.raises(ValueError, match="factor 1 is constant"):
        metric(codes_train, constant, codes_test, factors_test)
    unknown = factors_train.astype(float)
    unknown[3, 0] = np.nan
    infinite = np.where(np.isnan(unknown), np.inf, unknown)
    without = [unknown.astype(object) for _ in range(3)]
    for table, nothing in zip(without, (None, pd.NA, pd.NaT), strict=True):
        table[3, 0] = nothing
    for table in (unknown, unknown.astype(object), infinite, infinite.astype(object), *without):
        with pytest.raises(ValueError, match=r"factor 0 is not finite in 1 rows \(first: row 3\)"):
            metric(codes_train, table, codes_test, factors_test)
    with pytest.raises(ValueError, match="do not belong to 500 codes"):
        metric(codes_train, factors_train[1:], codes_test, factors_test)
    codes_train[4, 2] = np.inf
    with pytest.raises(ValueError, match="dimension 2 is not finite in 1 rows"):
        metric(codes_train, factors_train, codes_test, factors_test)


@all_metrics
def test_continuous_factors_are_refused_where_values_are_names(metric):
    """Fractions that hardly any two rows share; their levels, and few fractions, are names."""
    codes_train, factors_train, codes_test, factors_test = MIXED
    fractions = factors_train + np.random.default_rng(0).random(factors_train.shape)
    beside_names = np.where([True, False], factors_train.astype(str).astype(object), fractions)
    for table, k in ((fractions, 0), (beside_names, 1)):
        with pytest.raises(ValueError, match=rf"factor {k} is continuous: 500 values .*discretise"):
            metric(codes_train, table, codes_test, factors_test)
    levels = np.floor(2 * fractions) / 2
    assert np.isfinite(metric(codes_train, levels, codes_train, levels)[0])


@pytest.mark.parametrize("metric", [partial(of_both, sap_score), partial(partial, dci_es)])
def test_continuous_factors_are_taken_where_they_are_regressed(metric):
    codes, factors, _, _ = MIXED
    mixed = np.stack([factors[:, 0] + np.random.default_rng(0).random(500), factors[:, 1]], axis=1)
    tables = codes, mixed, codes, mixed
    for continuous in (True, [True, False]):
        assert np.isfinite(metric(continuous=continuous)(*tables)[0])
    with pytest.raises(ValueError, match="factor 0 is continuous"):
        metric(continuous=[False, True])(*tables)


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"modularity", "irs"}))
def test_broken_test_tables_are_named(name):
    codes_train, factors_train, codes_test, factors_test = MIXED
    metric = partial(METRICS[name], codes_train, factors_train)
    with pytest.raises(ValueError, match=r"shape \(299, 2\), expected \(300, 2\)"):
        metric(codes_test, factors_test[1:])
    with pytest.raises(ValueError, match="4 dimensions in training rows and 3 in test rows"):
        metric(codes_test[:, :3], factors_test)
    unknown = factors_test.astype(float)
    unknown[3, 1] = np.nan
    with pytest.raises(ValueError, match="factor 1 is not finite"):
        metric(codes_test, unknown)


@pytest.mark.parametrize("name", ["beta_vae", "factor_vae", "irs"])
def test_value_of_a_single_row_is_named_where_groups_are_drawn(name):
    codes_train, factors_train, codes_test, factors_test = MIXED
    rare = factors_train.copy()
    rare[10, 1] = 77
    with pytest.raises(TooFewRowsError, match=r"factor 1: only 1 .*rows have the value 77"):
        METRICS[name](codes_train, rare, codes_test, factors_test)


@pytest.mark.parametrize("name", ["sap", "sap_svm", "explicitness", "explicitness_multinomial"])
def test_value_that_training_never_saw_cannot_be_right(name):
    codes_train, factors_train, codes_test, factors_test = MIXED
    unseen = factors_test.copy()
    unseen[:100, 0] = 99
    score, per_factor = METRICS[name](codes_train, factors_train, codes_test, unseen)
    assert np.isfinite(score)
    assert per_factor[0] < EXPECTED[name][1][0]
