"""Which names hold, on evidence that is made up."""

import numpy as np
import pandas as pd
import pytest

from fovscope.factors import Factor, bind
from fovscope.tables.interventions import interventions
from fovscope.tables.names import names
from fovscope.verdict import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_MEASURABLE,
    PARTLY,
    VERDICTS,
    Evidence,
    display_name,
    judge,
    judged_names,
    summary,
)

FACTORS = (
    Factor(name="Size", limits=(40.0, 120.0), counterparts=("area", "perimeter")),
    Factor(name="Hue", limits=(0.0, 360.0), period=360.0, counterparts=("hue",)),
    Factor(name="NucleusRatio", limits=(0.1, 0.5)),
    Factor(name="PosX", limits=(0.0, 1.0), nuisance=True),
)
OWNERS = [("Size", ""), ("Hue", "cos"), ("Hue", "sin"), ("NucleusRatio", ""), ("PosX", "")]
"""What the five dimensions are bound to; both of Hue together have rows of their own."""
DIMENSIONS = [*((k, *owner) for k, owner in enumerate(OWNERS)), (1, "Hue", "both")]
WHO = {"Size": 0, "Hue": 5, "NucleusRatio": 3}
"""Where in `DIMENSIONS` the name is."""


# The verdict -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "word", "short_of"),
    [
        (Evidence(0.95, 0.8, 0.7, 0.9, 0.9), HOLDS, ()),
        (Evidence(0.7, 0.3), HOLDS, ()),  # one model, no interventions
        (Evidence(0.69, 0.3), PARTLY, ("own |r| 0.7",)),
        (Evidence(0.9, 0.29), PARTLY, ("gap 0.3",)),
        (Evidence(0.9, 0.4, -0.1), PARTLY, ("gap interval above 0",)),
        (Evidence(0.9, 0.4, 0.2, 0.6, 0.9), PARTLY, ("response 0.67",)),
        (Evidence(0.9, 0.4, 0.2, 0.7, 0.1), PARTLY, ("direction 0.5",)),
        (Evidence(0.9, 0.0, -0.1), DOES_NOT_HOLD, ("gap 0.3", "gap interval above 0")),
        (Evidence(0.2, 0.1, 0.05, 0.9), DOES_NOT_HOLD, ("own |r| 0.7", "gap 0.3")),
        (Evidence(np.nan, np.nan, np.nan, 0.9), NOT_MEASURABLE, ()),
    ],
)
def test_a_name_holds_by_all_that_is_known(evidence, word, short_of):
    assert judge(evidence) == (word, short_of)


def test_a_name_that_does_not_hold_is_never_printed_by_itself():
    shown = {verdict: display_name("z3", "Scale", verdict) for verdict in VERDICTS}
    assert shown == {
        HOLDS: "Scale",
        PARTLY: "Scale (partly)",
        DOES_NOT_HOLD: "z3 (named Scale; does not hold here)",
        NOT_MEASURABLE: "z3 (named Scale; not measurable here)",
    }
    with pytest.raises(ValueError, match="not 'perhaps'"):
        display_name("z3", "Scale", "perhaps")


def test_each_dimension_is_called_as_its_verdict_allows():
    factors = (*FACTORS[:2], Factor(name="Form", limits=(0.0, 1.0)))
    bound = bind(factors, angles=True)
    verdicts = {"Size": HOLDS, "Hue": DOES_NOT_HOLD}
    assert judged_names(5, bound, verdicts) == [
        "Size",
        "z1 (named Hue (cos); does not hold here)",
        "z2 (named Hue (sin); does not hold here)",
        "z3 (named Form; not judged here)",
        "z4",
    ]
    assert judged_names(2, (), verdicts) == ["z0", "z1"]


def test_verdicts_are_summed_up_in_a_line_the_best_first():
    verdicts = {"Scale": DOES_NOT_HOLD, "Size": HOLDS, "Hue": HOLDS}
    assert summary(verdicts) == "holds: Size, Hue; does not hold: Scale"
    assert summary({}) == ""


# The table ---------------------------------------------------------------------------------


@pytest.fixture
def facts():
    recipe = {"source": "made", "objective": "beta_vae", "supervision": "labels", "family": "r"}
    recipe |= {"variant": "default"}
    return {
        "variant": "default",
        "recipes": {"r": recipe},
        "labels": {"latents": "latents"},
        "factors": {"made": [factor.to_json() for factor in FACTORS]},
    }


