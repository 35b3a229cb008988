import re

import numpy as np
import pandas as pd
import pytest

from fovscope.figures.report import Section, Table, render_report
from fovscope.records import Identity, read_scores, score_table, write_table
from fovscope.registry import Catalogue
from fovscope.tables.accuracy import accuracy
from fovscope.tables.comparisons import comparisons
from fovscope.tables.confusion import confusion
from fovscope.tables.disentanglement import disentanglement
from fovscope.tables.published import published_accuracy
from fovscope.tables.render import caption_of, mean_sd, read_markdown, widen, write_views
from fovscope.texts import legible

FORMATS = ("parquet", "csv", "md", "tex")


def accuracy_scores(seed, value, stage="finetuned", **changes):
    identity = {"dataset": "t", "tuned_on": "t", "backbone": "b", "recipe": "beta1"}
    identity |= {"representation": "latents", "seed": int(seed) if seed else None}
    is_table = isinstance(value, pd.DataFrame)
    return score_table(
        value if is_table else {"balanced_accuracy": value},
        Identity(**(identity | changes), kind="accuracy", stage=stage, probe="gbt"),
        low=0.4,
        high=0.9,
        weights_digest="w",
        data_digest="d",
    )


def test_accuracy_is_mean_and_sample_sd_in_points_over_models(facts):
    scores = pd.concat([accuracy_scores("0", 0.5), accuracy_scores("1", 0.7)])
    views = accuracy(pd.concat([scores, scores.assign(probe="mlp")]), facts)
    row, _ = views.long.itertuples()
    assert (row.mean, row.n, row.score) == (60, 2, "balanced_accuracy")
    assert row.sd == pytest.approx(np.std([50, 70], ddof=1))
    (line,) = views.view.itertuples(index=False)
    assert tuple(line) == ("t", "b", "finetuned", "latents", "60.0 ± 14.1", "60.0 ± 14.1", 2)


def test_models_of_a_family_are_pooled_and_those_of_others_are_not(facts):
    other = facts["recipes"]["beta1"] | {"family": "ada", "supervision": "ada"}
    facts["recipes"] = facts["recipes"] | {"ada": other}
    values = {"ada": 0.1, "beta1": 0.5, "beta2": 0.7}
    scores = [accuracy_scores("0", value, recipe=name) for name, value in values.items()]
    constant = accuracy_scores("", 0.2, "baseline", recipe="", representation="constant")
    views = accuracy(pd.concat([constant, *scores]), facts)
    found = views.long[["recipe", "source", "objective", "supervision", "mean", "n"]]
    assert found.round(6).to_numpy().tolist() == [
        ["beta1, beta2", "sprites", "beta_vae", "labels", 60, 2],
        ["ada", "sprites", "beta_vae", "ada", 10, 1],
        ["", "", "", "", 20, 1],
    ]
    # What is the same for all models is not shown.
    assert list(views.view)[:5] == ["target", "input", "recipe", "supervision", "stage"]
    assert views.view["representation"].tolist() == [
        *("latents", "latents", "constant (majority class)")
    ]


def test_accuracy_says_which_dimensions_the_probes_saw(facts):
    latents = accuracy_scores("0", 0.5)
    masked = [latents.assign(active_mask=mask) for mask in ("1111", "1101", "1111")]
    constant = accuracy_scores("", 0.1, "baseline", recipe="", representation="constant")
    table = accuracy(pd.concat([*masked, constant]), facts).long
    assert table.set_index("stage")["active_mask"].to_dict() == {
        "finetuned": "1101, 1111",
        "baseline": "",
    }


