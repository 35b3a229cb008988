"""Run the jobs of a pack inside its Slurm job: `run_pack.py <folder> <how many at a time>`.

Commands are read from ``commands.json``; the output of the n-th goes to ``<n>.log`` and its
exit code to ``<n>.code``. A command that ended well is not run again, so that a Slurm job that
was requeued goes on with the others. After a signal nothing new is started: Slurm sends it to
the running commands too, which may save their work.

Where ``jobs.json`` is there, commands can read in it who the others are: the variable
``SLURM_PACKS_JOBS`` has its path.

Standard library only: it starts before anything else does.
"""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ASKED_TO_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
# A shell outlives the signals too: if it ended before its command, the pack would be over, and
# Slurm would kill what still saves.
WAIT = f"trap : {' '.join(number.name.removeprefix('SIG') for number in ASKED_TO_STOP)}; "


def main(folder: Path, at_once: int) -> int:
    """Return 0 if all commands ended well."""
    commands = json.loads((folder / "commands.json").read_text())
    environment = os.environ | {"SLURM_PACKS_JOBS": str(folder.absolute() / "jobs.json")}
    stopped: list[int] = []
    for number in ASKED_TO_STOP:
        signal.signal(number, lambda number, frame: stopped.append(number))

    def run(number: int) -> bool:
        code = folder / f"{number}.code"
        if code.exists() and code.read_text() == "0":
            return True
        if stopped:
            return False
        with (folder / f"{number}.log").open("ab") as log:
            ended = subprocess.run(
                WAIT + commands[number], shell=True, stdout=log, stderr=log, env=environment
            )
        if not stopped or ended.returncode == 0:
            whole = code.with_suffix(".part")
            whole.write_text(str(ended.returncode))
            whole.replace(code)
        print(f"member {number} of {len(commands)}: exit code {ended.returncode}", flush=True)
        return ended.returncode == 0

    with ThreadPoolExecutor(at_once) as pool:
        return 0 if all(list(pool.map(run, range(len(commands))))) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
