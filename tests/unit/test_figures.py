"""Figures say what the data say: their text and their marks are read back."""

from html import escape

import numpy as np
import pandas as pd
import pytest
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font

from fovscope.dimensions import dimension_names, factor_of
from fovscope.factors import Factor, bind
from fovscope.figures.correlation import correlation_size, draw_correlations
from fovscope.figures.disentanglement import before_after_size, draw_before_after
from fovscope.figures.given import Given, kinds_of
from fovscope.figures.heatmap import draw_heatmap
from fovscope.figures.latents import (
    class_labels,
    draw_distributions,
    draw_pairs,
    draw_scatter,
    most_separating,
)
from fovscope.figures.open_set import draw_open_set, mistakes, open_set_size
from fovscope.figures.profiles import dose_response
from fovscope.figures.samples import PER_ROW, sample_rows, samples
from fovscope.figures.screen import plates
from fovscope.figures.sizes import draw_by_size
from fovscope.figures.style import (
    class_styles,
    figure,
    picture_font,
    save,
    show_images,
    shown_name,
)
from fovscope.figures.traversal import draw_traversal, strip_images
from fovscope.interpret.features import FEATURES
from fovscope.interpret.traversal import as_png
from fovscope.profiles.export import metadata

FACTORS = bind(
    [Factor(name=name, values=3) for name in ("Texture", "Color", "Shape", "Scale")], angles=False
)


@pytest.fixture
def target():
    rng = np.random.default_rng(0)
    labels = np.repeat(["blast", "spindle", "other one"], 30)
    codes = rng.standard_normal((90, 4)).astype(np.float32)
    codes[:, 2] += 3 * np.repeat([0, 1, 2], 30)
    codes[:, 3] = 1
    return codes, labels, dimension_names(4, FACTORS)


def test_dimensions_are_named_after_what_they_were_bound_to():
    assert dimension_names(6, FACTORS)[2:] == ["z2 Shape", "z3 Scale", "z4", "z5"]
    assert dimension_names(2, FACTORS) == ["z0 Texture", "z1 Color"]
    assert dimension_names(2) == ["z0", "z1"]


def test_a_direction_that_owns_two_dimensions_names_both_and_is_found_in_their_names():
    factors = [Factor(name="Size", values=3), Factor(name="Cell hue", period=360.0)]
    names = dimension_names(4, bind(factors, angles=True))
    assert names == ["z0 Size", "z1 Cell hue (cos)", "z2 Cell hue (sin)", "z3"]
    assert [factor_of(name) for name in names] == ["Size", "Cell hue", "Cell hue", ""]


def test_equal_figures_are_equal_files(tmp_path, target):
    for name in ("a", "b"):
        with figure(3, 3) as canvas:
            draw_scatter(canvas, *target, (0, 2))
            save(canvas, {kind: str(tmp_path / f"{name}.{kind}") for kind in ("svg", "png")})
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_every_class_looks_different():
    styles = class_styles([str(k) for k in range(48)])
    assert len({tuple(style.values()) for style in styles.values()}) == 48


def test_the_dimension_that_separates_the_classes_comes_first_and_a_constant_one_last(target):
    codes, labels, _ = target
    order = most_separating(codes, labels, 4)
    assert (order[0], order[-1]) == (2, 3)


@pytest.mark.parametrize(
    "draw",
    [
        lambda canvas, *target: draw_scatter(canvas, *target, (0, 2)),
        lambda canvas, *target: draw_pairs(canvas, *target, [2, 0]),
        draw_distributions,
    ],
    ids=["scatter", "pairs", "distributions"],
)
def test_classes_and_dimensions_are_named_in_the_picture(tmp_path, target, draw):
    with figure(5, 4) as canvas:
        draw(canvas, *target)
        save(canvas, {"svg": str(tmp_path / "f.svg")})
    text = (tmp_path / "f.svg").read_text()
    assert all(f">{name}<" in text for name in ("blast", "spindle", "other one"))
    assert "Shape" in text


NAMES = (
    *(
        "_debris",
        "__x__",
        "Ba$$in",
        "$5 to $6",
        r"C:\new",
        r"\alpha",
        "a<b & c>d",
        "x^2_3",
        "#%{}~|*`",
    ),
    *("خلية", "תא", "клетка", "è"),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["scatter", "pairs", "distributions"])
