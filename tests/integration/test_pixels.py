"""A study of pixels: the same rules, another kind of model."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import TINY
from safetensors import safe_open

pytestmark = pytest.mark.slow


def test_pixels_go_the_way_of_features_to_the_tables(new_study):
    study = new_study(
        backbones={"rgb": {"model": "pixels", "size": 32}},
        seeds=[0],
        source_training={"steps": 30, "warmup_steps": 5, "batch_pairs": 16},
    )
    run = study.run()
    assert run.code == 0, run.text
    results = study.folder / "results"

    tables = [
        pd.read_parquet(results / f"tables/{name}.parquet")
        for name in ("accuracy", "disentanglement")
    ]
    for table, stages in zip(
        tables, ({"transferred", "finetuned", "baseline"}, {"source"}), strict=True
    ):
        assert set(table.loc[table["input"] == "rgb", "stage"]) >= stages
    features = json.loads((results / "features/synthetic_cells/rgb/manifest.json").read_text())
    assert (features["shape"], features["dtype"]) == ([120, 32 * 32 * 3], "uint8")
    model = results / "models/rgb/beta1/seed0"
    assert json.loads((model / "source.json").read_text())["options"]["image_shape"] == [32, 32, 3]
    with safe_open(model / "synthetic_cells.safetensors", "np") as tuned:
        # Batch statistics travel with the model: 30 steps, and 2 epochs of 77 images.
        assert tuned.get_tensor("encoder.1.num_batches_tracked") == 32
        assert np.isfinite(tuned.get_tensor("encoder.1.running_var")).all()

    assert "Nothing to be done" in study.run().text
    # Each kind of model depends on its own options alone.
    usual = study.config
    study.config = usual | {"model": TINY["model"] | {"width": 16}}
    assert study.run("-n").jobs.keys() == {"save_config", "all"}
    study.config = usual | {"image_model": {"likelihood": "gaussian"}}
    assert study.run("-n").jobs["train_source"] == 1
    assert study.run("-n").jobs["cache_features"] == 0
