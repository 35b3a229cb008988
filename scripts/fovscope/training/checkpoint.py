"""Checkpoints: a training that is killed goes on where it last saved.

A checkpoint holds the model, the networks of the objective, all optimisers, the step, the curve
and the terms summed since its last point. Batches and noise are functions of (seed, step), so
there is no state of random numbers to save, and the continued run ends with the bits of an
undisturbed one.

Files are safetensors, written whole or not at all. The name of each holds its step and the
digest of its content, so that a damaged one is known before anything of it is used; the newest
two are kept, and each carries the key of its run: what belongs to another run is deleted,
never continued. They lie beside the model, where Snakemake, which deletes the declared outputs
of a job that starts again, does not know of them.
"""

from __future__ import annotations

import json
import logging
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from safetensors import safe_open
from safetensors.torch import save

from fovscope.runtime.provenance import digest_bytes, digest_file, replacing
from fovscope.training.state import TrainingState

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
"""Sent by schedulers at or before the time limit, by `kill` and by Ctrl-C."""
_KEEP = 2
_KEY = "fovscope.checkpoint"


class Checkpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    folder : Path
        Where they lie; nothing else may lie there, and one process writes it.
    key : str
        Digest of everything that the run depends on.
    minutes : float
        Time between two checkpoints.
    """

    def __init__(self, folder: Path, *, key: str, minutes: float) -> None:
        self.folder = folder
        self.key = key
        self.seconds = 60 * minutes
        self._due = 0.0
        self._signal: int | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note signals that ask the process to end, instead of ending; afterwards as before."""

        def note(number: int, frame: FrameType | None) -> None:
            self._signal = number

        self._signal, self._due = None, time.monotonic() + self.seconds
        before = {number: signal.signal(number, note) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def after_step(self, state: TrainingState) -> None:
        """Save if it is time to, and end the process if a signal asked for it."""
        if self.due:
            self.save(state)
            self.saved(state)

    @property
    def due(self) -> bool:
        """Whether it is time to save, or a signal asked the process to end."""
        return self._signal is not None or time.monotonic() >= self._due

    def saved(self, state: TrainingState) -> None:
        """Note that all is saved, and end the process if a signal asked for it.

        Raises
        ------
        SystemExit
            After a signal, with the code of a process that it ended (128 + number).
        """
        if self._signal is not None:
            name = signal.Signals(self._signal).name
            logger.warning("%s: stopped and saved; goes on from step %d", name, state.step)
            raise SystemExit(128 + self._signal)
        self._due = time.monotonic() + self.seconds

    def save(self, state: TrainingState) -> None:
        """Write a checkpoint of `state` and delete the oldest.

        Raises
        ------
        OSError
            If it cannot be written; those before it stay.
        """
        facts = {
            "key": self.key,
            "step": state.step,
            "terms": state.terms,
            "summed": state.summed,
            "curve": state.curve,
            "device": state.device.type,
        }
        content = save(_tensors(state), {_KEY: json.dumps(facts)})
        # Zeros, because the order of names is that of steps.
        name = f"step{state.step:012d}-{digest_bytes(content)}.safetensors"
        with replacing(self.folder / name) as temporary:
            temporary.write_bytes(content)
        for old in self._newest_first()[_KEEP:]:
            old.unlink()

    def restore(self, state: TrainingState, *, latest: int | None = None) -> None:
        """Take `state` to the newest checkpoint that is whole and of this run, if there is one.

        Parameters
        ----------
        state : TrainingState
            What to change.
        latest : int, optional
            Leave alone what was saved after this step.
        """
        for leftover in self.folder.glob(".*"):  # of killed writers
            leftover.unlink()
        for path in self._newest_first():
            if latest is not None and int(path.name[4:16]) > latest:
                continue
            if digest_file(path) != path.stem.partition("-")[2]:
                logger.warning("checkpoint %s is damaged; going back to the one before", path)
            elif self._continues(path, state):
                logger.info("going on from step %d of %s", state.step, path)
                return
            path.unlink()

    def remove(self) -> None:
        """Delete all checkpoints: the model is written."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("step*.safetensors"), reverse=True)

    def _continues(self, path: Path, state: TrainingState) -> bool:
        """Load a checkpoint, unless it is one of another run."""
        with safe_open(path, framework="pt", device=str(state.device)) as file:
            facts = json.loads(file.metadata()[_KEY])
            if facts["key"] != self.key:
                logger.info("checkpoint %s is of another configuration; deleted", path)
                return False
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if facts["device"] != state.device.type:
            logger.warning(
                "saved on %s, going on on %s: the numbers will be those of neither alone",
                *(facts["device"], state.device.type),
            )
        _load(state, tensors)
        state.terms, state.sums = tuple(facts["terms"]), tensors["sums"]
        state.step, state.summed, state.curve = facts["step"], facts["summed"], facts["curve"]
        return True


def _tensors(state: TrainingState) -> dict[str, torch.Tensor]:
    """Return all tensors of a state; no part of a name before the last one has a dot in it."""
    moments = {
        f"optimizer.{name}.{index}.{key}": value
        for name, optimizer in state.optimizers.items()
        for index, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
    }
    model = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    networks = {f"networks.{name}": value for name, value in state.networks.state_dict().items()}
    return model | networks | moments | {"sums": state.sums}


def _load(state: TrainingState, tensors: dict[str, torch.Tensor]) -> None:
    """Put tensors back where `_tensors` took them from, but for the sums."""
    weights: dict[str, dict[str, torch.Tensor]] = {"model": {}, "networks": {}}
    moments: dict[str, dict[int, dict[str, torch.Tensor]]] = {n: {} for n in state.optimizers}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            optimizer, index, key = rest.split(".", 2)
            moments[optimizer].setdefault(int(index), {})[key] = value
        elif kind in weights:
            weights[kind][rest] = value
    state.model.load_state_dict(weights["model"])
    state.networks.load_state_dict(weights["networks"])
    for name, optimizer in state.optimizers.items():
        # The groups hold options of the run, which the key covers.
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments[name], "param_groups": groups})
