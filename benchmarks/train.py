"""Speed of the training loop beside a bare loop of the same steps.

The bare loop runs forward, loss, backward, clipping and optimiser of a β-VAE on one batch that is
already in memory: no sampling, no gathering, no bookkeeping. Both go in short turns in one process,
and the median of the ratios of neighbouring turns says what our loop adds, whatever else the
machine does. Setting up (placing the features, fitting the scaling) is not timed.

    python benchmarks/train.py --threads 1 --precision bfloat16
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import table
import torch

from fovscope.models.feature_vae import FeatureVAE
from fovscope.models.gaussian import Posterior, kl_to_prior, sample
from fovscope.models.scaling import fit_scaling
from fovscope.objectives.beta_vae import BetaVAE
from fovscope.registry import Catalogue
from fovscope.runtime.devices import resolve_device
from fovscope.study.config import Model
from fovscope.training.loop import MakeBatch, train
from fovscope.training.sampling import EpochSampler
from fovscope.training.source import Supervision, pair_batches
from fovscope.training.state import TrainingState

OBJECTIVE = BetaVAE(beta=1.0)
FACTORS = 7


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = table.parser(__doc__)
    parser.add_argument("--features", type=int, default=1280, help="number of features D")
    parser.add_argument("--width", type=int, default=256, help="width n of the model")
    parser.add_argument("--pairs", type=int, default=6000, help="pairs to train on")
    parser.add_argument("--batch-pairs", type=int, default=64, help="pairs a step")
    parser.add_argument("--steps", type=int, default=50, help="steps a turn")
    parser.add_argument("--repetitions", type=int, default=15, help="turns of each loop")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--supervision", choices=list(Catalogue()["supervision"]), default="labels")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def make_state(features: torch.Tensor, arguments: argparse.Namespace) -> TrainingState:
    """Return a fresh model with its optimiser and sampler."""
    scaling = fit_scaling(features, kind="standardise")
    model = FeatureVAE(arguments.features, Model(width=arguments.width), scaling, seed=0)
    model.to(features.device)
    return TrainingState.start(
        model,
        OBJECTIVE,
        partial(torch.optim.Adam, lr=1e-4, fused=True),
        EpochSampler(arguments.pairs, arguments.batch_pairs, seed=0, device=features.device),
    )


def our_turn(state: TrainingState, make_batch: MakeBatch, arguments: argparse.Namespace) -> None:
    """Continue the training by one turn of steps."""
    train(
        state,
        OBJECTIVE,
        make_batch,
        steps=state.step + arguments.steps,
        precision=arguments.precision,
        log_every=arguments.steps,
        warmup_steps=100,
        clip_norm=1.0,
    )


def bare_turn(
    state: TrainingState,
    batch: torch.Tensor,
    changed: torch.Tensor,
    noise: torch.Generator,
    supervision: Supervision,
    arguments: argparse.Namespace,
) -> None:
    """Take the same number of steps on one batch of shape (2, B, D)."""
    model, optimizer = state.model, state.optimizers["loss"]
    weights = list(model.parameters())
    bfloat16 = arguments.precision == "bfloat16"
    for _ in range(arguments.steps):
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=bfloat16):
            inputs = model.inputs(batch)
            posterior: Posterior = supervision(model.posterior(inputs), changed)
            loss = model.negative_log_likelihood(inputs, sample(posterior, noise))
            loss = loss + kl_to_prior(posterior).sum(-1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0, foreach=True)
        optimizer.step()


def seconds(turn: Callable[[], None], device: torch.device) -> float:
    """Return the wall-clock time of one turn, including what the device still has to do."""
    start = time.perf_counter()
    turn()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def main() -> None:
    """Time both loops in turns and print the line."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    device = resolve_device(arguments.device)
    generator = torch.Generator(device).manual_seed(0)
    pairs, size = arguments.pairs, arguments.batch_pairs
    features = torch.randn(2 * pairs, arguments.features, generator=generator, device=device)
    factor = torch.randint(FACTORS, (pairs,), generator=generator, device=device)
    changed = torch.nn.functional.one_hot(factor, FACTORS).bool()
    supervision = Catalogue().load("supervision", arguments.supervision)

    ours, bare = make_state(features, arguments), make_state(features, arguments)
    make_batch = pair_batches(features, changed, supervision)
    batch = torch.stack([features[:size], features[pairs : pairs + size]])
    turns = {
        "ours": partial(our_turn, ours, make_batch, arguments),
        "bare": partial(bare_turn, bare, batch, changed[:size], generator, supervision, arguments),
    }
    for turn in turns.values():  # warm-up
        seconds(turn, device)
    times = [
        {name: seconds(turn, device) for name, turn in turns.items()}
        for _ in range(arguments.repetitions)
    ]

    rate = arguments.steps / statistics.median(pair["ours"] for pair in times)
    line = table.Line(
        what=f"training, D = {arguments.features}, n = {arguments.width}, {size} pairs, "
        f"{arguments.precision}, {arguments.supervision}, {device}, {arguments.threads} threads",
        ours=rate,
        unit="steps/s",
        reference=rate * statistics.median(pair["ours"] / pair["bare"] for pair in times),
        against="bare loop",
    )
    table.print_table([line], with_head=not arguments.rows)


if __name__ == "__main__":
    main()
