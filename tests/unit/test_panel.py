"""The panel: reference codes at their known scores, inactive dimensions, discretised factors."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fovscope
import fovscope.metrics
from fovscope.metrics.panel import (
    active_dimensions,
    chosen_metrics,
    discretise,
    disentanglement_panel,
    load_metrics,
)
from fovscope.metrics.presets import declaration, preset, score_ranges, score_titles
from fovscope.metrics.references import noise_code, perfect_code, reference_codes, rotated_code
from fovscope.metrics.work import Design
from fovscope.registry import Catalogue, RegistryError

SIZES = np.array([3, 5, 6])
NAMES = ("Shape", "Texture", "Scale")
QUICK = ("mig", "dci", "omes")
OPTIONS = {"dci": {"rounds": 20}}
BUILT_IN = Catalogue()


def draw_design(n_train, n_test, pairs_per_factor, seed=0):
    rng = np.random.default_rng(seed)
    changed = np.repeat(np.arange(len(SIZES)), pairs_per_factor)
    first = rng.integers(0, SIZES, (len(changed), len(SIZES)))
    second = first.copy()
    rows, sizes = np.arange(len(changed)), SIZES[changed]
    second[rows, changed] = (first[rows, changed] + rng.integers(1, sizes)) % sizes
    train, test = (rng.integers(0, SIZES, (n, len(SIZES))) for n in (n_train, n_test))
    return Design(train, test, first, second), changed


@pytest.fixture(scope="module")
def design():
    return draw_design(4_000, 1_000, 2_000)


@pytest.fixture(scope="module")
def panels(design):
    factors, changed = design
    codes = reference_codes(factors, latent_dim=10, rng=np.random.default_rng(1))
    return {
        name: disentanglement_panel(
            c, factors, changed, factor_names=NAMES, metrics=QUICK, options=OPTIONS
        )
        for name, c in codes.items()
    }


def test_perfect_code_reaches_the_ceiling(panels):
    scores = panels["perfect"].scores
    assert scores["active_dims"] == 3
    assert scores["mig"] == pytest.approx(1, abs=0.005)
    for part in ("disentanglement", "completeness", "informativeness"):
        assert scores[f"dci_{part}"] == pytest.approx(1, abs=0.01)
    s = 1 - 1 / (SIZES - 1)
    expected = s * (1 - (1 - s) / 3)
    assert [scores[f"omes[{name}]"] for name in NAMES] == pytest.approx(expected, abs=0.06)
    assert scores["omes"] == pytest.approx(expected.mean(), abs=0.03)


def test_rotated_code_keeps_information_but_no_order(panels):
    rotated, perfect = panels["rotated"].scores, panels["perfect"].scores
    assert rotated["dci_informativeness"] > 0.85
    # Not OMES: with factors of few values a rotation can pass the perfect code (test_omes).
    for score in ("mig", "dci_disentanglement", "dci_completeness"):
        assert rotated[score] < 0.75 * perfect[score]


def test_noise_falls_to_the_floor(panels):
    scores = panels["noise"].scores
    assert scores["active_dims"] == 10
    assert scores["mig"] < 0.005
    assert scores["dci_disentanglement"] < 0.05
    assert scores["dci_completeness"] < 0.05
    assert scores["dci_informativeness"] == pytest.approx((1 / SIZES).mean(), abs=0.03)
    assert scores["omes"] == pytest.approx((1 / 3 + 1 / 10) / 2, abs=0.01)


def test_scores_are_the_metrics_themselves(design, panels):
    factors, changed = design
    codes = rotated_code(factors, np.random.default_rng(5))
    panel = disentanglement_panel(
        codes, factors, changed, factor_names=NAMES, metrics=QUICK, options=OPTIONS
    )
    mig = fovscope.metrics.mig_score(codes.train, factors.train)
    omes = fovscope.metrics.omes_score(codes.first, codes.second, changed, active=np.ones(3))
    dci = fovscope.metrics.dci_scores(
        codes.train, factors.train, codes.test, factors.test, rounds=20
    )
    assert panel.scores["mig"] == mig
    assert panel.scores["omes"] == omes.score
    assert panel.scores["dci_completeness"] == dci.completeness
    assert np.mean([panel.scores[f"mig[{name}]"] for name in NAMES]) == pytest.approx(mig)


def test_inactive_dimensions_change_no_score(design, panels):
    factors, changed = design
    rng = np.random.default_rng(2)

    def with_dead(codes):
        dead = np.stack([0.04 * rng.standard_normal(len(codes)), np.full(len(codes), 0.1)], axis=1)
        return np.hstack([dead[:, :1], codes, dead[:, 1:]])

    codes = perfect_code(factors).map(with_dead)
    panel = disentanglement_panel(
        codes, factors, changed, factor_names=NAMES, metrics=QUICK, options=OPTIONS
    )
    assert panel.active.tolist() == [False, True, True, True, False]
    assert panel.scores == pytest.approx(panels["perfect"].scores)
    for matrix in (panel.mi_over_h, panel.association, panel.importance):
        assert matrix.shape == (5, 3)
        assert np.isnan(matrix[[0, 4]]).all()
        assert np.isfinite(matrix[1:4]).all()


def test_dead_code_scores_zero(design):
    factors, changed = design
    codes = factors.map(lambda table: np.full((len(table), 4), 0.1))
    panel = disentanglement_panel(codes, factors, changed, factor_names=NAMES, active_sd=0)
    scores = {name: value for name, value in panel.scores.items() if "[" not in name}
    assert scores.keys() == score_ranges(BUILT_IN).keys()
    assert np.isnan(scores.pop("dci_es_size"))  # factors over no dimensions
    assert scores.pop("dci_informativeness") == pytest.approx((1 / SIZES).mean(), abs=0.05)
    assert scores.pop("dci_es_explicitness") == 1  # no capacity helps
    assert scores.pop("beta_vae") == pytest.approx(1 / 3, abs=0.01)
    assert scores.pop("explicitness") == 0.5
    assert set(scores.values()) == {0}


def test_active_is_judged_on_train_and_test_together():
    train, test = np.zeros((100, 1)), np.ones((100, 1))  # SD 0 apart, .5 together
    assert active_dimensions(Design(train, test), 0.4).tolist() == [True]
    assert active_dimensions(Design(train, test), 0.6).tolist() == [False]


def test_without_pairs_there_is_no_omes(design):
    factors, _ = design
    codes = Design(perfect_code(factors).train, perfect_code(factors).test)
    panel = disentanglement_panel(
        codes, factors, factor_names=NAMES, metrics=QUICK, options=OPTIONS
    )
    assert panel.association is None
    assert not [name for name in panel.scores if name.startswith("omes")]


def test_options_arrive(design):
    factors, changed = design
    codes = rotated_code(factors, np.random.default_rng(5))

    def scores(metric, **options):
        return disentanglement_panel(
            codes, factors, changed, metrics=[metric], options={metric: options}
        ).scores

    assert scores("omes", alpha=0.9)["omes"] != scores("omes")["omes"]
    assert scores("mig", bins=5)["mig"] != scores("mig")["mig"]
    assert scores("mig").keys() == {"active_dims", "mig", "mig[0]", "mig[1]", "mig[2]"}
    dci = [scores("dci", rounds=1, depth=depth)["dci_informativeness"] for depth in (1, 4)]
    assert dci[0] < dci[1]


def test_the_metrics_need_no_other_part_of_the_workflow():
    loaded = modules_after("from fovscope.metrics import *")
    assert not {"torch", "timm", "pydantic", "snakemake", "fovscope.study.config"} & loaded
    ours = {name for name in loaded if name.startswith("fovscope.")}
    outside = {name for name in ours if not name.startswith("fovscope.metrics")}
    of_the_registry = {"fovscope.registry", "fovscope.factors"}
    of_the_registry |= {"fovscope.runtime", "fovscope.runtime.syntax"}
    assert outside == {"fovscope.arrays"} | of_the_registry


def test_presets_are_read_without_importing_a_metric():
    code = "from fovscope.metrics.presets import *; from fovscope.registry import Catalogue; "
    loaded = modules_after(code + "preset(Catalogue(), 'fast')")
    assert "fovscope.metrics.presets" in loaded
    assert not {"numpy", "sklearn", "xgboost", "fovscope.metrics.mig"} & loaded


def modules_after(code):
    command = [sys.executable, "-c", code + "; import sys; print(*sys.modules)"]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    return set(done.stdout.split())


def test_the_package_imports_metrics_from_their_files():
    """Names out of the package are found when asked for: no code digest could see them."""
    package = Path(fovscope.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "fovscope.metrics":
                files = {file.stem for file in (package / "metrics").glob("*.py")}
                assert {alias.name for alias in node.names} <= files, path


def test_public_names_are_found_and_others_are_not():
    assert set(fovscope.metrics.__all__) <= set(dir(fovscope.metrics))
    for name in fovscope.metrics.__all__:
        assert getattr(fovscope.metrics, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'migg'"):
        _ = fovscope.metrics.migg


def test_presets_and_near_names():
    full, fast = (preset(BUILT_IN, name) for name in ("full", "fast"))
    assert fast.keys() < full.keys() == BUILT_IN["metric"].keys()
    assert full.keys() - fast.keys() == {"sap", "explicitness"}
    assert chosen("fast", {"dci": {"rounds": 1}})["dci"] == {"rounds": 1, "learning_rate": 0.5}
    assert "omes" not in chosen("full", with_pairs=False)
    for call in (("mgi",), None), ({"mgi": {}}, None), ("full", {"mgi": {}}):
        with pytest.raises(ValueError, match="did you mean 'mig'"):
            chosen(*call)
    with pytest.raises(ValueError, match="did you mean 'full'"):
        chosen("ful")


def test_metrics_may_be_given_with_their_options(design):
    factors, changed = design
    codes = rotated_code(factors, np.random.default_rng(5))
    given = {"omes": {"alpha": 0.9}, "mig": {"bins": 5}, "infomec": {"iterations": 3}}
    assert chosen(given) == given | {"infomec": {"iterations": 3, "balanced": True}}
    few = {name: given[name] for name in ("omes", "mig")}
    apart = disentanglement_panel(codes, factors, changed, metrics=list(few), options=few)
    assert disentanglement_panel(codes, factors, changed, metrics=few).scores == apart.scores
    wins = disentanglement_panel(
        codes, factors, changed, metrics=few, options={"mig": {"bins": 20}}
    ).scores
    assert wins["omes"] == apart.scores["omes"]
    assert wins["mig"] == fovscope.metrics.mig_score(codes.train, factors.train)


def chosen(metrics, options=None, *, with_pairs=True):
    return chosen_metrics(metrics, options, catalogue=BUILT_IN, with_pairs=with_pairs)


def test_titles_stand_in_the_order_of_the_tables():
    information = score_titles(BUILT_IN, group="information")
    intervention = score_titles(BUILT_IN, group="intervention")
    assert score_titles(BUILT_IN) == information | intervention
    assert list(score_titles(BUILT_IN)) == [*information, *intervention]
    assert list(information.values())[:5] == ["MIG", "DCI D", "DCI C", "DCI I", "InfoM"]
    assert list(score_titles(BUILT_IN, metrics=["sap", "omes"])) == ["sap", "omes", "omes_max"]
    assert list(score_ranges(BUILT_IN, ["mig"])) == ["active_dims", "mig"]


def test_where_the_panel_differs_from_the_published_form(design):
    """The scale of the codes must not matter where models are compared, by preset or by name."""
    ours = {"beta_vae": {"standardise": True}, "infomec": {"balanced": True}}
    assert {name: given for name, given in preset(BUILT_IN, "full").items() if given} == ours
    for metrics in ("full", "fast", list(ours)):
        found = chosen(metrics, with_pairs=False)
        assert all(ours[name].items() <= found[name].items() for name in ours)
    factors = Design(design[0].train[:800], design[0].test[:400])
    codes = factors.map(lambda table: 1e-4 * table)
    few = {"n_train": 600, "n_test": 300}
    published, standardised = (
        disentanglement_panel(
            codes, factors, metrics=["beta_vae"], options={"beta_vae": few | form}, active_sd=0
        ).scores["beta_vae"]
        for form in ({"standardise": False}, {})
    )
    assert published < 0.9 < standardised == 1


def test_edi_reuses_the_classifiers_of_dci(design, monkeypatch):
    factors, _ = design
    factors = Design(factors.train[:300], factors.test[:300])
    codes = rotated_code(factors, np.random.default_rng(5))
    alone = disentanglement_panel(codes, factors, metrics=["edi"]).scores
    monkeypatch.setattr("fovscope.metrics.edi.dci_scores", None)
    both = disentanglement_panel(codes, factors, metrics=["edi", "dci"]).scores
    assert {name: both[name] for name in alone} == alone


LAB = '''
"""Metrics of a laboratory."""

from fovscope.metrics.work import Work
from fovscope.registry import metric


@metric("late", titles={"late": "Late"}, ranges={"late": (0.0, 1.0)}, after=("early", "mig"))
def late(work: Work):
    """Half of what came before."""
    return {"late": work.results["early"] / 2}


@metric(
    "early",
    titles={"early": "Early"},
    ranges={"early": (0.0, 9.0)},
    group="information",
    fast={"value": 0.5},
)
def early(work: Work, *, value: float = 1.0):
    """A number.

    Parameters
    ----------
    value : float
        The number.
    """
    work.results["early"] = value
    return {"early": value}
'''


@pytest.fixture
def lab(tmp_path):
    """Return a function that writes changed metrics of a user's to a file of a name of its own."""

    def write(*changes):
        text = LAB
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        path = tmp_path / f"lab_{tmp_path.name}.py"
        path.write_text(text)
        return Catalogue([path])

    return write


