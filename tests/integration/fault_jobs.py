"""Small jobs that the fault tests start as processes of their own, and kill.

Each notes its work in the file `log`: a byte an image or a step, written at once, so that what
a kill cost can be counted afterwards.
"""

import os
import signal
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from fovscope.features.extract import cache_features
from fovscope.features.store import WHOLE, Layout, Part, fill_store, seal_store
from fovscope.images.read import FolderImages
from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.storage import load_model
from fovscope.models.vae import encode
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.objectives.supervision import labels
from fovscope.records import representation_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.locks import writing
from fovscope.study.config import Backbone, Features, Finetuning, Model, SourceTraining
from fovscope.training.finetune import finetune
from fovscope.training.record import save_trained, training
from fovscope.training.sampling import EpochSampler
from fovscope.training.source import train_source

CPU = torch.device("cpu")
IMAGES, SIZE = 320, 64
OPTIONS = Features(batch_size=8, shard_rows=16, precision="float32")
STEPS, EPOCHS = 800, 80
MODEL = Model(latent_dim=5, width=16, likelihood_sd=0.3, likelihood_units="scaled")
NOBODY = 65534
BETA_VAE = BetaVAE(beta=1.0)


class Notes:
    """A file that gets a byte for each piece of work."""

    def __init__(self, path):
        self.path = path

    def add(self):
        with self.path.open("ab", buffering=0) as file:
            file.write(b".")

    def count(self):
        return self.path.stat().st_size if self.path.exists() else 0


class Noise:
    """Images by row number, made from it; `pause` seconds each."""

    def __init__(self, notes, pause):
        self.notes, self.pause = notes, pause

    def __len__(self):
        return IMAGES

    def __getitem__(self, row):
        self.notes.add()
        time.sleep(self.pause)
        rng = np.random.default_rng(row)
        return rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


@contextmanager
def _job(folder):
    """What Snakemake and `logged` are to a script."""
    torch.set_num_threads(1)
    with logged(SimpleNamespace(log=[folder.parent / f"{folder.name}.log"], output=[])):
        yield


def seal(folder, parts=1):
    """Seal a store, and delete the notes of its parts as Snakemake does."""
    seal_store(folder / "manifest.json", parts)
    for part in WHOLE.cut(parts):
        (folder / part.note).unlink(missing_ok=True)


def extract(folder, *, weights, workers=0, pause=0.002, images=None, part=(1, 1)):
    """Cache features of noise, or of the image files `images`; seal what is one part."""
    notes = Notes(folder.parent / f"{folder.name}.notes")

    def open_images(*, size, interpolation):
        if images is None:
            return Noise(notes, pause)
        return FolderImages(images, size=size, interpolation=interpolation)

    with _job(folder):
        cache_features(
            folder / "manifest.json",
            open_images,
            backbone=Backbone(model="test_vit", weights=str(weights), size=SIZE),
            options=OPTIONS,
            data_digest="d",
            device=CPU,
            workers=workers,
            part=Part(*part),
        )
        if part == (1, 1):
            seal(folder)


def fill(folder, *, identity="a"):
    """Write a store of two shards."""
    rows = np.random.default_rng(0).standard_normal((20, 3), dtype=np.float32)
    with _job(folder):
        fill_store(
            folder / "manifest.json",
            Layout(20, 3, "float32", 10),
            {"identity": identity},
            lambda ranges: (rows[start:stop] for start, stop in ranges),
        )
        seal(folder)


def pairs():
    """Return features of pairs and what changed in each."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, 48))
    first = rng.normal(size=(400, 3))
    changed = rng.integers(3, size=400)
    second = first.copy()
    second[np.arange(400), changed] = rng.normal(size=400)
    features = ((x @ mixing + 5).astype(np.float32) for x in (first, second))
    return *features, np.eye(3, dtype=bool)[changed]


def train(
    folder,
    *,
    manifest,
    source=None,
    every=0.05,
    key="k",
    learning_rate=3e-3,
    steps=STEPS,
    objective=BETA_VAE,
    uid=None,
):
    """Train on pairs, or fine-tune `source`; write model, facts and latents."""
    notes = Notes(folder.parent / f"{folder.name}.notes")
    sample = EpochSampler.__call__

    def noted(sampler, step):
        notes.add()
        return sample(sampler, step)

    EpochSampler.__call__ = noted
    if uid is not None:
        os.setuid(uid)
    outputs = [folder / name for name in ("m.safetensors", "m.json", "m.parquet")]
    first, second, changed = pairs()
    with _job(folder), training(outputs[0], outputs, key=key, minutes=every / 60) as checkpoints:
        common = {"objective": objective, "seed": 0, "device": CPU, "checkpoints": checkpoints}
        if source is None:
            options = SourceTraining(steps=steps, warmup_steps=2, learning_rate=learning_rate)
            trained = train_source(
                *(first, second, changed),
                make_model=partial(FeatureVAE.fitted, facts={}, options=MODEL.model_dump(), seed=0),
                options=options,
                supervision=labels,
                **common,
            )
        else:
            options = Finetuning(epochs=EPOCHS, batch_size=40, learning_rate=learning_rate)
            trained = finetune(load_model(source), first, options=options, **common)
        save_trained(*outputs[:2], trained, [manifest], bound=())
        ids = [str(row) for row in range(len(first))]
        write_table(outputs[2], representation_table(ids, *encode(trained.model, first)))


def hold(path, pieces=None):
    """Hold a lock until killed."""
    with writing(path, pieces=pieces):
        path.with_name("held").touch()
        time.sleep(600)


def die_at(number, job, folder, **options):
    """Run a job; kill -9 before its `number`-th change to a file or folder below `folder`."""
    seen = 0

    def count(event, arguments):
        nonlocal seen
        changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate") or (
            event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        # `shutil.rmtree` names entries relative to an open folder.
        inside = event in ("os.remove", "os.rmdir") and arguments[1] != -1
        if changes and (inside or str(arguments[0]).startswith(str(folder))):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    job(folder, **options)


def snapshot(folder):
    """Return the bytes of all files of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }
