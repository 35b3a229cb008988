"""Any folder of images, or a CSV, becomes a manifest: one row per image, checked and split.

Every image is read once, so that what cannot be used is named before any network runs; all
problems appear in one error. The manifest's digest follows the content (pixels as stored, labels,
splits, factors, preprocessing) and not the place: a copy of the folder elsewhere has the same
digest.

Folders are read as `fovscope.datasets.layout` says; a table has the column `path` and optionally
`label`, `mask`, `split`, `group`, factors and `Metadata_*`, which travels along. What can be used
and may not be meant is a warning (`fovscope.datasets.remarks`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovscope.datasets.channel_files import (
    ChannelOptions,
    file_columns,
    image_of,
    in_files,
    listed_images,
)
from fovscope.datasets.copies import check_copies
from fovscope.datasets.factor_columns import check_factor, described_factor, read_table
from fovscope.datasets.layout import list_folder
from fovscope.datasets.listing import SPLITS, DataError, listed
from fovscope.datasets.readings import read_all
from fovscope.datasets.remarks import (
    warn_of_channel_order,
    warn_of_channels,
    warn_of_classes_alike,
    warn_of_garbled_classes,
    warn_of_greys,
    warn_of_masks,
    warn_of_near_copies,
    warn_of_orientation,
    warn_of_shortcuts,
    warn_of_torn_groups,
    warn_of_unmet_shares,
)
from fovscope.datasets.splits import stratified_splits
from fovscope.datasets.tables import METADATA, TABLE_COLUMNS, listed_paths
from fovscope.factors import PREFIX, Factor
from fovscope.registry import Catalogue, origin, unknown_name
from fovscope.study.data import Target

logger = logging.getLogger(__name__)

_CANNOT_SPLIT = "too few images to split; add some, or leave the class out"

Problems = defaultdict[str, list[str]]
"""What is wrong, by kind: the cases with their file names."""


@dataclass(frozen=True)
class Manifest:
    """A data set that can be used.

    Parameters
    ----------
    table : DataFrame
        One row per image, sorted by `image_id`: `image_id` (text), `split`, `role` (`image`),
        `pair` (-1), `member` (0) and `changed` (empty): see `fovscope.datasets.design`; `label`
        where there are classes, `group`; where images are files `path` and `mask_path` (relative
        to the root, with forward slashes; missing where there is no mask), `sha256` and
        `mask_sha256` (of the files), `width` and `height` in pixels; `factor_*` and `Metadata_*`.
        Where each channel is a file, `path` has ``{channel}`` in it, and `sha256` the digests of
        all files, in the order of channels and with a blank between them.
    info : dict
        Ready for JSON: `digest`, `images_digest`, `factors` (see `Factor.to_json`), `classes`,
        `counts` (class, or role where there are no classes → split → images), `citation`, and of
        files `root` and `preprocessing` (`background`, `white_level`, `mask`; `black_level` and
        `channels` where the target says what they are). Labels, splits and factors are part of
        `digest` only, the root of neither.
    copies : int
        Images with the pixels of one above them, in whatever format.
    """

    table: pd.DataFrame
    info: dict[str, Any]
    copies: int = 0


@origin("files")
def from_files(
    options: Mapping[str, Any], folder: Path, catalogue: Catalogue, workers: int
) -> Manifest:
    """List, check and split the images of a folder or a table."""
    del folder, catalogue
    return build_manifest(Target.model_validate(dict(options)), workers=workers)


def build_manifest(
    options: Target,
    *,
    root: Path | None = None,
    labelled: bool | None = None,
    workers: int = 1,
) -> Manifest:
    """Return the manifest of the folder or table that `options` name.

    Parameters
    ----------
    options : Target
        With `folder` or `table`; for a generator see `fovscope.datasets.prepare`.
    root : Path, optional
        What relative paths in `options` are relative to; by default the working directory.
    labelled : bool, optional
        Whether the images have labels: True requires them, False leaves them out. By default
        there are labels where the folder has class folders, or the table a column with some.
    workers : int
        Threads that read images.

    Returns
    -------
    Manifest

    Raises
    ------
    DataError
        If anything is wrong with the images or the table; the message lists all of it.
    """
    base = root or Path()
    problems: Problems = defaultdict(list)
    if options.folder:
        folder = base / options.folder
        masks = base / options.masks if options.masks else None
        channels = _plain_channels(options)
        listing = list_folder(folder, masks, labelled=labelled, channels=channels)
        problems.update(listing.problems)
        for kind, cases in listing.remarks.items():
            logger.warning("%s: %s", folder, listed(kind, cases))
        if channels is None:
            warn_of_channels(listing.columns["path"], folder)
        rows = pd.DataFrame(listing.columns)
        return _assemble(rows, folder, options, problems, workers)
    if options.table:
        table = base / options.table
        rows = read_table(table, options.factors)
        _require_columns(rows, options.factors, table.parent)
        factors = [described_factor(name, rows[name]) for name in options.factors]
        return manifest_from_table(
            *(rows, table.parent, options), factors=factors, labelled=labelled, workers=workers
        )
    raise ValueError("a generated target has no folder: write its images, then use its table")


def manifest_from_table(
    table: pd.DataFrame,
    root: Path,
    options: Target,
    *,
    factors: Sequence[Factor] = (),
    labelled: bool | None = None,
    workers: int = 1,
) -> Manifest:
    """Return the manifest of the images that a table lists.

    Parameters
    ----------
    table : DataFrame
        Column `path`, optionally `label`, `mask`, `split`, `group`; of others, factors and
        `Metadata_*` are kept.
    root : Path
        What relative paths in the table are relative to.
    options : Target
        Preprocessing, split and terms of use.
    factors : sequence of Factor
        Factors of variation. The table has a column of their name, which becomes `factor_<name>`.
    labelled : bool, optional
        As in `build_manifest`.
    workers : int
        Threads that read images.

    Returns
    -------
    Manifest

    Raises
    ------
    DataError
        As `build_manifest`.
    """
    channels = _plain_channels(options)
    needed = [*file_columns(channels), *(["label"] if labelled else [])]
    _require_columns(table, (*needed, *(factor.name for factor in factors)), root)
    if table.empty:
        raise DataError(f"{root}: the table lists no images")
    table = table.reset_index(drop=True)
    rows = table[[name for name in TABLE_COLUMNS if name in table]].copy()
    problems: Problems = defaultdict(list)
    if not labelled and "label" in rows:
        some = rows["label"].fillna("").astype(str).ne("").any()
        rows = rows if labelled is None and some else rows.drop(columns="label")
    for factor in factors:
        rows[factor.column] = table[factor.name].to_numpy()
        check_factor(factor.name, table[factor.name], problems)
    files = file_columns(channels)
    named = table[files[0]].fillna("").astype(str).set_axis(range(1, len(table) + 1))
    checked = {name: table[name] for name in files}
    checked |= {name.removeprefix(PREFIX): rows[name] for name in rows if name != "path"}
    for name, column in checked.items():
        empty = _is_empty(column).to_numpy()
        if empty.any():
            kind = f"rows of the table without '{name}'; fill it in or remove them"
            problems[kind] += [
                path or f"row {number} below the names" for number, path in named[empty].items()
            ]
    cells = {
        name: column.astype(object).where(column.notna(), "") for name, column in table.items()
    }
    cells = {name: column.astype(str) for name, column in cells.items()}
    rows["path"] = listed_images(cells, root, channels)
    if "mask" in rows:
        masks = listed_paths(cells["mask"], root)
        rows["mask"] = [mask or None for mask in masks]
    if in_files(channels):
        rows["image_id"] = [image_of(path, channels) for path in rows["path"]]
    for name in table:
        if str(name).startswith(METADATA):
            rows[name] = table[name].to_numpy()
    rows = rows[rows["path"] != ""]  # of the others there is nothing to be read
    if rows.empty:
        _raise_if_any(problems, root)
    return _assemble(rows, root, options, problems, workers, factors)


def _is_empty(cells: pd.Series) -> pd.Series:
    return cells.isna() | (cells.astype(str) == "")


def _plain_channels(options: Target) -> ChannelOptions | None:
    return options.channels and options.channels.model_dump(mode="json")


def _require_columns(table: pd.DataFrame, needed: Sequence[str], root: Path) -> None:
    missing = [name for name in needed if name not in table]
    if missing:
        there = ", ".join(map(str, table.columns))
        files = [name for name in table if re.search("file|path|image", str(name).lower())]
        hint = f"; rename the one that names the files ('{files[0]}'?) to 'path'" if files else ""
        hint = hint if "path" in missing else ""
        raise DataError(f"table in {root} has no column {missing}; columns there: {there}{hint}")


# Groups and splits ---------------------------------------------------------------------------


def _groups(rows: pd.DataFrame, options: Target, problems: Problems) -> pd.Series:
    if not options.group_pattern:
        return rows["group"] if "group" in rows else pd.Series(None, rows.index, dtype="str")
    found = [re.search(options.group_pattern, path) for path in rows["image_id"]]
    groups = [match.group(1) if match else None for match in found]
    for path, group in zip(rows["image_id"], groups, strict=True):
        if group is None:
            kind = f"image paths without a match of group_pattern '{options.group_pattern}'"
            problems[f"{kind}; correct one of the two"].append(path)
    return pd.Series(groups, rows.index, dtype="str")


def _splits(rows: pd.DataFrame, options: Target, problems: Problems) -> pd.Series:
    """Return the provided splits, with validation images drawn where there are none, or draw."""
    provided = rows.get("split")
    drawn = pd.Series(True, rows.index)
    if provided is not None:
        for name in sorted(set(provided) - {*SPLITS, ""}) if options.table else ():
            problems["unknown splits; correct the table"].append(
                unknown_name("split", name, SPLITS)
            )
        for split in ("train", "test"):
            if "label" not in rows:
                if not (provided == split).any():
                    problems["provided splits without images; add some"].append(split)
                continue
            for label in sorted(set(rows["label"]) - set(rows["label"][provided == split])):
                kind = f"classes without images in the provided '{split}' split"
                problems[f"{kind}; add some, or leave the class out"].append(label)
        drawn = provided == "train"
        if (provided == "val").any() or options.val_fraction == 0 or not drawn.any():
            return provided
    part = rows[drawn]
    grouped = not part.empty and part["group"].notna().all()
    test_fraction = options.test_fraction if provided is None else 0
    splits = pd.Series("test", rows.index) if provided is None else provided.copy()
    try:
        splits[drawn] = stratified_splits(
            part["label"] if "label" in part else np.full(len(part), ""),
            test_fraction=test_fraction,
            val_fraction=options.val_fraction,
            seed=options.split_seed,
            groups=part["group"] if grouped else None,
            identities=_contents(part),
        )
        warn_of_unmet_shares(part, splits[drawn], test_fraction, options.val_fraction)
    except DataError as error:
        problems[_CANNOT_SPLIT] += str(error).split("; ")
    return splits


def _contents(rows: pd.DataFrame) -> pd.Series:
    """Return what is the same for copies: the first of the digests of their files."""
    pixels = rows["pixels"].fillna(rows["path"])
    return rows["sha256"].fillna(rows["path"]).groupby(pixels).transform("min")


def _raise_if_any(problems: Problems, root: Path) -> None:
    if not problems:
        return
    lists = [listed(kind, cases) for kind, cases in problems.items()]
    raise DataError("\n".join([f"{root} cannot be used:", *lists]))


# Manifest -----------------------------------------------------------------------------------


def _assemble(
    rows: pd.DataFrame,
    root: Path,
    options: Target,
    problems: Problems,
    workers: int,
    factors: Sequence[Factor] = (),
) -> Manifest:
    """Read and check the images of `rows`, split them, and return their manifest."""
    if options.mask and "mask" not in rows:
        raise DataError(f"{root}: 'mask: true' needs masks: set 'masks', or add a column 'mask'")
    if "image_id" not in rows:
        rows["image_id"] = rows["path"]
    rows = rows.sort_values("image_id", ignore_index=True)
    masks = rows["mask"] if "mask" in rows else [None] * len(rows)
    readings = read_all(rows["path"], masks, root, options, workers)
    for kind, case in (reading.problem for reading in readings if reading.problem):
        problems[kind].append(case)
    rows["sha256"] = pd.Series([reading.sha256 for reading in readings], dtype="str")
    rows["pixels"] = pd.Series([reading.pixels for reading in readings], dtype="str")
    rows["group"] = _groups(rows, options, problems)
    # A row without a label is named already: it is no class of its own.
    whole = rows[~_is_empty(rows["label"])] if "label" in rows else rows
    two_labels = check_copies(rows.assign(label=whole.get("label")), problems)
    if two_labels:
        logger.warning(listed("images with two labels; keep the right one", two_labels))
    if "label" in rows and whole["label"].nunique() == 1:
        problems["too few classes; two are needed"].append(str(whole["label"].iloc[0]))
    if not whole.empty:
        rows["split"] = _splits(whole, options, problems)
    _raise_if_any(problems, root)
    warn_of_torn_groups(rows)
    if "label" in rows:
        warn_of_classes_alike(rows["label"])
        warn_of_garbled_classes(rows["label"])
        warn_of_shortcuts(rows, readings)
    warn_of_channel_order(rows, readings)
    warn_of_greys(rows, readings, options)
    warn_of_masks(masks, readings)
    warn_of_orientation(rows, readings)
    warn_of_near_copies(rows, readings)

    columns = {
        "image_id": rows["image_id"],
        "split": rows["split"].astype("str"),
        "role": "image",
        "pair": -1,
        "member": 0,
        "changed": "",
        "label": rows["label"].astype("str") if "label" in rows else None,
        "group": rows["group"],
        "path": rows["path"],
        "mask_path": rows["mask"] if "mask" in rows else pd.Series(None, rows.index, dtype="str"),
        "sha256": rows["sha256"],
        "mask_sha256": pd.Series([r.mask_sha256 for r in readings], dtype="str"),
        "width": [reading.width for reading in readings],
        "height": [reading.height for reading in readings],
    }
    more = [name for name in rows if name.startswith((PREFIX, METADATA))]
    table = pd.DataFrame({name: column for name, column in columns.items() if column is not None})
    table[more] = rows[more]
    copies = int(rows["pixels"].duplicated().sum())
    return Manifest(table, _info(table, root, options, factors), copies)


def _info(
    table: pd.DataFrame, root: Path, options: Target, factors: Sequence[Factor]
) -> dict[str, Any]:
    preprocessing = {
        "background": options.background,
        "white_level": options.white_level,
        "mask": options.mask,
    }
    if options.black_level is not None:
        preprocessing["black_level"] = options.black_level
    if options.channels:
        preprocessing["channels"] = _plain_channels(options)
    known = [name for name in table if name in ("label", "split") or name.startswith(PREFIX)]
    return {
        "digest": _digest(table, known, preprocessing),
        "images_digest": _digest(table, [], preprocessing),
        "root": root.as_posix(),
        "factors": [factor.to_json() for factor in factors],
        "classes": sorted(set(table["label"])) if "label" in table else [],
        "counts": counts_by_kind(table),
        "citation": options.citation,
        "preprocessing": preprocessing,
    }


def counts_by_kind(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return class → split → images, or role → split → images where there are no classes."""
    kinds = table["label"] if "label" in table else table["role"]
    counts = pd.crosstab(kinds, table["split"])
    return {str(kind): row.to_dict() for kind, row in counts.iterrows()}


def _digest(table: pd.DataFrame, more: list[str], preprocessing: dict[str, Any]) -> str:
    columns = ["image_id", *more, "sha256", "mask_sha256"]
    content = table[columns].astype(object).where(table[columns].notna(), None)
    described = {"images": sorted(content.to_numpy().tolist()), "preprocessing": preprocessing}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
