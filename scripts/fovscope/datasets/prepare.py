"""Data sets of a generator: a design to render on demand, or images written to files.

A source is the first: its images are many, are read once, and follow from the table. A target is
the second: from there on it is like any other, checked, split and digested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from fovscope.datasets.design import ARRANGED, HIDDEN, sample_design
from fovscope.datasets.manifest import Manifest, counts_by_kind, manifest_from_table
from fovscope.generators.base import Generator, load_generator
from fovscope.generators.calibration import calibrated_factors
from fovscope.generators.declared import GeneratorError, resolved_options
from fovscope.registry import Catalogue, Entry, origin
from fovscope.runtime.provenance import digest_json
from fovscope.study.data import Source, Target

_SIZES = ("train_pairs", "iid_train", "iid_test", "pairs_per_factor", "distinct_pairs")


@origin("design")
def designed(
    options: Mapping[str, Any], folder: Path, catalogue: Catalogue, workers: int
) -> Manifest:
    """Draw the design of a source."""
    del folder, workers
    source = Source.model_validate(dict(options))
    return prepare_design(
        catalogue.entry("generator", source.generator), source.options, **sizes_of(source)
    )


def sizes_of(source: Source) -> dict[str, int]:
    """Return seed and sizes of the design of a source."""
    names = (*_SIZES, "seed", "changed_factors")
    return {name: getattr(source, name) for name in names}


@origin("generated", writing="generate_images")  # the images themselves depend on that alone
def generated(
    options: Mapping[str, Any], folder: Path, catalogue: Catalogue, workers: int
) -> Manifest:
    """Write the images of a generated target into a folder."""
    target = Target.model_validate(dict(options))
    return prepare_generated(
        catalogue.entry("generator", target.generator),
        target.options,
        folder,
        target,
        images=target.images,
        seed=target.seed,
        workers=workers,
    )


def prepare_design(
    entry: Entry,
    options: Mapping[str, Any],
    *,
    seed: int,
    limits: Mapping[str, Sequence[float]] | None = None,
    **sizes: int,
) -> Manifest:
    """Draw the design of a source.

    Parameters
    ----------
    entry : Entry
        The generator.
    options : mapping
        Its options, as the configuration gives them.
    seed : int
        Of the design, and of what the factors leave open in its images.
    limits : mapping of str to (float, float), optional
        By factor, to draw between instead of the declared ones.
    **sizes
        As of `fovscope.datasets.design.sample_design`.

    Returns
    -------
    Manifest
        The table of `sample_design`; its facts say how `fovscope.images.source.open_images`
        renders it. `images_digest` follows all that the images depend on outside of the code: the
        options, the content of files in the place of their paths, the factors of each row.

    Raises
    ------
    GeneratorError
        If the generator cannot be used with these options, or does not say what its files hold.
    """
    generator = load_generator(entry, options)
    factors = calibrated_factors(generator.factors, limits or {})
    table = sample_design(factors, seed=seed, **sizes)
    known = generator.known(table, seed=seed)
    if not known.all(axis=None):
        table[HIDDEN] = [",".join(known.columns[~row]) for row in known.to_numpy()]
    options, made_of = resolved_options(entry, options), generator.made_of()
    files = entry.declared.get("files", ())
    for name in files:
        if options[name] is not None and name not in made_of:
            raise GeneratorError(
                f"{entry.file}: {entry.definition}.made_of needs an entry '{name}' with a digest "
                "of the content of that file, or a change of it goes unnoticed"
            )
    images_digest = digest_json(
        {
            "generator": entry.name,
            "options": {name: value for name, value in options.items() if name not in files},
            "made_of": made_of,
            "seed": seed,
            "images": table.drop(columns=[*ARRANGED, HIDDEN], errors="ignore").to_dict("list"),
        }
    )
    how = {"name": entry.name, "options": options, "seed": seed}
    info = {
        "digest": digest_json([images_digest, table[list(ARRANGED)].to_dict("list")]),
        "images_digest": images_digest,
        "generator": how if entry.origin == "fovscope" else how | {"plugin": entry.origin},
        "made_of": made_of,
        "factors": [factor.to_json() for factor in factors],
        "classes": [],
        "counts": counts_by_kind(table),
        "citation": entry.declared.get("citation", ""),
    }
    return Manifest(table, info)


def prepare_generated(
    entry: Entry,
    options: Mapping[str, Any],
    folder: Path,
    target: Target,
    *,
    images: int,
    seed: int,
    workers: int = 1,
) -> Manifest:
    """Write the images of a generated target into `folder` and return their manifest.

    Parameters
    ----------
    entry, options
        As in `prepare_design`.
    folder : Path
        Where the images go.
    target : Target
        Preprocessing and splits.
    images : int
        Number of images.
    seed : int
        Of the generator.
    workers : int
        Threads that read images.
    """
    generator = load_generator(entry, options)
    table = generate_images(generator, folder, images=images, seed=seed)
    manifest = manifest_from_table(
        table, folder, target, factors=generator.factors, workers=workers
    )
    citation = target.citation or entry.declared.get("citation", "")
    return Manifest(manifest.table, manifest.info | {"citation": citation})


def generate_images(generator: Generator, folder: Path, *, images: int, seed: int) -> pd.DataFrame:
    """Write generated images and their masks as PNG files.

    Parameters
    ----------
    generator : Generator
        What makes them.
    folder : Path
        Gets the folder ``images`` and, where there are masks, ``masks``.
    images : int
        Number of images.
    seed : int
        Of the generator.

    Returns
    -------
    pandas.DataFrame
        One row per image: ``path``, ``mask`` and ``label`` where there are any, what else the
        generator says of it, and a column per factor that bears its name.
    """
    rows = []
    for index in range(images):
        example = generator.make(index, seed)
        name = f"{index:06d}.png"
        row = {"path": f"images/{name}"}
        _save(example.drawing.image, folder / row["path"])
        if example.drawing.mask is not None:
            row["mask"] = f"masks/{name}"
            _save(np.where(example.drawing.mask, np.uint8(255), np.uint8(0)), folder / row["mask"])
        if example.label is not None:
            row["label"] = example.label
        rows.append(row | example.columns | example.factors)
    return pd.DataFrame(rows)


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    Image.fromarray(pixels).save(path)
