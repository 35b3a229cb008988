"""Figures say what the data say: their text and their marks are read back."""

import numpy as np
import pandas as pd
import pytest

from fovscope.dimensions import dimension_names
from fovscope.figures.correlation import correlation_size, draw_correlations
from fovscope.figures.disentanglement import before_after_size, draw_before_after
from fovscope.figures.heatmap import draw_heatmap
from fovscope.figures.latents import (
    draw_distributions,
    draw_pairs,
    draw_scatter,
    most_separating,
)
from fovscope.figures.open_set import draw_open_set, mistakes, open_set_size
from fovscope.figures.sizes import draw_by_size
from fovscope.figures.style import class_styles, figure, save
from fovscope.figures.traversal import draw_traversal, strip_images
from fovscope.interpret.traversal import as_png


@pytest.fixture
def target():
    rng = np.random.default_rng(0)
    labels = np.repeat(["blast", "spindle", "other one"], 30)
    codes = rng.standard_normal((90, 4)).astype(np.float32)
    codes[:, 2] += 3 * np.repeat([0, 1, 2], 30)
    codes[:, 3] = 1
    return codes, labels, dimension_names(4, named=True)


def test_dimensions_are_named_after_what_they_were_bound_to():
    assert dimension_names(9, named=True)[3:] == [
        *("z3 Scale", "z4 Orientation", "z5 PosX", "z6 PosY", "z7", "z8")
    ]
    assert dimension_names(2, named=False) == ["z0", "z1"]


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


def test_a_heat_map_shows_its_numbers_and_leaves_gaps_blank():
    with figure(3, 3) as canvas:
        axes = canvas.subplots()
        values = np.array([[0.5, np.nan], [-0.25, 1.0]])
        draw_heatmap(axes, values, ["a", "b"], ["c", "d"], signed=True)
        shown = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert shown == {(0, 0): ".50", (0, 1): "-.25", (1, 1): "1.00"}


def test_correlations_keep_their_order_and_their_signs():
    rows = [("z1", "hue", -0.4, 1.0), ("z1", "area", 0.1, 0.0)]
    rows += [("z0", "hue", 0.9, 0.6), ("z0", "area", 0.2, 0.5)]
    long = pd.DataFrame(rows, columns=["dimension", "feature", "mean", "significant"])
    with figure(*correlation_size(long)) as canvas:
        draw_correlations(canvas, long)
        (axes,) = canvas.axes
        assert [label.get_text() for label in axes.get_yticklabels()] == ["z1", "z0"]
        assert [label.get_text() for label in axes.get_xticklabels()] == ["hue", "area"]
        bold = {text.get_text() for text in axes.texts if text.get_fontweight() == "bold"}
    assert bold == {"-.40", ".90"}


def test_a_held_out_class_is_compared_with_what_it_is_mostly_taken_for():
    rows = [("gbt", "oak", "share", "", 0.7), ("gbt", "elm", "share", "", 0.3)]
    rows += [("mlp", "elm", "share", "", 0.9)]
    rows += [("gbt", label, "distance", z, 1.5) for label in ("oak", "elm") for z in ("z0", "z1")]
    names = ["probe", "mistaken_for", "score", "dimension", "mean"]
    chosen = mistakes(pd.DataFrame(rows, columns=names).assign(held_out="ash", sd=np.nan))
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
        labels = [axes.get_ylabel() for axes in canvas.axes[::2]]
    assert labels == ["z0\nTexture", "z1\n(no effect)"]


def test_before_and_after_stand_at_their_means():
    rows = [
        ("cells", "", "transferred", 0.2),
        ("cells", "cells", "finetuned", 0.4),
        ("cells", "other", "finetuned", 0.9),
        ("cells", "", "code: perfect", 1.0),
    ]
    long = pd.DataFrame(rows, columns=["measured_on", "tuned_on", "stage", "mean"])
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
