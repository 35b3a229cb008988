"""Probes: separable classes, chance, no leak, names that do not matter; scores and baselines."""

import logging
import warnings

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score
from sklearn.neural_network import MLPClassifier

from fovscope import FovscopeError
from fovscope.probes.classifiers import fit_classifier, predict_with_probes
from fovscope.probes.confidence import fit_probe
from fovscope.probes.gbt import gbt
from fovscope.probes.mlp import mlp
from fovscope.probes.perceptron import MultilayerPerceptron
from fovscope.probes.scores import classification_scores, confusion_shares
from fovscope.registry import RegistryError
from fovscope.study.config import load_study

PROBES = {
    "gbt": {"rounds": 20},
    "mlp": {"hidden": (32,), "learning_rate": 1e-2, "max_epochs": 500},
}


def run_probes(train, labels, test, test_labels):
    predictions = predict_with_probes(train, labels, test, probes=PROBES, seed=0)
    return {name: classification_scores(test_labels, p) for name, p in predictions.items()}


def blobs(spread, seed=0):
    codes, labels = make_blobs(
        [60, 120, 180], n_features=5, cluster_std=spread, center_box=(-5, 5), random_state=seed
    )
    test = np.arange(len(codes)) % 3 == 0
    return codes[~test], labels[~test], codes[test], labels[test]


def test_separable_classes_are_told_apart():
    train, labels, test, test_labels = blobs(0.05)
    scores = run_probes(train, labels, test, test_labels)
    assert set(scores) == {"gbt", "mlp"}
    for of_probe in scores.values():
        assert of_probe == {"balanced_accuracy": 1, "accuracy": 1, "macro_f1": 1}


def test_shuffled_labels_are_chance():
    train, labels, test, test_labels = blobs(0.05)
    rng = np.random.default_rng(0)
    scores = run_probes(train, rng.permutation(labels), test, test_labels)
    for of_probe in scores.values():
        assert of_probe["balanced_accuracy"] == pytest.approx(1 / 3, abs=0.2)


def test_same_seed_same_numbers_and_the_seed_reaches_the_mlp():
    data = blobs(4)
    once, twice = (predict_with_probes(*data[:3], probes=PROBES, seed=1) for _ in range(2))
    other = predict_with_probes(*data[:3], probes=PROBES, seed=2)
    for probe in once:
        assert (once[probe] == twice[probe]).all()
    assert (once["mlp"] != other["mlp"]).any()


def test_names_of_classes_change_nothing():
    train, labels, test, test_labels = blobs(4)
    names = np.array(["Euplotes", "Arcella", "Volvox"])
    expected = run_probes(train, labels, test, test_labels)
    shifted = run_probes(train, labels + 7, test, test_labels + 7)
    assert shifted == expected
    ordered = np.sort(names)
    named = run_probes(train, ordered[labels], test, ordered[test_labels])
    assert named == expected
    # In another order the classes swap output units: the same task from other initial weights.
    unordered = run_probes(train, names[labels], test, names[test_labels])
    assert unordered["gbt"] == pytest.approx(expected["gbt"], abs=0.03)
    assert unordered["mlp"] == pytest.approx(expected["mlp"], abs=0.08)


def test_labels_come_back_as_they_came_in():
    train, labels, test, test_labels = blobs(0.05)
    names = np.array(["Volvox", "Arcella", "Euplotes"], dtype=object)
    predicted = predict_with_probes(train, names[labels], test, probes=PROBES, seed=0)
    assert (predicted["gbt"] == names[test_labels]).all()
    assert (predicted["mlp"] == names[test_labels]).all()


def test_test_rows_do_not_reach_the_fit():
    train, labels, test, _ = blobs(4)
    alone = predict_with_probes(train, labels, test[:1], probes=PROBES, seed=0)
    crowded = predict_with_probes(
        train, labels, np.vstack([test[:1], 1e3 * test]), probes=PROBES, seed=0
    )
    for probe in alone:
        assert alone[probe][0] == crowded[probe][0]


def test_units_of_the_codes_do_not_matter():
    train, labels, test, _ = blobs(4)
    expected = predict_with_probes(train, labels, test, probes=PROBES, seed=0)
    shifted = predict_with_probes(train / 64, labels, test / 64, probes=PROBES, seed=0)
    for probe in expected:
        assert np.mean(shifted[probe] == expected[probe]) > 0.99


