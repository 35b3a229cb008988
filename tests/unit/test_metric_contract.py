"""What every registered metric must do, whatever it measures; a user's is held to it too.

Metrics are computed as in the panel, with the cheap options of the preset ``fast``. Invariances
are tested on random transformations of one mixed code.
"""

from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from contracts import CATALOGUE
from hypothesis import given, settings
from hypothesis import strategies as st

from fovscope.metrics.groups import TooFewRowsError
from fovscope.metrics.panel import load_metrics
from fovscope.metrics.presets import declaration, preset, score_ranges
from fovscope.metrics.references import reference_codes
from fovscope.metrics.work import Breakdown, Design, Work
from fovscope.registry import REQUIRED

DECLARED = {name: declaration(entry) for name, entry in CATALOGUE["metric"].items()}
BUILT_IN = [name for name, entry in CATALOGUE["metric"].items() if entry.origin == "fovscope"]

FEW = {"n_train": 700, "n_test": 600}
CHEAP = {
    "beta_vae": {"pairs": 3, **FEW},
    "factor_vae": {"group_size": 5, **FEW},
    "dci_es": {"widths": (0, 16, 64)},
}
VARIANTS = {
    name: (name, {**declared.options, **(declared.fast or {}), **CHEAP.get(name, {})})
    for name, declared in DECLARED.items()
} | {
    "sap_svm": ("sap", {"classifier": "svm"}),
    "explicitness_multinomial": ("explicitness", {"classifier": "multinomial"}),
}
"""Metric and options by name."""

OURS = [name for name, (metric, _) in VARIANTS.items() if metric in BUILT_IN]
OF_ROWS = [name for name in OURS if not DECLARED[VARIANTS[name][0]].needs_pairs]
OF_TRAINING_ROWS = {"mig", "modularity", "irs", "infomec"}
DRAWN = {"beta_vae", "factor_vae"}

SIZES = (3, 4)
N_DIMS = 4


class Tables(NamedTuple):
    """Codes and factors of training and test rows; codes of pairs, and what these change."""

    codes_train: np.ndarray
    factors_train: np.ndarray
    codes_test: np.ndarray
    factors_test: np.ndarray
    codes_first: np.ndarray
    codes_second: np.ndarray
    changed: np.ndarray

    def with_codes(self, encode):
        """Return the tables with a function applied to all codes."""
        return self._replace(
            **{name: encode(table) for name, table in self._asdict().items() if "codes" in name}
        )


def scores_of(variant, tables, **options):
    """Return score → value, or value per factor, as the metric returns it."""
    metric, own = VARIANTS[variant]
    work = Work(
        codes=Design(
            tables.codes_train, tables.codes_test, tables.codes_first, tables.codes_second
        ),
        factors=Design(tables.factors_train, tables.factors_test),
        changed_factor=tables.changed,
        seed=0,
        threads=1,
    )
    names = [*DECLARED[metric].after, metric]
    given = preset(CATALOGUE, "fast")
    for name, entry in load_metrics(CATALOGUE, names).items():
        values = entry.compute(work, **(own | options if name == metric else given[name]))
    return {
        name: value
        if isinstance(value, Breakdown)
        else Breakdown(float(np.mean(value)), value if np.ndim(value) else None)
        for name, value in values.items()
    }


def draw_factors(n_train=500, n_test=300, pairs=120, sizes=SIZES):
    """Return factors of independent rows, those of pairs, and the factors that these change."""
    rng = np.random.default_rng(7)
    train, test = (rng.integers(0, sizes, (n, len(sizes))) for n in (n_train, n_test))
    changed = np.repeat(np.arange(len(sizes)), pairs)
    first = rng.integers(0, sizes, (len(changed), len(sizes)))
    second, rows, size = first.copy(), np.arange(len(changed)), np.array(sizes)[changed]
    second[rows, changed] = (first[rows, changed] + rng.integers(1, size)) % size
    return Design(train, test, first, second), changed