def test_confusions_are_means_over_models_and_the_worst_is_named(facts):
    def scores(seed, right):
        rows = pd.DataFrame(
            {
                "score": "confusion",
                "true": ["a", "a", "b", "b"],
                "predicted": ["a", "b", "a", "b"],
                "value": [1, 0, 1 - right, right],
            }
        )
        return accuracy_scores(seed, rows)

    both = pd.concat(scores(seed, right) for seed, right in {"0": 0.5, "1": 0.7}.items())
    views = confusion(pd.concat([both, both.assign(probe="mlp")]), facts)
    cells = views.long[views.long["probe"] == "gbt"].set_index(["class", "predicted"])
    assert cells["mean"].to_dict() == pytest.approx(
        {("a", "a"): 100, ("a", "b"): 0, ("b", "a"): 40, ("b", "b"): 60}
    )
    assert (cells["n"] == 2).all()
    assert views.view.to_dict("records") == [
        {"target": "t", "input": "b", "class": "a"}
        | {"GBT": "100.0 ± 0.0", "GBT takes it for": "–"}
        | {"MLP": "100.0 ± 0.0", "MLP takes it for": "–", "n": 2},
        {"target": "t", "input": "b", "class": "b"}
        | {"GBT": "60.0 ± 14.1", "GBT takes it for": "a (40.0)"}
        | {"MLP": "60.0 ± 14.1", "MLP takes it for": "a (40.0)", "n": 2},
    ]


@pytest.mark.parametrize(
    ("stages", "shown"),
    [({"transferred": 0.9}, "90.0"), ({"transferred": 0.9, "finetuned": 0.5}, "50.0")],
)
def test_confusions_are_shown_of_the_last_stage_that_models_reach(facts, stages, shown):
    rows = {"score": "confusion", "true": ["b", "b"], "predicted": ["a", "b"]}
    scores = [
        accuracy_scores("0", pd.DataFrame(rows | {"value": [1 - right, right]}), stage)
        for stage, right in stages.items()
    ]
    assert confusion(pd.concat(scores), facts).view["GBT"].tolist() == [shown]


def test_published_numbers_stand_beside_ours_with_the_difference(facts):
    scores = accuracy_scores("0", 0.7)
    scores = pd.concat([scores, scores.assign(backbone="rgb"), scores.assign(dataset="other")])
    facts["published"] = {"data": {"t": "Lensless", "other": None}, "images": ["rgb"]}
    facts["published"] |= {"stand_ins": []}
    views = accuracy(scores, facts)
    # Method, section 6: Lensless, fine-tuned, GBT: Φ 93.55 (1.9), RGB 73.04 (2.4).
    found = views.long.set_index(["target", "input"])[["published_mean", "difference"]]
    np.testing.assert_allclose(found.loc[("t", "b")], [93.55, 70 - 93.55])
    np.testing.assert_allclose(found.loc[("t", "rgb")], [73.04, 70 - 73.04])
    assert found.loc[("other", "b")].isna().all()
    view = views.view.set_index(views.view["target"] + views.view["input"])
    assert view["published GBT"].to_dict() == {
        "tb": "93.5 ± 1.9",
        "trgb": "73.0 ± 2.4",
        "otherb": "–",
    }
    assert view["GBT − published"].to_dict() == {"tb": "-23.5", "trgb": "-3.0", "otherb": "–"}


def test_a_difference_of_generated_images_from_published_ones_is_marked(facts):
    facts["published"] = {"data": {"t": "Lensless"}, "images": [], "stand_ins": ["t"]}
    views = accuracy(
        pd.concat([accuracy_scores("0", 0.7), accuracy_scores("0", 0.1, "other")]), facts
    )
    assert views.long.set_index("stage")["stand_in"].to_dict() == {
        "finetuned": True,
        "other": False,
    }
    assert views.view["GBT − published"].tolist() == ["-23.5 (stand-in)", "–"]
    assert views.blocks["GBT"]["ours − published"].tolist() == ["-23.5 (stand-in)", "–"]


def test_published_table_is_whole():
    table = published_accuracy()
    assert len(table) == 4 * 2 * 2 * 2  # data, inputs, stages, probes
    assert not table.duplicated(["published_data", "published_input", "stage", "probe"]).any()
    assert table.isna().sum().sum() == 0
    # In the paper fine-tuning never hurts.
    wide = table.pivot_table(
        index=["published_data", "published_input", "probe"],
        columns="stage",
        values="published_mean",
    )
    assert (wide["finetuned"] > wide["transferred"]).all()


