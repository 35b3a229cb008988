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
from fovscope.datasets.design import sample_design
from fovscope.datasets.listing import DataError
from fovscope.datasets.manifest import Manifest, counts_by_kind
from fovscope.factors import Factor
from fovscope.interpret.objects import decode_mask, look_at_files
from fovscope.interventions.edit import Reach, Subject, edit, own_settings
from fovscope.interventions.factors import FACTORS
from fovscope.interventions.paint import EditError
from fovscope.interventions.settings import allowed, reasons_against
from fovscope.registry import Catalogue, origin
from fovscope.runtime.provenance import digest_bytes, digest_json
from fovscope.study.data import Source

logger = logging.getLogger(__name__)

BASE = "base"
"""The column with the image of the target that was edited."""

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
    followed: Followed,
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
    del folder, catalogue
    source = Source.model_validate(dict(options))
    chosen = source.options.get("factors", factors)
    return prepare_interventions(
        followed,
        factors=chosen,
        seed=source.seed,
        workers=workers,
        changed_factors=source.changed_factors,
        **{name: getattr(source, name) for name in _SIZES},
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
    if factors is not None and "Texture" in factors:
        followed = replace(followed, objects=_with_texture(followed, workers))
    may = allowed(followed.objects_of("train"))
    set_here = [f for f in may if (f.name in factors if factors else not f.nuisance)]
    if not set_here:
        named = ", ".join(factor.name for factor in may)
        raise DataError(f"none of the factors can be set on {followed.name}; those can: {named}")
    counted = {name: _SPARE * sizes[name] for name in _SIZES}
    table = sample_design(set_here, seed=seed, **{**sizes, **counted})
    table = _first(_feasible(table, set_here, followed, seed), sizes, followed.name)
    reading = {"root": followed.facts["root"], "preprocessing": followed.facts["preprocessing"]}
    of_base = followed.images.set_index("image_id")["path"]
    table["base_path"] = table[BASE].map(of_base)
    images_digest = digest_json(
        {
            "followed": followed.facts["images_digest"],
            "masks": digest_bytes(b"".join(followed.masks["mask"])),
            "seed": seed,
            "images": table.drop(columns=["split", "role", "pair", "member", "changed"]).to_dict(
                "list"
            ),
        }
    )
    info = {
        "digest": digest_json([images_digest, table[["split", "role", "pair"]].to_dict("list")]),
        "images_digest": images_digest,
        "interventions": {
            "target": followed.name,
            "masks": followed.masks_path,
            "seed": seed,
            **reading,
        },
        "factors": [factor.to_json() for factor in set_here],
        "refused": sorted({factor.name for factor in FACTORS} - {factor.name for factor in may}),
        "classes": [],
        "counts": counts_by_kind(table),
        "citation": followed.facts["citation"],
    }
    return Manifest(table, info)


def _with_texture(followed: Followed, workers: int) -> pd.DataFrame:
    """Return the objects with the setting that each has by itself of what nothing measures."""
    objects = followed.objects
    images = followed.images.set_index("image_id").loc[objects["image_id"]].reset_index()
    masks = followed.masks.set_index("image_id")["mask"]
    look = look_at_files(images, Path(followed.facts["root"]), followed.facts["preprocessing"])
    measured = objects["equivalent_diameter"].notna().to_numpy()

    def texture(row: int) -> float:
        if not measured[row]:
            return np.nan
        subject = Subject(look(row).image, decode_mask(masks[images["image_id"][row]]))
        return own_settings(subject)["Texture"]

    with ThreadPoolExecutor(workers) as pool:
        return objects.assign(Texture=list(pool.map(texture, range(len(objects)))))


def _feasible(
    table: pd.DataFrame, factors: Sequence[Factor], followed: Followed, seed: int
) -> pd.DataFrame:
    """Return the rows of a design that an image of their split can have, with that image.

    Both members of a pair are made of one image. Which one does not depend on other rows.
    """
    masks = followed.masks.set_index("image_id")["mask"]
    trial = _Trial(followed)
    settings = table[[factor.column for factor in factors]].to_numpy()
    names = [factor.name for factor in factors]
    bases = np.full(len(table), None, object)
    for split in ("train", "test"):
        subjects = _subjects(followed, split, names)
        reach: dict[str, Reach] = {}
        for key, rows in _together(table, split):
            order = np.random.default_rng([seed, 1, *key.encode()]).permutation(subjects)
            wanted = [dict(zip(names, settings[row], strict=True)) for row in rows]
            for image_id in order[:_TRIES]:
                if image_id not in reach:
                    reach[image_id] = Reach(decode_mask(masks[image_id]))
                if all(map(reach[image_id].holds, wanted)) and (
                    "Texture" not in names or trial.can(image_id, wanted)
                ):
                    bases[rows] = image_id
                    break
    table = table.assign(**{BASE: bases})
    return table[table[BASE].notna()].reset_index(drop=True)


class _Trial:
    """Whether images can have settings that depend on more than their masks: it is tried."""

    def __init__(self, followed: Followed) -> None:
        images = followed.images
        self._row = {image_id: row for row, image_id in enumerate(images["image_id"])}
        self._masks = followed.masks.set_index("image_id")["mask"]
        self._look = look_at_files(
            images, Path(followed.facts["root"]), followed.facts["preprocessing"]
        )

    def can(self, image_id: str, wanted: Sequence[Mapping[str, float]]) -> bool:
        """Return whether an image can have each of some settings."""
        image = self._look(self._row[image_id]).image
        subject = Subject(image, decode_mask(self._masks[image_id]))
        try:
            for settings in wanted:
                edit(subject, settings, rng=np.random.default_rng(0))
        except EditError:
            return False
        return True


def _first(table: pd.DataFrame, sizes: Mapping[str, int], target: str) -> pd.DataFrame:
    """Return as many rows of each role as a design was asked for, numbered anew.

    Raises
    ------
    DataError
        If there are fewer.
    """
    names = table.loc[table["role"] == "factor_pair", "changed"].unique()
    is_pair = table["role"] == "train_pair"
    iid = table["role"] == "image"
    train = table["split"] == "train"
    wanted = [
        (is_pair, 2 * sizes["train_pairs"], "training pairs"),
        (iid & train, sizes["iid_train"], "training rows"),
        (iid & ~train, sizes["iid_test"], "test rows"),
        *(
            (
                (table["role"] == "factor_pair") & (table["changed"] == name),
                2 * sizes["pairs_per_factor"],
                f"pairs that differ in {name}",
            )
            for name in names
        ),
    ]
    kept = []
    for chosen, number, what in wanted:
        found = table[chosen].head(number)
        if len(found) < number:
            raise DataError(
                f"{target}: the objects have room for {len(found)} of {number} images of {what}; "
                "leave Size or Elongation out of the 'factors' of the source"
            )
        kept.append(found)
    result = pd.concat(kept, ignore_index=True)
    paired = result["pair"] >= 0
    for role in ("train_pair", "factor_pair"):
        rows = paired & (result["role"] == role)
        result.loc[rows, "pair"] = np.arange(rows.sum()) // 2
    return result.assign(image_id=[f"{row:06d}" for row in range(len(result))])


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


def _together(table: pd.DataFrame, split: str) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield the rows of a split that are made of one image, pairs and single rows, and a key."""
    places = np.flatnonzero(table["split"] == split)
    of_split = table.iloc[places]
    number = of_split["pair"].where(of_split["pair"] >= 0, of_split.groupby("role").cumcount())
    keys = split + of_split["role"] + of_split["changed"] + number.astype(str)
    for key, group in keys.groupby(keys, sort=False).indices.items():
        yield key, places[group]
