"""What every registered probe must do; a user's is held to it too."""

import numpy as np
import pytest
from contracts import CATALOGUE

from fovscope.probes.classifiers import fit_classifier, predict_with_probes
from fovscope.probes.confidence import fit_probe
from fovscope.registry import REQUIRED

CHEAP = {
    "gbt": {"rounds": 10},
    "mlp": {"hidden": (16,), "learning_rate": 1e-2, "max_epochs": 300},
}
every_probe = pytest.mark.parametrize("name", CATALOGUE["probe"])


def clusters(distance, n_classes=2, per_class=60, seed=0):
    """Return codes and labels of classes whose centres lie so many spreads apart."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    codes = rng.standard_normal((len(labels), 3))
    codes[:, 0] += distance * labels
    return codes, np.array(["amoeba", "blepharisma", "ciliate"])[labels]


def fit(name, codes, labels, seed=0):
    options = CHEAP.get(name, {})
    return fit_probe(name, codes, labels, options=options, catalogue=CATALOGUE, seed=seed)


@every_probe
def test_it_is_declared_and_described(name):
    entry = CATALOGUE.entry("probe", name)
    assert {"title"} <= set(entry.declared) <= {"title", "paper"}
    assert entry.declared["title"].strip()
    assert entry.declared.get("paper", {}).keys() <= entry.options.keys()
    assert entry.description.endswith(".")
    for option in entry.options.values():
        assert option.description
        assert option.annotation != "object"
        assert option.default is not REQUIRED
    assert CHEAP.get(name, {}).keys() <= entry.options.keys()


def test_no_two_probes_share_a_title():
    titles = [entry.declared["title"] for entry in CATALOGUE["probe"].values()]
    assert len(set(titles)) == len(titles)


@every_probe
@pytest.mark.parametrize("n_classes", [2, 3])
def test_well_separated_classes_are_told_apart(name, n_classes):
    codes, labels = clusters(10, n_classes)
    test, test_labels = clusters(10, n_classes, seed=1)
    predicted = predict_with_probes(
        codes, labels, test, probes={name: CHEAP.get(name, {})}, catalogue=CATALOGUE, seed=0
    )
    assert list(predicted) == [name]
    assert (predicted[name] == test_labels).all()


@every_probe
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_shares_of_one_and_agree_with_the_prediction(name, n_classes):
    codes, labels = clusters(1, n_classes)
    test, _ = clusters(1, n_classes, seed=1)
    probe = fit(name, codes, labels)
    shares = probe.classifier.predict_proba(test.astype(np.float32))
    assert shares.shape == (len(test), n_classes)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    predicted, confidence = probe.predict(test)
    np.testing.assert_array_equal(
        predicted, probe.labels[probe.classifier.predict(test.astype(np.float32))]
    )
    assert ((confidence > 1 / n_classes - 1e-6) & (confidence <= 1)).all()


@every_probe
def test_same_seed_same_numbers(name):
    codes, labels = clusters(1)
    test, _ = clusters(1, seed=1)
    first, second = (fit(name, codes, labels, seed=3).predict(test) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


@every_probe
def test_test_rows_are_not_seen(name):
    """What is predicted of a row depends on no other row that is predicted with it."""
    codes, labels = clusters(1)
    test, _ = clusters(1, seed=1)
    crowd = np.vstack([test, 1e3 * test])
    alone, crowded = (
        predict_with_probes(
            codes, labels, rows, probes={name: CHEAP.get(name, {})}, catalogue=CATALOGUE, seed=0
        )[name]
        for rows in (test, crowd)
    )
    np.testing.assert_array_equal(alone, crowded[: len(test)])


@every_probe
def test_what_it_is_given_stays_as_it_was(name):
    codes, labels = clusters(1)
    codes = codes.astype(np.float32)
    before = codes.copy()
    _, classes = fit_classifier(
        name, codes, labels, options=CHEAP.get(name, {}), catalogue=CATALOGUE, seed=0
    )
    np.testing.assert_array_equal(codes, before)
    assert classes.tolist() == ["amoeba", "blepharisma"]


@every_probe
def test_bad_input_is_named(name):
    codes, labels = clusters(1)
    with pytest.raises(ValueError, match="all rows are 'amoeba'"):
        fit(name, codes, np.full(len(labels), "amoeba"))
    with pytest.raises(ValueError, match="do not belong to 120 codes"):
        fit(name, codes, labels[1:])
    codes[3, 2] = np.nan
    with pytest.raises(ValueError, match="dimension 2 is not finite"):
        fit(name, codes, labels)
