"""The jobs that share a Slurm job with this one, so that it may train their models with its own.

Jobs that can be trained as one (`fovscope.training.stack`) run one after another in a Slurm job.
The first of them trains all of their models and leaves those of the others as finished
checkpoints, from which the others go on: they find nothing left to do, and write what they would
have written anyway. So each job keeps its outputs, its log and its fate; if the first fails, the
next does it.

The executor says in a JSON file which jobs these are (``snakemake_executor_plugin_slurm_packs``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

JOBS = "SLURM_PACKS_JOBS"
"""Variable of the environment with the path of that file; ``<n>.code`` beside it: n has ended."""


class Named(list):
    """Values in their order, of which some have names, as Snakemake has files, wildcards, params.

    Parameters
    ----------
    values : list
        All.
    names : mapping
        Those that have names.
    """

    def __init__(self, values: list[Any], names: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._names = dict(names)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        try:
            return self.__dict__["_names"][name]
        except KeyError:
            raise AttributeError(name) from None

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """Return the value of a name, or else the default."""
        return self._names.get(name, default)

    def items(self) -> list[tuple[str, Any]]:
        """Return names and values."""
        return list(self._names.items())


class Neighbour:
    """A job of the same pack.

    Parameters
    ----------
    described : mapping
        `input`, `output`, `params` and `wildcards`, each with `values` and `names`.

    Attributes
    ----------
    input, output, params, wildcards : Named
        What they are in a script of that job.
    """

    input: Named
    output: Named
    params: Named
    wildcards: Named

    def __init__(self, described: Mapping[str, Any]) -> None:
        for name, named in described.items():
            setattr(self, name, Named(**named))


@contextmanager
def neighbours(job: Any) -> Iterator[list[Neighbour]]:  # noqa: ANN401
    """Take the other jobs of the pack along; whoever comes later has none.

    Parameters
    ----------
    job : snakemake.script.Snakemake
        The object that Snakemake puts into a script.

    Yields
    ------
    list of Neighbour
        Those that have not ended. Empty where there is no pack, its jobs cannot be trained as one,
        or an earlier one did this without an error.
    """
    path = Path(os.environ.get(JOBS, ""))
    if not path.is_file():
        yield []
        return
    ended = {int(code.stem) for code in path.parent.glob("*.code")}
    described = json.loads(path.read_text(encoding="utf-8"))
    others = [Neighbour(each) for n, each in enumerate(described) if n not in ended]
    yield [other for other in others if other.output != list(job.output)]
    path.unlink()
