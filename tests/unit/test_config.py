import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from snakemake.utils import update_config

from fovscope.registry import Catalogue
from fovscope.study.config import Study, bound_factors, load_study, recipe_section
from fovscope.study.documents import json_schema, page_with_views, readme_with_options
from fovscope.study.expansion import Expansion
from fovscope.study.section import ConfigError

ROOT = Path(__file__).parents[2]
CONFIGS = [*sorted(ROOT.glob("config/*.yaml")), ROOT / "tests/integration/tiny.yaml"]
WIDE = ROOT / "config/wide.yaml"  # read after another one


def raw(path):
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_repository_is_valid_by_model_and_by_schema(path):
    study = raw(path)
    jsonschema.validate(study, json.loads(json_schema()))
    if path == WIDE:
        with pytest.raises(ConfigError, match="unknown source 'texture_dsprites'"):
            load_study(study)
        study = raw(ROOT / "config/paper.yaml")
        update_config(study, raw(path))  # as Snakemake does
    load_study(study)


def test_the_wide_study_has_all_of_the_published_one_and_pairs_that_differ_in_the_variant_alone():
    paper = raw(ROOT / "config/paper.yaml")
    narrow, wide = load_study(paper), copy.deepcopy(paper)
    update_config(wide, raw(WIDE))
    wide = load_study(wide)
    assert wide.results == narrow.results
    for name, recipe in narrow.recipes.items():
        assert wide.recipes[name] == recipe
    facts = Expansion(wide, ROOT / "scripts").facts()["recipes"]
    variants = {one["family"]: one["variant"] for one in facts.values()}
    assert variants == {
        "beta1, beta2": "default",
        "published-beta1, published-beta2": "paper",
        "sizes-beta1-d20, sizes-beta2-d20": "default",
        "named": "default",
    }
    alike = ("source", "objective", "supervision")
    ours, theirs = facts["beta1"], facts["published-beta1"]
    assert [ours[key] for key in alike] == [theirs[key] for key in alike]
    assert {"pca-10", "pca-20", "random-10", "random-20"} <= set(wide.representations)


def test_an_empty_config_learns_names_from_rendered_cells_and_from_interventions():
    study = load_study({})
    assert list(study.recipes) == ["named"]
    named = study.recipes["named"]
    assert (named.objective, named.tuning) == ("anchored", "none")
    assert named.source == ("rendered", "edited")
    assert study.sources["edited"].interventions == "each"


@pytest.mark.parametrize("raw", [{"variant": "paper"}, {"sources": {"texture_dsprites": {}}}])
def test_the_published_recipes_stand_where_nothing_is_edited(raw):
    study = load_study(raw)
    assert list(study.recipes) == ["beta1", "beta2"]
    assert study.recipes["beta2"].options == {"beta": 2.0}
    assert study.recipes["beta2"].source == ("texture_dsprites",)


def test_resolved_study_loads_to_itself():
    study = load_study(raw(ROOT / "config/config.yaml") | {"backbones": {"rgb": "pixels"}})
    assert load_study(study.model_dump(mode="json")) == study


CELL_VAE, EPOCHS = {"network": "cell_vae"}, {"epochs": 3}


