"""What a folder or a table of images holds, before there is any configuration, and one for it.

All images are read and checked as the study itself does it, so that what it would refuse is named
here. Grey values, background and the picture come from a sample.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tabulate import tabulate

from fovscope.datasets import channel_guess
from fovscope.datasets.channel_files import (
    ChannelOptions,
    channel_files,
    file_columns,
    in_files,
    listed_images,
)
from fovscope.datasets.enough import require_enough
from fovscope.datasets.greys import ALMOST_BLACK, round_white
from fovscope.datasets.layout import list_folder
from fovscope.datasets.listing import (
    IMAGE_SUFFIXES,
    SPLITS,
    DataError,
    image_files,
    require_folder,
)
from fovscope.datasets.manifest import build_manifest
from fovscope.datasets.mask_names import image_names, masked_names
from fovscope.datasets.readings import (
    Reading,
    full_scale,
    reading_of,
    reading_of_channels,
)
from fovscope.datasets.remarks import noted_warnings
from fovscope.datasets.stores import content
from fovscope.datasets.tables import read_columns
from fovscope.figures.style import picture_font
from fovscope.images.channels import contents, decode_channels, rgb_view
from fovscope.images.read import decode, shown_channels, square_canvas, to_8bit
from fovscope.study.config import IMAGES, NAMED_SOURCES, RESERVED
from fovscope.study.data import Target
from fovscope.study.models import Model
from fovscope.texts import legible

logger = logging.getLogger(__name__)

_SAMPLE = 240
"""Images whose greys are looked at, evenly spaced over the list."""

_BUDGET = Path(__file__).parents[3] / "config/config.yaml"
"""The demo, whose budget a new configuration starts from."""

_PLACES = ("folder", "table", "masks")
_COLUMNS = 8  # images in a row of the picture
_TILE, _GAP, _LINE = 96, 2, 14  # pixels


@dataclass(frozen=True)
class Sight:
    """One image of the sample: what its samples say, and how it is shown.

    Attributes
    ----------
    path : str
        Relative to the folder.
    reading : Reading
        Sizes, depth and greys.
    border : float
        Median grey value (0-255) along the border.
    tile : ndarray of uint8, shape (96, 96, 3)
        For the picture.
    """

    path: str
    reading: Reading
    border: float
    tile: NDArray[np.uint8]


@dataclass(frozen=True)
class Overview:
    """What is there.

    Attributes
    ----------
    target : Target
        The options that read it.
    provided : bool
        Whether folders or the table say which images are which split.
    table : DataFrame, optional
        Its image table; None where there can be none.
    refused : str
        Why it would be refused; empty where it is not. Images too few have a table all the same.
    remarks : tuple of str
        What the study would warn of.
    sights : tuple of Sight
        The sample.
    copies : int
        Images with the pixels of another, in whatever format.
    """

    target: Target
    provided: bool
    table: pd.DataFrame | None
    refused: str
    remarks: tuple[str, ...]
    sights: tuple[Sight, ...]
    copies: int

    @property
    def path(self) -> str:
        """The folder or the table."""
        return self.target.folder or self.target.table

    @property
    def name(self) -> str:
        """What the target may be called in a configuration and in file names."""
        stem = Path(self.path).stem if self.target.table else Path(self.path).name
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-") or IMAGES
        return f"my_{name}" if name in RESERVED or name in NAMED_SOURCES else name


def look_at(path: Path, *, workers: int = 1) -> Overview:
    """Read the images of a folder or a table, and say what is there.

    Parameters
    ----------
    path : Path
        Folder of images at any depth, with class and split folders or without, or a table.
    workers : int
        Threads that read images.

    Raises
    ------
    DataError
        If there is no such folder or file, or no image in it that can be read.
    """
    path = path.absolute()
    if not path.is_file():
        require_folder(path, "folder or table")
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        raise DataError(f"{path} is a single image; give the folder that it lies in")
    table, refused, copies = None, "", 0
    with noted_warnings(printed=False) as records:
        target, root, names, provided = _folder(path) if path.is_dir() else _table(path)
        sights = _seen(names, root, target)
        levelled = _with_levels(target, [sight.reading for sight in sights])
        sights = _seen(names, root, levelled) if levelled != target else sights
        target = levelled.model_copy(update={"background": _background(sights)})
        try:
            manifest = build_manifest(target, workers=workers)
            table, copies = manifest.table, manifest.copies
            require_enough(table, {"at_most_images": {"pca": Model().latent_dim}}, path.name)
        except DataError as error:
            refused = str(error)
    if not sights:
        raise DataError(refused)
    said = tuple(dict.fromkeys(record.getMessage() for record in records))
    return Overview(target, provided, table, refused, said, tuple(sights), copies)


def _folder(path: Path) -> tuple[Target, Path, Sequence[str], bool]:
    """Return what reads a folder, its images, and whether its folders say which are which split."""
    masks = _masks_beside(path)
    files = image_files(path, without=masks)
    channels = channel_guess.of_names(files, path) or channel_guess.of_content(files, path)
    target = Target(folder=path.as_posix(), masks=masks and masks.as_posix(), channels=channels)
    try:
        columns = list_folder(path, masks, channels=_plain(target)).columns
    except DataError:  # which is raised again, and said, where all is checked
        return target, path, files if channels is None else (), False
    used = {file for name in columns["path"] for file in channel_files(name, _plain(target))}
    left = [file for file in files if file not in used]
    if left and in_files(_plain(target)):
        message = "%d files are no channel that is used, and are left out: e.g. %s"
        logger.warning(message, len(left), left[0])
    return target, path, columns["path"], "split" in columns


def _table(path: Path) -> tuple[Target, Path, Sequence[str], bool]:
    """Return what reads a table, its images, and whether it says which are which split."""
    columns, root = read_columns(path), path.parent
    channels = None if "path" in columns else channel_guess.of_columns(columns)
    target = Target(table=path.as_posix(), channels=channels)
    known = all(name in columns for name in file_columns(_plain(target)))
    names = list(filter(None, listed_images(columns, root, _plain(target)))) if known else []
    if channels is None and (channels := channel_guess.of_content(names, root)):
        target = Target(table=path.as_posix(), channels=channels)
    return target, root, names, "split" in columns


def _plain(target: Target) -> ChannelOptions | None:
    return target.channels and target.channels.model_dump(mode="json")


def _masks_beside(folder: Path) -> Path | None:
    """Return a folder with a mask for each image, in the folder or beside it.

    One whose masks have other names than the images is said, as these would have to be renamed.
    """
    places = [inner for place in (folder, folder.parent) for inner in sorted(place.iterdir())]
    called = [place for place in places if masked_names(place.name) and place.is_dir()]
    for place in called:
        if place == folder:
            continue
        images, masks = (
            {name.rpartition(".")[0] for name in image_files(where, without=without)}
            for where, without in ((folder, place), (place, None))
        )
        if images and images <= masks:
            return place
        names = set().union(*map(_masked, masks))
        if images and all(names & _named(image) for image in images):
            message = "%s seems to hold the masks; rename each to the name of its image, and set "
            logger.warning(message + "'masks' to it", place)
    return None


def _masked(mask: str) -> set[tuple]:
    folder, _, stem = mask.rpartition("/")
    return {(folder, words) for words in masked_names(stem) | image_names(stem)}


def _named(image: str) -> set[tuple]:
    folder, _, stem = image.rpartition("/")
    return {(folder, words) for words in image_names(stem)}


# The sample ---------------------------------------------------------------------------------


def _seen(names: Sequence[str], folder: Path, target: Target) -> list[Sight]:
    places = np.linspace(0, len(names) - 1, min(len(names), _SAMPLE)).astype(int)
    sights = (_sight(names[n], folder / names[n], target) for n in places)
    return [sight for sight in sights if sight is not None]


def _sight(name: str, path: Path, target: Target) -> Sight | None:
    try:
        reading, shown = _read(path, target)
    except (DataError, OSError):  # named among what would be refused
        return None
    border = np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]])
    grey = float(np.median(border.mean(axis=1)))
    canvas = Image.fromarray(square_canvas(shown, round(grey)))
    tile = np.asarray(canvas.resize((_TILE, _TILE), Image.Resampling.BICUBIC))
    return Sight(name, reading, grey, tile)


def _read(path: Path, target: Target) -> tuple[Reading, NDArray[np.uint8]]:
    """Return what an image says, and its picture, whether or not its white is known by now."""
    if channels := _plain(target):
        found = decode_channels(contents(path, channels), path, channels)
        known = [one._replace(full_scale=_white_of(one.samples, one.full_scale)) for one in found]
        shown = rgb_view(shown_channels(known, path, channels, target.white_level))
        return reading_of_channels(found), shown
    samples, white = decode(content(path), path)
    known = _white_of(samples, white)
    shown = to_8bit(samples, path, white_level=target.white_level, full_scale=known)
    return reading_of(samples, white), shown


def _white_of(samples: NDArray, usual: float | None) -> float:
    return usual or full_scale(samples.dtype)


def _background(sights: Sequence[Sight]) -> int:
    """Return the grey value (0-255) that most images have along their border."""
    return round(float(np.median([sight.border for sight in sights] or [0])))


def _with_levels(target: Target, readings: Sequence[Reading]) -> Target:
    """Return a target with the white of images, or of channels, that use a part of their range."""
    channels = target.channels
    if channels is None:
        return target.model_copy(update={"white_level": _white_level(readings)})
    each = zip(*(reading.channels for reading in readings), strict=True)
    levels = dict(zip(channels.names, map(_white_level, each), strict=False))
    if len(set(levels.values())) == 1:
        return target.model_copy(update={"white_level": next(iter(levels.values()))})
    own = {name: white for name, white in levels.items() if white}
    return target.model_copy(update={"channels": channels.model_copy(update={"white_level": own})})


def _white_level(readings: Sequence[Reading]) -> float | None:
    """Return the white of images without a usual one, or of as many bits as are used.

    That is of integers with a sign or of 32 bit, of floats that go beyond 1, and of images that
    use a small part of their range.
    """
    depths = {reading.depth for reading in readings}
    if len(depths) != 1 or depths == {"8-bit"}:
        return None
    first = readings[0]
    high = float(np.quantile([reading.high for reading in readings], 0.95))
    if not all(one.usual for one in readings):
        is_chosen = high > 0
    elif first.white == 1:  # floats
        is_chosen = high > 1
    else:
        is_chosen = 1 < high < ALMOST_BLACK * first.white
    return float(round_white(high)) if is_chosen else None


# In words -----------------------------------------------------------------------------------


def described(overview: Overview) -> str:
    """Return what is there as text, with the configuration's lines for it."""
    parts = [overview.path, *_facts(overview)]
    if overview.remarks:
        parts += ["", "Worth a look", indent("\n".join(overview.remarks), "  ")]
    if overview.refused:
        parts += ["", "A study would refuse this", indent(overview.refused, "  ")]
    else:
        parts += ["", "In a configuration", indent(_lines(overview), "  ")]
    return "\n".join(parts)


