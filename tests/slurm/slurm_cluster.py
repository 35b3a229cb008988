"""A real Slurm cluster of one machine, thrown away after use.

Everything lies in one folder: keys, sockets, state, spool, logs, fake GPUs, a database. The
daemons run in the foreground as children of this process, each on free ports, so that no
system service is touched and exactly what was started is stopped. Several `slurmd` play the
nodes. A job is known by its environment, whose PATH begins with the folder of the cluster.
Slurm knows its processes by their tree and loses those that start while their parent is killed,
and those whose parent is gone; cgroups, which real clusters have, need systemd, and process
groups (`proctrack/pgid`) do not end as long as the dead in them are not reaped.

Needs root, Linux and Debian's packages `slurmctld slurmd slurm-client munge`, and
`slurmdbd mariadb-server` for the accounting.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "slurmdbd", "mariadbd", "mariadb-install-db")
QUESTIONS = ("squeue", "sacct", "sinfo", "sshare")
ORDERS = ("sbatch", "srun", "scancel", "scontrol", "sacctmgr")
CPU_NODES, GPU_NODES = ("cpu1", "cpu2"), ("gpu1", "gpu2")
ACCOUNT, POOR = "default", "poor"
BY_SLURM = {"CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"}  # ends of a job

SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ctld}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
MinJobAge=600
JobRequeue=1
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
SlurmdTimeout=10
SlurmctldTimeout=10
SchedulerParameters=sched_interval=5,batch_sched_delay=1,bf_interval=5
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,limits
AccountingStoreFlags=job_comment
"""

SLURMDBD_CONF = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={dbd}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
"""


def why_not() -> str:
    """Say why there can be no cluster here; empty if there can."""
    if os.geteuid() != 0:
        return "a Slurm cluster for tests needs root"
    missing = [program for program in NEEDED if _program(program) is None]
    if missing:
        return (
            f"Slurm is not installed (no {', '.join(missing)}): apt-get install "
            "--no-install-recommends slurmctld slurmd slurm-client munge slurmdbd mariadb-server"
        )
    return ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, seconds: float, what: str):
    """Return the first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s: {what}")
        time.sleep(0.2)


