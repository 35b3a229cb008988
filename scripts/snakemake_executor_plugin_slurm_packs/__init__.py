"""Snakemake's Slurm executor, with many small jobs in one Slurm job.

A model of a few megabytes neither fills a GPU nor is worth a place in a queue of its own. Jobs
of a rule that are ready together share a Slurm job when the rule has the resource ``pack``
(jobs to a Slurm job) and run there side by side, ``pack_at_once`` of them at a time. To
Snakemake each stays a job of its own: with its own outputs, log, benchmark, attempts and
fate. What failed is tried again alone, what ended well is kept, also when its Slurm job dies.
Jobs that a process can do together, those with one ``stack_with``, run one after another where the
rule has the resource ``stack`` (jobs to a Slurm job): the first is told of the others in
``jobs.json``, named by the variable ``SLURM_PACKS_JOBS``, and may do their work. They share a GPU.
Groups of Snakemake do not do this: their members run one after another, each in a Snakemake
of its own, one failure ends the others, and a retry does all of them again.

Shortcomings of the executor below (2.8.0) are mended on the way: it waits for ever for jobs that
were cancelled (``CANCELLED by …``), that Slurm has forgotten or does not start again after a
preemption, that ask for more than their partition or account gives, or whose status it could not
ask for long enough; it asks more and more rarely, gives up a job when the controller or the
accounting is away as it submits, submits on after Ctrl-C, and inside a Slurm job forgets where
Slurm is.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock, Timer
from typing import Any
from uuid import uuid4

from snakemake_executor_plugin_slurm import Executor as SlurmExecutor
from snakemake_executor_plugin_slurm import ExecutorSettings, common_settings
from snakemake_executor_plugin_slurm.job_status_query import (
    query_job_status,
    query_job_status_sacct,
    query_job_status_squeue,
)
from snakemake_executor_plugin_slurm_jobstep import get_cpu_setting, get_gpu_setting
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from snakemake_executor_plugin_slurm_packs.accounts import ask_allowances
from snakemake_executor_plugin_slurm_packs.limits import Limits
from snakemake_executor_plugin_slurm_packs.partitions import Node, Partition, ask_partitions

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

ARRAYS_REFUSED = (
    "job arrays are refused: with snakemake-executor-plugin-slurm 2.8.0 each task of an array "
    "checks and deletes the outputs of the first task, and gets its memory and time. Leave "
    "--slurm-array-jobs out; the resources `pack` and `pack_at_once` put many jobs into one."
)
NO_SLURM = (
    "Slurm's commands are not here (no `scontrol` on PATH): work on the login node of a cluster, "
    "load its Slurm (`module load slurm`), or run here with --profile profiles/local."
)
NO_ANSWER = (
    "Slurm's commands do not know their cluster here. Work on its login node; where that is not "
    "enough, set SLURM_CONF to its slurm.conf. `scontrol ping` says:\n{said}"
)
_OF_SLURM = {"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT"}
"""Where Slurm is; other variables SLURM_… say in which job a process is."""
_RUNNER = Path(__file__).with_name("run_pack.py")
_ADDED_UP = {"mem_mb", "mem_mib", "disk_mb", "disk_mib", "_cores"}
"""Resources of jobs that run side by side; GPUs are shared, everything else is one for all."""
_MAY_DIFFER = _ADDED_UP | {"mem", "disk", "runtime", "tmpdir"}
"""Resources in which the jobs of a pack may differ, and, unless it is a stack, `stack_with`."""
_STATUS_COMMANDS = {"sacct": query_job_status_sacct, "squeue": query_job_status_squeue}
_FAILURES = {
    "BOOT_FAIL": "its node did not start",
    "CANCELLED": "somebody cancelled it, or Slurm did (`sacct -j … -o state,comment`)",
    "DEADLINE": "its deadline has passed",
    "FAILED": "the logs say why",
    "OUT_OF_MEMORY": "give its rule more `mem_mb`",
    "TIMEOUT": "give its rule more `runtime`",
}
"""States of a job that ended badly, and what to do."""
_MAY_START_AGAIN = ("PREEMPTED", "NODE_FAIL")
_QUEUED_AGAIN = 60.0
"""Seconds after which such a job waits in the queue again, if Slurm starts it again."""
_LEFT_OUT = 300.0
"""Seconds of answers without a job before others are asked: the accounting hears of it late."""
_WAITS = 300.0
"""Seconds after which it is said why a job waits."""
_USUAL = {"None", "Priority", "Dependency", "BeginTime", "Cleaning"}
"""Reasons to wait that pass."""
_REMEDIES = {
    "PartitionTimeLimit": "its `runtime` is longer than the partition gives",
    "Resources": "no node with what it asks for is free; if this lasts, let it ask for less",
    "BadConstraints": "no node has all that it asks for; see `constraint` and `gpu_model`",
    "ReqNodeNotAvail": "nodes are down or reserved, see `sinfo -R`",
    "Partition": "the partition is closed or too small, see `scontrol show partition`",
    "Assoc": "a limit of your account, see `sacctmgr show assoc where user=$USER`",
    "QOS": "a limit of the quality of service, see `sacctmgr show qos`",
    "JobHeld": "somebody holds it, see `scontrol release`",
}
"""What to do about other reasons, by how they begin."""
_REFUSED = re.compile(r"SLURM sbatch failed\. The error message was '(.*)'\.\n +sbatch call:", re.S)
_PATIENCE = 50.0
"""Seconds for an answer; the plugin below stops listening after 60 and lets the command hang."""
_PAUSE = 5.0
_GATHER = 5.0


class Pack:
    """Jobs of a rule that go into one Slurm job; to the executor below it is a group.

    Parameters
    ----------
    jobs : list of job
        With the same resources, but for memory, disk, cores and run time.
    folder : Path
        For the commands, logs and exit codes of the members, on the shared file system.
    limits : Limits, optional
        Of the cluster.
    """

    def __init__(
        self, jobs: list[JobExecutorInterface], folder: Path, limits: Limits | None = None
    ) -> None:
        self.jobs = jobs
        self.folder = folder
        self.rule = jobs[0].rule
        self.name = self.jobid = self.rule.name
        self._limits = limits or Limits()
        self.is_stack = _stack_size(jobs[0]) > 1
        self.at_once = _shape(jobs, self._limits, len(jobs))[1]
        self._kept = dict(enumerate(jobs))

    def __str__(self) -> str:
        return self.name

    @cached_property
    def asked(self) -> dict[str, Any]:
        """What its members want: as many of the largest as run at a time."""
        values = dict(self.jobs[0].resources.items())
        # The first job of a stack does the work of all, in the time of one.
        rounds = 1 if self.is_stack else -(-len(self.jobs) // self.at_once)
        for name, times in [*((name, self.at_once) for name in _ADDED_UP), ("runtime", rounds)]:
            if name in values:
                values[name] = times * max(job.resources.get(name) for job in self.jobs)
        return values

    @cached_property
    def gets(self) -> dict[str, int]:
        """What is less of it where the partition does not give as much."""
        return self._limits.cut(self.asked)

    @cached_property
    def resources(self) -> Any:  # noqa: ANN401
        """What the Slurm job asks for."""
        return type(self.jobs[0].resources)(fromdict=self.asked | self.gets)

    @property
    def threads(self) -> int:
        """Cores of the Slurm job."""
        return self.resources.get("_cores")

    def is_group(self) -> bool:
        """Say that this is no single job of Snakemake's."""
        return True

    def code(self, member: int) -> int | None:
        """Return the exit code of a member; None if it was not left to end, or to start."""
        if not self.folder.exists():  # it could not be submitted
            return None
        name = f"{member}.code"
        # Listing the folder makes a client of a file server ask for what is new.
        found = {path.name: path for path in self.folder.iterdir()}
        return int(found[name].read_text()) if name in found else None

    def log(self, member: int) -> Path:
        """Return where a member's Snakemake wrote."""
        return self.folder / f"{member}.log"

    def forget(self, member: int) -> None:
        """Delete what is left of a member that ended well; with the last, the folder."""
        for left in self.folder.glob(f"{member}.*"):
            left.unlink()
        self._kept.pop(member, None)
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)


