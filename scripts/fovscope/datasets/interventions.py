"""A source that is made of a target's own images: a design of settings, each on a real image.

Training rows are made of training images, test rows of test images; both members of a pair are
made of one image. Every image has a value of every factor set, drawn independently, so that what
goes together on natural images does not do so here. Objects that cannot have the values of their
row are passed over. The images are not written: `edited` makes them when they are asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.datasets.base import Followed
from fovscope.datasets.design import ARRANGED, BASE, sample_design
from fovscope.datasets.listing import DataError
from fovscope.datasets.manifest import Manifest, counts_by_kind
from fovscope.datasets.prepare import sizes_of
from fovscope.factors import Factor
from fovscope.interventions.edit import Reach, Subject, edit, own_settings
from fovscope.interventions.factors import FACTORS
from fovscope.interventions.paint import EditError
from fovscope.interventions.settings import allowed, reasons_against
from fovscope.registry import Catalogue, origin
from fovscope.runtime.provenance import digest_bytes, digest_json
from fovscope.study.data import Source

logger = logging.getLogger(__name__)

_SIZES = ("train_pairs", "iid_train", "iid_test", "pairs_per_factor")
_TRIES, _SPARE = 8, 3
"""Images that are tried for a row before it is passed over, and rows that are drawn for each one:
a large object has no room to be long."""


@origin("interventions")
def interventions(
    options: Mapping[str, Any],
    folder: Path,
    catalogue: Catalogue,
    workers: int,
    followed: Mapping[str, Any],
    *,
    factors: list[str] | None = None,
) -> Manifest:
    """Draw a design of settings on the images of a target.

    Parameters
    ----------
    factors : list[str]
        What is set: Size, Elongation, Orientation, Hue, Intensity, Texture, PosX, PosY; by default
        the first five, as far as the target allows. Not every object can have every texture, and
        to find out takes as long as making the images.
    """
    del folder, catalogue, factors  # an option, like those of generators
    source = Source.model_validate(dict(options))
    return prepare_interventions(
        Followed(**followed),
        factors=source.options["factors"],
        workers=workers,
        **sizes_of(source),
    )


def prepare_interventions(
    followed: Followed,
    *,
    factors: Sequence[str] | None,
    seed: int,
    workers: int = 1,
    **sizes: int,
) -> Manifest:
    """Draw a design of settings, and the image of each row.

    Parameters
    ----------
    followed : Followed
        The target.
    factors : sequence of str, optional
        What to set; by default all that the target allows but Texture and the position.
    seed : int
        Of the design, of which image gets which row, and of noise on what is rebuilt.
    workers : int
        Threads that read images.
    **sizes
        As of `fovscope.datasets.design.sample_design`.

    Returns
    -------
    Manifest
        The table of `sample_design` with the column `BASE`; its facts say how `edited` makes the
        images.

    Raises
    ------
    DataError
        If no image of a split can be edited, or not with the settings of a row.
    """
    textured = factors is not None and "Texture" in factors
    if textured:
        followed = replace(followed, objects=_with_texture(followed, workers))
    may = allowed(followed.objects_of("train"))
    if followed.bag:  # a hue is that of three colours
        may = tuple(factor for factor in may if factor.name != "Hue")
    set_here = [f for f in may if (f.name in factors if factors else not f.nuisance)]
    if not set_here:
        named = ", ".join(factor.name for factor in may)
        raise DataError(f"none of the factors can be set on {followed.name}; those can: {named}")
    asked = {f.name for f in FACTORS if not f.nuisance and (textured or f.name != "Texture")}
    table = _placed(set_here, followed, seed, sizes)
    table["base_path"] = table[BASE].map(followed.paths)
    images_digest = digest_json(
        {
            "followed": followed.facts["images_digest"],
            "masks": digest_bytes(b"".join(followed.masks["mask"])),
            "seed": seed,
            "images": table.drop(columns=list(ARRANGED)).to_dict("list"),
        }
    )
    info = {
        "digest": digest_json([images_digest, table[list(ARRANGED)].to_dict("list")]),
        "images_digest": images_digest,
        "interventions": {
            "target": followed.name,
            "masks": followed.masks_path,
            "seed": seed,
            **{key: followed.facts[key] for key in ("root", "preprocessing")},
        },
        "factors": [factor.to_json() for factor in set_here],
        "refused": sorted(asked - {factor.name for factor in may}),
        "classes": [],
        "counts": counts_by_kind(table),
        "citation": followed.facts["citation"],
    }
    return Manifest(table, info)


def _with_texture(followed: Followed, workers: int) -> pd.DataFrame:
    """Return the objects with the setting that each has by itself of what nothing measures."""
    objects = followed.objects
    measured = objects.loc[objects["equivalent_diameter"].notna(), "image_id"]
    with ThreadPoolExecutor(workers) as pool:
        looks = pool.map(followed.look, measured)
        textures = [own_settings(Subject(*look))["Texture"] for look in looks]
    return objects.assign(Texture=pd.Series(textures, measured.index, dtype=float))


def _placed(
    factors: Sequence[Factor], followed: Followed, seed: int, sizes: Mapping[str, int]
) -> pd.DataFrame:
    """Draw a design whose rows are each made of an image of their split that can have them.

    What no image can have is passed over; more rows are drawn than are needed.

    Raises
    ------
    DataError
        If too few can be had.
    """
    drawn = {name: (_SPARE if name in _SIZES else 1) * number for name, number in sizes.items()}
    design = sample_design(factors, seed=seed, **drawn)
    names, settings = zip(
        *((factor.name, design[factor.column].to_numpy()) for factor in factors), strict=True
    )
    values = np.stack(settings, axis=1)
    bases, missing = np.full(len(design), None, object), _numbers(factors, sizes)
    for split in ("train", "test"):
        subjects, reach = _subjects(followed, split, names), {}
        for kind, number, rows in _together(design, split):
            if not missing[kind]:
                continue
            wanted = [dict(zip(names, row, strict=True)) for row in values[rows]]
            order = np.random.default_rng([seed, 1, *"".join(kind).encode(), number])
            for image_id in order.permutation(subjects)[:_TRIES]:
                if _can(followed, reach, image_id, wanted):
                    bases[rows] = image_id
                    missing[kind] -= 1
                    break
    if short := {" ".join(filter(None, kind)): n for kind, n in missing.items() if n}:
        raise DataError(
            f"{followed.name}: the objects have no room for all settings; missing are {short}; "
            "leave Size or Elongation out of the 'factors' of the source"
        )
    table = design.assign(**{BASE: bases}).dropna(subset=[BASE])
    return _numbered(table.reset_index(drop=True))


Kind = tuple[str, str, str]
"""Split, role, and of a pair for metrics the factor that changes."""


def _numbers(factors: Sequence[Factor], sizes: Mapping[str, int]) -> dict[Kind, int]:
    """Return how many pairs or single rows there have to be of each kind."""
    return {
        ("train", "train_pair", ""): sizes["train_pairs"],
        ("train", "image", ""): sizes["iid_train"],
        ("test", "image", ""): sizes["iid_test"],
        **{("test", "factor_pair", f.name): sizes["pairs_per_factor"] for f in factors},
    }


def _together(design: pd.DataFrame, split: str) -> Iterator[tuple[Kind, int, NDArray[np.intp]]]:
    """Yield kind, number and rows of what is made of one image: pairs, and single rows."""
    places = np.flatnonzero(design["split"] == split)
    rows = design.iloc[places]
    changed = rows["changed"].where(rows["role"] == "factor_pair", "")
    number = rows["pair"].where(rows["pair"] >= 0, rows.groupby("role").cumcount())
    for (role, factor, own), group in rows.groupby(
        [rows["role"], changed, number], sort=False
    ).indices.items():
        yield (split, role, factor), own, places[group]


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a design, their pairs and images counted anew."""
    pairs = table.groupby("role").cumcount() // 2
    return table.assign(
        pair=pairs.where(table["pair"] >= 0, -1),
        image_id=[f"{row:06d}" for row in range(len(table))],
    )


