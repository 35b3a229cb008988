"""Config to typed study, wildcard constraints, the lists that rules expand over.

A job runs again when a value of its `params` changed. So each rule with a script has `code`
there, digests of the code that it uses, and of the config exactly what it uses.
Snakemake keeps the values without their names: two values of a rule that could be mistaken
for each other go into one mapping.
"""

import json
import sys
from functools import cache
from pathlib import Path

SCRIPTS = Path(workflow.current_basedir).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from fovscope.runtime.code_digest import CodeDigests
from fovscope.study.config import PROCEDURAL, ConfigError, load_study
from fovscope.datasets.classes import held_out_classes
from fovscope.datasets.content import missing_paths, path_content, target_content
from fovscope.datasets.listing import DataError
from fovscope.study.paths import Paths, model_files
from fovscope.runtime.plan import leave_facts
from fovscope.runtime.provenance import digest_file

try:
    study = load_study(config)
except ConfigError as error:
    raise WorkflowError(str(error))

SOURCE = study.source.name
TARGETS = sorted(study.targets)
GENERATED = [name for name in TARGETS if study.targets[name].generator]
PROVIDED = [name for name in TARGETS if name not in GENERATED]
WITH_FACTORS = [SOURCE, *(name for name in TARGETS if study.targets[name].knows_factors)]
BACKBONES = sorted(study.backbones)
BETAS = [f"{beta:g}" for beta in study.betas]
SEEDS = list(study.seeds)
# Plain values: rules pass parts of it as params, so that a job depends on these parts only.
# Sorted, because the order in which options are declared is no reason to compute again.
STUDY = json.loads(json.dumps(study.model_dump(mode="json"), sort_keys=True))
EXPLANATION = {
    "active_sd": study.metrics.active_sd,
    "trees": {key: value for key, value in STUDY["probes"].items() if key.startswith("gbt_")},
}
PATHS = Paths(study.results, SOURCE)

if missing := missing_paths(STUDY):
    raise WorkflowError("\n  ".join(["the configuration has mistakes:", *missing]))
try:
    # Target → file name → class.
    HELD_OUT = {
        name: held_out_classes(name, STUDY["targets"][name], chosen)
        for name, chosen in STUDY["open_set"].items()
    }
except DataError as error:
    raise WorkflowError(str(error))

OPEN_SET_TABLE = ["open_set"] if any(HELD_OUT.values()) else []
code_of = CodeDigests(SCRIPTS).of
MODEL = "{backbone}_beta{beta}_seed{seed}"
SHOWN = {"beta": BETAS[0], "seed": SEEDS[0]}
NAMED = study.source_training.supervision == "labels"
CAPTIONS = Path(workflow.current_basedir).parent / "report"  # of pictures and tables


wildcard_constraints:
    dataset="|".join([SOURCE, *TARGETS]),
    backbone="|".join(BACKBONES),
    beta=r"[0-9.e+-]+",
    seed=r"[0-9]+",
    part=r"[0-9]+",
    parts=r"[0-9]+",
    held_out=r"[A-Za-z0-9_.-]+",


def one_of(names):
    """A regular expression; with no names one that matches nothing (an empty one is ignored)."""
    return "|".join(names) or "(?!)"


def held_out_class(wildcards):
    """The class that a file name stands for."""
    return HELD_OUT[wildcards.dataset][wildcards.held_out]


def of_held_out(template):
    """All (target, held-out class, backbone, β, seed) of a template."""
    return [
        file
        for target, classes in HELD_OUT.items()
        for file in of_all_models(template, dataset=target, held_out=list(classes))
    ]


def data_of(wildcards):
    """The image table of a data set and its facts: a design for the source."""
    if wildcards.dataset == SOURCE:
        return {"table": PATHS.design, "info": PATHS.design_info}
    return {"table": PATHS.manifest, "info": PATHS.data_info}


def data_of_features(wildcards):
    """The same; a new table is no reason to extract again, see `specify_features`."""
    return {name: ancient(path) for name, path in data_of(wildcards).items()}


def files_digest(what, function, *arguments):
    """Digest files that the config names; the digests of unchanged ones are looked up."""
    try:
        return function(*arguments, Path(PATHS.content(what)))
    except DataError as error:
        raise WorkflowError(str(error))


def source_files(wildcards):
    """What the sprites and textures of the source hold, where the config names files."""
    named = {kind: STUDY["source"][kind] for kind in ("sprites", "textures")}
    return {
        kind: files_digest(f"source/{kind}", path_content, path)
        for kind, path in named.items()
        if path and path != PROCEDURAL
    }


def target_options(wildcards):
    """What of a target's config its manifest depends on."""
    unused = {"licence", "citation", "published"}
    if wildcards.dataset not in GENERATED:
        unused |= {"images", "seed", "odd_class"}
    options = STUDY["targets"][wildcards.dataset]
    return {key: value for key, value in options.items() if key not in unused}


