"""What edits of known quality score: do() that does, does nothing, or does something else."""

import numpy as np
import pandas as pd
import pytest

from fovscope import FovscopeError
from fovscope.angles import difference, spread
from fovscope.evaluation.base import Given
from fovscope.evaluation.interventions import (
    do_effects,
    fit_changes,
    fit_settings,
    interventions,
    measured_by,
    movements,
    pairs_of,
)
from fovscope.evaluation.resampling import bootstrap_interval
from fovscope.factors import Factor
from fovscope.interpret.features import FEATURES
from fovscope.records import Identity
from fovscope.registry import Catalogue

SIZE = Factor(
    name="Size",
    limits=(40.0, 120.0),
    log=True,
    unit="px",
    counterparts=("area", "equivalent_diameter", "perimeter"),
)
HUE = Factor(
    name="Hue", limits=(0.0, 360.0), period=360.0, unit="°", counterparts=("hue", "mean_red")
)
FACTORS = (SIZE, HUE)


def measured(n, rng):
    """Objects whose features vary independently."""
    table = {name: rng.uniform(1, 2, n) for name in FEATURES}
    table |= {"hue": rng.uniform(0, 360, n), "orientation": rng.uniform(0, 180, n)}
    return pd.DataFrame(table).assign(flag="")


def edits(n=60, seed=0):
    """An image table of interventions on n images: n edited at random, n pairs for each factor."""
    rng = np.random.default_rng(seed)
    base = [f"b{k}" for k in range(n)]

    def settings():
        sizes = SIZE.limits[0] * 3 ** rng.random(n)
        return {"factor_Size": sizes, "factor_Hue": rng.uniform(0, 360, n)}

    shared = {"split": "test", "base": base}
    single = {"role": "image", "pair": -1, "member": 0, "changed": ""}
    tables = [pd.DataFrame(settings()).assign(**shared, **single)]
    for k, factor in enumerate(FACTORS):
        first = pd.DataFrame(settings())
        second = first.assign(**{factor.column: settings()[factor.column]})
        for member, table in enumerate((first, second)):
            pair = {"role": "factor_pair", "pair": k * n + np.arange(n), "member": member}
            tables.append(table.assign(**shared, **pair, changed=factor.name))
    images = pd.concat(tables, ignore_index=True)
    images.insert(0, "image_id", [f"{row:06d}" for row in range(len(images))])
    return images


def as_set(images, seed=1):
    """Images with objects that are what was set; what was not set is that of the base image."""
    rng = np.random.default_rng(seed)
    names = images["base"].unique().tolist()
    objects = measured(len(names), rng).set_index(pd.Index(names)).loc[images["base"]]
    objects = objects.reset_index(drop=True)
    objects["hue"] = images["factor_Hue"]
    objects["equivalent_diameter"] = images["factor_Size"]
    objects["area"] = np.pi / 4 * images["factor_Size"] ** 2
    objects["perimeter"] = np.pi * images["factor_Size"]
    return pd.concat([images, objects], axis=1)


def effects(table, factors=FACTORS):
    found = do_effects(table, factors, rng=np.random.default_rng(0))
    return found.set_index(["factor", "score"])


# Does the property follow? -----------------------------------------------------------------


def test_a_factor_is_measured_by_the_counterpart_in_its_unit():
    assert measured_by(SIZE) == "equivalent_diameter"
    assert measured_by(HUE) == "hue"
    texture = Factor(name="Texture", counterparts=("intensity_sd", "entropy", "glcm_contrast"))
    assert measured_by(texture) == "glcm_contrast"
    assert measured_by(Factor(name="Odd", unit="kg", counterparts=("entropy",))) == "entropy"
    assert measured_by(Factor(name="PosX")) is None


@pytest.mark.parametrize("factor", FACTORS)
def test_what_comes_out_as_set_has_slope_and_r2_of_1(factor):
    found = effects(as_set(edits())).loc[factor.name]
    assert found["value"].to_dict() == pytest.approx({"slope": 1, "r2": 1, "r2_within": 1})
    assert found["low"].to_numpy() == pytest.approx([1, 1, 1])
    assert found["n"].tolist() == [5 * 60, 5 * 60, 60]