def model(kind, strength, seed="0", **changes):
    """Rows of a model from numbers by feature, one for each of `DIMENSIONS`."""
    dimensions = pd.DataFrame(DIMENSIONS, columns=["dimension", "factor", "part"])
    rows = pd.concat([dimensions.assign(feature=f, value=v) for f, v in strength.items()])
    identity = {"dataset": "t", "backbone": "b", "recipe": "r", "seed": seed, "kind": kind}
    identity |= {"stage": "transferred", "representation": "latents", "score": "pearson"}
    provenance = {"weights_digest": "w", "data_digest": "d", "fovscope": "1"}
    return rows.assign(**identity | provenance | changes)


def rows_of(**names):
    """Numbers of a feature: 0 but for the dimensions of these factors."""
    values = np.zeros(len(DIMENSIONS))
    for name, value in names.items():
        values[WHO[name]] = value
    return values


def measured(seed="0", size=0.9, hue=0.9, other=0.1):
    strength = {
        "area": rows_of(Size=size),
        "perimeter": rows_of(Size=-size / 2),
        "hue": rows_of(Hue=hue),
        "entropy": rows_of(Size=other, Hue=other, NucleusRatio=0.8),
    }
    return model("correlation", strength, seed)


def answered(seed="0", lead=0.8, setting="Size", measure="area"):
    """Lead and share of each dimension of a name in the movement, and its direction."""
    where = {"setting": setting, "measure": measure, "low": lead - 0.1, "high": lead + 0.1}
    values = rows_of(Size=lead, Hue=lead, NucleusRatio=lead)
    rows = [
        model("response", {"": values * sign}, seed, score=score, **where)
        for score, sign in (("lead", 1), ("share", 0.5), ("direction", -1))
    ]
    return pd.concat(rows).drop(columns="feature")


def judged(facts, *tables):
    views = names(pd.concat(tables, ignore_index=True), facts)
    return views.long.set_index("factor"), views.view


def test_a_line_for_each_name_that_means_something(facts):
    long, view = judged(facts, measured(), measured("1", size=0.8))
    assert long["verdict"].to_dict() == {
        **{"Size": HOLDS, "Hue": HOLDS, "NucleusRatio": NOT_MEASURABLE},
    }
    assert long["dimension"].to_dict() == {"Size": "z0", "Hue": "z1, z2", "NucleusRatio": "z3"}
    assert set(long["evidence"]) == {"measured features, correlation alone"}
    assert long.loc["NucleusRatio", "short_of"] == "no measured feature is its counterpart"
    assert view["name"].tolist() == ["Size", "Hue", "z3 (named NucleusRatio; not measurable here)"]
    assert view.loc[0, "own |r|"] == "0.85 ± 0.07 (area)"
    assert view.loc[0, ["response", "falls short of"]].tolist() == ["–", "–"]


def test_models_that_disagree_have_no_name_that_holds(facts):
    """Gaps of .9 and .4: the t-interval of two reaches below 0."""
    long, _ = judged(facts, measured(size=0.99, other=0), measured("1", size=0.6, other=0.2))
    assert long.loc["Size", "gap_low"] < 0
    assert long.loc["Size", "verdict"] == PARTLY
    assert long.loc["Size", "short_of"] == "gap interval above 0"


def test_true_factors_come_before_what_is_measured(facts):
    """They tell of a name that has no counterpart, and of one that only seems to hold."""
    strength = {
        "Size": rows_of(Size=0.3, NucleusRatio=0.1),
        "NucleusRatio": rows_of(Size=0.6, NucleusRatio=0.75),
        "Age": rows_of(Size=0.2),
    }
    truth = model("truth", strength)
    long, _ = judged(facts, measured(), truth)
    assert long["verdict"].to_dict() == {
        **{"Size": DOES_NOT_HOLD, "Hue": HOLDS, "NucleusRatio": HOLDS},
    }
    assert long.loc["Size", ["own_mean", "gap_mean"]].tolist() == pytest.approx([0.3, -0.3])
    assert long.loc["Size", "other_feature"] == "NucleusRatio"
    assert long["evidence"].str.split(",").str[0].to_dict() == {
        **{"Size": "true factors", "Hue": "measured features", "NucleusRatio": "true factors"},
    }