def test_a_class_is_shown_as_it_is_called(tmp_path, target, name, kind):
    codes, labels, dimensions = target
    labels = np.where(labels == "blast", name, labels)
    with figure(5, 4) as canvas:
        if kind == "distributions":
            draw_distributions(canvas, codes, labels, dimensions)
            entries = canvas.axes[0].get_yticklabels()
        else:
            if kind == "scatter":
                draw_scatter(canvas, codes, labels, dimensions, (0, 2))
            else:
                draw_pairs(canvas, codes, labels, dimensions, [2, 0])
            entries = canvas.legends[0].get_texts()
        save(canvas, {"svg": str(tmp_path / "f.svg")})
    assert {entry.get_text() for entry in entries} == {name, "spindle", "other one"}
    assert not any(entry.get_parse_math() for entry in entries)
    assert f">{escape(name)}<" in (tmp_path / "f.svg").read_text()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (" ", '" "'),
        ("\u200b", '"\\u200b"'),
        ("two\nlines", "two\\nlines"),
        ("\udcff.png", "\\udcff.png"),
        ("x" * 40, "x" * 32 + "\n" + "x" * 8),
    ],
)
def test_what_could_not_be_seen_of_a_name_is_written_out(tmp_path, target, name, shown):
    codes, labels, dimensions = target
    with figure(5, 4) as canvas:
        draw_scatter(canvas, codes, np.where(labels == "blast", name, labels), dimensions, (0, 2))
        save(canvas, {kind: str(tmp_path / f"f.{kind}") for kind in ("svg", "png")})
        assert shown in {entry.get_text() for entry in canvas.legends[0].get_texts()}


def test_very_long_names_keep_what_tells_them_apart():
    names = [f"{'a very long name ' * 20}{k}" for k in range(3)]
    shown = [shown_name(name) for name in names]
    assert len(set(shown)) == 3
    assert max(len(line) for text in shown for line in text.split("\n")) <= 32
    assert max(len(text) for text in shown) < 100


def test_characters_that_no_font_has_are_said(tmp_path, target, caplog, monkeypatch):
    codes, labels, dimensions = target
    monkeypatch.setattr(
        fontManager, "ttflist", [f for f in fontManager.ttflist if "DejaVu" in f.name]
    )
    with figure(5, 4) as canvas:
        draw_scatter(canvas, codes, np.where(labels == "blast", "培养", labels), dimensions, (0, 2))
        save(canvas, {kind: str(tmp_path / f"f.{kind}") for kind in ("svg", "png")})
    assert "no installed font has the characters 养培" in caplog.text
    assert ">培养<" in (tmp_path / "f.svg").read_text()


def test_characters_are_taken_from_a_font_that_has_them(tmp_path, target, caplog):
    codes, labels, dimensions = target
    letter = "\u1d15"  # not in DejaVu Sans, but in DejaVu Serif, which matplotlib brings along
    with figure(5, 4) as canvas:
        draw_scatter(canvas, codes, np.where(labels == "blast", letter, labels), dimensions, (0, 2))
        save(canvas, {"png": str(tmp_path / "f.png")})
        (entry,) = (e for e in canvas.legends[0].get_texts() if e.get_text() == letter)
    (family,) = entry.get_fontfamily()[1:]
    assert ord(letter) in FT2Font(fontManager.findfont(family)).get_charmap()
    assert "no installed font" not in caplog.text


def test_pictures_have_a_font_with_the_characters_of_their_names(caplog, monkeypatch):
    assert picture_font(["Körper µ 90°", "клетка"], 10).getname()[0] == "DejaVu Sans"
    assert picture_font(["\u1d15"], 10).getname()[0] != "DejaVu Sans"  # the letter of above
    assert not caplog.text
    monkeypatch.setattr(fontManager, "ttflist", [])
    assert picture_font(["a培", "养"], 10).getname()[0] == "DejaVu Sans"
    assert "boxes stand for 养培; install one" in caplog.text


def test_numbers_under_narrow_panels_are_few():
    codes = np.linspace(0, 1, 101)[:, None] * [8.5, 10.0, 5.0, 1.1] - [4.35, 4.9, 1.2, 0.4]
    with figure(7, 3) as canvas:
        draw_distributions(canvas, codes, np.repeat(["a", "b"], [50, 51]), ["z0", "z1", "z2", "z3"])
        for axes in canvas.axes:
            low, high = axes.get_xlim()
            assert 1 < sum(low <= tick <= high for tick in axes.get_xticks()) < 4