def test_metrics_of_a_user_stand_beside_the_built_in_ones(design, lab):
    factors, _ = design
    codes, catalogue = perfect_code(Design(factors.train, factors.test)), lab()
    scores = disentanglement_panel(
        codes, factors, metrics=["late", "mig", "early"], catalogue=catalogue
    ).scores
    assert (scores["early"], scores["late"]) == (1, 0.5)
    assert scores["mig"] > 0.9
    assert preset(catalogue, "fast")["early"] == {"value": 0.5}
    assert "late" not in preset(catalogue, "fast")
    assert list(preset(catalogue, "full"))[-2:] == ["late", "early"]
    assert list(score_titles(catalogue, group="information"))[-1] == "early"
    with pytest.raises(ValueError, match="unknown metric 'early'"):
        disentanglement_panel(codes, factors, metrics=["early"])


def test_a_metric_comes_after_those_that_it_builds_on(lab):
    catalogue = lab()
    names = ["late", "sap", "mig", "early"]
    assert list(load_metrics(catalogue, names)) == ["early", "mig", "late", "sap"]
    assert list(load_metrics(catalogue, ["edi", "dci"])) == ["dci", "edi"]
    assert list(load_metrics(catalogue, ["edi"])) == ["edi"]
    in_turn = lab(("fast={", 'after=("late",), fast={'))
    with pytest.raises(RegistryError, match="after each other: late, early"):
        load_metrics(in_turn, ["late", "early"])
    with pytest.raises(RegistryError, match="did you mean 'early'"):
        load_metrics(lab(('("early", "mig")', '("earli", "mig")')), ["late"])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('group="inf', 'gruop="inf', r"'early': unknown declaration 'gruop'; did you mean 'group'"),
        ('"information"', '"informatoin"', r"did you mean 'information'"),
        ('{"value": 0.5}', '{"valeu": 0.5}', r"unknown option 'valeu'; did you mean 'value'"),
        ('{"early": "Early"}', '{"earli": "Early"}', r"'earl[iy]' needs both a title and a range"),
        ('    ranges={"early": (0.0, 9.0)},\n', "", r"declare `ranges`"),
    ],
)
def test_a_faulty_declaration_is_named(lab, before, after, message):
    with pytest.raises(RegistryError, match=message):
        declaration(lab((before, after)).entry("metric", "early"))


