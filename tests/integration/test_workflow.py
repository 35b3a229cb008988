"""From a config to the tables, as a user runs it and reads it."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, TINY, Study
from PIL import Image
from safetensors import safe_open

from fovscope.features.store import verify_store
from fovscope.study.config import load_study

pytestmark = pytest.mark.slow

CUT = ".fovscope/parts/texture_dsprites/lite0.json"
SOURCE = TINY["sources"]["texture_dsprites"]


def test_tables_have_a_row_for_everything_that_the_config_asks_for(tiny_study):
    long = pd.read_parquet(tiny_study.folder / "results/tables/accuracy.parquet")
    assert set(long["representation"]) == {
        *("latents", "named latents", "full Φ", "PCA-10 of Φ", "random-10 of Φ"),
        *("handcrafted features", "constant (majority class)"),
    }
    assert set(long["stage"]) == {"transferred", "finetuned", "baseline"}
    assert set(long["score"]) == {"balanced_accuracy", "accuracy", "macro_f1"}
    assert (long.loc[long["stage"] != "baseline", "n"] == 2).all()  # one β, two seeds
    assert long["mean"].between(0, 100).all()
    keys = ["target", "input", "stage", "representation", "probe", "score"]
    assert not long.duplicated(keys).any()
    # Balanced accuracy of a constant is exactly one in four classes.
    constant = long[long["representation"].str.startswith("constant")]
    assert (constant.loc[constant["score"] == "balanced_accuracy", "mean"] == 25).all()
    # What no network had a part in has none to name.
    by_network = long["input"] == "lite0"
    assert long.loc[by_network, "weights_digest"].str.fullmatch("[0-9a-f]{64}").all()
    assert set(long.loc[~by_network, "input"]) == {"images"}
    assert (long.loc[~by_network, "weights_digest"] == "").all()
    assert long["data_digest"].str.fullmatch("[0-9a-f]{64}").all()


def test_a_run_ends_with_what_it_made(new_study):
    run = new_study().run("data")
    assert run.code == 0, run.text
    (line,) = re.findall("^Done: .*$", run.text, re.MULTILINE)
    number = sum(run.jobs.values())
    assert re.fullmatch(rf"Done: {number} jobs in .*\. New files: \d+ in results/data\.", line)
    assert ">>" not in run.text  # nobody watches


def test_a_table_cell_is_the_mean_over_models_in_points(tiny_study):
    results = tiny_study.folder / "results"
    values = []
    for seed in (0, 1):
        of_model = f"scores/synthetic_cells/lite0/beta1/seed{seed}"
        scores = pd.read_parquet(results / of_model / "scores.parquet")
        (value,) = scores.query(
            "stage == 'finetuned' and representation == 'latents' and probe == 'mlp' "
            "and score == 'balanced_accuracy'"
        )["value"]
        values.append(100 * value)
    cell = f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"
    overview, of_gbt, of_mlp = (
        line
        for line in (results / "tables/accuracy.md").read_text().splitlines()
        if "finetuned" in line and "| latents" in line
    )
    assert cell in overview
    assert cell in of_mlp
    assert len(re.findall(r"\d to \d", of_gbt)) == 1  # over images; of two models none over models
    for kind in ("csv", "tex"):
        text = (results / f"tables/accuracy.{kind}").read_text()
        assert cell.replace("±", "±" if kind == "csv" else r"$\pm$") in text


def test_disentanglement_lies_beside_its_floor_and_ceiling(tiny_study):
    long = pd.read_parquet(tiny_study.folder / "results/tables/disentanglement.parquet")
    panel = {"mig", "dci_disentanglement", "dci_completeness", "dci_informativeness", "omes"}
    panel |= {"infom", "infoc", "edi_modularity", "irs", "modularity", "omes_max"}
    source = long[(long["measured_on"] == "texture_dsprites") & long["score"].isin(panel)]
    assert set(source["stage"]) >= {"source", "finetuned", "code: perfect", "code: noise"}
    assert (source["floor"] < source["ceiling"]).all()
    perfect = source[source["stage"] == "code: perfect"]
    np.testing.assert_allclose(perfect["normalised"], 1)
    # The generated target has factors, but no pairs that differ in one of them.
    cells = long[long["measured_on"] == "synthetic_cells"]
    assert panel - set(cells["score"]) == {"omes", "omes_max"}
    # Every model has its own floor, and an interval where no classifier is fitted.
    mig = source[(source["score"] == "mig") & ~source["stage"].str.startswith("code")]
    assert (mig["low"] < mig["mean"]).all()
    assert (mig["mean"] < mig["high"]).all()
    assert mig["n_train"].eq(SOURCE["iid_train"]).all()
    assert (mig["floor"] < 0.1).all()


def test_models_of_all_seeds_are_compared_without_factors(tiny_study):
    long = pd.read_parquet(tiny_study.folder / "results/tables/disentanglement.parquet")
    udr = long[(long["factors"] == "none") & (long["score"] == "udr_lasso")]
    measured = set(zip(udr["measured_on"], udr["stage"], strict=True))
    assert measured == {
        ("texture_dsprites", "source"),
        ("synthetic_cells", "transferred"),
        ("synthetic_cells", "finetuned"),
    }
    assert (udr["n"] == 2).all()
    assert (udr["floor"] < udr["ceiling"]).all()


def test_each_dimension_is_explained_beside_its_masks(tiny_study):
    results = tiny_study.folder / "results"
    objects = pd.read_parquet(results / "data/synthetic_cells/objects.parquet")
    manifest = pd.read_parquet(results / "data/synthetic_cells/manifest.parquet")
    assert list(objects["image_id"]) == list(manifest["image_id"])
    assert (objects["segmentation"] == "given").all()
    assert np.corrcoef(objects["area"], manifest["factor_Size"])[0, 1] > 0.999
    with Image.open(results / "figures/masks_synthetic_cells.png") as sheet:
        assert sheet.size[0] > 1000
    long = pd.read_parquet(results / "tables/correlation.parquet")
    keys = ["target", "input", "stage", "representation", "score", "dimension", "feature"]
    assert not long.duplicated(keys).any()
    # Latents at two stages, principal components and a random projection, by two coefficients.
    assert len(long) == (2 + 2) * 2 * 10 * long["feature"].nunique()
    assert set(long.loc[long["stage"] == "baseline", "representation"]) == {
        *("PCA-10 of Φ", "random-10 of Φ")
    }
    assert (long["n"] == (long["stage"] == "baseline").map({True: 1, False: 2})).all()
    assert long["mean_abs"].between(0, 1).all()
    transfer = pd.read_parquet(results / "tables/transfer.parquet")
    named = ["Texture", "Color", "Shape", "Scale", "Orientation"]
    assert transfer["factor"].tolist() == 2 * named
    importance = pd.read_parquet(results / "tables/importance.parquet")
    gain = importance[importance["score"] == "gain"]
    gain = gain.groupby(["stage", "representation"])["mean"].sum()
    np.testing.assert_allclose(gain, 100)


def test_files_tell_what_they_are(tiny_study):
    results = tiny_study.folder / "results"
    saved = yaml.safe_load((results / "config.yaml").read_text())
    assert load_study(saved) == load_study(TINY)
    manifest = json.loads((results / "features/synthetic_cells/lite0/manifest.json").read_text())
    data = json.loads((results / "data/synthetic_cells/manifest.json").read_text())
    assert manifest["data_digest"] == data["images_digest"]
    assert manifest["shape"] == [120, 1280]
    assert verify_store(results / "features/synthetic_cells/lite0/manifest.json") == []
    info = json.loads((results / "models/lite0/beta1/seed0/source.json").read_text())
    assert info["versions"].keys() >= {"fovscope", "torch"}
    assert info["curve"][-1]["step"] == TINY["source_training"]["steps"]
    tuned = json.loads((results / "models/lite0/beta1/seed0/synthetic_cells.json").read_text())
    assert tuned["bound"] == info["bound"]
    assert [one["factor"]["name"] for one in info["bound"]][:2] == ["Texture", "Color"]
    with safe_open(results / "models/lite0/beta1/seed0/source.safetensors", "np") as model:
        assert sum(np.prod(model.get_slice(k).get_shape()) for k in model.keys()) > 0  # noqa: SIM118
    latents = pd.read_parquet(
        results / "representations/synthetic_cells/lite0/beta1/seed0/finetuned.parquet"
    )
    assert list(latents.columns[:2]) == ["image_id", "z0"]
    assert len(latents) == 120


def test_the_report_of_snakemake_holds_the_pictures_by_category_with_captions(tiny_study):
    run = tiny_study.run("--report", "snakemake.html")
    assert run.code == 0, run.text
    page = (tiny_study.folder / "snakemake.html").read_text()
    caption = (ROOT / "workflow/report/traversal.rst").read_text().strip()
    assert caption.partition(".")[0] in page
    pictures = tiny_study.folder.glob("results/figures/traversal_*.png")
    assert all(path.name in page for path in pictures)
    for category in (
        *("Data", "What each dimension means", "Which dimensions tell the classes apart"),
        *("Disentanglement", "Tables"),
    ):
        assert f'"{category}"' in page
    assert "accuracy.csv" in page


def test_a_second_run_has_nothing_to_do(tiny_study):
    assert "Nothing to be done" in tiny_study.run().text


def test_the_same_config_gives_the_same_numbers(tiny_study, new_study):
    """In another folder, on one core, a model and its scores are the same bit for bit."""
    again = new_study()
    model = "models/lite0/beta1/seed1/synthetic_cells.safetensors"
    scores = "scores/synthetic_cells/lite0/beta1/seed1/scores.parquet"
    run = again.run(f"results/{scores}", "--cores", "1")
    assert run.code == 0, run.text
    first, second = (study.folder / "results" for study in (tiny_study, again))
    assert (first / model).read_bytes() == (second / model).read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(first / scores), pd.read_parquet(second / scores))


def test_the_plan_of_the_demo_from_a_clean_clone_without_networks(tmp_path, new_study):
    """A dry run must work where torch is not installed, e.g. on a login node."""
    for module in ("torch", "timm"):
        (tmp_path / f"{module}.py").write_text("raise ImportError('not here')")
    study = new_study()
    run = study.run("-n", env={"PYTHONPATH": str(tmp_path)})
    assert run.code == 0, run.text
    assert run.jobs["train"] == 2
    assert study.run("-n", snakefile=ROOT / "workflow/Snakefile").jobs == run.jobs


def test_the_plan_counts_jobs_without_and_with_packing(tiny_study):
    options = ["-c", "import sys; from fovscope.cli import main; sys.exit(main(sys.argv[1:]))"]
    options += ["plan", "--", "-s", ROOT / "Snakefile", "--forceall", "--configfile", "study.yaml"]
    options += ["--set-resources", "train:pack=2"]
    done = subprocess.run(
        [sys.executable, *map(str, options)],
        cwd=tiny_study.folder,
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
    assert rows["train"][:3] == ["2", "2", "1"]
    assert rows["finetune"][:3] == ["2", "2", "2"]
    assert rows["seal_features"][0] == "2"
    assert "No earlier run" not in done.stdout
    run = tiny_study.run("plan", "--forcerun", "plan")
    assert run.code == 0, run.text
    assert "Nothing will run" in run.text


MEASURED = """
import resource, subprocess, sys, time
start = time.monotonic()
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"plan: {time.monotonic() - start:.1f} s, {used.ru_maxrss / 1e3:.0f} MB", flush=True)
sys.exit(code)
"""


def planned(folder, *configs, options=()):
    """Plan what files of the repository say, without any data; how long it takes is printed."""
    files = [ROOT / "config" / name for name in configs]
    around = [sys.executable, "-c", MEASURED]
    run = Study(folder, {}).run("--configfile", *files, "-n", *options, around=around)
    assert run.code == 0, run.text
    (said,) = re.findall(r"^plan: .*$", run.text, re.M)
    print(f"{said}, {sum(run.jobs.values()):,} jobs")
    return run, said


def test_the_full_study_plans_on_a_login_node(tmp_path):
    """Without data, in little memory; how long it takes is printed (`pytest -rP`).

    Of 271 MB, 143 are Snakemake before it has read anything, 25 the study with the digests of all
    code, the rest its 2,325 jobs.
    """
    run, said = planned(tmp_path, "paper.yaml")
    assert int(said.split()[-2]) < 280
    jobs = run.jobs
    models = 6 * 2 * 10  # backbones and pixels, β, seeds
    assert jobs["retrieve"] == 4 + 2  # targets; sprites and textures
    assert jobs["train"] == models
    assert jobs["finetune"] == 4 * models
    assert jobs["cache_features"] == jobs["seal_features"] == 6 * 5


def test_the_wide_study_plans_as_well(tmp_path):
    """All that it compares; of its ten seeds two, because they differ in nothing.

    With ten it is 11,246 jobs, which take some 27 s of a core and 500 MB to plan.
    """
    run, _ = planned(tmp_path, "paper.yaml", "wide.yaml", options=["--config", "seeds=[0,1]"])
    jobs = run.jobs
    of_seeds = 6 * 2  # backbones and pixels, seeds
    tuned = 2 + 2 + 2  # β: our choices, the published ones, the other size
    assert jobs["retrieve"] == 4 + 2
    assert jobs["train"] == of_seeds * (tuned + 4)  # names are learnt for each target
    assert jobs["finetune"] == of_seeds * tuned * 4
    # Measured and constant; of each input all, PCA and projection of both sizes; these on edited
    # images as well.
    assert jobs["evaluate_baseline"] == 4 * (2 + 6 * 5 + 6 * 4)


def test_a_store_filled_by_several_jobs_is_that_of_one(tiny_study, new_study):
    parts = new_study(features=TINY["features"] | {"images_per_job": 200})
    store = "features/texture_dsprites/lite0"
    run = parts.run(f"results/{store}/manifest.json")
    assert run.code == 0, run.text
    assert run.jobs["cache_features"] == 6
    folders = [study.folder / "results" / store for study in (tiny_study, parts)]
    one, more = (
        {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*/**/*")
            if path.is_file()
        }
        for folder in folders
    )
    assert one == more
    # A store that is whole stays cut as it is.
    parts.config["features"]["images_per_job"] = 100
    assert not parts.run("-n", f"results/{store}/manifest.json").jobs
    # One that has grown is another.
    rows = json.loads((folders[0] / "manifest.json").read_text())["shape"][0]
    more = SOURCE["iid_train"] + 100
    parts.config["sources"] = {"texture_dsprites": SOURCE | {"iid_train": more}}
    torn = json.dumps({"images": rows + 100})
    for noted in ((cut := folders[1].parents[2] / CUT).read_text(), torn, "6", ""):
        cut.write_text(noted)  # damaged, it must not hide the job
        jobs = parts.run("-n", f"results/{store}/manifest.json").jobs
        assert jobs["cache_features"] == -(-rows // 100) + 1


def test_rule_graph_needs_no_other_program(new_study):
    run = new_study().run("--rulegraph", "mermaid-js")
    assert run.code == 0
    for rule in ("cache_features", "train", "finetune", "evaluate", "tabulate_accuracy"):
        assert rule in run.text


@pytest.mark.parametrize(
    "target", ["data", "features", "models", "scores", "accuracy", "objects", "correlation"]
)
def test_named_targets_plan_their_stage(new_study, target):
    run = new_study().run("-n", target)
    assert run.code == 0, run.text
    assert run.jobs[target] == 1


def test_adding_a_seed_plans_only_its_jobs(tiny_study):
    tiny_study.config = TINY | {"seeds": [0, 1, 2]}
    jobs = tiny_study.run("-n").jobs
    tiny_study.config = TINY
    assert jobs == {
        "save_config": 1,
        "train": 1,
        "evaluate_source": 1,
        "finetune": 1,
        "evaluate": 1,
        "compare_models": 2,
        "tabulate_accuracy": 1,
        "tabulate_comparisons": 1,
        "tabulate_confusion": 1,
        "tabulate_disentanglement": 1,
        "explain": 1,
        "tabulate_correlation": 1,
        "tabulate_importance": 1,
        "tabulate_names": 1,
        "tabulate_transfer": 1,
        "plot_correlation": 1,
        "plot_disentanglement": 1,
        "explore": 1,
        "report": 1,
        "all": 1,
    }


# Recipes --------------------------------------------------------------------------------------

# Two objectives, each with two supervisions; one of them with two β.
RECIPES = {
    "labels": {"beta": 1.0},
    "labels_b2": {"beta": 2.0},
    "ada": {"supervision": "ada"},
    "tc": {"objective": "beta_tcvae"},
    "tc_ada": {"objective": "beta_tcvae", "supervision": "ada"},
}
WHAT = ["recipe", "source", "objective", "supervision"]
FAMILIES = {
    ("labels, labels_b2", "texture_dsprites", "beta_vae", "labels"): 4,
    ("ada", "texture_dsprites", "beta_vae", "ada"): 2,
    ("tc", "texture_dsprites", "beta_tcvae", "labels"): 2,
    ("tc_ada", "texture_dsprites", "beta_tcvae", "ada"): 2,
}
"""Recipes that differ in β alone are one family: what tables say of it, and its models."""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A study of recipes, two seeds of each, on a budget that is smaller still."""
    small = {"train_pairs": 100, "iid_train": 100, "iid_test": 100, "pairs_per_factor": 10}
    changes = {
        "betas": None,
        "recipes": RECIPES,
        "sources": {"texture_dsprites": small},
        "targets": {"cells": TINY["targets"]["synthetic_cells"] | {"images": 60}},
        "representations": ["latents", "pca"],
        "source_training": TINY["source_training"] | {"steps": 20, "warmup_steps": 5},
        "probes": {"gbt": {"rounds": 3}, "mlp": {"max_epochs": 5}},
        "metrics": {"panel": "fast", "resamples": 0},
    }
    study = Study(tmp_path_factory.mktemp("sweep"), TINY | changes)
    run = study.run()
    assert run.code == 0, run.text
    return study.folder / "results"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("accuracy", "stage == 'finetuned' and probe == 'gbt' and score == 'balanced_accuracy'"),
        ("comparisons", "probe == 'gbt' and compared_with == 'PCA-10 of Φ'"),
        ("disentanglement", "measured_on == 'cells' and stage == 'finetuned' and score == 'mig'"),
        ("disentanglement", "factors == 'none' and stage == 'source' and score == 'udr_lasso'"),
        ("correlation", "stage == 'finetuned' and score == 'pearson'"),
        ("transfer", "stage == 'finetuned' and factor == 'Texture'"),
    ],
)
def test_models_are_pooled_over_seeds_and_beta_and_nothing_else(sweep, name, lines):
    long = pd.read_parquet(sweep / f"tables/{name}.parquet").query(lines)
    assert dict(zip(long[WHAT].itertuples(index=False, name=None), long["n"], strict=False)) == (
        FAMILIES
    )
    view = pd.read_csv(sweep / f"tables/{name}.csv")
    assert {"recipe", "objective", "supervision"} <= set(view)
    assert "source" not in view  # the same for all
    assert set(FAMILIES) == {
        (recipe, "texture_dsprites", objective, supervision)
        for recipe, objective, supervision in view[["recipe", "objective", "supervision"]]
        .drop_duplicates()
        .itertuples(index=False, name=None)
        if recipe != "–" and isinstance(recipe, str)
    }


