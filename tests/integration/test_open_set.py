"""A planted class that no model has seen is noticed; any class can be held out by config."""

import pandas as pd
import pytest
from conftest import TINY
from test_workflow import class_folders, draw

pytestmark = pytest.mark.slow


def test_the_planted_odd_class_is_detected(new_study):
    cells = {"generator": "synthetic_cells", "images": 300, "odd_class": True}
    study = new_study(
        seeds=[0],
        source={"train_pairs": 300, "iid_train": 100, "iid_test": 100, "pairs_per_factor": 10},
        targets={"cells": cells | {"test_fraction": 0.4, "val_fraction": 0}},
        open_set={"cells": ["odd"]},
        model=TINY["model"] | {"width": 64},
        source_training=TINY["source_training"] | {"steps": 500},
        finetuning={"epochs": 60, "learning_rate": 1.0e-3},
        probes={"gbt_rounds": 20, "mlp_learning_rate": 1.0e-3, "mlp_max_epochs": 300},
    )
    run = study.run("open_set")
    assert run.code == 0, run.text
    results = study.folder / "results"
    long = pd.read_parquet(results / "tables/open_set.parquet")
    auroc = long[long["score"] == "auroc"].set_index("detector")["mean"]
    assert auroc["mahalanobis"] > 0.9
    assert auroc["knn"] > 0.9
    shares = long[long["score"] == "share"].groupby("probe")["mean"].sum()
    assert shares.to_numpy() == pytest.approx(1)
    assert "| odd " in (results / "tables/open_set.md").read_text()
    # Another class is jobs of its own and the table again.
    study.config["open_set"] = {"cells": ["odd", "blast"]}
    assert study.run("-n", "open_set").jobs == {
        "finetune_open_set": 1,
        "score_open_set": 1,
        "tabulate_open_set": 1,
        "open_set": 1,
    }
    study.config["open_set"] = {"cells": ["blast"]}
    assert study.run("-n", "open_set").jobs["finetune_open_set"] == 1


def test_each_class_of_a_folder_in_one_line_whatever_the_names(new_study, tmp_path):
    folder = tmp_path / "images"
    for label in ("Ciona larvae", "{x}?", "Ä 100 %"):
        draw(folder / label / "0.png")
    study = new_study(targets={"mine": {"folder": str(folder)}}, open_set={"mine": "each"})
    run = study.run("-n")
    assert run.code == 0, run.text
    assert run.jobs["finetune_open_set"] == run.jobs["score_open_set"] == 3 * len(TINY["seeds"])
    assert run.jobs["tabulate_open_set"] == 1


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        ({"mine": ["c"]}, "unknown class of 'mine' 'c'; known: a, b"),
        ({"mine": ["a"]}, "must leave two to tell apart"),
        ({"mien": "each"}, "did you mean 'mine'?"),
    ],
)
def test_a_class_that_cannot_be_held_out_is_named_before_any_work(
    new_study, tmp_path, held_out, message
):
    study = new_study(targets=class_folders(tmp_path / "images"), open_set=held_out)
    run = study.run("-n")
    assert run.code != 0
    assert message in run.text
    assert "Traceback" not in run.text
