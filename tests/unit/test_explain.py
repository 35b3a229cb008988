"""Importances of planted dimensions, and what is left out of a correlation."""

import numpy as np
import pandas as pd
import pytest

from fovscope.factors import Factor, bind
from fovscope.interpret.explain import FEWEST, correlate_factors, explain_codes
from fovscope.interpret.features import FEATURES
from fovscope.interpret.importance import dimension_importance

TREES = {"rounds": 20}


def planted(n, rng):
    """Codes of which the second tells four classes into pairs, and the fourth the rest."""
    codes = rng.standard_normal((n, 5))
    labels = np.array(["a", "b", "c", "d"])[2 * (codes[:, 1] > 0) + (codes[:, 3] > 0)]
    return codes, labels


def test_the_dimensions_that_classify_have_all_of_the_importance():
    rng = np.random.default_rng(0)
    codes, labels = planted(600, rng)
    found = dimension_importance(
        codes[:400], labels[:400], codes[400:], labels[400:], options=TREES, seed=0
    )
    gain, loss = (
        found[found["score"] == score]["value"].to_numpy() for score in found.score.unique()
    )
    assert gain.sum() == pytest.approx(1)
    np.testing.assert_allclose(gain, [0, 0.5, 0, 0.5, 0], atol=0.07)
    # Without one of the two questions every second guess is right.
    np.testing.assert_allclose(loss, [0, 0.5, 0, 0.5, 0], atol=0.07)


def test_gain_is_not_the_number_of_splits():
    """With wrong labels the trees also split on noise, often and in vain."""
    rng = np.random.default_rng(5)
    codes, labels = planted(400, rng)
    wrong = rng.random(400) < 0.15
    labels[wrong] = rng.permutation(labels[wrong])
    found = dimension_importance(
        codes[:300], labels[:300], codes[300:], labels[300:], options=TREES, seed=0
    )
    gain = found[found["score"] == "gain"]["value"].to_numpy()
    assert gain[[1, 3]].sum() > 0.7


def test_values_are_shuffled_among_the_test_images_of_their_own_dimension():
    """What is the same on all test images cannot be lost, however much it matters."""
    rng = np.random.default_rng(6)
    codes, labels = planted(600, rng)
    test = codes[400:].copy()
    test[:, 1] = 1.5
    found = dimension_importance(
        codes[:400], labels[:400], test, labels[400:], options=TREES, seed=0
    )
    loss = found[found["score"] == "permutation"]["value"].to_numpy()
    assert loss[1] == 0
    assert loss[3] > 0.1


def test_of_two_copies_the_trees_need_neither():
    """Gain finds the information wherever it is, permutation only where nothing else has it."""
    rng = np.random.default_rng(1)
    codes = rng.standard_normal((600, 1)) @ np.ones((1, 2)) + 0.3 * rng.standard_normal((600, 2))
    labels = np.where(codes.sum(axis=1) > 0, "a", "b")
    found = dimension_importance(
        codes[:400], labels[:400], codes[400:], labels[400:], options=TREES, seed=0
    ).set_index("score")["value"]
    assert found["gain"].sum() == pytest.approx(1)
    assert (found["permutation"] < 0.4).all()


def test_a_test_class_that_training_never_saw_is_a_mistake_and_no_error():
    rng = np.random.default_rng(2)
    codes, labels = planted(300, rng)
    known = labels[:200] != "d"
    found = dimension_importance(
        codes[:200][known], labels[:200][known], codes[200:], labels[200:], options=TREES, seed=0
    )
    assert found["value"].between(-1, 1).all()


def test_the_loss_is_that_of_many_shuffles_and_an_unknown_class_is_never_right():
    """Three classes of 50 test images; `b`, which training lacks, lies where `c` does.

    Shuffled, an image is taken for `a` in one case of three: recall falls from 1, 0, 1 to 1/3, 0,
    2/3.
    """
    train = np.repeat([-3.0, 3.0], 50)[:, None]
    test = np.repeat([-3.0, 3.0, 3.0], 50)[:, None]
    found = dimension_importance(
        *(train, np.repeat(["a", "c"], 50), test, np.repeat(["a", "b", "c"], 50)),
        options=TREES,
        seed=3,
        repeats=400,
    ).set_index("score")["value"]
    assert found["permutation"] == pytest.approx(1 / 3, abs=0.005)


@pytest.fixture
def target():
    rng = np.random.default_rng(3)
    codes, labels = planted(120, rng)
    manifest = pd.DataFrame(
        {
            "image_id": [f"{n}.png" for n in range(120)],
            "label": labels,
            "split": ["train"] * 80 + ["test"] * 40,
        }
    )
    objects = pd.DataFrame({name: rng.standard_normal(120) for name in FEATURES})
    objects = objects.assign(image_id=manifest["image_id"], flag="", area=codes[:, 2])
    return manifest, objects, codes


BOUND = bind(
    [
        Factor(name="Size", limits=(1, 9)),
        Factor(name="Hue", limits=(0, 360), period=360.0),
        Factor(name="x", limits=(0, 1), nuisance=True),
    ],
    angles=True,
)


def explain(manifest, objects, codes, bound=()):
    tables = explain_codes(
        manifest, objects, codes, bound=bound, active_sd=0.05, options=TREES, seed=0
    )
    return tables["correlation"], tables["importance"]


def area_of(correlations, dimension=2):
    (value,) = correlations.query(
        "score == 'pearson' and dimension == @dimension and feature == 'area'"
    )["value"]
    return value