def test_a_heat_map_shows_its_numbers_and_leaves_gaps_blank():
    with figure(3, 3) as canvas:
        axes = canvas.subplots()
        values = np.array([[0.5, np.nan], [-0.25, 1.0], [-0.004, -1.0]])
        draw_heatmap(axes, values, ["a", "b", "e"], ["c", "d"], signed=True)
        shown = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert shown == {
        **{(0, 0): ".50", (0, 1): "-.25", (1, 1): "1.00"},
        **{(0, 2): ".00", (1, 2): "-1.00"},
    }


def correlations(rows, stage="finetuned"):
    """Rows of the long table from (dimension, feature, mean r, mean |r|, share significant)."""
    names = ["dimension", "feature", "mean", "mean_abs", "significant"]
    long = pd.DataFrame(rows, columns=names).assign(stage=stage)
    features = long["feature"].map(FEATURES)
    directional = [feature.period is not None for feature in features]
    long = long.assign(group=[feature.group for feature in features], directional=directional)
    return long.assign(recipe="beta1", representation="latents")


SPRITES = (
    Factor(name="Texture", values=5, counterparts=("entropy", "lbp_flat")),
    Factor(name="Color", values=7, counterparts=("value", "mean_red")),
)


def drawn_correlations(long, factors=SPRITES):
    """Return per panel its title, row and column names, and (row, column) → text."""
    with figure(*correlation_size(long)) as canvas:
        draw_correlations(canvas, long, factors)
        panels = [axes for axes in canvas.axes if axes.get_title()]
        rows = [label.get_text() for label in panels[0].get_yticklabels()]
        for axes in panels:
            columns = [label.get_text() for label in axes.get_xticklabels()]
            texts = {
                (rows[int(row)], columns[int(column)]): text
                for text in axes.texts
                for column, row in [text.get_position()]
            }
            yield axes, rows, columns, texts


def test_correlations_that_cancel_over_models_are_shown_by_their_size_and_without_a_sign():
    rows = [("z0", "mean_red", -0.09, 0.52, 0.83), ("z0", "value", -0.3, 0.4, 1.0)]
    rows += [("z0", "hue", 0.7, 0.7, 0.5), ("z0", "saturation", 0.001, 0.001, 0.0)]
    ((axes, names, _, texts),) = drawn_correlations(correlations(rows))
    assert {name: texts[name, "z0"].get_text() for name in names} == {
        **{"mean_red": ".52", "value": "-.40"},
        **{"hue": ".70", "saturation": ".00"},
    }
    bold = {name for name in names if texts[name, "z0"].get_fontweight() == "bold"}
    assert bold == {"mean_red", "value"}
    grey = {names[row] for row in np.flatnonzero(~np.ma.getmaskarray(axes.images[1].get_array()))}
    assert grey == {"mean_red", "hue"}  # opposed models, and a direction


def test_features_are_grouped_by_factor_and_the_strongest_comes_first_in_every_stage():
    rows = [("Texture", "area", 0.2, 0.2, 0), ("Texture", "value", 0.1, 0.1, 0)]
    rows += [("Texture", "mean_red", 0.2, 0.2, 0), ("Texture", "entropy", 0.1, 0.1, 0)]
    rows += [("Color", "area", 0.3, 0.3, 0), ("Color", "value", -0.8, 0.8, 0)]
    rows += [("Color", "mean_red", 0.1, 0.1, 0), ("Color", "entropy", 0.2, 0.2, 0)]
    weaker = [(*names, 0.1 * mean, 0.1 * size, 0) for *names, mean, size, _ in rows]
    both = pd.concat([correlations(rows), correlations(weaker, "transferred")])
    first, second = drawn_correlations(both)
    assert [panel[0].get_title() for panel in (first, second)] == ["transferred", "fine-tuned"]
    for axes, names, columns, texts in (first, second):
        assert names == ["entropy", "value", "mean_red", "area"]
        assert columns == ["Texture", "Color"]
        assert len(texts) == 8
        framed = {patch.get_bbox().bounds for patch in axes.patches}
        assert framed == {(-0.5, -0.5, 1, 1), (0.5, 0.5, 1, 2)}
    assert first[3]["value", "Color"].get_text() == "-.08"
    assert second[3]["value", "Color"].get_text() == "-.80"


