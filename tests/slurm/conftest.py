"""One cluster for all tests of this folder, and Snakemake on it as a user runs it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.append(str(Path(__file__).parent))  # after the `conftest` of the studies

from slurm_cluster import ORDERS, QUESTIONS, Cluster, why_not

ROOT = Path(__file__).parents[2]
# The profile as it is, but asking more often: the tests wait for each answer.
QUICK = ["--seconds-between-status-checks", "2", "--max-status-checks-per-second", "2"]


@dataclass
class Run:
    """A Snakemake in the background."""

    cluster: Cluster  # or what has an `env` too
    folder: Path
    snakefile: Path
    arguments: list
    around: tuple = ()  # the command that starts it
    variables: dict = field(default_factory=dict)
    process: subprocess.Popen = field(init=False)

    def __post_init__(self):
        self.output = self.folder / "snakemake.log"
        # What runs in the background of a shell ignores Ctrl-C, and all that it starts.
        command = ["env", "--default-signal=INT"]
        command += [*self.around, sys.executable, "-m", "snakemake", "--snakefile", self.snakefile]
        command += ["--profile", ROOT / "profiles/slurm", *QUICK, *self.arguments]
        with self.output.open("w") as log:
            self.process = subprocess.Popen(
                list(map(str, command)),
                cwd=self.folder,
                env=self.cluster.env | {"PYTHONPATH": str(ROOT / "scripts")} | self.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def text(self):
        return self.output.read_text()

    def wait(self, seconds=400):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"Snakemake hangs:\n{self.text[-4000:]}")
        finally:
            self.stop()

    def stop(self, how=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(how)


@pytest.fixture(scope="session")
def cluster():
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:  # short: it holds sockets
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def snakemake(cluster, tmp_path):
    """Start Snakemake on the cluster, in a folder of the test; end it with the test."""
    runs = []

    def start(snakefile, *arguments, folder=tmp_path, **more):
        runs.append(Run(cluster, folder, snakefile, list(arguments), **more))
        return runs[-1]

    yield start
    for run in runs:
        run.stop()


@pytest.fixture
def pretended(tmp_path):
    """Start Snakemake where scripts stand for Slurm's commands; those not given fail."""
    runs = []

    def start(snakefile, *arguments, **scripts):
        commands = tmp_path / "bin"
        commands.mkdir()
        for name in QUESTIONS + ORDERS:
            script = scripts.get(name, "echo out of order >&2; exit 1")
            (commands / name).write_text(f"#!/bin/sh\n{script}\n")
            (commands / name).chmod(0o755)
        env = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}"}
        runs.append(Run(SimpleNamespace(env=env), tmp_path, snakefile, list(arguments)))
        return runs[-1]

    yield start
    for run in runs:
        run.stop()


@pytest.fixture
def idle(cluster):
    """Afterwards nothing waits, and nothing is left of what ended by itself.

    Without cgroups Slurm now and then loses a process of a job that it kills: one whose parent is
    dead before it has looked for children. That is no fault of the executor; it is ended here.
    """
    yield
    cluster.mend()
    deadline = time.monotonic() + 60
    while (jobs := cluster.jobs()) or cluster.processes():
        if time.monotonic() > deadline:
            ours = jobs or cluster.left_behind()
            left = cluster.clear()
            if ours:
                pytest.fail(f"jobs: {jobs}, processes: {left}")
            break
        time.sleep(0.5)