def _facts(overview: Overview) -> Iterator[str]:
    readings = [sight.reading for sight in overview.sights]
    rows = []
    if overview.table is not None:
        rows += [("images", _count(overview.table)), ("splits", _split(overview))]
        sizes = overview.table[["width", "height"]]
        rows.append(("size", _size(sizes)))
        copies = f"{overview.copies} images have the pixels of another"
        rows.append(("copies", copies if overview.copies else "none"))
    if readings:
        rows += [("stored as", _kinds(readings)), *_channel_rows(overview.target)]
        rows.append(("greys", _range(readings, overview.target)))
        rows.append(
            (
                "background",
                f"about {overview.target.background} (black 0, white 255) along the border",
            )
        )
    rows.append(("masks", _masks(overview)))
    yield indent(tabulate(rows, tablefmt="plain", disable_numparse=True), "  ")
    if overview.table is not None and "label" in overview.table:
        counts = pd.crosstab(overview.table["label"], overview.table["split"])
        order = [split for split in SPLITS if split in counts]
        view = counts[order].rename_axis(index="class", columns=None).reset_index()
        yield ""
        yield indent(tabulate(view, headers="keys", tablefmt="plain", showindex=False), "  ")


def _count(table: pd.DataFrame) -> str:
    if "label" not in table:
        return f"{len(table):,} without labels"
    sizes = table["label"].value_counts()
    span = (
        f"{sizes.min():,}" if sizes.min() == sizes.max() else f"{sizes.min():,} to {sizes.max():,}"
    )
    return f"{len(table):,} in {len(sizes)} classes of {span}"


