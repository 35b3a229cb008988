"""A trained model and what a reader needs to know of it, as files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fovscope.factors import Bound
from fovscope.models.storage import save_model
from fovscope.runtime.devices import device_name
from fovscope.runtime.job import job_key
from fovscope.runtime.locks import LockError, writing
from fovscope.runtime.pack import Neighbour
from fovscope.runtime.provenance import (
    digest_json,
    read_json,
    remove_leftovers,
    replacing,
    versions,
    write_json,
)
from fovscope.training.checkpoint import Checkpoints
from fovscope.training.loop import TrainedModel

logger = logging.getLogger(__name__)


@contextmanager
def training(
    model_path: str | Path, outputs: Iterable[str | Path], *, key: str, minutes: float
) -> Iterator[Checkpoints]:
    """Train a model and write all its files in here: one process, resumable.

    Parameters
    ----------
    model_path : path
        The safetensors file; the checkpoints lie beside it until all is written.
    outputs : iterable of path
        All files that are written in here.
    key, minutes
        As in `Checkpoints`.

    Yields
    ------
    Checkpoints
        For the training.

    Raises
    ------
    LockError
        If another process is training this model.
    """
    with writing(model_path):
        for output in outputs:
            remove_leftovers(output)
        checkpoints = _checkpoints(model_path, key=key, minutes=minutes)
        yield checkpoints
        checkpoints.remove()


@contextmanager
def lent(
    jobs: Iterable[Neighbour], *, minutes: float
) -> Iterator[list[tuple[Neighbour, Checkpoints]]]:
    """Train models of other jobs, which will go on from the checkpoints that are left.

    Parameters
    ----------
    jobs : iterable of Neighbour
        With a model among the outputs.
    minutes : float
        As in `Checkpoints`.

    Yields
    ------
    list of (Neighbour, Checkpoints)
        Those whose model nobody is training.
    """
    with ExitStack() as locks:
        free = []
        for job in jobs:
            path = job.output.model
            try:
                locks.enter_context(writing(path, patience=0))
            except LockError as error:
                logger.info("left alone: %s", error)
            else:
                free.append((job, _checkpoints(path, key=job_key(job), minutes=minutes)))
        yield free


def _checkpoints(model_path: str | Path, *, key: str, minutes: float) -> Checkpoints:
    path = Path(model_path)
    return Checkpoints(path.with_name(f".{path.stem}.checkpoints"), key=key, minutes=minutes)


def save_trained(
    model_path: str | Path,
    info_path: str | Path,
    trained: TrainedModel,
    features: Sequence[str | Path],
    *,
    bound: Iterable[Bound],
) -> None:
    """Write a model and, beside it, its parameters, names, curve, versions and provenance.

    Parameters
    ----------
    model_path, info_path : path
        The safetensors file and its JSON.
    trained : TrainedModel
        What training returned.
    features : sequence of path
        Manifests of the features that it was trained on.
    bound : iterable of Bound
        Factors with the latent dimensions that they name; empty where none has a name.
    """
    with replacing(model_path) as temporary:
        architecture = save_model(temporary, trained.model)
    manifests = [read_json(path) for path in features]
    digests = [manifest["data_digest"] for manifest in manifests]
    write_json(
        info_path,
        architecture
        | {
            "bound": [one.to_json() for one in bound],
            "curve": trained.curve,
            "versions": versions(),
            "provenance": {
                "weights_digest": manifests[0]["weights_digest"],
                "data_digest": digests[0] if len(digests) == 1 else digest_json(digests),
                "device": device_name(next(trained.model.parameters()).device),
            },
        },
    )