class Cluster:
    """The daemons, and the commands of an administrator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen] = {}
        self.ports = {name: free_port() for name in ("ctld", "dbd", "sql", *CPU_NODES, *GPU_NODES)}
        self.bin = folder / "bin"
        self.env = os.environ | {"PATH": f"{self.bin}:{os.environ['PATH']}:/usr/sbin:/sbin"}

    # Life ---------------------------------------------------------------------------------

    def start(self) -> None:
        self._write_files()
        self._start("munged", "--foreground", "--force", *self._munge_files())
        wait_until((self.folder / "munge.socket").exists, 60, "munged has no socket")
        self._start_database()
        self.start_slurmdbd()
        self.start_slurmctld()
        for node in CPU_NODES + GPU_NODES:
            self.start_node(node)
        wait_until(lambda: self.states() == {"idle"}, 180, "the nodes are not idle")
        for account, limit in ((ACCOUNT, []), (POOR, ["MaxWall=1"])):
            self.admin("sacctmgr", "-i", "add", "account", account, *limit)
            self.admin("sacctmgr", "-i", "add", "user", "root", f"account={account}")

    def mend(self) -> None:
        """Start what a test left dead."""
        if "slurmdbd" not in self.running:
            self.start_slurmdbd()
        if "slurmctld" not in self.running:
            self.start_slurmctld()
        for node in CPU_NODES + GPU_NODES:
            if node not in self.running:
                self.start_node(node)

    def stop(self) -> None:
        """End jobs, then daemons, in the opposite order of their start."""
        self.clear()
        for name in [name for name in reversed(self.running) if name != "munged"]:
            self.end(name)
        self.end("munged")
        self.clear()

    def clear(self) -> list[str]:
        """End all jobs, and kill what still runs of them; return what that was."""
        ended = []
        if "slurmctld" in self.running:
            self.call("scancel", "--user=root", check=False)
        for pid in self.processes():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                ended.append(f"{pid}, child of {_parent(pid)}: {command}")
                os.kill(pid, signal.SIGKILL)
        return ended

    def _start(self, name: str, *arguments: str, label: str = "") -> None:
        label = label or name
        with (self.folder / f"{label}.log").open("ab") as log:
            self.running[label] = subprocess.Popen(
                # A daemon goes with the tests, also when these are killed.
                ["setpriv", "--pdeathsig", "TERM", _program(name), *map(str, arguments)],
                cwd=self.folder,
                env=self.env | {"SLURM_CONF": str(self.folder / "slurm.conf")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self, label: str, how: int = signal.SIGTERM) -> None:
        process = self.running.pop(label, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def bare(self) -> dict[str, str]:
        """Variables with which the clients are those of a cluster that is known by SLURM_CONF."""
        return {"BARE": "1", "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start_slurmctld(self) -> None:
        self._start("slurmctld", "-D", "-f", self.folder / "slurm.conf")
        self._wait_for("scontrol", "ping")

    def start_slurmdbd(self) -> None:
        self._start("slurmdbd", "-D")
        self._wait_for("sacctmgr", "-n", "list", "cluster")

    def start_node(self, node: str) -> None:
        self._start("slurmd", "-D", "-N", node, "-f", self.folder / "slurm.conf", label=node)

    def kill_node(self, node: str) -> None:
        """`kill -9` of all processes of a node, as when its power fails."""
        self.end(node, signal.SIGKILL)
        jobs = self.processes(f"SLURMD_NODENAME={node}")
        # First those who would tell the controller how their jobs ended.
        keepers = {_parent(pid) for pid in jobs} - set(jobs)
        for pid in keepers:
            if _name(pid) == "slurmstepd":
                os.kill(pid, signal.SIGKILL)
        while jobs:  # some may just be starting
            for pid in jobs:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            jobs = self.processes(f"SLURMD_NODENAME={node}")

    def _wait_for(self, *command: str) -> None:
        wait_until(
            lambda: self.call(*command, check=False).returncode == 0,
            180,
            f"no answer to {' '.join(command)}; see {self.folder}/*.log",
        )

    def _munge_files(self) -> list[str]:
        names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed"}
        return [f"--{option}={self.folder}/munge.{name}" for option, name in names.items()]

    def _start_database(self) -> None:
        data = self.folder / "database"
        command = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}"]
        command += ["--user=root", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(command, check=True, capture_output=True, timeout=180)
        server = f"{self.folder}/sql.socket"
        self._start(
            *("mariadbd", "--no-defaults", "--user=root", f"--datadir={data}"),
            *(f"--socket={server}", "--bind-address=127.0.0.1", f"--port={self.ports['sql']}"),
            *(f"--pid-file={self.folder}/mariadbd.pid", "--innodb-buffer-pool-size=16M"),
        )
        statements = (
            "create user slurm@'127.0.0.1' identified by 'slurm';"
            "create database slurm; grant all on slurm.* to slurm@'127.0.0.1';"
        )
        client = ["mariadb", "--no-defaults", f"--socket={server}", "--user=root"]
        wait_until(
            lambda: (
                subprocess.run([*client, "-e", "select 1"], capture_output=True).returncode == 0
            ),
            180,
            "the database does not answer",
        )
        subprocess.run([*client, "-e", statements], check=True, capture_output=True, timeout=60)

    def _write_files(self) -> None:
        folder = self.folder
        folder.chmod(0o755)  # munged refuses a folder that others cannot enter
        for name in ("bin", "state", *(f"spool/{node}" for node in CPU_NODES + GPU_NODES)):
            (folder / name).mkdir(parents=True)
        # The jobstep plugin takes SLURM_CONF away from what it starts, where tests let it be given.
        for client in QUESTIONS + ORDERS:
            wrapper = self.bin / client
            wrapper.write_text(
                f'#!/bin/sh\n[ "$BARE" ] || export SLURM_CONF={folder}/slurm.conf\n'
                f'exec {_program(client)} "$@"\n'
            )
            wrapper.chmod(0o755)
        _write_secret(folder / "munge.key", os.urandom(128))
        # Slurm knows a GPU by its device: two for each node, which nobody opens.
        for number in range(2):
            os.mknod(folder / f"gpu{number}", 0o600 | 0o020000, os.makedev(1, 3))
        host = socket.gethostname()
        values = {"folder": folder, "host": host} | self.ports
        lines = [SLURM_CONF.format(**values)]
        for node in CPU_NODES + GPU_NODES:
            gres = "Gres=gpu:a100:2 Feature=big" if node in GPU_NODES else "Feature=small"
            lines.append(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={self.ports[node]} "
                f"CPUs=8 RealMemory=32000 {gres}"
            )
        cpu, gpu = ",".join(CPU_NODES), ",".join(GPU_NODES)
        lines += [
            f"PartitionName=cpu Nodes={cpu} PriorityTier=1 MaxTime=1-0 Default=YES",
            f"PartitionName=gpu Nodes={gpu} PriorityTier=1 MaxTime=1-0",
            f"PartitionName=spare Nodes={cpu} PriorityTier=1 MaxTime=1-0 PreemptMode=cancel",
            f"PartitionName=short Nodes={cpu} PriorityTier=1 MaxTime=5 MaxMemPerNode=8000",
            f"PartitionName=urgent Nodes={cpu},{gpu} PriorityTier=9 MaxTime=1-0 PreemptMode=off",
        ]
        (folder / "slurm.conf").write_text("\n".join(lines) + "\n")
        (folder / "gres.conf").write_text(
            f"NodeName=gpu[1-2] Name=gpu Type=a100 File={folder}/gpu[0-1]\n"
        )
        _write_secret(folder / "slurmdbd.conf", SLURMDBD_CONF.format(**values).encode())

    # Questions and orders -----------------------------------------------------------------

    def call(self, *command: str, check: bool = True, seconds: float = 60):
        """Run a client; each has a time limit, because it waits for dead daemons."""
        command = [self.bin / command[0], *command[1:]]
        return subprocess.run(
            command, env=self.env, text=True, capture_output=True, check=check, timeout=seconds
        )

    def admin(self, *command: str) -> str:
        return self.call(*command).stdout

    def states(self) -> set[str]:
        return set(self.call("sinfo", "-h", "-o", "%T", check=False).stdout.split())

    def jobs(self) -> dict[str, tuple[str, str]]:
        """What a job is (the executor's comment) → its id and state, of what waits or runs."""
        lines = self.admin("squeue", "-h", "-o", "%k %i %T").splitlines()
        return {what: (number, state) for what, number, state in map(str.split, lines)}

    def wait_for(self, what: str, state: str, seconds: float = 120) -> str:
        """Wait until a job is in a state and return its id."""
        wait_until(
            lambda: self.jobs().get(what, ("", ""))[1] == state,
            seconds,
            f"{what} is not {state}",
        )
        return self.jobs()[what][0]

    def history(self, *columns: str) -> list[list[str]]:
        """What the accounting knows of all jobs, also of those that were started again."""
        form = ",".join(columns)
        since = "--starttime=now-1day"  # by itself since midnight, which may pass during a test
        text = self.admin("sacct", "-X", "-n", "-P", "--duplicates", since, f"--format={form}")
        return [line.split("|") for line in text.splitlines()]

    def processes(self, variable: str = "") -> list[int]:
        """Return the processes of jobs and clients; those of one node by its variable."""
        return [
            pid
            for pid, environment in self._environments()
            if not variable or variable.encode() in environment
        ]

    def left_behind(self) -> list[int]:
        """Return the processes of clients, and of jobs that ended by themselves."""
        history = self.history("JobIDRaw", "State")
        killed = {number for number, state in history if state.split()[0] in BY_SLURM}
        of_killed = {f"SLURM_JOB_ID={number}".encode() for number in killed}
        return [
            pid for pid, environment in self._environments() if of_killed.isdisjoint(environment)
        ]

    def _environments(self) -> list[tuple[int, list[bytes]]]:
        """Return the processes of this cluster, each with its environment."""
        found = []
        started = {process.pid for process in self.running.values()} | {os.getpid()}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            mine = any(entry.startswith(f"PATH={self.bin}:".encode()) for entry in environment)
            if mine and int(folder.name) not in started:
                found.append((int(folder.name), environment))
        return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
