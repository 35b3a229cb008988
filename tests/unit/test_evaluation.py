"""Which rows and columns go into which score, on codes whose scores are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fovscope import FovscopeError
from fovscope.datasets.design import sample_design
from fovscope.evaluation.agreement import compare_models
from fovscope.evaluation.base import Given, read_inputs
from fovscope.evaluation.by_size import scores_by_size
from fovscope.evaluation.disentanglement import (
    arrange,
    known_factors,
    measured_factors,
    score_codes,
    score_references,
)
from fovscope.evaluation.scores import references, scores
from fovscope.factors import Factor, bind
from fovscope.generators.texture_dsprites import FACTORS
from fovscope.metrics import dci_scores, mig_score, omes_score
from fovscope.metrics.presets import preset
from fovscope.records import Identity, representation_table
from fovscope.registry import Catalogue
from fovscope.runtime.provenance import write_json

CATALOGUE = Catalogue()
COLUMNS = [factor.column for factor in FACTORS]
SOURCE = {"factors": [factor.to_json() for factor in FACTORS], "classes": []}
TARGET = {
    "factors": [Factor(name=n, limits=(0.0, 1.0)).to_json() for n in ("Size", "Hue")],
    "classes": ["large", "small"],
    "images_digest": "d",
}
PROBES = {"gbt": {"rounds": 5}, "mlp": {"max_epochs": 300, "learning_rate": 1e-2}}


def panel(which="fast", *, active_sd=0.05, resamples=5, **options):
    """What the study says of metrics; options by metric."""
    metrics = preset(CATALOGUE, which)
    metrics["dci"] = metrics["dci"] | {"rounds": 3}
    metrics = {name: given | options.get(name, {}) for name, given in metrics.items()}
    fits = {n for n in metrics if CATALOGUE.entry("metric", n).declared.get("fits")}
    return {
        "metrics": metrics,
        "repeated": [n for n in metrics if which == "full" or n not in fits],
        "resamples": resamples,
        "active_sd": active_sd,
        "factor_levels": 10,
        "widest": 64,
    }


@pytest.fixture(scope="module")
def design():
    table = sample_design(FACTORS, train_pairs=5, iid_train=800, iid_test=300, pairs_per_factor=60)
    return table[table["role"] != "train_pair"]


def scored(images, codes, facts=SOURCE, **options):
    factors = known_factors(images, facts, 10)
    table = score_codes(arrange(images, codes), factors, panel=panel(**options), threads=1)
    return table.set_index("score")


def test_factors_as_codes_are_the_perfect_code(design):
    table = scored(design, design[COLUMNS].to_numpy(float))
    values = table["value"]
    factors = known_factors(design, SOURCE, 10)
    reference = score_references(factors, latent_dim=10, panel=panel(), threads=1)["perfect"]
    for name in ("mig", "omes", "dci_informativeness"):
        assert values[name] == pytest.approx(reference[name])
    assert values["mi_over_h[z2,Shape]"] == pytest.approx(1)
    assert values["association[z2,Shape]"] > values["association[z1,Shape]"]
    mig = table.loc["mig"]
    assert mig["floor"] < 0.1 < mig["low"] < mig["value"] < mig["high"]
    assert (mig["n_train"], mig["n_test"], mig["n_pairs"]) == (800, 300, 420)
    assert np.isnan(table.loc["active_dims", "floor"])
    assert np.isnan(table.loc["dci_completeness", "low"])  # too slow to repeat in the fast panel
    assert table.loc["dci_completeness", "floor"] < 0.3


def test_options_of_the_study_reach_the_metrics_and_the_mask_is_stored(design):
    values = design[COLUMNS]
    codes = ((values - values.mean()) / values.std()).to_numpy() * (1, 1, 1, 1, 1, 1, 0.15)
    changes = {"mig": {"bins": 4}, "omes": {"alpha": 0.9}, "dci": {"depth": 1}}
    table = scored(design, codes, active_sd=0.2, **changes)
    assert set(table["active_mask"]) == {"1111110"}
    assert table.loc["active_dims", "value"] == 6
    factors = known_factors(design, SOURCE, 10)
    kept = arrange(design, codes[:, :6])
    tables = kept.train, factors.values.train, kept.test, factors.values.test
    dci = dci_scores(*tables, rounds=3, depth=1, learning_rate=0.5)
    pairs = kept.first, kept.second, factors.changed
    expected = {
        "mig": mig_score(kept.train, factors.values.train, bins=4),
        "omes": omes_score(*pairs, active=np.ones(6), alpha=0.9).score,
        "dci_informativeness": dci.informativeness,
    }
    assert table.loc[list(expected), "value"].to_dict() == pytest.approx(expected)
    assert set(scored(design, codes)["active_mask"]) == {"1111111"}


def test_the_largest_size_is_the_study_itself_and_small_ones_lift_the_floor(design):
    codes = design[COLUMNS].to_numpy(float)
    by_size = scores_by_size(design, SOURCE, codes, active_sd=0.05, levels=10, options={}, points=3)
    assert sorted(set(by_size["rows"])) == [100, 282, 800]
    whole = scored(design, codes)["value"]
    largest = by_size[by_size["rows"] == 800].set_index("score")
    for name in ("mig", "omes", "modularity", "irs"):
        assert largest.loc[name, "value"] == pytest.approx(whole[name])
    # Information of noise falls with the rows: its plug-in estimate is (bins - 1)(values - 1) / 2N.
    floor = by_size[by_size["score"] == "mig"].set_index("rows")["floor"]
    assert floor[100] > floor[800]


def test_codes_of_the_first_members_alone_would_not_do(design):
    """Shuffled second members lose what pairs have in common, which OMES must see."""
    codes = design[COLUMNS].to_numpy(float)
    second = ((design["role"] == "factor_pair") & (design["member"] == 1)).to_numpy()
    shuffled = codes.copy()
    shuffled[second] = np.random.default_rng(0).permutation(codes[second])
    whole, apart = (scored(design, z).loc["omes", "value"] for z in (codes, shuffled))
    assert apart < whole - 0.3


@pytest.fixture
def manifest():
    rng = np.random.default_rng(1)
    n = 400
    size = rng.uniform(size=n)
    return pd.DataFrame(
        {
            "image_id": [f"{i}" for i in range(n)],
            "role": "image",
            "member": 0,
            "changed": "",
            "label": np.where(size > 0.5, "large", "small"),
            "split": rng.choice(["train", "val", "test"], n, p=[0.6, 0.2, 0.2]),
            "factor_Size": size,
            "factor_Hue": rng.uniform(size=n),
        }
    )


def test_a_target_with_factors_has_mig_and_dci_but_no_omes(manifest):
    codes = manifest[["factor_Size", "factor_Hue"]].to_numpy()
    table = scored(manifest, codes, TARGET, which="full", resamples=2)
    assert table.loc["mig", "value"] > 0.6
    assert table.loc["dci_disentanglement", "value"] > 0.9
    assert np.isfinite(table.loc[["mig", "sap", "dci_completeness"], "low"]).all()
    assert not [name for name in table.index if name.startswith("omes")]


def test_values_that_a_factor_lists_are_not_cut_into_levels(design):
    """PosX of the source has 32 values, more than the levels of a continuous factor."""
    factors = known_factors(design, SOURCE, 10)
    position = factors.names.index("PosX")
    assert len(np.unique(factors.values.train[:, position])) == 32
    continuous = Factor(name="PosX", limits=(0, 31)).to_json()
    cut = known_factors(design[design["role"] == "image"], {"factors": [continuous]}, 10)
    assert len(np.unique(cut.values.train[:, 0])) == 10


def test_measured_properties_stand_in_for_factors(manifest):
    """Images without an object are left out; the order of the objects does not matter."""
    codes = manifest[["factor_Size", "factor_Hue"]].to_numpy(copy=True)
    objects = manifest.rename(columns={"factor_Size": "area", "factor_Hue": "mean_hue"}).sample(
        frac=1, random_state=0
    )
    objects.loc[objects["image_id"] == "7", "area"] = np.nan
    codes[7] = 1e3
    factors, known = measured_factors(manifest, objects, ["area", "mean_hue"], 10)
    table = score_codes(
        arrange(manifest[known], codes[known]), factors, panel=panel(), threads=1
    ).set_index("score")
    without = np.arange(len(manifest)) != 7
    expected = scored(manifest[without], codes[without], TARGET)
    for name in ("mig", "dci_completeness"):
        assert table.loc[name, "value"] == expected.loc[name, "value"]
    assert table.loc["mig[area]", "value"] == expected.loc["mig[Size]", "value"]
    with pytest.raises(FovscopeError, match="no column 'perimeter'"):
        measured_factors(manifest, objects, ["perimeter"], 10)
    with pytest.raises(FovscopeError, match="no image has all"):
        measured_factors(manifest, objects.iloc[:0], ["area"], 10)


# Evaluations -----------------------------------------------------------------------------


def given(manifest, codes, *, facts=TARGET, stage="finetuned", bound=(), **options):
    """The inputs of an evaluation of one representation."""
    values = representation_table(manifest["image_id"], codes, np.zeros_like(codes))
    view = {"values": "latents", "identity": {"stage": stage, "representation": "latents"}}
    usual = {"panel": panel(resamples=0), "probes": PROBES, "views": [view], "active_sd": 0.05}
    usual["parts"] = ["accuracy", "disentanglement"]
    return Given(
        {
            **{"table": manifest, "facts": facts, "latents": values},
            "model": {"bound": [one.to_json() for one in bound]},
        },
        usual | options,
        Identity(dataset="t", backbone="b", recipe="r", seed=3),
        {"weights_digest": "w"},
        CATALOGUE,
    )


DERIVED = {n: {"representation": n, "options": {}} for n in ("latents", "named")}
NAMED = [
    Factor(name="A", values=2),
    Factor(name="B", limits=(0, 180), period=180.0),
    Factor(name="PosX", values=2, nuisance=True),
]


def accuracy(table, probe="gbt"):
    """Balanced accuracy and the dimensions that the probe saw, by representation."""
    rows = table[(table["score"] == "balanced_accuracy") & (table["probe"] == probe)]
    return {row.representation: (row.value, row.active_mask) for row in rows.itertuples()}


def test_probes_see_active_dimensions_or_the_named_ones_without_nuisance(manifest):
    rng = np.random.default_rng(2)
    codes = rng.standard_normal((len(manifest), 6)).astype(np.float32)
    codes[:, 5] = manifest["factor_Size"] * 3  # not among the named ones
    codes[:, 3] = 0.01 * codes[:, 3]
    bound = bind(NAMED, angles=False)
    table = scores(given(manifest, codes, bound=bound, derived=DERIVED))["scores"]
    found = accuracy(table)
    assert found["latents"][1] == "111011"
    assert found["latents"][0] > 0.9
    assert found["named"][1] == "110000"
    assert found["named"][0] < 0.7
    assert set(table["kind"]) == {"accuracy", "disentanglement"}
    assert set(table["seed"]) == {3}
    assert set(table["weights_digest"]) == {"w"}
    table = scores(given(manifest, codes, bound=bind(NAMED, angles=True), derived=DERIVED))
    assert accuracy(table["scores"])["named"][1] == "111000"  # B is a direction
    unnamed = scores(given(manifest, codes, derived=DERIVED))["scores"]
    assert list(accuracy(unnamed)) == ["latents"]


def test_names_come_from_the_json_beside_the_model(tmp_path, manifest):
    bound, files = bind(NAMED, angles=True), {"model": str(tmp_path / "m.json")}
    info = {"provenance": {"weights_digest": "w"}, "bound": [one.to_json() for one in bound]}
    write_json(files["model"], info)
    inputs, provenance = read_inputs(files)
    assert provenance == {"weights_digest": "w"}
    what = Given(inputs, {}, Identity(), provenance, CATALOGUE)
    assert what.bound == bound
    assert bound[1].dimensions == (1, 2)
    assert replace(what, inputs={}).bound == ()  # without a model
    del info["bound"]
    write_json(files["model"], info)
    with pytest.raises(FovscopeError, match="does not say which dimensions have names"):
        _ = replace(what, inputs=read_inputs(files)[0]).bound


def test_collapsed_codes_are_probed_as_they_are(manifest):
    codes = np.zeros((len(manifest), 3), np.float32)
    table = scores(given(manifest, codes, derived=DERIVED))["scores"]
    assert accuracy(table)["latents"] == (0.5, "111")


def test_a_representation_without_a_model_goes_through_whole_and_a_wide_one_to_probes_alone(
    manifest,
):
    codes = np.random.default_rng(3).standard_normal((len(manifest), 70)).astype(np.float32)
    codes[:, 1] *= 1e-3
    table = scores(given(manifest, codes, stage="baseline"))["scores"]
    assert set(table["kind"]) == {"accuracy"}
    assert table["active_mask"].isna().all()


def test_without_classes_there_are_no_probes_and_without_factors_no_metrics(manifest):
    codes = np.random.default_rng(4).standard_normal((len(manifest), 3)).astype(np.float32)
    unlabelled = manifest.drop(columns="label")
    table = scores(given(unlabelled, codes, facts=TARGET | {"classes": []}))["scores"]
    assert set(table["kind"]) == {"disentanglement"}
    table = scores(given(manifest, codes, facts=TARGET | {"factors": []}))["scores"]
    assert set(table["kind"]) == {"accuracy"}
    neither = TARGET | {"factors": [], "classes": []}
    assert scores(given(unlabelled, codes, facts=neither))["scores"].empty


def test_only_what_the_study_asks_for_is_scored(manifest):
    codes = np.random.default_rng(4).standard_normal((len(manifest), 3)).astype(np.float32)
    table = scores(given(manifest, codes, parts=["disentanglement"], probes=None))["scores"]
    assert set(table["kind"]) == {"disentanglement"}


def test_codes_of_known_quality_are_named_as_representations(design):
    what = given(design, design[COLUMNS].to_numpy(float), facts=SOURCE, latent_dim=10)
    table = references(what)["scores"]
    assert set(table["stage"]) == {"reference"}
    assert {"perfect", "noise", "rotated"} <= set(table["representation"])


def test_seeds_are_compared_on_the_images_that_they_share():
    """Two disguised copies agree, a stranger agrees with nobody; KL drops an unused dimension."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((300, 3)).astype(np.float32)
    ids = [f"{i}" for i in range(300)]
    unused = np.zeros((300, 1), np.float32)

    def latents(mean):
        mean = np.hstack([mean, 0.01 * rng.standard_normal((300, 1)).astype(np.float32)])
        logvar = np.hstack([np.full((300, 3), -2, np.float32), unused])
        return representation_table(ids, mean, logvar)

    models = {
        "0": latents(z),
        "1": latents(-2 * z[:, [2, 0, 1]]).sample(frac=1, random_state=0),
        "2": latents(rng.standard_normal((300, 3)).astype(np.float32)),
        "3": latents(z[:, [1, 0, 2]]),
    }
    images = pd.DataFrame({"image_id": ids})
    compared = compare_models(models, images, resamples=3)
    tables = {seed: table.set_index("score") for seed, table in compared.items()}
    assert tables["0"].loc["informative_dims", "value"] == 3
    assert set(tables["0"]["active_mask"]) == {"1110"}
    for name in ("udr_lasso", "udr_spearman"):
        copies, stranger = tables["1"].loc[name], tables["2"].loc[name]
        assert copies["low"] < copies["value"] <= copies["ceiling"] + 0.02
        assert copies["value"] == pytest.approx(copies["ceiling"], abs=0.06)
        assert stranger["value"] < 0.15
        assert copies["floor"] < 0.15
        assert abs(stranger["value"] - stranger["floor"]) < 0.1
    without = compare_models(models, images, resamples=0)["0"]
    assert without["low"].isna().all()
