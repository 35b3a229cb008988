import numpy as np
import pandas as pd
import pytest

from fovscope import FovscopeError
from fovscope.tables.accuracy import accuracy_table, accuracy_view
from fovscope.tables.disentanglement import disentanglement_table, disentanglement_view
from fovscope.tables.records import (
    latent_means,
    latents_table,
    read_scores,
    score_table,
    write_table,
)
from fovscope.tables.render import mean_sd, widen, write_views


def test_latents_come_back_in_the_order_of_the_images(tmp_path):
    rng = np.random.default_rng(0)
    mean, logvar = rng.standard_normal((2, 3, 12)).astype(np.float32)
    write_table(tmp_path / "l.parquet", latents_table(["a", "b", "c"], mean, logvar))
    stored = pd.read_parquet(tmp_path / "l.parquet")
    assert list(stored.columns) == ["image_id", *(f"z{k}" for k in range(12))] + [
        f"logvar{k}" for k in range(12)
    ]
    images = pd.DataFrame({"image_id": ["c", "a"]})
    np.testing.assert_array_equal(latent_means(stored, images), mean[[2, 0]])


def test_images_without_latents_are_named():
    table = latents_table(["a"], np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32))
    with pytest.raises(FovscopeError, match="1 images have no latents, first b"):
        latent_means(table, pd.DataFrame({"image_id": ["a", "b"]}))


def accuracy_scores(seed, value, stage="finetuned", **changes):
    identity = {"dataset": "t", "tuned_on": "t", "backbone": "b", "beta": "1", "seed": seed}
    return score_table(
        {"balanced_accuracy": value, "confusion": 3},
        **(identity | changes),
        kind="accuracy",
        stage=stage,
        representation="latents",
        probe="gbt",
        weights_digest="w",
        data_digest="d",
    )


def test_accuracy_is_mean_and_sample_sd_in_points_over_models():
    scores = pd.concat([accuracy_scores("0", 0.5), accuracy_scores("1", 0.7)])
    long = accuracy_table(scores, variant="default")
    (row,) = long.itertuples()
    assert (row.mean, row.n, row.score) == (60, 2, "balanced_accuracy")
    assert row.sd == pytest.approx(np.std([50, 70], ddof=1))
    (line,) = accuracy_view(
        pd.concat([long, long.assign(probe="mlp")], ignore_index=True)
    ).itertuples(index=False)
    assert tuple(line) == ("t", "b", "finetuned", "latents", "60.0 ± 14.1", "60.0 ± 14.1", 2)


def test_stages_stand_in_the_order_of_the_method():
    stages = ("baseline", "finetuned", "transferred")
    scores = pd.concat([accuracy_scores("0", 0.5, stage) for stage in stages])
    assert list(accuracy_table(scores, variant="paper")["stage"]) == list(reversed(stages))


def disentanglement_scores(stage, representation, value):
    return score_table(
        {"mig": value, "mi_over_h[z0,Shape]": 0.1, "active_dims": 9},
        kind="disentanglement",
        dataset="source",
        tuned_on="",
        backbone="b",
        stage=stage,
        representation=representation,
    )


def test_floor_is_0_and_ceiling_1_of_a_normalised_score():
    values = {"noise": 0.1, "perfect": 0.9, "rotated": 0.2}
    scores = pd.concat(
        [disentanglement_scores("source", "latents", 0.5)]
        + [disentanglement_scores("reference", code, value) for code, value in values.items()]
    )
    long = disentanglement_table(scores, variant="default").set_index(["stage", "score"])
    assert long.loc[("source", "mig"), "floor"] == 0.1
    assert long.loc[("source", "mig"), "normalised"] == pytest.approx(0.5)
    assert long.loc[("code: perfect", "mig"), "normalised"] == 1
    assert not any(score.startswith("mi_over_h") for _, score in long.index)
    view = disentanglement_view(long.reset_index())
    assert list(view["stage"]) == ["source", "code: perfect", "code: rotated", "code: noise"]
    assert list(view["OMES"]) == ["–"] * 4


def test_only_scores_of_one_kind_are_read(tmp_path):
    both = pd.concat([accuracy_scores("0", 0.5), disentanglement_scores("source", "latents", 0.4)])
    write_table(tmp_path / "s.parquet", both)
    write_table(tmp_path / "empty.parquet", disentanglement_scores("source", "latents", 0.4))
    paths = [tmp_path / "s.parquet", tmp_path / "empty.parquet"]
    assert set(read_scores(paths, "accuracy")["kind"]) == {"accuracy"}


def test_cells():
    assert mean_sd(61.26, 2.04, digits=1) == "61.3 ± 2.0"
    assert mean_sd(61.26, np.nan, digits=1) == "61.3"
    assert mean_sd(np.nan, np.nan, digits=1) == "–"


def test_lines_keep_their_order():
    cells = pd.DataFrame({"row": ["b", "a", "b"], "column": ["x", "x", "y"], "cell": list("123")})
    assert widen(cells, ["row"], "column")["row"].tolist() == ["b", "a"]


def test_views_say_the_same_in_every_format(tmp_path):
    view = pd.DataFrame({"input_name": ["a & b"], "GBT": ["61.3 ± 2.0"]})
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in ("parquet", "csv", "md", "tex")}
    write_views(view, view, "In %, β = 1.", paths)
    texts = {kind: (tmp_path / f"t.{kind}").read_text() for kind in ("csv", "md", "tex")}
    assert texts["csv"] == "input_name,GBT\na & b,61.3 ± 2.0\n"
    assert "| a & b        | 61.3 ± 2.0 |" in texts["md"]
    assert texts["md"].startswith("In %, β = 1.")
    assert r"a \& b & 61.3 $\pm$ 2.0 \\" in texts["tex"]
    assert r"input\_name & GBT" in texts["tex"]
    assert r"\caption{In \%, $\beta$ = 1.}" in texts["tex"]
    pd.testing.assert_frame_equal(pd.read_parquet(paths["parquet"]), view)
