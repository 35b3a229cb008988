"""A generated screen through the command line: what was planted comes out of tables and files.

`truth` is a representation that sees the factors of the rendered cells, brought by a plug-in; the
screen has a batch effect as large as its phenotypes.
"""

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, Study

from fovscope.profiles.export import read_wells
from fovscope.profiles.normalisation import normalise
from fovscope.profiles.precision import activity

pytestmark = pytest.mark.slow

MOAS = ("shrinking", "stretching", "nuclear swelling", "granulating")
REPRESENTATIONS = ("latents", "named", "pca", "handcrafted", "cell_count", "truth")
PLUGIN = '''
import numpy as np

from fovscope.registry import representation

FACTORS = ("Size", "Elongation", "NucleusRatio", "Granularity", "Hue", "Intensity")


@representation("truth", needs="images", label="true factors", explained=False)
def truth(given):
    """Return the factors of each cell, as shares of their ranges."""
    values = given.images[[f"factor_{name}" for name in FACTORS]].to_numpy(float, copy=True)
    values[:, :2] = np.log(values[:, :2])
    return (values - values.min(axis=0)) / np.ptp(values, axis=0)
'''
SCREEN = {"moas": 4, "compounds": 3, "inactive": 3, "concentrations": 1, "controls": 5}
CHANGES = {
    "plugins": ["truth.py"],
    "betas": None,
    "seeds": [0],
    "sources": {
        "texture_dsprites": {
            "train_pairs": 100,
            "iid_train": 100,
            "iid_test": 100,
            "pairs_per_factor": 10,
        }
    },
    "recipes": {"bound": {"source": "texture_dsprites", "supervision": "labels", "tuning": "none"}},
    "targets": {
        "plate": {
            "generator": "screen",
            "images": 400,  # in 90 wells: some have a cell more, so that cell counts differ
            "options": SCREEN | {"batch_effect": 0.2},
        }
    },
    "profiles": {
        "plate": {"regularisation": 0.001, "normalisations": ["none", "tvn"], "null_size": 1000}
    },
    "representations": list(REPRESENTATIONS),
    "source_training": TINY["source_training"] | {"steps": 60, "warmup_steps": 10},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The study, run once as far as its profiles, their tables and their figures."""
    changes = {key: value for key, value in (TINY | CHANGES).items() if value is not None}
    study = Study(tmp_path_factory.mktemp("screen"), changes)
    (study.folder / "truth.py").write_text(PLUGIN)
    model = "plate_lite0_bound_seed0"
    figures = ("mechanisms_plate", "dose_response_plate_lite0")
    figures += (f"plates_{model}", f"treatments_{model}")
    run = study.run("profiles", "effects", *(f"results/figures/{name}.png" for name in figures))
    assert run.code == 0, run.text
    return study.folder / "results"


@pytest.fixture(scope="module")
def scores(results):
    """Scores of the true factors: a row per score, a column per normalisation."""
    long = pd.read_parquet(results / "tables/profiles.parquet")
    of_truth = long[(long["representation"] == "true factors") & (long["score"] != "confusion")]
    return of_truth.pivot(index="score", columns="normalisation", values="mean")


def test_a_batch_effect_misleads_nsc_more_than_nscb_and_whitening_removes_it(scores):
    assert scores.loc["nsc", "none"] < scores.loc["nscb", "none"] - 0.2
    assert scores.loc["nsc", "tvn"] >= 0.9  # chance is one in four
    assert scores.loc["nscb", "tvn"] >= 0.9
    assert scores.loc["batch_variance", "tvn"] < scores.loc["batch_variance", "none"] / 3


def test_inactive_treatments_stay_inactive_in_the_wells_that_are_exported(results, scores):
    wells = pd.read_parquet(results / "profiles/plate/images/truth/wells.parquet")
    exported, _ = read_wells(wells)
    whitened = normalise(exported, "tvn", regularisation=0.001)
    found = activity(whitened, null_size=1000).scores.set_index("treatment")["significant"]
    moas = exported.about.groupby("treatment")["moa"].first()[found.index]
    assert not found[moas.isna()].any()
    assert found[moas.notna()].mean() > 0.3
    assert found.mean() == pytest.approx(scores.loc["active", "tvn"])


def test_tables_have_each_representation(results):
    long = pd.read_parquet(results / "tables/profiles.parquet")
    asked = {"latents", "named latents", "PCA-10 of Φ", "handcrafted features"}
    assert set(long["representation"]) == asked | {"cell count alone", "true factors"}
    nsc = long[long["score"] == "nsc"]
    assert (nsc.groupby("representation")["normalisation"].nunique() == 2).all()
    assert (nsc["asked"] == len(MOAS) * SCREEN["compounds"]).all()
    effects = pd.read_parquet(results / "tables/effects.parquet")
    assert {"Scale", "Color"} <= set(effects["factor"])
    assert effects["treatment"].nunique() == (len(MOAS) + 1) * SCREEN["compounds"]


def test_wells_of_each_representation_have_the_cells_of_the_table(results):
    table = pd.read_parquet(results / "data/plate/manifest.parquet")
    counts = table.groupby(["Metadata_Plate", "Metadata_Well"]).size()
    files = sorted((results / "profiles/plate").rglob("wells.parquet"))
    assert len(files) == 5  # latents and named latents are the columns of one
    for file in files:
        wells = pd.read_parquet(file).set_index(["Metadata_Plate", "Metadata_Well"])
        assert wells["Metadata_CellCount"].to_dict() == counts.to_dict()
        features = [name for name in wells if not name.startswith("Metadata_")]
        assert np.isfinite(wells[features].to_numpy(float)).all()
