"""Warnings on what can be used and may not be meant, from all images of a data set together."""

from __future__ import annotations

import logging
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path

import numpy as np
import pandas as pd

from fovscope.datasets.channel_guess import of_names
from fovscope.datasets.copies import near_copies
from fovscope.datasets.greys import grey_warnings
from fovscope.datasets.leaks import giveaways
from fovscope.datasets.listing import listed
from fovscope.datasets.readings import Reading
from fovscope.datasets.splits import unmet_shares
from fovscope.images.masks import warnings_of_masks
from fovscope.study.data import Target

_COPY = re.compile(r"\s*(\(\d+\)|-\s*(copy|kopie|copie|copia)(\s*\(\d+\))?)$")
_NUMBER = re.compile(r"\d+(\.\d+)?")

_LOOKS_LIKE = str.maketrans(
    "АВЕКМНОРСТУХІЈЅаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABEKMHOPCTYXIJSaeopcyxijsABEZHIKMNOPTYXo",
)
"""Cyrillic and Greek letters, as they are easily typed beside Latin ones."""

_READ_WRONGLY_AS = ("cp1252", "latin-1", "cp437")
"""Encodings in which UTF-8 is read, by spreadsheets and when archives are unpacked."""

logger = logging.getLogger(__name__)


@contextmanager
def noted_warnings(*, printed: bool = True) -> Iterator[list[logging.LogRecord]]:
    """Note what fovscope warns of.

    Parameters
    ----------
    printed : bool
        Whether it is printed as well.

    Yields
    ------
    list of logging.LogRecord
        Warnings so far.
    """
    fovscope, note = logging.getLogger("fovscope"), BufferingHandler(sys.maxsize)
    note.setLevel(logging.WARNING)
    fovscope.addHandler(note)
    before, fovscope.propagate = fovscope.propagate, printed
    try:
        yield note.buffer
    finally:
        fovscope.propagate = before
        fovscope.removeHandler(note)


def warn_of_channels(images: Sequence[str], folder: Path) -> None:
    """Warn of files that are called like channels of one image, and are taken for images each."""
    if channels := of_names(images, folder):
        logger.warning(
            "%s: files are called like channels of one image, and each is taken for an image: if "
            "that is not meant, set channels: {file: '%s', use: [%s]}",
            *(folder, channels["file"], ", ".join(channels["use"])),
        )


def warn_of_channel_order(rows: pd.DataFrame, readings: Sequence[Reading]) -> None:
    """Warn of numbers of channels that may not mean the same channel in all files."""
    stored_as = pd.Series([reading.stored_as for reading in readings], rows["image_id"])
    named = stored_as[stored_as.map(lambda names: bool(names) and all(names))]
    kinds = named.map(", ".join)
    # Names that nearly each image has for itself, as ImageJ's labels of slices, tell no channels.
    if 1 < kinds.nunique() <= len(kinds) / 2:
        kind = "files that call the channels in 'use' differently; if these are different ones"
        logger.warning(listed(f"{kind}, give names in place of numbers", _counted(kinds)))
    counts = pd.Series([reading.stored_channels for reading in readings], rows["image_id"])
    if counts.nunique() > 1 and (len(named) < len(rows) or kinds.nunique() > len(kinds) / 2):
        kind = "files of different numbers of channels, so that a number may not mean the same one"
        remedy = "give names in 'use' if the files have some, or save all in the same way"
        logger.warning(listed(f"{kind} in all; {remedy}", _counted(counts)))


def _counted(kinds: pd.Series) -> list[str]:
    """Return each value with the number of images that have it, and one of these."""
    return [
        f"{kind}: {len(images)} images, e.g. {images.index[0]}"
        for kind, images in kinds.groupby(kinds)
    ]


def warn_of_torn_groups(rows: pd.DataFrame) -> None:
    """Warn of groups that provided splits tear apart: they are kept as the data set has them."""
    splits = rows.groupby("group")["split"].unique()
    torn = [
        f"{group} ({', '.join(sorted(found))})" for group, found in splits.items() if len(found) > 1
    ]
    if torn:
        logger.warning(listed("groups in several of the provided splits; scores may flatter", torn))


def warn_of_classes_alike(labels: pd.Series) -> None:
    """Warn of classes whose names differ in what is easily mistyped."""
    names = pd.Series(sorted(set(labels)))
    alike = names.groupby(names.map(_as_meant)).unique()
    cases = [" and ".join(f"'{name}'" for name in same) for same in alike if len(same) > 1]
    if cases:
        logger.warning(
            listed("classes whose names hardly differ; merge them if they are one", cases)
        )


def _as_meant(name: str) -> str:
    """Return the name of a class without what is easily mistyped, or added by a file manager."""
    name = unicodedata.normalize("NFKC", _ungarbled(name)).translate(_LOOKS_LIKE)
    plain = _COPY.sub("", "".join(c for c in name if unicodedata.category(c) != "Cf").casefold())
    if _NUMBER.fullmatch(plain):
        return f"{float(plain):g}"
    return re.sub(r"[\s_-]+", "", plain)