def comparison_scores():
    gains = {"0": 0.10, "1": 0.20, "2": 0.30}
    rows = [accuracy_scores(seed, 0.5 + gain) for seed, gain in gains.items()]
    rows += [accuracy_scores(seed, 0.5, "transferred") for seed in reversed(gains)]
    baseline = accuracy_scores("", 0.8, "baseline", recipe="", representation="pca")
    without_network = baseline.assign(representation="constant", backbone="images", value=0.2)
    elsewhere = baseline.assign(representation="full", backbone="other")
    return pd.concat([*rows, baseline, without_network, elsewhere], ignore_index=True)


def test_models_are_compared_with_themselves_and_with_baselines(facts):
    views = comparisons(comparison_scores(), facts)
    table = views.long.set_index("compared_with")
    gain = table.loc["transferred latents"]
    assert (gain["mean"], gain["n"]) == (pytest.approx(20), 3)
    assert gain["sd"] == pytest.approx(10)
    # Of the same input, or without a network; not those of another input.
    assert list(table.index[1:]) == ["PCA-10 of Φ", "constant (majority class)"]
    assert table.loc["PCA-10 of Φ", "mean"] == pytest.approx(-10)
    assert table.loc["constant (majority class)", "mean"] == pytest.approx(50)
    # Of the sign patterns of 3 differences 2 are as extreme; the baseline equals one model.
    assert list(table["p"]) == pytest.approx([2 / 2**3, 2 / 2**2, 2 / 2**3])
    # Two questions: one comparison of stages, two of baselines.
    assert list(table["comparisons"]) == [1, 2, 2]
    assert list(views.view["p (Holm)"]) == ["0.25", "0.5", "0.5"]
    # Three pairs give .25 at best, which must not read as equality.
    assert set(table["smallest_p"]) == {0.25}
    assert set(table["verdict"]) == {"open"}
    assert list(views.blocks) == ["Before and after fine-tuning", "Latents against baselines"]


def test_inputs_recipes_and_variants_are_compared_over_the_seeds_that_they_share(facts):
    of = facts["recipes"]["beta1"]
    facts["recipes"] |= {
        "paper": of | {"family": "paper", "variant": "paper"},
        "ada": of | {"family": "ada", "supervision": "ada"},
    }
    seeds = [str(seed) for seed in range(6)]
    scores = []
    for k, seed in enumerate(seeds):
        gain = k / 100
        scores += [accuracy_scores(seed, 0.5 + gain, recipe="beta1")]
        scores += [accuracy_scores(seed, 0.6 + gain, recipe="beta2")]
        scores += [accuracy_scores(seed, 0.54 + gain / 2, recipe="paper")]
        scores += [accuracy_scores(seed, 0.55, recipe="ada")]
        scores += [accuracy_scores(seed, 0.4, recipe="beta1", backbone="rgb")]
    scores += [accuracy_scores("9", 0.1, recipe="ada")]  # of no pair
    long = comparisons(pd.concat(scores), facts).long
    found = long.set_index(["question", "recipe", "compared_with"])
    by_input = found.loc[("input", "beta1, beta2", "input rgb")]
    assert (by_input["mean"], by_input["n"]) == (pytest.approx(12.5), 6)  # β 1 alone is of both
    assert by_input["effect"] == 1
    assert (by_input["p_holm"], by_input["verdict"]) == (pytest.approx(2 / 2**6), "higher")
    # The mean of both β of a seed, .55 + gain: .00, .01, … .05 more than ada; one is no difference.
    ada = found.loc[("recipe", "beta1, beta2", "recipe ada")]
    assert (ada["mean"], ada["n"], ada["p"]) == (pytest.approx(2.5), 6, pytest.approx(2 / 2**5))
    variant = found.loc[("variant", "beta1, beta2", "recipe paper")]
    assert (variant["mean"], variant["comparisons"]) == (pytest.approx(2.25), 1)
    assert variant["variant"] == "default"
    assert set(found.loc[("recipe", "paper")]["variant"]) == {"paper"}