def mixed_tables():
    """Return a code that mixes the factors, with noise, and one dimension of noise only."""
    factors, changed = draw_factors()
    rng = np.random.default_rng(8)
    mixing = np.eye(len(SIZES), N_DIMS) + 0.4 * rng.standard_normal((len(SIZES), N_DIMS))
    mixing[:, -1] = 0
    return tables_of(
        factors.map(lambda f: f @ mixing + 0.4 * rng.standard_normal((len(f), N_DIMS))),
        factors,
        changed,
    )


def tables_of(codes, factors, changed):
    return Tables(
        *(codes.train, factors.train, codes.test, factors.test),
        *(codes.first, codes.second, changed),
    )


MIXED = mixed_tables()
EXPECTED = {name: scores_of(name, MIXED) for name in VARIANTS}
few_examples = settings(max_examples=6, deadline=None, derandomize=True)

# How far a score may move when codes are reordered, flipped and scaled, when factor values
# are renamed, and when rows are reordered: nothing but rounding, except the edges of bins,
# ties of trees and neighbours, where an optimiser stops, fresh random features (dci_es) and
# fresh draws (rows).
TOLERANCE = {
    "mig": (0.02, 1e-9, 1e-9),
    "dci": (0.03, 0.02, 0.02),
    "edi": (0.03, 0.02, 0.03),
    "infomec": (0.01, 1e-3, 0.01),
    "omes": (1e-9, 1e-9, 1e-9),
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
OF_A_USER = (0.05, 0.05, 0.1)


def agree(name, tables, tolerance, order_of_factors=slice(None)):
    scores = scores_of(name, tables)
    assert scores.keys() == EXPECTED[name].keys()
    for score, (value, per_factor) in scores.items():
        expected, expected_per_factor = EXPECTED[name][score]
        assert value == pytest.approx(expected, abs=tolerance), score
        if per_factor is not None:
            expected_per_factor = expected_per_factor[order_of_factors]
            close = pytest.approx(expected_per_factor, abs=2 * tolerance, nan_ok=True)
            assert per_factor == close, score


# Declarations ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE["metric"])
def test_titles_and_ranges_cover_the_scores_in_order(name):
    declared = DECLARED[name]
    assert list(EXPECTED[name]) == list(declared.titles) == list(declared.ranges)
    for low, high in declared.ranges.values():
        assert low < high
    for earlier in declared.after:
        assert earlier in CATALOGUE["metric"]


@pytest.mark.parametrize("name", CATALOGUE["metric"])
def test_every_option_is_described_and_has_a_default(name):
    entry = CATALOGUE.entry("metric", name)
    assert entry.description.endswith(".")
    for option in entry.options.values():
        assert option.description
        assert option.annotation != "object"
        assert option.default is not REQUIRED


def test_no_two_metrics_share_a_score_or_a_title():
    scores = list(chain.from_iterable(declared.titles for declared in DECLARED.values()))
    titles = list(chain.from_iterable(declared.titles.values() for declared in DECLARED.values()))
    assert len(set(scores)) == len(scores)
    assert len(set(titles)) == len(titles)
    assert score_ranges(CATALOGUE).keys() - set(scores) == {"active_dims"}


@pytest.mark.parametrize("name", VARIANTS)
def test_scores_lie_in_their_ranges(name):
    """Of codes of all qualities; there is no dimension of its own for some factors."""
    factors, changed = draw_factors(n_train=200, n_test=100, sizes=(3, 4, 5))
    codes = reference_codes(factors, latent_dim=4, rng=np.random.default_rng(0))
    for quality, code in codes.items():
        for score, (value, per_factor) in scores_of(
            name, tables_of(code, factors, changed)
        ).items():
            low, high = DECLARED[VARIANTS[name][0]].ranges[score]
            assert low - 1e-9 <= value <= high + 1e-9, (quality, score)
            if per_factor is not None:
                assert per_factor.shape == (3,)
                known = per_factor[~np.isnan(per_factor)]
                assert ((low - 1e-9 <= known) & (known <= high + 1e-9)).all(), (quality, score)


# Invariances -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_mixed_code_is_neither_perfect_nor_worthless(name):
    """Else the invariances below would hold for a constant."""
    worthless = {"beta_vae": 0.5, "factor_vae": 0.5, "explicitness": 0.55, "dci_es": -1}
    first = next(iter(EXPECTED[name].values()))
    assert worthless.get(name, 0.02) < first.score < 0.995


@pytest.mark.parametrize("name", VARIANTS)
@few_examples
@given(
    order=st.permutations(range(N_DIMS)),
    sign=st.lists(st.sampled_from([-1, 1]), min_size=N_DIMS, max_size=N_DIMS),
    scale=st.lists(st.floats(0.05, 20), min_size=N_DIMS, max_size=N_DIMS),
    shift=st.floats(-10, 10),
)
def test_order_sign_scale_and_offset_of_codes_do_not_matter(name, order, sign, scale, shift):
    """Of a user's metric only their order does not."""
    if name in ("irs", "infomec"):
        scale = scale[:1] * N_DIMS  # they weigh or drop dimensions by their range
    factor = np.array(sign) * scale
    if name not in OURS:
        factor, shift = 1, 0
    moved = MIXED.with_codes(lambda codes: (codes * factor + shift)[:, order])
    agree(name, moved, TOLERANCE.get(name, OF_A_USER)[0])


@pytest.mark.parametrize("name", VARIANTS)
@few_examples
@given(
    order=st.permutations(range(max(SIZES))),
    values=st.sampled_from([np.array(["east", "A", "w", "b"]), np.array([-3.5, 10, 2, 0.1])]),
)
def test_names_of_factor_values_do_not_matter(name, order, values):
    names = values[order]
    renamed = MIXED._replace(
        factors_train=names[MIXED.factors_train], factors_test=names[MIXED.factors_test]
    )
    agree(name, renamed, TOLERANCE.get(name, OF_A_USER)[1])


@pytest.mark.parametrize("name", VARIANTS)
@few_examples
@given(seed=st.integers(0, 99))
def test_order_of_rows_does_not_matter(name, seed):
    rng = np.random.default_rng(seed)
    train, test, pair = (
        rng.permutation(len(codes))
        for codes in (MIXED.codes_train, MIXED.codes_test, MIXED.codes_first)
    )
    tables = Tables(
        *(MIXED.codes_train[train], MIXED.factors_train[train]),
        *(MIXED.codes_test[test], MIXED.factors_test[test]),
        *(MIXED.codes_first[pair], MIXED.codes_second[pair], MIXED.changed[pair]),
    )
    agree(name, tables, TOLERANCE.get(name, OF_A_USER)[2])


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - DRAWN))
def test_order_of_factors_does_not_matter(name):
    tables = MIXED._replace(
        factors_train=MIXED.factors_train[:, ::-1],
        factors_test=MIXED.factors_test[:, ::-1],
        changed=1 - MIXED.changed,
    )
    agree(name, tables, 1e-6, order_of_factors=slice(None, None, -1))


