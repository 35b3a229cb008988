"""An archive holds a whole study, is what another lab can check, and says where all comes from."""

import json
import subprocess
from zipfile import ZipFile

import numpy as np
import pytest
import yaml
from rocrate.rocrate import ROCrate

from fovscope import FovscopeError
from fovscope.cli import main
from fovscope.datasets.listing import write_info
from fovscope.runtime.archive import METADATA, archive_study
from fovscope.runtime.provenance import digest_file, write_json
from fovscope.runtime.verify import ARCHIVED, verify_study

DATA, STORE = "data/cells/manifest.json", "features/cells/lite0/manifest.json"
MODEL = "models/lite0/usual/seed0/cells"
FILES = ("config.yaml", DATA, STORE, f"{MODEL}.json", f"{MODEL}.safetensors", "tables/a.csv")
LICENCE = "https://creativecommons.org/licenses/by/4.0/"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A results folder as jobs leave it, with images and features that no archive has."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "results"
    for file in FILES:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
    config = {"targets": {"cells": {}}, "plugins": ["lab/mine.py"]}
    (root / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/mine.py").write_text("# mine")
    write_info(
        root / DATA,
        {
            **{"root": "/elsewhere", "preprocessing": {}, "images_digest": "i" * 64},
            **{
                "citation": "Doe 2020",
                "licence": "CC0-1.0",
                "counts": {"a": {"train": 3}, "b": {"test": 3}},
            },
        },
    )
    write_json(root / STORE, {"model": "tf_efficientnet_lite0", "weights_digest": "w" * 64})
    write_json(root / f"{MODEL}.json", {"versions": {"torch": "2.14.1", "fovscope": "0.1.0"}})
    (root / f"{MODEL}.safetensors").write_bytes(np.arange(1000).tobytes())
    (root / "tables/a.csv").write_text("a\n")
    for file in ("features/cells/lite0/features.zarr/c", "logs/train.log", "data/cells/1.png"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("large")
    (root / "digests/train").mkdir(parents=True)
    noted = "".join(f"{digest_file(root / file)}  {file}\n" for file in FILES)
    (root / "digests/train/job.sha256").write_text(noted + f"{'0' * 64}  tables/deleted.csv\n")
    return root


@pytest.fixture
def unpacked(study, tmp_path):
    assert main(["archive", str(study), "study.zip", "--licence", LICENCE]) == 0
    with ZipFile("study.zip") as archive:
        archive.extractall(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def test_an_archive_holds_what_jobs_noted_and_plugins_and_nothing_else(unpacked):
    found = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*") if p.is_file()}
    assert found == {*FILES, METADATA, ARCHIVED, "digests/train/job.sha256", "lab/mine.py"}
    assert verify_study(unpacked) == []
    subprocess.run(["sha256sum", "--check", "--quiet", ARCHIVED], cwd=unpacked, check=True)


def test_a_flipped_byte_of_any_file_is_found(unpacked):
    files = [path for path in unpacked.rglob("*") if path.is_file()]
    for path in files:
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        path.write_bytes(flipped)
        problems = verify_study(unpacked)
        assert any(str(path) in line or ARCHIVED in str(path) for line in problems), path
        assert problems
        path.write_bytes(whole)
    assert verify_study(unpacked) == []


def test_what_is_absent_or_foreign_is_found(unpacked):
    (unpacked / "tables/a.csv").unlink()
    (unpacked / "models/other.safetensors").touch()
    absent, foreign = verify_study(unpacked)
    assert "tables/a.csv: absent" in absent
    assert "models/other.safetensors: no file of the archive" in foreign
    assert main(["verify", "--results", str(unpacked)]) == 1


def test_the_crate_says_what_the_study_was_made_of(unpacked):
    crate = ROCrate(unpacked)
    root = crate.root_dataset
    assert root["name"] == "Representations of cells"
    assert root["license"] == LICENCE
    assert root["datePublished"]
    assert {part.id for part in root["hasPart"]} >= set(FILES)
    config = crate.dereference("config.yaml")
    assert config["sha256"] == digest_file(unpacked / "config.yaml")
    cells = crate.dereference("#data/cells")
    assert (cells["sha256"], cells["license"], cells["citation"]) == (
        *("i" * 64, "CC0-1.0", "Doe 2020"),
    )
    assert cells["description"] == "6 images, 2 classes"
    (weights,) = (e for e in crate.contextual_entities if e.id.startswith("#weights/"))
    assert (weights["name"], weights["sha256"]) == ("tf_efficientnet_lite0", "w" * 64)
    action = crate.dereference("#study")
    assert {one["name"]: one["version"] for one in action["instrument"]} == {
        "torch": "2.14.1",
        "fovscope": "0.1.0",
    }
    assert {one.id for one in action["object"]} == {cells.id, weights.id}
    # RO-Crate 1.1, section 4: the descriptor and the root, by these names.
    graph = json.loads((unpacked / METADATA).read_text())
    descriptor = next(one for one in graph["@graph"] if one["@id"] == METADATA)
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}


def test_a_damaged_study_is_not_archived(study, tmp_path):
    (study / "tables/a.csv").write_text("b\n")
    with pytest.raises(FovscopeError, match=r"not what their jobs wrote, first .*tables/a\.csv"):
        archive_study(study, tmp_path / "study.zip")
    assert not (tmp_path / "study.zip").exists()


def test_no_study_no_archive(study, tmp_path):
    with pytest.raises(FovscopeError, match="no finished job"):
        archive_study(tmp_path / "lab", tmp_path / "study.zip")
    (study / "config.yaml").unlink()
    with pytest.raises(FovscopeError, match=r"no config\.yaml"):
        archive_study(study, tmp_path / "study.zip")
