"""From a study to its jobs, without Snakemake: what there is, and what each job depends on."""

import json
from pathlib import Path

import pytest

from fovscope.study.config import IMAGES, load_study
from fovscope.study.expansion import Expansion
from fovscope.study.jobs.parts import filled
from fovscope.study.layout import SOURCE
from fovscope.study.section import ConfigError

SCRIPTS = Path(__file__).parents[2] / "scripts"
CONFIG = {
    "seeds": [0, 1],
    "sources": {"texture_dsprites": {}, "discs": {"generator": "synthetic_cells"}},
    "recipes": {
        "beta1": {"beta": 1},
        "beta2": {"beta": 2},
        "ada": {"supervision": "ada"},
        "cells": {"source": "discs", "objective": "factor_vae", "finetuning": {"epochs": 3}},
    },
    "targets": {
        "cells": {"generator": "synthetic_cells"},
        "folder": {"folder": "images"},
    },
    "backbones": {"dino": "vit_base_patch16_224.dino", "rgb": "pixels"},
    "open_set": {"cells": ["spindle"]},
}


@pytest.fixture
def expand(tmp_path, monkeypatch):
    """The jobs of a study with some changes, beside a folder of images."""
    monkeypatch.chdir(tmp_path)
    for name in ("a/1.png", "a/2.png", "b/3.png", "c/4.png"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).touch()

    def expand(**changes):
        return Expansion(load_study(CONFIG | changes), SCRIPTS)

    return expand


