"""Which rows and columns go into which score, on codes whose scores are known."""

import numpy as np
import pandas as pd
import pytest

from fovscope import FovscopeError
from fovscope.datasets.design import FACTORS, sample_design
from fovscope.evaluation.accuracy import probe_baselines, probe_latents
from fovscope.evaluation.agreement import compare_models
from fovscope.evaluation.by_size import source_scores_by_size
from fovscope.evaluation.disentanglement import (
    score_references,
    score_source,
    score_stand_ins,
    score_target,
    source_factors,
    split_source,
)
from fovscope.metrics import dci_scores, mig_score, omes_score
from fovscope.records import representation_table
from fovscope.study.config import Metrics, Probes, Source

QUICK = Metrics(panel="fast", dci_rounds=3)
PROBES = Probes(gbt_rounds=5, mlp_max_epochs=300, mlp_learning_rate=1e-2)


@pytest.fixture(scope="module")
def design():
    options = Source(train_pairs=5, iid_train=800, iid_test=300, pairs_per_factor=60)
    return sample_design(options).query("role != 'train_pair'")


def test_factors_as_codes_are_the_perfect_code(design):
    codes = design[list(FACTORS)].to_numpy(float)
    table = score_source(design, codes, options=QUICK, threads=1).set_index("score")
    scores = table["value"]
    reference = score_references(design, is_source=True, latent_dim=10, options=QUICK, threads=1)[
        "perfect"
    ]
    for name in ("mig", "omes", "dci_informativeness"):
        assert scores[name] == pytest.approx(reference[name])
    assert scores["mi_over_h[z2,Shape]"] == pytest.approx(1)
    assert scores["association[z2,Shape]"] > scores["association[z1,Shape]"]
    mig = table.loc["mig"]
    assert mig["floor"] < 0.1 < mig["low"] < mig["value"] < mig["high"]
    assert (mig["n_train"], mig["n_test"], mig["n_pairs"]) == (800, 300, 420)
    assert np.isnan(table.loc["active_dims", "floor"])
    assert np.isnan(table.loc["dci_completeness", "low"])  # too slow to repeat in the fast panel
    assert table.loc["dci_completeness", "floor"] < 0.3


def test_options_of_the_study_reach_the_metrics_and_the_mask_is_stored(design):
    values = design[list(FACTORS)]
    codes = ((values - values.mean()) / values.std()).to_numpy() * (1, 1, 1, 1, 1, 1, 0.15)
    changes = {"mig_bins": 4, "omes_alpha": 0.9, "active_sd": 0.2, "dci_depth": 1}
    options = QUICK.model_copy(update=changes)
    table = score_source(design, codes, options=options, threads=1).set_index("score")
    assert set(table["active_mask"]) == {"1111110"}
    assert table.loc["active_dims", "value"] == 6
    factors, changed = source_factors(design)
    kept = split_source(design, codes[:, :6])
    tables = kept.train, factors.train, kept.test, factors.test
    dci = dci_scores(*tables, rounds=3, depth=1, learning_rate=0.5)
    expected = {
        "mig": mig_score(kept.train, factors.train, bins=4),
        "omes": omes_score(kept.first, kept.second, changed, active=np.ones(6), alpha=0.9).score,
        "dci_informativeness": dci.informativeness,
    }
    assert table.loc[list(expected), "value"].to_dict() == pytest.approx(expected)
    assert set(score_source(design, codes, options=QUICK, threads=1)["active_mask"]) == {"1111111"}


def test_the_largest_size_is_the_study_itself_and_small_ones_lift_the_floor(design):
    codes = design[list(FACTORS)].to_numpy(float)
    by_size = source_scores_by_size(design, codes, options=QUICK, points=3)
    assert sorted(set(by_size["rows"])) == [100, 282, 800]
    whole = score_source(design, codes, options=QUICK, threads=1).set_index("score")["value"]
    largest = by_size[by_size["rows"] == 800].set_index("score")
    for name in ("mig", "omes", "modularity", "irs"):
        assert largest.loc[name, "value"] == pytest.approx(whole[name])
    # Information of noise falls with the rows: its plug-in estimate is (bins - 1)(values - 1) / 2N.
    floor = by_size[by_size["score"] == "mig"].set_index("rows")["floor"]
    assert floor[100] > floor[800]


def test_codes_of_the_first_members_alone_would_not_do(design):
    """Shuffled second members lose what pairs have in common, which OMES must see."""
    codes = design[list(FACTORS)].to_numpy(float)
    second = ((design["role"] == "factor_pair") & (design["member"] == 1)).to_numpy()
    shuffled = codes.copy()
    shuffled[second] = np.random.default_rng(0).permutation(codes[second])
    whole, apart = (
        score_source(design, z, options=QUICK, threads=1).set_index("score").loc["omes", "value"]
        for z in (codes, shuffled)
    )
    assert apart < whole - 0.3


