"""Data sets by name, as a user has them: planned before they are there, retrieved, in tables.

The study is config/paper.yaml with config/wide.yaml in small: one β, one size, one seed, a network
of 64 pixels beside the pixels, tiny budgets.
"""

import json
import re
from copy import deepcopy

import pandas as pd
import pytest
import sites
import yaml
from conftest import ROOT, TINY, Study

from fovscope.datasets.named import data_sets

pytestmark = pytest.mark.slow

ZIPS = ("lensless", "whoi15", "vacuoles", "sipakmed")
NAMES = (*ZIPS, "bbbc021")
MADE = ("data", "results/features/whoi15/rgb/manifest.json")
BY_HAND = "data/lensless/archives/lensless.zip"
TABLES = ("accuracy", "comparisons")
STAND_IN = "stand_in"
FEW = {"train_pairs": 40, "iid_train": 100, "iid_test": 100, "pairs_per_factor": 10}


@pytest.fixture(scope="module")
def site():
    with sites.serving() as site:
        site.files |= {f"{name}.zip": getattr(sites, name)() for name in ZIPS}
        site.files |= sites.bbbc021(fields=6)
        yield site


@pytest.fixture(scope="module")
def study(site, tmp_path_factory):
    """A study of all layouts, whose archives are on a server of its own; nothing is there yet."""
    folder = tmp_path_factory.mktemp("retrieved")
    rows = {name: deepcopy(data_sets()[name].model_dump(mode="json")) for name in NAMES}
    for name in ("whoi15", "vacuoles", "sipakmed"):
        rows[name]["downloads"][0] |= {"url": f"{site.url}/{name}.zip", "git_sha1": ""}
    for one in rows["bbbc021"]["downloads"]:
        one |= {"url": f"{site.url}/{one['file']}", "sha256": ""}
        one["parts"] = ["Week1_21123", "Week2_22123"] if one["parts"] else []
    (folder / "mirror.yaml").write_text(yaml.safe_dump(rows))
    wide = yaml.safe_load((ROOT / "config/wide.yaml").read_text())
    ours = {"source": "texture_dsprites", "beta": 1}
    stand_in = {"generator": "synthetic_cells", "images": 60, "published": "Lensless"}
    config = TINY | {
        "data_sets": ["mirror.yaml"],
        "betas": None,
        "seeds": [0],
        "sources": {
            "texture_dsprites": FEW,
            **{name: source | FEW for name, source in wide["sources"].items()},
        },
        "recipes": {
            "beta1": ours,
            "published": wide["recipes"]["published"] | {"beta": 1},
            "named": wide["recipes"]["named"],
        },
        "targets": {name: {"retrieve": name} for name in NAMES} | {STAND_IN: stand_in},
        "backbones": TINY["backbones"] | {"rgb": {"model": "pixels", "size": 32}},
        "open_set": {"sipakmed": ["Parabasal"]},
        "profiles": {"bbbc021": {}},
        "model": TINY["model"] | {"latent_dim": 10},
        "source_training": {"steps": 20, "batch_pairs": 8, "warmup_steps": 5},
        "finetuning": {"epochs": 1, "batch_size": 16},
        "probes": {"gbt": {"rounds": 3}, "mlp": {"max_epochs": 10}},
    }
    return Study(folder, config)


def facts(study, name):
    return json.loads((study.folder / f"data/{name}/retrieved.json").read_text())


def test_all_of_it_from_an_empty_folder(study):
    plan = study.run("-n")
    assert plan.code == 0, plan.text
    assert plan.jobs["retrieve"] == len(NAMES)
    assert plan.jobs["prepare"] == 3 * (len(NAMES) + 1) + 1  # targets, what follows them, textures

    run = study.run(*MADE)
    assert run.code != 0
    where = f"save it as {BY_HAND} and run Snakemake again"
    assert where in " ".join(run.text.split())
    assert not (study.folder / "data/lensless/retrieved.json").exists()
    assert facts(study, "whoi15")["counts"]["pennate"] == {"all": 14}

    (study.folder / BY_HAND).parent.mkdir(parents=True)
    (study.folder / BY_HAND).write_bytes(sites.lensless())
    run = study.run(*MADE)
    assert run.code == 0, run.text
    assert "Nothing to be done" in study.run("-n", *MADE).text

    tables = {
        name: pd.read_parquet(study.folder / f"results/data/{name}/manifest.parquet")
        for name in NAMES
    }
    assert {name: len(table) for name, table in tables.items()} == {
        "lensless": 45,
        "whoi15": 42,
        "vacuoles": 80,
        "sipakmed": 36,
        "bbbc021": 24 * len(sites.NUCLEI),
    }
    assert tables["lensless"]["mask_path"].notna().all()
    task = json.loads((study.folder / "results/features/whoi15/rgb/task.json").read_text())
    assert task["images"]["retrieved"] == {"whoi15": facts(study, "whoi15")["content"]}


@pytest.fixture(scope="module")
def tables(study):
    """The tables of the study, made of what the test above has retrieved."""
    run = study.run(*TABLES)
    assert run.code == 0, run.text
    return study.folder / "results/tables"


def blocks(path):
    """Return the tables of a LaTeX file by the first words of their captions, as printed."""
    found = {}
    for text in path.read_text().split(r"\begin{table}")[1:]:
        (caption,) = re.findall(r"\\caption\{([^.]+)\.", text)
        heading, *lines = re.findall(r"^(.*) \\\\$", text, re.MULTILINE)
        columns = heading.split(" & ")
        found[caption] = pd.DataFrame([line.split(" & ") for line in lines], columns=columns)
    return found