@cache
def content_of_target(name):
    """What the images and masks of a target hold, and its table; looked up once a run."""
    return files_digest(f"targets/{name}", target_content, STUDY["targets"][name])


def target_files(wildcards):
    """What the images and masks of a target hold, and its table."""
    return content_of_target(wildcards.dataset)


def code_without(script, *left_out):
    """The code of a script, without files that this job has no use for."""
    return {file: digest for file, digest in code_of(script).items() if file not in left_out}


def features_code(wildcards):
    """The code of one kind of images: a source is rendered, a target is read from files."""
    other = "images/read" if wildcards.dataset == SOURCE else "generators/texture_dsprites"
    return code_without("cache_features", f"fovscope/{other}.py")


def rendering_options(wildcards):
    """The config by which the source is rendered; a target's manifest says all of it."""
    return STUDY["source"] if wildcards.dataset == SOURCE else None


def images_of(wildcards):
    """What images a data set has, and in which order: all of it but labels and splits."""
    name = wildcards.dataset
    if name == SOURCE:
        return {"code": code_of("design_source"), "options": {}}
    made_by = "generate_target" if name in GENERATED else "prepare_target"
    # What is named does not count, so that an option of tomorrow does.
    labels = {"test_fraction", "val_fraction", "split_seed", "group_pattern", "factors"}
    places = {"folder", "table", "masks"}  # what they hold is in `files`
    options = {k: v for k, v in target_options(wildcards).items() if k not in labels | places}
    if name in PROVIDED:
        content = target_files(wildcards)
        options["files"] = {k: v for k, v in content.items() if k != "table_sha256"}
    return {"code": code_without(made_by, "fovscope/datasets/splits.py"), "options": options}


def rendering_files(wildcards):
    """What the files hold with which the source is rendered; a target's manifest says its own."""
    return source_files(wildcards) if wildcards.dataset == SOURCE else {}


def features_files(wildcards):
    """What the local files hold that features depend on, beside the images of a target."""
    return rendering_files(wildcards) | weights_files(wildcards.backbone)


def weights_files(backbone):
    """What the file of a backbone's weights holds, where the config names one."""
    weights = STUDY["backbones"][backbone]["weights"]
    if not weights or weights.startswith("pip:"):
        return {}
    return {"weights": files_digest(f"backbones/{backbone}", path_content, weights)}


def applied_model(wildcards):
    """The model that new images are encoded with, and what belongs to it."""
    return model_files(PATHS, STUDY["encode"][wildcards.images]["model"])


def applied_backbone(wildcards):
    """The config of the backbone of that model."""
    return STUDY["backbones"][STUDY["encode"][wildcards.images]["model"].split("/")[0]]


def encoded_files(wildcards):
    """What the new images, their masks and the weights hold."""
    encoding = STUDY["encode"][wildcards.images]
    files = {
        key: files_digest(f"encode/{wildcards.images}/{key}", path_content, encoding[key])
        for key in ("images", "masks")
        if encoding[key]
    }
    return files | weights_files(encoding["model"].split("/")[0])


def learns_from_pixels(wildcards):
    return study.backbones[wildcards.backbone].is_pixels


def model_code(rule):
    """The code of one kind of model, by wildcards: of features, or of images."""
    of_pixels, of_features = (
        code_without(rule, f"fovscope/models/{other}.py") for other in ("feature_vae", "image_vae")
    )
    return lambda wildcards: of_pixels if learns_from_pixels(wildcards) else of_features


def explanation_code(wildcards):
    """The code that explains codes."""
    return code_of("correlate")


def model_options(wildcards):
    """The config of one kind of model."""
    if learns_from_pixels(wildcards):
        return STUDY["image_model"] | {"latent_dim": study.model.latent_dim}
    return STUDY["model"]


def features_options(wildcards):
    """How features are computed, without what only says how many jobs do it."""
    return {k: v for k, v in STUDY["features"].items() if k != "images_per_job"}


def encoding_options(wildcards):
    """How new images are encoded: nothing of stores, and of probes the one that is asked."""
    probe = STUDY["encode"][wildcards.images]["probe"]
    return {
        "features": {k: v for k, v in features_options(wildcards).items() if k != "shard_rows"},
        "probes": {k: v for k, v in STUDY["probes"].items() if k.startswith(f"{probe}_")},
    }


def number_of_images(name):
    """About how many images a data set has, masks included."""
    if name == SOURCE:
        pairs = study.source.train_pairs + 7 * study.source.pairs_per_factor
        return study.source.iid_train + study.source.iid_test + 2 * pairs
    if name in GENERATED:
        return study.targets[name].images
    return content_of_target(name)["files"]


def images_of_features(wildcards):
    """About how many images a feature store is of."""
    return number_of_images(wildcards.dataset)


