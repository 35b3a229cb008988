"""Any folder of images, or a CSV, becomes a manifest: one row an image, checked and split.

Every image is read once, so that what cannot be used is named before any network runs; all
problems appear in one error. The manifest's digest follows the content (pixels as stored, labels,
splits, preprocessing) and not the place: a copy of the folder elsewhere has the same digest.

Layouts: one sub-folder per class; `train`, `val` and `test` folders of class folders; or a table
with the columns `path`, `label` and optionally `mask`, `split`, `group` and factors.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from fovscope.datasets.listing import (
    TABLE_COLUMNS,
    DataError,
    list_folder,
    listed,
    listed_path,
    read_columns,
)
from fovscope.datasets.splits import SPLITS, stratified_splits
from fovscope.images.read import decode, size_mismatch, to_8bit
from fovscope.registry import unknown_name
from fovscope.study.config import Target

logger = logging.getLogger(__name__)

_MASK_SIZE = "masks of another size than their image; make them of one size"
_CANNOT_SPLIT = "classes that cannot be split; add images, or leave the class out"

Problems = defaultdict[str, list[str]]
"""What is wrong, by kind: the cases with their file names."""


@dataclass(frozen=True)
class Manifest:
    """A data set that can be used.

    Parameters
    ----------
    table : DataFrame
        One row an image, sorted by `image_id`: `image_id` and `path` (relative to the root, with
        forward slashes), `label`, `split`, `group` and `mask_path` (missing where there is none),
        `sha256` and `mask_sha256` (of the files), `width` and `height` in pixels, and `factor_*`.
    info : dict
        `digest`, `images_digest`, `root`, `classes`, `counts` (class → split → images),
        `preprocessing` (`background`, `white_level`, `mask`); ready for JSON. Labels and splits
        are part of `digest` only, the root of neither.
    """

    table: pd.DataFrame
    info: dict[str, Any]


def build_manifest(options: Target, *, root: Path | None = None, workers: int = 1) -> Manifest:
    """Return the manifest of the folder or table that `options` name.

    Parameters
    ----------
    options : Target
        With `folder` or `table`; for a generator see `manifest_from_table`.
    root : Path, optional
        What relative paths in `options` are relative to; by default the working directory.
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
        listing = list_folder(folder, masks, labelled=True)
        problems.update(listing.problems)
        rows = pd.DataFrame(listing.columns)
        return _assemble(rows, folder, options, problems, workers)
    if options.table:
        table = base / options.table
        rows = _read_table(table, options.factors)
        return manifest_from_table(
            rows, table.parent, options, factors=options.factors, workers=workers
        )
    raise ValueError("a generated target has no folder: write its images, then use its table")


