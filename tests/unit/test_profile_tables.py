"""Tables of screens: published numbers beside ours, signs of dimensions, names that do not hold."""

import numpy as np
import pandas as pd
import pytest

from fovscope.figures.profiles import best
from fovscope.tables.effects import effects
from fovscope.tables.profiles import profiles

DATA = {"cells": "BBBC021", "leaves": None}


@pytest.fixture
def made(rows, facts):
    return profiles(rows.of("profiles"), facts | {"published": {"data": DATA}})


def test_published_numbers_stand_beside_the_target_that_they_are_of(made):
    published = made.long[made.long["stage"] == "published"]
    assert set(published["target"]) == {"cells"}
    nscb = published[published["score"] == "nscb"].set_index("representation")
    assert nscb.loc["factor analysis (Ljosa 2013)", "mean"] == 0.77
    assert set(nscb["asked"]) == {92}
    shown = made.view[made.view["stage"] == "published"]
    vae = shown[shown["representation"] == "VAE+ (Lafarge 2019)"].iloc[0]
    assert (vae["NSC, %"], vae["NSCB, %"], vae["active, %"]) == ("90.0 (of 103)", "–", "–")


def test_one_model_has_an_interval_over_treatments_and_several_have_an_sd(made):
    baseline = made.long[(made.long["representation"] == "full Φ") & (made.long["score"] == "nsc")]
    value, low, high = 100 * baseline.iloc[0][["mean", "low", "high"]].astype(float)
    cell = made.view.loc[made.view["representation"] == "full Φ", "NSC, %"].iloc[0]
    assert cell == f"{value:.1f} [{low:.1f}, {high:.1f}] (of 40)"
    cell = made.view.loc[made.view["representation"] == "latents", "NSC, %"].iloc[0]
    assert "±" in cell
    assert "[" not in cell


def test_the_best_profiles_come_first(made):
    long = made.long[made.long["target"] == "cells"]
    (title, shares), *_ = best(long)
    nsc = long[(long["score"] == "nsc") & (long["stage"] != "published")]
    assert title.endswith(f"{100 * nsc['mean'].max():.0f} %")
    assert shares["mean"].tolist() == [0.75, 0.25, 1.0]


def test_models_whose_dimension_points_the_other_way_are_turned(rows, facts):
    found = rows.of("effects", "correlation", "truth", "response")
    one = (found["kind"] == "effects") & (found["recipe"] == "beta1") & (found["seed"] == "0")
    model = found[one]
    numbers = {"value": -model["value"], "low": -model["high"], "high": -model["low"]}
    other = model.assign(**numbers, seed="1")
    found = pd.concat([found[found["kind"] != "effects"], model, other], ignore_index=True)
    long = effects(found, facts).long
    assert (long["n"] == 2).all()
    assert long["sd"].to_numpy() == pytest.approx(0, abs=1e-12)
    assert ((long["low"] < long["mean"]) & (long["mean"] < long["high"])).all()


def test_numbers_under_names_that_do_not_hold_stand_in_brackets(rows, facts):
    found = rows.of("effects", "correlation", "truth", "response")
    made = effects(found, facts)
    holds = made.long["verdict"].isin(["holds", "partly"]).to_numpy()
    cells = made.view[[c for c in made.view if c in set(made.long["factor"])]].to_numpy().ravel()
    bracketed = np.array([cell.startswith("(") for cell in cells if cell != "–"])
    assert bracketed.sum() == (~holds).sum()


def test_measured_properties_stand_without_brackets_alone_and_beside_named_dimensions(rows, facts):
    found = rows.of("effects", "correlation", "truth", "response")
    first = found[found["kind"] == "effects"].iloc[:8]
    place = {"backbone": "images", "recipe": "", "stage": "baseline", "seed": None}
    measured = first.assign(**place, representation="handcrafted", factor="area")
    alone = effects(measured, facts)
    assert set(alone.long["verdict"]) == {"measured"}
    assert not alone.view["area"].str.startswith("(").any()
    beside = effects(pd.concat([found, measured], ignore_index=True), facts).long
    of_models = beside[beside["stage"] != "baseline"].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_models, effects(found, facts).long)
    assert (beside["verdict"] == "measured").sum() == len(alone.long)


def test_without_named_dimensions_the_table_says_so(rows, facts):
    made = effects(rows.of("correlation"), facts)
    assert made.long.empty
    assert "no dimension is named" in made.view.iloc[0, 0]
