"""The command line: its help, what `verify` finds, and what it does to whoever it is piped to."""

import os
import shlex
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from fovscope.cli import _parser, completion, main
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


@pytest.fixture(scope="module")
def commands():
    """Return the parser of each command by name."""
    (found,) = (a.choices for a in _parser()._actions if isinstance(a.choices, dict))
    return found


def examples(text):
    """Return the commands that a help tells to type, as lists of words."""
    lines = text.replace("\\\n", " ").splitlines()
    typed = [line for line in lines if line.startswith("  fovscope ")]
    return [shlex.split(line.partition(" > ")[0])[1:] for line in typed]


def test_each_help_has_an_example_that_is_understood(commands):
    assert len(examples(_parser().format_help())) > 3
    for name, parser in commands.items():
        (example,) = examples(parser.epilog)
        assert _parser().parse_args(example[: [*example, "--"].index("--")]).command == name


def test_without_a_command_there_is_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        main([])
    assert "fovscope init /data/my_cells" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "after"), [("plan", True), ("verify", False)])
def test_where_options_of_snakemake_go_is_said(capsys, command, after):
    with pytest.raises(SystemExit, match="2"):
        main([command, "--configfile"])
    said = capsys.readouterr().err
    assert "unknown: --configfile" in said
    assert ("come after --" in said) == after


def test_a_table_of_wells_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["export", str(tmp_path / "wells.parquet")]) == 1
    assert "wells.parquet does not exist" in capsys.readouterr().err


def test_help_and_names_come_without_anything_heavy():
    code = (
        "import sys\nfrom fovscope.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'pydantic', 'torch', 'shtab', 'yaml'} & sys.modules.keys()\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "fovscope init /data/my_cells > config/mine.yaml" in run.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_options_and_files(tmp_path, commands):
    (tmp_path / "my_cells").mkdir()
    script = tmp_path / "completion.bash"
    script.write_text(completion("bash"))

    def completed(*words):
        typed = " ".join(f"'{word}'" for word in words)
        code = (
            f"source {script}; cd {tmp_path}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; "
            "$(complete -p fovscope | sed 's/.*-F \\([^ ]*\\).*/\\1/') fovscope; "
            "printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        run = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
        return set(run.stdout.split())

    assert completed("fovscope", "") >= commands.keys()
    assert completed("fovscope", "encode", "--m") == {"--model", "--masks"}
    assert completed("fovscope", "look", "my") == {"my_cells"}
