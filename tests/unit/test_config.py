import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from fovscope.study.config import (
    ConfigError,
    Study,
    json_schema,
    load_study,
    readme_with_options,
)

ROOT = Path(__file__).parents[2]
CONFIGS = [*sorted(ROOT.glob("config/*.yaml")), ROOT / "tests/integration/tiny.yaml"]


def raw(path):
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_repository_is_valid_by_model_and_by_schema(path):
    load_study(raw(path))
    jsonschema.validate(raw(path), json.loads(json_schema()))


def test_an_empty_config_is_a_study():
    assert load_study({}) == Study()


def test_resolved_study_loads_to_itself():
    study = load_study(raw(ROOT / "config/config.yaml") | {"backbones": {"rgb": "pixels"}})
    assert load_study(study.model_dump(mode="json")) == study


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
        ({"targets": {"texture_dsprites": {"folder": "x"}}}, "config", "both the source and"),
        ({"targets": {}}, "targets", "at least 1 item"),
        ({"seeds": [1, 1]}, "seeds", "lists a value twice"),
        ({"betas": [-1]}, "config", "must not be negative"),
        ({"model": {"width": "wide"}}, "model.width", "valid integer"),
        ({"model": {"latent_dim": 5}}, "config", "latent_dim must be >= 7"),
        (
            {"backbones": {"rgb": {"model": "pixels", "weights": "w.pth", "pooling": "avg"}}},
            "backbones.rgb",
            "has no network; leave out weights, pooling",
        ),
        ({"backbones": {"rgb": {"model": "pixels", "size": 60}}}, "backbones.rgb", "multiple of 8"),
        ({"source_training": {"steps": 9}}, "source_training", "β would never be reached"),
        ({"targets": {"a": {"folder": "x", "odd_class": True}}}, "targets.a", "'generator'"),
        ({"open_set": {"synthetic_cell": "each"}}, "config", "did you mean 'synthetic_cells'?"),
        ({"open_set": {"synthetic_cells": ["a", "a"]}}, "open_set", "lists a class twice"),
        ({"open_set": {"synthetic_cells": "round"}}, "open_set", "is 'round'; use each, or a list"),
        ({"open_set": {"synthetic_cells": [1]}}, "open_set", "is [1]; use each, or a list"),
        (
            {"encode": {"new": {"images": "x", "model": "dino/beta1/seed99/synthetic_cells"}}},
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
        ({"targets": {"source": {"folder": "x"}}}, "config", "file name of source models"),
        ({"features": {"shard_rows": 300}}, "features.shard_rows", "multiple of 256"),
        ({"results": ""}, "results", "at least 1 character"),
        ({"betas": [1, 1.0000001]}, "config", "betas: 1.0000001 becomes part of file names"),
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
    assert study.source.distinct_pairs is False
    assert study.model.output == "linear"


def test_default_variant_takes_no_published_value():
    assert load_study({"variant": "default"}).model == Study().model


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
    ],
)
def test_generated_files_do_not_drift(path, current):
    text = (ROOT / path).read_text("utf-8")
    assert text == current(text), "run `make generated`"
