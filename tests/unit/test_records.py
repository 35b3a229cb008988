"""Representations and scores as tables: what stands where, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from fovscope import FovscopeError
from fovscope.records import (
    IDENTITY,
    Identity,
    log_variances,
    read_scores,
    read_table,
    representation_table,
    representation_values,
    score_table,
    write_table,
)


def test_representations_come_back_in_the_order_of_the_images(tmp_path):
    rng = np.random.default_rng(0)
    mean, logvar = rng.standard_normal((2, 3, 12)).astype(np.float32)
    write_table(tmp_path / "l.parquet", representation_table(["a", "b", "c"], mean, logvar))
    stored = read_table(tmp_path / "l.parquet")
    names = [f"{prefix}{k}" for prefix in ("z", "logvar") for k in range(12)]
    assert list(stored.columns) == ["image_id", *names]
    images = pd.DataFrame({"image_id": ["c", "a"]})
    np.testing.assert_array_equal(representation_values(stored, images), mean[[2, 0]])
    np.testing.assert_array_equal(log_variances(stored, images), logvar[[2, 0]])


def test_a_representation_without_variances_says_so():
    table = representation_table(["a"], np.array([[np.nan, 1]], np.float32))
    images = pd.DataFrame({"image_id": ["a"]})
    assert list(table.columns) == ["image_id", "z0", "z1"]
    np.testing.assert_array_equal(representation_values(table, images), [[np.nan, 1]])
    with pytest.raises(FovscopeError, match="no columns logvar0"):
        log_variances(table, images)


def test_images_without_a_representation_are_named():
    table = representation_table(["a"], np.zeros((1, 2), np.float32))
    with pytest.raises(FovscopeError, match="1 images are not in the representation, first b"):
        representation_values(table, pd.DataFrame({"image_id": ["a", "b"]}))


def test_identity_comes_first_and_provenance_last():
    identity = Identity(kind="accuracy", dataset="t", backbone="b", recipe="r", seed=3, probe="gbt")
    values = pd.DataFrame({"n": [1], "value": [0.5], "score": ["f1"]})
    table = score_table(values, identity, weights_digest="w")
    after = ["score", "value", "n", "weights_digest", "fovscope"]
    assert list(table.columns) == [*IDENTITY, *after]
    assert table.loc[0, list(IDENTITY)].to_dict() == vars(identity)
    assert list(score_table({"f1": 0.5}, identity).columns)[9:] == ["score", "value", "fovscope"]


def test_seeds_stay_whole_numbers_beside_scores_without_one(tmp_path):
    tables = [score_table({"f1": 0.5}, Identity(kind="k", seed=seed)) for seed in (7, None)]
    for number, table in enumerate(tables):
        write_table(tmp_path / f"{number}.parquet", table)
    joined = read_scores([tmp_path / "0.parquet", tmp_path / "1.parquet"], "k")
    assert joined["seed"].dtype == "Int64"
    assert joined["seed"].tolist() == [7, pd.NA]
    assert (joined[["tuned_on", "probe"]] == "").all(axis=None)


def test_the_identity_of_a_row_wins():
    values = pd.DataFrame({"score": ["a", "b"], "value": [1.0, 2.0], "probe": ["gbt", "mlp"]})
    table = score_table(values, Identity(kind="open_set", dataset="t"))
    assert table["probe"].tolist() == ["gbt", "mlp"]
    assert list(table.columns)[:9] == list(IDENTITY)


def test_only_scores_of_one_kind_are_read(tmp_path):
    both = [score_table({"f1": 0.5}, Identity(kind=kind)) for kind in ("accuracy", "other")]
    write_table(tmp_path / "both.parquet", pd.concat(both))
    write_table(tmp_path / "other.parquet", both[1])
    found = read_scores([tmp_path / "both.parquet", tmp_path / "other.parquet"], "accuracy")
    assert found["kind"].tolist() == ["accuracy"]
