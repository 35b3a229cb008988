import pandas as pd
import pytest

from fovscope.factors import Factor
from fovscope.tables.open_set import open_set

DETECTORS = ("mahalanobis", "knn", "gbt confidence", "mlp confidence")


def model(seed, *, auroc, share, shape, z7=9.0):
    """The scores of one model: new images are taken for 'a' or for 'b'."""
    rows = [(d, "", "", "", score, auroc) for d in DETECTORS for score in ("auroc", "fpr95")]
    for probe, of_a in (("gbt", share), ("mlp", 0)):
        rows += [("", probe, "a", "", "share", of_a), ("", probe, "b", "", "share", 1 - of_a)]
        for name, value in (("z0 Texture", 1.0), ("z2 Shape", shape), ("z7", z7)):
            rows.append(("", probe, "a", name, "distance", value))
    columns = ["detector", "probe", "mistaken_for", "dimension", "score", "value"]
    identity = {"dataset": "t", "backbone": "x", "recipe": "beta1", "seed": seed}
    identity |= {"representation": "latents", "held_out": "new one"}
    provenance = {"weights_digest": "w", "data_digest": "d", "fovscope": "1"}
    return pd.DataFrame(rows, columns=columns).assign(**identity, **provenance)


@pytest.fixture
def scores():
    models = [
        model("0", auroc=0.6, share=0.7, shape=2.0),
        model("1", auroc=0.8, share=0.9, shape=3.0),
    ]
    return pd.concat(models)


def test_mean_sd_and_interval_over_models(scores, facts):
    long = open_set(scores, facts).long
    (row,) = long[(long["detector"] == "knn") & (long["score"] == "auroc")].itertuples()
    assert (row.mean, row.n) == (pytest.approx(0.7), 2)
    assert row.sd == pytest.approx(0.02**0.5)
    assert (row.low, row.high) == (0, 1)  # shares of 1 have no interval beyond it
    (row,) = long[
        (long["probe"] == "gbt") & (long["dimension"] == "z2 Shape") & (long["score"] == "distance")
    ].itertuples()
    # Student's t for one degree of freedom is 12.706, and the SD of 2 and 3 over √2 is 0.5.
    assert row.high - row.mean == pytest.approx(12.706 * 0.5, rel=1e-4)
    assert row.mean - row.low == pytest.approx(12.706 * 0.5, rel=1e-4)


def test_one_model_has_no_interval(facts):
    views = open_set(model("0", auroc=0.6, share=0.7, shape=2.0), facts)
    assert views.long[["sd", "low", "high"]].isna().all().all()
    assert views.view["AUROC k-NN"].tolist() == ["0.60"]


def test_a_line_says_what_for_and_why(scores, facts):
    (line,) = open_set(scores, facts).view.to_dict("records")
    assert line["held out"] == "new one"
    assert line["mistaken for"] == "a (80 ± 14 %)"
    # z7 is farther away but means nothing.
    assert line["differs most in"] == "z2 Shape (2.5 ± 0.7)"
    assert line["AUROC Mahalanobis"] == "0.70 ± 0.14 [0.00, 1.00]"
    assert line["FPR95 GBT confidence, %"] == "70 ± 14"
    assert line["n"] == 2


def test_a_nuisance_is_not_among_the_named_dimensions(scores, facts):
    scores["dimension"] = scores["dimension"].replace("z7", "z5 PosX")
    assert open_set(scores, facts).view["differs most in"].tolist() == ["z2 Shape (2.5 ± 0.7)"]


def test_without_named_dimensions_any_may_differ_most(scores, facts):
    scores["dimension"] = scores["dimension"].replace({"z0 Texture": "z0", "z2 Shape": "z2"})
    assert open_set(scores, facts).view["differs most in"].tolist() == ["z7 (9.0 ± 0.0)"]


def test_probes_of_a_study_are_detectors_by_their_titles(scores, facts):
    scores["detector"] = scores["detector"].replace("mlp confidence", "mine confidence")
    facts["probes"] = {"gbt": "GBT", "mine": "My probe"}
    view = open_set(scores, facts).view
    assert {"AUROC My probe confidence", "FPR95 My probe confidence, %"} <= set(view)
    assert not any("MLP" in name for name in view)


def test_each_of_two_dimensions_of_a_factor_is_a_named_one(facts):
    hue = Factor(name="Hue", period=360.0, counterparts=("hue",))
    facts = facts | {"factors": {"sprites": [hue.to_json()]}}
    scores = model("0", auroc=0.6, share=0.7, shape=2.0)
    names = {"z0 Texture": "z0 Hue (cos)", "z2 Shape": "z1 Hue (sin)"}
    (line,) = open_set(scores.replace({"dimension": names}), facts).view.to_dict("records")
    assert line["differs most in"].startswith("z1 Hue (sin)")