@pytest.mark.parametrize("factor", FACTORS)
def test_what_stays_as_it_was_has_slope_and_r2_of_0(factor):
    images = edits(n=150)
    rng = np.random.default_rng(3)
    table = as_set(images)
    for feature in ("equivalent_diameter", "hue"):
        own = pd.Series(measured(150, rng)[feature].to_numpy(), images["base"].unique().tolist())
        table[feature] = table["base"].map(own)
    found = effects(table).loc[factor.name]
    assert found.loc["slope", "low"] < 0 < found.loc["slope", "high"]
    assert abs(found.loc["slope", "value"]) < 0.15
    assert found.loc["r2", "value"] < 0.02
    assert found.loc["r2_within", "value"] == 0


def test_changes_within_pairs_leave_out_what_else_differs_between_images():
    rng = np.random.default_rng(8)
    settings, of_image = rng.uniform(0, 4, (2, 500)), 10 * rng.standard_normal(500)
    measured = 3 * settings + of_image
    assert fit_settings(settings[0], measured[0]).r2 < 0.3
    assert fit_changes(settings, measured) == pytest.approx((3, 1))
    turned = (settings + of_image) % 180
    assert fit_changes(settings, turned, period=180.0).r2 < 1  # not from the same start
    assert fit_changes(turned, turned, period=180.0) == pytest.approx((1, 1))


def test_half_the_way_is_a_slope_of_a_half_and_known_noise_the_r2_of_its_share():
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 4, 4_000)
    assert fit_settings(x, 7 + x / 2) == pytest.approx((0.5, 1))
    noisy = fit_settings(x, x + x.std() * rng.standard_normal(len(x)))
    assert noisy == pytest.approx((1, 0.5), abs=0.04)
    # As powers: the diameter grows with the root of what was set.
    x = np.exp(x)
    assert fit_settings(x, 3 * np.sqrt(x), log=True) == pytest.approx((0.5, 1))


def test_a_direction_follows_across_the_wrap():
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 180, 500)
    assert fit_settings(x, (x + 178) % 180, period=180.0).r2 == pytest.approx(1)
    near = fit_settings(x, (x + rng.normal(0, 3, 500)) % 180, period=180.0)
    # Of wrapped normal noise the mean resultant is exp(-σ²/2), with σ of the doubled angle.
    assert near.slope == pytest.approx(np.exp(-(np.deg2rad(6) ** 2) / 2), abs=2e-3)
    mirrored = fit_settings(x, -x % 180, period=180.0)
    assert abs(mirrored.slope) < 0.1
    assert mirrored.r2 < 0.02


def test_a_direction_within_an_arc_that_nothing_follows_has_no_slope():
    """The mean cosine of the difference is near 1 there: everything is in the same arc."""
    rng = np.random.default_rng(5)
    x, y = rng.uniform(280, 340, (2, 1_000))
    assert np.cos(np.deg2rad(y - x)).mean() > 0.8
    assert abs(fit_settings(x, y, period=360.0).slope) < 0.1
    assert fit_settings(x, x, period=360.0) == pytest.approx((1, 1))


def test_limits_of_a_fit():
    x = np.array([1.0, 2.0, 4.0])
    assert fit_settings(x, np.full(3, 0.1)) == (0, 0)
    assert np.isnan(fit_settings(np.full(3, 0.1), x)).all()
    with pytest.raises(ValueError, match="above 0"):
        fit_settings(x, x - 1, log=True)


def test_doubtful_objects_training_images_and_what_was_not_set_tell_nothing():
    images = edits()
    table = as_set(images)
    objects = table[["image_id", "flag", *FEATURES]].copy()
    objects.loc[7, ["flag", "equivalent_diameter"]] = ["too large", 1e6]
    images.loc[8, "factor_Size"] = np.nan
    training = images.assign(split="train", image_id="t" + images["image_id"], factor_Size=1.0)
    of_training = objects.assign(image_id="t" + objects["image_id"])
    natural = as_set(edits(seed=5))
    given = Given(
        {
            "table": pd.concat([images, training]),
            "objects": pd.concat([objects, of_training]),
            "facts": {"factors": [factor.to_json() for factor in FACTORS]},
            "natural_table": natural[["image_id", "split"]],
            "natural_objects": natural[["image_id", "flag", *FEATURES]],
        },
        {"identity": {"dataset": "t"}},
        Identity(dataset="edits"),
        {"data_digest": "d"},
        Catalogue(),
    )
    table = interventions(given)["scores"]
    assert set(table["kind"]) == {"interventions"}
    assert set(table["data_digest"]) == {"d"}
    found = table[table["score"] != "movement"].set_index(["factor", "score"])
    assert found.loc[("Size", "slope"), "value"] == pytest.approx(1)
    assert found["n"].to_dict() == {
        **{("Size", score): 298 for score in ("slope", "r2")} | {("Size", "r2_within"): 60},
        **{("Hue", score): 299 for score in ("slope", "r2")} | {("Hue", "r2_within"): 60},
    }


