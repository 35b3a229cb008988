"""Snakemake and its jobs as forks of processes that have imported what they need.

Three of four seconds of a small job are imports of libraries, and it is the same with a plan. Here
they are paid for once. Nothing of fovscope is kept from one process to the next. What is about
signals, or about how a process starts, is run without this module; so is one whole study.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

OURS = ("fovscope", "snakemake_executor_plugin_slurm_packs")
OF_PLANS = ("snakemake.cli",)  # and no more: what plans import is tested
OF_JOBS = (
    *("snakemake.script", "numpy", "pandas", "pyarrow.parquet", "scipy.stats", "scipy.ndimage"),
    *("sklearn.ensemble", "sklearn.neural_network", "sklearn.svm", "sklearn.inspection"),
    *("sklearn.neighbors", "sklearn.covariance", "sklearn.random_projection", "xgboost"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
    *("torch", "timm", "safetensors.torch", "zarr", "skimage.measure", "skimage.filters"),
    *("PIL.Image", "tifffile", "imagecodecs", "jinja2", "threadpoolctl"),
)
# Takes the place of Python in the jobs of a run: gives the script to the server, ends as it does.
CLIENT = """#!{python} -SE
import json, os, signal, socket, sys
if not sys.argv[1].endswith(".py"):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = {{"script": sys.argv[1], "folder": os.getcwd(), "env": dict(os.environ)}}
socket.send_fds(server, [json.dumps(request).encode() + b"\\n"], [0, 1, 2])
answers = server.makefile()
job = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.kill(job, number))
sys.exit(int(answers.readline()))
"""


def snakemake(
    arguments: Sequence[str | Path],
    folder: Path,
    env: Mapping[str, str],
    *,
    together: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder; `together` puts what it says on stderr into stdout."""
    with TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "out" if together else "err")
        words = list(map(str, arguments))
        request = {"arguments": words, "folder": str(folder), "env": dict(env)}
        server, _ = _server()
        print(json.dumps(request | {"out": str(out), "err": str(err)}), file=server.stdin)
        server.stdin.flush()
        code = int(server.stdout.readline())
        said = "" if together else err.read_text()
        return subprocess.CompletedProcess(words, code, out.read_text(), said)


@cache
def _server() -> tuple[subprocess.Popen[str], TemporaryDirectory]:
    """Start the server of plans; it ends with the tests, which closes its standard input."""
    place = TemporaryDirectory(prefix="warm")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, __file__, "plans", place.name]
    return subprocess.Popen(command, text=True, **pipes), place


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    gc.freeze()  # forks need not look through all that for garbage


# Plans -----------------------------------------------------------------------------------


def _serve_plans(place: Path) -> None:
    python, jobs = _start_serving_jobs(place)
    _import(OF_PLANS)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _end_after(_plan, **json.loads(line), python=python)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    jobs.kill()


def _plan(
    arguments: list[str], folder: str, env: dict[str, str], out: str, err: str, python: str
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    streams = [os.open(os.devnull, os.O_RDONLY), os.open(out, flags), os.open(err, flags)]
    _become(folder, env, streams)
    sys.path[:1] = [folder, *_python_path(env)]
    sys.argv = [sys.modules["snakemake"].__file__, *arguments]
    sys.executable = python
    sys.modules["snakemake.cli"].main(arguments)


def _end_after(work: Callable[..., None], **given: object) -> NoReturn:
    """Do the work of a fork and end as Python does, but clear nothing away, which takes long."""
    try:
        work(**given)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _become(folder: str, env: dict[str, str], streams: Sequence[int]) -> None:
    """Take over what a process of its own would have been given."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]


def _python_path(env: Mapping[str, str]) -> list[str]:
    return [*filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]


# Jobs ------------------------------------------------------------------------------------


def _start_serving_jobs(place: Path) -> tuple[str, subprocess.Popen]:
    """Return the program that takes the place of Python, and the server behind it."""
    client, address = place / "python", str(place / "jobs")
    client.write_text(CLIENT.format(python=sys.executable, address=address))
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    command = [sys.executable, __file__, "jobs", str(listener.fileno())]
    return str(client), subprocess.Popen(command, pass_fds=[listener.fileno()])


def _serve_jobs(listener: socket.socket) -> None:
    _import(OF_JOBS)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _wait_for_job(client)
        client.close()


def _wait_for_job(client: socket.socket) -> None:
    text, streams, *_ = socket.recv_fds(client, 1 << 20, 3)
    while not text.endswith(b"\n"):
        text += client.recv(1 << 20)
    job = os.fork()
    if job == 0:
        client.close()
        _end_after(_run_job, **json.loads(text), streams=streams)
    client.sendall(f"{job}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    client.sendall(f"{code if code >= 0 else 128 - code}\n".encode())
    os._exit(0)


def _run_job(script: str, folder: str, env: dict[str, str], streams: Sequence[int]) -> None:
    _become(folder, env, streams)
    sys.path[:1] = [str(Path(script).parent), *_python_path(env)]
    sys.argv = [script]
    # Libraries that are loaded read this variable no more.
    sys.modules["threadpoolctl"].threadpool_limits(int(env.get("OMP_NUM_THREADS", 0)) or None)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    what, given = sys.argv[1:]
    if what == "plans":
        _serve_plans(Path(given))
    else:
        _serve_jobs(socket.socket(fileno=int(given)))
