"""Snakemake's Slurm executor, with many small jobs in one Slurm job.

A model of a few megabytes neither fills a GPU nor is worth a place in a queue of its own. Jobs
of a rule that are ready together share a Slurm job when the rule has the resource ``pack``
(jobs to a Slurm job) and run there side by side, ``pack_at_once`` of them at a time. To
Snakemake each stays a job of its own: with its own outputs, log, benchmark, attempts and
fate. What failed is tried again alone, what ended well is kept, also when its Slurm job dies.
Groups of Snakemake do not do this: their members run one after another, each in a Snakemake
of its own, one failure ends the others, and a retry does all of them again.

Shortcomings of the executor below (2.8.0) are mended on the way: it waits for ever for jobs that
were cancelled (``CANCELLED by …``), that Slurm has forgotten or does not start again after a
preemption, or whose status it could not ask for long enough; it asks more and more rarely, gives
up a job when the controller or the accounting is away as it submits, and submits on after Ctrl-C.
"""

from __future__ import annotations

import json
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
_RUNNER = Path(__file__).with_name("run_pack.py")
_ADDED_UP = {"mem_mb", "mem_mib", "disk_mb", "disk_mib", "_cores"}
"""Resources of jobs that run side by side; GPUs are shared, everything else is one for all."""
_MAY_DIFFER = _ADDED_UP | {"mem", "disk", "runtime", "tmpdir"}
"""Resources in which the jobs of a pack may differ."""
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
    """

    def __init__(self, jobs: list[JobExecutorInterface], folder: Path) -> None:
        self.jobs = jobs
        self.folder = folder
        self.rule = jobs[0].rule
        self.name = self.jobid = self.rule.name
        self.at_once = min(jobs[0].resources.get("pack_at_once", 1), len(jobs))
        self._kept = dict(enumerate(jobs))

    @cached_property
    def resources(self) -> Any:  # noqa: ANN401
        """What the Slurm job asks for: as many of the largest member as run at a time."""
        values = dict(self.jobs[0].resources.items())
        rounds = -(-len(self.jobs) // self.at_once)
        for name, times in [*((name, self.at_once) for name in _ADDED_UP), ("runtime", rounds)]:
            if name in values:
                values[name] = times * max(job.resources.get(name) for job in self.jobs)
        return type(self.jobs[0].resources)(fromdict=values)

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
        # Before the thread that asks for the status starts.
        self._unanswered = self._stopping = False
        self._gathering = Lock()
        self._gathered: list[JobExecutorInterface] = []
        self._timer = Timer(0, self._submit_gathered)  # not started
        super().__init__(workflow, logger)

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
        for batch in _batches(jobs):
            folder = self.slurm_logdir / f"pack_{batch[0].rule.name}" / uuid4().hex[:8]
            submitted = Pack(batch, folder.absolute()) if len(batch) > 1 else batch[0]
            self._job_submission_executor.submit(self.run_job, submitted)

    def run_job(self, job: JobExecutorInterface | Pack) -> None:
        """Submit one Slurm job, once there is somebody to take it."""
        while not self._stopping and not _controller_answers():
            self.logger.warning("Slurm's controller does not answer; trying again.")
            time.sleep(_PAUSE)
        if not self._stopping:
            super().run_job(job)

    def get_account_arg(self, job: JobExecutorInterface | Pack) -> Iterator[str]:
        """Yield sbatch's option for the account; it is sbatch that knows whether it may be used.

        The executor below asks the accounting database first, which a cluster need not have, and
        fails jobs when it is down.
        """
        account = job.resources.get("slurm_account")
        yield f"-A {shlex.quote(str(account))}" if account else ""

    def format_job_exec(self, job: JobExecutorInterface | Pack) -> str:
        """Return the command of a job; of a pack one that runs the commands of its members."""
        if not isinstance(job, Pack):
            return super().format_job_exec(job)
        # Of an option that is given twice, Snakemake takes the last: no Slurm job step inside.
        commands = [
            f"{self.format_job_exec(member)} --executor local --cores {member.threads}"
            for member in job.jobs
        ]
        job.folder.mkdir(parents=True)
        (job.folder / "commands.json").write_text(json.dumps(commands))
        step = f"srun -n1 --cpu-bind=q {get_cpu_setting(job, bool(job.resources.get('gpu')))} "
        step += f"{get_gpu_setting(job)} --nodes=1"
        words = [sys.executable, str(_RUNNER), str(job.folder), str(job.at_once)]
        return f"{step} {shlex.join(words)}"

    # What became of it ------------------------------------------------------------------------

    def _report_job_submission_threadsafe(self, job_info: SubmittedJobInfo) -> None:
        for info in _members(job_info):
            super()._report_job_submission_threadsafe(info)

    def _report_job_error_threadsafe(self, job_info: SubmittedJobInfo, msg: str) -> None:
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
    return 1 if job.is_group() else max(1, job.resources.get("pack", 1))


def _batches(jobs: list[JobExecutorInterface]) -> Iterator[list[JobExecutorInterface]]:
    """Divide jobs into those that share a Slurm job; as even as possible."""
    alike = defaultdict(list)
    for job in jobs:
        shared = {k: v for k, v in job.resources.items() if k not in _MAY_DIFFER}
        alike[job.rule.name, frozenset(shared.items())].append(job)
    for batch in alike.values():
        number = -(-len(batch) // _pack_size(batch[0]))
        yield from (batch[start::number] for start in range(number))


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


def _controller_answers() -> bool:
    return subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0
