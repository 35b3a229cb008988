"""What a laboratory brings in a file of its own goes through the whole study.

The file is `examples/lab/my_lab.py`: a generator, an objective, a metric, a probe, a
representation, a table and a figure. It is copied beside the study, as a user has it.
"""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, TINY, Study
from PIL import Image

pytestmark = pytest.mark.slow

LAB = ROOT / "examples/lab/my_lab.py"
RINGS = {"train_pairs": 120, "iid_train": 200, "iid_test": 100, "pairs_per_factor": 10}
STUDY = {
    "plugins": ["my_lab.py"],
    "betas": None,
    "seeds": [0],
    "sources": {"texture_dsprites": TINY["sources"]["texture_dsprites"] | RINGS, "rings": RINGS},
    "recipes": {
        "usual": {"source": "texture_dsprites", "beta": 1.0},
        "capacity": {"source": "rings", "objective": "capacity_vae", "capacity": 4.0},
    },
    "targets": {
        "rings_again": {"generator": "rings", "images": 60, "seed": 1},
        "synthetic_cells": TINY["targets"]["synthetic_cells"],
    },
    "representations": ["latents", "pca", "liveliest", "constant"],
    "source_training": TINY["source_training"] | {"steps": 60, "warmup_steps": 10},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The study of the laboratory, run to the end once."""
    study = Study(tmp_path_factory.mktemp("lab"), TINY | STUDY)
    shutil.copy(LAB, study.folder)
    run = study.run()
    assert run.code == 0, run.text
    return study


@pytest.fixture(scope="module")
def results(lab):
    return lab.folder / "results"


def table(results, name):
    return pd.read_parquet(results / f"tables/{name}.parquet")


def test_its_metric_is_a_score_between_floor_and_ceiling_and_a_column(results):
    long = table(results, "disentanglement")
    eta = long[long["score"] == "eta"]
    assert set(eta["measured_on"]) == {
        *("texture_dsprites", "rings", "rings_again", "synthetic_cells")
    }
    models = eta[~eta["stage"].str.startswith("code")]
    assert models["mean"].between(0, 1).all()
    assert (models["floor"] < models["ceiling"]).all()
    # A perfect code has a dimension for each factor, in which nothing else varies.
    np.testing.assert_allclose(eta.loc[eta["stage"] == "code: perfect", "mean"], 1, atol=1e-6)
    view = (results / "tables/disentanglement.csv").read_text().partition("\n")[0]
    assert "η²" in view.split(",")


def test_its_probe_is_a_column_of_the_accuracies(results):
    assert "k-NN" in (results / "tables/accuracy.csv").read_text().partition("\n")[0].split(",")
    long = table(results, "accuracy")
    assert long.loc[long["probe"] == "nearest", "mean"].between(0, 100).all()


def test_its_generator_makes_sources_and_targets_whose_factors_are_known(results):
    names = ["Radius", "Hole", "Brightness", "PosX"]
    for dataset in ("rings", "rings_again"):
        facts = json.loads((results / f"data/{dataset}/manifest.json").read_text())
        assert [factor["name"] for factor in facts["factors"]] == names
        images = pd.read_parquet(results / f"data/{dataset}/manifest.parquet")
        assert {f"factor_{name}" for name in names} <= set(images)
        with Image.open(results / f"figures/samples_{dataset}.png") as picture:
            assert min(picture.size) > 100
    assert facts["classes"] == ["disc", "ring"]
    known = table(results, "disentanglement")
    assert (known.loc[known["measured_on"] == "rings_again", "factors"] == "known").any()


def test_its_objective_trains_models_that_are_rows_of_their_recipe(results):
    for stage in ("source", "rings_again", "synthetic_cells"):
        assert (results / f"models/lite0/capacity/seed0/{stage}.safetensors").stat().st_size > 0
    for name in ("accuracy", "comparisons", "disentanglement", "transfer"):
        rows = table(results, name)
        rows = rows[rows["recipe"] == "capacity"]
        assert set(rows["source"]) == {"rings"}, name
        assert set(rows["objective"]) == {"capacity_vae"}, name
    # Dimensions of each recipe bear the names of the factors of its own source.
    transfer = table(results, "transfer").groupby("recipe")["factor"].unique()
    assert transfer["capacity"].tolist() == ["Radius", "Hole", "Brightness"]
    assert "Texture" in transfer["usual"]


def test_its_representation_is_a_row(results):
    rows = table(results, "accuracy")
    rows = rows[rows["representation"] == "8 liveliest features of Φ"]
    assert set(rows["target"]) == {"rings_again", "synthetic_cells"}
    assert set(rows["stage"]) == {"baseline"}
    codes = pd.read_parquet(results / "representations/rings_again/lite0/liveliest.parquet")
    assert codes.shape == (60, 1 + 8)


def test_its_table_and_its_figure_are_made_and_stand_in_the_report(results):
    for kind in ("parquet", "csv", "md", "tex"):
        assert (results / f"tables/best_probe.{kind}").stat().st_size > 0
    best, all_ = table(results, "best_probe"), table(results, "accuracy")
    line = (
        "target == 'rings_again' and recipe == 'capacity' and stage == 'finetuned' "
        "and representation == 'latents'"
    )
    probes = all_.query(f"{line} and score == 'balanced_accuracy'").set_index("probe")["mean"]
    (row,) = best.query(line).itertuples()
    assert row.mean == probes.max()
    assert row.probe in probes.index[probes == row.mean]
    with Image.open(results / "figures/eta_bars.png") as picture:
        assert min(picture.size) > 100
    page = (results / "report.html").read_text()
    assert "Which probe does best on each representation" in page
    assert "η², averaged over the models of a stage" in page


def test_a_second_run_has_nothing_to_do(lab):
    assert "Nothing to be done" in lab.run().text


def test_the_plan_imports_neither_networks_nor_the_file(lab, tmp_path):
    """What the file declares is read, not run: a login node needs nothing that it imports."""
    for module in ("torch", "timm"):
        (tmp_path / f"{module}.py").write_text("raise ImportError('not here')")
    file = lab.folder / "my_lab.py"
    file.write_text(LAB.read_text() + "\nraise ImportError('not here')\n")
    run = lab.run("-n", "--forceall", env={"PYTHONPATH": str(tmp_path)})
    shutil.copy(LAB, file)
    assert run.code == 0, run.text
    assert run.jobs["train"] == 2
    assert run.jobs["tabulate_best_probe"] == run.jobs["plot_eta_bars"] == 1


def test_an_edit_of_its_metric_scores_again_and_trains_nothing(lab):
    file = lab.folder / "my_lab.py"
    within = "within = sum(len(rows) * rows.var(axis=0) for rows in of_value) / len(codes)"
    assert within in LAB.read_text()
    file.write_text(LAB.read_text().replace(within, within + " + 1e-12"))
    jobs = lab.run("-n").jobs
    shutil.copy(LAB, file)
    scored = {"evaluate_source": 2, "evaluate": 2 * 2, "evaluate_references": 4}
    # Of representations without a model all that lie on targets with factors.
    scored |= {"evaluate_baseline": 2 * 3}
    follow = ("tabulate_accuracy", "tabulate_comparisons", "tabulate_confusion")
    follow += ("tabulate_disentanglement", "tabulate_best_probe")
    follow += ("plot_disentanglement", "plot_eta_bars", "report", "all")
    assert jobs == scored | dict.fromkeys(follow, 1)
