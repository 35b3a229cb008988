"""Names learnt from rendered cells and from the target's own images, through the command line.

A recipe that follows targets has models of its own for each; none is tuned, each is judged on
interventions, and what is edited depends on the target.
"""

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import TINY, Study

from fovscope.cli import main

pytestmark = pytest.mark.slow

FACTORS = ["Size", "Elongation", "NucleusRatio", "Hue"]
SIZES = {"train_pairs": 120, "iid_train": 100, "iid_test": 100, "pairs_per_factor": 20}
MODELS = "results/models/lite0/named@cells"
TABLES = "results/tables"


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A tiny study with the default kind of recipe, tuned in a second one."""
    shared = {"objective": "anchored", "factors": FACTORS}
    sources = {
        "rendered": SIZES | {"generator": "cells", "calibrate": "each", "pairs_per_factor": 10},
        "edited": SIZES | {"interventions": "each"},
    }
    kept = {"source": "edited", "factors": [*FACTORS[:2], "Hue"], "finetuning": {"replay": 16}}
    changes = {
        "betas": None,
        "sources": sources,
        "recipes": {
            "named": shared | {"source": ["rendered", "edited"], "tuning": "none"},
            "kept": shared | kept,
        },
        "targets": {"cells": {"generator": "synthetic_cells", "images": 100}},
        "backbones": {"lite0": TINY["backbones"]["lite0"]},
        "representations": ["latents", "pca", "random", {"readout": {"source": "rendered"}}],
        "source_training": {"steps": 300, "learning_rate": 1.0e-3, "warmup_steps": 50},
        "model": TINY["model"] | {"latent_dim": 8},
        "open_set": {},
    }
    changes = {key: value for key, value in (TINY | changes).items() if value is not None}
    study = Study(tmp_path_factory.mktemp("named"), changes)
    run = study.run()
    assert run.code == 0, run.text
    return study


def test_a_second_run_has_nothing_to_do(named):
    assert "Nothing to be done" in named.run("-n").text


def test_models_know_their_names_and_an_angle_owns_two_dimensions(named):
    info = json.loads((named.folder / MODELS / "seed0/source.json").read_text())
    owned = {one["factor"]["name"]: one["dimensions"] for one in info["bound"]}
    assert owned == {"Size": [0], "Elongation": [1], "NucleusRatio": [2], "Hue": [3, 4]}
    tuned = json.loads(
        (named.folder / "results/models/lite0/kept@cells/seed0/cells.json").read_text()
    )
    assert [one["factor"]["name"] for one in tuned["bound"]] == ["Size", "Elongation", "Hue"]


def test_no_test_image_is_in_a_training_pair(named):
    edited = pd.read_parquet(named.folder / "results/data/edited@cells/manifest.parquet")
    split = pd.read_parquet(named.folder / "results/data/cells/manifest.parquet")
    split = split.set_index("image_id")["split"]
    assert set(split[edited.loc[edited["role"] == "train_pair", "base"]]) == {"train"}


def test_each_setting_comes_out_as_set(named):
    table = pd.read_parquet(named.folder / TABLES / "interventions.parquet")
    slopes = table[table["score"] == "slope"].set_index("factor")["value"]
    assert slopes[["Size", "Elongation", "Hue", "Intensity"]].between(0.95, 1.05).all()
    trace = table.loc[table["score"] == "trace", "value"]
    assert trace.between(0, 1).all()


def test_each_name_has_a_verdict_by_true_factors_and_interventions(named):
    table = pd.read_parquet(named.folder / TABLES / "names.parquet")
    lines = table[table["recipe"] == "named"].set_index("factor")
    assert set(lines.index) == set(FACTORS)
    assert lines.loc["Size", "evidence"] == "true factors, interventions"
    assert lines.loc["NucleusRatio", "evidence"] == "true factors, correlation alone"
    assert set(table["verdict"]) <= {"holds", "partly", "does not hold", "not measurable here"}
    assert set(table.loc[table["recipe"] == "named", "stage"]) == {"transferred"}
    assert set(table.loc[table["recipe"] == "kept", "stage"]) == {"transferred", "finetuned"}


def test_size_follows_the_true_size_even_in_a_tiny_study(named):
    """300 steps on 240 pairs; without anchors |r| is below .3 here."""
    table = pd.read_parquet(named.folder / TABLES / "names.parquet")
    lines = table[(table["recipe"] == "named") & (table["factor"] == "Size")]
    assert lines["own_mean"].item() > 0.6


def test_representations_are_measured_on_interventions(named):
    table = pd.read_parquet(named.folder / TABLES / "disentanglement.parquet")
    of_edited = table[table["measured_on"] == "edited@cells"]
    assert {"transferred", "finetuned", "baseline"} <= set(of_edited["stage"])
    assert {"omes", "beta_vae", "factor_vae"} & set(of_edited["score"])
    baselines = of_edited[of_edited["stage"] == "baseline"]
    assert set(baselines["representation"]) == {
        *("PCA-8 of Φ", "random-8 of Φ", "ridge readout of rendered")
    }


def test_size_is_read_out_in_its_own_dimension_alone(named):
    """A ridge regression of 240 rendered cells, asked about others: .44; the rest is below .21."""
    table = pd.read_parquet(named.folder / TABLES / "correlation.parquet")
    lines = table[table["representation"] == "ridge readout of rendered"]
    lines = lines[(lines["feature"] == "equivalent_diameter") & (lines["score"] == "pearson")]
    size, *others = lines["mean_abs"]
    assert size > 0.3
    assert max(others) < 0.75 * size


def test_new_images_are_encoded_with_a_model_that_was_not_tuned(named, tmp_path):
    model = named.folder / MODELS / "seed0/source.safetensors"
    images = named.folder / "results/data/cells/images"
    few = tmp_path / "new"
    few.mkdir()
    for path in sorted(Path(images).iterdir())[:3]:
        (few / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "out"
    assert main(["encode", "--model", str(model), "--images", str(few), "--out", str(out)]) == 0
    table = pd.read_csv(out / "latents.csv")
    assert len(table) == 3
    assert table.columns.str.fullmatch(r"Size( \(partly\))?|z0 \(named Size; .* here\)").any()
    assert table.columns.str.contains(r"Hue \(cos\)").sum() == 2  # its place among others, too


def test_new_sizes_of_what_is_edited_rerun_what_comes_of_it_alone(named):
    more = SIZES | {"interventions": "each", "train_pairs": 130}
    study = Study(
        named.folder, named.config | {"sources": named.config["sources"] | {"edited": more}}
    )
    jobs = study.run("-n").jobs
    named.run("-n")  # writes the config of before
    assert jobs["prepare"] == 1
    assert jobs["train"] == 2 * len(named.config["seeds"])
    # PCA, random projection and readout, of edited images.
    assert jobs["represent"] == jobs["evaluate_baseline"] == 3
    assert jobs["explain_baseline"] == 0
