"""UDR: models that agree up to order, sign and scale, models that do not, and a slow twin."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso

from fovscope.metrics.udr import informative_dimensions, one_to_one, udr_scores

N = 400


def orthogonal(n_rows=N, n_dims=4, seed=0):
    """Codes of mean 0, SD 1 and no correlation at all, not only in expectation."""
    raw = np.random.default_rng(seed).standard_normal((n_rows, n_dims))
    return np.linalg.qr(raw - raw.mean(axis=0)).Q * n_rows**0.5


def disguised(codes, seed):
    """The same dimensions in another order, with other signs, scales and origins."""
    rng = np.random.default_rng(seed)
    d = codes.shape[1]
    scale = rng.uniform(0.1, 10, d) * rng.choice([-1, 1], d)
    return (codes * scale + rng.standard_normal(d))[:, rng.permutation(d)]


def udr_by_loops(x, y, variant):
    """The definition, dimension by dimension, with the libraries' own estimators."""
    x, y = ((z - z.mean(axis=0)) / z.std(axis=0) for z in (x, y))
    R = np.zeros((x.shape[1], y.shape[1]))
    for b in range(y.shape[1]):
        if variant == "lasso":
            R[:, b] = abs(Lasso(alpha=0.1, tol=1e-8).fit(x, y[:, b]).coef_)
        else:
            R[:, b] = [abs(spearmanr(x[:, a], y[:, b])[0]) for a in range(x.shape[1])]
    total = 0.0
    for b in range(R.shape[1]):
        total += max(R[:, b]) ** 2 / sum(R[:, b]) if R[:, b].any() else 0
    for a in range(R.shape[0]):
        total += max(R[a]) ** 2 / sum(R[a]) if R[a].any() else 0
    return total / (R.shape[0] + R.shape[1])


@pytest.mark.parametrize("variant", ["lasso", "spearman"])
def test_equals_the_definition_written_as_loops(variant):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((200, 3))
    mixing = rng.standard_normal((3, 3, 4)) + 2 * np.eye(3, 4)
    models = [base, *(base @ m + 0.2 * rng.standard_normal((200, 4)) for m in mixing)]
    udr = udr_scores(models, variant=variant)
    for i, x in enumerate(models):
        for j, y in enumerate(models):
            expected = udr_by_loops(x, y, variant)
            found = udr.ceiling[i] if i == j else udr.pairwise[i, j]
            assert found == pytest.approx(expected, abs=1e-4)
    assert np.isnan(udr.pairwise.diagonal()).all()
    others = udr.pairwise[1:, 0]
    assert udr.per_model[0] == pytest.approx(sorted(others)[1])  # the median of three


@pytest.mark.parametrize(("variant", "alpha"), [("lasso", 0.1), ("lasso", 0.3)])
def test_disguised_copies_reach_the_ceiling_of_lasso(variant, alpha):
    """Lasso on uncorrelated codes shrinks a coefficient of 1 to 1 - alpha, the others to 0."""
    models = [disguised(orthogonal(), seed) for seed in range(3)]
    udr = udr_scores(models, variant=variant, alpha=alpha)
    assert udr.per_model == pytest.approx([1 - alpha] * 3, abs=1e-5)
    assert udr.ceiling == pytest.approx(udr.per_model, abs=1e-5)


def test_disguised_copies_reach_their_own_ceiling_by_ranks():
    models = [disguised(orthogonal(), seed) for seed in range(3)]
    udr = udr_scores(models, variant="spearman")
    assert udr.per_model == pytest.approx(udr.ceiling)
    assert udr.ceiling.max() < 1  # chance correlations of ranks add to the sums
    monotone = udr_scores([np.exp(m) for m in models], variant="spearman")
    # Ranks see any monotone change of a dimension, up to the sign that exp cannot undo.
    assert monotone.per_model == pytest.approx(udr.per_model)