@pytest.mark.parametrize(
    ("score", "message"), [("soon", "declare title and range"), ("mig", "another metric has it")]
)
def test_a_score_that_is_not_declared_or_not_ones_own_is_named(design, lab, score, message):
    factors, _ = design
    changes = [(f'"early": {it}', f'"mig": {it}') for it in ('"Early"', "(0.0")]
    catalogue = lab(('{"early": value}', f'{{"{score}": value}}'), *changes)
    codes = perfect_code(Design(factors.train, factors.test))
    with pytest.raises(ValueError, match=f"'early' returned the score '{score}': {message}"):
        disentanglement_panel(codes, factors, metrics=["mig", "early"], catalogue=catalogue)


def test_a_metric_that_the_rows_are_too_few_for_is_left_out_by_name(design):
    """Test rows with one value of a factor leave nothing to gain there, but cost no other score."""
    factors, _ = design
    test = factors.test[factors.test[:, 1] == 2]
    factors = Design(factors.train[:500], test[:100])
    codes = rotated_code(factors, np.random.default_rng(5))
    panel = disentanglement_panel(codes, factors, factor_names=NAMES)
    assert "factor 1 is constant in test rows" in panel.left_out["dci_es"]
    assert not [name for name in panel.scores if name.startswith("dci_es")]
    assert np.isfinite([panel.scores[name] for name in ("mig", "dci_informativeness", "sap")]).all()