def warn_of_garbled_classes(labels: pd.Series) -> None:
    """Warn of classes whose names went through a wrong encoding."""
    cases = [
        f"'{name}'" + (f", for '{meant}'?" if meant != name else "")
        for name in sorted(set(labels))
        if (meant := _ungarbled(name)) != name or "\N{REPLACEMENT CHARACTER}" in name
    ]
    if cases:
        kind = "classes whose names seem to have been read in a wrong encoding; rename them, or"
        logger.warning(listed(f"{kind} save the table anew in UTF-8", cases))


def _ungarbled(name: str) -> str:
    """Return what a name is in UTF-8 if it looks like that read in another encoding."""
    for encoding in () if name.isascii() else _READ_WRONGLY_AS:
        try:
            return name.encode(encoding).decode("utf-8")
        except UnicodeError:  # so it was not
            continue
    return name


def warn_of_unmet_shares(
    rows: pd.DataFrame, splits: pd.Series, test_fraction: float, val_fraction: float
) -> None:
    """Warn of splits drawn that are much larger or smaller than they were to be."""
    labels = rows["label"] if "label" in rows else [""] * len(rows)
    unmet = unmet_shares(labels, splits, test_fraction=test_fraction, val_fraction=val_fraction)
    if unmet:
        kind = "shares of images that groups and copies do not let be met"
        logger.warning(listed(f"{kind}; use smaller groups or provide the splits", unmet))


def warn_of_greys(rows: pd.DataFrame, readings: Sequence[Reading], options: Target) -> None:
    """Warn of grey ranges and depths that cannot be meant, of each channel by itself."""
    parts = [("", readings, options.white_level, options.black_level)]
    if channels := options.channels:
        by_channel = zip(*(reading.channels for reading in readings), strict=True)
        parts = [
            (
                f"channel {name}: ",
                part,
                channels.white_level.get(name, options.white_level),
                channels.black_level.get(name, options.black_level),
            )
            for name, part in zip(channels.names, by_channel, strict=True)
        ]
    for where, part, *levels in parts:
        images = _facts(part, "depth", "white", "low", "middle", "high")
        if "label" in rows:
            images["label"] = rows["label"]
        images.index = pd.Index(rows["image_id"])
        for message in grey_warnings(images, *levels):
            logger.warning("%s%s", where, message)


def warn_of_masks(masks: Iterable[str | None], readings: Sequence[Reading]) -> None:
    """Warn of masks in which the object may be something else than it seems."""
    pairs = zip(masks, readings, strict=True)
    given = [(mask, one) for mask, one in pairs if isinstance(mask, str)]  # some may have none
    doubts = {mask: one.mask_doubts for mask, one in given}
    counts = Counter(mask for mask, _ in given)
    same = {
        "masks that are the image itself; correct the table": [
            mask for mask, one in given if one.sha256 is not None and one.sha256 == one.mask_sha256
        ],
        "masks of more than one image; see that each image has its own": [
            mask for mask, count in counts.items() if count > 1
        ],
    }
    said = [listed(kind, cases) for kind, cases in same.items() if cases]
    for message in [*said, *warnings_of_masks(doubts)]:
        logger.warning(message)


def warn_of_orientation(rows: pd.DataFrame, readings: Sequence[Reading]) -> None:
    """Warn of images that viewers turn, while here, as their masks, they are as they are stored."""
    turned = [name for name, one in zip(rows["image_id"], readings, strict=True) if one.turned]
    if turned:
        kind = "images that viewers turn by their orientation (EXIF, TIFF), and that are taken as"
        remedy = "if that matters, turn the pixels themselves, e.g. with 'mogrify -auto-orient'"
        logger.warning(listed(f"{kind} they are stored; {remedy}", turned))


def warn_of_near_copies(rows: pd.DataFrame, readings: Sequence[Reading]) -> None:
    """Warn of images that look like one of another split."""
    pairs = near_copies([reading.thumbnail for reading in readings], list(rows["split"]))
    if pairs:
        named = rows["image_id"] + " (" + rows["split"] + ")"
        kind = "images that look almost like one of another split, so that scores may flatter"
        remedy = "if they are copies or neighbours, give them one group"
        cases = [f"{named[one]} ~ {named[other]}" for one, other in pairs]
        logger.warning(listed(f"{kind}; {remedy}", cases))


def warn_of_shortcuts(rows: pd.DataFrame, readings: Sequence[Reading]) -> None:
    """Warn of classes that are told by what is known of a file without a look at the object."""
    sizes = _facts(readings, "width", "height")
    margins = np.array([reading.margins for reading in readings])
    saved = {
        "suffix": rows["path"].str.rpartition(".")[2].str.lower(),
        "format": [reading.format for reading in readings],
    }
    told = giveaways(
        {
            "image size": sizes,
            "padding or empty margins": margins / sizes[["height", "height", "width", "width"]],
            "file format": pd.DataFrame(saved).apply(lambda names: pd.factorize(names)[0]),
            "grey or colour": _facts(readings, "colour"),
            "colour along the border": pd.DataFrame([reading.border for reading in readings]),
            "day of the file": _facts(readings, "day"),
        },
        rows["label"],
    )
    cases = list(told)
    if cases:
        kind = (
            "what gives classes away without a look at the object, with the share of their images"
        )
        logger.warning(listed(f"{kind}; a network may learn that instead", cases))


def _facts(readings: Sequence[Reading], *names: str) -> pd.DataFrame:
    return pd.DataFrame({name: [getattr(reading, name) for reading in readings] for name in names})
