"""Profiles as an evaluation: from representations of a screen's cells to score rows and files."""

import numpy as np
import pandas as pd
import pytest
from pycytominer import aggregate, normalize
from pycytominer.cyto_utils import infer_cp_features, load_profiles

from fovscope.cli import main
from fovscope.evaluation.base import Given
from fovscope.evaluation.profiles import profiles
from fovscope.factors import Factor, bind
from fovscope.generators.screen import SHIFTED, Screen
from fovscope.profiles.export import write_anndata
from fovscope.profiles.wells import COLUMNS, pool_treatments, pool_wells, screen_columns
from fovscope.records import Identity, representation_table
from fovscope.registry import Catalogue
from fovscope.representations.base import Given as Represented
from fovscope.representations.measured import cell_count, handcrafted_names
from fovscope.runtime.parquet import write_table
from fovscope.study.profiles import Profiling

CELLS, EVERY = 4, ("nsc", "nscb", "active", "consistent", "replicating", "matching")
OPTIONS = {"null_size": 500, "resamples": 200, "regularisation": 0.01}


@pytest.fixture(scope="module")
def screen():
    """Image table and codes of a screen: the places of its wells in each factor, with noise."""
    made = Screen(batch_effect=0.3, controls=8)
    about, _ = made.wells_of(0)
    values = np.repeat(made.planted_profiles(0, cells=400), CELLS, axis=0)
    table = about.loc[np.repeat(about.index, CELLS)].rename(columns=COLUMNS).reset_index(drop=True)
    table = table.assign(image_id=[f"i{k}" for k in table.index], role="image", split="train")
    return table, values.astype(np.float32)


def evaluated(screen, *, bound=(), more=None, **changes):
    table, values = screen
    options = Profiling(**OPTIONS | {"normalisations": ("none", "mad")} | changes)
    view = {"values": "latents", "identity": {"stage": "baseline", "representation": "mine"}}
    return profiles(
        Given(
            {
                **{"table": table, "facts": {}},
                "latents": representation_table(table["image_id"], values),
                "model": {"bound": [one.to_json() for one in bound]},
            },
            {"profiles": options.model_dump(mode="json"), "views": [view], "active_sd": 0.05}
            | (more or {}),
            Identity(dataset="s", backbone="b"),
            {"weights_digest": "w"},
            Catalogue(),
        )
    )


@pytest.fixture(scope="module")
def rows(screen):
    factors = [Factor(name=name, limits=(0.0, 1.0)) for name in SHIFTED[:4]]
    return evaluated(screen, bound=bind(factors, angles=False))


def test_each_normalisation_has_each_score(rows):
    scores = rows["scores"]
    of_profiles = scores[scores["kind"] == "profiles"]
    wide = of_profiles[of_profiles["score"] != "confusion"].pivot(
        index="score", columns="normalisation", values="value"
    )
    assert list(wide.columns) == ["mad", "none"]
    assert {*EVERY, "silhouette_batch", "silhouette_moa", "batch_variance"} <= set(wide.index)
    assert wide.loc["nsc", "mad"] >= 0.9
    assert wide.loc["nsc", "none"] < 0.5  # a batch is nearer than a mechanism
    assert wide.loc["batch_variance", "none"] > 5 * wide.loc["batch_variance", "mad"]
    nsc = of_profiles[of_profiles["score"] == "nsc"].set_index("normalisation").loc["mad"]
    assert nsc["n"] == 4 * 3 * 2  # treatments that have a mechanism
    assert nsc["low"] <= nsc["value"] <= nsc["high"]
    # Of 22 treatments of other compounds, those of the two compounds of the same mechanism.
    assert nsc["chance"] == pytest.approx(4 / 22)
    shares = of_profiles[of_profiles["score"] == "confusion"]
    assert shares.groupby(["normalisation", "moa"])["value"].sum().to_numpy() == pytest.approx(1)


def test_named_dimensions_move_under_their_mechanism(rows):
    scores = rows["scores"]
    effects = scores[scores["kind"] == "effects"]
    assert set(effects["factor"]) == set(SHIFTED[:4])
    most = effects[effects["concentration"] == 3].pivot_table(
        index="moa", columns="factor", values="value"
    )
    for moa, factor, sign in (
        ("shrinking", "Size", -1),
        ("stretching", "Elongation", 1),
        ("nuclear swelling", "NucleusRatio", 1),
        ("granulating", "Granularity", 1),
    ):
        assert most.loc[moa].abs().idxmax() == factor
        assert np.sign(most.loc[moa, factor]) == sign


def test_measured_properties_move_under_their_own_names(screen):
    table, values = screen
    names = handcrafted_names()
    measured = np.random.default_rng(0).normal(size=(len(table), len(names)))
    measured[:, names.index("area")] = values[:, SHIFTED.index("Size")]
    made = evaluated((table, measured), more={"measured": True}, normalisations=("none",))
    assert [name for name in made["wells"] if not name.startswith("Metadata_")] == names
    effects = made["scores"].query("kind == 'effects'")
    assert set(effects["factor"]) == {"area", "eccentricity", "value", "entropy"}  # no angle
    shrunk = effects[(effects["moa"] == "shrinking") & (effects["concentration"] == 3)]
    most = shrunk.groupby("factor")["value"].mean()
    assert most["area"] < -3
    assert most.drop("area").abs().max() < 1.5  # noise


