"""Any folder of images, or a CSV, becomes a manifest: one row per image, checked and split.

Every image is read once, so that what cannot be used is named before any network runs; all
problems appear in one error. The manifest's digest follows the content (pixels as stored, labels,
splits, factors, preprocessing) and not the place: a copy of the folder elsewhere has the same
digest.

Layouts: one sub-folder per class; `train`, `val` and `test` folders of class folders; images
without labels, with or without split folders; or a table with the column `path` and optionally
`label`, `mask`, `split`, `group`, factors and `Metadata_*`, which travels along.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from fovscope.datasets.listing import (
    METADATA,
    TABLE_COLUMNS,
    DataError,
    list_folder,
    listed,
    listed_path,
    read_columns,
)
from fovscope.datasets.splits import SPLITS, stratified_splits
from fovscope.factors import PREFIX, Factor
from fovscope.images.read import decode, size_mismatch, to_8bit
from fovscope.registry import Catalogue, origin, unknown_name
from fovscope.study.data import Target

logger = logging.getLogger(__name__)

_MASK_SIZE = "masks of another size than their image; make them of one size"
_CANNOT_SPLIT = "too few images to split; add some, or leave the class out"
_NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"
"""A number in a column that travels along; ``007`` is a name."""

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
    info : dict
        Ready for JSON: `digest`, `images_digest`, `factors` (see `Factor.to_json`), `classes`,
        `counts` (class, or role where there are no classes → split → images), `citation`, and of
        files `root` and `preprocessing` (`background`, `white_level`, `mask`). Labels, splits and
        factors are part of `digest` only, the root of neither.
    """

    table: pd.DataFrame
    info: dict[str, Any]


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
        listing = list_folder(folder, masks, labelled=labelled)
        problems.update(listing.problems)
        rows = pd.DataFrame(listing.columns)
        return _assemble(rows, folder, options, problems, workers)
    if options.table:
        table = base / options.table
        rows = _read_table(table, options.factors)
        _require_columns(rows, options.factors, table.parent)
        factors = [_described_factor(name, rows[name]) for name in options.factors]
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
    needed = ("path", "label") if labelled else ("path",)
    _require_columns(table, (*needed, *(factor.name for factor in factors)), root)
    if table.empty:
        raise DataError(f"{root}: the table lists no images")
    rows = table[[name for name in TABLE_COLUMNS if name in table]].reset_index(drop=True)
    problems: Problems = defaultdict(list)
    if not labelled and "label" in rows:
        some = rows["label"].fillna("").astype(str).ne("").any()
        rows = rows if labelled is None and some else rows.drop(columns="label")
    for factor in factors:
        rows[factor.column] = table[factor.name].to_numpy()
        _check_factor(factor.name, table[factor.name], problems)
    for name in rows.columns:
        empty = rows[name].isna() | (rows[name].astype(str) == "")
        for path in rows["path"][empty].astype(str):
            kind = f"rows of the table without '{name.removeprefix(PREFIX)}'"
            problems[f"{kind}; fill it in or remove them"].append(path)
    rows["path"] = [listed_path(path, root) for path in rows["path"].fillna("").astype(str)]
    if "mask" in rows:
        masks = rows["mask"].fillna("").astype(str)
        rows["mask"] = [listed_path(mask, root) if mask else None for mask in masks]
    for name in table:
        if str(name).startswith(METADATA):
            rows[name] = table[name].to_numpy()
    return _assemble(rows, root, options, problems, workers, factors)


# Listing ------------------------------------------------------------------------------------


def _read_table(path: Path, factors: tuple[str, ...]) -> pd.DataFrame:
    """Return a table as text, but for columns of numbers among its factors and metadata."""
    table = pd.DataFrame(read_columns(path), dtype="str")
    for name in table:
        is_number = table[name].str.fullmatch(_NUMBER) | (table[name] == "")
        if name in factors or (name.startswith(METADATA) and is_number.all()):
            table[name] = _factor_values(table[name])
    return table


def _factor_values(cells: pd.Series) -> pd.Series:
    values = cells.where(cells != "")
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers if (numbers.notna() == values.notna()).all() else values


def _described_factor(name: str, values: pd.Series) -> Factor:
    """Return what a column of a table says of the factor in it."""
    values = values.dropna()
    if values.empty:
        return Factor(name=name)
    if not pd.api.types.is_numeric_dtype(values):
        return Factor(name=name, values=tuple(sorted(set(values.astype(str)))), nominal=True)
    return Factor(name=name, limits=(float(values.min()), float(values.max())))


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
        if "label" in same and same["label"].nunique() > 1:
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
    splits = pd.Series("test", rows.index) if provided is None else provided.copy()
    try:
        splits[drawn] = stratified_splits(
            part["label"] if "label" in part else np.full(len(part), ""),
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
    rows = rows.sort_values("path", ignore_index=True)
    readings = _read_all(rows, root, options, workers)
    for kind, case in (reading.problem for reading in readings if reading.problem):
        problems[kind].append(case)
    rows["sha256"] = pd.Series([reading.sha256 for reading in readings], dtype="str")
    rows["group"] = _groups(rows, options, problems)
    _check_copies(rows, problems)
    if "label" in rows and rows["label"].nunique() < 2:
        problems["too few classes; two are needed"].append(str(rows["label"].iloc[0]))
    rows["split"] = _splits(rows, options, problems)
    _raise_if_any(problems, root)
    _warn_of_torn_groups(rows)
    _warn_of_white_level(readings, options)

    columns = {
        "image_id": rows["path"],
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
    return Manifest(table, _info(table, root, options, factors))


def _info(
    table: pd.DataFrame, root: Path, options: Target, factors: Sequence[Factor]
) -> dict[str, Any]:
    preprocessing = {
        "background": options.background,
        "white_level": options.white_level,
        "mask": options.mask,
    }
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
