"""What partitions give, and requests that are cut to it; answers of Slurm 22.05, shortened."""

from math import inf
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.iocontainers import ResourceList
from snakemake_executor_plugin_slurm_packs import Pack, _batches
from snakemake_executor_plugin_slurm_packs.accounts import Allowances, ask_allowances
from snakemake_executor_plugin_slurm_packs.limits import Limits, cut, holds
from snakemake_executor_plugin_slurm_packs.partitions import (
    Node,
    Partition,
    Wants,
    read_partitions,
)

PARTITIONS = """\
PartitionName=short AllowAccounts=ALL Default=YES MaxNodes=UNLIMITED MaxTime=00:05:00 \
MaxCPUsPerNode=UNLIMITED Nodes=c[1-2] State=UP DefMemPerNode=UNLIMITED MaxMemPerNode=8000
PartitionName=long Default=NO MaxTime=7-00:00:00 MaxCPUsPerNode=4 Nodes=c[1-2] MaxMemPerCPU=2000
PartitionName=a100 Default=NO MaxTime=UNLIMITED MaxCPUsPerNode=UNLIMITED Nodes=g1,g2
PartitionName=cloud Default=NO MaxTime=1-12:30:00 Nodes=ALL
"""
NODES = """\
NodeName=c1 CPUEfctv=8 CPUTot=8 Gres=(null) OS=Linux 6.1 #1 SMP RealMemory=16000 State=IDLE \
Partitions=short,long CfgTRES=cpu=8,mem=16000M Reason=RealMemory=1 is wrong [root@now]
NodeName=c2 CPUEfctv=8 CPUTot=8 Gres=(null) RealMemory=32000 MemSpecLimit=1000 Partitions=short,long
NodeName=g1 CPUEfctv=62 CPUTot=64 Gres=gpu:a100:4(S:0-1),mps:400 RealMemory=500000 Partitions=a100
NodeName=g2 CPUTot=64 Gres=gpu:v100:2,gpu:a100:1 RealMemory=1 Partitions=a100
"""
KNOWN = read_partitions(PARTITIONS, NODES)
LIMITS = Limits(KNOWN)


def test_partitions_are_read_as_slurm_prints_them():
    assert {name: each.minutes for name, each in KNOWN.items()} == {
        "short": 5,
        "long": 7 * 24 * 60,
        "a100": inf,
        "cloud": 36 * 60 + 30,
    }
    assert KNOWN["short"].nodes == {Node(8000, 8, 0)}
    assert KNOWN["long"].nodes == {Node(16000, 4, 0), Node(31000, 4, 0)}
    # Of the second one nobody has configured the memory.
    assert KNOWN["a100"].nodes == {Node(500_000, 62, 4), Node(inf, 64, 3)}
    assert KNOWN["cloud"].nodes == {Node()}
    assert [name for name, each in KNOWN.items() if each.is_default] == ["short"]


def test_where_slurm_says_nothing_nothing_is_cut():
    assert read_partitions("", "") == {}
    asked = {"runtime": 10**6, "mem_mb": 10**9, "slurm_partition": "any", "_cores": 999}
    for limits in (Limits(), Limits(KNOWN)):
        assert limits.cut(asked | {"slurm_cluster": "other"}) == {}
    assert Limits().cut(asked) == {}
    assert Limits().refusal(asked) == ""