def test_defaults_are_those_of_the_paper():
    train, labels, *_ = blobs(0.05)
    trees = gbt(train, labels, 5, 1).get_params()
    expected = {"n_estimators": 100, "max_depth": 4, "learning_rate": 0.1, "tree_method": "hist"}
    assert {name: trees[name] for name in expected} == expected
    network = mlp(train, labels, 5, 1, max_epochs=1)[-1].get_params()
    expected = {"hidden_layer_sizes": (256, 256), "alpha": 1e-7, "batch_size": 200}
    assert {name: network[name] for name in expected} == expected
    published = load_study({"variant": "paper"}).probes["mlp"]
    network = mlp(train, labels, 5, 1, **published | {"max_epochs": 1})[-1].get_params()
    expected |= {"learning_rate_init": 1e-4}
    assert {name: network[name] for name in expected} == expected


def test_options_arrive_and_only_the_probes_that_were_asked_for_are_fitted():
    train, labels, test, _ = blobs(0.05)
    few = {"gbt": {"rounds": 3, "depth": 2, "learning_rate": 0.5}}
    assert list(predict_with_probes(train, labels, test, probes=few, seed=0)) == ["gbt"]
    trees = fit_probe("gbt", train, labels, options=few["gbt"], seed=7).classifier.get_params()
    expected = {"n_estimators": 3, "max_depth": 2, "learning_rate": 0.5, "random_state": 7}
    assert {name: trees[name] for name in expected} == expected
    layers = {"hidden": [8, 4], "alpha": 0.5, "max_epochs": 1, "learning_rate": 0.1}
    network = fit_probe("mlp", train, labels, options=layers, seed=7).classifier[-1].get_params()
    expected = {"hidden_layer_sizes": (8, 4), "alpha": 0.5, "learning_rate_init": 0.1}
    assert {name: network[name] for name in expected} == expected
    with pytest.raises(RegistryError, match="unknown probe 'gtb'; did you mean 'gbt'"):
        predict_with_probes(train, labels, test, probes={"gtb": {}}, seed=0)


def test_mlp_that_does_not_converge_is_logged(caplog):
    train, labels, test, _ = blobs(4)
    with caplog.at_level(logging.WARNING):
        predict_with_probes(train, labels, test, probes=PROBES, seed=0)
    assert not caplog.records
    short = PROBES | {"mlp": PROBES["mlp"] | {"max_epochs": 3}}
    with caplog.at_level(logging.WARNING):
        predict_with_probes(train, labels, test, probes=short, seed=0)
    assert "did not converge in 3 epochs" in caplog.text


