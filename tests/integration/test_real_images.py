"""A small study on real images: plankton silhouettes on white, of very different sizes."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, TINY, Study
from safetensors.numpy import load_file

from fovscope.features.store import read_store

PLANKTON = ROOT.parent / "shared/data/plankton15"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PLANKTON.is_dir(), reason="../shared/data/plankton15 is not here"),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    lite0 = TINY["backbones"]["lite0"] | {"size": 128}
    study = Study(
        tmp_path_factory.mktemp("plankton"),
        TINY
        | {
            "seeds": [0],
            "sources": {
                "texture_dsprites": {
                    "train_pairs": 600,
                    "iid_train": 200,
                    "iid_test": 100,
                    "pairs_per_factor": 10,
                }
            },
            "targets": {"plankton15": {"folder": str(PLANKTON), "background": 255}},
            "backbones": {"lite0": lite0},
            "representations": ["latents", "constant"],
            "model": TINY["model"] | {"width": 128},
            "source_training": TINY["source_training"] | {"steps": 800},
            "finetuning": {"epochs": 40, "learning_rate": 1.0e-3},
            "probes": {"gbt": {"rounds": 20}, "mlp": {"learning_rate": 1.0e-3}},
        },
    )
    run = study.run("accuracy")
    assert run.code == 0, run.text
    return study


def test_every_score_is_far_above_chance(study):
    long = pd.read_parquet(study.folder / "results/tables/accuracy.parquet")
    scores = long[long["score"] == "balanced_accuracy"].set_index(["stage", "representation"])
    chance = 100 / 15
    assert (scores.loc[("finetuned", "latents"), "mean"] > 6 * chance).all()
    assert (scores.loc[("transferred", "latents"), "mean"] > 4 * chance).all()
    assert (
        scores.loc[("baseline", "constant (majority class)"), "mean"].tolist()
        == [pytest.approx(chance)] * 2
    )


def test_no_standardised_target_feature_runs_away(study):
    """Near-dead features of the source would reach thousands of units without their floor."""
    results = study.folder / "results"
    model = load_file(results / "models/lite0/beta1/seed0/source.safetensors")
    target = read_store(results / "features/plankton15/lite0/manifest.json")
    design = pd.read_parquet(results / "data/texture_dsprites/manifest.parquet")
    source = read_store(results / "features/texture_dsprites/lite0/manifest.json")
    source = source[(design["role"] == "train_pair").to_numpy()]
    centred = np.abs(target - model["scaling.offset"])
    without_floor = (centred / source.std(axis=0).clip(min=1e-9)).max()
    assert (centred / model["scaling.scale"]).max() < 200 < without_floor