def test_a_dimension_is_framed_where_the_counterparts_of_its_factor_lie():
    rows = [("size", name, 0.2, 0.2, 0) for name in ("area", "value", "entropy", "extent")]
    factor = Factor(name="size", values=3, counterparts=("area", "extent"))
    ((axes, names, _, _),) = drawn_correlations(correlations(rows), [factor])
    # Its own groups come first, then the others in the order of the features.
    assert names == ["area", "extent", "value", "entropy"]
    framed = {patch.get_bbox().bounds for patch in axes.patches}
    assert framed == {(-0.5, -0.5, 1, 1), (-0.5, 0.5, 1, 1)}


def test_each_recipe_has_a_row_of_heat_maps_with_its_own_dimensions():
    first = correlations([("Texture", "area", 0.2, 0.2, 0), ("Color", "area", 0.3, 0.3, 0)])
    other = correlations([("size", "area", 0.4, 0.4, 0)]).assign(recipe="blobs")
    plain = correlations([("z0", "area", 0.5, 0.5, 0)], "baseline").assign(recipe="")
    both = pd.concat([first, first.assign(stage="transferred"), other])
    both = pd.concat([both, plain.assign(representation="PCA")])
    panels = [
        (axes.get_title(), columns, [text.get_text() for text in texts.values()])
        for axes, _, columns, texts in drawn_correlations(both)
    ]
    assert panels == [
        ("transferred, beta1", ["Texture", "Color"], [".20", ".30"]),
        ("fine-tuned, beta1", ["Texture", "Color"], [".20", ".30"]),
        ("fine-tuned, blobs", ["size"], [".40"]),
        ("PCA", ["z0"], [".50"]),
    ]


def test_lines_are_told_apart_by_what_differs():
    table = pd.DataFrame(
        {
            "recipe": ["a", "a", "b", ""],
            "representation": ["latents", "named", "latents", "PCA"],
        }
    )
    assert list(kinds_of(table)) == ["a, latents", "a, named", "b, latents", "PCA"]
    assert list(kinds_of(table[table["recipe"] != "b"])) == ["latents", "named", "PCA"]
    assert list(kinds_of(table.iloc[[0, 3]])) == ["", "PCA"]


def test_the_colours_of_correlations_have_a_scale():
    long = correlations([("z0", "area", 0.2, 0.2, 0)])
    with figure(*correlation_size(long)) as canvas:
        draw_correlations(canvas, long, SPRITES)
        bars = {axes.get_ylabel(): axes.get_ylim() for axes in canvas.axes if axes.get_ylabel()}
    assert bars == {
        "mean |r| with the common sign": (-1, 1),
        "mean |r| without a common sign": (0, 1),
    }


def test_a_target_without_measured_objects_has_an_empty_heat_map():
    ((_, _, _, texts),) = drawn_correlations(correlations([("z0", "area", *[np.nan] * 3)]))
    assert texts == {}


def test_a_held_out_class_is_compared_with_what_it_is_mostly_taken_for():
    rows = [("gbt", "oak", "share", "", 0.7), ("gbt", "elm", "share", "", 0.3)]
    rows += [("mlp", "elm", "share", "", 0.9)]
    rows += [("gbt", label, "distance", z, 1.5) for label in ("oak", "elm") for z in ("z0", "z1")]
    names = ["probe", "mistaken_for", "score", "dimension", "mean"]
    long = pd.DataFrame(rows, columns=names).assign(held_out="ash", sd=np.nan)
    chosen = mistakes(long.assign(recipe="beta1", representation="latents"))
    assert set(chosen["mistaken_for"]) == {"oak"}
    assert list(chosen["dimension"]) == ["z0", "z1"]
    with figure(*open_set_size(chosen)) as canvas:
        draw_open_set(canvas, chosen)
        (axes,) = canvas.axes
        assert axes.get_title() == "ash, taken for oak (70 %)"
        assert [bar.get_height() for bar in axes.patches] == [1.5, 1.5]


def test_scores_by_size_are_drawn_where_they_are_known():
    scores = pd.DataFrame(
        {"rows": [100, 800, 800], "score": ["mig", "mig", "irs"], "value": [0.3, 0.2, 0.5]}
    ).assign(floor=0.1, ceiling=0.9)
    with figure(4, 2) as canvas:
        draw_by_size(canvas, scores, {"mig": "MIG", "irs": "IRS"})
        lines = [axes.get_lines()[1].get_xydata().tolist() for axes in canvas.axes]
        assert canvas.axes[0].get_xlim() == canvas.axes[1].get_xlim()
        # One point makes no line, so it needs a mark.
        assert all(line.get_marker() != "None" for line in canvas.axes[1].get_lines())
    assert lines == [[[100, 0.3], [800, 0.2]], [[800, 0.5]]]