def test_mlp_converges_by_default_and_explains_every_training_row(caplog):
    """The published network has 300 weights a row; the loss, not the epochs, ends training."""
    train, labels, *_ = blobs(4)
    with caplog.at_level(logging.WARNING):
        network = mlp(train, labels, 0, 1)
    assert not caplog.records
    assert network[-1].n_iter_ < 1000
    assert network.score(train, labels) == 1


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("batch_size", [40, 200])
def test_perceptron_is_that_of_scikit_learn(n_classes, batch_size):
    """Same seed, same weights: step by step, the last and smaller batch included."""
    codes, labels = make_blobs(150, 4, centers=n_classes, cluster_std=8, random_state=0)
    same = {"batch_size": batch_size, "alpha": 0.1, "learning_rate_init": 1e-2, "random_state": 3}
    ours = MultilayerPerceptron((16, 8), max_iter=20, **same).fit(codes, labels)
    same["batch_size"] = min(batch_size, len(codes))  # scikit-learn warns of larger ones
    theirs = MLPClassifier((16, 8), max_iter=20, **same)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(codes, labels)
    assert not ours.converged_
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-9)
    for layer, weights, biases in zip(ours.layers_, theirs.coefs_, theirs.intercepts_, strict=True):
        np.testing.assert_allclose(layer, np.vstack([weights, biases]), rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(
        ours.predict_proba(codes), theirs.predict_proba(codes), rtol=1e-7, atol=1e-10
    )
    assert (ours.predict(codes) == theirs.predict(codes)).all()


def test_perceptron_ends_where_scikit_learn_does():
    codes, labels = make_blobs(150, 4, centers=5, cluster_std=2, random_state=0)
    same = {"learning_rate_init": 1e-2, "alpha": 1e-7, "max_iter": 2000, "random_state": 3}
    ours = MultilayerPerceptron((16, 8), **same).fit(codes, labels)
    theirs = MLPClassifier((16, 8), batch_size=150, **same).fit(codes, labels)
    assert ours.converged_
    assert ours.n_iter_ == theirs.n_iter_


def test_trees_of_wide_codes_see_some_columns_and_of_narrow_ones_all():
    train, labels, *_ = blobs(0.05)
    shares = [gbt(train, labels, 0, 1, rounds=1, columns=n).colsample_bytree for n in (3, 5, 2048)]
    assert shares == [3 / 5, 1, 1]


def test_trees_of_very_wide_codes_see_the_columns_that_the_seed_draws():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    codes = rng.normal(size=(200, 40)) + 2 * labels[:, None]  # any four columns tell the classes
    of_seed = {
        seed: gbt(codes, labels, seed, 1, rounds=20, columns=2).predict_proba(codes)
        for seed in (0, 1)
    }
    assert all(((p[:, 1] > 0.5) == labels).mean() > 0.95 for p in of_seed.values())
    again = gbt(codes, labels, 0, 1, rounds=20, columns=2)
    np.testing.assert_array_equal(again.predict_proba(codes), of_seed[0])
    assert (of_seed[0] != of_seed[1]).any()
    responds = []
    for column in range(codes.shape[1]):
        moved = codes.copy()
        moved[:, column] = moved[::-1, column]
        responds.append((again.predict_proba(moved) != of_seed[0]).any())
    assert sum(responds) == 4


def test_bad_input_is_named():
    train, labels, test, _ = blobs(0.05)
    with pytest.raises(ValueError, match="all rows are '1'"):
        predict_with_probes(train, np.ones_like(labels), test, probes=PROBES, seed=0)
    with pytest.raises(ValueError, match="do not belong to"):
        predict_with_probes(train, labels[1:], test, probes=PROBES, seed=0)
    train[3, 2] = np.inf
    with pytest.raises(ValueError, match="dimension 2 is not finite"):
        predict_with_probes(train, labels, test, probes=PROBES, seed=0)


def test_scores_of_a_known_table():
    true = ["a"] * 6 + ["b"] * 4
    predicted = ["a"] * 3 + ["b"] * 3 + ["b"] * 4
    scores = classification_scores(true, predicted)
    assert scores["balanced_accuracy"] == pytest.approx((3 / 6 + 4 / 4) / 2)
    assert scores["accuracy"] == pytest.approx(7 / 10)
    assert scores["macro_f1"] == pytest.approx((2 * 3 / 9 + 2 * 4 / 11) / 2)


def test_confusion_is_that_of_a_known_table():
    true, predicted = ["a"] * 6 + ["b"] * 4, ["a"] * 3 + ["b"] * 2 + ["c"] + ["b"] * 4
    cells = confusion_shares(true, predicted).pivot(index="true", columns="predicted")["value"]
    assert cells.loc["a"].to_dict() == {"a": 3 / 6, "b": 2 / 6, "c": 1 / 6}
    assert cells.loc["b"].to_dict() == {"a": 0, "b": 1, "c": 0}
    assert len(cells) == 2  # no test row is of class c


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_class_absent_from_the_test_rows_is_left_out_as_scikit_learn_does():
    true, predicted = [0, 0, 1, 1], [0, 2, 1, 1]
    scores = classification_scores(true, predicted)
    assert scores["balanced_accuracy"] == balanced_accuracy_score(true, predicted) == 0.75


@pytest.mark.parametrize("n_classes", [2, 4, 12])
def test_guessing_the_largest_class_has_chance_balanced_accuracy(n_classes):
    names = np.array([f"moa-{c:02d}" for c in range(n_classes)])
    labels = np.repeat(names, np.arange(n_classes) + 1)
    scores = classification_scores(labels, np.full(len(labels), names[-1]))
    assert scores["balanced_accuracy"] == 1 / n_classes
    assert scores["accuracy"] == pytest.approx(n_classes / len(labels))


def test_one_class_is_named():
    with pytest.raises(FovscopeError, match="two classes to tell apart; all rows are 'a'"):
        fit_classifier("gbt", np.eye(3), ["a"] * 3, options={}, seed=0)
