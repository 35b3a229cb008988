"""The command line: what `verify` finds, and what it does to whoever it is piped to."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from fovscope.datasets.listing import write_info
from fovscope.runtime.parquet import write_table
from fovscope.runtime.provenance import digest_file, write_json
from fovscope.runtime.verify import verify_study

LISTS = {
    "prepare": ["data/cells/manifest.parquet", "data/cells/manifest.json"],
    "seal_features": ["features/cells/lite0/manifest.json"],
    "tabulate": ["tables/accuracy.parquet", "tables/accuracy.csv"],
}
TABLE, INFO = LISTS["prepare"]
(STORE,), (SCORES, AS_TEXT) = LISTS["seal_features"], LISTS["tabulate"]


@pytest.fixture
def study(tmp_path):
    """Return a results folder with a target of one image, its features and a table."""
    (tmp_path / "image.png").write_bytes(b"pixels")
    row = {"path": "image.png", "sha256": digest_file(tmp_path / "image.png")}
    for file in (*LISTS, TABLE, STORE, SCORES):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([row | {"mask_path": None, "mask_sha256": None}])
    write_table(tmp_path / TABLE, table)
    write_info(
        tmp_path / INFO, {"root": str(tmp_path), "preprocessing": {}, "images_digest": "today"}
    )
    array = tmp_path / "features/cells/lite0/zarr.json"
    array.write_text("array")
    known = {"file": "zarr.json", "bytes": 5, "sha256": digest_file(array)}
    write_json(tmp_path / STORE, {"array": known, "shards": [], "data_digest": "today"})
    for file in (SCORES, AS_TEXT, "tables/notes_of_mine.txt"):
        (tmp_path / file).write_text("scores")
    for rule, files in LISTS.items():
        note(tmp_path, rule, files)
    return tmp_path


def note(study, rule, files):
    path = study / f"digests/{rule}.sha256"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{digest_file(study / file)}  {file}\n" for file in files))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda study: None, []),
        (lambda study: (study / SCORES).write_text("scares"), [(SCORES, "not what its job")]),
        (lambda study: (study / AS_TEXT).write_text("scares"), [(AS_TEXT, "not what its job")]),
        (lambda study: (study / SCORES).unlink(), []),  # absent, and made when it is needed
        (lambda study: (study / INFO).write_text(""), [(INFO, "not what its job wrote")]),
        (lambda study: (study / INFO).unlink(), [(INFO, "absent, so its images cannot")]),
        (lambda study: (study / "image.png").write_text("x"), [("image.png", "not the file")]),
        (
            lambda study: (study / "digests/tabulate.sha256").unlink(),
            [(SCORES, "vouches for it")],
        ),
        (
            lambda study: os.truncate(study / "digests/tabulate.sha256", 40),
            [("digests/tabulate.sha256", "damaged"), (SCORES, "vouches for it")],
        ),
        # What a kill left of a list is none: of a first one, and of one that replaces another.
        (lambda study: (study / "digests/.train.sha256.abcd1234.sha256").touch(), []),
        (lambda study: (study / "digests/.tabulate.sha256.abcd1234.sha256").write_text("x"), []),
    ],
)
def test_verify_names_each_damage_once_and_ends(study, damage, named):
    damage(study)
    problems = verify_study(study)
    assert len(problems) == len(named)
    for problem, (file, what) in zip(problems, named, strict=True):
        assert problem.startswith(str(study / file))
        assert what in problem


def test_verify_names_features_of_other_images(study):
    write_json(study / INFO, {"root": str(study), "preprocessing": {}, "images_digest": "tomorrow"})
    note(study, "prepare", LISTS["prepare"])
    (problem,) = verify_study(study)
    assert problem.startswith(f"{(study / STORE).parent}: features of other images")
    # Some options of Snakemake take all words that follow: the target comes first.
    assert problem.endswith(f"and run: snakemake {study / STORE} <your options>")


def test_a_reader_that_leaves_early_is_no_error(study):
    (study / SCORES).write_text("damaged")
    command = f"from fovscope.cli import main; main(['verify', '--results', {str(study)!r}])"
    read_end, write_end = os.pipe()
    os.close(read_end)  # as if `head` had gone
    run = subprocess.run(
        [sys.executable, "-c", command],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_end)
    assert run.stderr.endswith("1 do not match\n")  # and no traceback after it
