"""What the documentation tells to type: Python runs, commands, options and configurations exist.

One test for each block of each page. Names of the reader's own (``my_cells``, ``config/mine.yaml``)
stand for what cannot be here.
"""

import contextlib
import difflib
import itertools
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
import zarr
from jsonschema import Draft202012Validator

from fovscope.cli import _parser

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*(ROOT / "docs").rglob("*.md"), ROOT / "config/README.md"]
    + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(#[^)\s]*)?\)")
SCHEMA = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text("utf-8"))
VALID = Draft202012Validator(SCHEMA | {"required": []})  # a page shows parts
RULES = {
    rule
    for path in (ROOT / "workflow/rules").glob("*.smk")
    for rule in re.findall(
        r"^\s*(?:rule|use rule .* as) (\w+)", path.read_text("utf-8"), re.MULTILINE
    )
}
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
READERS_OWN = ("mine", "my", "/data/", "/apps/", "results/", "…", "<")
"""In the names of files that a reader has and we do not."""


def name(path):
    return str(path.relative_to(ROOT))


def blocks(*languages):
    """Return a parameter for each page that has blocks in one of some languages."""
    for page in PAGES:
        found = BLOCK.findall(page.read_text("utf-8"))
        if texts := [text for language, text in found if language in languages]:
            yield pytest.param(texts, id=name(page))


@pytest.fixture
def a_place_of_the_reader(tmp_path, monkeypatch):
    """A folder with the results and the plug-in that pages speak of."""
    features = tmp_path / "results/features/my_cells/lite0/features.zarr"
    zarr.save_array(str(features), np.zeros((4, 3), np.float32))
    images = tmp_path / "results/data/my_cells/manifest.parquet"
    images.parent.mkdir(parents=True)
    pd.DataFrame({"image_id": list("abcd")}).to_parquet(images)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_lab", raising=False)  # the example's, of another test
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]  # no other test is to find the reader's files


def arrays():
    """Return what a page calls codes and factor values of the reader."""
    rng = np.random.default_rng(0)
    factors = {key: rng.integers(0, 3, (200, 2)) for key in ("v_train", "v_test")}
    codes = {f"z_{k[2:]}": v + 0.1 * rng.normal(size=v.shape) for k, v in factors.items()}
    seeds = {f"z_of_seed_{seed}": rng.normal(size=(200, 3)) for seed in range(3)}
    return factors | codes | seeds


@pytest.mark.parametrize("texts", list(blocks("python")))
def test_python_runs(texts, a_place_of_the_reader):
    names = arrays() | {"__name__": "reader"}
    for text in texts:
        # A block that says its file is one, to be named by what follows.
        if file := re.match(r"# (\w+\.py)\n", text):
            (a_place_of_the_reader / file[1]).write_text(text)
        exec(compile(text, "documentation", "exec"), names)


@pytest.mark.parametrize("texts", list(blocks("yaml")))
def test_configurations_are_valid(texts):
    for text in texts:
        # Parts of a profile lean on an anchor that stands further up in it.
        given = yaml.safe_load("gpu_: &gpu {slurm_partition: gpu}\n" + text)
        del given["gpu_"]
        if given.keys() <= {"set-resources", "default-resources"}:
            assert given.get("set-resources", {}).keys() <= RULES
        elif given.keys() & SCHEMA["properties"].keys():
            assert not [f"{error.json_path}: {error.message}" for error in VALID.iter_errors(given)]
        else:  # of another file, unless a key is misspelt
            known = list(SCHEMA["properties"])
            assert not [key for key in given if difflib.get_close_matches(key, known, cutoff=0.8)]


def commands(page):
    """Return the commands that a page tells to type, in blocks and within lines."""
    text = page.read_text("utf-8")
    of_blocks = [
        line
        for language, block in BLOCK.findall(text)
        if language in ("", "bash", "console")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    within = [" ".join(code.split()) for code in INLINE.findall(BLOCK.sub("", text))]
    for line in of_blocks + within:
        words = shlex.split(line.partition(" > ")[0], comments=True) if "'" not in line else []
        program = words[0].removeprefix(".venv/bin/") if words else ""
        if program in ("fovscope", "snakemake", "make") and len(words) > 1:
            yield program, words[1:]


def pages_with_commands():
    for page in PAGES:
        if page.name != "CHANGELOG.md" and (found := list(commands(page))):
            yield pytest.param(found, id=name(page))


@pytest.mark.parametrize("found", list(pages_with_commands()))
def test_commands_options_and_files_exist(found):
    from snakemake.cli import get_argument_parser

    of_snakemake = get_argument_parser(profiles=[])
    options = {option for action in of_snakemake._actions for option in action.option_strings}
    for program, words in found:
        if program == "make":
            assert words[0] in TARGETS, words
            continue
        if program == "fovscope":
            ours, _, words = " ".join(words).partition(" -- ")
            words = words.split()
            assert understood(ours.split()), ours
        for word, following in itertools.pairwise([*words, ""]):
            if word.startswith("-") and not word.startswith("--slurm-"):
                assert word in options, words
            if word in ("--profile", "--configfile", "--configfiles") and not of_reader(following):
                assert (ROOT / following).exists(), words


def understood(words):
    """Whether the command takes these words; one that is named with nothing must exist."""
    (of_commands,) = (a.choices for a in _parser()._actions if isinstance(a.choices, dict))
    if len(words) == 1:
        return words[0] in of_commands or words[0].startswith("-")
    with contextlib.suppress(SystemExit):
        _parser().parse_args(words)
        return True
    return False


def of_reader(path):
    return not path or any(part in path for part in READERS_OWN)


def anchors(page):
    """Return the anchors of a page, as code hosts and the site make them of headings."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {"#" + re.sub(r" +", "-", heading.strip()) for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), target + anchor


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").rglob("*.webp")), ids=lambda p: p.stem)
def test_pictures_are_small_and_shown(picture):
    assert picture.stat().st_size <= 300_000
    assert any(picture.name in page.read_text("utf-8") for page in PAGES)