def test_the_best_is_bold_and_what_the_test_does_not_tell_from_it(facts, tmp_path):
    rows = []
    for k in range(8):
        near = (-1) ** k * (k + 1) / 1000
        rows += [accuracy_scores(str(k), 0.9 + k / 1000), accuracy_scores(str(k), 0.7, "scratch")]
        rows += [accuracy_scores(str(k), 0.9 + k / 1000 + near - 0.0004, "transferred")]
    constant = accuracy_scores("", 0.2, "baseline", recipe="", representation="constant")
    views = accuracy(pd.concat([*rows, constant]), facts)
    long = views.long.set_index("stage")
    assert long["standing"].to_dict() == {
        "finetuned": "best",
        "transferred": "tied",
        "scratch": "behind",
        "baseline": "behind",
    }
    assert long.loc["finetuned", ["images_low", "images_high"]].tolist() == pytest.approx([40, 90])
    assert long.loc["finetuned", "models_low"] < 90.35 < long.loc["finetuned", "models_high"]
    assert np.isnan(long.loc["baseline", "models_low"])
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in FORMATS}
    write_views(views.long, views.view, "All.", paths, blocks=views.blocks, bold=views.bold)
    texts = {kind: (tmp_path / f"t.{kind}").read_text() for kind in ("csv", "md", "tex")}
    best, tied = (
        f"{long.loc[s, 'mean']:.1f} ± {long.loc[s, 'sd']:.1f}" for s in ("finetuned", "transferred")
    )
    assert texts["md"].count(f"**{best}**") == texts["md"].count(f"**{tied}**") == 2
    assert texts["tex"].count(r"\textbf{" + best.replace("±", r"$\pm$") + "}") == 2
    assert r"\toprule" in texts["tex"]
    assert "**70.0" not in texts["md"]
    in_csv = pd.read_csv(tmp_path / "t.csv").set_index("stage")["bold"].fillna("")
    assert in_csv.to_dict() == {
        "transferred": "GBT",
        "finetuned": "GBT",
        "scratch": "",
        "baseline": "",
    }
    _, tables = read_markdown(texts["md"])
    cells = tables["GBT"]["accuracy"].tolist()
    assert [cells[row] for row, _ in tables["GBT"].attrs["bold"]] == [tied, best]


def test_too_few_models_leave_open_what_is_as_good_as_the_best(facts):
    rows = [accuracy_scores(str(k), 0.9 + k / 100) for k in range(5)]
    rows += [accuracy_scores(str(k), 0.1, "transferred") for k in range(5)]
    views = accuracy(pd.concat(rows), facts)
    assert views.long["standing"].tolist() == ["open", "best"]  # five pairs give .0625 at best
    assert views.blocks["GBT"]["against the best"].tolist() == ["no test, too few models", "best"]
    assert views.bold[""]["GBT"].tolist() == [False, True]


def test_lines_that_cannot_be_tested_cost_the_others_nothing(facts):
    """Six pairs can bear one comparison; a constant is compared with a baseline by no pairs."""
    rows = [accuracy_scores(str(k), 0.5 + k / 100) for k in range(6)]
    best, constant = (
        accuracy_scores("", value, "baseline", recipe="", representation=name)
        for name, value in (("full", 0.9), ("constant", 0.2))
    )
    long = accuracy(pd.concat([*rows, best, constant]), facts).long
    assert long.set_index("representation")["standing"].to_dict() == {
        "latents": "behind",
        "full Φ": "best",
        "constant (majority class)": "open",
    }


def test_stars_of_a_name_are_not_bold(tmp_path):
    view = pd.DataFrame({"name": ["**a**", "b"], "score": ["1", "2"]})
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in FORMATS}
    write_views(view, view, "All.", paths, bold={"": pd.DataFrame({"name": [False, True]})})
    _, tables = read_markdown((tmp_path / "t.md").read_text())
    assert tables[""]["name"].tolist() == ["**a**", "b"]
    assert tables[""].attrs["bold"] == [(1, 0)]
    page = render_report("t", "q", {}, [Section("s", parts=[Table(tables[""], "c")])])
    assert "<td><b>b</b></td>" in page
    assert "<td>**a**</td>" in page


