"""The study as typed, frozen models: the one source for defaults, schema and docs.

Everything scientific is here; everything about running (cores, memory, partitions) is in
the profiles. `load_study` turns the raw mapping that Snakemake read into a `Study`; nothing
reads the raw mapping after that. ``variant: paper`` replaces the default of each field that
carries a published value (method, "Where paper and published code disagree"); a value that is
written in the config wins over both.

What only a registered entry knows, such as the options of an objective, is checked against the
entry's declaration: see `fovscope.study.entries`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import Field, ValidationError, field_serializer, field_validator, model_validator

from fovscope.datasets.named import DataSet, data_sets, named, unknown_data_set
from fovscope.factors import Bound, Factor, bind
from fovscope.generators.declared import declared_factors
from fovscope.interventions.factors import FACTORS
from fovscope.registry import Catalogue, RegistryError, unknown_name
from fovscope.study.axes import expanded, with_variants
from fovscope.study.data import EACH, Source, Target
from fovscope.study.entries import checked_options, worded
from fovscope.study.evaluation import (
    PROBES,
    Encoding,
    HeldOut,
    Metrics,
    ProbeOptions,
    Representation,
    checked_classes,
)
from fovscope.study.features import Backbone, Features, NamedBackbone
from fovscope.study.models import (
    SECTIONS,
    TARGET,
    Finetuning,
    ImageModel,
    Model,
    Recipe,
    SourceTraining,
    TargetTraining,
)
from fovscope.study.profiles import Profiling
from fovscope.study.section import NAME, PAPER, ConfigError, PathText, Section, option

RECIPE = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
"""What a recipe may be called; ``beta0.5`` is one."""

REPRESENTATIONS = ("latents", "named", "full", "pca", "random", "handcrafted", "constant")
"""The representations that a study compares unless it says which."""

INTERVENTIONS = "interventions"
"""The origin of a source that edits the images of a target."""

SMALLEST_CELL = 36
"""Side in pixels from which on the network `cell_vae` has all its blocks."""

IMAGES = "images"
"""In the place of a backbone: what is measured on images and needs none."""

UNSUPERVISED = "none"
"""What is known of images that are no pairs."""

RESERVED = {
    "source": "the data set that a source model was trained on",
    TARGET: "the training images of each target",
    IMAGES: "no backbone",
}
"""Names that no data set, backbone or recipe may have."""

NAMED_SOURCES = {
    "rendered": {"generator": "cells", "calibrate": "each"},
    "edited": {"interventions": "each"},
}
NAMED = {
    "objective": "anchored",
    "tuning": "none",
    "factors": ["Size", "Elongation", "NucleusRatio", "Granularity", "Hue", "Intensity"],
}
"""What a study is made of that names neither sources nor recipes: docs/names.md says why."""


def _has_interventions(sources: object) -> bool:
    """Whether a raw section `sources` has one that edits images of targets."""
    sections = sources.values() if isinstance(sources, Mapping) else ()
    return any(isinstance(one, Mapping) and one.get("interventions") for one in sections)


def _demo_targets() -> dict[str, Target]:
    return {"synthetic_cells": Target(generator="synthetic_cells")}


class Study(Section):
    """One study: what is compared on what, and every constant."""

    results: PathText = option(
        "results", "Folder for everything that the study writes.", min_length=1
    )
    variant: Literal["default", "paper"] = option(
        "default",
        "`paper` takes the values in the column `paper` of this page where you set none; images "
        "are padded and resized as ever, because the published ways leak the class.",
    )
    plugins: tuple[PathText, ...] = option(
        (),
        "Python files of your own that bring generators, objectives, metrics, probes, "
        "representations, tables or figures (docs/extend.md).",
    )
    data_folder: PathText = option(
        "data",
        "Folder for data sets that are retrieved by name; studies may share it.",
        min_length=1,
    )
    data_sets: tuple[PathText, ...] = option(
        (),
        "YAML files with data sets of your own, or other places to have known ones from "
        "(docs/datasets.md).",
    )
    betas: tuple[float, ...] | None = option(
        None,
        "Short for recipes `beta<β>` with the objective `beta_vae`. Without them and without "
        "recipes: `named` on all sources if one of them is made of interventions, else 1 and 2.",
        min_length=1,
    )
    seeds: tuple[int, ...] = option(tuple(range(10)), "Seeds of the source models.", min_length=1)
    sections: tuple[str, ...] = option(
        (),
        "Sections of the report whose tables and figures are made, such as `Profiles`, with the "
        "jobs that these need and no others; without it all of them, and the explorer.",
    )
    sources: dict[str, Source] = Field(
        {"texture_dsprites": Source()},
        description="Sources by name. Without sources, recipes and betas: `rendered` by the "
        "generator `cells`, and `edited`, interventions on each target.",
        min_length=1,
    )
    recipes: dict[str, Recipe] = Field({}, description="Recipes by name.")
    targets: dict[str, Target] = Field(
        _demo_targets(), description="Target data sets by name.", min_length=1
    )
    backbones: dict[str, NamedBackbone] = Field(
        {"dino": Backbone(model="vit_base_patch16_224.dino")},
        description="Frozen networks by name.",
        min_length=1,
    )
    representations: dict[str, Representation] = Field(
        {name: Representation() for name in REPRESENTATIONS},
        description="Representations by name. A list says which there are; a mapping adds to the "
        "usual ones.",
    )
    open_set: dict[str, HeldOut] = option(
        {},
        "Target → classes to hold out one at a time, or `each`: models are fine-tuned and probed "
        "without the class and must tell that it is new.",
    )
    profiles: dict[str, Profiling] = Field(
        {}, description="Targets that are screens, whose wells and treatments are profiled."
    )
    encode: dict[str, Encoding] = Field({}, description="New images by name.")
    features: Features = Field(Features(), description="Feature extraction.")
    model: Model = Field(Model(), description="Feature VAE.")
    image_model: ImageModel = Field(ImageModel(), description="Image VAE.")
    source_training: SourceTraining = Field(SourceTraining(), description="Source training.")
    finetuning: Finetuning = Field(Finetuning(), description="Fine-tuning.")
    target_training: TargetTraining = Field(
        TargetTraining(), description="Training on targets alone."
    )
    probes: ProbeOptions = PROBES
    metrics: Metrics = Field(Metrics(), description="Metrics.")

    @model_validator(mode="before")
    @classmethod
    def _betas_are_recipes(cls, raw: object) -> object:
        if not isinstance(raw, Mapping):
            return raw
        betas, recipes = raw.get("betas"), raw.get("recipes") or {}
        if betas is None and not recipes:
            sources = raw.get("sources")
            if sources is None and raw.get("variant") != PAPER:
                sources = NAMED_SOURCES
            if _has_interventions(sources):
                named = {"named": NAMED | {"source": list(sources)}}
                return {**raw, "sources": sources, "recipes": named}
            betas = (1, 2)
        if not isinstance(betas, list | tuple) or not isinstance(recipes, Mapping):
            return raw
        short = {}
        for beta in betas:
            if isinstance(beta, bool) or not isinstance(beta, int | float) or beta < 0:
                raise ValueError(f"betas: {beta!r} is no weight; use numbers of 0 and more")
            name = f"beta{beta:g}"
            if float(f"{beta:g}") != beta:
                raise ValueError(f"betas: {beta!r} becomes part of file names; use {beta:g}")
            if name in short or name in recipes:
                raise ValueError(f"betas: {beta:g} is there twice, or as the recipe '{name}'")
            short[name] = {"beta": float(beta)}
        return {**raw, "betas": None, "recipes": {**short, **recipes}}

    @field_validator("representations", mode="before")
    @classmethod
    def _list_or_mapping(cls, raw: object) -> object:
        if isinstance(raw, Mapping):
            return {name: {} for name in REPRESENTATIONS} | dict(raw)
        if not isinstance(raw, list | tuple):
            return raw
        chosen: dict[str, Any] = {}
        for item in raw:
            one = {item: {}} if isinstance(item, str) else item
            if not isinstance(one, Mapping):
                raise ValueError(f"{item!r} is no representation; write a name, or name: options")
            for name, options in one.items():
                if name in chosen:
                    raise ValueError(f"lists '{name}' twice")
                chosen[name] = options
        return chosen

    @field_serializer("representations")
    def _as_list(self, chosen: dict[str, Representation]) -> list[dict[str, Any]]:
        return [{name: one.model_dump(mode="json")} for name, one in chosen.items()]

    @field_validator("seeds")
    @classmethod
    def _seeds_in_order(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError(f"lists a value twice: {list(seeds)}")
        if min(seeds) < 0:
            raise ValueError(f"seeds must not be negative: {min(seeds)}")
        return tuple(sorted(seeds))

    @field_validator("open_set", mode="before")
    @classmethod
    def _classes_or_each(cls, held_out: object) -> object:
        return checked_classes(held_out)

    @model_validator(mode="after")
    def _names_fit(self) -> Study:
        kinds = ("sources", "targets", "backbones", "representations", "encode", "recipes")
        for kind in kinds:
            pattern = RECIPE if kind == "recipes" else NAME
            for name in getattr(self, kind):
                if not re.fullmatch(pattern, name):
                    raise ValueError(
                        f"{kind}: '{name}' becomes part of file names; use letters, digits, _ and -"
                    )
                if name in RESERVED:
                    raise ValueError(f"{kind}: '{name}' stands for {RESERVED[name]}; rename it")
        for name in self.sources:
            if name in self.targets:
                raise ValueError(f"'{name}' is both a source and a target; rename one")
        for section in ("open_set", "profiles"):
            for name in getattr(self, section):
                if name not in self.targets:
                    raise ValueError(f"{section}: {unknown_name('target', name, self.targets)}")
        for name, encoding in self.encode.items():
            self._has_model(f"encode.{name}: model", encoding.model)
        return self

    def _has_model(self, where: str, model: str) -> None:
        """Raise ValueError unless a model, by its path, is one that this study makes."""
        for kind, name, known in zip(
            ("backbone", "recipe", "seed", "target"),
            model.split("/"),
            (self.backbones, self.recipes, [f"seed{seed}" for seed in self.seeds], self.targets),
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
        The resolved study: every name is that of something, every option has its value.

    Raises
    ------
    ConfigError
        With one line per mistake: where it is, what is wrong, the nearest known key.
    """
    try:
        raw = dict(raw)
        if isinstance(raw.get("recipes"), Mapping):
            raw["recipes"] = with_variants(expanded(raw["recipes"]), raw)
        study = Study.model_validate(
            _with_paper_values(Study, raw) if raw.get("variant") == PAPER else raw
        )
        catalogue = Catalogue(study.plugins)
    except ValidationError as error:
        raise _mistakes(worded(error)) from None
    except (RegistryError, ConfigError) as error:
        raise _mistakes([str(error)]) from None
    return _resolved(study, catalogue)