def test_a_screen_without_mechanisms_says_so_and_has_the_other_scores(screen):
    table, values = screen
    scores = evaluated((table.assign(Metadata_MOA=None), values), normalisations=("mad",))["scores"]
    scores = scores.set_index("score")
    assert np.isnan(scores.loc["nsc", "value"])
    assert "no treatment has a mechanism of action" in scores.loc["nsc", "left_out"]
    assert scores.loc["active", "value"] > 0.5


def test_a_screen_without_controls_has_mechanisms_but_no_effects(screen, caplog):
    table, values = screen
    treated = ~table["Metadata_Control"].to_numpy()
    bound = bind([Factor(name="Size", limits=(0.0, 1.0))], angles=False)
    bare = (table[treated].reset_index(drop=True), values[treated])
    scores = evaluated(bare, bound=bound, normalisations=("none",))["scores"]
    assert set(scores["kind"]) == {"profiles"}
    assert "has no control wells: there is nothing to measure effects against" in caplog.text
    scores = scores.set_index("score")
    assert scores.loc["nsc", "value"] >= 0
    assert "none shares its plate with controls" in scores.loc["active", "left_out"]


def test_what_is_the_same_in_all_wells_has_no_profile(screen, caplog):
    table, values = screen
    assert evaluated((table, np.ones_like(values[:, :1])))["scores"].empty
    assert "mine is the same in all wells" in caplog.text


def test_cell_counts_are_those_of_wells_and_can_be_scored(screen):
    table, _ = screen
    kept = table[(table.index % CELLS == 0) | (table["Metadata_MOA"] != "shrinking")]
    counts = cell_count(Represented(kept, fit=np.ones(len(kept), bool)))
    of_moa = kept.assign(count=counts[:, 0]).groupby("Metadata_MOA")["count"].first()
    assert of_moa.to_dict() == {m: 1.0 if m == "shrinking" else CELLS for m in of_moa.index}
    scores = evaluated((kept, counts), normalisations=("none",))["scores"].set_index("score")
    assert scores.loc["nsc", "value"] > 0.2
    assert "do not correlate" in scores.loc["replicating", "left_out"]


def test_exported_wells_are_read_by_anndata(rows, tmp_path):
    anndata = pytest.importorskip("anndata")
    wells = rows["wells"]
    write_table(tmp_path / "wells.parquet", wells)
    read = pd.read_parquet(tmp_path / "wells.parquet")
    features = [name for name in read if not name.startswith("Metadata_")]
    assert features[:4] == ["z0 Size", "z1 Elongation", "z2 NucleusRatio", "z3 Granularity"]
    assert {*COLUMNS.values(), "Metadata_Perturbation", "Metadata_CellCount"} <= set(read)
    assert main(["export", str(tmp_path / "wells.parquet"), "--out", str(tmp_path / "w.h5ad")]) == 0
    made = anndata.read_h5ad(tmp_path / "w.h5ad")
    assert made.X.dtype == np.float32
    np.testing.assert_allclose(made.X, read[features].to_numpy(), rtol=1e-6)
    assert list(made.var_names) == features
    assert made.obs["Metadata_Plate"].tolist() == read["Metadata_Plate"].tolist()
    assert made.obs["Metadata_CellCount"].tolist() == [CELLS] * len(read)


def test_exported_wells_are_read_by_pycytominer(screen, rows, tmp_path):
    path = tmp_path / "wells.parquet"
    write_table(path, rows["wells"])
    read = load_profiles(path)
    metadata = infer_cp_features(read, metadata=True)  # by its rule: what begins with Metadata_
    assert {*COLUMNS.values(), "Metadata_Perturbation", "Metadata_CellCount"} == set(metadata)
    features = [name for name in read if name not in metadata]
    assert len(features) == len(SHIFTED)
    treated = read[~read["Metadata_Control"]]
    pooled = aggregate(treated, strata=["Metadata_Perturbation"], features=features)
    table, values = screen
    expected = pool_treatments(pool_wells(screen_columns(table), values))
    expected = pd.DataFrame(expected.values, expected.about["treatment"].to_numpy())
    pooled = pooled.set_index("Metadata_Perturbation")[features].loc[expected.index]
    np.testing.assert_allclose(pooled.to_numpy(), expected.to_numpy(), rtol=1e-12)
    scaled = normalize(read, features=features, samples="Metadata_Control")
    controls = scaled.loc[scaled["Metadata_Control"], features].to_numpy()
    np.testing.assert_allclose(controls.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(controls.std(axis=0), 1)


def test_a_broken_export_leaves_nothing_behind(rows, tmp_path):
    with pytest.raises(ValueError, match="could not convert"):
        write_anndata(tmp_path / "w.h5ad", rows["wells"].assign(word="x"))
    assert not list(tmp_path.iterdir())
