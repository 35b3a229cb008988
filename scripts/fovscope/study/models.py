"""Models: their architecture, their training, and the named recipes that combine both."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, field_serializer, model_validator

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

    likelihood: Literal["bernoulli", "gaussian"] = option(
        "bernoulli", "Distribution of a pixel around its reconstruction."
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
        if self.warmup_steps > self.steps:
            raise ValueError(
                f"warmup_steps ({self.warmup_steps}) exceeds steps ({self.steps}), so β would "
                "never be reached; shorten the warm-up"
            )
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


def _as_list(raw: object) -> object:
    return ((raw,) if raw else ()) if isinstance(raw, str) else raw


OneOrSeveral = Annotated[
    tuple[str, ...], BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...])
]
"""Names; a bare text is a list of one."""


class Recipe(OpenSection):
    """How models are made: source, objective, what is known of pairs, and further differences."""

    source: OneOrSeveral = option(
        (),
        "Name of the source, or a list: models learn from all of them jointly; without it the "
        "first one.",
    )
    objective: str = option("beta_vae", "What is minimised; its options (`beta`, …) stand beside.")
    supervision: str = option("", "What is known of a pair; without it that of `source_training`.")
    factors: tuple[str, ...] = option(
        (),
        "Factors that the first dimensions are bound to, in this order; without it all, and with "
        "an anchored objective those that mean something on real images.",
    )
    tuning: Literal["finetune", "none"] = option(
        "finetune", "Whether models are fine-tuned on each target, or used as they are."
    )
    model: dict[str, Any] = option({}, "Keys of `model` that differ for these models.")
    image_model: dict[str, Any] = option({}, "Keys of `image_model` that differ.")
    source_training: dict[str, Any] = option({}, "Keys of `source_training` that differ.")
    finetuning: dict[str, Any] = option({}, "Keys of `finetuning` that differ.")

    @field_serializer("source")
    def _as_written(self, sources: tuple[str, ...]) -> str | list[str]:
        return sources[0] if len(sources) == 1 else list(sources)