def test_a_second_run_has_nothing_to_do(study, tables):
    assert "Nothing to be done" in study.run("-n", *TABLES).text


def test_the_table_has_a_line_for_everything_on_every_target(tables):
    overview, *of_probes = blocks(tables / "accuracy.tex").values()
    latents = ("latents", "named latents")
    tuned = [(stage, name) for stage in ("transferred", "finetuned") for name in latents]
    of_input = {
        **dict.fromkeys(("beta1", "published"), tuned),
        "named": [("transferred", name) for name in latents],
        "": [("baseline", f"{name} of $\\Phi$") for name in ("PCA-10", "random-10")]
        + [("baseline", r"full $\Phi$")],
    }
    measured = ("handcrafted features", "constant (majority class)")
    expected = {("images", "", "baseline", name) for name in measured} | {
        (backbone, recipe, *line)
        for backbone in ("lite0", "rgb")
        for recipe, lines in of_input.items()
        for line in lines
    }
    for block in (overview, *of_probes):
        assert set(block["target"]) == {*NAMES, r"stand\_in"}
        for _, lines in block.groupby("target"):
            found = lines[["input", "recipe", "stage", "representation"]].apply(tuple, axis=1)
            assert sorted(found) == sorted(expected)


def test_the_best_of_each_target_is_bold(tables):
    for block in list(blocks(tables / "accuracy.tex").values())[1:]:
        bold = block["accuracy"].str.extract(r"^\\textbf\{(.*)\}$")[0]
        values = bold.fillna(block["accuracy"]).astype(float)
        best = values.groupby(block["target"]).transform("max")
        assert (bold.notna() == (values == best)).all()
        assert set(block.loc[bold.notna(), "against the best"]) <= {"best", "not told apart"}


def test_published_numbers_stand_beside_ours_and_stand_ins_are_marked(tables):
    found = blocks(tables / "accuracy.tex")["GBT"]
    assert (found.loc[found["target"] == "bbbc021", "published"] == r"\textendash{}").all()
    lines = found[(found["representation"] == "latents") & (found["target"] != "bbbc021")]
    lines = lines.set_index(["target", "input", "recipe", "stage"])
    paper = {
        "lensless": r"93.5 $\pm$ 1.9",
        "whoi15": r"60.7 $\pm$ 2.6",
        "vacuoles": r"90.5 $\pm$ 1.9",
        "sipakmed": r"71.2 $\pm$ 2.5",
        r"stand\_in": r"93.5 $\pm$ 1.9",  # generated, under the name of the first
    }
    for recipe in ("beta1", "published"):
        for target, number in paper.items():
            assert lines.loc[(target, "lite0", recipe, "finetuned"), "published"] == number
    assert (
        lines.loc[("lensless", "rgb", "published", "finetuned"), "published"] == r"73.0 $\pm$ 2.4"
    )
    accuracy = lines["accuracy"].str.replace(r"\\textbf\{(.*)\}", r"\1", regex=True).astype(float)
    difference = lines["ours $-$ published"].str.extract(r"^([+-][\d.]+)( \(stand-in\))?$")
    published = lines["published"].str.split().str[0].astype(float)
    rounding = (difference[0].astype(float) - (accuracy - published)).abs()
    assert rounding.max() < 0.16
    is_marked = difference[1].notna()
    assert (is_marked == (lines.index.get_level_values("target") == r"stand\_in")).all()


def test_both_variants_stand_in_one_table_and_one_seed_decides_nothing(tables):
    long = pd.read_parquet(tables / "accuracy.parquet").query("recipe != ''")
    assert dict(zip(long["recipe"], long["variant"], strict=True)) == {
        "beta1": "default",
        "published": "paper",
        "named": "default",
    }
    assert "Variant: default, paper." in (tables / "accuracy.tex").read_text()
    compared = blocks(tables / "comparisons.tex")
    of_variants = compared["Our defaults against the published choices"]
    assert len(of_variants) == 2 * 2 * (len(NAMES) + 1)  # inputs, probes, targets
    assert set(of_variants["recipe"]) == {"beta1"}
    assert set(of_variants["compared with"]) == {"recipe published"}
    of_features = of_variants.loc[of_variants["input"] == "lite0", "difference"]
    assert of_features.astype(float).any()  # other models
    assert all(set(block["verdict"]) == {"open"} for block in compared.values())


def test_what_is_changed_by_hand_is_named_and_can_be_had_again(study):
    path = next((study.folder / "data/whoi15/files").rglob("*.png"))
    content = path.read_bytes()
    path.write_bytes(sites.picture(-1 % 2**32))
    run = study.run("-n")
    assert run.code != 0
    assert "no longer holds what was retrieved as 'whoi15'" in run.text

    (study.folder / "data/whoi15/retrieved.json").unlink()
    run = study.run("retrieved")
    assert run.code == 0, run.text
    assert path.read_bytes() == content
    # The same files, so the same facts, and nothing that was made of them is made again.
    assert "Nothing to be done" in study.run("-n", *MADE).text


def test_another_edition_reruns_what_is_made_of_it_and_nothing_else(study, site):
    site.files["whoi15.zip"] = sites.whoi15(each=15)
    place = study.folder / "data/whoi15"
    for name in ("retrieved.json", "first.json", "archives/whoi15.zip"):
        (place / name).unlink()
    run = study.run("retrieved")
    assert run.code == 0, run.text
    plan = study.run("-n", *MADE)
    rules = ("measure", "specify_features", "cache_features", "seal_features", "data")
    assert plan.jobs == dict.fromkeys(rules, 1) | {"prepare": 3}  # it, and what follows it
