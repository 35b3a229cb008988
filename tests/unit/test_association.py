"""Correlations with known values, honest p-values, and codes that carry a planted feature."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fovscope.datasets.prepare import generate_images
from fovscope.generators.synthetic_cells import SyntheticCells
from fovscope.interpret.association import correlate, correlate_pairs
from fovscope.interpret.features import FEATURES
from fovscope.interpret.objects import measure_objects


def random_features(n, rng):
    table = {name: rng.standard_normal(n) for name in FEATURES}
    for name, feature in FEATURES.items():
        if feature.period:
            table[name] = rng.uniform(0, feature.period, n)
    return pd.DataFrame(table)


def value(table, score, dimension, feature):
    (found,) = table.query("score == @score and dimension == @dimension and feature == @feature")[
        "value"
    ]
    return found


def test_plain_coefficients_are_those_of_scipy():
    rng = np.random.default_rng(0)
    codes, features = rng.standard_normal((60, 3)), random_features(60, rng)
    features["area"] = np.exp(codes[:, 1]) + 0.1 * features["area"]
    features["entropy"] = rng.integers(0, 4, 60)  # ties
    found = correlate(codes, features, seed=0, permutations=20)
    for feature in ("area", "entropy"):
        for dimension in range(3):
            x, y = codes[:, dimension], features[feature]
            pearson, spearman = stats.pearsonr(x, y)[0], stats.spearmanr(x, y)[0]
            assert value(found, "pearson", dimension, feature) == pytest.approx(pearson)
            assert value(found, "spearman", dimension, feature) == pytest.approx(spearman)


def test_a_direction_has_mardias_coefficient():
    """R² = (a² + b² - 2abc) / (1 - c²) with the correlations of cosine, sine and code."""
    rng = np.random.default_rng(1)
    features = random_features(80, rng)
    angle = np.deg2rad(2 * features["orientation"].to_numpy())
    codes = (np.cos(angle + 0.7) + 0.5 * rng.standard_normal(80))[:, None]
    a = np.corrcoef(codes[:, 0], np.cos(angle))[0, 1]
    b = np.corrcoef(codes[:, 0], np.sin(angle))[0, 1]
    c = np.corrcoef(np.cos(angle), np.sin(angle))[0, 1]
    expected = np.sqrt((a**2 + b**2 - 2 * a * b * c) / (1 - c**2))
    found = correlate(codes, features, seed=0, permutations=20)
    assert value(found, "pearson", 0, "orientation") == pytest.approx(expected)


@pytest.mark.parametrize("feature", ["hue", "orientation"])
def test_a_direction_has_no_beginning(feature):
    rng = np.random.default_rng(2)
    codes, features = rng.standard_normal((50, 2)), random_features(50, rng)
    shifted = features.assign(**{feature: (features[feature] + 77) % FEATURES[feature].period})
    first, second = (correlate(codes, f, seed=0, permutations=20) for f in (features, shifted))
    np.testing.assert_allclose(first["value"], second["value"])


def test_coefficients_keep_under_scaling_and_ranks_under_any_monotone_change():
    rng = np.random.default_rng(3)
    codes, features = rng.standard_normal((50, 2)), random_features(50, rng)
    plain = correlate(codes, features, seed=0, permutations=20)
    scaled = correlate(-5 * codes + 3, features, seed=0, permutations=20)
    bent = correlate(np.exp(codes), features, seed=0, permutations=20)
    plain_features = ~plain["feature"].isin(["hue", "orientation"])
    np.testing.assert_allclose(scaled["value"][plain_features], -plain["value"][plain_features])
    np.testing.assert_allclose(scaled["value"].abs(), plain["value"].abs())
    ranked = plain["score"] == "spearman"
    np.testing.assert_allclose(bent["value"][ranked], plain["value"][ranked])


def test_p_values_of_independent_codes_are_uniform_and_nothing_is_discovered():
    rng = np.random.default_rng(4)
    codes, features = rng.standard_normal((100, 10)), random_features(100, rng)
    found = correlate(codes, features, seed=0, permutations=200)
    for _, rows in found.groupby("score"):
        assert stats.kstest(rows["p"], "uniform").pvalue > 0.01
        assert (rows["q"] > 0.05).all()
    assert found["p"].min() >= 1 / 2001


def test_p_values_agree_with_the_exact_null_of_scipy():
    rng = np.random.default_rng(5)
    features = random_features(40, rng)
    codes = rng.standard_normal((40, 4)) + 0.25 * features[["area"]].to_numpy()
    found = correlate(codes, features, seed=0, permutations=2_000).query(
        "score == 'pearson' and feature == 'area'"
    )
    expected = [stats.pearsonr(column, features["area"]).pvalue for column in codes.T]
    np.testing.assert_allclose(found["p"], expected, rtol=0.25, atol=0.01)


def test_false_discoveries_are_corrected_for_all_tests_of_a_coefficient():
    rng = np.random.default_rng(6)
    codes, features = rng.standard_normal((60, 3)), random_features(60, rng)
    found = correlate(codes, features, seed=0, permutations=100)
    for _, rows in found.groupby("score"):
        np.testing.assert_allclose(rows["q"], stats.false_discovery_control(rows["p"]))


def test_a_single_true_correlation_among_hundreds_is_found():
    rng = np.random.default_rng(7)
    codes, features = rng.standard_normal((200, 10)), random_features(200, rng)
    codes[:, 4] += features["solidity"]
    found = correlate(codes, features, seed=0)
    discovered = found[found["q"] < 0.05]
    assert set(zip(discovered["dimension"], discovered["feature"], strict=True)) == {
        (4, "solidity")
    }
    # None of 10 · 1,000 permuted ones is as large: p is their number + 1 over all + 1.
    assert (discovered["p"] == 1 / 10_001).all()


def test_constant_features_have_no_rows_and_constant_dimensions_no_correlation():
    rng = np.random.default_rng(8)
    codes, features = rng.standard_normal((50, 2)), random_features(50, rng)
    codes[:, 1] = 0.3
    grey = features.assign(hue=np.nan, saturation=0.1)
    found = correlate(codes, grey, seed=0, permutations=50)
    assert not found["feature"].isin(["hue", "saturation"]).any()
    constant = found[found["dimension"] == 1]
    assert (constant["value"] == 0).all()
    assert (constant["p"] == 1).all()


def test_the_same_seed_gives_the_same_p_values():
    rng = np.random.default_rng(9)
    codes, features = rng.standard_normal((50, 2)), random_features(50, rng)
    first, second, other = (
        correlate(codes, features, seed=seed, permutations=30) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, second)
    assert not first["p"].equals(other["p"])


def test_codes_and_features_must_be_of_the_same_images():
    with pytest.raises(ValueError, match="3 codes do not belong to 4 rows"):
        correlate(np.zeros((3, 1)), pd.DataFrame({"area": range(4)}), seed=0)


# Pairs of dimensions, cosine and sine ------------------------------------------------------


def directions(n, rng, feature="hue"):
    """Features with evenly spaced directions in random order, and these as angles (N,)."""
    features, period = random_features(n, rng), FEATURES[feature].period
    features[feature] = rng.permutation(n) * period / n
    return features, 2 * np.pi * features[feature].to_numpy() / period


def of_pair(codes, features, feature="hue", score="pearson", **options):
    found = correlate_pairs(codes, features, [(0, 1)], seed=0, **{"permutations": 20} | options)
    return value(found, score, 0, feature)


@pytest.mark.parametrize("score", ["pearson", "spearman"])
@pytest.mark.parametrize("feature", ["hue", "orientation"])
def test_a_turned_scaled_and_shifted_direction_has_a_correlation_of_1(feature, score):
    features, angle = directions(90, np.random.default_rng(10), feature)
    features[feature] = 0.6 * features[feature]  # not all around: centring has something to do
    turned = 0.6 * angle + 2.1
    codes = 3 * np.stack([np.cos(turned), np.sin(turned)], axis=1) + [5.0, -2.0]
    assert of_pair(codes, features, feature, score) == pytest.approx(1)


@pytest.mark.parametrize("score", ["pearson", "spearman"])
def test_a_mirrored_direction_does_not_count_although_each_coordinate_is_there(score):
    features, angle = directions(90, np.random.default_rng(11))
    codes = np.stack([np.cos(angle), -np.sin(angle)], axis=1)
    assert of_pair(codes, features, score=score) == pytest.approx(0, abs=1e-9)
    alone = correlate(codes, features, seed=0, permutations=20)
    assert value(alone, "pearson", 1, "hue") == pytest.approx(1)


@pytest.mark.parametrize(("a", "b"), [(2.0, 1.0), (1.0, 0.0), (1.0, -1.0)])
def test_an_ellipse_has_the_share_of_its_circle(a, b):
    """(a cos φ, b sin φ) is (a + b)/2 exp(iφ) + (a - b)/2 exp(-iφ), and the first counts."""
    features, angle = directions(60, np.random.default_rng(12))
    codes = np.stack([a * np.cos(angle), b * np.sin(angle)], axis=1)
    expected = (a + b) / np.sqrt(2 * (a**2 + b**2))
    assert of_pair(codes, features) == pytest.approx(expected, abs=1e-9)


def test_a_plain_feature_has_the_multiple_correlation_of_a_regression():
    rng = np.random.default_rng(13)
    codes, features = rng.standard_normal((70, 2)), random_features(70, rng)
    codes[:, 1] += 0.8 * codes[:, 0]
    features["area"] = np.exp(codes[:, 0] - codes[:, 1]) + features["area"]
    for score, change in (("pearson", np.asarray), ("spearman", stats.rankdata)):
        x = np.column_stack([np.ones(70), *(change(column) for column in codes.T)])
        y = change(features["area"])
        fitted = x @ np.linalg.lstsq(x, y)[0]
        expected = np.corrcoef(fitted, y)[0, 1]
        assert of_pair(codes, features, "area", score) == pytest.approx(expected)


def test_ranks_of_a_direction_keep_however_far_the_points_lie_from_the_middle():
    rng = np.random.default_rng(14)
    features, angle = directions(80, rng)
    radius = np.tile(rng.uniform(0.2, 3, 40), 2)  # opposite points balance, so the mean stays
    codes = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    codes *= radius[np.rint(features["hue"] * 80 / 360).astype(int)][:, None]
    assert of_pair(codes, features, score="spearman") == pytest.approx(1)
    # Of r exp(iφ) with exp(iφ): the mean of r over its root mean square.
    expected = radius.mean() / np.sqrt((radius**2).mean())
    assert of_pair(codes, features) == pytest.approx(expected)


def test_independent_pairs_have_the_correlations_of_chance_and_honest_p_values():
    """R² is 2/(N - 1) in the mean, the square of the rotational correlation 1/(N - 1)."""
    rng, n = np.random.default_rng(15), 40
    found = pd.concat(
        correlate_pairs(
            *(rng.standard_normal((n, 4)), random_features(n, rng), [(0, 1), (2, 3)]),
            seed=seed,
            permutations=200,
        ).assign(run=seed)
        for seed in range(25)
    ).query("score == 'pearson'")
    direction = found["feature"].isin(["hue", "orientation"])
    plain, turned = found[~direction], found[direction]
    assert (plain["value"] ** 2).mean() == pytest.approx(2 / (n - 1), rel=0.1)
    assert (turned["value"] ** 2).mean() == pytest.approx(1 / (n - 1), rel=0.4)
    assert stats.kstest(plain.groupby(["run", "dimension"])["p"].first(), "uniform").pvalue > 0.01
    assert stats.kstest(turned["p"], "uniform").pvalue > 0.01
    assert found["p"].min() >= 1 / 401
    for _, rows in found.groupby("run"):
        np.testing.assert_allclose(rows["q"], stats.false_discovery_control(rows["p"]))


def test_a_pair_that_does_not_vary_goes_with_nothing():
    rng = np.random.default_rng(16)
    codes, features = np.full((30, 2), 0.3), random_features(30, rng)
    found = correlate_pairs(codes, features, [(0, 1)], seed=0, permutations=20)
    assert (found["value"] == 0).all()
    assert (found["p"] == 1).all()
    grey = features.assign(hue=np.nan, saturation=0.1)
    found = correlate_pairs(codes, grey, [(0, 1)], seed=0, permutations=20)
    assert not found["feature"].isin(["hue", "saturation"]).any()


def test_a_planted_code_goes_with_its_handcrafted_twin(tmp_path):
    """From generated images over measured objects: each factor is found in its own feature."""
    table = generate_images(SyntheticCells(), tmp_path, images=80, seed=3)
    manifest = table.assign(image_id=table["path"], mask_path=table["mask"])
    preprocessing = {"background": 255, "white_level": None}
    for given in (True, False):  # masks of the data set, automatic segmentation
        images = manifest if given else manifest.assign(mask_path=None)
        objects, _ = measure_objects(images, tmp_path, preprocessing)
        assert (objects["flag"] == "").all()
        angle = np.deg2rad(table["Orientation"])
        planted = {
            "area": table["Size"],
            "elongation": table["Elongation"],
            "hue": np.cos(np.deg2rad(table["Hue"] - 275)),
            "orientation": np.sin(2 * angle),
        }
        codes = np.stack([(c - c.mean()) / c.std() for c in planted.values()], axis=1)
        codes = np.column_stack([codes, table["Granularity"] * 3])
        codes += 0.2 * np.random.default_rng(0).standard_normal(codes.shape)
        found = correlate(codes, objects[list(FEATURES)], seed=0, permutations=100)
        pearson = found[found["score"] == "pearson"]
        strongest = pearson.loc[
            pearson["value"].abs().groupby(pearson["dimension"]).idxmax(), "feature"
        ].tolist()
        assert strongest[:4] == list(planted)
        assert FEATURES[strongest[4]].group == "Texture"
        # Factors run the same way round as their counterparts, so that cosine and sine are found.
        turns = {"hue": np.deg2rad(table["Hue"]), "orientation": 2 * angle}
        circles = np.stack([f(turn) for turn in turns.values() for f in (np.cos, np.sin)], axis=1)
        found = correlate_pairs(
            circles, objects[list(FEATURES)], [(0, 1), (2, 3)], seed=0, permutations=20
        )
        pearson = found[found["score"] == "pearson"].pivot(index="dimension", columns="feature")
        assert pearson["value"].idxmax(axis=1).tolist() == list(turns)
        assert (pearson["value"].max(axis=1) > 0.95).all()
