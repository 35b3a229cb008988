"""EDI: exclusivity by hand, codes whose shares are known, invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fovscope.metrics.edi import edi_scores, exclusivity

GRID = np.indices((3, 4, 5)).reshape(3, -1).T.repeat(4, axis=0)


def scores(codes, factors=GRID, joint="max", **options):
    codes = np.asarray(codes, dtype=float)
    return edi_scores(codes, factors, codes, factors, estimator="bins", joint=joint, **options)


def exclusivity_by_loops(row):
    rest = sorted(row)[:-1]
    return max(row) - (sum(x**2 for x in rest) / len(rest)) ** 0.5


@settings(max_examples=50, deadline=None)
@given(arrays(float, (4, 3), elements=st.floats(0, 1)))
def test_exclusivity_equals_its_definition_and_stays_within_0_and_1(rows):
    found = exclusivity(rows)
    assert found == pytest.approx([exclusivity_by_loops(list(row)) for row in rows])
    assert ((found >= -1e-12) & (found <= 1)).all()


def test_exclusivity_by_hand():
    """sqrt((.6² + .8²) / 2) = sqrt(.5)."""
    rows = np.array([[1, 0, 0], [1, 1, 1], [1, 0.6, 0.8]])
    assert exclusivity(rows) == pytest.approx([1, 0, 1 - 0.5**0.5])
    assert exclusivity(np.array([[0.3]])).tolist() == [0.3]


@pytest.mark.parametrize("joint", ["max", "sum", "trees"])
def test_perfect_code(joint):
    found = scores(GRID, joint=joint)
    assert (found.modularity, found.compactness) == (pytest.approx(1), pytest.approx(1))
    assert found.explicitness == pytest.approx(1)


def test_duplicated_code():
    """A column of R has two ones among six: compactness 1 - sqrt(1/5); rows are exclusive,
    and two dimensions on one factor count for no more than one."""
    found = scores(np.hstack([GRID, GRID]))
    assert found.modularity_per_factor == pytest.approx([1, 1, 1])
    assert found.compactness_per_factor == pytest.approx([1 - 5**-0.5] * 3)
    # Taken as the sum, all codes together know each factor twice over, which its entropy stops.
    assert scores(np.hstack([GRID, GRID]), joint="sum").compactness == pytest.approx(1 - 5**-0.5)


def test_two_factors_in_one_code():
    """Row (1, 1, 0): exclusivity 1 - sqrt(1/2), for one of the two; the other gets none."""
    codes = np.stack([GRID[:, 0] * 4 + GRID[:, 1], GRID[:, 2]], axis=1)
    found = scores(codes)
    assert sorted(found.modularity_per_factor) == pytest.approx([0, 1 - 0.5**0.5, 1])
    assert found.compactness == pytest.approx(1)


def test_a_factor_that_no_dimension_knows_scores_zero():
    found = scores(GRID[:, :2])
    assert found.modularity_per_factor == pytest.approx([1, 1, 0])
    assert found.explicitness_per_factor == pytest.approx([1, 1, 0])


def test_trees_see_what_only_two_dimensions_together_know():
    """The sum modulo 2 of two bits: neither knows it, both do."""
    bits = np.indices((2, 2)).reshape(2, -1).T.repeat(200, axis=0)
    parity = bits.sum(axis=1, keepdims=True) % 2
    noisy = bits + 0.1 * np.random.default_rng(0).standard_normal(bits.shape)
    rows = noisy, parity, noisy, parity
    assert edi_scores(*rows).explicitness > 0.9
    assert edi_scores(*rows, joint="max").explicitness < 0.1
    assert edi_scores(*rows).compactness < 0.1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([-100.0, -1.0, 0.01, 3.0]))
def test_invariant_under_order_sign_and_names(seed, scale):
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, (3, 5), (100, 2))
    codes = factors @ rng.standard_normal((2, 3)) + 0.3 * rng.standard_normal((100, 3))
    order = rng.permutation(3)
    names = np.array(["b", "z", "a", "q", "c"])

    def all_scores(codes, factors):
        found = edi_scores(codes, factors, codes, factors, joint="max")
        return (
            found.modularity_per_factor,
            found.compactness_per_factor,
            found.explicitness_per_factor,
        )

    for one, other in zip(
        all_scores(codes, factors),
        all_scores(scale * codes[:, order] + 7, names[factors[:, ::-1]]),
        strict=True,
    ):
        assert other == pytest.approx(one[::-1], abs=1e-6)


def test_edges():
    dead = scores(np.full((len(GRID), 2), 0.1))
    assert (dead.modularity, dead.compactness, dead.explicitness) == (0, 0, 0)
    assert scores(GRID[:, :1], GRID[:, :1]).modularity == pytest.approx(1)
    none = scores(np.empty((len(GRID), 0)), joint="trees")
    assert (none.modularity, none.compactness) == (0, 0)
    with pytest.raises(ValueError, match="trees, max or sum"):
        scores(GRID, joint="mine")
    with pytest.raises(ValueError, match="neighbours or bins"):
        edi_scores(GRID, GRID, GRID, GRID, estimator="ksg")
    with pytest.raises(ValueError, match="not finite"):
        scores(np.full((len(GRID), 1), np.inf))