def test_mixtures_are_told_from_copies():
    """45° in a plane: correlations ±sqrt(1/2), (1/2) / (2 sqrt(1/2)) = .354 in every sum."""
    codes = orthogonal(n_dims=2)
    turned = codes @ np.array([[1, 1], [-1, 1]]) / 2**0.5
    lasso = udr_scores([codes, turned]).per_model
    assert lasso == pytest.approx([(2**-0.5 - 0.1) / 2] * 2, abs=1e-5)
    assert udr_scores([codes, turned], variant="spearman").per_model == pytest.approx(
        [2**-0.5 / 2] * 2, abs=0.06
    )


def test_one_to_one_by_hand():
    """Columns: 1/1, .25/.5, 0; rows: 1/1.5, 0."""
    R = np.array([[1, 0.5, 0], [0, 0, 0]])
    assert one_to_one(R) == pytest.approx((1 + 0.5 + 0 + 1 / 1.5 + 0) / 5)
    assert one_to_one(np.eye(3)) == 1
    assert one_to_one(np.empty((0, 3))) == 0


@pytest.mark.parametrize("variant", ["lasso", "spearman"])
def test_dimensions_that_are_masked_or_constant_do_not_count(variant):
    rng = np.random.default_rng(1)
    models = [disguised(orthogonal(), seed) for seed in range(3)]
    expected = udr_scores(models, variant=variant)
    padded = [
        np.hstack([rng.standard_normal((N, 1)), m, np.full((N, 1), 0.3), m[:, :1]]) for m in models
    ]
    masks = [[False, True, True, True, True, True, False]] * 3
    found = udr_scores(padded, active=masks, variant=variant)
    assert found.per_model == pytest.approx(expected.per_model)
    assert found.ceiling == pytest.approx(expected.ceiling)
    dead = udr_scores([*models, np.zeros((N, 2))], variant=variant)
    assert dead.per_model[3] == 0


def test_informative_dimensions():
    """KL of N(m, s²) from N(0, 1) = (m² + s² - 1 - ln s²) / 2, averaged over rows."""
    mean = np.array([[0.0, 1, 0.19, 0], [0.0, -1, 0, 0]])
    log_variance = np.log([[1.0, 0.1, 1, 1], [1.0, 0.1, 1, 2]])
    assert informative_dimensions(mean, log_variance).tolist() == [False, True, False, True]
    # The third has .19² / 4 = .009, the fourth (2 - 1 - ln 2) / 4 = .077.
    kept = informative_dimensions(mean, log_variance, smallest_kl=0.08)
    assert kept.tolist() == [False, True, False, False]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), variant=st.sampled_from(["lasso", "spearman"]))
@example(seed=8162, variant="lasso")  # nearly collinear codes
def test_invariant_under_disguise_and_order_of_rows_and_models(seed, variant):
    rng = np.random.default_rng(seed)
    base = rng.standard_normal((60, 3))
    models = [base @ rng.standard_normal((3, 3)) for _ in range(3)]
    rows, order = rng.permutation(60), rng.permutation(3)
    expected = udr_scores(models, variant=variant).per_model
    hidden = [disguised(models[i][rows], seed + i) for i in order]
    assert udr_scores(hidden, variant=variant).per_model == pytest.approx(expected[order], abs=1e-4)


def test_contradictions_are_named():
    codes = orthogonal()
    with pytest.raises(ValueError, match="at least two"):
        udr_scores([codes])
    with pytest.raises(ValueError, match="not of the same rows"):
        udr_scores([codes, codes[:9]])
    with pytest.raises(ValueError, match="1 masks of active dimensions for 2 models"):
        udr_scores([codes, codes], active=[np.ones(4)])
    with pytest.raises(ValueError, match="mask"):
        udr_scores([codes, codes], active=[[True], [True]])
    with pytest.raises(ValueError, match="lasso or spearman"):
        udr_scores([codes, codes], variant="pearson")
    with pytest.raises(ValueError, match="not finite"):
        udr_scores([codes, np.full_like(codes, np.nan)])
