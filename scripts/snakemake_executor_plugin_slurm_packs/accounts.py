"""What a user's account and quality of service (QOS) give a job at most, where Slurm enforces it.

Slurm lets a job that asks for more wait for ever (``AssocMaxWallDurationPerJobLimit``,
``QOSMaxMemoryPerJob``), or refuses it where the QOS says ``DenyOnLimit``. Of a limit that is set
at several places the first one counts: the QOS of the partition, that of the job, the association
of user and account (Slurm, "Resource Limits", hierarchy). The limits of partition and nodes hold
besides.
"""

from __future__ import annotations

import getpass
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from snakemake_executor_plugin_slurm.utils import parse_time_to_minutes

from snakemake_executor_plugin_slurm_packs.partitions import Node, Partition

_QOS_FIELDS = "name,maxwall,maxtres,maxtresperuser,grptres"
_ASSOCIATION_FIELDS = "defaultaccount,account,partition,defaultqos,maxwall,maxtres,grptres"
_ENFORCED = re.compile(r"^AccountingStorageEnforce\s*=\s*(\S+)", re.MULTILINE)
_UNITS = {"": 1, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
_USUAL = "normal"
"""The QOS of a job where nobody has set another one."""
_PATIENCE = 20.0


@dataclass(frozen=True)
class Allowance:
    """What a job gets at most.

    Parameters
    ----------
    minutes : float
    most : Node
        Memory, cores and GPUs of all its nodes together.
    """

    minutes: float = inf
    most: Node = field(default_factory=Node)

    def or_else(self, other: Allowance) -> Allowance:
        """Return these limits, and those of another where there are none."""

        def first(one: float, two: float) -> float:
            return two if one == inf else one

        mine, theirs = self.most, other.most
        most = Node(
            first(mine.mem_mb, theirs.mem_mb),
            first(mine.cores, theirs.cores),
            first(mine.gpus, theirs.gpus),
        )
        return Allowance(first(self.minutes, other.minutes), most)


@dataclass(frozen=True)
class Association:
    """What a user may do in an account, in one partition or in all (an empty name)."""

    account: str
    partition: str
    default_qos: str
    allowance: Allowance
    is_default: bool


class Allowances:
    """The associations of a user, and the qualities of service.

    Parameters
    ----------
    associations, qos : str
        What ``sacctmgr --noheader --parsable2 show user … withassoc`` and ``… show qos`` print,
        with the fields that are asked for here.
    """

    def __init__(self, associations: str = "", qos: str = "") -> None:
        self._associations = [
            _association(cells) for cells in _rows(associations, _ASSOCIATION_FIELDS)
        ]
        self._qos = {name: _allowance(*limits) for name, *limits in _rows(qos, _QOS_FIELDS)}

    def capped(self, partition: Partition, resources: Mapping[str, Any]) -> Partition:
        """Return a partition with what a job with these resources gets of it."""
        account = str(resources.get("slurm_account") or "")
        association = self._association(account, partition.name)
        asked = str(resources.get("qos") or association.default_qos or _USUAL)
        nothing = Allowance()
        allowance = (
            self._qos.get(partition.qos, nothing)
            .or_else(self._qos.get(asked, nothing))
            .or_else(association.allowance)
        )
        return partition.capped(allowance.minutes, allowance.most)

    def _association(self, account: str, partition: str) -> Association:
        """Return what holds of a user in an account and a partition."""
        fitting = [
            each
            for each in self._associations
            if each.partition in ("", partition)
            and (each.account == account if account else each.is_default)
        ]
        # One for the partition goes before that for all.
        return max(
            fitting,
            key=lambda each: each.partition,
            default=Association("", "", "", Allowance(), True),
        )


def ask_allowances() -> Allowances:
    """Ask Slurm what the user is given; nothing is known where no limits are enforced."""
    enforced = _ENFORCED.search(_answer("scontrol", "show", "config"))
    if not enforced or not {"limits", "safe", "all"} & set(enforced[1].lower().split(",")):
        return Allowances()
    show = ("sacctmgr", "--noheader", "--parsable2", "show")
    user = _answer(*show, "user", getpass.getuser(), "withassoc", f"format={_ASSOCIATION_FIELDS}")
    return Allowances(user, _answer(*show, "qos", f"format={_QOS_FIELDS}"))


def _answer(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    except (FileNotFoundError, subprocess.TimeoutExpired):  # no accounting, or none that answers
        return ""
    return "" if done.returncode else done.stdout


def _rows(printed: str, fields: str) -> list[list[str]]:
    rows = [line.split("|") for line in printed.splitlines()]
    return [cells for cells in rows if len(cells) == len(fields.split(","))]


def _association(cells: list[str]) -> Association:
    usual, account, partition, qos, *limits = cells
    return Association(account, partition, qos, _allowance(*limits), account == usual)


def _allowance(wall: str, *tres: str) -> Allowance:
    """Return the smallest of some limits on resources (``cpu=16,mem=64G,gres/gpu=2``), and time."""
    most = Node()
    for text in tres:
        given = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        memory = re.fullmatch(r"([\d.]+)([KMGT]?)", given.get("mem", ""))
        most = most.capped(
            Node(
                mem_mb=float(memory[1]) * _UNITS[memory[2]] if memory else inf,
                cores=float(given.get("cpu", inf)),
                gpus=float(given.get("gres/gpu", inf)),
            )
        )
    return Allowance(parse_time_to_minutes(wall) if wall else inf, most)
