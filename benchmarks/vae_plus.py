"""Speed of a step of VAE+ beside a bare step of the same three networks.

The bare step is what one would write by hand: encoder, decoder and discriminator on one batch that
is already in memory and scaled; losses, two backward passes, two optimisers; no sampling of rows,
no gathering, no scaling of crops, no weights that change from step to step, no bookkeeping. Both
go in short turns in one process, and the median of the ratios of neighbouring turns says what our
loop adds, whatever else the machine does.

    python benchmarks/vae_plus.py --threads 2
    python benchmarks/vae_plus.py --device cuda --precision bfloat16 --steps 50
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from fovscope.models.cell_vae import CellVAE, CellVAEOptions
from fovscope.models.gaussian import kl_to_prior, sample
from fovscope.objectives.base import decayed
from fovscope.objectives.vae_plus import VAEPlus
from fovscope.runtime.devices import resolve_device, use_cores
from fovscope.training.finetune import image_batches
from fovscope.training.loop import MakeBatch, train
from fovscope.training.sampling import EpochSampler
from fovscope.training.state import TrainingState

OBJECTIVE = VAEPlus(ramp_steps=1)  # all layers of the discriminator count from step 5 on


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=68, help="side of the crops in pixels")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--latent-dim", type=int, default=256)
    parser.add_argument("--images", type=int, default=2_000, help="images to train on")
    parser.add_argument("--batch", type=int, default=104, help="images a step")
    parser.add_argument("--steps", type=int, default=2, help="steps a turn")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of each loop")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def make_state(arguments: argparse.Namespace, device: torch.device) -> TrainingState:
    """Return fresh networks with their optimisers and a sampler."""
    shape = (arguments.size, arguments.size, arguments.channels)
    options = CellVAEOptions(image_shape=shape, latent_dim=arguments.latent_dim)

    def adam(weights: list[torch.Tensor]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(decayed(weights, 0.1), lr=1e-3, fused=True)

    return TrainingState.start(
        CellVAE(options, seed=0).to(device),
        OBJECTIVE,
        adam,
        EpochSampler(arguments.images, arguments.batch, seed=0, device=device),
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
    )


def bare_turn(
    state: TrainingState,
    images: torch.Tensor,
    noise: torch.Generator,
    arguments: argparse.Namespace,
) -> None:
    """Take the same number of steps on one batch of scaled images (B, D)."""
    model, discriminator = state.model, state.networks["discriminator"]
    of_model, of_discriminator = state.optimizers.values()
    weights = list(discriminator.parameters())
    softplus, bfloat16 = torch.nn.functional.softplus, arguments.precision == "bfloat16"
    for _ in range(arguments.steps):
        with torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16):
            posterior = model.posterior(images)
            drawn = model.decode(sample(posterior, noise))
            layers, logits = discriminator(torch.cat([images, drawn]))
            loss = (images - drawn).square().sum(-1).mean() / 2
            loss = loss + 2 * kl_to_prior(posterior).sum(-1).mean()
            for layer in layers:
                real, made = layer.float().chunk(2)
                loss = loss + images.shape[1] / 2 * (real - made).square().mean()
            real, made = logits.chunk(2)
            told_apart = (softplus(-real).mean() + softplus(made).mean()) / 2
        of_model.zero_grad(set_to_none=True)
        of_discriminator.zero_grad(set_to_none=True)
        loss.backward(inputs=list(model.parameters()), retain_graph=True)
        told_apart.backward(inputs=weights)
        of_model.step()
        of_discriminator.step()


def seconds(turn: Callable[[], None], device: torch.device) -> float:
    """Return the wall-clock time of one turn, including what the device still has to do."""
    start = time.perf_counter()
    turn()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def main() -> None:
    """Time both loops in turns and print images per second and their ratio."""
    arguments = parse_arguments()
    use_cores(arguments.threads)
    device = resolve_device(arguments.device)
    columns = arguments.size**2 * arguments.channels
    generator = torch.Generator(device).manual_seed(0)
    shape = (arguments.images, columns)
    pixels = torch.randint(256, shape, generator=generator, device=device, dtype=torch.uint8)
    ours, bare = make_state(arguments, device), make_state(arguments, device)
    for state in (ours, bare):
        state.model.train()
        state.networks.train()
    scaled = bare.model.inputs(pixels[: arguments.batch])
    turns = {
        "ours": partial(our_turn, ours, image_batches(pixels), arguments),
        "bare": partial(bare_turn, bare, scaled, generator, arguments),
    }
    # As in training: else the bare step could choose faster convolutions than ours may.
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        for turn in turns.values():  # warm-up
            seconds(turn, device)
        times = [
            {name: seconds(turn, device) for name, turn in turns.items()}
            for _ in range(arguments.repetitions)
        ]

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    print(
        f"VAE+ {arguments.size}×{arguments.size}×{arguments.channels}, batch {arguments.batch}, "
        f"{arguments.precision}, {device} {name}, {arguments.threads} threads, "
        f"torch {torch.__version__}"
    )
    for name in turns:
        median = statistics.median(pair[name] for pair in times)
        print(f"{name}: {arguments.steps * arguments.batch / median:.1f} images/s")
    ratio = statistics.median(pair["ours"] / pair["bare"] for pair in times)
    print(f"time ours / bare: {ratio:.3f}")


if __name__ == "__main__":
    main()