@pytest.mark.parametrize(
    ("partition", "asked", "gets"),
    [
        ("short", {"runtime": 480, "mem_mb": 6000}, {"runtime": 5}),
        ("short", {"runtime": 4, "mem_mb": 12000}, {"mem_mb": 8000}),
        ("long", {"runtime": 480, "mem_mb": 32000}, {"mem_mb": 31000}),
        ("a100", {"runtime": 10**5, "mem_mb": 600_000, "gpu": 1}, {}),  # of g2 nobody knows
        ("a100", {"mem_mb": 600_000, "gpu": 4}, {"mem_mb": 500_000}),
        ("a100", {"mem_mb": 600_000, "gpu": 0, "gres": "gpu:a100:4"}, {"mem_mb": 500_000}),
        ("short,long", {"runtime": 480, "mem_mb": 6000}, {}),  # the second holds it
        ("", {"runtime": 480}, {"runtime": 5}),  # the default partition
        ("long", {"mem_mb": 90_000, "mem_mb_per_cpu": 1000}, {}),
    ],
)
def test_a_job_gets_what_its_partition_gives(partition, asked, gets):
    assert LIMITS.cut(asked | {"slurm_partition": partition}) == gets


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"slurm_partition": "gpu"}, "there is no partition gpu, but a100, cloud, long, short"),
        ({"slurm_partition": "long", "gpu": 1}, "no node of long has 1 core and 1 GPU"),
        ({"slurm_partition": "long", "_cores": 8}, "no node of long has 8 cores"),
        ({"slurm_partition": "a100", "gpu": 8}, "no node of a100 has 1 core and 8 GPUs"),
        ({"slurm_partition": "a100", "gpu": 8, "nodes": 2, "tasks": 8}, ""),
        ({"slurm_partition": "cloud", "gpu": 8, "_cores": 64}, ""),
        ({"slurm_partition": "long", "runtime": 10**6, "mem_mb": 10**6}, ""),  # cut, not refused
    ],
)
def test_what_slurm_will_refuse_is_known_before(asked, why):
    assert LIMITS.refusal(asked) == why


@pytest.mark.parametrize(
    ("asked", "able"),
    [
        ({"runtime": 480, "mem_mb": 6000}, "; these give it: a100, cloud, long"),
        ({"runtime": 480, "gpu": 1}, "; these give it: a100, cloud"),
        ({"runtime": 10**7, "mem_mb": 10**6, "gpu": 4}, ""),
    ],
)
def test_partitions_that_would_hold_a_job_are_named(asked, able):
    assert LIMITS.advice(asked) == able


# Accounts and qualities of service ------------------------------------------------------------

ASSOCIATIONS = """\
lab|lab||||cpu=64,mem=128G|
lab|lab|a100|fast|12:00:00|cpu=16,mem=100G,gres/gpu=1|
lab|guests|||01:00:00||mem=2000M
"""
QOS = """\
normal||||
fast|02:00:00|||
big|3-00:00:00|mem=1T|cpu=8,gres/gpu=2|cpu=100
tiny||mem=3G||
"""
OF_TINY = read_partitions("PartitionName=debug MaxTime=UNLIMITED QoS=tiny", "")


@pytest.mark.parametrize(
    ("asked", "gets"),
    [
        ({"slurm_partition": "long", "runtime": 480, "mem_mb": 6000}, {}),
        ({"slurm_partition": "cloud", "mem_mb": 200_000}, {"mem_mb": 128 * 1024}),
        ({"slurm_partition": "cloud", "runtime": 99, "slurm_account": "guests"}, {"runtime": 60}),
        ({"slurm_partition": "cloud", "mem_mb": 3000, "slurm_account": "guests"}, {"mem_mb": 2000}),
        # Its own association for the partition, whose QOS goes before it.
        ({"slurm_partition": "a100", "runtime": 900, "gpu": 1}, {"runtime": 120}),
        ({"slurm_partition": "a100", "mem_mb": 200_000, "gpu": 1}, {"mem_mb": 100 * 1024}),
        ({"slurm_partition": "a100", "mem_mb": 200_000, "gpu": 1, "qos": "big"}, {}),
        ({"slurm_partition": "a100", "runtime": 9000, "qos": "big"}, {"runtime": 4320}),
        ({"slurm_partition": "debug", "mem_mb": 9000, "qos": "big"}, {"mem_mb": 3072}),
        (
            {"slurm_partition": "debug", "mem_mb": 9000, "slurm_account": "unknown"},
            {"mem_mb": 3072},
        ),
    ],
)
def test_a_job_gets_what_its_account_and_qos_give(asked, gets):
    limits = Limits(KNOWN | OF_TINY, allowances=Allowances(ASSOCIATIONS, QOS))
    assert limits.cut(asked) == gets


def test_cores_and_gpus_that_an_account_does_not_give_are_known_before():
    limits = Limits(KNOWN, allowances=Allowances(ASSOCIATIONS, QOS))
    asked = {"slurm_partition": "a100", "gpu": 2, "_cores": 4}
    assert limits.refusal(asked) == "your account and QOS give less than 4 cores and 2 GPUs in a100"
    assert limits.refusal(asked | {"qos": "big"}) == ""
    assert limits.advice({"runtime": 600, "_cores": 32}) == "; these give it: cloud"


