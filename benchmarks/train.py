"""Speed of training.

On a CPU: the training loop beside a bare loop of the same steps. The bare loop runs forward, loss,
backward, clipping and optimiser of a β-VAE on one batch that is already in memory: no sampling, no
gathering, no bookkeeping. Both go in short turns in one process, and the median of the ratios of
neighbouring turns says what our loop adds, whatever else the machine does. Setting up (placing the
features, fitting the scaling) is not timed.

On a GPU: one model whose step is recorded beside the bare loop of the same model, replicates
trained as one beside single trainings one after another, and what the published source training
would take, from a run of some thousand steps. Recording a step is timed in the last line alone.

    python benchmarks/train.py --threads 1 --precision bfloat16
    python benchmarks/train.py --device cuda --replicates 20
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
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
from fovscope.training.stack import Replicate, train_stack
from fovscope.training.state import TrainingState

OBJECTIVE = BetaVAE(beta=1.0)
ADAM = partial(torch.optim.Adam, lr=1e-4, fused=True)
FACTORS = 7
SIZES = {"cpu": (1280, 256), "cuda": (768, 512)}
"""Features D and width n: those of the demo, those of the published study."""
PUBLISHED = {"inputs": 6, "models": 20, "steps": 400_000}


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = table.parser(__doc__)
    parser.add_argument("--features", type=int, help="number of features D")
    parser.add_argument("--width", type=int, help="width n of the model")
    parser.add_argument("--pairs", type=int, default=6000, help="pairs to train on")
    parser.add_argument("--batch-pairs", type=int, default=64, help="pairs a step")
    parser.add_argument("--steps", type=int, default=50, help="steps a turn")
    parser.add_argument("--repetitions", type=int, default=15, help="turns of each loop")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--supervision", choices=list(Catalogue()["supervision"]), default="labels")
    parser.add_argument("--device", choices=list(SIZES), default="cpu")
    parser.add_argument("--replicates", type=int, default=20, help="models trained as one (GPU)")
    parser.add_argument("--long", type=int, default=20_000, help="steps of the longest run (GPU)")
    arguments = parser.parse_args()
    features, width = SIZES[arguments.device]
    arguments.features = arguments.features or features
    arguments.width = arguments.width or width
    return arguments


def make_state(
    features: torch.Tensor, arguments: argparse.Namespace, *, seed: int = 0
) -> TrainingState:
    """Return a fresh model with its optimiser and sampler."""
    scaling = fit_scaling(features, kind="standardise")
    model = FeatureVAE(arguments.features, Model(width=arguments.width), scaling, seed=seed)
    model.to(features.device)
    return TrainingState.start(
        model,
        OBJECTIVE,
        ADAM,
        EpochSampler(arguments.pairs, arguments.batch_pairs, seed=seed, device=features.device),
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


def stack_turn(
    states: Sequence[TrainingState], make_batch: MakeBatch, precision: str, steps: int
) -> None:
    """Continue models as one by so many steps."""
    train_stack(
        *(states, [Replicate(state.sampler.seed, OBJECTIVE, lambda _: None) for state in states]),
        *(make_batch, ADAM),
        steps=states[0].step + steps,
        precision=precision,
        log_every=max(steps, 100),
        warmup_steps=100,
        clip_norm=1.0,
    )


def on_cpu(turns: dict[str, Callable[[], None]], what: str, arguments: argparse.Namespace) -> None:
    """Time both loops in turns and print the line."""
    device = torch.device("cpu")
    for turn in turns.values():  # warm-up
        seconds(turn, device)
    times = [
        {name: seconds(turn, device) for name, turn in turns.items()}
        for _ in range(arguments.repetitions)
    ]
    rate = arguments.steps / statistics.median(pair["ours"] for pair in times)
    line = table.Line(
        what=f"training, {what}, {arguments.precision}, on {arguments.threads} of the cores",
        ours=rate,
        unit="steps/s",
        reference=rate * statistics.median(pair["ours"] / pair["bare"] for pair in times),
        against="bare loop",
    )
    table.print_table([line], with_head=not arguments.rows)


def on_gpu(
    turns: dict[str, Callable[[], None]],
    make_states: Callable[[int], list[TrainingState]],
    make_batch: MakeBatch,
    what: str,
    arguments: argparse.Namespace,
) -> None:
    """Print lines of model-steps per second, and how long the published study takes."""
    device = torch.device("cuda")
    replicates, steps = arguments.replicates, arguments.steps

    def eager(name: str) -> float:
        seconds(turns[name], device)  # warm-up
        return statistics.median(steps / seconds(turns[name], device) for _ in range(5))

    def stacked(number: int, precision: str) -> float:
        """Return model-steps per second, the recording left out."""
        states, few, many = make_states(number), 100, 100 + arguments.long // 10
        turn = partial(stack_turn, states, make_batch, precision)
        seconds(partial(turn, few), device)  # warm-up
        longer, shorter = (seconds(partial(turn, n), device) for n in (many, few))
        return number * (many - few) / (longer - shorter)

    bare, single = eager("bare"), eager("ours")
    lines, best = [], {}
    for precision in ("float32", "bfloat16"):
        one, best[precision] = stacked(1, precision), stacked(replicates, precision)
        lines += [
            table.Line(
                what=f"training 1 model in {precision}, {what}",
                ours=one,
                unit="model-steps/s",
                reference=bare,
                against="bare loop",
                least=7,
            ),
            table.Line(
                what=f"training {replicates} models as one in {precision}, {what}",
                ours=best[precision],
                unit="model-steps/s",
                reference=single,
                against="one after another, unrecorded",
                least=30,
            ),
        ]
    table.print_table(lines, with_head=not arguments.rows)
    precision = max(best, key=best.get)
    states = make_states(PUBLISHED["models"])
    start = seconds(partial(stack_turn, states, make_batch, precision, 1), device)
    taken = seconds(partial(stack_turn, states, make_batch, precision, arguments.long), device)
    hours = start + (taken - start) / (arguments.long - 1) * PUBLISHED["steps"]
    hours *= PUBLISHED["inputs"] / 3600
    print(
        f"\n{PUBLISHED['inputs']} inputs × {PUBLISHED['models']} models × {PUBLISHED['steps']:,} "
        f"steps, {precision}: {hours:.2f} h, from {arguments.long:,} steps in {taken:.1f} s; "
        f"peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"
    )


def main() -> None:
    """Time ours and the reference, and print both with their ratio."""
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
    what = f"D = {arguments.features}, n = {arguments.width}, {size} pairs, {arguments.supervision}"
    if device.type == "cuda":
        on_gpu(
            turns,
            lambda number: [make_state(features, arguments, seed=seed) for seed in range(number)],
            make_batch,
            what,
            arguments,
        )
    else:
        on_cpu(turns, what, arguments)


if __name__ == "__main__":
    main()