def test_too_few_images_have_no_numbers():
    found = effects(as_set(edits(n=3)))
    assert found["value"].isna().all()
    assert set(found["n"]) == {15, 3}


# Does anything else move? ------------------------------------------------------------------


def moved(table, natural):
    found = movements(table, natural, FACTORS, rng=np.random.default_rng(0))
    return found.set_index(["factor", "feature"])


def test_only_what_was_set_moves():
    found = moved(as_set(edits()), as_set(edits(seed=5)))
    assert found.loc["Size"].query("value > 0").index.tolist() == [
        *("area", "equivalent_diameter", "perimeter")
    ]
    assert found.loc["Hue"].query("value > 0").index.tolist() == ["hue"]
    assert found.loc["Size"].query("own").index.tolist() == list(SIZE.counterparts)


def test_movement_is_in_units_of_the_spread_of_natural_images():
    table = as_set(edits())
    second = (table["changed"] == "Size") & (table["member"] == 1)
    table.loc[second, "entropy"] += 0.5
    table.loc[second, "orientation"] = (table.loc[second, "orientation"] + 175) % 180
    natural = as_set(edits(seed=5))
    found = moved(table, natural).loc["Size"]
    assert found.loc["entropy", "value"] == pytest.approx(0.5 / natural["entropy"].std(ddof=0))
    assert found.loc["orientation", "value"] == pytest.approx(
        5 / spread(natural["orientation"], 180.0)
    )
    assert found.loc["entropy", "low"] == pytest.approx(found.loc["entropy", "value"])


def test_what_is_constant_on_the_target_has_no_scale():
    natural = as_set(edits(seed=5)).assign(mean_red=128.0, hue=np.nan)
    features = set(moved(as_set(edits()), natural).reset_index()["feature"])
    assert features == set(FEATURES) - {"mean_red", "hue"}


def test_a_pair_is_one_image_edited_twice():
    images = edits()
    images.loc[images["member"] == 1, "base"] = "another"
    with pytest.raises(FovscopeError, match=r"60 pairs of interventions on Hue .* first pair 60"):
        pairs_of(images, "Hue")


# Circles and samples -----------------------------------------------------------------------


def test_directions_differ_by_the_shorter_way():
    assert difference([350, 10, 0], [10, 350, 180], 360.0).tolist() == [20, -20, -180]
    assert difference([1.0], [5.0], None).tolist() == [4]


def test_spread_of_a_direction_is_the_sd_where_it_is_small_and_bounded_where_it_is_not():
    narrow = np.random.default_rng(6).normal(0, 2, 5_000)
    assert spread(narrow % 360, 360.0) == pytest.approx(2, rel=0.05)
    assert spread(np.arange(180), 180.0) == pytest.approx(np.sqrt(2) * 180 / (2 * np.pi))
    assert spread([7.0, 7.0], 360.0) == pytest.approx(0, abs=1e-6)


def test_rows_of_one_image_are_one_witness():
    """Each value ten times over says no more: the interval stays that of the mean of 40."""
    rng = np.random.default_rng(7)
    values = np.repeat(rng.standard_normal(40), 10)

    def mean(rows):
        return values[rows].mean()

    low, high = bootstrap_interval(mean, np.repeat(np.arange(40), 10), rng=rng)
    expected = 2 * 1.96 * values.std() / np.sqrt(40)
    assert high - low == pytest.approx(expected, rel=0.2)
    low, high = bootstrap_interval(mean, np.arange(400), rng=rng)
    assert high - low == pytest.approx(expected / np.sqrt(10), rel=0.2)
    assert np.isnan(bootstrap_interval(mean, np.zeros(400), rng=rng)).all()
