"""DCI-ES: E of known curves and codes, probes against those of scikit-learn."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from fovscope.metrics import dci_es_scores, dci_scores
from fovscope.metrics.dci_es import (
    LossCapacity,
    _discriminant_losses,
    _features,
    _ridge_losses,
    explicitness,
    loss_capacity_curves,
)

SIZES = (3, 5)
FEW = (0, 16, 64, 256)


def draw_factors(n_rows, seed=0):
    return np.random.default_rng(seed).integers(0, SIZES, (n_rows, len(SIZES)))


def explicitness_of(encode, **options):
    train, test = draw_factors(1_500), draw_factors(600, seed=1)
    curves = loss_capacity_curves(encode(train), train, encode(test), test, **options)
    return explicitness(curves), curves


def test_explicitness_of_known_curves():
    """A step at once: 1; a straight line from the baseline to 0: 0; a step at the end: -1.

    Half of the loss at once, the rest never: nothing to gain by capacity, 1. Half of it
    along a straight line: 1 - 2 x 1/4 = 1/2.
    """
    capacity = np.linspace(2, 5, 301)
    line = np.linspace(1, 0, 301)
    curves = [0 * line, line, (line > 0).astype(float), np.full(301, 0.5), 1 - (1 - line) / 2]
    loss = np.stack(curves, axis=1)
    found = explicitness(LossCapacity(capacity, loss, np.ones(5)))
    assert found == pytest.approx([1, 0, -1, 1, 0.5], abs=0.01)
    scaled = explicitness(LossCapacity(7 * capacity, 0.8 * loss, np.full(5, 0.8)))
    assert scaled == pytest.approx(found)


def test_area_is_that_of_trapezoids_between_uneven_capacities():
    capacity, loss = np.array([0.0, 1.0, 4.0]), np.array([[0.8], [0.5], [0.2]])
    area = 0.0
    for i in range(2):
        left, right = loss[i, 0] - 0.2, loss[i + 1, 0] - 0.2
        area += (capacity[i + 1] - capacity[i]) * (left + right) / 2
    expected = 1 - area / (0.5 * 0.9 * 4)
    assert explicitness(LossCapacity(capacity, loss, np.array([0.9]))) == pytest.approx([expected])


def test_discriminant_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    known, wanted = rng.integers(0, 4, (2, 400))
    mixing = rng.standard_normal((4, 6))
    x, x_test = (mixing[f] + rng.standard_normal((400, 6)) for f in (known, wanted))
    x_test, x = x_test - x.mean(axis=0), x - x.mean(axis=0)
    names = np.array(list("dbca"))
    losses, baseline = _discriminant_losses(
        x, names[known], x_test, names[wanted], x.T @ x / 400, np.array([2, 6])
    )
    for n, loss in zip((2, 6), losses, strict=True):
        theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(x[:, :n], known)
        assert loss == pytest.approx(1 - theirs.score(x_test[:, :n], wanted))
    frequent = np.bincount(known).argmax()
    assert baseline == pytest.approx(np.mean(wanted != frequent))


def test_regression_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    x, x_test = rng.standard_normal((300, 5)), rng.standard_normal((200, 5))
    x_test, x = x_test - x.mean(axis=0), x - x.mean(axis=0)
    y, y_test = (z @ [1, 2, 0, 0, 1] + rng.standard_normal(len(z)) for z in (x, x_test))
    covariance = x.T @ x / 300 + 0.1 * np.eye(5)
    losses, baseline = _ridge_losses(x, y, x_test, y_test, covariance, np.array([1, 5]))
    for n, loss in zip((1, 5), losses, strict=True):
        theirs = Ridge(alpha=0.1 * 300).fit(x[:, :n], y)
        assert loss == pytest.approx(1 - theirs.score(x_test[:, :n], y_test))
    assert baseline == 1


def test_features_are_codes_and_pairs_of_waves_with_the_kernel_of_their_bandwidth():
    """The mean product of random Fourier features is exp(-distance²/2 bandwidth²)."""
    codes = np.random.default_rng(0).standard_normal((40, 3))
    codes = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    rng = np.random.default_rng(1)
    x, x_test = _features(5 * codes + 2, 5 * codes[:7] + 2, 10_000, 1.5, rng)
    assert x[:, :3] == pytest.approx(codes)
    assert x_test == pytest.approx(x[:7])
    assert x.mean(axis=0) == pytest.approx(0, abs=1e-12)
    distance = ((codes[:, None] - codes) ** 2).sum(axis=2)
    kernel = np.exp(-distance / (2 * 1.5**2))
    centring = np.eye(40) - 1 / 40
    waves = x[:, 3:]
    assert waves @ waves.T / 5_000 == pytest.approx(centring @ kernel @ centring, abs=0.08)


@pytest.mark.parametrize("continuous", [False, True])
def test_perfect_and_rotated_codes_need_no_capacity(continuous):
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2))).Q
    for encode in (lambda f: f.astype(float), lambda f: f @ rotation, lambda f: np.hstack([f, f])):
        found, curves = explicitness_of(encode, continuous=continuous, widths=FEW)
        assert found == pytest.approx([1, 1], abs=1e-4)
        assert curves.loss == pytest.approx(0, abs=1e-4)


def test_noise_has_nothing_to_gain_and_passes_for_explicit():
    """A known weakness: E asks how easily a code yields what it has, be it nothing."""
    rng = np.random.default_rng(0)
    found, curves = explicitness_of(lambda f: rng.standard_normal((len(f), 4)), widths=FEW)
    assert (found > 0.9).all()
    assert (curves.loss > curves.baseline - 0.08).all()


def test_factor_hidden_behind_a_product_needs_capacity():
    """The sign of z0 z1 (exclusive or) is nothing to a linear readout, all to a wide one."""
    rng = np.random.default_rng(0)
    codes = rng.uniform(-1, 1, (4_000, 2))
    factors = np.stack([codes[:, 0] > 0, np.prod(codes, axis=1) > 0], axis=1)
    tables = codes[:3_000], factors[:3_000], codes[3_000:], factors[3_000:]
    curves = loss_capacity_curves(*tables)
    assert curves.loss[0, 1] > 0.4
    assert curves.loss[-1, 1] < 0.1
    plain, hidden = explicitness(curves)
    assert plain > 0.9
    assert hidden < plain - 0.2


def test_curves_never_rise_and_start_below_the_baseline():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, SIZES, (200, 2))
    noise = rng.standard_normal((200, 6))  # few rows: wide probes fit noise
    curves = loss_capacity_curves(noise[:120], factors[:120], noise[120:], factors[120:])
    assert (np.diff(curves.loss, axis=0) <= 0).all()
    assert (curves.loss[0] <= curves.baseline).all()
    assert curves.capacity == pytest.approx(
        np.log(1 + 6 + np.array([0, 16, 32, 64, 128, 256, 512, 1024]))
    )


def test_all_five_scores():
    train, test = draw_factors(600), draw_factors(300, seed=1)
    tables = np.insert(train, 1, 0, axis=1), train, np.insert(test, 1, 0, axis=1), test
    dci = dci_scores(*tables, rounds=10)
    found = dci_es_scores(*tables, dci=dci, widths=FEW)
    assert (found.disentanglement, found.completeness) == (dci.disentanglement, dci.completeness)
    assert found.informativeness == dci.informativeness == 1
    assert found.explicitness == pytest.approx(1)
    assert found.size == pytest.approx(2 / 3)
    computed = dci_es_scores(*tables, widths=FEW)
    assert computed.disentanglement == pytest.approx(dci_scores(*tables).disentanglement)
    without = [t[:, :0] if i in (0, 2) else t for i, t in enumerate(tables)]
    assert np.isnan(dci_es_scores(*without, widths=FEW).size)


def test_seed_and_bandwidth_arrive():
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((2, 3))

    def encode(f):
        return np.sin(f @ mixing)

    losses = [
        explicitness_of(encode, widths=(0, 8, 16), **options)[1].loss.tolist()
        for options in ({}, {}, {"seed": 1}, {"bandwidth": 0.5}, {"ridge": 0.5})
    ]
    assert losses[0] == losses[1]
    assert all(losses[0] != other for other in losses[2:])


def test_widths_and_constant_test_factors_are_refused():
    train = draw_factors(100)
    for widths in ((0,), (0, 3), (4, 4), (-2, 4)):
        with pytest.raises(ValueError, match="even numbers that grow"):
            loss_capacity_curves(train, train, train, train, widths=widths)
    test = train[train[:, 1] == 2]
    with pytest.raises(ValueError, match="factor 1 is constant in test rows"):
        loss_capacity_curves(train, train, test, test)