def _split(overview: Overview) -> str:
    shares = overview.table["split"].value_counts(normalize=True)
    counted = ", ".join(f"{name} {shares[name]:.0%}" for name in SPLITS if name in shares)
    where = "the folders" if overview.target.folder else "the table"
    return f"{counted}, {f'as {where} say' if overview.provided else 'drawn by the study'}"


def _size(sizes: pd.DataFrame) -> str:
    low, middle, high = (sizes.quantile(q).astype(int) for q in (0, 0.5, 1))
    smallest, usual, largest = ("×".join(map(str, size)) for size in (low, middle, high))
    if smallest == largest:
        return f"{usual} pixels"
    return f"{smallest} to {largest} pixels, half of them up to {usual}"


def _kinds(readings: Sequence[Reading]) -> str:
    kinds = Counter(f"{one.depth} {_colours(one)}" for one in readings)
    if len(kinds) == 1:
        return next(iter(kinds))
    return ", ".join(f"{kind} ({n / len(readings):.0%})" for kind, n in kinds.most_common())


def _colours(reading: Reading) -> str:
    if reading.channels:
        return f"in {len(reading.channels)} channels"
    return "colour" if reading.colour else "grey"


def _channel_rows(target: Target) -> Iterator[tuple[str, str]]:
    """Yield where the channels seem to be, if images have any but grey and RGB."""
    if channels := target.channels:
        where = "in each file"
        if channels.columns:
            where = f"files in the columns {channels.columns}"
        elif channels.file:
            where = f"files called {channels.file}"
        deep = (
            "; planes in z are there, of which the brightest count" if channels.projection else ""
        )
        yield "channels", f"{', '.join(channels.names)}: {where}{deep}"


