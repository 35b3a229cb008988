"""How long a job takes until its own work begins, beside a bare import of what libraries it uses.

A new Python imports what Snakemake puts before each script, what the script imports, and what it
loads by name. CPU seconds, best of three in turns with the reference: other work on the machine
disturbs them little, and on an idle one they are the seconds that pass.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import table

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
LIMIT = 1.0
"""CPU seconds within which a job is to begin its work."""

TURNS = 3

PREAMBLE = "import pickle\nfrom snakemake.logging import logger\nimport snakemake.iocontainers\n"
LOAD = "from fovscope.registry import Catalogue\ncatalogue = Catalogue()\n"


@dataclass(frozen=True)
class Job:
    """A kind of job.

    Attributes
    ----------
    script : str
        Its script.
    loaded : sequence of (str, str)
        Kind and name of what it loads.
    libraries : str
        What it uses, as in an import.
    """

    script: str
    loaded: Sequence[tuple[str, str]]
    libraries: str

    def code(self) -> str:
        """Return all that it imports, as a program."""
        tree = ast.parse((SCRIPTS / f"{self.script}.py").read_text("utf-8"))
        imports = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
        code = PREAMBLE + "\n".join(map(ast.unparse, imports)) + "\n"
        if self.loaded:
            code += LOAD
        return code + "".join(f"catalogue.load{each!r}\n" for each in self.loaded)


JOBS = {
    "a table": Job("tabulate_scores", [("table", "accuracy")], "pandas, scipy.special"),
    "a figure": Job("plot", [("figure", "scatter")], "pandas, PIL.Image, matplotlib.figure"),
    "scores": Job(
        "evaluate",
        [("evaluation", "scores"), ("probe", "mlp"), ("probe", "gbt")],
        "pandas, sklearn.metrics, xgboost",
    ),
    "training": Job(
        "train", [("model", "feature_vae"), ("objective", "anchored")], "pandas, zarr, torch"
    ),
    "extraction": Job("cache_features", [], "pandas, zarr, torch, timm"),
}


def seconds_until_the_end(code: str) -> float:
    """Return the CPU seconds after which a new Python has run a program, its exit left out."""
    path = os.pathsep.join(filter(None, [str(SCRIPTS), os.environ.get("PYTHONPATH")]))
    code += "\nimport time\nprint(time.process_time())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(run.stdout.split()[-1])


def lines() -> Iterator[table.Line]:
    """Yield a line for each kind of job."""
    for what, job in JOBS.items():
        bare = f"import {job.libraries}"
        turns = [tuple(map(seconds_until_the_end, (job.code(), bare))) for _ in range(TURNS)]
        ours, reference = map(min, zip(*turns, strict=True))
        yield table.Line(
            what=f"start of a job, {what}",
            ours=ours,
            reference=reference,
            against=bare,
            limit=LIMIT,
        )


def main() -> None:
    """Print the lines."""
    arguments = table.parser(__doc__).parse_args()
    table.print_table(lines(), with_head=not arguments.rows)


if __name__ == "__main__":
    main()