def test_contradictions_are_named(design):
    factors, changed = design
    codes = perfect_code(factors)
    with pytest.raises(ValueError, match="go together"):
        disentanglement_panel(codes, factors, factor_names=NAMES, metrics=QUICK, options=OPTIONS)
    with pytest.raises(ValueError, match="2 names for 3 factors"):
        disentanglement_panel(codes, factors, changed, factor_names=NAMES[:2])
    with pytest.raises(ValueError, match="share a name"):
        disentanglement_panel(codes, factors, changed, factor_names=("a", "b", "a"))
    with pytest.raises(ValueError, match=r"\(6000,\) do not belong to 4000 codes"):
        disentanglement_panel(codes, Design(changed, changed), metrics=QUICK)
    with pytest.raises(ValueError, match="each of the 3 factors"):
        disentanglement_panel(
            codes, factors, changed % 2, factor_names=NAMES, metrics=QUICK, options=OPTIONS
        )


def test_perfect_code_is_one_map_for_all_tables(design):
    factors, _ = design
    named = factors.map(lambda table: np.array(list("abcdef"))[table])
    codes, renamed = perfect_code(factors), perfect_code(named)
    assert codes.train.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-9)
    assert codes.train.std(axis=0) == pytest.approx([1, 1, 1])
    assert (codes.second == renamed.second).all()
    for k in range(3):  # a value has one code, whichever table it is in
        value = factors.test[0, k]
        expected = codes.test[0, k]
        assert codes.first[factors.first[:, k] == value, k] == pytest.approx(expected)


