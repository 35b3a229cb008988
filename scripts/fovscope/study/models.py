"""Models: their architecture, their training, and the named recipes that combine both."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema, field_serializer, model_validator

from fovscope.study.section import OpenSection, Section, option


class Model(Section):
    """The feature VAE and the scaling of its input."""

    latent_dim: int = option(10, "Number of latent dimensions d.", ge=1)
    width: int = option(512, "Width n of the layers n, 2n, 3n.", ge=1)
    output: Literal["linear", "squashed"] = option(
        "linear", "Last layer: linear, or LeakyReLU then (tanh + 1)/2.", paper="squashed"
    )
    scaling: Literal["standardise", "range"] = option(
        "standardise",
        "Per-feature mean and SD of the source training rows, or their global minimum and maximum "
        "mapped to [0, 1].",
        paper="range",
    )
    likelihood_units: Literal["raw", "scaled"] = option(
        "raw",
        "Units of `likelihood_sd`: those of the raw features, or of the scaled ones.",
        paper="scaled",
    )
    likelihood_sd: float = option(
        0.876,
        "Standard deviation of the Gaussian likelihood; 1/sqrt(2·768) in the paper's scaling.",
        gt=0,
        paper=0.025515518,
    )


class ImageModel(Section):
    """The image VAE, in the place of the feature VAE where a backbone is `pixels`."""

    network: Literal["image_vae", "cell_vae"] = option(
        "image_vae",
        "`image_vae`: four times four pixels at a stride of two, sides a multiple of 8; "
        "`cell_vae`: that of single-cell profiling, images of 36 pixels and more, each channel "
        "divided by its own maximum, Gaussian likelihood of unit SD.",
    )
    likelihood: Literal["bernoulli", "gaussian"] = option(
        "bernoulli", "Distribution of a pixel around its reconstruction, of `image_vae`."
    )
    likelihood_sd: float = option(
        0.5,
        "Standard deviation of the Gaussian, in units of the white level; 0.5 is that of the "
        "Bernoulli distribution of a mid grey.",
        gt=0,
    )


class SourceTraining(Section):
    """Training of the source models on pairs."""

    supervision: str = option(
        "labels",
        "What is known of a pair: which factors changed (`labels`), that few did (`ada`, `ada-ml`: "
        "averages or products of Gaussians), or nothing (`none`).",
    )
    steps: int = option(400_000, "Optimiser steps.", ge=1)
    batch_pairs: int = option(64, "Pairs per step.", ge=1)
    learning_rate: float = option(1e-4, "Adam learning rate.", gt=0)
    warmup_steps: int = option(
        50_000, "Steps over which the regulariser (β) grows linearly from 0.", ge=0
    )
    clip_norm: float = option(1.0, "Largest gradient norm.", gt=0)
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "Arithmetic of the matrix products."
    )
    compute_threads: int = option(
        1, "Threads of the arithmetic on a CPU. Sums depend on it in their last bits.", ge=1
    )

    @model_validator(mode="after")
    def _reaches_beta(self) -> SourceTraining:
        check_warmup(self.warmup_steps, self.steps)
        return self


class Finetuning(Section):
    """Unsupervised fine-tuning on a target's training split."""

    epochs: int = option(20, "Passes over the training split.", ge=1)
    batch_size: int = option(128, "Images per step.", ge=1)
    learning_rate: float = option(1e-4, "AdamW learning rate.", gt=0)
    replay: int = option(
        0,
        "Images of the source in each batch, whose settings are known: they keep what binds "
        "dimensions to factors.",
        ge=0,
    )
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "Arithmetic of the matrix products."
    )
    compute_threads: int = option(
        1, "Threads of the arithmetic on a CPU. Sums depend on it in their last bits.", ge=1
    )


