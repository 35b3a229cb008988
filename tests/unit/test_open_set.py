"""Detectors and distances on codes whose distributions, hence scores, are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from fovscope import FovscopeError
from fovscope.dimensions import dimension_names
from fovscope.factors import Factor, bind
from fovscope.interpret.known import NEIGHBOUR, fit_known_classes
from fovscope.interpret.open_set import detection_scores, score_open_set

FACTORS = [Factor(name=name, values=3) for name in ("Texture", "Color", "Shape")]
NAMES = dimension_names(8, bind(FACTORS, angles=False))
QUICK = {"gbt": {"rounds": 5}, "mlp": {"max_epochs": 300, "learning_rate": 1e-2}}


# Detection -------------------------------------------------------------------------------


def test_a_detector_that_separates_is_perfect_and_a_constant_knows_nothing():
    known = np.arange(100.0)
    assert detection_scores(known, known + 100) == {"auroc": 1, "fpr95": 0}
    assert detection_scores(known, known - 100) == {"auroc": 0, "fpr95": 1}
    assert detection_scores(np.zeros(10), np.zeros(5)) == {"auroc": 0.5, "fpr95": 1}


def test_the_threshold_takes_95_of_100_known_images_for_known():
    known = np.arange(100.0)  # the smallest such threshold is 94
    assert detection_scores(known, [93.5, 94, 94.5, 95])["fpr95"] == 0.5
    assert detection_scores(np.arange(10.0), [8.5])["fpr95"] == 1  # and of 10 all


def test_scores_of_two_normal_distributions():
    rng = np.random.default_rng(0)
    shift = 1.5
    found = detection_scores(rng.standard_normal(100_000), shift + rng.standard_normal(100_000))
    assert found["auroc"] == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=0.005)
    assert found["fpr95"] == pytest.approx(norm.cdf(norm.ppf(0.95) - shift), abs=0.01)


# What is known ---------------------------------------------------------------------------

MEANS = np.array([[0.0, 0, 0], [4, 0, 0]])
COVARIANCE = np.array([[1.0, 0.6, 0], [0.6, 2, 0], [0, 0, 0.5]])


@pytest.fixture(scope="module")
def two_classes():
    rng = np.random.default_rng(1)
    codes = [rng.multivariate_normal(mean, COVARIANCE, 20_000) for mean in MEANS]
    return np.concatenate(codes), np.repeat(["a", "b"], 20_000)


def test_mahalanobis_is_that_of_the_distribution_to_the_nearest_class(two_classes):
    known = fit_known_classes(*two_classes, active_sd=0.05)
    points = np.array([[0.0, 0, 0], [1, -1, 0], [4, 3, 1], [9, 0, 0]])
    precision = np.linalg.inv(COVARIANCE)
    expected = [
        min(np.sqrt((point - mean) @ precision @ (point - mean)) for mean in MEANS)
        for point in points
    ]
    np.testing.assert_allclose(known.mahalanobis(points), expected, rtol=0.03, atol=0.03)


def test_units_signs_and_order_of_the_dimensions_do_not_matter(two_classes):
    codes, labels = (part[::40] for part in two_classes)
    points = codes[:50] + 1
    known = fit_known_classes(codes, labels, active_sd=0.05)
    change = [-3, 0.5, 20] * np.eye(3)[:, [2, 0, 1]]
    changed = fit_known_classes(codes @ change, labels, active_sd=0.05)
    for method in ("mahalanobis", "neighbour_distance"):
        np.testing.assert_allclose(
            getattr(known, method)(points), getattr(changed, method)(points @ change)
        )


def test_members_of_a_class_deviate_by_one_spread(two_classes):
    codes, labels = two_classes
    known = fit_known_classes(codes, labels, active_sd=0.05)
    deviations = known.deviations(codes[labels == "b"], labels[labels == "b"])
    np.testing.assert_allclose(deviations.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(deviations.std(axis=0, ddof=1), 1)
    # Two spreads above the other class's centroid, in that class's units.
    two = known.centroids[0] + [0, 2 * known.spreads[0, 1], 0]
    np.testing.assert_allclose(known.deviations(two[None], ["a"]), [[0, 2, 0]], atol=1e-9)


def test_the_k_th_neighbour_is_counted():
    line = np.arange(100.0)
    known = fit_known_classes(line[:, None], np.repeat(["a", "b"], 50), active_sd=0.05)
    assert known.neighbour_distance([[-1.0]]) == pytest.approx(NEIGHBOUR / line.std())


def test_an_inactive_dimension_has_no_say(two_classes):
    codes, labels = (part[::40] for part in two_classes)
    still = 0.01 * np.random.default_rng(2).standard_normal((len(codes), 1))
    known = fit_known_classes(np.hstack([codes, still]), labels, active_sd=0.05)
    assert known.active.tolist() == [True, True, True, False]
    far = np.array([[0.0, 0, 0, 100]])
    expected = fit_known_classes(codes, labels, active_sd=0.05)
    assert known.mahalanobis(far) == pytest.approx(expected.mahalanobis(far[:, :3]))
    assert known.neighbour_distance(far) == pytest.approx(expected.neighbour_distance(far[:, :3]))


@pytest.mark.parametrize(
    ("codes", "labels", "message"),
    [
        (np.eye(4) * 1e-3, list("aabb"), "collapsed"),
        (np.arange(6.0)[:, None], list("aaaaab"), "class 'b' has 1 training images"),
        (np.array([[0.0], [1], [2], [2]]), list("aabb"), "class 'b' has 2 training images without"),
    ],
)
def test_what_has_no_spread_is_named(codes, labels, message):
    with pytest.raises(FovscopeError, match=message):
        fit_known_classes(codes, labels, active_sd=0.05)


# A planted class -------------------------------------------------------------------------


def planted(shift=3.0, n=150):
    """Classes a and b, and one that differs from a by `shift` spreads in Shape alone."""
    rng = np.random.default_rng(3)
    labels = np.repeat(["a", "b", "new class"], n)
    codes = rng.standard_normal((3 * n, 8))
    codes[labels == "b", 0] += 10
    codes[labels == "new class", 2] -= shift
    manifest = pd.DataFrame(
        {
            "image_id": [f"{i}.png" for i in range(3 * n)],
            "label": labels,
            "split": rng.choice(["train", "val", "test"], 3 * n, p=[0.6, 0.1, 0.3]),
        }
    )
    return manifest, codes


def score(manifest, codes):
    return score_open_set(
        manifest,
        codes,
        held_out="new class",
        dimensions=NAMES,
        active_sd=0.05,
        probes=QUICK,
        seed=0,
        threads=1,
    )


def test_the_planted_difference_is_found_and_named():
    scores, _ = score(*planted(shift=3))
    cells = scores.set_index(["detector", "probe", "mistaken_for", "dimension", "score"])["value"]
    for probe in ("gbt", "mlp"):
        assert cells["", probe, "a", "", "share"] > 0.98
        distance = cells["", probe, "a", :, "distance"]
        assert list(distance.index) == NAMES
        assert distance["z2 Shape"] == pytest.approx(3, abs=0.35)
        # The mean of |x| of a standard normal.
        assert np.allclose(distance.drop("z2 Shape"), np.sqrt(2 / np.pi), atol=0.2)
        assert cells["", probe, "a", "z2 Shape", "shift"] == pytest.approx(-3, abs=0.35)
    assert cells["mahalanobis", "", "", "", "auroc"] > 0.8
    assert cells["knn", "", "", "", "auroc"] > 0.8


def test_what_does_not_differ_is_not_detected():
    scores, _ = score(*planted(shift=0))
    auroc = scores[scores["score"] == "auroc"].set_index("detector")["value"]
    assert set(auroc.index) == {"mahalanobis", "knn", "gbt confidence", "mlp confidence"}
    assert auroc["mahalanobis"] == pytest.approx(0.5, abs=0.12)
    assert auroc["knn"] == pytest.approx(0.5, abs=0.12)


def test_a_class_between_two_makes_the_mlp_unsure():
    manifest, codes = planted(shift=0)
    codes[manifest["label"] == "new class", 0] += 5
    scores, _ = score(manifest, codes)
    auroc = scores[scores["score"] == "auroc"].set_index("detector")["value"]
    assert auroc["mlp confidence"] > 0.8


def test_shares_are_of_all_held_out_images_and_every_known_class_has_one():
    scores, images = score(*planted())
    for _, rows in scores[scores["score"] == "share"].groupby("probe"):
        assert rows["mistaken_for"].tolist() == ["a", "b"]
        assert rows["value"].sum() == pytest.approx(1)
    assert (images["held_out"] & (images["split"] != "test")).any()
    assert set(images["predicted"]) == {"a", "b"}
    assert (images.loc[~images["held_out"], "split"] == "test").all()


def test_nothing_of_the_held_out_class_is_fitted_on():
    manifest, codes = planted()
    _, images = score(manifest, codes)
    other = codes.copy()
    other[manifest["label"] == "new class"] += 100
    _, again = score(manifest, other)
    known = ~images["held_out"]
    pd.testing.assert_frame_equal(images[known], again[known])


@pytest.mark.parametrize(("known", "novel"), [(0, 1), (1, 0)])
def test_nothing_is_compared_with_no_test_images(known, novel):
    counts = {"a": (2, known), "b": (2, known), "c": (2, novel)}
    labels = [label for label, of in counts.items() for _ in range(sum(of))]
    splits = [s for of in counts.values() for s in ["train"] * of[0] + ["test"] * of[1]]
    images = pd.DataFrame({"image_id": labels, "label": labels, "split": splits})
    codes = np.random.default_rng(0).standard_normal((len(images), 2))
    options = {"dimensions": ["z0", "z1"], "active_sd": 0.05, "probes": QUICK}
    with pytest.raises(FovscopeError, match="no image is in the test split"):
        score_open_set(images, codes, held_out="c", **options, seed=0, threads=1)