@pytest.mark.parametrize("name", VARIANTS)
def test_same_input_same_numbers(name):
    for score, (value, per_factor) in scores_of(name, MIXED).items():
        assert value == EXPECTED[name][score].score
        if per_factor is not None:
            assert np.array_equal(per_factor, EXPECTED[name][score].per_factor, equal_nan=True)


# Limit cases -----------------------------------------------------------------------------


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
        ("mig", np.log(2) / np.log(3)),
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
    tables = MIXED._replace(
        codes_train=codes[:720],
        factors_train=factors[:720],
        codes_test=codes[720:],
        factors_test=factors[720:],
    )
    # With few pairs and small groups, chance can hold the other factor still.
    many = {"beta_vae": {"pairs": 64}, "factor_vae": {"group_size": 64}}
    first, *_ = scores_of(name, tables, **many.get(name, {})).values()
    assert first.score == pytest.approx(expected, abs=0.02)
    assert first.per_factor == pytest.approx([expected] * 2, abs=0.03)


@pytest.mark.parametrize("name", VARIANTS)
def test_one_dimension_and_one_factor(name):
    of_first = MIXED.changed == 0
    tables = MIXED._replace(
        factors_train=MIXED.factors_train[:, :1],
        factors_test=MIXED.factors_test[:, :1],
        codes_first=MIXED.codes_first[of_first],
        codes_second=MIXED.codes_second[of_first],
        changed=MIXED.changed[of_first],
    ).with_codes(lambda codes: codes[:, :1])
    for score, (value, per_factor) in scores_of(name, tables).items():
        low, high = DECLARED[VARIANTS[name][0]].ranges[score]
        assert low <= value <= high
        if per_factor is not None:
            assert per_factor.shape == (1,)
            assert value == pytest.approx(per_factor[0])


