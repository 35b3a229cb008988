"""What Snakemake does when Slurm is in trouble; scripts stand for Slurm's commands.

And what a pack does when Slurm asks it to stop.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from slurm_cluster import wait_until
from snakemake_executor_plugin_slurm_packs import run_pack

TOY = Path(__file__).with_name("toy.smk")
MEMBERS = ["--config", "members=a b c d", "--retries", "0"]


@pytest.mark.slow
def test_a_pack_that_cannot_be_submitted_fails_with_the_reason(pretended):
    extra = ["--set-resources", "member:slurm_extra='--mem=1'"]
    run = pretended(TOY, *MEMBERS, *extra, scontrol="exit 0")
    assert run.wait(60) == 1
    assert run.text.count("Error in rule member") == 4
    assert "Job submission failed with exception: The --memory option is not allowed" in run.text


# A cluster that ends each job at once, and well.
ENDS = 'echo "$*" >> submitted; mkdir -p out; touch out/a.txt out/b.txt out/late.txt; echo 7'


@pytest.mark.slow
def test_without_an_accounting_database_jobs_are_submitted(pretended, tmp_path):
    arguments = ["--config", "members=a b", "names=late", "--slurm-packs-status-command", "squeue"]
    run = pretended(
        *(TOY, *arguments, "--retries", "0"),
        **{"scontrol": "exit 0", "sbatch": ENDS, "squeue": "echo '7|COMPLETED'"},
    )
    assert run.wait(60) == 0, run.text
    # A job and a pack, each for the account of the profile.
    assert (tmp_path / "submitted").read_text().count(" -A default ") == 2


def test_members_of_a_pack_are_told_of_each_other(tmp_path):
    commands = [f"echo $SLURM_PACKS_JOBS > {name}" for name in "ab"]
    (tmp_path / "commands.json").write_text(json.dumps(commands))
    done = subprocess.run([sys.executable, run_pack.__file__, ".", "2"], cwd=tmp_path)
    assert done.returncode == 0
    for name in "ab":
        assert (tmp_path / name).read_text() == f"{tmp_path / 'jobs.json'}\n"


SAVES = """
import pathlib, signal, sys, time

def save(number, frame):
    time.sleep(1)
    pathlib.Path("saved").touch()
    sys.exit(1)

signal.signal(signal.SIGTERM, save)
pathlib.Path("ready").touch()
time.sleep(60)
"""


def test_a_pack_lasts_until_its_members_have_saved(tmp_path):
    (tmp_path / "saves.py").write_text(SAVES)
    # A command that a shell must wait for, and one that waits for its turn.
    commands = [f"{sys.executable} saves.py || exit 3", "touch second"]
    (tmp_path / "commands.json").write_text(json.dumps(commands))
    pack = subprocess.Popen(
        [sys.executable, run_pack.__file__, ".", "1"], cwd=tmp_path, start_new_session=True
    )
    wait_until((tmp_path / "ready").exists, 30, "the member does not start")
    os.killpg(pack.pid, signal.SIGTERM)  # as Slurm does, to all processes of the job
    assert pack.wait(30) == 1
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "second").exists()
    assert not list(tmp_path.glob("*.code"))  # neither has ended; both start again