def test_a_name_must_also_answer_where_it_can_be_asked(facts):
    long, view = judged(facts, measured(), answered(lead=0.4))
    assert long.loc["Size", "verdict"] == PARTLY
    assert long.loc["Size", "short_of"] == "response 0.67, direction 0.5"
    assert view.loc[0, ["response", "share"]].tolist() == ["0.40 [0.30, 0.50]", "0.20"]
    assert long.loc["Size", "evidence"] == "measured features, interventions"
    assert long.loc["Hue", "evidence"] == "measured features, correlation alone"
    long, view = judged(
        *(facts, measured(), measured("1"), answered(lead=0.8), answered("1", lead=0.6))
    )
    assert long.loc["Size", "verdict"] == HOLDS
    # The sign of a latent is arbitrary; the t-interval of two models ends at 0 and 1.
    assert long.loc["Size", "direction_mean"] == pytest.approx(0.7)
    assert view.loc[0, "response"] == "0.70 [0.00, 1.00]"


def test_a_setting_of_another_name_answers_by_its_measure(facts):
    answer = answered(setting="Diameter", measure="perimeter")
    long, _ = judged(facts, measured(), answer)
    assert long["setting"].to_dict() == {"Size": "Diameter", "Hue": "", "NucleusRatio": ""}
    both = pd.concat([answer, answered(lead=0.1)])
    assert judged(facts, measured(), both)[0].loc["Size", "setting"] == "Size"


def test_names_that_models_give_to_different_dimensions_show_both(facts):
    facts["recipes"]["r"] = facts["recipes"]["r"] | {"supervision": "none"}
    free = {"factor": "", "part": ""}
    one = measured().assign(**free).iloc[lambda t: np.flatnonzero(t["dimension"] != 1)]
    other = one.assign(seed="1", dimension=3 - one["dimension"].clip(upper=3))
    long, _ = judged(facts, one[one["dimension"] < 4], other[one["dimension"] < 4])
    assert long.loc["Size", "dimension"] == "z0/z3"


# Interventions -----------------------------------------------------------------------------


def do_rows(factor, movements):
    scores = [("slope", "area", 0.98), ("r2", "area", 0.91), ("r2_within", "area", 0.95)]
    scores += [("movement", feature, value) for feature, value in movements.items()]
    table = pd.DataFrame(scores, columns=["score", "feature", "value"])
    own = [None, None, None, *(feature == "area" for feature in movements)]
    return table.assign(factor=factor, own=own, backbone="", representation="")


def test_a_person_reads_what_each_setting_does_and_what_else(facts):
    trace = pd.DataFrame({"score": ["trace", "trace"], "value": [0.9, 0.6]})
    trace = trace.assign(backbone=["lite0", "vit"], representation="full")
    scores = pd.concat([do_rows("Size", {"area": 2.0, "entropy": 0.4, "hue": np.nan}), trace])
    scores = scores.assign(low=scores["value"] - 0.02, high=scores["value"] + 0.02, n=80)
    identity = {"dataset": "t", "recipe": "", "seed": "", "stage": "", "kind": "interventions"}
    provenance = {"weights_digest": "w", "data_digest": "d", "fovscope": "1"}
    views = interventions(scores.assign(**identity | provenance), facts)
    assert views.view.to_dict("records") == [
        {
            "target": "t",
            "factor": "Size",
            "measured by": "area",
            "slope": "0.98 [0.96, 1.00]",
            "R²": "0.91 [0.89, 0.93]",
            "R² within pairs": "0.95 [0.93, 0.97]",
            "largest other movement": "0.40 [0.38, 0.42] (entropy)",
            "trace": "lite0 0.90 [0.88, 0.92]; vit 0.60 [0.58, 0.62]",
        }
    ]
    own = views.long.set_index("feature")["own"]
    assert own[["area", "entropy"]].groupby(level=0).any().to_dict() == {
        **{"area": True, "entropy": False},
    }
    without = interventions(
        scores[scores["score"] != "trace"].assign(**identity | provenance), facts
    )
    assert without.view["trace"].tolist() == ["–"]
