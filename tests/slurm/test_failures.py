"""What goes wrong on a cluster, done to a real one; each run ends complete, or says why not."""

import re
import signal
import time
from pathlib import Path

import pytest
from slurm_cluster import wait_until

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/integration/tiny.yaml"
TOY = Path(__file__).with_name("toy.smk")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("idle")]


def hang(name):
    return f"rule_hang_wildcards_{name}"


def outputs(folder):
    return {path.stem: path.read_text() for path in (folder / "out").glob("*.txt")}


def start_again_soon(cluster, what):
    """Slurm waits two minutes before it starts a job again; the tests until its node knows."""
    number = cluster.wait_for(what, "PENDING")
    cluster.admin("scontrol", "update", f"JobId={number}", "StartTime=now+15")


def test_a_study_outlives_all_that_happens_to_a_cluster(cluster, snakemake, tmp_path):
    names = ["cancelled", "dead", "evicted", "late", "preempted", "greedy", "held"]
    run = snakemake(TOY, "--config", f"names={' '.join(names)}")
    hanging = names[:5]
    numbers = {name: cluster.wait_for(hang(name), "RUNNING") for name in hanging}
    wait_until(lambda: len(list(tmp_path.glob("started/*"))) == len(hanging), 120, "no start")

    # The accounting is gone, and the controller for a while.
    cluster.end("slurmdbd")
    (tmp_path / "outage").touch()
    wait_until((tmp_path / "out/held.txt").exists, 120, "no job starts without accounting")
    cluster.end("slurmctld")
    time.sleep(5)
    cluster.start_slurmctld()

    cluster.admin("scancel", numbers["cancelled"])
    cluster.kill_node("gpu2")
    cluster.admin("scontrol", "update", f"JobId={numbers['late']}", "TimeLimit=1")
    # `exec`: it is cancelled as it starts, and no child of it must be lost (`slurm_cluster`).
    urgent = cluster.admin(
        *("sbatch", "--parsable", "--account=default", "--partition=urgent", "--nodelist=cpu2"),
        *("--exclusive", "--comment=urgent", "--output=/dev/null", "--wrap=exec sleep 900"),
    )
    start_again_soon(cluster, hang("preempted"))
    cluster.admin("scancel", urgent.strip())
    start_again_soon(cluster, hang("dead"))
    cluster.start_node("gpu2")
    cluster.start_slurmdbd()

    assert run.wait() == 0, run.text
    assert outputs(tmp_path) == {name: f"{name}\n" for name in names}
    history = [(what, state) for what, state in cluster.history("Comment", "State")]
    fates = {name: [state.split()[0] for what, state in history if name in what] for name in names}
    assert fates["late"] == ["TIMEOUT", "COMPLETED"]
    assert fates["preempted"] == ["PREEMPTED", "COMPLETED"]
    assert fates["evicted"] == ["PREEMPTED", "COMPLETED"]
    assert fates["dead"] == ["NODE_FAIL", "COMPLETED"]
    assert fates["cancelled"][0] == "CANCELLED"
    assert "Slurm does not say how" in run.text
    assert "Slurm says again how" in run.text


def test_what_fails_for_good_is_named_and_sinks_nothing_else(cluster, snakemake, tmp_path):
    arguments = ["--config", "members=a b c bad", "--retries", "1"]
    run = snakemake(TOY, *arguments)
    assert run.wait() == 1
    # In one Slurm job; the second start of the bad one is alone.
    assert run.text.count("has been submitted with SLURM jobid") == 2
    assert outputs(tmp_path) == {name: f"{name}\n" for name in "abc"}
    assert {path.stem for path in (tmp_path / "after").iterdir()} == {"a", "b", "c"}
    starts = {name: (tmp_path / f"starts_{name}").read_text() for name in ("a", "b", "c", "bad")}
    assert starts == dict.fromkeys("abc", "start 0\n") | {"bad": "start 0\n" * 2}
    # The message says which job, where its logs are and what Slurm calls it.
    message = run.text[run.text.index("Error in rule member") :]
    assert "logs/bad.log" in message
    assert "diverged" in message
    assert "exit code 1 in a pack, SLURM-job" in message
    # So does what a run of fovscope ends with; the three that ended well are not in it.
    said = run.text[run.text.rindex("1 job failed") :]
    assert "SLURM-job" in said
    assert "logs/bad.log" in said

    # Cured, only what is missing runs.
    (tmp_path / "cure").touch()
    run = snakemake(TOY, *arguments)
    assert run.wait() == 0, run.text
    assert (tmp_path / "starts_a").read_text() == "start 0\n"
    assert outputs(tmp_path)["bad"] == "bad\n"
    assert not list((tmp_path / "slurm_logs/pack_member").glob("*/commands.json"))[1:]