def test_names_are_text_on_the_page_beside_bold_cells():
    view = pd.DataFrame({"<i>": ["R&D", "<b>x"]})
    view.attrs["bold"] = [(0, 0)]
    page = render_report("t", "q", {}, [Section("s", parts=[Table(view, "c")])])
    for text in ("<th>&lt;i&gt;</th>", "<td><b>R&amp;D</b></td>", "<td>&lt;b&gt;x</td>"):
        assert text in page


def test_recipes_are_compared_each_with_itself(facts):
    facts["recipes"]["ada"] = facts["recipes"]["beta1"] | {"family": "ada"}
    first = comparison_scores()
    first = first[first["recipe"] != ""]
    worse = first.assign(recipe="ada", value=first["value"].where(first["value"] == 0.5, 0.4))
    long = comparisons(pd.concat([first, worse]), facts).long
    stages = long[long["question"] == "stage"]
    assert stages.set_index("recipe")["mean"].to_dict() == pytest.approx(
        {"beta1, beta2": 20, "ada": -10}
    )
    (between,) = long[long["question"] == "recipe"].itertuples()
    assert (between.recipe, between.compared_with) == ("beta1, beta2", "recipe ada")
    assert between.mean == pytest.approx(30)


def test_a_single_line_is_compared_with_nothing(facts):
    views = comparisons(accuracy_scores("0", 0.5), facts)
    assert len(views.long) == len(views.view) == 0
    assert views.blocks is None


def test_equal_scores_do_not_differ(facts):
    scores = comparison_scores().assign(value=0.5)
    assert set(comparisons(scores, facts).long["p"]) == {1.0}


def test_stages_stand_in_the_order_of_the_method(facts):
    stages = ("baseline", "finetuned", "transferred")
    scores = pd.concat([accuracy_scores("0", 0.5, stage) for stage in stages])
    assert list(accuracy(scores, facts).long["stage"]) == list(reversed(stages))


def disentanglement_scores(stage, representation, value):
    return score_table(
        {"mig": value, "mi_over_h[z0,Shape]": 0.1, "active_dims": 9},
        Identity(
            kind="disentanglement",
            dataset="source",
            backbone="b",
            recipe="" if stage == "reference" else "beta1",
            seed=0,
            stage=stage,
            representation=representation,
        ),
    )


def test_floor_is_0_and_ceiling_1_of_a_normalised_score(facts):
    values = {"noise": 0.1, "perfect": 0.9, "rotated": 0.2}
    scores = pd.concat(
        [disentanglement_scores("source", "latents", 0.5)]
        + [disentanglement_scores("reference", code, value) for code, value in values.items()]
    )
    views = disentanglement(scores, facts)
    long = views.long.set_index(["stage", "score"])
    assert long.loc[("source", "mig"), "floor"] == 0.1
    assert long.loc[("source", "mig"), "normalised"] == pytest.approx(0.5)
    assert long.loc[("code: perfect", "mig"), "normalised"] == 1
    assert not any(score.startswith("mi_over_h") for _, score in long.index)
    assert list(views.blocks) == ["By information and trees", "By intervention, and others"]
    view = views.blocks["By information and trees"]
    assert list(view["stage"]) == ["source", "code: perfect", "code: rotated", "code: noise"]
    assert list(view.columns) == ["measured on", "tuned on", "input", "stage", "MIG", "n"]