# Without a dimension that moves: chance (accuracy of one answer; AUC), nothing, or, as the
# definition of E has it, all that there is to gain at once.
NOTHING = {
    "beta_vae": 0.5,
    "explicitness": 0.5,
    "explicitness_multinomial": 0.5,
    "dci_es": 1,
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("n_dims", [0, 1, 3])
def test_codes_that_never_move(name, n_dims):
    tables = MIXED.with_codes(lambda codes: np.full((len(codes), n_dims), 0.1))
    first, *_ = scores_of(name, tables).values()
    assert first.score == pytest.approx(NOTHING.get(name, 0), abs=1e-6)
    assert first.per_factor is None or first.per_factor.shape == (2,)


# The panel drops such a dimension before. Where a score counts dimensions, it counts.
COUNTED = {
    "dci": {"dci_completeness"},
    "dci_es": {"dci_es_size"},
    "edi": {"edi_compactness"},
    "omes": {"omes", "omes_max"},
}


@pytest.mark.parametrize("name", OURS)
def test_constant_dimension_changes_nothing(name):
    found = scores_of(name, MIXED.with_codes(lambda codes: np.insert(codes, 0, 3.7, axis=1)))
    for score in found.keys() - COUNTED.get(name, set()):
        value, per_factor = found[score]
        expected, expected_per_factor = EXPECTED[name][score]
        if name == "modularity":  # a dimension that knows nothing counts, with 0
            assert value == pytest.approx(expected * N_DIMS / (N_DIMS + 1))
            continue
        tolerance = 0.05 if name == "dci_es" else 1e-3  # the capacity counts the parameter
        assert value == pytest.approx(expected, abs=tolerance)
        if per_factor is not None and name != "dci_es":
            assert per_factor == pytest.approx(expected_per_factor, abs=tolerance, nan_ok=True)


# Tables that cannot be used --------------------------------------------------------------


@pytest.mark.parametrize("name", OF_ROWS)
def test_integers_and_lists_are_codes_too(name):
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 2, (120, 2))
    codes = (10 * factors + rng.integers(0, 3, (120, 2))).tolist()
    rows = (codes, factors.tolist()) * 2
    scores = scores_of(name, Tables(*rows, *MIXED[4:]))
    assert all(np.isfinite(value) for value, _ in scores.values())


