"""A data set's table and facts, from its configuration: the work of the two data rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from fovscope.config import Source, Target
from fovscope.data.design import ROLES, sample_design
from fovscope.data.synthetic_cells import FACTORS as CELL_FACTORS
from fovscope.data.synthetic_cells import generate_cells
from fovscope.data.targets import Manifest, build_manifest, manifest_from_table
from fovscope.data.textures import generated_textures, load_brodatz
from fovscope.provenance import digest_bytes, digest_file, digest_json


def prepare_source(options: Source) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the design of the source and its facts.

    Parameters
    ----------
    options : Source
        The configuration.

    Returns
    -------
    design : pandas.DataFrame
        See `fovscope.data.design.sample_design`.
    info : dict
        `digest` of all that the images depend on, `counts` by role, what they are made of.
    """
    design = sample_design(options)
    textures = load_brodatz(options.textures) if options.textures else generated_textures()
    made_of = {
        "textures": digest_bytes(textures.tobytes()),
        "sprites": digest_file(options.sprites) if options.sprites else "rendered",
    }
    rows = digest_json(design.to_dict("list"))
    return design, {
        "digest": digest_json(made_of | {"design": rows}),
        "counts": {role: int((design["role"] == role).sum()) for role in ROLES},
        "made_of": made_of,
        "citation": "Texture-dSprites: Dapueto et al., arXiv 2409.18017; dSprites: Matthey et al. "
        "2017",
    }


def prepare_target(options: Target, folder: Path, *, workers: int) -> Manifest:
    """Return the manifest of a target; generate its images into `folder` where asked.

    Parameters
    ----------
    options : Target
        The configuration.
    folder : Path
        Where images go that are generated.
    workers : int
        Threads that read images.

    Raises
    ------
    DataError
        If anything is wrong with the images.
    """
    if options.generator is None:
        return build_manifest(options, workers=workers)
    table = write_cells(folder, options.images, seed=options.seed)
    return manifest_from_table(table, folder, options, factors=CELL_FACTORS, workers=workers)


def write_cells(folder: Path, count: int, *, seed: int) -> pd.DataFrame:
    """Write generated cells and their masks as PNG files.

    Parameters
    ----------
    folder : Path
        Gets the folders ``images`` and ``masks``.
    count : int
        Number of cells.
    seed : int
        Of the generator.

    Returns
    -------
    pandas.DataFrame
        One row a cell: ``path, mask, label`` and its factors.
    """
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for index, cell in enumerate(generate_cells(count, seed)):
        name = f"{index:06d}.png"
        Image.fromarray(cell.image).save(folder / "images" / name)
        Image.fromarray(cell.mask * 255).save(folder / "masks" / name)
        files = {"path": f"images/{name}", "mask": f"masks/{name}"}
        rows.append(files | {"label": cell.label} | cell.factors)
    return pd.DataFrame(rows)
