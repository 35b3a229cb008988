"""From the correlations of several models to what a person reads."""

import numpy as np
import pandas as pd
import pytest

from fovscope.factors import Factor
from fovscope.interpret.features import FEATURES
from fovscope.tables.base import by_family
from fovscope.tables.correlation import common_sign, correlation
from fovscope.tables.importance import importance
from fovscope.tables.matching import name_dimensions
from fovscope.tables.transfer import gaps_without_each, transfer

NAMES = list(FEATURES)


BOUND = ("Texture", "Color", "Shape", "Scale", "Orientation", "PosX", "PosY")


def model(strength, seed="0", q=0.001, score="pearson", stage="finetuned", bound=BOUND, **changes):
    """Rows of a model from r (dimensions × features as a mapping feature → values)."""
    table = pd.DataFrame(strength, dtype=float)
    rows = table.stack().rename_axis(["dimension", "feature"]).rename("value").reset_index()
    identity = {"dataset": "t", "backbone": "b", "recipe": "beta1", "seed": seed, "stage": stage}
    identity |= {"kind": "correlation", "representation": "latents"}
    provenance = {"weights_digest": "w", "data_digest": "d", "fovscope": "1"}
    rows = rows.assign(score=score, q=q, images=50, **identity | provenance | changes)
    factor = [bound[k] if k < len(bound) else "" for k in rows["dimension"]]
    return rows.assign(factor=factor, part="")


def names_of(rows, facts):
    return list(name_dimensions(by_family(rows, facts), facts)["name"])


def test_bound_dimensions_have_the_names_of_their_factors(facts):
    assert names_of(model({"area": np.linspace(0.9, 0, 10)}), facts) == [
        *("Texture", "Color", "Shape", "Scale", "Orientation", "PosX", "PosY"),
        *("free 1", "free 2", "free 3"),
    ]


def test_unbound_dimensions_are_assigned_whatever_their_order_and_sign(facts):
    planted = {
        "area": [0.1, 0.8, 0.0, 0.1, 0.2, 0.3],
        "circularity": [0.0, 0.7, 0.6, 0.1, 0.0, 0.1],
        "hue": [0.9, 0.1, 0.2, 0.1, 0.1, 0.2],
        "entropy": [0.0, 0.0, 0.1, 0.5, 0.1, 0.1],
        "orientation": [0.0, 0.1, 0.1, 0.1, 0.4, 0.1],
    }
    expected = ["Color", "Scale", "Shape", "Texture", "Orientation", "free 1"]
    order = np.random.default_rng(0).permutation(6)
    sign = np.array([1, -1, -1, 1, -1, 1])
    mixed = {name: (sign * values)[order] for name, values in planted.items()}
    both = pd.concat([model(planted, bound=()), model(mixed, seed="1", bound=())])
    names = names_of(both, facts)
    assert names[:6] == expected
    assert names[6:] == [expected[k] for k in order]


def test_assignment_is_the_best_in_sum_and_not_greedy(facts):
    rows = model({"area": [0.9, 0.8], "hue": [0.7, 0.1]}, bound=())
    assert names_of(rows, facts) == ["Color", "Scale"]


def test_fewer_dimensions_than_factors_take_the_strongest(facts):
    rows = model({name: [0.1] for name in NAMES} | {"extent": [0.5]}, bound=())
    assert names_of(rows, facts) == ["Shape"]


def test_a_nuisance_is_never_assigned_whatever_measures_it(facts):
    position = Factor(name="x", values=3, nuisance=True, counterparts=("area",))
    other = Factor(name="hue", values=3, counterparts=("hue",))
    facts["factors"] = {"sprites": [position.to_json(), other.to_json()]}
    rows = model({"area": [0.9, 0.8], "hue": [0.3, 0.1]}, bound=())
    assert names_of(rows, facts) == ["hue", "free 1"]


def test_models_are_named_after_the_factors_of_their_own_source(facts):
    other = facts["recipes"]["beta1"] | {"source": "blobs", "family": "blobs"}
    facts["recipes"]["blobs"] = other
    strength = {"area": [0.9, 0.3]}
    both = pd.concat([model(strength), model(strength, recipe="blobs", bound=("size", "x"))])
    assert names_of(both, facts) == ["Texture", "Color", "size", "x"]
    lines = transfer(both, facts).long[["source", "factor"]].to_numpy().tolist()
    assert lines == [["sprites", "Texture"], ["sprites", "Color"], ["blobs", "size"]]