def test_a_models_own_bounds_come_before_those_of_the_codes(facts):
    own = disentanglement_scores("source", "latents", 0.5)
    own = own.assign(low=0.4, high=0.7, floor=0.2, n_train=100, n_test=50, n_pairs=0)
    own = pd.concat([own.assign(active_mask=mask) for mask in 2 * ("1111", "1101")])
    agreement = score_table(
        pd.DataFrame({"score": ["udr_lasso"], "value": [0.6], "floor": [0.0], "ceiling": [0.9]}),
        Identity(
            kind="disentanglement",
            dataset="source",
            backbone="b",
            recipe="beta1",
            seed=0,
            stage="source",
            representation="seeds",
        ),
    )
    codes = [disentanglement_scores("reference", c, v) for c, v in (("noise", 0.1), ("perfect", 1))]
    views = disentanglement(pd.concat([own, agreement, *codes]), facts)
    long = views.long.set_index(["factors", "stage", "score"])
    mig = long.loc[("known", "source", "mig")]
    assert (mig["floor"], mig["ceiling"], mig["low"], mig["n_train"]) == (0.2, 1, 0.4, 100)
    assert mig["normalised"] == pytest.approx(0.3 / 0.8)
    assert mig["active_mask"] == "1101, 1111"
    assert long.loc[("known", "code: perfect", "mig"), "active_mask"] == ""
    bounds = long.loc[("known", "source", "active_dims"), ["floor", "ceiling", "of_ceiling"]]
    assert bounds.isna().all()  # of a count of dimensions
    assert long.loc[("known", "code: perfect", "mig"), "floor"] == 0.1
    udr = long.loc[("none", "source", "udr_lasso")]
    assert udr["of_ceiling"] == pytest.approx(2 / 3)
    view = views.blocks["Agreement of seeds, without factors"]
    assert view["UDR Lasso"].tolist() == ["0.60"]
    assert views.view["factors"].tolist() == ["known", "known", "known", "none"]
    assert views.view["UDR Lasso"].tolist() == ["–", "–", "–", "0.60"]


def test_scores_are_columns_in_the_order_of_the_study_and_by_group(facts):
    scores = disentanglement_scores("source", "latents", 0.5)
    mine = scores.assign(score=scores["score"].replace("active_dims", "mine"))
    facts["scores"] = {
        "mine": {"title": "Mine", "group": "intervention"},
        "mig": {"title": "Gap", "group": "information"},
    }
    views = disentanglement(pd.concat([mine, scores]), facts)
    assert list(views.view)[-4:] == ["Mine", "Gap", "active dims", "n"]
    blocks = [list(block)[-3:] for block in views.blocks.values()]
    assert blocks == [["stage", "Gap", "n"], ["Mine", "active dims", "n"]]


def test_representations_of_the_same_images_are_not_pooled(facts):
    latents = disentanglement_scores("finetuned", "latents", 0.5)
    named = disentanglement_scores("finetuned", "pca", 0.7).assign(stage="baseline", recipe="")
    views = disentanglement(pd.concat([latents, named]), facts)
    assert views.view[["representation", "MIG"]].to_numpy().tolist() == [
        *(["latents", "0.50"], ["PCA-10 of Φ", "0.70"])
    ]


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


def test_several_views_have_titles(tmp_path):
    view = pd.DataFrame({"a": ["1"]})
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in FORMATS}
    write_views(view, view, "All.", paths, blocks={"One": view, "Two": view})
    texts = {kind: (tmp_path / f"t.{kind}").read_text() for kind in ("csv", "md", "tex")}
    assert texts["csv"] == "a\n1\n"
    assert texts["md"].startswith("All.\n\n**One**\n\n| a ")
    assert texts["tex"].count(r"\caption{") == 2
    assert "Two. All." in texts["tex"]


def test_markdown_comes_back_as_it_was_written(tmp_path):
    view = pd.DataFrame({"own |r|": ["|a|b", "–"], "n": [3, 12], "empty": ["", "c d"]})
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in FORMATS}
    for blocks in (None, {"One": view, "By β, and others": view[["n"]]}):
        write_views(view, view, "All, in %.", paths, blocks=blocks)
        caption, tables = read_markdown((tmp_path / "t.md").read_text())
        assert caption == "All, in %."
        assert list(tables) == list(blocks or {"": view})
        for title, table in (blocks or {"": view}).items():
            pd.testing.assert_frame_equal(tables[title], table.astype(str))


