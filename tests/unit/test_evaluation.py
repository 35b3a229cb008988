"""Which rows and columns go into which score, on codes whose scores are known."""

import numpy as np
import pandas as pd
import pytest

from fovscope.config import Metrics, Probes, Source
from fovscope.data.design import FACTORS, sample_design
from fovscope.evaluation.accuracy import probe_baselines, probe_latents
from fovscope.evaluation.disentanglement import score_references, score_source, score_target

QUICK = Metrics(dci_rounds=3)
PROBES = Probes(gbt_rounds=5, mlp_max_epochs=300, mlp_learning_rate=1e-2)


@pytest.fixture(scope="module")
def design():
    options = Source(train_pairs=5, iid_train=2000, iid_test=500, pairs_per_factor=100)
    return sample_design(options).query("role != 'train_pair'")


def test_factors_as_codes_are_the_perfect_code(design):
    codes = design[list(FACTORS)].to_numpy(float)
    scores = score_source(design, codes, options=QUICK, threads=1)
    reference = score_references(design, is_source=True, latent_dim=10, options=QUICK, threads=1)[
        "perfect"
    ]
    for name in ("mig", "omes", "dci_informativeness"):
        assert scores[name] == pytest.approx(reference[name])
    assert scores["mi_over_h[z2,Shape]"] == pytest.approx(1)
    assert scores["association[z2,Shape]"] > scores["association[z1,Shape]"]


def test_codes_of_the_first_members_alone_would_not_do(design):
    """Shuffled second members lose what pairs have in common, which OMES must see."""
    codes = design[list(FACTORS)].to_numpy(float)
    second = ((design["role"] == "factor_pair") & (design["member"] == 1)).to_numpy()
    shuffled = codes.copy()
    shuffled[second] = np.random.default_rng(0).permutation(codes[second])
    whole = score_source(design, codes, options=QUICK, threads=1)["omes"]
    assert score_source(design, shuffled, options=QUICK, threads=1)["omes"] < whole - 0.3


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
    scores = score_target(manifest, codes, options=QUICK, threads=1)
    assert scores["mig"] > 0.6
    assert scores["dci_disentanglement"] > 0.9
    assert "omes" not in scores


def test_probes_see_the_code_that_classifies_and_named_dimensions_are_the_first_five(manifest):
    rng = np.random.default_rng(2)
    codes = rng.standard_normal((len(manifest), 10)).astype(np.float32)
    codes[:, 7] = manifest["factor_Size"] * 3  # not among the named five
    codes[:, 9] *= 1e-3  # inactive
    scores = probe_latents(
        manifest, codes, named=True, active_sd=0.05, options=PROBES, seed=0, threads=1
    )
    assert scores["latents"]["gbt"]["balanced_accuracy"] > 0.95
    assert scores["named latents"]["gbt"]["balanced_accuracy"] < 0.7
    unnamed = probe_latents(
        manifest, codes, named=False, active_sd=0.05, options=PROBES, seed=0, threads=1
    )
    assert list(unnamed) == ["latents"]


def test_the_test_split_is_never_fitted_on(manifest):
    """Labels that only the test rows carry can not be learnt: the score is that of chance."""
    codes = np.zeros((len(manifest), 10), np.float32)
    test = (manifest["split"] == "test").to_numpy()
    rng = np.random.default_rng(3)
    codes[:] = rng.standard_normal(codes.shape)
    codes[test, 0] = (manifest["label"][test] == "large") * 4.0
    scores = probe_latents(
        manifest, codes, named=False, active_sd=0.05, options=PROBES, seed=0, threads=1
    )
    assert scores["latents"]["gbt"]["balanced_accuracy"] < 0.75


def test_baselines(manifest):
    rng = np.random.default_rng(4)
    features = rng.standard_normal((len(manifest), 30)).astype(np.float32)
    features[:, 3] = manifest["factor_Size"] * 4
    scores = probe_baselines(manifest, features, latent_dim=5, options=PROBES, threads=1)
    assert list(scores) == ["full Φ", "PCA-5 of Φ", "constant (majority class)"]
    assert scores["full Φ"]["gbt"]["balanced_accuracy"] > 0.95
    assert scores["constant (majority class)"]["mlp"]["balanced_accuracy"] == 0.5