def last_cut(path):
    """What was noted when a store was sealed, or nothing.

    Whatever is there: of an error Snakemake would say nothing, and leave the job out.
    """
    try:
        noted = json.loads(path.read_text())
        return {name: int(noted[name]) for name in ("images", "parts")}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def parts_of_features(wildcards):
    """What the jobs say that fill a store; one that is whole stays cut as it was."""
    manifest, cut = (Path(path.format(**wildcards)) for path in (PATHS.features, PATHS.cut))
    images = images_of_features(wildcards)
    # One at least: what is wrong with a table without images, its own job will say.
    parts = max(1, -(-images // study.features.images_per_job))
    last = last_cut(cut) if manifest.exists() else {}
    if last.get("images") == images:
        parts = last["parts"]
    numbers = range(1, parts + 1)
    return collect(PATHS.features_part, part=numbers, parts=parts, **wildcards)


def scope_of(wildcards):
    """What is to be scored of a model that was tuned on a target."""
    return {
        "named": study.source_training.supervision == "labels",
        "knows_factors": wildcards.dataset in WITH_FACTORS,
        "source": SOURCE,
    }


def stages_of(wildcards):
    """The stages of models that have latents of a data set."""
    return ["source"] if wildcards.dataset == SOURCE else ["transferred", "finetuned"]


def latents_of_all_seeds(wildcards):
    """The image table of a data set, and by stage the latents of its images by each seed."""
    latents = {
        "source": PATHS.source_latents,
        "transferred": PATHS.transferred_latents,
        "finetuned": PATHS.tuned_latents,
    }
    stages = {
        stage: expand(latents[stage], seed=SEEDS, **wildcards) for stage in stages_of(wildcards)
    }
    return {"table": data_of(wildcards)["table"]} | stages


def of_all_models(template, **wildcards):
    """All (backbone, β, seed) of a template."""
    return collect(template, backbone=BACKBONES, beta=BETAS, seed=SEEDS, **wildcards)


def picture(category, name, prefix=""):
    """The files of a figure; the PNG goes into Snakemake's own report, with its caption."""
    files = PATHS.figure(name, prefix)
    png = f"{prefix}png"
    caption = str(CAPTIONS / f"{name.partition('_')[0]}.rst")
    return files | {png: report(files[png], caption=caption, category=category)}


def table(name, prefix=""):
    """The files of a table; the CSV goes into Snakemake's own report."""
    files = {f"{prefix}{kind}": path for kind, path in PATHS.table(name).items()}
    csv, caption = f"{prefix}csv", str(CAPTIONS / "table.rst")
    return files | {csv: report(files[csv], caption=caption, category="Tables")}


def model_of(wildcards):
    """The model that saw a data set last, and its latents there."""
    if wildcards.dataset == SOURCE:
        return {
            "model": PATHS.source_model,
            "info": PATHS.source_model_info,
            "latents": PATHS.source_latents,
            "table": PATHS.design,
        }
    return {
        "model": PATHS.tuned_model,
        "info": PATHS.tuned_model_info,
        "latents": PATHS.tuned_latents,
        "table": PATHS.manifest,
    }


def of_shown_model(name, datasets):
    """A picture of each data set with the model that is shown of each backbone."""
    path = PATHS.figure(f"{name}_{{dataset}}_{MODEL}")["png"]
    return collect(path, dataset=datasets, backbone=BACKBONES, **SHOWN)


def facts_of_rules(wildcards=None):
    """How the jobs of each rule run, as the profile has it."""
    groups = workflow.group_settings.group_components
    facts = {}
    for each in workflow.rules:
        if each.norun or each.name == "plan":
            continue
        wants = {key: resource.raw for key, resource in each.resources.items()}
        facts[each.name] = {
            "local": each.name in workflow._localrules,
            "gpus": wants.get("gpu", 0),
            "cores": wants["_cores"],
            "pack": wants.get("pack", groups.get(each.group, 1)),
            "pack_at_once": wants.get("pack_at_once", 1),
        }
    return {"study": STUDY, "rules": facts}


def scaled(base, *, per_gb=0):
    """A resource that grows with what a job reads and with each attempt.

    Megabytes or minutes: (`base` + `per_gb` × gigabytes) × attempt. Before the input is there,
    it counts as nothing.
    """

    def amount(wildcards, input, attempt):
        return round((base + per_gb * sum(map(gigabytes, input))) * attempt)

    return amount


def gigabytes(path):
    """The size of an input; of the manifest of a feature store, that of the store in memory."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return 0
    is_manifest = Path(path).name == "manifest.json"
    return store_gigabytes(path, found.st_mtime_ns) if is_manifest else found.st_size / 1e9


@cache
def store_gigabytes(manifest, changed):
    rows, columns = json.loads(Path(manifest).read_text()).get("shape", (0, 0))
    return 4 * rows * columns / 1e9
