"""Images whose channels are files of their own: which file belongs to which image and channel.

A template says how the files are called: ``{channel}/{image}.tif``. An image is called by what
stands for ``{image}``, class folders included, and its path is the template with ``{channel}``
left in it. Where folders of channels lie in those of classes, ``{folder}/{channel}/{image}.tif``,
the name is ``{folder}/{image}``. The standard library only.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fovscope.datasets.listing import DataError
from fovscope.registry import unknown_name

if TYPE_CHECKING:  # nothing heavy at the start of Snakemake
    import pandas as pd

CHANNEL, IMAGE, FOLDER = "{channel}", "{image}", "{folder}"

ChannelOptions = Mapping[str, Any]
"""The section `channels` of a target (`fovscope.study.channels.Channels`), as plain values."""


def bag_size(count: int) -> int:
    """Return how many channels go through a network one by one; 0 of one or three, a picture."""
    return 0 if count in (1, 3) else count


def in_files(channels: ChannelOptions | None) -> bool:
    """Whether each channel is a file of its own."""
    return bool(channels and channels["file"])


def channel_files(path: str, channels: ChannelOptions | None) -> list[str]:
    """Return the files of an image, in the order of its channels; without channels the path."""
    if not in_files(channels):
        return [path]
    return [path.replace(CHANNEL, str(name)) for name in channels["use"]]


def image_path(image: str, channels: ChannelOptions) -> str:
    """Return the path of an image, with ``{channel}`` in the place of a channel."""
    template = channels["file"]
    if FOLDER in template:
        folder, _, image = image.rpartition("/")
        template = template.replace(FOLDER, folder)
    return template.replace(IMAGE, image)


def image_of(path: str, channels: ChannelOptions) -> str:
    """Return the name of an image that is given by it, by its path, or by any channel's file."""
    for names in (channels["use"], None):
        if found := _pattern(channels["file"], names).fullmatch(path):
            return _name(found)
    return path


def _name(found: re.Match[str]) -> str:
    """Return the name of the image that a file belongs to."""
    return "/".join(filter(None, (found.groupdict().get("folder"), found["image"])))


def listed_image(path: str, channels: ChannelOptions) -> str:
    """Return the path of an image that a table lists; an empty cell stays empty."""
    return image_path(image_of(path, channels), channels) if path else ""


def digests_of_images(images: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each file of images and masks, by its path below their root.

    Parameters
    ----------
    images : DataFrame
        The image table of a target.
    facts : mapping
        The facts beside it.
    """
    channels = facts["preprocessing"].get("channels")
    found: dict[str, str] = {}
    for name, digest in (("path", "sha256"), ("mask_path", "mask_sha256")):
        there = images.dropna(subset=[name, digest])
        for path, digests in zip(there[name], there[digest], strict=True):
            files = channel_files(path, channels) if name == "path" else [path]
            found |= zip(files, digests.split(), strict=True)
    return found


def channel_images(
    files: Sequence[str], channels: ChannelOptions, where: str
) -> dict[str, list[str]]:
    """Return the images of which some file is there, each with the channels that it lacks.

    Parameters
    ----------
    files : sequence of str
        Paths of image files, as the template has them; those of other channels count for nothing.
    channels : mapping
        The section `channels` of a target.
    where : str
        Folder of the files, for messages.

    Raises
    ------
    DataError
        If no file is called like the template, or a channel has no file at all.
    """
    template, wanted = channels["file"], [str(name) for name in channels["use"]]
    found: dict[str, set[str]] = defaultdict(set)
    pattern = _pattern(template, wanted)
    for file in files:
        if match := pattern.fullmatch(file):
            found[_name(match)].add(match["channel"])
    there = set().union(*found.values())
    for name in wanted:
        if name not in there:
            others = {m["channel"] for file in files if (m := _pattern(template).fullmatch(file))}
            if not others:
                raise DataError(
                    f"{where}: no file is called like '{template}' (channels: file), but e.g. "
                    f"'{files[0]}'; correct the template"
                )
            raise DataError(f"{where}: channels: {unknown_name('channel', name, others)}")
    return {image: [name for name in wanted if name not in found[image]] for image in sorted(found)}


def _pattern(template: str, names: Iterable[object] | None = None) -> re.Pattern[str]:
    """Return what the files of some channels, or of any, are called."""
    groups = {
        CHANNEL: "|".join(re.escape(str(name)) for name in names) if names else "[^/]+?",
        IMAGE: "[^/]+" if FOLDER in template else ".+",
        FOLDER: ".+",
    }
    pattern = re.escape(template)
    for word, group in groups.items():
        first, *more = pattern.split(re.escape(word))
        name = word[1:-1]
        once, again = f"(?P<{name}>{group})", f"(?P={name})"
        pattern = first + "".join(
            (again if number else once) + part for number, part in enumerate(more)
        )
    return re.compile(pattern)
