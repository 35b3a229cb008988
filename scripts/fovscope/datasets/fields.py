"""Cells cut out of the fields of a screen: BBBC021, whose plates come as archives of large images.

Archives are read as they are: unpacked, those of BBBC021 would be 100 GB in 39,600 files. A
nucleus is found in the first channel, and the cell is the square around its centre (Lafarge et al.
2019, PMLR 102:315, cut squares of 68 pixels around nuclei, each divided by its largest value in
each channel). Nuclei that touch are told apart by the distance from their outlines.

References
----------
Ljosa, Sokolnicki, Carpenter (2012), "Annotated high-throughput microscopy image sets for
validation", Nature Methods 9:637. Caie et al. (2010), Mol. Cancer Ther. 9:1913.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed

from fovscope.datasets.listing import DataError, listed
from fovscope.datasets.manifest import Manifest, manifest_from_table
from fovscope.registry import Catalogue, origin
from fovscope.runtime.provenance import digest_bytes
from fovscope.study.data import Target

CHANNELS = ("DAPI", "Tubulin", "Actin")
SOLVENT = "DMSO"
"""The compound of controls."""

_BLUR = 2.0  # SD of the Gaussian before the threshold, pixels
_SMALLEST = 0.04  # of a nucleus, share of the square: 185 of 68 × 68 pixels, a disc of 15
_APART = 0.15  # centres of nuclei, share of the side of the square
_KEYS = ["compound", "concentration"]


@origin("fields", writing="cut_cells")  # the images themselves depend on that alone
def from_fields(
    options: Mapping[str, Any],
    folder: Path,
    catalogue: Catalogue,
    workers: int,
    *,
    crop: int = 68,
    per_field: int = 20,
) -> Manifest:
    """Cut the cells of a screen out of its fields.

    Parameters
    ----------
    crop : int
        Side of the square around a nucleus, in pixels.
    per_field : int
        Cells that are taken of a field at most, by chance.
    """
    del catalogue, crop, per_field  # options, like those of generators
    target = Target.model_validate(dict(options))
    table = cut_cells(Path(target.folder), folder, **target.options, workers=workers)
    return manifest_from_table(table, folder, target, workers=workers)


def annotated_fields(place: Path) -> pd.DataFrame:
    """Return the fields whose mechanism of action is known.

    Parameters
    ----------
    place : Path
        Folder with the tables ``*_image.csv`` and ``*_moa.csv`` of BBBC021.

    Returns
    -------
    DataFrame
        One row a field: ``plate, well, batch, compound, concentration, moa``, and a column of
        files for each of `CHANNELS`.

    Raises
    ------
    DataError
        If a table is absent, is there twice or lacks a column.
    """
    images, mechanisms = (_table(place, f"*_{kind}.csv") for kind in ("image", "moa"))
    names = {
        "Image_Metadata_Plate_DAPI": "plate",
        "Image_Metadata_Well_DAPI": "well",
        "Image_Metadata_Compound": "compound",
        "Image_Metadata_Concentration": "concentration",
        **{f"Image_FileName_{channel}": channel for channel in CHANNELS},
    }
    lacking = sorted(names.keys() - set(images)) + sorted({*_KEYS, "moa"} - set(mechanisms))
    if lacking:
        raise DataError(f"{place}: the tables have no column {', '.join(lacking)}")
    fields = images.rename(columns=names)[list(names.values())]
    fields = fields.merge(mechanisms[[*_KEYS, "moa"]].drop_duplicates(), on=_KEYS)
    fields["batch"] = fields["plate"].astype(str).str.partition("_")[0]
    return fields.sort_values(["plate", "well", "DAPI"], ignore_index=True)


def cut_cells(
    place: Path, folder: Path, *, crop: int, per_field: int, workers: int = 1
) -> pd.DataFrame:
    """Write the cells of all annotated fields as PNG files and return their table.

    Parameters
    ----------
    place : Path
        Folder with the tables and the archives (``*.zip``) of plates.
    folder : Path
        Gets the folder ``images``.
    crop : int
        Side of the square around a nucleus, in pixels.
    per_field : int
        Cells of a field at most; which ones follows from the name of the field.
    workers : int
        Threads.

    Returns
    -------
    DataFrame
        ``path, label`` (the mechanism), ``group`` (the well) and the columns of a screen.

    Raises
    ------
    DataError
        If files of fields are in no archive, or cannot be read, or no field has a cell.
    """
    fields = annotated_fields(place)
    with ExitStack() as opened:
        members = _members(place, opened)
        lacking = [
            f"{field.plate}/{name}"
            for field in fields.itertuples()
            for name in (getattr(field, channel) for channel in CHANNELS)
            if (str(field.plate), name) not in members
        ]
        if lacking:
            kind = f"files of fields that are in no archive in {place}; have its archives again"
            raise DataError(listed(kind, lacking))

        def cells(field: Any) -> list[dict[str, Any]]:  # noqa: ANN401
            files = [(str(field.plate), getattr(field, channel)) for channel in CHANNELS]
            pixels = np.stack([_read(*members[file]) for file in files], axis=-1)
            return list(_cells_of(field, pixels, folder, crop, per_field))

        with ThreadPoolExecutor(workers) as pool:
            rows = [row for found in pool.map(cells, fields.itertuples()) for row in found]
    if not rows:
        raise DataError(f"{place}: no nucleus was found in any field")
    return pd.DataFrame(rows)


def find_nuclei(dapi: NDArray[np.generic], crop: int) -> NDArray[np.intp]:
    """Return the centres of the nuclei of a field whose cells lie in it as a whole.

    Parameters
    ----------
    dapi : ndarray, shape (height, width)
        Nuclei bright on dark.
    crop : int
        Side of the square that must lie in the field.

    Returns
    -------
    ndarray of int, shape (N, 2)
        Rows and columns, from the top.
    """
    smooth = gaussian(dapi.astype(np.float32), _BLUR)
    if smooth.max() == smooth.min():
        return np.empty((0, 2), np.intp)
    mask = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    inside = gaussian(ndimage.distance_transform_edt(mask), _BLUR)
    apart = max(1, round(_APART * crop))
    peaks = peak_local_max(inside, min_distance=apart, labels=mask.astype(np.uint8))
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    nuclei = watershed(-inside, markers, mask=mask)
    areas = np.bincount(nuclei.ravel(), minlength=len(peaks) + 1)[1:]
    numbers = np.flatnonzero(areas >= _SMALLEST * crop**2) + 1
    if not len(numbers):
        return np.empty((0, 2), np.intp)
    centres = np.rint(ndimage.center_of_mass(mask, nuclei, numbers)).astype(np.intp)
    first = centres - crop // 2
    whole = ((first >= 0) & (first + crop <= mask.shape)).all(axis=1)
    return centres[whole]


def _cells_of(
    field: Any,  # noqa: ANN401
    pixels: NDArray[np.generic],
    folder: Path,
    crop: int,
    per_field: int,
) -> Iterator[dict[str, Any]]:
    """Write the cells of a field; yield their rows."""
    centres = find_nuclei(pixels[..., 0], crop)
    name = f"{field.plate}/{PurePosixPath(field.DAPI).stem}"
    if len(centres) > per_field:
        rng = np.random.default_rng(int(digest_bytes(name.encode())[:16], 16))
        centres = centres[np.sort(rng.choice(len(centres), per_field, replace=False))]
    for number, (row, column) in enumerate(centres - crop // 2):
        path = f"images/{name}_{number:03}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_scaled(pixels[row : row + crop, column : column + crop])).save(
            folder / path
        )
        control = field.compound == SOLVENT
        yield {
            "path": path,
            "label": field.moa,
            "group": f"{field.plate}_{field.well}",
            "Metadata_Plate": field.plate,
            "Metadata_Well": field.well,
            "Metadata_Batch": field.batch,
            "Metadata_Compound": field.compound,
            "Metadata_Concentration": field.concentration,
            "Metadata_MOA": "" if control else field.moa,
            "Metadata_Control": control,
        }


def _scaled(cell: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return a cell in 8 bit, each channel divided by its largest value there."""
    largest = np.maximum(cell.max(axis=(0, 1)), 1)
    return np.rint(cell / largest * 255).astype(np.uint8)


def _table(place: Path, pattern: str) -> pd.DataFrame:
    found = sorted(place.glob(pattern))
    if len(found) != 1:
        raise DataError(f"{place} must hold one table {pattern}; there are {len(found)}")
    return pd.read_csv(found[0])


def _members(place: Path, opened: ExitStack) -> dict[tuple[str, str], tuple[ZipFile, str]]:
    """Return where each file of a field is, by plate and name."""
    members = {}
    for path in sorted(place.glob("*.zip")):
        try:
            archive = opened.enter_context(ZipFile(path))
        except BadZipFile as error:
            raise DataError(
                f"{path} is damaged ({error}); delete it and retrieve it again"
            ) from error
        for member in archive.namelist():
            *_, plate, name = ["", *PurePosixPath(member).parts]
            members[plate, name] = (archive, member)
    return members


def _read(archive: ZipFile, member: str) -> NDArray[np.generic]:
    try:
        return tifffile.imread(io.BytesIO(archive.read(member)))
    except (BadZipFile, tifffile.TiffFileError, ValueError) as error:
        raise DataError(
            f"{archive.filename}: {member} is damaged ({error}); delete the archive and retrieve "
            "it again"
        ) from error