def test_the_report_shows_each_family(sweep):
    page = (sweep / "report.html").read_text()
    for recipe, *_ in FAMILIES:
        assert f">{recipe}<" in page


# What a user sees after a mistake ---------------------------------------------------------


def draw(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(value).integers(0, 255, (20, 20), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def class_folders(folder, per_class=10):
    for label in ("a", "b"):
        for n in range(per_class):
            draw(folder / label / f"{n}.png", value=hash((label, n)) % 2**32)
    return {"mine": {"folder": str(folder)}}


def test_an_unknown_key_is_refused_before_anything_runs(new_study):
    run = new_study(modell={}).run("-n")
    assert run.code != 0
    assert "unknown key 'modell'; did you mean 'model'?" in run.text
    assert "Traceback" not in run.text


def test_all_paths_that_lead_nowhere_are_named_before_anything_runs(new_study, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "vit.safetensors").touch()
    run = new_study(
        sources={"texture_dsprites": SOURCE | {"sprites": "sprites.npz"}},
        targets={"mine": {"folder": "imagse"}, "listed": {"table": "images"}},
        backbones={"vit": {"model": "test_vit", "weights": "vti.safetensors"}},
    ).run("-n")
    assert run.code != 0
    for line in (
        "sources.texture_dsprites: sprites sprites.npz does not exist",
        "targets.mine: folder imagse does not exist; did you mean 'images'?",
        "targets.listed: table images is a folder; give a file in it",
        "backbones.vit: weights vti.safetensors does not exist; did you mean 'vit.safetensors'?",
    ):
        assert f"\n  {line}\n" in run.text
    assert "Traceback" not in run.text


# In a namespace of its own, in which a folder is read-only for root too.
READ_ONLY = 'mount --bind {0} {0} && mount -o remount,ro,bind {0} && cd {1} && exec "$@"'


@pytest.mark.parametrize(
    ("folder", "remedy"), [("results", "`results`"), (".", "a folder of yours")]
)
def test_folders_that_cannot_be_written_are_named_before_anything_runs(
    new_study, tmp_path, folder, remedy
):
    (tmp_path / "results").mkdir()
    alone = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*alone, "true"]).returncode:
        pytest.skip("no namespaces here")
    script = READ_ONLY.format(tmp_path / folder, tmp_path)
    run = new_study().run(around=[*alone, "sh", "-c", script, "sh"])
    assert run.code == 1
    assert (
        f"{(tmp_path / folder).resolve()}: nothing can be written there, the file system"
        in run.text
    )
    assert remedy in run.text
    assert "Traceback" not in run.text
    assert "Finished jobid" not in run.text


