"""Recipes along β, latent size and variant, and what follows from them in one study."""

from pathlib import Path

import pytest

from fovscope.study.axes import expanded
from fovscope.study.config import load_study, recipe_section
from fovscope.study.expansion import Expansion
from fovscope.study.section import ConfigError

SCRIPTS = Path(__file__).parents[2] / "scripts"
BOTH = {"usual": {"variant": ["default", "paper"]}}


def test_a_list_in_the_place_of_a_value_is_a_recipe_for_each_combination():
    found = expanded({"usual": {"beta": [1, 0.5], "model": {"latent_dim": [5, 20], "width": 8}}})
    assert list(found) == [
        *("usual-beta1-d5", "usual-beta1-d20", "usual-beta0.5-d5", "usual-beta0.5-d20"),
    ]
    assert found["usual-beta0.5-d20"] == {"beta": 0.5, "model": {"latent_dim": 20, "width": 8}}
    assert expanded({"plain": {"factors": ["a", "b"]}}) == {"plain": {"factors": ["a", "b"]}}
    assert list(expanded(BOTH)) == ["usual-default", "usual-paper"]


def test_under_the_name_of_its_axis_a_recipe_is_called_as_in_the_short_form():
    study = load_study({"recipes": {"beta": {"beta": [1, 2]}}})
    assert list(study.recipes) == list(load_study({"betas": [1, 2]}).recipes)
    assert list(expanded({"beta": {"beta": [1], "variant": ["paper"]}})) == ["beta1-paper"]
    assert list(expanded({"b": {"beta": [1]}})) == ["b-beta1"]


@pytest.mark.parametrize(
    ("recipes", "what"),
    [
        ({"a": {"beta": []}}, "recipes.a: beta: is an empty list"),
        ({"a": {"beta": [1, 1.0]}}, "recipes.a: beta: lists a value twice"),
        ({"a": {"beta": [1.0000001]}}, "recipes.a: beta: 1.0000001 becomes part of file names"),
        ({"a": {"beta": [1]}, "a-beta1": {}}, "recipes: 'a-beta1' is there twice"),
        ({"a": {"beta": ["x/y"]}}, "becomes part of file names"),
        ({"a": {"model": {"latent_dim": [10, 0]}}}, "recipes.a-d0.model.latent_dim"),
        ({"a": {"variant": ["paper", "mine"]}}, "recipes.a-mine.variant"),
    ],
)
def test_a_mistake_on_an_axis_is_named(recipes, what):
    with pytest.raises(ConfigError, match="the configuration has mistakes") as caught:
        load_study({"recipes": recipes})
    assert what in str(caught.value)


def test_both_variants_stand_in_one_study_each_with_its_values():
    for variant in ("default", "paper"):
        study = load_study({"variant": variant, "model": {"output": "linear"}, "recipes": BOTH})
        ours, paper = (recipe_section(study, name, "model") for name in study.recipes)
        assert (ours.scaling, paper.scaling) == ("standardise", "range")
        assert (ours.likelihood_units, paper.likelihood_units) == ("raw", "scaled")
        # What is written wins over both.
        assert (ours.output, paper.output) == ("linear", "linear")
        assert study.features.normalise == {"default": "weights", "paper": "none"}[variant]
        assert load_study(study.model_dump(mode="json")) == study


def test_a_recipe_of_the_other_variant_is_that_of_a_study_of_it():
    recipes = {"plus": {"source": "target", "objective": "vae_plus"}}
    of_paper = {"plus": recipes["plus"] | {"variant": "paper"}}
    mixed, paper = (
        load_study({"recipes": of_paper}),
        load_study({"variant": "paper", "recipes": recipes}),
    )
    assert mixed.recipes["plus"].options == paper.recipes["plus"].options
    for section in ("model", "target_training"):
        assert recipe_section(mixed, "plus", section) == recipe_section(paper, "plus", section)


def test_what_a_recipe_of_the_other_variant_sets_itself_stays():
    recipe = {"variant": "paper", "model": {"scaling": "standardise"}}
    study = load_study({"recipes": {"mine": recipe}})
    assert recipe_section(study, "mine", "model").scaling == "standardise"
    assert recipe_section(study, "mine", "model").likelihood_sd == pytest.approx(0.0255, abs=1e-4)


def test_baselines_have_each_size_that_models_have():
    sizes = {"usual": {"model": {"latent_dim": [8, 20]}}}
    study = load_study({"recipes": sizes})
    names = [name for name in study.representations if name.startswith(("pca", "random"))]
    assert names == ["pca-8", "pca-20", "random-8", "random-20"]
    assert study.representations["pca-20"].options["dimensions"] == 20
    # One size needs no name, be it that of the study or not.
    alone = load_study({"recipes": {"usual": {"model": {"latent_dim": 20}}}})
    assert alone.representations["pca"].options["dimensions"] == 20
    own = {"pca-8": {"representation": "pca", "dimensions": 9}}
    with pytest.raises(ConfigError, match="'pca-8' is what 'pca' is called"):
        load_study({"recipes": sizes, "representations": own})


def test_only_models_that_differ_in_beta_alone_are_pooled():
    recipes = {"usual": {"beta": [1, 2], "model": {"latent_dim": [8, 20]}}, "both": BOTH["usual"]}
    facts = Expansion(load_study({"recipes": recipes}), SCRIPTS).facts()
    assert {name: recipe["family"] for name, recipe in facts["recipes"].items()} == {
        "usual-beta1-d8": "usual-beta1-d8, usual-beta2-d8",
        "usual-beta2-d8": "usual-beta1-d8, usual-beta2-d8",
        "usual-beta1-d20": "usual-beta1-d20, usual-beta2-d20",
        "usual-beta2-d20": "usual-beta1-d20, usual-beta2-d20",
        "both-default": "both-default",
        "both-paper": "both-paper",
    }
    assert facts["recipes"]["both-paper"]["variant"] == "paper"
    assert facts["labels"]["pca-20"] == "PCA-20 of Φ"
