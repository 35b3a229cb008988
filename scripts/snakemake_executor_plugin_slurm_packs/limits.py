"""What the partitions of a cluster give a job at most, and requests that are cut to it.

Slurm lets a job that asks for more time than its partition gives wait for ever, and refuses one
that asks for more memory than any node has. The second and third attempts of a job, and packs, ask
for a multiple of what one job needs: they get as much as there is.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

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


def holds(partitions: Sequence[Partition], wants: Wants) -> bool:
    """Whether one of the partitions gives a job what it wants; yes if nothing is known of them."""
    return not partitions or any(
        wants.minutes <= each.minutes
        and wants.mem_mb <= each.memory_for(wants)
        and each.memory_for(wants) > 0
        for each in partitions
    )


def cut(partitions: Sequence[Partition], wants: Wants) -> Wants:
    """Return the part of a request that the partition gives that has to cut least of it.

    Cores and GPUs are not cut: where no node has them, the request comes back as it is.
    """
    able = [each for each in partitions if each.memory_for(wants) > 0]
    if holds(partitions, wants) or not able:
        return wants
    parts = [
        replace(
            wants,
            minutes=min(wants.minutes, each.minutes),
            mem_mb=min(wants.mem_mb, each.memory_for(wants)),
        )
        for each in able
    ]
    return max(
        parts,
        key=lambda part: (
            (part.minutes / wants.minutes if wants.minutes else 1)
            * (part.mem_mb / wants.mem_mb if wants.mem_mb else 1)
        ),
    )


def wants_of(resources: Mapping[str, Any]) -> Wants:
    """Return what a job asks for by its resources.

    Parameters
    ----------
    resources : mapping
        As Snakemake has them (its `ResourceList` will do).
    """

    def number(name: str) -> float:
        value = resources.get(name)
        return value if isinstance(value, int | float) else 0  # others are not yet known

    gpus = number("gpu") or gpus_of(str(resources.get("gres") or ""))
    return Wants(
        minutes=number("runtime"),
        mem_mb=0 if resources.get("mem_mb_per_cpu") else number("mem_mb"),
        cores=int(number("cpus_per_task") or number("_cores") or 1),
        # Of one node, where a job may be spread over many.
        gpus=1 if gpus and (resources.get("nodes") or resources.get("tasks")) else int(gpus),
    )


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
        known = Partition(name, is_default=facts.get("Default") == "YES")
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


class Limits:
    """The partitions of a cluster, by what jobs say of where they go.

    Parameters
    ----------
    known : mapping of str to Partition
        What Slurm says.
    described : iterable of Partition
        Those among which jobs are distributed that name none.
    """

    def __init__(
        self, known: Mapping[str, Partition] | None = None, described: Iterable[Partition] = ()
    ) -> None:
        self.known = dict(known or {})
        self._others = list(described) or [each for each in self.known.values() if each.is_default]

    def of(self, resources: Mapping[str, Any]) -> list[Partition]:
        """Return the partitions to which a job may go; none if nothing is known of them."""
        if any(resources.get(name) for name in ("slurm_cluster", "cluster", "clusters")):
            return []  # Slurm was asked for this cluster
        names = _names(resources)
        return [self.known[name] for name in names if name in self.known] if names else self._others

    def cut(self, resources: Mapping[str, Any]) -> dict[str, int]:
        """Return the resources of which a job gets less than it asks for, with what it gets."""
        wants = wants_of(resources)
        gets = cut(self.of(resources), wants)
        pairs = {"runtime": (wants.minutes, gets.minutes), "mem_mb": (wants.mem_mb, gets.mem_mb)}
        return {name: int(least) for name, (asked, least) in pairs.items() if least < asked}

    def shape(
        self, resources: Sequence[Mapping[str, Any]], size: int, at_once: int
    ) -> tuple[int, int]:
        """Return how many jobs may share a Slurm job, and how many of these run at a time.

        Parameters
        ----------
        resources : sequence of mapping
            Of the jobs.
        size, at_once : int
            The same as wished.
        """
        partitions = self.of(resources[0])
        each = [wants_of(one) for one in resources]
        largest = replace(
            each[0],
            minutes=max(one.minutes for one in each),
            mem_mb=max(one.mem_mb for one in each),
            cores=max(one.cores for one in each),
        )
        largest = cut(partitions, largest)
        while at_once > 1 and not holds(partitions, replace(largest, minutes=0).times(at_once)):
            at_once -= 1
        rounds = -(-size // at_once)
        while rounds > 1 and not holds(partitions, largest.times(at_once, rounds)):
            rounds -= 1
        return min(size, rounds * at_once), at_once

    def refusal(self, resources: Mapping[str, Any]) -> str:
        """Say why Slurm will refuse a job in any case; empty if nothing is known against it."""
        unknown = [name for name in _names(resources) if name not in self.known]
        partitions = self.of(resources)
        if self.known and unknown and not partitions:
            return f"there is no partition {unknown[0]}, but {', '.join(sorted(self.known))}"
        wants = wants_of(resources)
        if not partitions or any(each.memory_for(wants) > 0 for each in partitions):
            return ""
        asked = [(wants.cores, "core"), (wants.gpus, "GPU")]
        words = [f"{n} {what}{'s' if n > 1 else ''}" for n, what in asked if n]
        return f"no node of {', '.join(each.name for each in partitions)} has {' and '.join(words)}"

    def advice(self, resources: Mapping[str, Any]) -> str:
        """Name the partitions that give a job all that it asks for; empty without any."""
        wants = wants_of(resources)
        able = sorted(name for name, each in self.known.items() if holds([each], wants))
        return f"; these give it: {', '.join(able)}" if able else ""


def _names(resources: Mapping[str, Any]) -> list[str]:
    return [name for name in str(resources.get("slurm_partition") or "").split(",") if name]


def _fields(line: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(line):
        found.setdefault(name, value)  # free text (`Reason`, `Comment`) comes last
    return found


def _number(facts: Mapping[str, str], name: str, otherwise: float = inf) -> float:
    value = facts.get(name, "")
    return otherwise if value in _NO_LIMIT or not value.isdigit() else int(value)
