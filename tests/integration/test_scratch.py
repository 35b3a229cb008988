"""A study of a target alone, without a source: VAE and VAE+ of crops, to tables and pictures."""

import io
import json

import pandas as pd
import pytest
from PIL import Image

pytestmark = pytest.mark.slow


def test_models_of_a_target_alone_reach_tables_and_pictures(new_study):
    study = new_study(
        betas=None,
        seeds=[0],
        recipes={
            "vae": {"source": "target", "beta": 2},
            "plus": {"source": "target", "objective": "vae_plus", "ramp_steps": 2},
        },
        targets={"cells": {"generator": "synthetic_cells", "images": 60}},
        backbones={"crops": {"model": "pixels", "size": 36}},
        representations=["latents", "pca"],
        image_model={"network": "cell_vae"},
        model={"latent_dim": 4},
        target_training={"steps": 10, "batch_size": 12},
    )
    run = study.run("all", "models")
    assert run.code == 0, run.text
    # There is no source, so nothing is rendered, trained on pairs or scored before.
    assert run.jobs["train_on_target"] == run.jobs["reconstruct"] == 2
    assert run.jobs["prepare"] == run.jobs["cache_features"] == 1
    assert not run.jobs["train"] + run.jobs["evaluate_source"] + run.jobs["finetune"]

    results = study.folder / "results"
    info = json.loads((results / "models/crops/plus/seed0/cells.json").read_text())
    assert info["options"] == {"image_shape": [36, 36, 3], "latent_dim": 4}
    assert info["bound"] == []
    assert {"similarity1", "similarity4", "discriminator"} <= info["curve"][-1].keys()
    accuracy = pd.read_parquet(results / "tables/accuracy.parquet")
    assert set(accuracy["stage"]) == {"scratch", "baseline"}
    assert set(accuracy["recipe"]) == {"vae", "plus", ""}

    scores = pd.read_parquet(results / "tables/reconstruction.parquet")
    assert set(scores["recipe"]) == {"vae", "plus"}
    assert set(scores["score"]) == {"mse", "ssim", "sharpness"}  # no network to judge
    assert (results / "figures/reconstructions_cells_crops.png").stat().st_size > 0
    drawn = pd.read_parquet(results / "reconstructions/cells/crops/plus/seed0.parquet")
    assert drawn["kind"].nunique() == 4
    assert Image.open(io.BytesIO(drawn["picture"][0])).size == (36, 36)
    assert "Reconstruction" in (results / "report.html").read_text()

    # Each kind of training depends on its own options alone.
    usual = study.config
    study.config = usual | {"source_training": {"steps": 7, "warmup_steps": 1}}
    assert study.run("-n").jobs.keys() == {"save_config", "report", "all"}
    study.config = usual | {"target_training": {"steps": 11, "batch_size": 12}}
    assert study.run("-n").jobs["train_on_target"] == 2