def _range(readings: Sequence[Reading], target: Target) -> str:
    if not target.channels:
        return f"{_span(readings)}; white is {_white(readings, target.white_level):g}"
    each = list(zip(*(reading.channels for reading in readings), strict=True))
    levels = [target.channels.white_level.get(n, target.white_level) for n in target.channels.names]
    whites = list(map(_white, each, levels))
    spans = list(map(_span, each))
    if len(set(whites)) > 1:
        spans = [f"{span} (white is {white:g})" for span, white in zip(spans, whites, strict=True)]
    named = ", ".join(map(" ".join, zip(target.channels.names, spans, strict=True)))
    return named if len(set(whites)) > 1 else f"{named}; white is {whites[0]:g}"


def _white(readings: Sequence[Reading], level: float | None) -> float:
    return level or max(one.white for one in readings)


def _span(readings: Sequence[Reading]) -> str:
    return f"{min(one.low for one in readings):g} to {max(one.high for one in readings):g}"


def _masks(overview: Overview) -> str:
    if overview.target.masks:
        return f"{overview.target.masks}, one for each image"
    if overview.table is not None and overview.table["mask_path"].notna().any():
        return f"of {overview.table['mask_path'].notna().sum():,} images, by the table"
    return "none; objects are segmented"


def _options(overview: Overview) -> dict[str, object]:
    """Return the options of the target that differ from their defaults, for a configuration."""
    options = overview.target.model_dump(mode="json", exclude_defaults=True)
    if overview.target.channels:
        options["channels"] = _short(options["channels"])
    # A configuration may be used in another folder than this one.
    places = {key: Path(options[key]).absolute().as_posix() for key in _PLACES if key in options}
    return options | places


def _short(channels: dict[str, Any]) -> dict[str, Any] | list[int | str]:
    """Return the section `channels` as it is written by hand."""
    if channels["names"] == [str(one) for one in channels["use"]]:
        channels = {key: value for key, value in channels.items() if key != "names"}
    return channels if channels.keys() > {"use"} else channels["use"]


def _lines(overview: Overview) -> str:
    target = {"targets": {overview.name: _options(overview)}}
    return yaml.safe_dump(target, sort_keys=False, allow_unicode=True).rstrip()


def configuration(overview: Overview) -> str:
    """Return a configuration that runs: the budget of the demo, with this target.

    Raises
    ------
    DataError
        If a study would refuse the images.
    """
    if overview.refused:
        raise DataError(overview.refused)
    blocks = re.split(r"\n(?=\S)", _BUDGET.read_text("utf-8"))
    first = next(n for n, block in enumerate(blocks) if block.startswith("seeds:"))
    kept = [
        _lines(overview) + "\n" if block.startswith("targets:") else block
        for block in blocks[first:]
    ]
    # A line end in the name of a folder would end the comment.
    path = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in overview.path)
    return "\n".join([_HEAD.format(path=path), *kept]).rstrip() + "\n"


_HEAD = """\
# yaml-language-server: $schema=../workflow/schemas/config.schema.json
# A study of {path}, written by `fovscope init`. See what it would do, then do it:
#     snakemake --profile profiles/local --configfile <this file> -n
#     snakemake --profile profiles/local --configfile <this file>
# Sizes and steps are those of the demo, for two cores. For a study in earnest take out `sources`,
# `recipes`, `model`, `source_training` and `metrics`: their defaults make a larger study.
# Every key: config/README.md.
"""


# As a picture -------------------------------------------------------------------------------


def picture(overview: Overview, *, rows: int) -> Image.Image:
    """Return a sheet of the sample: a row for each class, or rows of images without labels."""
    labels = {}
    if overview.table is not None and "label" in overview.table:
        labels = dict(zip(overview.table["path"], overview.table["label"], strict=True))
    by_label: dict[str, list[Sight]] = {}
    for sight in overview.sights:
        by_label.setdefault(labels.get(sight.path, ""), []).append(sight)
    lines = [
        (legible(label) if not start else "", sights[start : start + _COLUMNS])
        for label, sights in sorted(by_label.items())
        for start in range(0, len(sights) if len(by_label) == 1 else 1, _COLUMNS)
    ][:rows]
    step = _TILE + _GAP
    height = step + _LINE
    sheet = Image.new("RGB", (_COLUMNS * step, max(1, len(lines)) * height), "white")
    pen, font = ImageDraw.Draw(sheet), picture_font((label for label, _ in lines), 11)
    for row, (label, sights) in enumerate(lines):
        pen.text((2, row * height), label, "black", font)
        for column, sight in enumerate(sights):
            tile = Image.fromarray(sight.tile)
            sheet.paste(tile, (column * step, row * height + _LINE))
    return sheet