class Executor(SlurmExecutor):
    """Submits to Slurm; see the module."""

    def __init__(self, workflow: Any, logger: Any) -> None:  # noqa: ANN401
        if workflow.executor_settings.array_jobs:
            raise WorkflowError(ARRAYS_REFUSED)
        if shutil.which("scontrol") is None:
            raise WorkflowError(NO_SLURM)
        _leave_job(logger)
        _check_configuration()
        # Before the thread that asks for the status starts.
        self._unanswered = self._stopping = False
        self._gathering = Lock()
        self._gathered: list[JobExecutorInterface] = []
        self._timer = Timer(0, self._submit_gathered)  # not started
        self._asked_why = -_WAITS
        self._told: set[tuple[str, str]] = set()
        super().__init__(workflow, logger)

    def __post_init__(self, test_mode: bool = False) -> None:
        """Ask Slurm what it gives, and compare what the rules ask for."""
        super().__post_init__(test_mode)
        known = ask_partitions()
        described = _described(self._partitions or (), known)
        self._limits = Limits(known, described, ask_allowances())
        if not known:
            self.logger.warning(
                "Slurm does not say what its partitions give; nothing is cut to it."
            )
        self._compare_with_limits()

    def _compare_with_limits(self) -> None:
        """Say which rules ask for more than there is; stop if Slurm will refuse their jobs."""
        refused, less = {}, {}
        for job in self.workflow.dag.needrun_jobs():
            if job.is_local or job.rule.name in refused:
                continue
            # Not `job.resources`, which are kept: most inputs are not there yet.
            asked = job.rule.expand_resources(
                job.wildcards_dict, job.input, attempt=1, skip_evaluation={"tmpdir"}
            )
            if why := self._limits.refusal(asked):
                refused[job.rule.name] = why + self._limits.advice(asked)
            elif gets := self._limits.cut(asked):
                what = _fewer(asked, gets) + self._limits.advice(asked)
                less.setdefault(job.rule.name, what)
                self._told |= {(job.rule.name, name) for name in gets}
        if refused:
            raise WorkflowError(
                "Slurm will refuse the jobs of some rules. Change their `slurm_partition`, "
                "`threads` or `gpu` in the profile; `sinfo -o '%P %l %c %m %G'` says what there "
                "is.\n  " + "\n  ".join(f"{rule}: {why}" for rule, why in refused.items())
            )
        if less:
            self.logger.warning(
                "Some rules ask for more than their partition, account or QOS gives, and will get "
                "that much. Where it is too little, name another `slurm_partition` or `qos` for "
                "them, or a smaller `runtime` or `mem_mb`, under `set-resources` of the "
                "profile:\n  " + "\n  ".join(f"{rule}: {what}" for rule, what in less.items())
            )

    # Submission -----------------------------------------------------------------------------

    def run_jobs(self, jobs: list[JobExecutorInterface]) -> None:
        """Submit jobs that are ready; what can be packed, once no more of it comes."""
        alone = [job for job in jobs if _pack_size(job) == 1]
        super().run_jobs(alone)
        gathered = [job for job in jobs if _pack_size(job) > 1]
        if not gathered:
            return
        for job in gathered:
            self.run_job_pre(job)
        # The members of a pack end together, but Snakemake hears of one after the other, and
        # hands over what builds on them bit by bit.
        with self._gathering:
            self._gathered += gathered
            self._timer.cancel()
            self._timer = Timer(_GATHER, self._submit_gathered)
            self._timer.daemon = True
            self._timer.start()

    def _submit_gathered(self) -> None:
        with self._gathering:
            jobs, self._gathered = self._gathered, []
        for batch in _batches(jobs, self._limits):
            folder = self.slurm_logdir / f"pack_{batch[0].rule.name}" / uuid4().hex[:8]
            pack = len(batch) > 1
            submitted = Pack(batch, folder.absolute(), self._limits) if pack else batch[0]
            self._job_submission_executor.submit(self.run_job, submitted)

    def run_job(self, job: JobExecutorInterface | Pack) -> None:
        """Submit one Slurm job, once there is somebody to take it."""
        while not self._stopping and not _controller_answers():
            self.logger.warning("Slurm's controller does not answer; trying again.")
            time.sleep(_PAUSE)
        if self._stopping:
            return
        gets = job.gets if isinstance(job, Pack) else self._limits.cut(job.resources)
        if new := {(job.rule.name, name) for name in gets} - self._told:
            self._told |= new
            asked = job.asked if isinstance(job, Pack) else job.resources
            self.logger.warning(f"Rule {job.rule.name} gets {_fewer(asked, gets)}.")
        if not isinstance(job, Pack):
            # In place, because a job is a key too; each attempt makes them anew.
            for name, value in gets.items():
                setattr(job.resources, name, value)
        super().run_job(job)

    def get_account_arg(self, job: JobExecutorInterface | Pack) -> Iterator[str]:
        """Yield sbatch's option for the account; it is sbatch that knows whether it may be used.

        The executor below asks the accounting database first, which a cluster need not have, and
        fails jobs when it is down.
        """
        account = job.resources.get("slurm_account")
        yield f"-A {shlex.quote(str(account))}" if account else ""

    def format_job_exec(self, job: JobExecutorInterface | Pack) -> str:
        """Return the command of a job; of a pack one that runs the commands of its members.

        The executor below starts one more Snakemake, which starts the step without SLURM_CONF.
        """
        if isinstance(job, Pack):
            commands = [self._format_inside_step(member) for member in job.jobs]
            job.folder.mkdir(parents=True)
            (job.folder / "commands.json").write_text(json.dumps(commands))
            if job.is_stack:
                described = [_described_job(member) for member in job.jobs]
                (job.folder / "jobs.json").write_text(json.dumps(described))
            words = [sys.executable, str(_RUNNER), str(job.folder), str(job.at_once)]
            return f"{_step(job)} {shlex.join(words)}"
        if job.is_group() or job.resources.get("mpi"):  # it starts its processes itself
            return super().format_job_exec(job)
        return f"{_step(job)} {self._format_inside_step(job)}"

    def _format_inside_step(self, job: JobExecutorInterface) -> str:
        # Of an option that is given twice, Snakemake takes the last: no Slurm job step inside.
        return f"{super().format_job_exec(job)} --executor local --cores {job.threads}"

    # What became of it ------------------------------------------------------------------------

    def _report_job_submission_threadsafe(self, job_info: SubmittedJobInfo) -> None:
        for info in _members(job_info):
            super()._report_job_submission_threadsafe(info)

    def _report_job_error_threadsafe(self, job_info: SubmittedJobInfo, msg: str) -> None:
        if refused := _REFUSED.match(msg):
            self.logger.debug(msg)
            said = [line.removeprefix("sbatch: error: ") for line in refused[1].splitlines()]
            msg = f"Slurm refuses it: {'; '.join(filter(None, said))}. "
        for info in _members(job_info):
            super()._report_job_error_threadsafe(info, msg)

    def report_job_success(self, job_info: SubmittedJobInfo) -> None:
        """Hear of a Slurm job that ended well."""
        self._settle(job_info, ended_well=True)

    def report_job_error(
        self,
        job_info: SubmittedJobInfo,
        msg: str | None = None,
        **more: Any,  # noqa: ANN401
    ) -> None:
        """Hear of a Slurm job that failed, or of a job that could not be submitted."""
        self._settle(job_info, msg, ended_well=False, **more)

    def _settle(
        self,
        job_info: SubmittedJobInfo,
        msg: str | None = None,
        *,
        ended_well: bool,
        aux_logs: Sequence[str] = (),
        **more: Any,  # noqa: ANN401
    ) -> None:
        """Report a job; of a member not what became of its Slurm job, but of itself."""
        pack, member = (job_info.aux or {}).get("member", (None, 0))
        if pack:
            code = pack.code(member)
            ended_well = code == 0 or (ended_well and code is None)
            if ended_well:
                pack.forget(member)
            elif code is not None:
                where = f"a pack, SLURM-job {job_info.external_jobid}"
                msg = f"It ended with exit code {code} in {where}. "
                aux_logs = [str(pack.log(member))]
        if ended_well:
            super().report_job_success(job_info)
        else:
            super().report_job_error(job_info, msg, aux_logs=list(aux_logs), **more)

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncIterator[SubmittedJobInfo]:
        """Report jobs that are over; yield those that are not, or of which nothing is known."""
        if not active_jobs:
            return
        states, lost = await self._ask(active_jobs)
        for info in active_jobs:
            # "CANCELLED by 0" is CANCELLED.
            state = states.get(info.external_jobid, "").partition(" ")[0]
            if state == "COMPLETED":
                if not self.workflow.executor_settings.keep_successful_logs:
                    info.aux["slurm_logfile"].unlink(missing_ok=True)
                self.report_job_success(info)
            elif state in _FAILURES or _lasts(
                info, "stopped", state in _MAY_START_AGAIN, _QUEUED_AGAIN
            ):
                remedy = _FAILURES.get(state, "Slurm does not start it again; see `PreemptMode`")
                self._report_end(info, f"ended as {state}: {remedy}")
            elif info.external_jobid in lost:
                self._report_end(info, "is over; neither squeue nor sacct knows how it ended")
            else:
                yield info
        await self._say_why_jobs_wait(active_jobs, states)

    async def _say_why_jobs_wait(
        self, jobs: list[SubmittedJobInfo], states: dict[str, str]
    ) -> None:
        """Name Slurm's reason where a job waits for long; once for each rule and reason."""
        waiting = {
            info.external_jobid: info.job.rule.name
            for info in jobs
            if _lasts(info, "waits", states.get(info.external_jobid) == "PENDING", _WAITS)
        }
        if not waiting or time.monotonic() - self._asked_why < _WAITS:
            return
        self._asked_why = time.monotonic()
        query = f"timeout {_PATIENCE} squeue --noheader --states=PENDING --name {self.run_uuid}"
        async with self.status_rate_limiter:
            answer = await query_job_status(f"{query} --format='%i|%r'", self.logger)
        for number, reason in (answer[0] or {}).items():
            told = waiting.get(number, ""), reason
            if number not in waiting or reason in _USUAL or told in self._told:
                continue
            self._told.add(told)
            remedy = next((text for name, text in _REMEDIES.items() if reason.startswith(name)), "")
            self.logger.warning(
                f"Rule {waiting[number]} waits (SLURM-job {number}, and perhaps more): Slurm says "
                f"{reason}" + (f": {remedy}." if remedy else ".")
            )

    async def _ask(self, jobs: list[SubmittedJobInfo]) -> tuple[dict[str, str], set[str]]:
        """Return the states of jobs by Slurm's ids, and the ids of which Slurm knows nothing."""
        command = self.get_status_command()
        states = await self._states(command)
        if (states is None) != self._unanswered:
            self._unanswered = states is None
            answer = "does not say" if self._unanswered else "says again"
            self.logger.warning(f"Slurm {answer} how {len(jobs)} jobs are.")
        # Without an answer no job is left out of it.
        known = {info.external_jobid for info in jobs} if states is None else states.keys()
        states = states or {}
        unclear = {
            info.external_jobid
            for info in jobs
            if _lasts(info, "left out", info.external_jobid not in known, _LEFT_OUT)
            or states.get(info.external_jobid) in _MAY_START_AGAIN
        }
        if not unclear:
            return states, unclear
        # squeue forgets what has ended (`MinJobAge`). The accounting loses jobs, and does not say
        # of one that was stopped whether it waits in the queue again.
        answers = {command: states}
        for other in _STATUS_COMMANDS.keys() - answers.keys():
            answers[other] = await self._states(other)
        states = (answers["sacct"] or {}) | (answers["squeue"] or {})
        if answers["squeue"] is None:  # they may be there
            return {number: states[number] for number in states.keys() - unclear}, set()
        return states, unclear - states.keys()

    async def _states(self, command: str) -> dict[str, str] | None:
        """Ask `sacct` or `squeue` how the jobs of this run are; None if it does not answer."""
        async with self.status_rate_limiter:
            query = f"timeout {_PATIENCE} {_STATUS_COMMANDS[command](self.run_uuid)}"
            return (await query_job_status(query, self.logger))[0]

    def _report_end(self, info: SubmittedJobInfo, how: str) -> None:
        logs = [str(info.aux["slurm_logfile"])]
        self.report_job_error(info, f"SLURM-job '{info.external_jobid}' {how}. ", aux_logs=logs)

    def cancel(self) -> None:
        """Submit nothing more and cancel what was submitted."""
        self._stopping = True
        self._timer.cancel()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        super().cancel()


