"""The partitions of a cluster and their nodes, as Slurm describes them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from snakemake_executor_plugin_slurm.utils import parse_time_to_minutes

from fovscope.runtime.plan import gpus_of

_FIELD = re.compile(r"(?:^|\s)(\w+)=(\S*)")
_NO_LIMIT = {"UNLIMITED", "NONE", "N/A", "", "0"}
_PATIENCE = 50.0


@dataclass(frozen=True)
class Wants:
    """What a job asks for, on each of its nodes.

    Parameters
    ----------
    minutes, mem_mb : float
        Longest time and memory; 0 if it does not say.
    cores, gpus : int
    """

    minutes: float = 0
    mem_mb: float = 0
    cores: int = 1
    gpus: int = 0

    def times(self, at_once: int, rounds: int = 1) -> Wants:
        """Return the request of jobs that share a GPU, side by side and one after another."""
        return replace(
            self,
            minutes=self.minutes * rounds,
            mem_mb=self.mem_mb * at_once,
            cores=self.cores * at_once,
        )


@dataclass(frozen=True)
class Node:
    """What a node has, or a partition gives of it."""

    mem_mb: float = inf
    cores: float = inf
    gpus: float = inf

    def capped(self, most: Node) -> Node:
        """Return the smaller of each."""
        return Node(
            min(self.mem_mb, most.mem_mb),
            min(self.cores, most.cores),
            min(self.gpus, most.gpus),
        )


@dataclass(frozen=True)
class Partition:
    """What a partition gives; without limits what is not known of it."""

    name: str
    minutes: float = inf
    nodes: frozenset[Node] = field(default=frozenset({Node()}))
    is_default: bool = False
    qos: str = ""

    def memory_for(self, wants: Wants) -> float:
        """Return the memory in MB of the largest node with the cores and GPUs; 0 without any."""
        return max(
            (n.mem_mb for n in self.nodes if n.cores >= wants.cores and n.gpus >= wants.gpus),
            default=0,
        )

    def capped(self, minutes: float, most: Node) -> Partition:
        """Return the partition with further limits."""
        nodes = frozenset(node.capped(most) for node in self.nodes)
        return replace(self, minutes=min(self.minutes, minutes), nodes=nodes)


def read_partitions(partitions: str, nodes: str) -> dict[str, Partition]:
    """Return the partitions by name.

    Parameters
    ----------
    partitions, nodes : str
        What ``scontrol --all --oneliner show partition`` and ``… show node`` print. Without
        nodes, which a cluster may hide, only the limits of the partitions count.
    """
    of_partition: dict[str, set[Node]] = {}
    for line in nodes.splitlines():
        facts = _fields(line)
        memory = _number(facts, "RealMemory") - (_number(facts, "MemSpecLimit", 0))
        node = Node(
            mem_mb=memory if memory > 1 else inf,  # 1 where nobody has configured it
            cores=_number(facts, "CPUEfctv" if "CPUEfctv" in facts else "CPUTot"),
            gpus=gpus_of(facts.get("Gres", "")),
        )
        for name in facts.get("Partitions", "").split(","):
            of_partition.setdefault(name, set()).add(node)
    found = {}
    for line in partitions.splitlines():
        facts = _fields(line)
        name = facts.get("PartitionName")
        if not name:
            continue
        longest = facts.get("MaxTime", "")
        most = Node(_number(facts, "MaxMemPerNode"), _number(facts, "MaxCPUsPerNode"))
        qos = facts.get("QoS", "")
        known = Partition(
            name,
            is_default=facts.get("Default") == "YES",
            qos="" if qos in _NO_LIMIT else qos,
        )
        if name in of_partition:
            known = replace(known, nodes=frozenset(of_partition[name]))
        minutes = inf if longest in _NO_LIMIT else parse_time_to_minutes(longest)
        found[name] = known.capped(minutes, most)
    return found


def ask_partitions() -> dict[str, Partition]:
    """Ask Slurm for its partitions; none if it does not answer."""
    answers = []
    for what in ("partition", "node"):
        command = ["scontrol", "--all", "--oneliner", "show", what]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            return {}
        answers.append("" if done.returncode else done.stdout)
    return read_partitions(*answers)


def _fields(line: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(line):
        found.setdefault(name, value)  # free text (`Reason`, `Comment`) comes last
    return found


def _number(facts: Mapping[str, str], name: str, otherwise: float = inf) -> float:
    value = facts.get(name, "")
    return otherwise if value in _NO_LIMIT or not value.isdigit() else int(value)