def test_strips_show_the_image_of_each_place():
    table = pd.DataFrame({"image_id": ["a", "b", "c"]})
    images = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((2, 2, 3), np.uint8)
    strips = pd.DataFrame(
        {"dimension": [0, 0, 1, 1], "step": [0, 1, 0, 1], "image_id": ["c", "a", "b", "b"]}
    )
    shown = strip_images(strips, table, images)
    np.testing.assert_array_equal(shown[:, :, 0, 0, 0], [[2, 0], [1, 1]])
    decoded = 100 + np.arange(4, dtype=np.uint8).reshape(2, 2, 1, 1, 1) + np.zeros_like(images[0])
    drawn = strip_images(strips.assign(decoded=as_png(decoded)), table, images)
    np.testing.assert_array_equal(drawn, decoded)
    with figure(3, 3) as canvas:
        draw_traversal(canvas, shown, ["z0 Texture", "z1"], np.zeros((2, 2)))
        labels = [axes.get_ylabel() for axes in canvas.axes]
    assert labels == ["z0\nTexture", "z1\n(no effect)"]


def test_a_short_row_of_images_shows_them_as_large_as_a_full_one():
    images = [np.zeros((4, 4, 3), np.uint8)] * 2
    with figure(4, 2) as canvas:
        for axes, row in zip(canvas.subplots(2), (images, images * 4), strict=True):
            show_images(axes, row, room=8)
        short, full = canvas.axes
        assert len(short.images) == 2
        assert short.get_xlim() == full.get_xlim()
        assert short.images[0].get_extent() == full.images[0].get_extent()


def test_before_and_after_stand_at_their_means():
    rows = [
        ("cells", "", "transferred", 0.2),
        ("cells", "cells", "finetuned", 0.4),
        ("cells", "other", "finetuned", 0.9),
        ("cells", "", "code: perfect", 1.0),
    ]
    long = pd.DataFrame(rows, columns=["measured_on", "tuned_on", "stage", "mean"])
    long = long.assign(recipe="beta1", representation="latents")
    long = long.assign(input="b", score="mig", sd=0.1, floor=0.0, ceiling=1.0, factors="known")
    other = long.assign(score="udr_lasso", factors="none", tuned_on="elsewhere")
    long = pd.concat([long, other])
    shown = {"mig": "MIG"}
    assert before_after_size(long, shown) == pytest.approx((7.0, 2 * 0.4 + 0.9))
    with figure(4, 2) as canvas:
        draw_before_after(canvas, long, shown)
        (axes,) = canvas.axes
        marks = [bar.lines[0].get_xydata()[0].tolist() for bar in axes.containers]
    assert marks == [[0.2, 0.15], [0.4, -0.15], [0.2, -0.85], [0.9, -1.15]]


def test_each_recipe_has_a_line_of_its_own():
    rows = [("transferred", "a", 0.2), ("finetuned", "a", 0.4), ("transferred", "b", 0.6)]
    rows += [("finetuned", "b", 0.8)]
    long = pd.DataFrame(rows, columns=["stage", "recipe", "mean"])
    long = long.assign(tuned_on=["", "cells"] * 2, measured_on="cells", factors="known")
    long = long.assign(input="i", representation="latents", score="mig", sd=np.nan)
    long = long.assign(floor=0.0, ceiling=1.0)
    with figure(4, 2) as canvas:
        draw_before_after(canvas, long, {"mig": "MIG"})
        (axes,) = canvas.axes
        marks = [float(bar.lines[0].get_xydata()[0][0]) for bar in axes.containers]
        names = [label.get_text() for label in axes.get_yticklabels()]
    assert marks == [0.2, 0.4, 0.6, 0.8]
    assert names == ["cells, i, a\n→ cells", "cells, i, b\n→ cells"]