def test_inside_a_job_others_get_what_their_partition_gives(cluster, snakemake, tmp_path):
    before = len(cluster.history("JobID"))
    # Where nothing but SLURM_CONF says where Slurm is.
    outer = ("srun", "--account=default", "--partition=cpu", "--mem=2000", "--comment=outer")
    run = snakemake(
        *(TOY, "--config", "names=long large", "members=a b"),
        *("--set-resources", "member:gpu=0", "member:gres=gpu:a100:1"),
        around=outer,
        variables=cluster.bare,
    )
    assert run.wait() == 0, run.text
    assert outputs(tmp_path) == {name: f"{name}\n" for name in ("long", "large", "a", "b")}
    assert "  grow: 5 of 10 minutes (short); these give it: cpu, gpu, spare, urgent\n" in run.text
    assert "Rule grow gets 8000 of 10000 MB (short)." in run.text
    asked = cluster.history("Comment", "TimelimitRaw", "ReqTRES")[before:]
    minutes = {what.rpartition("_")[2]: minutes for what, minutes, _ in asked}
    assert (minutes["long"], minutes["large"]) == ("5", "1")
    memory = [re.search(r"mem=(\w+)", tres)[1] for what, _, tres in asked if "large" in what]
    assert memory == ["5000M", "8000M"]
    # A GPU by its generic resource alone is one too.
    assert [tres for what, _, tres in asked if what == "rule_member" and "gres/gpu=1" in tres]
    assert (tmp_path / "starts_a").read_text() == "start 0\n"


def test_a_job_that_dies_before_its_script_is_explained(cluster, snakemake):
    run = snakemake(TOY, "--config", "names=long", "members=a b", "broken=1", "--retries", "0")
    assert run.wait() == 1
    said = run.text[run.text.rindex("3 jobs failed") :]
    assert said.count("the library is not on this node") == 3
    assert "slurm_logs/rule_grow/long/" in said
    assert "slurm_logs/pack_member/" in said


def test_what_slurm_refuses_is_said_in_a_line(cluster, snakemake):
    names = ["--config", "names=long", "members=a b", "--retries", "0", "--default-resources"]
    run = snakemake(TOY, *names, "slurm_partition=cpu", "slurm_account=nobody")
    assert run.wait() == 1
    said = run.text[run.text.rindex("3 jobs failed") :]
    assert said.count("Slurm refuses it: ") == 3
    assert "failed: Invalid account or account/partition combination specified." in said
    assert "sbatch call" not in run.text
    assert "object at 0x" not in run.text

    # Before the first job starts, where it is known that there is no such place.
    wrong = ["grow:slurm_partition=nowhere", "member:slurm_partition=cpu"]
    run = snakemake(TOY, "--config", "names=long", "members=a", "--set-resources", *wrong)
    assert run.wait() == 1
    assert "grow: there is no partition nowhere, but cpu, gpu, short, spare, urgent" in run.text
    assert "member: no node of cpu has 1 core and 1 GPU; these give it: gpu, urgent\n" in run.text
    assert "has been submitted" not in run.text


def test_members_of_a_killed_pack_that_are_done_stay_done(cluster, snakemake, tmp_path):
    pack = "rule_member"
    run = snakemake(TOY, "--config", "members=a b c d")
    number = cluster.wait_for(pack, "RUNNING")
    facts = cluster.admin("scontrol", "show", "job", number)
    # Two at a time: twice the memory, half of the time of four after one another, one GPU.
    for fact in ("TresPerJob=gres:gpu:1", "mem=800M", "TimeLimit=00:20:00", "Partition=gpu"):
        assert fact in facts
    codes = tmp_path / "slurm_logs/pack_member"
    wait_until(lambda: len(list(codes.glob("*/*.code"))) == 2, 120, "no member ends")
    cluster.admin("scancel", number)
    assert run.wait() == 0, run.text
    starts = sorted((tmp_path / f"starts_{name}").read_text().count("start") for name in "abcd")
    assert starts[:2] == [1, 1]
    assert outputs(tmp_path) == {name: f"{name}\n" for name in "abcd"}


def test_ctrl_c_leaves_no_job_and_no_lock(cluster, snakemake, tmp_path):
    arguments = ["--config", "names=cancelled preempted"]
    run = snakemake(TOY, *arguments)
    for name in ("cancelled", "preempted"):
        cluster.wait_for(hang(name), "RUNNING")
    wait_until(lambda: len(list(tmp_path.glob("started/*"))) == 2, 120, "no start")
    run.stop(signal.SIGINT)
    assert run.process.wait(60) == 1
    wait_until(lambda: not cluster.jobs(), 60, "jobs are left")
    run = snakemake(TOY, *arguments)
    assert run.wait() == 0, run.text
    assert outputs(tmp_path) == {name: f"{name}\n" for name in ("cancelled", "preempted")}


@pytest.mark.parametrize("executor", ["slurm", "slurm-packs"])
def test_job_arrays_are_refused_with_the_reason(cluster, snakemake, executor):
    arrays = ["--executor", executor, f"--{executor}-array-jobs", "all"]
    run = snakemake(ROOT / "Snakefile", "--configfile", TINY, *arrays)
    assert run.wait(120) == 1
    assert "deletes the outputs of the first task" in run.text
    assert not cluster.jobs()