def test_other_representations_are_matched_to_nothing(facts):
    rows = model({"area": [0.9, 0.3], "hue": [0.1, 0.2]})
    pca = rows.assign(
        **{"recipe": "", "seed": "", "stage": "baseline"},
        **{"representation": "pca", "factor": "", "part": ""},
    )
    both = pd.concat([pca, rows], ignore_index=True)
    views = correlation(both, facts)
    assert views.long.groupby("representation")["dimension"].unique().map(list).to_dict() == {
        "latents": ["Texture", "Color"],
        "PCA-10 of Φ": ["z0", "z1"],
    }
    assert views.view["representation"].tolist() == ["latents"] * 2 + ["PCA-10 of Φ"] * 2
    assert "representation" not in correlation(rows, facts).view
    # Latents only have factors that can transfer.
    pd.testing.assert_frame_equal(transfer(both, facts).long, transfer(rows, facts).long)


def test_table_is_mean_and_sample_sd_over_models_that_point_the_same_way(facts):
    """The second model is the mirror image of the first in its Scale dimension."""
    first = {"area": [0, 0, 0, 0.8], "solidity": [0.1, 0, 0, -0.5], "hue": [0, 0, 0, 0.3]}
    second = {"area": [0, 0, 0, -0.6], "solidity": [0.1, 0, 0, 0.3], "hue": [0, 0, 0, 0.5]}
    rows = pd.concat([model(first), model(second, seed="1", q=0.2)])
    long = correlation(rows, facts).long
    scale = long[long["dimension"] == "Scale"].set_index("feature")
    assert scale["mean"].to_dict() == pytest.approx({"area": 0.7, "solidity": -0.4, "hue": 0.4})
    assert scale["mean_abs"].to_dict() == pytest.approx({"area": 0.7, "solidity": 0.4, "hue": 0.4})
    assert scale["sd"].to_dict() == pytest.approx(
        {
            name: np.std([a, b], ddof=1)
            for name, a, b in [("area", 0.8, 0.6), ("solidity", 0.5, 0.3), ("hue", 0.3, 0.5)]
        }
    )
    assert (scale["significant"] == 0.5).all()
    assert (scale["n"] == 2).all()
    assert list(scale["group"]) == ["Scale", "Shape", "Color"]
    assert list(scale["directional"]) == [False, False, True]


def test_both_coefficients_of_a_model_are_turned_alike(facts):
    pearson, spearman = {"area": [-0.8], "solidity": [0.3]}, {"area": [-0.7], "solidity": [-0.1]}
    rows = pd.concat([model(pearson), model(spearman, score="spearman")])
    long = correlation(rows, facts).long.set_index(["score", "feature"])
    assert long["mean"].to_dict() == pytest.approx(
        {
            ("pearson", "area"): 0.8,
            ("pearson", "solidity"): -0.3,
            ("spearman", "area"): 0.7,
            ("spearman", "solidity"): 0.1,
        }
    )


def test_rows_are_in_the_order_of_stages_factors_and_features(facts):
    strength = dict.fromkeys(reversed(NAMES), np.full(10, 0.1))
    rows = pd.concat([model(strength), model(strength, stage="transferred")])
    long = correlation(rows, facts).long
    assert list(long["stage"].unique()) == ["transferred", "finetuned"]
    assert list(long["feature"].unique()) == NAMES
    assert list(long["dimension"].unique()) == [
        *("Texture", "Color", "Shape", "Scale", "Orientation", "PosX", "PosY"),
        *("free 1", "free 2", "free 3"),
    ]


def test_a_person_reads_the_strongest_features_of_each_dimension(facts):
    rows = pd.concat(
        [
            model({"area": [0.8], "hue": [0.1], "extent": [-0.4], "value": [0.2]}),
            model({"area": [0.9], "hue": [0.1], "extent": [-0.2], "value": [0.2]}, seed="1"),
        ]
    )
    (line,) = correlation(rows, facts).view.to_dict("records")
    assert line["strongest feature"] == "area 0.85 ± 0.07 (100 %)"
    assert line["second"] == "extent -0.30 ± 0.14 (100 %)"
    assert line["third"].startswith("value")


