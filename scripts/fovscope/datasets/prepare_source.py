"""The design of the source and its facts, from its configuration."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fovscope.datasets.design import ROLES, sample_design
from fovscope.generators.textures import load_textures
from fovscope.runtime.provenance import digest_bytes, digest_file, digest_json
from fovscope.study.config import Source


def prepare_source(options: Source) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the design of the source and its facts.

    Parameters
    ----------
    options : Source
        The configuration.

    Returns
    -------
    design : pandas.DataFrame
        See `fovscope.datasets.design.sample_design`.
    info : dict
        `images_digest` of all that the images depend on, `counts` by role, what they are made of.
    """
    design = sample_design(options)
    textures = load_textures(options.textures)
    made_of = {
        "textures": digest_bytes(textures.tobytes()),
        "sprites": digest_file(options.sprites) if options.sprites else "rendered",
    }
    rows = digest_json(design.to_dict("list"))
    return design, {
        "images_digest": digest_json(made_of | {"design": rows}),
        "counts": {role: int((design["role"] == role).sum()) for role in ROLES},
        "made_of": made_of,
        "citation": "Texture-dSprites: Dapueto et al., arXiv 2409.18017; dSprites: Matthey et al. "
        "2017",
    }