@pytest.mark.parametrize(
    ("enforced", "counts"),
    [("associations,limits,qos", True), ("associations,safe", True), ("associations", False)],
)
def test_limits_count_where_slurm_enforces_them(monkeypatch, tmp_path, enforced, counts):
    folder = tmp_path / "bin"
    folder.mkdir()
    said = {"scontrol": f"Configuration data\nAccountingStorageEnforce = {enforced}\n"}
    said["sacctmgr"] = "lab|lab|||00:30:00||"
    for name, text in said.items():
        (folder / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    limits = Limits(KNOWN, allowances=ask_allowances())
    asked = {"slurm_partition": "long", "runtime": 480}
    assert limits.cut(asked) == ({"runtime": 30} if counts else {})
    (folder / "sacctmgr").write_text("#!/bin/sh\nexit 1\n")  # no accounting, or out of order
    assert Limits(KNOWN, allowances=ask_allowances()).cut(asked) == {}


SIZES = st.integers(1, 10**5)
A_PARTITION = st.builds(
    Partition,
    name=st.just("any"),
    minutes=st.one_of(SIZES, st.just(inf)),
    nodes=st.frozensets(st.builds(Node, SIZES, st.integers(1, 64), st.integers(0, 8)), min_size=1),
)
A_JOB = st.builds(Wants, SIZES, SIZES, st.integers(1, 64), st.integers(0, 8))


@given(st.lists(A_PARTITION, min_size=1, max_size=3), A_JOB)
def test_what_is_cut_fits_and_nothing_else_is_cut(partitions, wants):
    gets = cut(partitions, wants)
    assert (gets.cores, gets.gpus) == (wants.cores, wants.gpus)
    assert gets.minutes <= wants.minutes
    assert gets.mem_mb <= wants.mem_mb
    assert (gets == wants) == (
        holds(partitions, wants) or not any(each.memory_for(wants) for each in partitions)
    )
    if gets != wants:
        assert holds(partitions, gets)
        # One more of what was cut, and no partition would have it any more.
        more = Wants(wants.minutes, gets.mem_mb, wants.cores, wants.gpus)
        assert not (gets.minutes < wants.minutes and holds(partitions, more))


def member(number, **resources):
    values = {"mem_mb": 4000, "_cores": 1, "runtime": 240, "pack": 12, "pack_at_once": 4}
    return SimpleNamespace(
        rule=SimpleNamespace(name="train"),
        resources=ResourceList(fromdict=values | resources),
        is_group=lambda: False,
        name=f"train{number}",
    )


@pytest.mark.parametrize(
    ("partition", "resources", "sizes", "asks"),
    [
        # 12 models, 4 at a time: 16 GB for 3 × 240 minutes.
        (Partition("p"), {}, [12], (16_000, 720)),
        # A day is enough for one round of three hours each, half a day not for three.
        (Partition("p", minutes=500), {}, [6, 6], (16_000, 480)),
        (Partition("p", minutes=240), {}, [4, 4, 4], (16_000, 240)),
        # Not even one: as long as there is, for those that go on from their checkpoints.
        (Partition("p", minutes=60), {}, [4, 4, 4], (16_000, 60)),
        # Two at a time in the memory of a node, or on its cores.
        (Partition("p", nodes=frozenset({Node(9000)})), {}, [12], (8000, 1440)),
        (Partition("p", nodes=frozenset({Node(cores=2)})), {}, [12], (8000, 1440)),
        (Partition("p", 1000, frozenset({Node(9000)})), {}, [6, 6], (8000, 720)),
        # A second and a third attempt ask for more, and run with fewer beside them.
        (Partition("p", nodes=frozenset({Node(9000)})), {"mem_mb": 8000}, [12], (8000, 2880)),
        (Partition("p", nodes=frozenset({Node(9000)})), {"mem_mb": 12000}, [12], (9000, 2880)),
    ],
)
def test_packs_are_as_large_as_their_partition_lets_them(
    tmp_path, partition, resources, sizes, asks
):
    limits = Limits({"p": partition})
    jobs = [member(n, slurm_partition="p", **resources) for n in range(12)]
    batches = list(_batches(jobs, limits))
    assert [len(batch) for batch in batches] == sizes
    pack = Pack(batches[0], tmp_path, limits)
    assert (pack.resources.get("mem_mb"), pack.resources.get("runtime")) == asks
    assert str(pack) == "train"