NAMES = (
    *(
        "_debris",
        "Ba$$in",
        "$5 to $6",
        r"C:\new",
        r"a\|b",
        "|",
        "<b>bold</b>",
        "a<b",
        "R&D",
        "&lt;",
    ),
    *("#1", "50 %", "{x}", "`x`", "*", "**x**", "~~x~~", "__x__", "x_y", "[x](y)", "[x]", "x^2"),
    *("two\nlines", "tab\tbed", "\u200b", "--", "培养", "خلية", "कोशिका", "x" * 300),
)


def test_names_come_back_from_markdown_and_are_text_there(tmp_path):
    view = pd.DataFrame({name: [name, ""] for name in NAMES})
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in FORMATS}
    long = pd.DataFrame({"value": [1.0]})
    write_views(long, view, "All.", paths, blocks=dict.fromkeys(NAMES[:20], view))
    _, tables = read_markdown((tmp_path / "t.md").read_text())
    shown = [legible(name) for name in NAMES]
    assert list(tables) == shown[:20]
    for table in tables.values():
        assert list(table) == shown
        assert table.iloc[0].tolist() == shown
        assert not table.iloc[1].any()


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_in_latex(tmp_path, name):
    view = pd.DataFrame({"class": [name], "other": ["y"]})
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in FORMATS}
    write_views(pd.DataFrame({"value": [1.0]}), view, name, paths)
    lines = (tmp_path / "t.tex").read_text().splitlines()
    (row,) = (line for line in lines if line.endswith(r" & y \\"))
    cell = row.removesuffix(r" & y \\")
    assert f"\\caption{{{cell}}}" in lines
    assert not cell.startswith(("[", "*"))
    # What is left without commands and braces has no meaning of its own.
    plain = re.sub(r"\\[a-z]+|\\[&%$#_{}]|\{\}", "", cell)
    assert not set(plain) & set('\\&%$#_{}^~`|<>"')
    assert "--" not in cell


@pytest.mark.parametrize(
    ("name", "first"),
    [("培养", "% XeLaTeX or LuaLaTeX, with a font that has 养培\n"), ("é β ≥ 2", "\\begin{table}")],
)
def test_what_pdflatex_cannot_print_is_said_in_the_file(tmp_path, name, first):
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in FORMATS}
    view = pd.DataFrame({"class": [name]})
    write_views(view, view, "All.", paths)
    assert (tmp_path / "t.tex").read_text().startswith(first)


def test_captions_speak_of_the_study(facts):
    facts["recipes"]["ada"] = facts["recipes"]["beta1"] | {"supervision": "ada", "family": "ada"}
    caption = caption_of(Catalogue().entry("table", "transfer"), facts)
    assert caption.endswith("Supervision: labels, ada. Variant: default.")


def test_views_say_the_same_in_every_format(tmp_path):
    view = pd.DataFrame({"input_name": ["a & b"], "GBT": ["61.3 ± 2.0"]})
    bars = pd.DataFrame({"|r|": ["a|b"]})
    write_views(bars, bars, "", {kind: str(tmp_path / kind) for kind in FORMATS})
    assert r"\|r\|" in (tmp_path / "md").read_text()
    assert r"a\|b" in (tmp_path / "md").read_text()
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


def test_what_stands_in_for_factors_is_said_for_each_representation_by_itself(facts):
    scores = [
        disentanglement_scores(stage, name, value).assign(factors="stand-in")
        for stage, name, value in (
            *(("finetuned", "latents", 0.3), ("baseline", "pca", 0.2)),
            ("baseline", "random", 0.1),
        )
    ]
    known = disentanglement_scores("finetuned", "latents", 0.5)
    long = disentanglement(pd.concat([*scores, known]), facts).long
    mig = long[long["score"] == "mig"].set_index(["factors", "stage", "representation"])["mean"]
    labels = {name: facts["labels"].get(name, name) for name in ("latents", "pca", "random")}
    assert mig.to_dict() == {
        ("stand-in", "finetuned", labels["latents"]): 0.3,
        ("known", "finetuned", labels["latents"]): 0.5,
        ("stand-in", "baseline", labels["pca"]): 0.2,
        ("stand-in", "baseline", labels["random"]): 0.1,
    }