def test_perfect_code_knows_values_that_some_tables_lack(design):
    factors, _ = design
    without = Design(factors.train, factors.test[factors.test[:, 0] > 0])
    assert len(np.unique(perfect_code(without).train[:, 0])) == SIZES[0]


def test_rotation_is_shared_and_keeps_lengths(design):
    factors, _ = design
    perfect, rotated = perfect_code(factors), rotated_code(factors, np.random.default_rng(3))
    for table in ("train", "test", "first", "second"):
        before, after = getattr(perfect, table), getattr(rotated, table)
        assert np.linalg.norm(after, axis=1) == pytest.approx(np.linalg.norm(before, axis=1))
    unchanged = np.linalg.lstsq(perfect.first, rotated.first, rcond=None)[0]
    assert perfect.second @ unchanged == pytest.approx(rotated.second)
    assert not np.allclose(perfect.test, rotated.test)


def test_noise_is_drawn_for_each_member(design):
    noise = noise_code(design[0], 4, np.random.default_rng(0))
    assert noise.first.shape == (6_000, 4)
    assert abs(np.corrcoef(noise.first[:, 0], noise.second[:, 0])[0, 1]) < 0.05


def test_discretised_levels_are_equally_filled_and_in_order():
    values = np.random.default_rng(0).lognormal(size=1_003)
    level = discretise(values, 10)
    assert set(level) == set(range(10))
    assert np.bincount(level).max() - np.bincount(level).min() <= 1
    assert (np.diff(level[np.argsort(values)]) >= 0).all()
    assert (discretise(np.exp(values), 10) == level).all()


def test_few_values_and_names_are_kept():
    assert discretise([3.5, 1.0, 3.5, 2.0], 3).tolist() == [2, 0, 2, 1]
    names = np.array(["rod", "coccus", "spiral", "rod"])
    assert discretise(names, 2).tolist() == [1, 0, 2, 1]


def test_ties_stay_together():
    values = np.r_[np.zeros(80), np.arange(1, 21)]
    level = discretise(values, 10)
    assert len(set(level[:80])) == 1
    assert set(level) == set(range(level.max() + 1))


@given(
    tied=st.integers(1, 199),
    place=st.sampled_from([-10.0, 0.5, 10.0]),
    levels=st.integers(2, 12),
    seed=st.integers(0, 9),
)
def test_a_factor_that_varies_has_two_levels_or_more_from_either_side(tied, place, levels, seed):
    values = np.random.default_rng(seed).uniform(0, 1, 200)
    values[:tied] = place  # below all others, among them, or above
    level = discretise(values, levels)
    mirrored = discretise(-values, levels)
    assert len(set(level)) >= 2
    assert set(level) == set(range(level.max() + 1))
    assert level.max() == mirrored.max()
    if levels % 2:  # no cut in the middle
        np.testing.assert_array_equal(mirrored, level.max() - level)


def test_a_factor_that_is_mostly_zero_has_the_levels_zero_and_more():
    dose = np.r_[np.zeros(188), np.linspace(1, 5, 12)]
    np.testing.assert_array_equal(discretise(dose, 10), dose > 0)
    np.testing.assert_array_equal(discretise(-dose, 10), dose == 0)


def test_missing_factor_value_is_named():
    with pytest.raises(ValueError, match="row 1 is not finite"):
        discretise([0.0, np.nan, 2.0], 2)