def _can(
    followed: Followed,
    reach: dict[str, Reach],
    image_id: str,
    wanted: Sequence[Mapping[str, float]],
) -> bool:
    """Whether an image can have settings; those that do not follow from its mask are tried."""
    if image_id not in reach:
        reach[image_id] = Reach(followed.mask(image_id))
    if not all(map(reach[image_id].holds, wanted)):
        return False
    if "Texture" not in wanted[0]:
        return True
    subject = Subject(*followed.look(image_id))
    try:
        for settings in wanted:
            edit(subject, settings, rng=np.random.default_rng(0))
    except EditError:
        return False
    return True


def _subjects(followed: Followed, split: str, names: Sequence[str]) -> NDArray[np.object_]:
    """Return the images of a split that can be edited, and say why others cannot."""
    objects = followed.objects_of(split)
    reasons = reasons_against(objects)
    if "Hue" in names:
        reasons = reasons.mask((reasons == "") & objects["hue"].isna(), "no hue")
    if "Texture" in names:
        reasons = reasons.mask((reasons == "") & ~(objects["Texture"] > 0), "no detail")
    kept = (reasons == "").to_numpy()
    reasons = reasons[~kept].value_counts()
    logger.info(
        "%s: %d of %d %s images are edited%s",
        *(followed.name, kept.sum(), len(objects), split),
        "".join(f"; {count} not: {reason}" for reason, count in reasons.items()),
    )
    if not kept.any():
        raise DataError(
            f"{followed.name}: no {split} image has an object that can be edited "
            f"({', '.join(reasons.index)}); give masks, or leave interventions out"
        )
    return objects.loc[kept, "image_id"].to_numpy(object)