def test_bad_images_are_all_named(new_study, tmp_path):
    targets = class_folders(tmp_path / "images")
    (tmp_path / "images/a/1.png").write_bytes(b"no image")
    (tmp_path / "images/b/2.png").write_bytes((tmp_path / "images/b/3.png").read_bytes()[:60])
    run = new_study(targets=targets).run("accuracy")
    assert run.code != 0
    assert "files that cannot be read (2); repair or remove them" in run.text
    assert "Traceback" not in run.text
    # Before any network runs, also one that the images have no part in.
    before, _, after = run.text.partition("b/2.png")
    assert "a/1.png" in before
    assert "Cache lite0 features of texture_dsprites" not in before
    assert "Cache lite0 features of texture_dsprites" in after
    # And once more at the end, after all that went on meanwhile.
    assert "b/2.png" in run.text.partition("1 job failed")[2]


def test_a_class_too_small_to_split_is_named(new_study, tmp_path):
    run = new_study(targets=class_folders(tmp_path / "few", per_class=2)).run("data")
    assert run.code != 0
    assert "class 'a' has 2 different images, needs at least 3" in run.text
    assert "Traceback" not in run.text


def test_weights_with_another_digest_are_refused(new_study):
    lite0 = TINY["backbones"]["lite0"] | {"sha256": "0" * 64}
    run = new_study(backbones={"lite0": lite0}).run("features")
    assert run.code != 0
    assert "but the configuration asks for 000000" in run.text
    assert "Traceback" not in run.text