@pytest.mark.parametrize("name", OF_ROWS)
def test_broken_tables_are_named(name):
    constant = MIXED.factors_train.copy()
    constant[:, 1] = 2
    with pytest.raises(ValueError, match="factor 1 is constant"):
        scores_of(name, MIXED._replace(factors_train=constant))
    unknown = MIXED.factors_train.astype(float)
    unknown[3, 0] = np.nan
    infinite = np.where(np.isnan(unknown), np.inf, unknown)
    without = [unknown.astype(object) for _ in range(3)]
    for table, nothing in zip(without, (None, pd.NA, pd.NaT), strict=True):
        table[3, 0] = nothing
    for table in (unknown, unknown.astype(object), infinite, infinite.astype(object), *without):
        with pytest.raises(ValueError, match=r"factor 0 is not finite in 1 rows \(first: row 3\)"):
            scores_of(name, MIXED._replace(factors_train=table))
    with pytest.raises(ValueError, match="do not belong to 500 codes"):
        scores_of(name, MIXED._replace(factors_train=MIXED.factors_train[1:]))
    codes = MIXED.codes_train.copy()
    codes[4, 2] = np.inf
    with pytest.raises(ValueError, match="dimension 2 is not finite in 1 rows"):
        scores_of(name, MIXED._replace(codes_train=codes))


@pytest.mark.parametrize("name", OF_ROWS)
def test_continuous_factors_are_refused_where_values_are_names(name):
    """Fractions that hardly any two rows share; their levels, and few fractions, are names."""
    factors = MIXED.factors_train
    fractions = factors + np.random.default_rng(0).random(factors.shape)
    beside_names = np.where([True, False], factors.astype(str).astype(object), fractions)
    for table, k in ((fractions, 0), (beside_names, 1)):
        with pytest.raises(ValueError, match=rf"factor {k} is continuous: 500 values .*discretise"):
            scores_of(name, MIXED._replace(factors_train=table))
    levels = np.floor(2 * fractions) / 2
    scores = scores_of(name, Tables(*(MIXED.codes_train, levels) * 2, *MIXED[4:]))
    assert all(np.isfinite(value) for value, _ in scores.values())


@pytest.mark.parametrize("name", ["sap", "dci_es"])
def test_continuous_factors_are_taken_where_they_are_regressed(name):
    codes, factors, *_ = MIXED
    mixed = np.stack([factors[:, 0] + np.random.default_rng(0).random(500), factors[:, 1]], axis=1)
    tables = Tables(*(codes, mixed) * 2, *MIXED[4:])
    for continuous in (True, [True, False]):
        first, *_ = scores_of(name, tables, continuous=continuous).values()
        assert np.isfinite(first.score)
    with pytest.raises(ValueError, match="factor 0 is continuous"):
        scores_of(name, tables, continuous=[False, True])


@pytest.mark.parametrize("name", sorted(set(OF_ROWS) - OF_TRAINING_ROWS))
def test_broken_test_tables_are_named(name):
    with pytest.raises(ValueError, match=r"shape \(299, 2\), expected \(300, 2\)"):
        scores_of(name, MIXED._replace(factors_test=MIXED.factors_test[1:]))
    with pytest.raises(ValueError, match="4 dimensions in training rows and 3 in test rows"):
        scores_of(name, MIXED._replace(codes_test=MIXED.codes_test[:, :3]))
    unknown = MIXED.factors_test.astype(float)
    unknown[3, 1] = np.nan
    with pytest.raises(ValueError, match="factor 1 is not finite"):
        scores_of(name, MIXED._replace(factors_test=unknown))


@pytest.mark.parametrize("name", ["beta_vae", "factor_vae", "irs"])
def test_value_of_a_single_row_is_named_where_groups_are_drawn(name):
    rare = MIXED.factors_train.copy()
    rare[10, 1] = 77
    with pytest.raises(TooFewRowsError, match=r"factor 1: only 1 .*rows have the value 77"):
        scores_of(name, MIXED._replace(factors_train=rare))


@pytest.mark.parametrize("name", ["sap", "sap_svm", "explicitness", "explicitness_multinomial"])
def test_value_that_training_never_saw_cannot_be_right(name):
    unseen = MIXED.factors_test.copy()
    unseen[:100, 0] = 99
    (found,) = scores_of(name, MIXED._replace(factors_test=unseen)).values()
    (expected,) = EXPECTED[name].values()
    assert np.isfinite(found.score)
    assert found.per_factor[0] < expected.per_factor[0]
