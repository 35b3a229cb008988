"""What every figure keeps: it is drawn from what it asks for, and from nothing else."""

import numpy as np
import pandas as pd
import pytest
from contracts import CATALOGUE

from fovscope.dimensions import dimension_names
from fovscope.factors import Factor, bind
from fovscope.figures import sizes
from fovscope.figures.given import Given
from fovscope.figures.style import PAGE, figure, save
from fovscope.generators.screen import Screen
from fovscope.interpret.reconstruction import decoded_table
from fovscope.interpret.traversal import as_png
from fovscope.profiles.export import metadata
from fovscope.profiles.wells import pool_wells
from fovscope.study.profiles import Profiling

ENTRIES = CATALOGUE["figure"]
SCOPES = {
    "study": (),
    "dataset": ("dataset",),
    "input": ("dataset", "backbone"),
    "model": ("dataset", "backbone", "recipe", "seed"),
}
DATASETS = {"datasets", "targets", "sources", "with_factors", "open_set", "profiled"}
PLACE = {"dataset": "cells", "backbone": "lite0", "recipe": "beta1", "seed": "0"}
PLAIN_NEEDS = {"images", "representation", "strips", "moves", "wells", "decoded"}
IMAGES, DIMS = 60, 8
BOUND = bind([Factor(name="Texture", values=5), Factor(name="Hue", period=360.0)], angles=True)

pytestmark = pytest.mark.parametrize("name", ENTRIES)


@pytest.fixture
def given(name, study, monkeypatch):
    """What the figure asks for."""
    entry, rng = ENTRIES[name], np.random.default_rng(0)
    needs, made = entry.declared["needs"], {}
    for table in (need.removeprefix("table:") for need in needs if need.startswith("table:")):
        long = study.views(CATALOGUE["table"][table]).long
        made.setdefault("tables", {})[table] = long
    ids = [f"i{k}" for k in range(IMAGES)]
    if {"images", "representation"} & set(needs):
        labels = rng.choice(["blast", "spindle", "other one"], IMAGES)
        made["image_table"] = pd.DataFrame({"image_id": ids, "label": labels, "role": "image"})
        made["info"] = {"factors": []}
    if "images" in needs:
        pixels = rng.integers(0, 256, (IMAGES, 8, 8, 3), np.uint8)
        made["open_images"] = lambda size: pixels
    if "representation" in needs:
        made["values"] = rng.standard_normal((IMAGES, DIMS)).astype(np.float32)
    if "strips" in needs:
        dimension, step = np.indices((DIMS, 5)).reshape(2, -1)
        strips = pd.DataFrame({"dimension": dimension, "step": step, "value": 1.0 * step})
        made["strips"] = strips.assign(image_id=rng.choice(ids, len(strips)))
    if "moves" in needs:
        scores = [f"moves[z{k},{factor}]" for k in range(DIMS) for factor in ("Texture", "Scale")]
        made["moves"] = pd.DataFrame({"score": scores, "value": rng.uniform(0, 2, len(scores))})
    if "wells" in needs:
        about, values = Screen(replicates=1).wells_of(0)
        pooled = pool_wells(about, values)
        numbers = pd.DataFrame(pooled.values, columns=dimension_names(values.shape[1], BOUND))
        made["wells"] = pd.concat([metadata(pooled.about), numbers], axis=1)
    if "decoded" in needs:
        png = as_png(rng.integers(0, 256, (3, 8, 8, 2), np.uint8))
        tables = [decoded_table({"images": png, "samples": png}, name) for name in ("a", "b")]
        made["decoded"] = pd.concat(tables)
    by_size = pd.DataFrame({"rows": [100, 800], "score": "mig", "value": [0.3, 0.2]})
    by_size = by_size.assign(floor=0.1, ceiling=0.9)
    monkeypatch.setattr(sizes, "scores_by_size", lambda *_, **__: by_size)
    factors = [factor for source in study.facts["factors"].values() for factor in source]
    return Given(
        place={key: PLACE[key] for key in SCOPES[entry.declared["scope"]]},
        dimensions=dimension_names(DIMS, BOUND),
        options={"factors": factors, "metrics": {}, "profiles": Profiling().model_dump()},
        **made,
    )


def test_every_figure_is_drawn_from_what_it_asks_for(given, name, tmp_path):
    drawing = ENTRIES[name].load()(given)
    assert 0 < drawing.width <= 2 * PAGE
    assert drawing.height > 0
    with figure(drawing.width, drawing.height) as canvas:
        drawing.draw(canvas)
        save(canvas, {kind: str(tmp_path / f"f.{kind}") for kind in ("svg", "png")})
        assert canvas.axes
        assert all(axes.has_data() or not axes.get_title() for axes in canvas.axes)
    assert "<text" in (tmp_path / "f.svg").read_text()


def test_declarations_are_complete(name):
    declared = ENTRIES[name].declared
    assert declared.keys() - {"facts"} == {"scope", "of", "needs", "section", "order", "caption"}
    assert set(declared.get("facts", ())) <= {"factors", "metrics", "profiles"}
    assert declared["scope"] in SCOPES
    assert declared["of"] in DATASETS
    tables = {f"table:{table}" for table in CATALOGUE["table"]}
    assert set(declared["needs"]) <= PLAIN_NEEDS | tables
    assert declared["caption"].endswith(".")
    assert ENTRIES[name].description.endswith(".")