def test_objects_meet_their_codes_by_name(target):
    manifest, objects, codes = target
    correlations, importances = explain(manifest, objects.sample(frac=1, random_state=0), codes)
    assert area_of(correlations) == pytest.approx(1)
    assert (correlations["images"] == 120).all()
    assert (importances["images"] == 40).all()
    assert len(importances) == 2 * 5


def test_objects_that_all_look_the_same_have_no_correlation(target):
    manifest, objects, codes = target
    objects[list(FEATURES)] = 1.0
    correlations, importances = explain(manifest, objects, codes)
    assert correlations["value"].isna().all()
    assert importances["value"].notna().all()


def test_flagged_objects_do_not_count(target):
    manifest, objects, codes = target
    objects.loc[::3, "area"] = np.nan
    objects.loc[::3, "flag"] = "empty"
    correlations, _ = explain(manifest, objects, codes)
    assert area_of(correlations) == pytest.approx(1)
    assert (correlations["images"] == 80).all()


def test_with_too_few_objects_there_are_rows_without_values(target):
    manifest, objects, codes = target
    objects.loc[FEWEST - 1 :, "flag"] = "fragmented"
    correlations, importances = explain(manifest, objects, codes)
    assert correlations["value"].isna().all()
    assert len(correlations) == 2 * 5 * len(FEATURES)
    assert importances["value"].notna().all()


def test_inactive_dimensions_are_marked(target):
    manifest, objects, codes = target
    codes[:, 4] *= 0.01
    for table in explain(manifest, objects, codes):
        assert set(table.loc[~table["active"], "dimension"]) == {4}


def test_rows_say_what_their_dimension_is_bound_to(target):
    owned = {
        **{(0, ""): "Size", (1, "cos"): "Hue", (2, "sin"): "Hue", (3, ""): "x", (4, ""): ""},
    }
    correlations, importances = explain(*target, BOUND)
    for table, expected in ((importances, owned), (correlations, owned | {(1, "both"): "Hue"})):
        found = table.drop_duplicates(["dimension", "part"]).set_index(["dimension", "part"])
        assert found["factor"].to_dict() == expected
    (both,) = correlations.query("part == 'both' and score == 'pearson' and feature == 'area'")[
        "value"
    ]
    assert both == pytest.approx(1)  # the area is the sine
    free = pd.concat(explain(*target))
    assert (free["factor"] == "").all()
    assert (free["part"] == "").all()


def test_what_both_dimensions_say_changes_nothing_of_each(target):
    together, alone = explain(*target, BOUND)[0], explain(*target)[0]
    columns = ["score", "dimension", "feature", "value", "p", "q", "images", "active"]
    single = together.loc[together["part"] != "both", columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(single, alone[columns])


def test_both_dimensions_have_rows_without_values_too(target):
    manifest, objects, codes = target
    objects.loc[FEWEST - 1 :, "flag"] = "fragmented"
    correlations, _ = explain(manifest, objects, codes, BOUND)
    assert correlations["value"].isna().all()
    assert (correlations["part"] == "both").sum() == 2 * len(FEATURES)


TRUE = (
    Factor(name="Size", limits=(1.0, 9.0), log=True),
    Factor(name="Hue", limits=(0.0, 360.0), period=360.0),
    Factor(name="Kind", values=("a", "b"), nominal=True),
    Factor(name="PosX", limits=(0.0, 1.0), nuisance=True),
)


def truth(codes, images, bound=()):
    return correlate_factors(images, codes, TRUE, bound=bound, active_sd=0.05, seed=0)


def images_with_factors(n):
    rng = np.random.default_rng(8)
    columns = {"Size": np.exp(rng.uniform(0, 2, n)), "Hue": rng.uniform(0, 360, n)}
    columns |= {"Kind": "a", "PosX": rng.random(n)}
    return pd.DataFrame(columns).add_prefix("factor_")


def test_true_factors_are_compared_on_their_own_scale():
    """Ratios by their logarithm, directions by their circle, and as one name where they own two."""
    images = images_with_factors(80)
    images.loc[0, "factor_Size"] = np.nan  # cannot be seen there
    angle = np.deg2rad(images["factor_Hue"])
    codes = np.stack(
        [np.log(images["factor_Size"].fillna(9)), np.cos(angle), np.sin(angle)], axis=1
    )
    found = truth(codes, images, bind(TRUE[:2], angles=True))
    assert set(found["feature"]) == {"Size", "Hue"}
    assert set(found["images"]) == {79}
    values = found.set_index(["score", "factor", "part", "feature"])["value"]
    assert values[("pearson", "Size", "", "Size")] == pytest.approx(1)
    assert values[("pearson", "Hue", "both", "Hue")] == pytest.approx(1)
    assert values[("pearson", "Hue", "both", "Size")] < 0.4


def test_few_images_or_no_factor_that_is_ordered_have_no_truth():
    images = images_with_factors(FEWEST - 1)
    codes = np.random.default_rng(9).standard_normal((len(images), 2))
    assert truth(codes, images).empty
    assert truth(
        np.zeros((50, 2)),
        images_with_factors(50)[[]].assign(**{factor.column: 1.0 for factor in TRUE}),
    ).empty  # a target on which nothing varies
    names_only = correlate_factors(images, codes, TRUE[2:], active_sd=0.05, seed=0)
    assert names_only.empty