def recipe_section(study: Study, recipe: str, name: str) -> Section:
    """Return a section (`model`, `source_training`, …) as a recipe has it."""
    section = getattr(study, name)
    return type(section).model_validate(section.model_dump() | getattr(study.recipes[recipe], name))


# Names and options of registered entries ---------------------------------------------------


def _resolved(study: Study, catalogue: Catalogue) -> Study:
    """Return the study with every name checked and all options of entries filled in."""
    mistakes: list[str] = []
    known = data_sets(study.data_sets)

    def options(kind: str, name: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
        try:
            return checked_options(catalogue.entry(kind, name), given, where)
        except RegistryError as error:
            mistakes.append(f"{where}: {error}")
        except ConfigError as error:
            mistakes.extend(str(error).splitlines())
        return dict(given)

    def of_generator(name: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
        found = options("generator", name, given, where)
        for key, value in found.items():
            if (of := named(value)) and (wrong := unknown_data_set(of, known, target=False)):
                mistakes.append(f"{where}: {key}: {wrong}")
        return found

    def of_data_set(data_set: DataSet, one: Target, where: str) -> Target:
        usual = {"licence": data_set.licence, "citation": data_set.citation} | data_set.options
        try:
            return Target.model_validate(usual | one.model_dump(exclude_unset=True))
        except ValidationError as error:
            mistakes.extend(worded(error, where))
            return one

    def source(name: str, one: Source) -> Source:
        if one.about not in ("", EACH, *study.targets):
            mistakes.append(f"sources.{name}: {unknown_name('target', one.about, study.targets)}")
        if one.interventions:
            more = options("origin", INTERVENTIONS, one.options, f"sources.{name}")
            return one.model_copy(update={"options": more})
        made_by = one.generator or name
        more = of_generator(made_by, one.options, f"sources.{name}")
        return one.model_copy(update={"generator": made_by, "options": more})

    def target(name: str, one: Target) -> Target:
        where = f"targets.{name}"
        if one.generator:
            more = of_generator(one.generator, one.options, where)
            return one.model_copy(update={"options": more})
        if one.retrieve:
            if wrong := unknown_data_set(one.retrieve, known, target=True):
                mistakes.append(f"{where}: {wrong}")
            else:
                data_set = known[one.retrieve]
                one = of_data_set(data_set, one, where)
                if catalogue.entry("origin", data_set.origin).options:
                    more = options("origin", data_set.origin, one.options, where)
                    return one.model_copy(update={"options": more})
        mistakes.extend(
            f"{where}: {unknown_name('key', key, Target.model_fields)}" for key in one.options
        )
        return one

    def recipe(name: str, one: Recipe) -> Recipe:
        where = f"recipes.{name}"
        usual = UNSUPERVISED if one.from_scratch else study.source_training.supervision
        variant = one.variant or study.variant
        published = _published_options(variant, catalogue, one.objective)
        chosen = {
            "variant": variant,
            "source": one.source or (next(iter(study.sources)),),
            "supervision": one.supervision or usual,
            "options": options("objective", one.objective, published | one.options, where),
        }
        mistakes.extend(
            f"{where}: {unknown_name('source', name, [*study.sources, TARGET])}"
            for name in chosen["source"]
            if name not in study.sources and not one.from_scratch
        )
        options("supervision", chosen["supervision"], {}, where)
        return one.model_copy(update=chosen)

    def representation(name: str, one: Representation) -> Representation:
        which = one.representation or ("file" if "file" in one.options else name)
        where = f"representations.{name}"
        more = options("representation", which, one.options, where)
        source = more.get("source", "")
        learns = source and catalogue.entry("representation", which).declared["needs"] == "source"
        if learns and source not in study.sources:
            mistakes.append(f"{where}: {unknown_name('source', source, study.sources)}")
        return one.model_copy(update={"representation": which, "options": more})

    def representations() -> Iterator[tuple[str, Representation]]:
        """Yield all; one of no size of its own in each size that models have."""
        for name, given in study.representations.items():
            one = representation(name, given)
            open_size = one.options.get("dimensions", 0) is None
            sizes = _latent_dims(study) if open_size else [None]
            for size in sizes:
                own = name if len(sizes) == 1 else f"{name}-{size}"
                if own != name and own in study.representations:
                    mistakes.append(
                        f"representations: '{own}' is what '{name}' is called for models of "
                        f"{size} dimensions; rename it"
                    )
                more = {"dimensions": size} if open_size else {}
                yield own, one.model_copy(update={"options": one.options | more})

    def probe(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        published = catalogue.entry("probe", name).declared.get(PAPER, {})
        assumed = published if study.variant == PAPER else {}
        return options("probe", name, {**assumed, **given}, f"probes.{name}")

    unknown = [name for name in study.probes if name not in catalogue["probe"]]
    mistakes += [f"probes: {unknown_name('probe', name, catalogue['probe'])}" for name in unknown]
    for name in study.metrics.options:
        if name not in catalogue["metric"]:
            known = [*Metrics.model_fields, *catalogue["metric"]]
            mistakes.append(f"metrics: {unknown_name('key', name, known)}")
    update = {
        "sources": {name: source(name, one) for name, one in study.sources.items()},
        "targets": {name: target(name, one) for name, one in study.targets.items()},
        "recipes": {name: recipe(name, one) for name, one in study.recipes.items()},
        "representations": dict(representations()),
        "probes": {name: probe(name, study.probes.get(name, {})) for name in catalogue["probe"]},
        "metrics": study.metrics.model_copy(
            update={
                "options": {
                    name: options("metric", name, given, f"metrics.{name}") and dict(given)
                    for name, given in study.metrics.options.items()
                    if name in catalogue["metric"]
                }
            }
        ),
    }
    views = [entry for kind in ("table", "figure") for entry in catalogue[kind].values()]
    known = sorted({entry.declared["section"] for entry in views})
    mistakes += [
        f"sections: {unknown_name('section', name, known)}"
        for name in study.sections
        if name not in known
    ]
    for name, one in study.encode.items():
        if one.probe not in catalogue["probe"]:
            unknown_probe = unknown_name("probe", one.probe, catalogue["probe"])
            mistakes.append(f"encode.{name}: {unknown_probe}")
    study = study.model_copy(update=update)
    if not mistakes:
        mistakes = list(_misfits(study, catalogue))
    if mistakes:
        raise _mistakes(mistakes)
    return study


def _published_options(variant: str, catalogue: Catalogue, objective: str) -> dict[str, Any]:
    """Return the options of an objective that the published variant has otherwise."""
    known = catalogue["objective"]
    if variant != PAPER or objective not in known:
        return {}
    return known[objective].declared.get(PAPER, {})


def source_factors(study: Study, catalogue: Catalogue, source: str) -> tuple[Factor, ...]:
    """Return the factors that a source may have; which of them a target allows, its images say."""
    section = study.sources[source]
    if section.interventions:
        return FACTORS
    return declared_factors(catalogue.entry("generator", section.generator))


def named_sources(recipe: Recipe) -> tuple[str, ...]:
    """Return the sources of a recipe as they are called; models of targets alone have none."""
    return () if recipe.from_scratch else recipe.source


def recipe_factors(study: Study, catalogue: Catalogue, recipe: str) -> tuple[Factor, ...]:
    """Return the factors of all sources of a recipe; one that several share counts once."""
    found: dict[str, Factor] = {}
    for source in named_sources(study.recipes[recipe]):
        for factor in source_factors(study, catalogue, source):
            found.setdefault(factor.name, factor)
    return tuple(found.values())


def is_anchored(study: Study, catalogue: Catalogue, recipe: str) -> bool:
    """Whether a recipe's objective is told the settings of images."""
    entry = catalogue.entry("objective", study.recipes[recipe].objective)
    return bool(entry.declared.get("anchors"))


def bound_factors(study: Study, catalogue: Catalogue, recipe: str) -> tuple[Bound, ...]:
    """Return the factors that a recipe may bind, with their dimensions: the first ones."""
    one, anchored = study.recipes[recipe], is_anchored(study, catalogue, recipe)
    supervision = catalogue.entry("supervision", one.supervision)
    if not (supervision.declared.get("binds") or anchored):
        return ()
    factors = recipe_factors(study, catalogue, recipe)
    if one.factors:
        factors = tuple(f for name in one.factors for f in factors if f.name == name)
    elif anchored:
        factors = tuple(f for f in factors if not f.nuisance)
    return bind(factors, angles=anchored)


def _misfits(study: Study, catalogue: Catalogue) -> Iterator[str]:
    """Yield what does not go together although each part is right."""
    yield from _misfits_of_channels(study)
    yield from _misfits_of_sizes(study)
    for name, one in study.sources.items():
        factors = source_factors(study, catalogue, name)
        if one.changed_factors > len(factors):
            yield (
                f"sources.{name}: changed_factors is {one.changed_factors}, but {one.generator} "
                f"has {len(factors)} factors"
            )
    for name, one in study.recipes.items():
        if one.from_scratch:
            yield from _misfits_from_scratch(study, catalogue, name)
        for section in SECTIONS:
            try:
                recipe_section(study, name, section)
            except ValidationError as error:
                yield from worded(error, f"recipes.{name}.{section}")
        known = [factor.name for factor in recipe_factors(study, catalogue, name)]
        yield from (
            f"recipes.{name}: factors: {unknown_name('factor', factor, known)}"
            for factor in one.factors
            if factor not in known
        )
        bound, d = bound_factors(study, catalogue, name), _latent_dim(study, name)
        for each in bound:
            scales = {
                source: factor.scale
                for source in named_sources(one)
                for factor in source_factors(study, catalogue, source)
                if factor.name == each.factor.name
            }
            if any(scale != each.factor.scale for scale in scales.values()):
                yield (
                    f"recipes.{name}: the sources {' and '.join(scales)} disagree on what "
                    f"'{each.factor.name}' is ({'; '.join(map(str, scales.values()))}); leave it "
                    "out of 'factors', or train on one of them"
                )
        needed = sum(len(each.dimensions) for each in bound)
        if needed > d:
            yield (
                f"recipes.{name}: {needed} dimensions are bound to the {len(bound)} factors of "
                f"{' and '.join(one.source)}: latent_dim must be >= {needed} (now: {d}), or "
                "'factors' name fewer"
            )


def _misfits_from_scratch(study: Study, catalogue: Catalogue, recipe: str) -> Iterator[str]:
    """Yield what is of no use to models that learn from a target's images alone."""
    one = study.recipes[recipe]
    unused = [key for key in ("factors", "source_training", "finetuning") if getattr(one, key)]
    if one.supervision != UNSUPERVISED:
        unused.append("supervision")
    if unused:
        yield (
            f"recipes.{recipe}: models of 'source: {TARGET}' see single images, from new weights, "
            f"and have no use for {', '.join(unused)}; leave it out (steps, learning rate and the "
            "like are in 'target_training')"
        )
    if is_anchored(study, catalogue, recipe):
        yield (
            f"recipes.{recipe}: {one.objective} learns from settings of images, which those of a "
            f"target do not have; use another objective than with 'source: {TARGET}'"
        )


def _misfits_of_sizes(study: Study) -> Iterator[str]:
    """Yield which backbones give images of a size that the network of a recipe does not take."""
    sizes = {n: one.size for n, one in study.backbones.items() if one.is_pixels and one.size}
    for recipe in study.recipes:
        try:
            network = recipe_section(study, recipe, "image_model").network
        except ValidationError:  # is said elsewhere
            continue
        for name, size in sizes.items():
            if network == "image_vae" and size % 8:
                yield (
                    f"backbones.{name}: size {size}: image_vae, the image model of {recipe}, "
                    "halves it three times; use a multiple of 8, or 'network: cell_vae' in its "
                    "'image_model'"
                )
            if network == "cell_vae" and size < SMALLEST_CELL:
                yield (
                    f"backbones.{name}: size {size}: cell_vae, the image model of {recipe}, takes "
                    f"{SMALLEST_CELL} pixels and more"
                )


def _misfits_of_channels(study: Study) -> Iterator[str]:
    """Yield what cannot be done with the channels of the targets."""
    bags = {name: target.bag for name, target in study.targets.items()}
    channels = {name: f"{name} ({_channel_count(bag)})" for name, bag in bags.items()}
    if len(set(bags.values())) == 1:
        return
    for name, one in study.recipes.items():
        named = named_sources(one)
        shared = [source for source in named if study.sources[source].about != EACH]
        if shared:
            yield (
                f"recipes.{name}: models learn from '{shared[0]}' once, for all targets, but these "
                f"have different channels: {', '.join(channels.values())}; use sources that follow "
                "each target (calibrate: each, interventions: each), or a study for each kind"
            )


def _channel_count(bag: int) -> str:
    return f"{bag} channels one by one" if bag else "grey or RGB"


def _latent_dim(study: Study, recipe: str) -> int:
    return study.recipes[recipe].model.get("latent_dim", study.model.latent_dim)


def _latent_dims(study: Study) -> list[int]:
    """Return the numbers of latent dimensions that models have, each once."""
    sizes = {_latent_dim(study, name) for name in study.recipes}
    return sorted(size for size in sizes if isinstance(size, int)) or [study.model.latent_dim]


def _mistakes(lines: list[str]) -> ConfigError:
    return ConfigError("the configuration has mistakes:\n" + "\n".join(f"  {x}" for x in lines))


# The published variant ----------------------------------------------------------------------


def sections_of(model: type[Section]) -> Iterator[tuple[str, type[Section], bool]]:
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
    return {name: frozenset(section.model_fields) for name, section, _ in sections_of(Study)}


def _with_paper_values(model: type[Section], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Fill what `raw` leaves open with the published values."""
    filled = dict(raw)
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra or {}
        if PAPER in extra:
            filled.setdefault(name, extra[PAPER])
    for name, nested, by_name in sections_of(model):
        default = {} if not by_name else {key: {} for key in model.model_fields[name].default}
        given = raw.get(name, default)
        if not isinstance(given, Mapping):
            continue
        if not by_name:
            filled[name] = _with_paper_values(nested, given)
        elif name == "sources":
            filled[name] = {
                key: _with_paper_values(nested, one or {}) for key, one in given.items()
            }
    return filled
