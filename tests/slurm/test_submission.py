"""What Snakemake does when Slurm is in trouble; scripts stand for Slurm's commands."""

from pathlib import Path

import pytest

TOY = Path(__file__).with_name("toy.smk")
MEMBERS = ["--config", "members=a b c d", "--retries", "0"]
pytestmark = pytest.mark.slow


def test_a_pack_that_cannot_be_submitted_fails_with_the_reason(pretended):
    extra = ["--set-resources", "member:slurm_extra='--mem=1'"]
    run = pretended(TOY, *MEMBERS, *extra, scontrol="exit 0")
    assert run.wait(60) == 1
    assert run.text.count("Error in rule member") == 4
    assert "Job submission failed with exception: The --memory option is not allowed" in run.text


# A cluster that ends each job at once, and well.
ENDS = 'echo "$*" >> submitted; mkdir -p out; touch out/a.txt out/b.txt out/late.txt; echo 7'


def test_without_an_accounting_database_jobs_are_submitted(pretended, tmp_path):
    arguments = ["--config", "members=a b", "names=late", "--slurm-packs-status-command", "squeue"]
    run = pretended(
        *(TOY, *arguments, "--retries", "0"),
        **{"scontrol": "exit 0", "sbatch": ENDS, "squeue": "echo '7|COMPLETED'"},
    )
    assert run.wait(60) == 0, run.text
    # A job and a pack, each for the account of the profile.
    assert (tmp_path / "submitted").read_text().count(" -A default ") == 2