def keys(value):
    """Return all keys of nested mappings."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    if isinstance(value, list):
        return set().union(*map(keys, value))
    return set()


def test_templates_are_filled_the_last_wildcard_fastest():
    assert filled("{a}/{b}/c", a=["x", "y"], b=[1, 2]) == ["x/1/c", "x/2/c", "y/1/c", "y/2/c"]
    assert filled("{a}", a="x", b=[1, 2]) == ["x"]


def test_there_are_so_many_models_and_each_knows_its_source(expand):
    jobs = expand()
    assert len(jobs.of_all_models(jobs.paths.source_model)) == 2 * 4 * 2
    assert len(jobs.of_all_models(jobs.paths.tuned_model, dataset=jobs.targets)) == 2 * 16
    assert jobs.dataset_of(SOURCE, "cells") == "discs"
    assert jobs.dataset_of(SOURCE, "ada") == "texture_dsprites"
    assert jobs.dataset_of("folder", "cells") == "folder"
    assert jobs.stages(SOURCE, "ada") == ("source",)


FOLLOWING = {
    "sources": {
        "texture_dsprites": {},
        "own": {"interventions": "each", "train_pairs": 100},
    },
    "recipes": {
        "beta1": {"beta": 1},
        "named": {
            "source": ["texture_dsprites", "own"],
            "objective": "anchored",
            "factors": ["Size", "Hue"],
            "tuning": "none",
        },
    },
}


def test_a_source_that_follows_each_target_is_a_data_set_of_each(expand):
    jobs = expand(**FOLLOWING)
    assert jobs.sources == ["own@cells", "own@folder", "texture_dsprites"]
    assert jobs.recipes == ["beta1", "named@cells", "named@folder"]
    assert jobs.sources_of("named@cells") == ("texture_dsprites", "own@cells")
    followed = jobs.followed_data("own@folder")
    assert {Path(path).parts[-2] for path in followed.values()} == {"folder"}
    assert jobs.followed_data("texture_dsprites") == {}


def test_models_that_follow_a_target_are_for_it_alone(expand):
    jobs = expand(**FOLLOWING)
    files = jobs.of_all_models("{dataset}/{backbone}/{recipe}/{seed}", dataset=jobs.targets)
    named = [file for file in files if "named" in file]
    assert len(named) == 2 * 2 * 2
    assert all(file.split("/")[0] == file.split("/")[2].split("@")[1] for file in named)
    of_source = jobs.of_all_models(jobs.paths.scores, dataset=[SOURCE])
    assert len(of_source) == len(set(of_source)) == 2 * 3 * 2


def test_what_is_not_tuned_has_one_stage_and_no_class_can_be_held_out(expand):
    jobs = expand(**FOLLOWING)
    assert jobs.stages("cells", "named@cells") == ("transferred",)
    assert jobs.last_model("cells", "named@cells")["model"] == jobs.paths.source_model
    assert not [file for file in jobs.of_held_out(jobs.paths.open_set_scores) if "named" in file]
    assert jobs.of_held_out(jobs.paths.open_set_scores)


def test_an_angle_is_bound_to_two_dimensions_where_settings_are_told(expand):
    binding = expand(**FOLLOWING).binding("named@cells")
    assert binding == {"factors": ["Size", "Hue"], "anchored": True, "named": True}


def test_sources_that_mean_different_things_by_a_name_are_refused_before_work(expand):
    named = FOLLOWING["recipes"]["named"] | {"factors": ["Size", "Orientation"]}
    with pytest.raises(ConfigError, match="disagree on what 'Orientation' is"):
        expand(**FOLLOWING | {"recipes": {"named": named}})


def test_an_edited_data_set_depends_on_the_target_and_on_how_it_is_measured(expand):
    jobs = expand(**FOLLOWING)
    made = jobs.features_task("own@cells", "dino")["images"]
    assert made["followed"] == [jobs.preparation("cells"), jobs.measuring("cells")]


def test_new_images_are_encoded_with_the_model_that_follows_the_target(expand):
    model = "dino/named/seed0/cells"
    jobs = expand(**FOLLOWING, encode={"new": {"model": model, "images": "images"}})
    files = jobs.applied_model("new")
    assert files["model"] == "results/models/dino/named@cells/seed0/source.safetensors"
    assert files["latents"].endswith("cells/dino/named@cells/seed0/transferred.parquet")


def test_names_of_new_images_are_judged_by_the_scores_of_their_family_on_their_target(expand):
    # Models whose recipes differ in β alone are judged together, as tables do.
    new = {"model": "dino/beta2/seed0/cells", "images": "images"}
    jobs = expand(encode={"new": new})
    models = [f"dino/{recipe}/seed{seed}" for recipe in ("beta1", "beta2") for seed in (0, 1)]
    assert jobs.applied_model("new")["evidence"] == [
        f"results/scores/cells/{model}/meaning.parquet" for model in models
    ]
    facts = jobs.encoding("new")["facts"]
    assert {each["family"] for each in facts["recipes"].values()} == {"beta1, beta2"}


def test_representations_without_a_model_are_one_per_backbone_only_if_they_need_it(expand):
    found = expand().baselines("cells")
    assert set(found) == {
        *((backbone, name) for backbone in ("dino", "rgb") for name in ("full", "pca", "random")),
        *((IMAGES, name) for name in ("handcrafted", "constant")),
    }
    explained = expand().baselines("cells", explained=True)
    assert {name for _, name in explained} == {"pca", "random"}


def test_a_file_of_numbers_is_about_the_data_sets_that_it_names(expand):
    theirs = {"file": "{dataset}.parquet", "datasets": ["folder"]}
    jobs = expand(representations={"theirs": theirs})
    assert (IMAGES, "theirs") in jobs.baselines("folder")
    assert (IMAGES, "theirs") not in jobs.baselines("cells")
    assert jobs.file_of("theirs", "folder") == "folder.parquet"
    missing = "representations.theirs: file folder.parquet does not exist"
    assert jobs.missing_paths() == [missing]


def test_recipes_that_differ_in_beta_alone_are_one_family(expand):
    recipes = expand().facts()["recipes"]
    families = {name: facts["family"] for name, facts in recipes.items()}
    assert families == {
        "beta1": "beta1, beta2",
        "beta2": "beta1, beta2",
        "ada": "ada",
        "cells": "cells",
    }
    assert recipes["cells"]["source"] == "discs"
    assert recipes["cells"]["objective"] == "factor_vae"
    assert recipes["ada"]["supervision"] == "ada"


def test_what_jobs_depend_on_is_plain_and_says_nothing_of_other_jobs(expand):
    jobs = expand()
    training, tuning = jobs.training("dino", "cells"), jobs.tuning("dino", "cells")
    assert "epochs" not in keys(training)
    assert tuning["finetuning"]["epochs"] == 3
    assert not {"steps", "warmup_steps"} & keys(tuning)
    assert "supervision" not in keys(tuning)
    assert "likelihood_sd" not in jobs.training("rgb", "ada")["model"]["options"]
    assert not {"probes", "metrics"} & keys(training)
    scoring = jobs.scoring("ada", "folder")
    assert not {"gbt_rounds", "epochs", "steps"} & keys(scoring)
    assert "probes" not in jobs.scoring_source("ada")["options"]
    everything = [
        *(jobs.preparation(name) for name in jobs.datasets),
        *(jobs.features_task(name, "rgb") for name in jobs.datasets),
        *(training, tuning, scoring),
        *(jobs.explaining_baseline(name, "pca") for name in jobs.targets),
        *(jobs.comparing(SOURCE, "ada"), jobs.referencing("discs")),
        *(jobs.opening("cells", "spindle"), jobs.reporting()),
        jobs.exploring(),
        *(jobs.tabulating(name) for name in jobs.tables),
    ]
    for what in everything:
        assert json.loads(json.dumps(what)) == what
        assert what["code"] or "images" in what


def test_a_picture_of_a_model_reads_from_it_what_dimensions_are_called(expand):
    jobs = expand()
    models = "results/models/dino/beta1/seed0"
    for dataset, info in (("texture_dsprites", "source"), ("folder", "folder")):
        (place,) = (
            place
            for place in jobs.figure_places("traversal")
            if (place["dataset"], place["backbone"]) == (dataset, "dino")
        )
        assert jobs.figure_inputs("traversal", place)["model"] == f"{models}/{info}.json"
    (place,) = jobs.figure_places("correlation")[:1]
    assert "model" not in jobs.figure_inputs("correlation", place)


def test_the_explorer_shows_the_model_of_each_target_and_backbone_that_figures_show(expand):
    jobs = expand()
    places, inputs = jobs.explored(), jobs.explorer_inputs()
    shown = [(place["dataset"], place["backbone"]) for place in places]
    assert shown == [(name, backbone) for name in jobs.targets for backbone in jobs.backbones]
    of_figures = [(p["dataset"], p["backbone"], p["recipe"]) for p in jobs.figure_places("scatter")]
    assert [(*one, p["recipe"]) for one, p in zip(shown, places, strict=True)] == of_figures
    assert inputs.pop("tables") == ["results/tables/names.parquet"]
    assert inputs["table"] == [f"results/data/{name}/manifest.parquet" for name, _ in shown]
    assert {len(files) for files in inputs.values()} == {len(places)}
    stages = {Path(file).stem for file in inputs["representation"]}
    assert stages == {place["stage"] for place in places} == {"finetuned"}
    assert {place["family"] for place in places} == {"beta1, beta2"}


SCRATCH = {
    "plus": {"source": "target", "objective": "vae_plus", "image_model": {"network": "cell_vae"}},
}


def test_models_of_a_target_alone_are_called_after_it_and_have_one_stage(expand):
    jobs = expand(recipes=CONFIG["recipes"] | SCRATCH)
    assert (jobs.from_scratch, jobs.with_source[0]) == (["plus"], "beta1")
    assert "plus" not in jobs.tuned + jobs.untuned
    assert jobs.stages("folder", "plus") == ("scratch",)
    model = jobs.last_model("folder", "plus")["model"].format(
        dataset="folder", backbone="rgb", recipe="plus", seed=0
    )
    assert model == "results/models/rgb/plus/seed0/folder.safetensors"
    assert not [file for file in jobs.of_all_models(jobs.paths.source_model) if "plus" in file]
    (view,) = jobs.scoring("plus", "folder")["options"]["views"]
    assert (view["values"], view["identity"]["tuned_on"]) == ("scratch", "folder")
    assert not jobs.is_blind("plus", "cells")
    representations = "results/representations/cells/rgb"
    first = jobs.first_latents()
    assert f"{representations}/plus/seed1/scratch.parquet" in first
    assert f"{representations}/ada/seed1/transferred.parquet" in first


def test_a_study_of_targets_alone_has_no_sources(expand):
    jobs = expand(recipes=SCRATCH)
    assert (jobs.sources, jobs.datasets) == ([], ["cells", "folder"])
    assert all(file.startswith("results/scores/") for file in jobs.score_files("accuracy"))
    assert {place["recipe"] for place in jobs.figure_places("traversal")} == {"plus"}
    assert jobs.binding("plus") == {"factors": [], "anchored": False, "named": False}


def test_the_network_of_a_recipe_is_that_of_its_images_and_of_features_another(expand):
    jobs = expand(recipes=CONFIG["recipes"] | SCRATCH)
    kinds = {
        (backbone, recipe): jobs.training(backbone, recipe)["model"]["kind"]
        for backbone in ("rgb", "dino")
        for recipe in ("beta1", "plus")
    }
    assert list(kinds.values()) == ["image_vae", "cell_vae", "feature_vae", "feature_vae"]
    assert jobs.training("rgb", "plus")["model"]["options"] == {"latent_dim": 10}
    assert jobs.training("rgb", "plus")["training"]["batch_size"] == 104


def test_images_are_drawn_by_models_of_pixels_alone_and_judged_by_the_first_network(expand):
    jobs = expand(recipes=CONFIG["recipes"] | SCRATCH)
    assert {place["backbone"] for place in jobs.figure_places("reconstructions")} == {"rgb"}
    files = jobs.score_files("reconstruction")
    assert len(files) == 2 * 5 * 2  # targets, recipes, seeds
    assert all("/rgb/" in file for file in files)
    judge = jobs.reconstructing("folder", "rgb", "plus")["judged_by"]
    assert judge["backbone"]["model"] == "vit_base_patch16_224.dino"
    assert not expand(backbones={"rgb": "pixels"}).reconstructing("folder", "rgb", "ada")[
        "judged_by"
    ]


def test_features_of_pixels_depend_on_no_option_of_networks(expand):
    plain = expand().features_task("folder", "rgb")
    other = expand(features={"dtype": "float16", "normalise": "none", "precision": "float32"})
    assert other.features_task("folder", "rgb") == plain
    assert other.features_task("folder", "dino") != expand().features_task("folder", "dino")


def test_only_metrics_that_are_asked_count_where_factors_are_unknown(expand):
    full = expand().explaining("folder", "ada")["options"]["stand_ins"]
    assert set(full["metrics"]) == {"mig", "dci"}
    assert expand().explaining("cells", "ada")["options"]["stand_ins"] is None


def test_scores_of_a_kind_are_listed_once_and_no_two_jobs_write_one_file(expand):
    jobs = expand()
    for kind in ("accuracy", "disentanglement", "correlation", "open_set"):
        files = jobs.score_files(kind)
        assert len(files) == len(set(files))
    places = {"dataset": [SOURCE, *jobs.targets], "backbone": ["dino", "rgb"], "part": [1]}
    places |= {"recipe": jobs.recipes, "seed": [0, 1], "held_out": ["spindle"], "parts": [1]}
    places |= {"name": list(jobs.study.representations), "images": ["new"]}
    places |= {"stage": ["source", "transferred", "finetuned"]}
    templates = [
        path
        for name, path in vars(jobs.paths).items()
        if isinstance(path, str) and name not in ("root", "cut")
    ]
    written = [file for template in templates for file in filled(template, **places)]
    # `source` is the name of a file beside those of targets, and no target.
    tuned = filled(jobs.paths.tuned_model, **places | {"dataset": SOURCE})
    tuned += filled(jobs.paths.tuned_model_info, **places | {"dataset": SOURCE})
    for file in tuned:
        written.remove(file)
    assert len(written) == len(set(written))


def test_of_models_the_first_is_shown_and_of_a_source_the_first_that_has_it(expand):
    jobs = expand()
    places = {place["dataset"]: place for place in jobs.figure_places("traversal")}
    assert places["cells"]["recipe"] == "beta1"
    assert places["discs"]["recipe"] == "cells"
    assert places["discs"]["seed"] == 0
    drawn = jobs.figure_inputs("traversal", places["discs"])
    assert f"/{SOURCE}/" in drawn["strips"]
    assert "/discs/" in drawn["table"]


def test_a_table_or_figure_without_scores_is_left_out(expand):
    jobs = expand(open_set={})
    assert "open_set" not in jobs.tables
    assert "open_set" not in jobs.figures
    assert "open_set" in expand().tables


# Channels -----------------------------------------------------------------------------------

NETWORKS = {"dino": "vit_base_patch16_224.dino"}


def of_channels(use):
    """A target and sources that follow it, and one that does not."""
    target = {"folder": "images", "channels": use} if use else {"folder": "images"}
    return FOLLOWING | {"targets": {"cells": target}, "backbones": NETWORKS, "open_set": {}}


def test_without_channels_no_job_depends_on_them(expand):
    jobs = expand(**of_channels(None))
    tasks = [jobs.features_task(name, "dino") for name in jobs.datasets]
    everything = [tasks, jobs.plain, [jobs.preparation(name) for name in jobs.datasets]]
    assert not {"channels", "bag"} & keys(json.loads(json.dumps(everything)))


@pytest.mark.parametrize(("use", "bag"), [([0, 1, 2, 3, 4], 5), ([1, 0], 2), ([2], 0)])
def test_sources_are_bags_like_the_targets_that_their_models_are_for(expand, use, bag):
    jobs = expand(**of_channels(use))
    assert {jobs.features_task(name, "dino").get("bag", 0) for name in jobs.datasets} == {bag}
    assert len(jobs.datasets) == 3


def test_features_depend_on_which_channels_are_used_and_in_which_order(expand):
    orders = ([0, 1], [1, 0], {"use": [0, 1], "projection": "max"})
    tasks = [expand(**of_channels(use)).features_task("cells", "dino") for use in orders]
    assert len({json.dumps(task) for task in tasks}) == 3


def test_an_image_of_several_files_is_one(expand, tmp_path):
    for name in ("a", "b"):
        for stain in ("DAPI", "ER"):
            path = tmp_path / f"stains/{stain}/{name}/1.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    section = {"file": "{channel}/{image}.tif", "use": ["DAPI", "ER"]}
    target = {"folder": "stains", "channels": section}
    jobs = expand(targets={"cells": target}, backbones=NETWORKS, open_set={})
    assert jobs.files("cells")["files"] == 4
    assert jobs.number_of_images("cells") == 2
    assert jobs.with_classes == ["cells"]


def test_only_models_that_differ_in_seed_and_beta_are_trained_as_one(expand):
    jobs = expand()
    usual = jobs.stack_of_sources("dino", "beta1")
    assert usual
    assert usual == jobs.stack_of_sources("dino", "beta2")
    assert usual != jobs.stack_of_sources("dino", "ada")  # other supervision
    assert jobs.stack_of_sources("dino", "cells") == ""  # a second network
    assert jobs.stack_of_sources("rgb", "beta1") == ""  # batch statistics
    tuned = jobs.stack_of_tuned("cells", "dino", "beta1")
    assert tuned
    assert tuned == jobs.stack_of_tuned("cells", "dino", "beta2")
    others = [("folder", "dino", "beta1"), ("cells", "dino", "beta1", "spindle")]
    assert tuned not in [jobs.stack_of_tuned(*other) for other in others]


def test_a_target_is_asked_for_what_is_done_with_it_and_its_table_does_not_depend_on_it(expand):
    pca = {"representations": ["latents", {"pca": {"dimensions": 4}}]}
    jobs = expand(**pca)
    asked = json.loads(jobs.demands("cells"))
    assert asked == {"at_most_images": {"pca": 4}, "held_out": ["spindle"], "spreads": True}
    assert json.loads(jobs.demands("folder"))["spreads"] is False
    assert json.loads(jobs.demands("texture_dsprites")) == {}
    assert jobs.preparation("cells") == expand(open_set={}).preparation("cells")


SCREEN = {
    "profiles": {"cells": {"normalisations": ["mad"]}},
    "representations": ["latents", "named", "full", "handcrafted", "cell_count"],
}


def test_only_screens_are_profiled_and_cells_are_counted_there_alone(expand):
    jobs = expand(**SCREEN)
    files = jobs.score_files("profiles")
    models = 2 * 4 * 2
    assert len(files) == models + 2 + 2  # Φ of two backbones, what is measured, number of cells
    assert all("/cells/" in file for file in files)
    # Those of models that bind dimensions to names, and of what has names of its own.
    named = [file for file in files[:models] if "/ada/" not in file]
    measured = [file for file in files[models:] if "handcrafted" in file]
    assert len(named) == models * 3 / 4
    assert jobs.score_files("effects") == named + measured
    assert jobs.baselines("folder") == [("dino", "full"), ("rgb", "full"), (IMAGES, "handcrafted")]
    assert (IMAGES, "cell_count") in jobs.baselines("cells")
    assert jobs.figure_places("mechanisms") == [{"dataset": "cells"}]
    assert {"profiles", "effects"} <= set(jobs.tables)
    assert not {"profiles", "effects"} & set(expand().tables)


def test_effects_on_measured_properties_wait_for_no_verdict_on_names(expand):
    scratch = SCREEN | {"recipes": {"vae": {"source": "target"}}, "open_set": {}}
    (only,) = expand(**scratch).table_inputs("effects")
    assert "handcrafted" in only
    job = expand(**scratch).profiling_baseline("cells", "handcrafted")
    assert job["options"]["measured"]
    assert not expand(**scratch).profiling_baseline("cells", "full")["options"]["measured"]
    assert {"/ada/" in file for file in expand(**SCREEN).table_inputs("effects")} == {False, True}


def test_sections_that_are_not_asked_for_cost_nothing(expand):
    jobs = expand(**SCREEN, sections=["Profiles", "Data"])
    assert set(jobs.tables) == {"profiles", "effects"}
    assert {entry.declared["section"] for entry in jobs.figures.values()} == {"Profiles", "Data"}
    assert jobs.explored() == []
    assert expand(**SCREEN).explored() != []
    with pytest.raises(ConfigError, match="unknown section 'Profile'; did you mean 'Profiles'"):
        expand(sections=["Profile"])


def test_a_section_that_would_be_empty_is_a_mistake(expand):
    expand(**SCREEN, sections=["Profiles", "Data", "Reconstruction"]).check_sections()
    expand(**SCREEN).check_sections()
    with pytest.raises(ConfigError, match="has nothing for 'Profiles'; leave that out"):
        expand(sections=["Accuracy", "Profiles"]).check_sections()


def test_images_of_a_screen_are_drawn_between_mechanisms(expand):
    moa = SCREEN | {"profiles": {"cells": {"moa": "mechanism"}}}
    assert expand(**moa).reconstructing("cells", "rgb", "ada")["classes"] == "mechanism"
    assert expand(**moa).reconstructing("folder", "rgb", "ada")["classes"] == "label"


def test_profiles_depend_on_their_section_and_what_codes_are_made_into(expand):
    job = expand(**SCREEN).profiling("cells", "beta1")
    other = SCREEN | {"profiles": {"cells": {"normalisations": ["tvn"]}}}
    assert expand(**other).profiling("cells", "beta1") != job
    assert set(job["options"]["derived"]) == {"latents", "named"}
    assert "derived" not in expand(**SCREEN).profiling_baseline("cells", "full")["options"]
    with pytest.raises(ConfigError, match="profiles: unknown target 'cell'; did you mean 'cells'"):
        expand(profiles={"cell": {}})


# Readouts -------------------------------------------------------------------------------------

READOUTS = [
    "latents",
    {"shapes": {"representation": "readout", "source": "texture_dsprites"}},
    {"drawn": {"representation": "readout", "source": "rendered"}},
]


@pytest.fixture
def readouts(expand):
    """Jobs of a study that reads settings of a plain source and of one that follows targets."""
    return expand(
        representations=READOUTS,
        sources={
            "texture_dsprites": {},
            "rendered": {"generator": "cells", "calibrate": "each"},
            "edited": {"interventions": "each"},
        },
        recipes={"named": {"source": ["rendered", "edited"], "objective": "anchored"}},
        open_set={},
    )


@pytest.mark.parametrize(
    ("name", "dataset", "source"),
    [
        ("shapes", "cells", "texture_dsprites"),
        ("shapes", "edited@cells", "texture_dsprites"),
        ("drawn", "cells", "rendered@cells"),
        ("drawn", "edited@cells", "rendered@cells"),
    ],
)
def test_a_readout_is_given_the_source_that_goes_with_the_images(readouts, name, dataset, source):
    files = readouts.represented(dataset, "dino", name)
    data = readouts.data(source)
    assert {key: files[f"source_{key}"] for key in data} == data
    assert files["source_features"] == f"results/features/{source}/dino/manifest.json"
    assert files["table"] == readouts.data(dataset)["table"]
    # Nothing is fitted on natural images, and what is known of those that are asked is not read.
    assert not any(key.startswith("natural_") for key in files)
    assert "facts" not in files


def test_a_readout_is_a_baseline_of_each_backbone(readouts):
    assert readouts.baselines("cells") == [
        (backbone, name) for name in ("shapes", "drawn") for backbone in ("dino", "rgb")
    ]


def test_a_source_that_a_readout_alone_learns_from_is_made(expand):
    alone = {"alone": {"source": "target"}}
    assert "texture_dsprites" not in expand(recipes=alone).sources
    jobs = expand(recipes=alone, representations=READOUTS[:2])
    assert "texture_dsprites" in jobs.sources


def test_an_unknown_source_of_a_readout_is_named(expand):
    with pytest.raises(ConfigError, match=r"readout: unknown source 'disc'; did you mean 'discs'"):
        expand(representations=["latents", {"readout": {"source": "disc"}}])