def test_models_that_point_in_opposite_directions_do_not_cancel_for_a_reader(facts):
    rows = [
        model({"area": [0.8], "extent": [0.5], "hue": [0.4], "value": [-0.3]}),
        model({"area": [0.8], "extent": [-0.6], "hue": [0.5], "value": [-0.1]}, seed="1"),
    ]
    views = correlation(pd.concat(rows), facts)
    signs = dict(zip(views.long["feature"], common_sign(views.long), strict=True))
    assert signs == {"area": 1, "extent": 0, "hue": 0, "value": -1}
    (line,) = views.view.to_dict("records")
    assert line["strongest feature"].startswith("area 0.80")
    assert line["second"] == "|extent| 0.55 ± 0.07 (100 %)"
    assert line["third"] == "hue 0.45 ± 0.07 (100 %)"


# Transfer ---------------------------------------------------------------------------------


def transfer_of(facts, *models):
    return transfer(pd.concat([model(m, seed=str(seed)) for seed, m in enumerate(models)]), facts)


def for_scale(**features):
    return {name: [0, 0, 0, value] for name, value in features.items()}


def test_own_counterpart_other_feature_and_gap(facts):
    views = transfer_of(
        facts,
        for_scale(area=-0.9, perimeter=0.5, hue=0.2, solidity=-0.4),
        for_scale(area=0.7, perimeter=-0.6, hue=0.1, solidity=0.3),
    )
    found = views.long.set_index("factor").loc["Scale"]
    assert found["own_mean"] == pytest.approx(0.8)
    assert found["own_feature"] == "area"
    assert found["other_mean"] == pytest.approx(0.35)
    assert found["other_feature"] == "solidity"
    assert found["gap_mean"] == pytest.approx(0.45)
    assert found["positive"] == 1
    # t-interval of two gaps .5 and .4: mean ± 12.706 · SD / √2
    half = 12.7062047 * np.std([0.5, 0.4], ddof=1) / np.sqrt(2)
    assert (found["gap_low"], found["gap_high"]) == pytest.approx((0.45 - half, 0.45 + half))


def test_stress_test_names_the_features_on_which_the_gap_hangs(facts):
    """Area and equivalent diameter say the same: without them the perimeter is left."""
    views = transfer_of(
        facts, for_scale(area=0.9, equivalent_diameter=0.88, perimeter=0.3, hue=0.2, solidity=0.4)
    )
    found = views.long.set_index("factor").loc["Scale"]
    assert found["gap_mean"] == pytest.approx(0.5)
    assert found["gap_min"] == pytest.approx(0.3 - 0.4)  # without the size
    assert found["gap_max"] == pytest.approx(0.9 - 0.2)  # without solidity
    assert found["sensitive_to"] == "size"


def test_the_only_counterpart_cannot_be_left_out():
    strength, own = np.array([[0.6, 0.2, 0.5]]), np.array([True, False, False])
    gaps = gaps_without_each(strength, own, np.array(["a", "b", "c"]))
    assert gaps == pytest.approx({"b": 0.1, "c": 0.4})
    assert gaps_without_each(strength, own, np.array(["a", "b", "b"])) == {}


def test_a_single_model_has_no_interval_and_says_so_by_leaving_it_out(facts):
    views = transfer_of(facts, for_scale(area=0.9, hue=0.2))
    assert np.isnan(views.long.set_index("factor").loc["Scale", "gap_low"])
    line = views.view.set_index("factor").loc["Scale"]
    assert line["gap"] == "0.70"
    assert line["own |r|"] == "0.90 (area)"
    assert line["n"] == 1


def test_a_factor_without_counterpart_on_the_target_has_a_line_without_numbers(facts):
    """Grey images have no hue and no saturation; red, green and blue are one."""
    views = transfer_of(facts, {"area": [0.1] * 5, "entropy": [0.2] * 5})
    found = views.long.set_index("factor")
    assert list(found.index) == ["Texture", "Color", "Shape", "Scale", "Orientation"]
    assert found.loc[["Color", "Shape", "Orientation"], "own_mean"].isna().all()
    assert found.loc["Texture", "own_mean"] == pytest.approx(0.2)
    assert (views.view["n"] == 1).all()


