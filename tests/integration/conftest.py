"""A study in a folder of its own, driven through the command line as a user does."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import warm
import yaml

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "tests/integration/tiny.yaml").read_text())


@dataclass
class Run:
    """What a user saw: exit code and everything printed."""

    code: int
    text: str

    @property
    def jobs(self):
        """Number of jobs of each rule in the plan."""
        stats = self.text.partition("Job stats:")[2].partition("total")[0]
        return Counter({rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", stats, re.M)})


@dataclass
class Study:
    """A working folder with a config file."""

    folder: Path
    config: dict

    def run(self, *arguments, env=None, snakefile=ROOT / "Snakefile", around=(), cold=False):
        """Run Snakemake, by the command `around` it if there is one, or `cold` as a user does."""
        (self.folder / "study.yaml").write_text(yaml.safe_dump(self.config))
        # --configfile takes all words that follow, so that an option must come after it.
        options = ["--configfile", "study.yaml", "--snakefile", snakefile]
        options += ["--profile", ROOT / "profiles/local", "--cores", "2", *arguments]
        # Jobs import this checkout, whichever one is installed.
        paths = [(env or {}).get("PYTHONPATH"), str(ROOT / "scripts"), os.environ.get("PYTHONPATH")]
        env = os.environ | (env or {}) | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        if not (around or cold):
            done = warm.snakemake(options, self.folder, env, together=True)
            return Run(done.returncode, done.stdout)
        command = [*around, sys.executable, "-m", "snakemake", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(command, cwd=self.folder, text=True, env=env, **pipes)
        return Run(done.returncode, done.stdout)


@pytest.fixture
def new_study(tmp_path):
    """Return a study with the tiny config and the given top-level changes."""
    return lambda **changes: Study(tmp_path, TINY | changes)


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory):
    """The tiny study, run to the end once, with processes that start as those of a user do."""
    study = Study(tmp_path_factory.mktemp("tiny"), TINY)
    run = study.run(cold=True)
    assert run.code == 0, run.text
    return study