def _pack_size(job: JobExecutorInterface) -> int:
    if job.is_group():
        return 1
    stack = _stack_size(job)
    return stack if stack > 1 else max(1, job.resources.get("pack", 1))


def _stack_size(job: JobExecutorInterface) -> int:
    """Return how many jobs one process may do; on a CPU, which is busy with one, just this one."""
    wants = job.resources.get
    on_gpu = wants("gpu", 0) or "gpu" in str(wants("gres", ""))
    return wants("stack", 1) if wants("stack_with", "") and on_gpu else 1


def _described_job(job: JobExecutorInterface) -> dict[str, Any]:
    """Return what a script knows of a job, as plain values."""
    files = {"input": job.input, "output": job.output}
    others = {"params": job.params, "wildcards": job.wildcards}
    return {
        kind: {"values": list(each) if kind in files else [], "names": dict(each.items())}
        for kind, each in (files | others).items()
    }


def _shape(jobs: Sequence[JobExecutorInterface], limits: Limits, size: int) -> tuple[int, int]:
    """Return how many of these jobs share a Slurm job, and how many of them run at a time."""
    if _stack_size(jobs[0]) > 1:
        return size, 1
    at_once = max(1, min(jobs[0].resources.get("pack_at_once", 1), size))
    return limits.shape([job.resources for job in jobs], size, at_once)


