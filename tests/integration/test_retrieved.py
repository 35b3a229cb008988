"""Data sets by name, as a user has them: planned before they are there, retrieved, prepared."""

import json
from copy import deepcopy

import pandas as pd
import pytest
import sites
import yaml
from conftest import Study

from fovscope.datasets.named import data_sets

pytestmark = pytest.mark.slow

ZIPS = ("lensless", "whoi15", "vacuoles", "sipakmed")
NAMES = (*ZIPS, "bbbc021")
MADE = ("data", "results/features/whoi15/rgb/manifest.json")
BY_HAND = "data/lensless/archives/lensless.zip"


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
    config = {
        "data_sets": ["mirror.yaml"],
        "seeds": [0],
        "recipes": {"alone": {"source": "target"}},
        "targets": {name: {"retrieve": name} for name in NAMES},
        "backbones": {"rgb": {"model": "pixels", "size": 32}},
        "open_set": {"sipakmed": ["Parabasal"]},
        "profiles": {"bbbc021": {}},
    }
    return Study(folder, config)


def facts(study, name):
    return json.loads((study.folder / f"data/{name}/retrieved.json").read_text())


def test_all_of_it_from_an_empty_folder(study):
    plan = study.run("-n")
    assert plan.code == 0, plan.text
    assert plan.jobs["retrieve"] == plan.jobs["prepare"] == len(NAMES)

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
    rules = ("prepare", "specify_features", "cache_features", "seal_features", "data")
    assert plan.jobs == dict.fromkeys(rules, 1)