class TargetTraining(Section):
    """Training from new weights on a target's own training images: recipes of source `target`."""

    steps: int = option(80_000, "Optimiser steps.", ge=1)
    batch_size: int = option(104, "Images per step.", ge=1)
    learning_rate: float = option(1e-3, "Adam learning rate.", gt=0, paper=1e-2)
    weight_decay: float = option(
        1e-4, "Share by which weights, but not biases and norms, shrink in each step.", ge=0, lt=1
    )
    warmup_steps: int = option(
        0, "Steps over which the regulariser (β) grows linearly from 0.", ge=0
    )
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "Arithmetic of the matrix products."
    )
    compute_threads: int = option(
        1, "Threads of the arithmetic on a CPU. Sums depend on it in their last bits.", ge=1
    )

    @model_validator(mode="after")
    def _reaches_beta(self) -> TargetTraining:
        check_warmup(self.warmup_steps, self.steps)
        return self


def check_warmup(warmup_steps: int, steps: int) -> None:
    """Raise ValueError if a warm-up is longer than the training."""
    if warmup_steps > steps:
        raise ValueError(
            f"warmup_steps ({warmup_steps}) exceeds steps ({steps}), so β would never be reached; "
            "shorten the warm-up"
        )


def _as_list(raw: object) -> object:
    return ((raw,) if raw else ()) if isinstance(raw, str) else raw


OneOrSeveral = Annotated[
    tuple[str, ...], BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...])
]
"""Names; a bare text is a list of one."""

TARGET = "target"
"""In the place of a source: the training images of each target, and nothing else."""


SECTIONS = {
    "model": Model,
    "image_model": ImageModel,
    "source_training": SourceTraining,
    "finetuning": Finetuning,
    "target_training": TargetTraining,
}
"""Sections that a recipe may have values of its own of."""

_VARIANT = {"enum": ["default", "paper"]}
_VARIANTS = {"type": "array", "items": _VARIANT}


class Recipe(OpenSection):
    """How models are made: source, objective, what is known of pairs, and further differences.

    A list in the place of `beta`, `variant` or `latent_dim` (of `model`) is several recipes:
    `usual: {beta: [1, 2], model: {latent_dim: [5, 10]}}` is `usual-beta1-d5` and three others.
    """

    source: OneOrSeveral = option(
        (),
        "Name of the source, or a list: models learn from all of them jointly; without it the "
        "first one. `target`: models of their own for each target, from new weights, of its "
        "training images alone (`target_training`).",
    )
    objective: str = option("beta_vae", "What is minimised; its options (`beta`, …) stand beside.")
    supervision: str = option("", "What is known of a pair; without it that of `source_training`.")
    factors: tuple[str, ...] = option(
        (),
        "Factors that the first dimensions are bound to, in this order; without it all, and with "
        "an anchored objective those that mean something on real images.",
    )
    variant: Annotated[
        Literal["default", "paper"] | None, WithJsonSchema({"anyOf": [_VARIANT, _VARIANTS]})
    ] = option(
        None,
        "Which values its models have where you set none; without it that of the study. Images, "
        "features, pairs and probes are those of the study.",
    )
    tuning: Literal["finetune", "none"] = option(
        "finetune", "Whether models are fine-tuned on each target, or used as they are."
    )
    model: dict[str, Any] = option({}, "Keys of `model` that differ for these models.")
    image_model: dict[str, Any] = option({}, "Keys of `image_model` that differ.")
    source_training: dict[str, Any] = option({}, "Keys of `source_training` that differ.")
    finetuning: dict[str, Any] = option({}, "Keys of `finetuning` that differ.")
    target_training: dict[str, Any] = option({}, "Keys of `target_training` that differ.")

    @property
    def from_scratch(self) -> bool:
        """Whether models start from new weights on each target."""
        return self.source == (TARGET,)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages at which its models have a representation of a target, the last one last."""
        if self.from_scratch:
            return ("scratch",)
        return ("transferred", "finetuned") if self.tuning == "finetune" else ("transferred",)

    @field_serializer("source")
    def _as_written(self, sources: tuple[str, ...]) -> str | list[str]:
        return sources[0] if len(sources) == 1 else list(sources)