@pytest.mark.parametrize(
    ("config", "where", "what"),
    [
        ({"modell": {}}, "config", "unknown key 'modell'; did you mean 'model'?"),
        ({"model": {"latent_dims": 9}}, "model", "did you mean 'latent_dim'?"),
        ({"targets": {"a": {"foldr": "x"}}}, "targets.a", "did you mean 'folder'?"),
        ({"backbones": {"a": {"modle": "x"}}}, "backbones.a", "did you mean 'model'?"),
        ({"targets": {"a": {"folder": "x", "table": "y"}}}, "targets.a", "exactly one of"),
        ({"targets": {"a": {}}}, "targets.a", "exactly one of"),
        ({"targets": {"a b": {"folder": "x"}}}, "config", "becomes part of file names"),
        ({"recipes": {"a/b": {}}}, "config", "becomes part of file names"),
        ({"targets": {"images": {"folder": "x"}}}, "config", "'images' stands for no backbone"),
        ({"targets": {"rendered": {"folder": "x"}}}, "config", "both a source and"),
        ({"targets": {}}, "targets", "at least 1 item"),
        ({"seeds": [1, 1]}, "seeds", "lists a value twice"),
        ({"seeds": [-1]}, "seeds", "must not be negative"),
        ({"seeds": 3}, "seeds", "should be a list (now: 3)"),
        ({"betas": [-1]}, "config", "betas: -1 is no weight"),
        ({"betas": ["a"]}, "config", "betas: 'a' is no weight"),
        ({"betas": [1], "recipes": {"beta1": {}}}, "config", "is there twice, or as the recipe"),
        ({"model": {"width": "wide"}}, "model.width", "valid integer"),
        ({"model": {"latent_dim": 5}}, "recipes.named", "latent_dim must be >= 7 (now: 5)"),
        ({"recipes": {"a": {"objektive": 1}}}, "recipes.a", "unknown key 'objektive'"),
        ({"recipes": {"a": {"objective": "beta_va"}}}, "recipes.a", "did you mean 'beta_vae'?"),
        ({"recipes": {"a": {"supervision": "lables"}}}, "recipes.a", "did you mean 'labels'?"),
        ({"recipes": {"a": {"source": "sprites"}}}, "recipes.a", "unknown source 'sprites'"),
        ({"recipes": {"a": {"beta": "much"}}}, "recipes.a.beta", "valid number"),
        ({"recipes": {"a": {"model": {"widht": 3}}}}, "recipes.a.model", "did you mean 'width'?"),
        (
            {"recipes": {"a": {"source_training": {"steps": 0}}}},
            "recipes.a.source_training.steps",
            "greater",
        ),
        ({"sources": {"dsprites": {}}}, "sources.dsprites", "did you mean 'texture_dsprites'?"),
        ({"sources": {"texture_dsprites": {"spirtes": 1}}}, "sources.texture_dsprites", "sprites"),
        (
            {"sources": {"texture_dsprites": {"changed_factors": 8}}},
            "sources.texture_dsprites",
            "changed_factors is 8, but texture_dsprites has 7 factors",
        ),
        ({"representations": ["latent"]}, "representations.latent", "did you mean 'latents'?"),
        ({"representations": ["pca", "pca"]}, "representations", "lists 'pca' twice"),
        ({"representations": {"pca": {"dims": 3}}}, "representations.pca", "dimensions"),
        ({"representations": {"t": {"representation": "file"}}}, "representations.t.file", "req"),
        ({"probes": {"svm": {}}}, "probes", "unknown probe 'svm'"),
        ({"probes": {"mlp": {"hiden": 3}}}, "probes.mlp", "did you mean 'hidden'?"),
        ({"metrics": {"migg": {}}}, "metrics", "did you mean 'mig'?"),
        ({"metrics": {"mig": {"bin": 3}}}, "metrics.mig", "did you mean 'bins'?"),
        ({"plugins": ["lab.py"]}, "plugins", "there is no file lab.py"),
        (
            {"backbones": {"rgb": {"model": "pixels", "weights": "w.pth", "pooling": "avg"}}},
            "backbones.rgb",
            "has no network; leave out weights, pooling",
        ),
        ({"backbones": {"rgb": {"model": "pixels", "size": 60}}}, "backbones.rgb", "multiple of 8"),
        (
            {"backbones": {"rgb": {"model": "pixels", "size": 32}}, "image_model": CELL_VAE},
            "backbones.rgb",
            "cell_vae, the image model of named, takes 36 pixels and more",
        ),
        ({"image_model": {"network": "vae"}}, "image_model.network", "'image_vae' or 'cell_vae'"),
        ({"recipes": {"a": {"source": "targets"}}}, "recipes.a", "did you mean 'target'?"),
        ({"recipes": {"target": {"source": "target"}}}, "config", "'target' stands for the train"),
        (
            {"recipes": {"a": {"source": "target", "supervision": "ada", "finetuning": EPOCHS}}},
            "recipes.a",
            "have no use for finetuning, supervision",
        ),
        (
            {"recipes": {"a": {"source": "target", "objective": "anchored"}}},
            "recipes.a",
            "anchored learns from settings of images",
        ),
        ({"target_training": {"steps": 9, "warmup_steps": 10}}, "target_training", "β would never"),
        ({"source_training": {"steps": 9}}, "source_training", "β would never be reached"),
        ({"targets": {"a": {"folder": "x", "odd_class": True}}}, "targets.a", "'odd_class'"),
        (
            {"targets": {"a": {"generator": "synthetic_cells", "odd_clas": True}}},
            "targets.a",
            "did you mean 'odd_class'?",
        ),
        ({"open_set": {"synthetic_cell": "each"}}, "config", "did you mean 'synthetic_cells'?"),
        ({"open_set": {"synthetic_cells": ["a", "a"]}}, "open_set", "lists a class twice"),
        ({"open_set": {"synthetic_cells": "round"}}, "open_set", "is 'round'; use each, or a list"),
        ({"open_set": {"synthetic_cells": [1]}}, "open_set", "is [1]; use each, or a list"),
        (
            {"encode": {"new": {"images": "x", "model": "dino/named/seed99/synthetic_cells"}}},
            "config",
            "encode.new: model: unknown seed 'seed99'",
        ),
        ({"encode": {"new": {"images": "x", "model": "dino"}}}, "encode.new.model", "pattern"),
        ({"variant": "papr"}, "variant", "'default' or 'paper'"),
        (
            {"targets": {"a": {"folder": "x", "group_pattern": "slide"}}},
            "targets.a.group_pattern",
            "parenthesised group",
        ),
        (
            {"targets": {"a": {"folder": "x", "group_pattern": "("}}},
            "targets.a.group_pattern",
            "is no regular expression: missing ), unterminated subpattern",
        ),
        ({"targets": {"a": {"table": "x", "factors": ["s", "s"]}}}, "targets.a", "column twice"),
        ({"targets": {"source": {"folder": "x"}}}, "config", "'source' stands for the data set"),
        ({"features": {"shard_rows": 300}}, "features.shard_rows", "multiple of 256"),
        ({"results": ""}, "results", "at least 1 character"),
        ({"betas": [1, 1.0000001]}, "config", "betas: 1.0000001 becomes part of file names"),
        ({"targets": {"a": {"retrieve": "whoi"}}}, "targets.a", "did you mean 'whoi15'?"),
        ({"targets": {"a": {"retrieve": "brodatz"}}}, "targets.a", "in the place of a path"),
        ({"targets": {"a": {"retrieve": "whoi15", "folder": "x"}}}, "targets.a", "exactly one of"),
        ({"targets": {"a": {"retrieve": "whoi15", "masc": 1}}}, "targets.a", "mean 'mask'?"),
        (
            {"targets": {"a": {"retrieve": "bbbc021", "crop": "wide"}}},
            "targets.a.crop",
            "valid integer",
        ),
        (
            {"sources": {"texture_dsprites": {"sprites": "retrieve:sipakmed"}}},
            "sources.texture_dsprites: sprites",
            "is for 'retrieve: sipakmed' of a target",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(config, where, what):
    with pytest.raises(ConfigError) as caught:
        load_study(config)
    line = next(line for line in str(caught.value).splitlines() if what in line)
    assert line.strip().startswith(where + ":")


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ConfigError, match=r"(?s)width.*wdith|wdith.*width") as caught:
        load_study({"model": {"wdith": 3}, "features": {"dtype": "float8"}})
    assert "features.dtype" in str(caught.value)


def test_paper_variant_restores_published_choices_but_not_over_what_is_written():
    study = load_study({"variant": "paper", "model": {"output": "linear"}})
    assert study.model.scaling == "range"
    assert study.model.likelihood_units == "scaled"
    # 768 Σ (x − x̂)² is a Gaussian likelihood with 1 / (2 σ²) = 768 (method, section 4).
    assert 1 / (2 * study.model.likelihood_sd**2) == pytest.approx(768, rel=1e-6)
    assert study.features.normalise == "none"
    assert study.sources["texture_dsprites"].distinct_pairs is False
    assert study.model.output == "linear"


def test_paper_variant_takes_the_learning_rates_of_the_optimisers_for_each_other():
    """As the published code of VAE+ does: Adam 1e-2, gradient descent 1e-3."""
    recipes = {"plus": {"source": "target", "objective": "vae_plus"}}
    for variant, rates in (("default", (1e-3, 1e-2)), ("paper", (1e-2, 1e-3))):
        study = load_study({"variant": variant, "recipes": recipes})
        of_discriminator = study.recipes["plus"].options["discriminator_learning_rate"]
        assert (study.target_training.learning_rate, of_discriminator) == rates
    own = {"plus": recipes["plus"] | {"discriminator_learning_rate": 0.1}}
    study = load_study({"variant": "paper", "recipes": own})
    assert study.recipes["plus"].options["discriminator_learning_rate"] == 0.1


def test_crops_of_any_size_go_with_the_network_of_cells():
    config = {"backbones": {"rgb": {"model": "pixels", "size": 68}}, "image_model": CELL_VAE}
    study = load_study(config | {"recipes": {"vae": {"source": "target"}}})
    assert study.recipes["vae"].supervision == "none"
    assert study.backbones["rgb"].size == 68


def test_default_variant_takes_no_published_value():
    assert load_study({"variant": "default"}).model == Study().model


def test_a_recipe_has_the_sections_of_the_study_but_for_what_it_says():
    study = load_study(
        {
            "model": {"width": 64},
            "recipes": {
                "usual": {},
                "wide": {"model": {"width": 128}, "objective": "factor_vae", "gamma": 5},
            },
        }
    )
    assert recipe_section(study, "usual", "model").width == 64
    assert recipe_section(study, "wide", "model").width == 128
    assert recipe_section(study, "wide", "finetuning") == study.finetuning
    assert study.recipes["usual"].supervision == "labels"
    assert study.recipes["wide"].options["gamma"] == 5
    assert study.recipes["wide"].options["beta"] == 1


def test_labels_bind_as_many_dimensions_as_the_source_has_factors_and_others_none():
    cells = {"cells": {"generator": "synthetic_cells"}}
    recipes = {"a": {"source": "cells"}, "b": {"source": "cells", "supervision": "ada"}}
    study = load_study({"sources": cells, "recipes": recipes, "model": {"latent_dim": 6}})
    bound = bound_factors(study, Catalogue(), "a")
    assert [one.factor.name for one in bound][:2] == ["Size", "Elongation"]
    assert bound_factors(study, Catalogue(), "b") == ()


def test_a_supervision_of_ones_own_says_whether_it_binds(tmp_path):
    plugin = tmp_path / "binding.py"
    plugin.write_text(
        "from fovscope.registry import supervision\n"
        "@supervision('mine', binds=True)\n"
        "def mine(posterior, changed):\n"
        "    return posterior\n"
    )
    config = {"plugins": [str(plugin)], "recipes": {"a": {"supervision": "mine"}}}
    study = load_study(config)
    assert len(bound_factors(study, Catalogue(study.plugins), "a")) == 7
    with pytest.raises(ConfigError, match="7 dimensions are bound to the 7 factors"):
        load_study(config | {"model": {"latent_dim": 6}})


def test_a_list_says_which_representations_there_are_and_a_mapping_adds_to_the_usual_ones():
    chosen = ["latents", {"pca20": {"representation": "pca", "dimensions": 20}}, "pca"]
    study = load_study({"representations": chosen})
    assert list(study.representations) == ["latents", "pca20", "pca"]
    assert study.representations["pca20"].options == {"dimensions": 20}
    assert study.representations["pca"].options == {"dimensions": study.model.latent_dim}
    more = load_study({"representations": {"theirs": {"file": "e.parquet"}}})
    assert list(more.representations) == [*load_study({}).representations, "theirs"]
    assert more.representations["theirs"].representation == "file"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"results": "./results/"}, {}),
        ({"results": str(ROOT / "results")}, {}),
        ({"seeds": [2, 0, 1]}, {"seeds": [0, 1, 2]}),
        ({"targets": {"a": {"folder": "./x/../x/"}}}, {"targets": {"a": {"folder": "x"}}}),
        (
            {"backbones": {"a": {"model": "m", "weights": "./w.pth"}}},
            {"backbones": {"a": {"model": "m", "weights": "w.pth"}}},
        ),
        (
            {"sources": {"texture_dsprites": {"textures": "./brodatz/"}}},
            {"sources": {"texture_dsprites": {"textures": "brodatz"}}},
        ),
        ({"betas": [1, 2.0]}, {"recipes": {"beta1": {"beta": 1}, "beta2": {"beta": 2}}}),
    ],
)
def test_what_is_spelled_in_two_ways_is_one_study(one, other, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert load_study(one) == load_study(other)


def test_a_backbone_is_one_line():
    assert load_study({"backbones": {"r": "resnet50"}}).backbones["r"].model == "resnet50"


def test_models_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Study().seeds = (1,)


def test_every_option_has_a_description():
    def missing(model):
        for name, field in model.model_fields.items():
            if not field.description:
                yield name

    schema = json.loads(json_schema())
    for section in schema["$defs"].values():
        for name, field in section["properties"].items():
            assert field.get("description"), name
    assert not list(missing(Study))


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("workflow/schemas/config.schema.json", lambda text: json_schema()),
        ("config/README.md", readme_with_options),
        ("docs/reading.md", lambda text: page_with_views(text, ROOT / "docs/pictures")),
    ],
)
def test_generated_files_do_not_drift(path, current):
    text = (ROOT / path).read_text("utf-8")
    assert text == current(text), "run `make generated`"