def _batches(
    jobs: list[JobExecutorInterface], limits: Limits | None = None
) -> Iterator[list[JobExecutorInterface]]:
    """Divide jobs into those that share a Slurm job; as even as possible."""
    limits = limits or Limits()
    alike = defaultdict(list)
    for job in jobs:
        may_differ = _MAY_DIFFER if _stack_size(job) > 1 else _MAY_DIFFER | {"stack_with"}
        shared = {k: v for k, v in job.resources.items() if k not in may_differ}
        alike[job.rule.name, frozenset(shared.items())].append(job)
    for batch in alike.values():
        number = -(-len(batch) // _shape(batch, limits, _pack_size(batch[0]))[0])
        yield from (batch[start::number] for start in range(number))


def _step(job: JobExecutorInterface | Pack) -> str:
    """Return the beginning of the command that runs a job inside its Slurm job."""
    cores = get_cpu_setting(job, bool(job.resources.get("gpu")))
    return f"srun -n1 --cpu-bind=q {cores} {get_gpu_setting(job)} --nodes=1"


def _members(job_info: SubmittedJobInfo) -> list[SubmittedJobInfo]:
    """Return what is to be known of each job of a pack, or of the one job."""
    pack = job_info.job
    if not isinstance(pack, Pack):
        return [job_info]
    return [
        SubmittedJobInfo(
            job, job_info.external_jobid, (job_info.aux or {}) | {"member": (pack, number)}
        )
        for number, job in enumerate(pack.jobs)
    ]


def _lasts(info: SubmittedJobInfo, what: str, is_so: bool, seconds: float) -> bool:
    """Whether something was so of a job each time in the last seconds."""
    if not is_so:
        info.aux.pop(what, None)
        return False
    return time.monotonic() - info.aux.setdefault(what, time.monotonic()) >= seconds


def _described(described: Sequence[Any], known: dict[str, Partition]) -> Iterator[Partition]:
    """Return the partitions among which jobs are distributed, as the user describes them."""
    for each in described:
        limits = each.limits
        most = Node(limits.max_mem_mb, limits.max_threads, limits.max_gpu)
        yield known.get(each.name, Partition(each.name)).capped(limits.max_runtime, most)


def _fewer(asked: Any, gets: dict[str, int]) -> str:  # noqa: ANN401
    """Say what a job gets instead of what it asks for."""
    units = {"runtime": "minutes", "mem_mb": "MB"}
    where = asked.get("slurm_partition") or "the default partition"
    parts = [f"{least} of {asked.get(name)} {units[name]}" for name, least in gets.items()]
    return f"{' and '.join(parts)} ({where})"


def _leave_job(logger: Any) -> None:  # noqa: ANN401
    """Forget the Slurm job in which Snakemake runs, if it does, but not where Slurm is."""
    if "SLURM_JOB_ID" not in os.environ:
        return
    logger.warning(
        "Snakemake runs inside a Slurm job and ends with it, at its time limit too. The login node "
        "is the better place."
    )
    for name in os.environ.keys() - _OF_SLURM:
        if name.startswith(("SLURM_", "SRUN_")):
            del os.environ[name]


def _check_configuration() -> None:
    """Make sure that Slurm's commands know of a controller, which may be down for now."""
    ping = subprocess.run(["scontrol", "ping"], capture_output=True, text=True)
    if ping.returncode and "Slurmctld" not in ping.stdout:
        raise WorkflowError(NO_ANSWER.format(said=(ping.stderr or ping.stdout).strip()))


def _controller_answers() -> bool:
    return subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0
