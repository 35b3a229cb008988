"""What every table keeps, of a study with one family of recipes and of one with several."""

import pandas as pd
import pytest
from contracts import CATALOGUE

from fovscope.tables.base import RECIPE
from fovscope.tables.render import caption_of, read_markdown, write_views

ENTRIES = CATALOGUE["table"]
NUMBERS = {"mean", "sd", "n", "low", "high", "p", "p_holm", "variant", "fovscope"}

pytestmark = pytest.mark.parametrize("name", ENTRIES)


@pytest.fixture
def made(name, study):
    return study.views(ENTRIES[name]), study.allowed(ENTRIES[name])


def test_long_tables_have_one_row_per_key_and_say_where_they_come_from(made):
    long = made[0].long
    assert len(long)
    assert {"input", *RECIPE, "variant", "fovscope"} <= set(long)
    assert set(long["variant"]) == {"default"}
    assert set(long["fovscope"]) == {"0.1"}
    keys = [
        column
        for column in long
        if not (pd.api.types.is_numeric_dtype(long[column]) or column in NUMBERS)
    ]
    assert not long.duplicated(keys).any()


ABOUT_DATA = {"interventions"}
"""Tables of which no row is about a model."""


def test_families_are_pooled_and_rows_without_a_model_have_no_recipe(made, name):
    long, facts = made[0].long, made[1]
    families = {recipe["family"] for recipe in facts["recipes"].values()}
    expected = set() if name in ABOUT_DATA else families
    assert expected <= set(long["recipe"]) <= expected | {""}
    without = long[long["recipe"] == ""]
    assert (without[list(RECIPE)] == "").all().all()


def test_views_are_text_without_holes_and_show_how_models_differ(made, name):
    views, facts = made
    families = [tuple(recipe[key] for key in RECIPE[1:]) for recipe in facts["recipes"].values()]
    for view in (views.view, *(views.blocks or {}).values()):
        assert len(view)
        assert not view.isna().any().any()
        assert not view.map(lambda cell: str(cell).strip() in ("nan", "None", "NaN")).any().any()
        shown = [column for column in view if column in RECIPE]
        several = len(set(families)) > 1 and name not in ABOUT_DATA
        assert shown == (["recipe", "source", "supervision"] if several else [])
        if several:
            columns = list(view)
            assert columns[columns.index("input") + 1] == "recipe"


def test_captions_name_the_variant_and_files_come_back(made, name, tmp_path):
    views, facts = made
    caption = caption_of(ENTRIES[name], facts)
    assert caption.endswith("Variant: default.")
    assert "{" not in caption
    paths = {kind: str(tmp_path / f"t.{kind}") for kind in ("parquet", "csv", "md", "tex")}
    write_views(views.long, views.view, caption, paths, blocks=views.blocks)
    pd.testing.assert_frame_equal(pd.read_parquet(paths["parquet"]), views.long, check_dtype=False)
    read, tables = read_markdown((tmp_path / "t.md").read_text())
    assert read == caption
    assert {title: table.shape for title, table in tables.items()} == {
        title: block.shape for title, block in (views.blocks or {"": views.view}).items()
    }


def test_declarations_are_complete(name):
    entry = ENTRIES[name]
    assert set(entry.declared) <= {"kinds", "facts", "section", "order", "caption"}
    assert {"kinds", "section", "order", "caption"} <= set(entry.declared)
    assert entry.description.endswith(".")
