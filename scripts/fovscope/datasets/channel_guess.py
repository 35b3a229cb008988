"""What the channels of images seem to be, by the names of files or by what the files hold.

Microscopes and CellProfiler write a file for each channel, called by the stain
(``DAPI/cell.tif``, ``cell_Actin.tif``) or a number: ``cell_w1F0…B7.tif`` (MetaXpress, BBBC021),
``cell_ch00.tif`` (Leica), ``…Z01C01.tif`` (Yokogawa), ``…-ch1sk1fk1fl1.tiff`` (Phenix). A guess is
made only where nearly all files fit it and nearly all images have all channels.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fovscope.datasets.channel_files import (
    ChannelOptions,
    channel_images,
    image_path,
    missing_channels,
)
from fovscope.datasets.listing import DataError
from fovscope.datasets.stores import content
from fovscope.images.channels import contents, decode_channels
from fovscope.images.read import decode
from fovscope.images.stacks import Stack, read_stack
from fovscope.study.channels import Channels

_NEARLY_ALL = 0.9
"""Share of the files that are called so, and of the images that have a channel."""

_MOST_CHANNELS = 12
_LOOKED_INTO = 5  # files, of which all are to hold channels

_STAINS = (
    r"dapi|hoechst\d*|draq5|dna|rna|er|agp|mito(?:tracker)?|syto ?14|con ?a|wga|phalloidin|f?actin|"
    r"[ab]?-?tubulin|lamin|nucle(?:us|i)|cytoplasm|membrane|golgi|e?[gycbr]fp|m?cherry|tdtomato|"
    r"mneongreen|mscarlet|fitc|tritc|cy[2357](?:\.5)?|texas ?red|rhodamine|(?:alexa|af) ?\d{3}|"
    r"bright ?-?field|bf|dic|phase|red|green|blue|yellow|far ?-?red"
)
_NUMBERED = r"(?:w|d|c|ch|chan|channel|wavelength)[ _-]?\d{1,2}"
_NAME = re.compile(rf"(?:{_STAINS}|{_NUMBERED})", re.IGNORECASE)
_IN_NAME = re.compile(
    rf"(?<![a-z0-9])(?:{_STAINS}|{_NUMBERED})(?![a-z0-9])"
    r"|(?<=[_-])w\d(?=[0-9a-f]{8}-[0-9a-f]{4}-)"  # MetaXpress
    r"|(?<=z\d\d)c\d\d(?![a-z0-9])"  # Yokogawa
    r"|(?<=-)ch\d\d?(?=sk\d)",  # Phenix
    re.IGNORECASE,
)
_UNIQUE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FILE_COLUMN = re.compile(r"(?P<before>(?:Image_)?FileName_)(?P<channel>.+)")
_NO_STAIN = re.compile(r"outline|overlay|mask|objects?$|illum", re.IGNORECASE)


def of_columns(columns: Iterable[str]) -> dict[str, Any] | None:
    """Return the section `channels` for a table of CellProfiler, which names files by channel."""
    found = [match for name in columns if (match := _FILE_COLUMN.fullmatch(name))]
    names = [match["channel"] for match in found if not _NO_STAIN.search(match["channel"])]
    return {"columns": f"{found[0]['before']}{{channel}}", "use": names} if names else None


def of_names(images: Sequence[str], folder: Path) -> dict[str, Any] | None:
    """Return the section `channels` for files of which each is one channel.

    Parameters
    ----------
    images : sequence of str
        Paths of image files, relative to `folder`.
    folder : Path
        Where they lie; the files of one image are looked into.
    """
    channels: dict[str, set[str]] = defaultdict(set)
    fitting: Counter[str] = Counter()
    for image in images:
        for template, channel in set(_templates(image)):
            channels[template].add(channel)
            fitting[template] += 1
    most = [t for t, n in fitting.items() if n >= _NEARLY_ALL * len(images)]
    sections = [{"file": t, "use": sorted(channels[t], key=_by_number)} for t in most]
    whole = filter(None, (_complete(images, folder, section) for section in sections))
    return max(whole, key=lambda section: len(section["use"]), default=None)


def _templates(image: str) -> Iterator[tuple[str, str]]:
    """Yield the templates that could be that of a file, each with the channel that it would be."""
    *folders, name = image.split("/")
    suffix = PurePosixPath(name).suffix
    stem = name.removesuffix(suffix)
    for place, folder in enumerate(folders):
        if not _NAME.fullmatch(folder):
            continue
        above = "".join(f"{outer}/" for outer in folders[:place])
        yield f"{above}{{channel}}/{{image}}{suffix}", folder
        if place == len(folders) - 1 > 0:
            yield f"{{folder}}/{{channel}}/{{image}}{suffix}", folder
    inside = "{folder}/" if folders else ""
    for found in _IN_NAME.finditer(stem):
        before, channel, after = stem[: found.start()], found[0], stem[found.end() :]
        mark, left = before[len(before.rstrip("_-. ")) :], before.rstrip("_-. ")
        if left or folders:
            kept = f"{{image}}{mark}" if left else f"{{image}}/{mark}"
            yield f"{kept}{{channel}}{_UNIQUE.sub('*', after)}{suffix}", channel
        follows = after[: len(after) - len(after.lstrip("_-. "))]
        if after != follows:
            yield f"{inside}{before}{{channel}}{follows}{{image}}{suffix}", channel


def _by_number(name: str) -> tuple[str, int]:
    digits = re.search(r"\d+$", name)
    return (name[: digits.start()], int(digits[0])) if digits else (name, -1)


def _complete(
    images: Sequence[str], folder: Path, section: dict[str, Any]
) -> dict[str, Any] | None:
    """Return a section with the channels that nearly all images have, if it is one of images."""
    for _ in range(2):  # with all channels, and without those that are rare
        try:
            plain = Channels.model_validate(section).model_dump(mode="json")
            found = channel_images(images, plain, "")
        except (DataError, ValueError):  # two files for one channel, or no template
            return None
        lacking = Counter(one for files in found.values() for one in missing_channels(files, plain))
        most = (1 - _NEARLY_ALL) * len(found)
        use = [name for name in section["use"] if lacking[name] <= most]
        if not 1 < len(use) <= _MOST_CHANNELS:
            return None
        if use == section["use"]:
            name, files = next((n, f) for n, f in found.items() if not missing_channels(f, plain))
            path = folder / image_path(name, files, plain)
            return section if _are_grey(path, plain) else None
        section = section | {"use": use}
    return None


def _are_grey(path: Path, channels: ChannelOptions) -> bool:
    """Whether each of the files of an image can be a channel: is grey, and as large as the others.

    Planes in z are no obstacle: the study asks for a projection.
    """
    channels = channels | {"projection": "max"}
    try:
        decode_channels(contents(path, channels), path, channels)
    except (DataError, OSError):
        return False
    return True


def of_content(images: Sequence[str], folder: Path) -> dict[str, Any] | None:
    """Return the section `channels` for files that hold several pages, planes or other channels.

    Parameters
    ----------
    images : sequence of str
        Paths of image files, relative to `folder`; some are looked into.
    folder : Path
        Where they lie.
    """
    places = np.linspace(0, len(images) - 1, min(len(images), _LOOKED_INTO)).astype(int)
    stacks = [_stack(folder / images[place]) for place in places]
    if not stacks or None in stacks:
        return None
    counts = {stack.samples.shape[2] for stack, _ in stacks}
    named = stacks[0][0].names  # in whatever order others have them
    named = named if all(set(stack.names) == set(named) for stack, _ in stacks) else ()
    use = named if named and len(set(named)) == len(named) else range(min(counts))
    section: dict[str, Any] = {"use": list(use)}
    return section | {"projection": "max"} if any(deep for _, deep in stacks) else section


def _stack(path: Path) -> tuple[Stack, bool] | None:
    """Return the channels of a file that is no plain image, and whether it has planes in z."""
    try:
        data = content(path)
    except (DataError, OSError):
        return None
    try:
        decode(data, path)
    except DataError:
        for projection in (None, "max"):
            try:
                return read_stack(data, path, projection), projection is not None
            except DataError:  # planes in z, or nothing that can be read
                continue
    return None