def test_a_target_without_sound_objects_has_lines_without_numbers(facts):
    rows = model({name: [np.nan] * 10 for name in NAMES}, q=np.nan)
    assert transfer(rows, facts).view["gap"].eq("–").all()
    lines = correlation(rows, facts).view
    assert lines["strongest feature"].eq("–").all()


# Factors that own two dimensions ----------------------------------------------------------

HUE = Factor(name="Hue", limits=(0, 360), period=360.0, counterparts=("hue", "mean_red"))
SIZE = Factor(name="Size", limits=(1, 9), counterparts=("area",))


def anchored(seed="0", sign=1, hue=0.9, perimeter=0.3, **changes):
    """Rows of a model whose dimensions 0 and 1 hold a hue, 2 a size, and 3 is free."""
    single = {
        "area": [0.1, 0.2, 0.7, 0.0],
        "perimeter": [0.2 * sign, -0.1, 0.6, 0.1],
        "hue": [0.6, 0.7, 0.0, 0.3],
    }
    both = {"area": [0.22], "perimeter": [perimeter], "hue": [hue]}
    rows = model(single, seed=seed, bound=("Hue", "Hue", "Size"), **changes)
    rows["part"] = rows["dimension"].map({0: "cos", 1: "sin"}).fillna("")
    return pd.concat([rows, model(both, seed=seed, bound=("Hue",), **changes).assign(part="both")])


@pytest.fixture
def two_dimensions(facts):
    return facts | {"factors": {"sprites": [HUE.to_json(), SIZE.to_json()]}}


def test_a_direction_is_judged_by_its_two_dimensions_together(two_dimensions):
    both = pd.concat([anchored(), anchored(seed="1", hue=0.8, perimeter=0.4)])
    long = transfer(both, two_dimensions).long.set_index("factor")
    assert list(long.index) == ["Hue", "Size"]
    hue = long.loc["Hue"]
    assert (hue["own_mean"], hue["own_feature"]) == (pytest.approx(0.85), "hue")
    assert (hue["other_mean"], hue["other_feature"]) == (pytest.approx(0.35), "perimeter")
    assert (hue["n"], long.loc["Size", "own_mean"]) == (2, pytest.approx(0.7))


def test_a_person_reads_one_line_of_both_dimensions_and_each_is_in_the_long_table(two_dimensions):
    views = correlation(pd.concat([anchored(), anchored(seed="1", sign=-1)]), two_dimensions)
    assert list(views.view["dimension"]) == ["Hue", "Size", "free 1"]
    line = views.view.set_index("dimension").loc["Hue"]
    assert line["strongest feature"].startswith("hue 0.90")
    assert line["second"] == "perimeter 0.30 ± 0.00 (100 %)"  # without a sign, hence without bars
    long = views.long.set_index(["dimension", "feature"])
    assert list(dict.fromkeys(views.long["dimension"])) == [
        *("Hue", "Hue (cos)", "Hue (sin)", "Size", "free 1"),
    ]
    assert long.loc[("Hue", "perimeter"), "directional"]
    assert not long.loc[("Hue (cos)", "perimeter"), "directional"]
    assert long.loc[("Hue (cos)", "perimeter"), "mean_abs"] == pytest.approx(0.2)


def test_each_of_two_dimensions_has_its_importance(two_dimensions):
    importances = model({"": [0.2, 0.3, 0.4, 0.1]}, score="gain", kind="importance")
    importances["part"] = importances["dimension"].map({0: "cos", 1: "sin"}).fillna("")
    view = importance(pd.concat([anchored(), importances]), two_dimensions).view
    assert view.set_index("dimension")["gain, %"].to_dict() == {
        **{"Hue (cos)": "20.0", "Hue (sin)": "30.0", "Size": "40.0", "free 1": "10.0"},
    }


def test_importances_are_in_percent_and_points_by_name(facts):
    rows = model({"area": [0.1, 0.5, 0.2]})
    importances = [
        model({"": [0.2, 0.5, 0.3]}, score=score, kind="importance").drop(columns="feature")
        for score in ("gain", "permutation")
    ]
    view = importance(pd.concat([rows, *importances]), facts).view
    assert list(view["dimension"]) == ["Texture", "Color", "Shape"]
    assert list(view["gain, %"]) == ["20.0", "50.0", "30.0"]
    assert list(view.columns[-2:]) == ["permutation, points", "n"]