@pytest.fixture
def manifest():
    rng = np.random.default_rng(1)
    n = 400
    size = rng.uniform(size=n)
    return pd.DataFrame(
        {
            "label": np.where(size > 0.5, "large", "small"),
            "split": rng.choice(["train", "val", "test"], n, p=[0.6, 0.2, 0.2]),
            "factor_Size": size,
            "factor_Hue": rng.uniform(size=n),
        }
    )


def test_a_target_with_factors_has_mig_and_dci_but_no_omes(manifest):
    codes = manifest[["factor_Size", "factor_Hue"]].to_numpy()
    options = QUICK.model_copy(update={"panel": "full", "resamples": 2})
    table = score_target(manifest, codes, options=options, threads=1).set_index("score")
    assert table.loc["mig", "value"] > 0.6
    assert table.loc["dci_disentanglement", "value"] > 0.9
    assert np.isfinite(table.loc[["mig", "sap", "dci_completeness"], "low"]).all()
    assert not [name for name in table.index if name.startswith("omes")]


def test_measured_properties_stand_in_for_factors(manifest):
    """Images without an object are left out; the order of the objects does not matter."""
    images = manifest.assign(image_id=[f"{i}" for i in range(len(manifest))])
    codes = manifest[["factor_Size", "factor_Hue"]].to_numpy(copy=True)
    objects = images.rename(columns={"factor_Size": "area", "factor_Hue": "mean_hue"}).sample(
        frac=1, random_state=0
    )
    objects.loc[objects["image_id"] == "7", "area"] = np.nan
    codes[7] = 1e3
    scored = score_stand_ins(
        images, codes, objects, columns=["area", "mean_hue"], options=QUICK, threads=1
    ).set_index("score")
    expected = manifest[np.arange(len(manifest)) != 7]
    known = score_target(expected, np.delete(codes, 7, axis=0), options=QUICK, threads=1).set_index(
        "score"
    )
    for name in ("mig", "dci_completeness"):
        assert scored.loc[name, "value"] == known.loc[name, "value"]
    assert scored.loc["mig[area]", "value"] == known.loc["mig[Size]", "value"]
    assert "irs" not in scored.index
    with pytest.raises(FovscopeError, match="no column 'perimeter'"):
        score_stand_ins(images, codes, objects, columns=["perimeter"], options=QUICK, threads=1)
    with pytest.raises(FovscopeError, match="no image has all"):
        score_stand_ins(images, codes, objects.iloc[:0], columns=["area"], options=QUICK, threads=1)


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


def gbt_accuracy(manifest, codes, *, named):
    """Balanced accuracy of the trees and the dimensions that they saw, by representation."""
    scored = probe_latents(
        manifest, codes, named=named, active_sd=0.05, options=PROBES, seed=0, threads=1
    )
    tables = {name: by_probe["gbt"].set_index("score") for name, by_probe in scored.items()}
    return {
        name: tuple(t.loc["balanced_accuracy", ["value", "active_mask"]])
        for name, t in tables.items()
    }


def test_probes_see_the_code_that_classifies_and_named_dimensions_are_the_first_five(manifest):
    rng = np.random.default_rng(2)
    codes = rng.standard_normal((len(manifest), 10)).astype(np.float32)
    codes[:, 7] = manifest["factor_Size"] * 3  # not among the named five
    codes[:, 9] *= 1e-3  # inactive
    assert gbt_accuracy(manifest, codes, named=True) == {
        "latents": (pytest.approx(1, abs=0.05), "1111111110"),
        "named latents": (pytest.approx(0.5, abs=0.2), "1111100000"),
    }
    codes[:, 7] *= 1e-2  # now it is inactive itself
    accuracy, mask = gbt_accuracy(manifest, codes, named=False)["latents"]
    assert accuracy < 0.7
    assert mask == "1111111010"


def test_the_test_split_is_never_fitted_on(manifest):
    """Labels that only the test rows carry can not be learnt: the score is that of chance."""
    codes = np.zeros((len(manifest), 10), np.float32)
    test = (manifest["split"] == "test").to_numpy()
    rng = np.random.default_rng(3)
    codes[:] = rng.standard_normal(codes.shape)
    codes[test, 0] = (manifest["label"][test] == "large") * 4.0
    assert gbt_accuracy(manifest, codes, named=False)["latents"][0] < 0.75


def test_baselines(manifest):
    rng = np.random.default_rng(4)
    features = rng.standard_normal((len(manifest), 30)).astype(np.float32)
    features[:, 3] = manifest["factor_Size"] * 4
    scores = probe_baselines(manifest, features, latent_dim=5, options=PROBES, threads=1)
    assert list(scores) == ["full Φ", "PCA-5 of Φ", "constant (majority class)"]
    values = {name: table["gbt"].set_index("score")["value"] for name, table in scores.items()}
    assert values["full Φ"]["balanced_accuracy"] > 0.95
    assert values["constant (majority class)"]["balanced_accuracy"] == 0.5
    # Half the classes' images are taken for the larger one, which recognises itself.
    assert sorted(values["constant (majority class)"]["confusion"]) == [0, 0, 1, 1]