def test_models_that_are_never_tuned_have_a_line_too():
    rows = [("transferred", "free", "", 0.2), ("finetuned", "free", "cells", 0.4)]
    rows += [("transferred", "named", "", 0.6), ("code: perfect", "", "", 1.0)]
    long = pd.DataFrame(rows, columns=["stage", "recipe", "tuned_on", "mean"])
    long = long.assign(measured_on="cells", factors="known", input="i", representation="latents")
    long = long.assign(score="mig", sd=np.nan, floor=0.0, ceiling=1.0)
    with figure(4, 2) as canvas:
        draw_before_after(canvas, long, {"mig": "MIG"})
        (axes,) = canvas.axes
        marks = {bar.get_label(): bar.lines[0].get_xydata()[0].tolist() for bar in axes.containers}
        names = [label.get_text() for label in axes.get_yticklabels()]
        (legend,) = canvas.legends
        said = [text.get_text() for text in legend.get_texts()]
    assert names == ["cells, i, free\n→ cells", "cells, i, named"]
    assert marks["without fine-tuning"] == [0.6, -1.0]
    assert marks["after fine-tuning"] == [0.4, -0.15]
    assert said == ["floor to ceiling", *marks]


def test_images_without_classes_are_one_group():
    table = pd.DataFrame({"image_id": list("abc")})
    assert list(class_labels(table)) == ["no class"] * 3
    assert list(class_labels(table.assign(label=["x", None, "y"]))) == ["x", "no class", "y"]
    codes = np.array([[0, 0, 1], [0, 1, 9], [0, 2, 5]], np.float32)
    # By variance, because there is nothing to tell apart.
    assert most_separating(codes, class_labels(table), 3) == [2, 1, 0]


# Samples ----------------------------------------------------------------------------------


def test_samples_are_of_their_class_and_never_twice():
    rows = sample_rows(pd.DataFrame({"label": ["b"] * 20 + ["a"] * 3}), {}, seed=0)
    assert list(rows) == ["a", "b"]
    assert rows["a"] == [20, 21, 22]
    assert len(set(rows["b"])) == PER_ROW
    assert max(rows["b"]) < 20


def test_without_classes_samples_are_of_the_values_of_the_first_factor_in_their_order():
    size = Factor(name="size", limits=(0.0, 1.0))
    texture = Factor(name="Texture", values=12, nominal=True)
    table = pd.DataFrame({"factor_Texture": [10, 2, 2, 10], "factor_size": [0.1, 0.2, 0.3, 0.4]})
    info = {"factors": [size.to_json(), texture.to_json()]}
    rows = sample_rows(table.assign(label=None), info, seed=0)
    assert rows == {"Texture 2": [1, 2], "Texture 10": [0, 3]}


def test_without_classes_and_factors_samples_are_some_of_all_images():
    table = pd.DataFrame({"image_id": range(50)})
    rows = sample_rows(table, {"factors": []}, seed=0)
    assert list(rows) == [""]
    assert len(set(rows[""])) == 4 * PER_ROW
    images = np.zeros((50, 4, 4, 3), np.uint8)
    drawing = samples(Given(image_table=table, open_images=lambda size: images))
    with figure(drawing.width, drawing.height) as canvas:
        drawing.draw(canvas)
        assert [len(axes.images) for axes in canvas.axes] == 4 * [PER_ROW]


def labels_of(drawing):
    with figure(drawing.width, drawing.height) as canvas:
        drawing.draw(canvas)
        bars = [axes.get_ylabel() for axes in canvas.axes if axes.get_ylabel()]
        legends = [text.get_text() for legend in canvas.legends for text in legend.get_texts()]
    return bars, legends


@pytest.mark.parametrize(("cells", "shown"), [([4, 4, 4], ["z0"]), ([4, 5, 4], ["cells", "z0"])])
def test_the_number_of_cells_is_drawn_where_wells_differ_in_it(cells, shown):
    wells = pd.DataFrame({"plate": "p", "well": ["A01", "A02", "B01"], "cells": cells})
    about = wells.assign(batch="b", compound="c", concentration=1.0, moa="m", control=False)
    table = metadata(about.assign(treatment="c@1")).assign(z0=[0.0, 1.0, 2.0])
    assert labels_of(plates(Given(wells=table)))[0] == shown


def test_doses_are_those_of_measured_properties_only_where_no_dimension_bears_a_name():
    line = {"target": "cells", "recipe": "", "stage": "baseline", "compound": "c", "moa": "m"}
    line |= {"part": "", "mean": 1.0, "low": 0.0, "high": 2.0, "concentration": 1.0}
    measured = line | {"input": "images", "factor": "area", "verdict": "measured"}
    named = line | {"input": "vit", "factor": "Size", "verdict": "holds", "recipe": "named"}
    place = {"dataset": "cells", "backbone": "vit"}
    for rows, shown in (([measured], ["area"]), ([named, measured], ["Size"])):
        given = Given(place=place, tables={"effects": pd.DataFrame(rows)})
        assert labels_of(dose_response(given))[1] == shown
