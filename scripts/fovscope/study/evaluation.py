"""What is scored and how: probes, metrics, representations, new images to encode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from fovscope.study.section import NAME, OpenSection, PathText, Section, option


class Metrics(OpenSection):
    """Disentanglement metrics; the options of a metric stand under its name."""

    panel: Literal["full", "fast"] = option(
        "full",
        "Which metrics, with which effort: `full` has all of docs/metrics.md; `fast` takes a "
        "second instead of a minute (no SAP, no explicitness, fewer and smaller classifiers).",
    )
    resamples: int = option(
        5,
        "Groups of rows for the 95 % intervals, 0 for none; `fast` has intervals for metrics "
        "without classifiers only.",
        ge=0,
    )
    active_sd: float = option(
        0.05, "A latent dimension with a smaller SD over the data counts as inactive.", ge=0
    )
    factor_levels: int = option(
        10, "Continuous factors are cut into so many equally filled levels.", ge=2
    )
    widest: int = option(
        64,
        "A representation with more dimensions goes to the probes only: scores of single "
        "dimensions would say little and take long.",
        ge=1,
    )

    @field_validator("resamples")
    @classmethod
    def _more_than_one(cls, resamples: int) -> int:
        if resamples == 1:
            raise ValueError("an interval needs at least 2 groups; 0 for no intervals")
        return resamples


class Representation(OpenSection):
    """Numbers per image under a name: a registered representation, or a file of yours."""

    representation: str = option(
        "",
        "Which registered one it is; without it that of its name, or `file` if there is a `file`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_an_empty_section(cls, raw: object) -> object:
        return {} if raw is None else raw


class Encoding(Section):
    """New images to apply a model of this study to."""

    model: str = option(
        ...,
        "Model by its path below `models/`, e.g. `dino/beta1/seed0/my_cells`.",
        pattern=f"^{NAME}/[^/]+/seed[0-9]+/{NAME}$",
    )
    images: PathText = option(..., "Folder of images, at any depth.")
    masks: PathText | None = option(
        None, "Folder of their masks, where the target of the model is masked."
    )
    probe: str = option("gbt", "What predicts the class.")


HeldOut = Literal["each"] | tuple[str, ...]
"""Classes to hold out one at a time."""


def checked_classes(held_out: object) -> object:
    """Raise ValueError for what is neither `each` nor a list of class names.

    Without it the errors of both kinds of value would be told, in Python's words.
    """
    for name, classes in held_out.items() if isinstance(held_out, Mapping) else ():
        names = isinstance(classes, list | tuple) and all(isinstance(c, str) for c in classes)
        if classes != "each" and not names:
            raise ValueError(
                f"'{name}' is {classes!r}; use each, or a list of class names, numbers in "
                'quotes: [round, "2"]'
            )
        if names and len(set(classes)) != len(classes):
            raise ValueError(f"'{name}' lists a class twice: {list(classes)}")
    return held_out


PROBES = Field(
    {},
    description="Options of each probe under its name. All registered probes are used.",
)
"""The section `probes`: probe → options."""

ProbeOptions = dict[str, dict[str, Any]]
