"""A study of pixels: the same rules, another kind of model."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from conftest import TINY
from PIL import Image
from safetensors import safe_open

from fovscope.cli import main

pytestmark = pytest.mark.slow


def test_pixels_go_the_way_of_features_to_tables_and_pictures(new_study):
    study = new_study(
        backbones={"rgb": {"model": "pixels", "size": 32}},
        seeds=[0],
        source_training={"steps": 30, "warmup_steps": 5, "batch_pairs": 16},
        targets={"cells": TINY["targets"]["synthetic_cells"] | {"published": "Vacuoles"}},
    )
    strip = "results/figures/traversal_cells_rgb_beta1_seed0.png"
    run = study.run("all", strip)
    assert run.code == 0, run.text
    results = study.folder / "results"

    features = json.loads((results / "features/cells/rgb/manifest.json").read_text())
    assert (features["shape"], features["dtype"]) == ([120, 32 * 32 * 3], "uint8")
    model = results / "models/rgb/beta1/seed0"
    assert json.loads((model / "source.json").read_text())["options"]["image_shape"] == [32, 32, 3]
    with safe_open(model / "cells.safetensors", "np") as tuned:
        # Batch statistics travel with the model: 30 steps, and 2 epochs of one batch.
        assert tuned.get_tensor("encoder.1.num_batches_tracked") == 32
        assert np.isfinite(tuned.get_tensor("encoder.1.running_var")).all()

    accuracy = pd.read_parquet(results / "tables/accuracy.parquet")
    assert set(accuracy["input"]) == {"rgb", "images"}  # what is measured needs neither
    assert set(accuracy["stage"]) == {"transferred", "finetuned", "baseline"}
    # Beside the published accuracy of images, not that of features.
    (published,) = accuracy.query(
        "stage == 'finetuned' and representation == 'latents' and probe == 'gbt' "
        "and score == 'balanced_accuracy'"
    )["published_mean"]
    assert published == 65.45
    disentanglement = pd.read_parquet(results / "tables/disentanglement.parquet")
    assert (disentanglement["input"] == "rgb").any()

    (table,) = (results / "traversals/cells").rglob("*.parquet")
    decoded = Image.open(io.BytesIO(pd.read_parquet(table)["decoded"][0]))
    assert decoded.size == (32, 32)
    assert (study.folder / strip).stat().st_size > 0

    # The images come back as the latents that they have.
    images, out = results / "data/cells/images", study.folder / "encoded"
    arguments = ["--model", f"{model}/cells.safetensors", "--images", str(images)]
    assert main(["encode", *arguments, "--out", str(out)]) == 0
    stored = pd.read_parquet(results / "representations/cells/rgb/beta1/seed0/finetuned.parquet")
    encoded = pd.read_csv(out / "latents.csv").filter(regex="Shape").iloc[:, 0]
    np.testing.assert_allclose(encoded, stored["z2"], rtol=1e-3, atol=1e-3)

    # Nothing is left to do, and each kind of model depends on its own options alone.
    usual = study.config
    study.config = usual | {"model": TINY["model"] | {"width": 16}}
    assert study.run("-n").jobs.keys() == {"save_config", "report", "all"}
    study.config = usual | {"image_model": {"likelihood": "gaussian"}}
    jobs = study.run("-n").jobs
    assert jobs["train"] == 1
    assert jobs["cache_features"] == 0