def manifest_from_table(
    table: pd.DataFrame,
    root: Path,
    options: Target,
    *,
    factors: Sequence[str] = (),
    workers: int = 1,
) -> Manifest:
    """Return the manifest of the images that a table lists.

    Parameters
    ----------
    table : DataFrame
        Columns `path` and `label`, optionally `mask`, `split`, `group`; others are left out.
    root : Path
        What relative paths in the table are relative to.
    options : Target
        Preprocessing, split and terms of use.
    factors : sequence of str
        Columns with factors of variation; they become `factor_<name>`.
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
    _require_columns(table, ("path", "label", *factors), root)
    if table.empty:
        raise DataError(f"{root}: the table lists no images")
    rows = table[[name for name in TABLE_COLUMNS if name in table]].reset_index(drop=True)
    problems: Problems = defaultdict(list)
    for name in factors:
        rows[f"factor_{name}"] = table[name].to_numpy()
        _check_factor(name, table[name], problems)
    for name in rows.columns:
        empty = rows[name].isna() | (rows[name].astype(str) == "")
        for path in rows["path"][empty].astype(str):
            kind = f"rows of the table without '{name.removeprefix('factor_')}'"
            problems[f"{kind}; fill it in or remove them"].append(path)
    rows["path"] = [listed_path(path, root) for path in rows["path"].fillna("").astype(str)]
    if "mask" in rows:
        masks = rows["mask"].fillna("").astype(str)
        rows["mask"] = [listed_path(mask, root) if mask else None for mask in masks]
    return _assemble(rows, root, options, problems, workers)


# Listing ------------------------------------------------------------------------------------


def _read_table(path: Path, factors: tuple[str, ...]) -> pd.DataFrame:
    """Return a table as text, but for factors: they are numbers where all of their cells are."""
    table = pd.DataFrame(read_columns(path), dtype="str")
    for name in factors:
        if name in table:
            table[name] = _factor_values(table[name])
    return table


def _factor_values(cells: pd.Series) -> pd.Series:
    values = cells.where(cells != "")
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers if (numbers.notna() == values.notna()).all() else values


def _check_factor(name: str, values: pd.Series, problems: Problems) -> None:
    """Note what no disentanglement can be measured with, hours before it would be."""
    values = values.dropna()
    if values.nunique() < 2:
        problems["factors with one value only; leave them out"].append(name)
    numbers = pd.to_numeric(values, errors="coerce")
    if np.isinf(numbers).any():
        problems["factors with infinite values; correct them"].append(name)
    words = values[numbers.isna()]
    if 0 < len(words) < len(values) / 2:  # as names, its numbers would be one class each
        problems[f"values of factor '{name}' that are no numbers, unlike most; correct them"] += [
            f"'{word}' ({count} rows)" for word, count in words.value_counts().items()
        ]


def _require_columns(table: pd.DataFrame, needed: Sequence[str], root: Path) -> None:
    missing = [name for name in needed if name not in table]
    if missing:
        there = ", ".join(map(str, table.columns))
        raise DataError(f"table in {root} has no column {missing}; columns there: {there}")


# Reading ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reading:
    """What one look at an image and its mask gave."""

    sha256: str | None = None
    mask_sha256: str | None = None
    width: int = 0
    height: int = 0
    largest_16bit: int | None = None
    largest_float: float | None = None
    problem: tuple[str, str] | None = None


def _read(image_id: str, path: Path, mask: Path | None, options: Target) -> _Reading:
    """Read an image and its mask; a problem is returned, so that all can be reported."""
    sha256 = mask_sha256 = None
    current = path
    try:
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        samples = decode(data, path)
        to_8bit(samples, path, white_level=options.white_level)
        height, width = samples.shape[:2]
        if mask is not None:
            current = mask
            data = mask.read_bytes()
            mask_sha256 = hashlib.sha256(data).hexdigest()
            mask_shape = decode(data, mask).shape
            if mask_shape[:2] != (height, width):
                case = f"{image_id}: {size_mismatch(samples.shape, mask_shape)}"
                return _Reading(sha256, problem=(_MASK_SIZE, case))
    except FileNotFoundError:
        return _Reading(
            sha256, problem=("listed files that do not exist; correct the table", str(current))
        )
    except (DataError, OSError) as error:
        return _Reading(
            sha256, problem=("files that cannot be read; repair or remove them", str(error))
        )
    largest = samples.max()
    return _Reading(
        *(sha256, mask_sha256, width, height),
        largest_16bit=int(largest) if samples.dtype == np.uint16 else None,
        largest_float=float(largest) if samples.dtype.kind == "f" else None,
    )


def _read_all(rows: pd.DataFrame, root: Path, options: Target, workers: int) -> list[_Reading]:
    def read(image_id: str, mask: str | None) -> _Reading:
        mask_path = root / mask if isinstance(mask, str) else None
        return _read(image_id, root / image_id, mask_path, options)

    masks = rows["mask"] if "mask" in rows else [None] * len(rows)
    # Threads suffice: decoding and hashing release the interpreter lock.
    with ThreadPoolExecutor(workers) as pool:
        readings = pool.map(read, rows["path"], masks)
        hidden = not sys.stderr.isatty()
        return list(tqdm(readings, "read images", len(rows), unit="image", disable=hidden))


# Checks over all images ------------------------------------------------------------------


def _check_copies(rows: pd.DataFrame, problems: Problems) -> None:
    for path, count in rows["path"].value_counts().items():
        if count > 1:
            problems["images listed more than once; keep one row of each"].append(path)
    distinct = rows.drop_duplicates("path")
    two_labels = []
    copies = distinct[distinct["sha256"].duplicated(keep=False) & distinct["sha256"].notna()]
    for _, same in copies.groupby("sha256"):
        if "split" in same and same["split"].nunique() > 1:
            places = " = ".join(f"{row.path} ({row.split})" for row in same.itertuples())
            problems["images in two provided splits; keep each in one"].append(places)
        if same["label"].nunique() > 1:
            two_labels.append(" = ".join(f"{row.path} ({row.label})" for row in same.itertuples()))
    if two_labels:
        logger.warning(listed("images with two labels", two_labels))


def _warn_of_torn_groups(rows: pd.DataFrame) -> None:
    """Warn of groups that provided splits tear apart: they are kept as the data set has them."""
    splits = rows.groupby("group")["split"].unique()
    torn = [
        f"{group} ({', '.join(sorted(found))})" for group, found in splits.items() if len(found) > 1
    ]
    if torn:
        logger.warning(listed("groups in several of the provided splits; scores may flatter", torn))


def _warn_of_white_level(readings: list[_Reading], options: Target) -> None:
    """Warn of images that would be almost black, or nothing but white."""
    brightest = max((reading.largest_float or 0 for reading in readings), default=0)
    if options.white_level is None and brightest > 1:
        logger.warning(
            "float images reach %g, but white is 1, and all that is brighter too: "
            "set white_level, e.g. to 255",
            brightest,
        )
    largest = [reading.largest_16bit for reading in readings if reading.largest_16bit is not None]
    white = options.white_level or 65535
    if largest and max(largest) < white / 8:
        proposed = 2 ** max(largest).bit_length() - 1
        logger.warning(
            "no pixel of %d 16-bit images exceeds %d, but white is %g: they are almost black; "
            "set white_level, e.g. to %d",
            len(largest),
            max(largest),
            white,
            proposed,
        )


def _groups(rows: pd.DataFrame, options: Target, problems: Problems) -> pd.Series:
    if not options.group_pattern:
        return rows["group"] if "group" in rows else pd.Series(None, rows.index, dtype="str")
    found = [re.search(options.group_pattern, path) for path in rows["path"]]
    groups = [match.group(1) if match else None for match in found]
    for path, group in zip(rows["path"], groups, strict=True):
        if group is None:
            kind = f"image paths without a match of group_pattern '{options.group_pattern}'"
            problems[f"{kind}; correct one of the two"].append(path)
    return pd.Series(groups, rows.index, dtype="str")


def _splits(rows: pd.DataFrame, options: Target, problems: Problems) -> pd.Series:
    """Return the provided splits, with validation images drawn where there are none, or draw."""
    provided = rows.get("split")
    drawn = pd.Series(True, rows.index)
    if provided is not None:
        for name in sorted(set(provided) - {*SPLITS, ""}):
            problems["unknown splits; correct the table"].append(
                unknown_name("split", name, SPLITS)
            )
        for split in ("train", "test"):
            for label in sorted(set(rows["label"]) - set(rows["label"][provided == split])):
                kind = f"classes without images in the provided '{split}' split"
                problems[f"{kind}; add some, or leave the class out"].append(label)
        drawn = provided == "train"
        if (provided == "val").any() or options.val_fraction == 0 or not drawn.any():
            return provided
    part = rows[drawn]
    grouped = not part.empty and part["group"].notna().all()
    splits = pd.Series("test", rows.index) if provided is None else provided.copy()
    try:
        splits[drawn] = stratified_splits(
            part["label"],
            test_fraction=options.test_fraction if provided is None else 0,
            val_fraction=options.val_fraction,
            seed=options.split_seed,
            groups=part["group"] if grouped else None,
            identities=part["sha256"].fillna(part["path"]),
        )
    except DataError as error:
        problems[_CANNOT_SPLIT] += str(error).split("; ")
    return splits


def _raise_if_any(problems: Problems, root: Path) -> None:
    if not problems:
        return
    lists = [listed(kind, cases) for kind, cases in problems.items()]
    raise DataError("\n".join([f"{root} cannot be used:", *lists]))


# Manifest -----------------------------------------------------------------------------------


def _assemble(
    rows: pd.DataFrame, root: Path, options: Target, problems: Problems, workers: int
) -> Manifest:
    """Read and check the images of `rows`, split them, and return their manifest."""
    if options.mask and "mask" not in rows:
        raise DataError(f"{root}: 'mask: true' needs masks: set 'masks', or add a column 'mask'")
    rows = rows.sort_values("path", ignore_index=True)
    readings = _read_all(rows, root, options, workers)
    for kind, case in (reading.problem for reading in readings if reading.problem):
        problems[kind].append(case)
    rows["sha256"] = pd.Series([reading.sha256 for reading in readings], dtype="str")
    rows["group"] = _groups(rows, options, problems)
    _check_copies(rows, problems)
    if rows["label"].nunique() < 2:
        problems["too few classes; two are needed"].append(str(rows["label"].iloc[0]))
    rows["split"] = _splits(rows, options, problems)
    _raise_if_any(problems, root)
    _warn_of_torn_groups(rows)
    _warn_of_white_level(readings, options)

    table = pd.DataFrame(
        {
            "image_id": rows["path"],
            "path": rows["path"],
            "label": rows["label"].astype("str"),
            "split": rows["split"].astype("str"),
            "group": rows["group"],
            "mask_path": rows["mask"] if "mask" in rows else pd.Series(None, dtype="str"),
            "sha256": rows["sha256"],
            "mask_sha256": pd.Series([r.mask_sha256 for r in readings], dtype="str"),
            "width": [reading.width for reading in readings],
            "height": [reading.height for reading in readings],
        }
    )
    factors = [name for name in rows if name.startswith("factor_")]
    table[factors] = rows[factors]
    return Manifest(table, _info(table, root, options))


def _info(table: pd.DataFrame, root: Path, options: Target) -> dict[str, Any]:
    preprocessing = {
        "background": options.background,
        "white_level": options.white_level,
        "mask": options.mask,
    }
    counts = pd.crosstab(table["label"], table["split"])
    return {
        "digest": _digest(table, ["label", "split"], preprocessing),
        "images_digest": _digest(table, [], preprocessing),
        "root": root.as_posix(),
        "classes": sorted(counts.index),
        "counts": {label: row.to_dict() for label, row in counts.iterrows()},
        "preprocessing": preprocessing,
    }


def _digest(table: pd.DataFrame, more: list[str], preprocessing: dict[str, Any]) -> str:
    columns = ["image_id", *more, "sha256", "mask_sha256"]
    content = table[columns].astype(object).where(table[columns].notna(), None)
    described = {"images": sorted(content.to_numpy().tolist()), "preprocessing": preprocessing}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
