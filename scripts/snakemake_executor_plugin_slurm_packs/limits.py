"""What a cluster gives a job at most, and requests that are cut to it.

Slurm lets a job that asks for more time than its partition, account or QOS gives wait for ever,
and refuses one that asks for more memory than any node has. The second and third attempts of a job,
and packs, ask for a multiple of what one job needs: they get as much as there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fovscope.runtime.plan import gpus_of
from snakemake_executor_plugin_slurm_packs.accounts import Allowances
from snakemake_executor_plugin_slurm_packs.partitions import Partition, Wants


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


class Limits:
    """The partitions of a cluster, by what jobs say of where they go.

    Parameters
    ----------
    known : mapping of str to Partition
        What Slurm says.
    described : iterable of Partition
        Those among which jobs are distributed that name none.
    allowances : Allowances, optional
        What the user's account and quality of service give.
    """

    def __init__(
        self,
        known: Mapping[str, Partition] | None = None,
        described: Iterable[Partition] = (),
        allowances: Allowances | None = None,
    ) -> None:
        self.known = dict(known or {})
        self._allowances = allowances or Allowances()
        self._others = list(described) or [each for each in self.known.values() if each.is_default]

    def of(self, resources: Mapping[str, Any]) -> list[Partition]:
        """Return what it gets of the partitions to which it may go; none if nothing is known."""
        if any(resources.get(name) for name in ("slurm_cluster", "cluster", "clusters")):
            return []  # Slurm was asked for this cluster
        names = _names(resources)
        listed = [self.known[n] for n in names if n in self.known] if names else self._others
        return [self._allowances.capped(each, resources) for each in listed]

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
        where = ", ".join(each.name for each in partitions)
        physical = [self.known.get(each.name, each) for each in partitions]
        if any(each.memory_for(wants) > 0 for each in physical):
            return f"your account and QOS give less than {' and '.join(words)} in {where}"
        return f"no node of {where} has {' and '.join(words)}"

    def advice(self, resources: Mapping[str, Any]) -> str:
        """Name the partitions that give a job all that it asks for; empty without any."""
        wants = wants_of(resources)
        able = sorted(
            name
            for name, each in self.known.items()
            if holds([self._allowances.capped(each, resources)], wants)
        )
        return f"; these give it: {', '.join(able)}" if able else ""


def _names(resources: Mapping[str, Any]) -> list[str]:
    return [name for name in str(resources.get("slurm_partition") or "").split(",") if name]
