"""Images whose channels are files of their own: which file belongs to which image and channel.

A template says how the files are called: ``{channel}/{image}.tif``. An image is called by what
stands for ``{image}``, class folders included, and its path is the template with ``{channel}``
left in it. Where folders of channels lie in those of classes, ``{folder}/{channel}/{image}.tif``,
the name is ``{folder}/{image}``.

Where names differ in more than the channel (``*`` in a template, or a table with a column of files
for each channel), the path of an image lists its files: ``{a_w1F0.tif|a_w2B7.tif}``. The standard
library only.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fovscope.datasets.listing import DataError
from fovscope.datasets.tables import listed_paths
from fovscope.registry import unknown_name

if TYPE_CHECKING:  # nothing heavy at the start of Snakemake
    import pandas as pd

CHANNEL, IMAGE, FOLDER = "{channel}", "{image}", "{folder}"
ANYTHING = "*"

_LIST_OF_FILES = re.compile(r"(?P<root>.*)\{(?P<files>[^{}]*)\}", re.DOTALL)
_NOT_IN_LISTS = re.compile(r"[{}|]")

ChannelOptions = Mapping[str, Any]
"""The section `channels` of a target (`fovscope.study.channels.Channels`), as plain values."""


def bag_size(count: int) -> int:
    """Return how many channels go through a network one by one; 0 of one or three, a picture."""
    return 0 if count in (1, 3) else count


def in_files(channels: ChannelOptions | None) -> bool:
    """Whether each channel is a file of its own."""
    return bool(channels and (channels["file"] or channels["columns"]))


def channel_files(path: str, channels: ChannelOptions | None) -> list[str]:
    """Return the files of an image, in the order of its channels; without channels the path."""
    if not in_files(channels):
        return [path]
    if listed := _LIST_OF_FILES.fullmatch(path):
        return [listed["root"] + file for file in listed["files"].split("|")]
    return [path.replace(CHANNEL, str(name)) for name in channels["use"]]


def image_path(image: str, files: Mapping[str, str], channels: ChannelOptions) -> str:
    """Return the path of an image that a folder holds.

    Parameters
    ----------
    image : str
        Its name.
    files : mapping of str to str
        The file of each channel in `use`, as of `channel_images`.
    channels : mapping
        The section `channels` of a target, as plain values.
    """
    if ANYTHING in channels["file"]:
        return _list_of_files([files[str(name)] for name in channels["use"]])
    return _templated(image, channels)


def _templated(image: str, channels: ChannelOptions) -> str:
    """Return the path of an image, with ``{channel}`` in the place of a channel."""
    template = channels["file"]
    if FOLDER in template:
        folder, _, image = image.rpartition("/")
        template = template.replace(FOLDER, folder)
    return template.replace(IMAGE, image)


def _list_of_files(files: Sequence[str]) -> str:
    """Return the path of an image whose files have names that no template tells."""
    if not all(files):
        return ""
    for file in files:
        if _NOT_IN_LISTS.search(file):
            raise DataError(f"file '{file}' of a channel has {{, | or }} in its name; rename it")
    return f"{{{'|'.join(files)}}}"


def image_of(path: str, channels: ChannelOptions) -> str:
    """Return the name of an image that is given by it, by its path, or by any channel's file."""
    if _LIST_OF_FILES.fullmatch(path):
        path = channel_files(path, channels)[0]
    for names in (channels["use"], None) if channels["file"] else ():
        if found := _pattern(channels["file"], names).fullmatch(path):
            return _name(found)
    return path


def _name(found: re.Match[str]) -> str:
    """Return the name of the image that a file belongs to."""
    return "/".join(filter(None, (found.groupdict().get("folder"), found["image"])))


# Tables -------------------------------------------------------------------------------------


def file_columns(channels: ChannelOptions | None) -> list[str]:
    """Return the columns of a table that name the files of an image, one for each channel."""
    if not channels or not channels["columns"]:
        return ["path"]
    return [channels["columns"].replace(CHANNEL, str(name)) for name in channels["use"]]


def listed_images(
    columns: Mapping[str, Iterable[str]], root: Path, channels: ChannelOptions | None
) -> list[str]:
    """Return the paths of the images that a table lists; where a cell is empty, empty text.

    Parameters
    ----------
    columns : mapping of str to iterable of str
        Of the table; those of `file_columns` are there.
    root : Path
        What relative paths in the table are relative to.
    channels : mapping, optional
        The section `channels` of a target, as plain values.
    """
    names = file_columns(channels)
    if not channels or not channels["columns"]:
        paths = listed_paths(columns["path"], root)
        if not in_files(channels):
            return paths
        return [_templated(image_of(path, channels), channels) if path else "" for path in paths]
    files = [listed_paths(_with_folders(columns, name), root) for name in names]
    return [_list_of_files(image) for image in zip(*files, strict=True)]


def _with_folders(columns: Mapping[str, Iterable[str]], name: str) -> list[str]:
    """Return the files of a column, in the folders of the column beside it (CellProfiler)."""
    folders = name.replace("FileName", "PathName")
    if folders == name or folders not in columns:
        return list(columns[name])
    both = zip(columns[folders], columns[name], strict=True)
    return [f"{folder.rstrip('/')}/{file}" if folder and file else file for folder, file in both]


# Folders ------------------------------------------------------------------------------------


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
) -> dict[str, dict[str, str]]:
    """Return the images of which some file is there: name → channel → file.

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
        If no file is called like the template, a channel has no file at all, or one of an image
        has several.
    """
    template, wanted = channels["file"], [str(name) for name in channels["use"]]
    if template is None:
        raise DataError(
            f"{where}: the files of channels are columns of a table ('columns'); for a folder say "
            "by 'file' in 'channels' how they are called"
        )
    found: dict[str, dict[str, str]] = defaultdict(dict)
    pattern = _pattern(template, wanted)
    for file in files:
        if match := pattern.fullmatch(file):
            image, channel = _name(match), match["channel"]
            if other := found[image].get(channel):
                raise DataError(
                    f"{where}: '{other}' and '{file}' are both channel {channel} of the image "
                    f"'{image}'; say by 'file' in 'channels' what tells images apart"
                )
            found[image][channel] = file
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
    return dict(sorted(found.items()))


def missing_channels(files: Mapping[str, str], channels: ChannelOptions) -> list[str]:
    """Return the channels of which an image has no file, in the order of `use`."""
    return [str(name) for name in channels["use"] if str(name) not in files]


def _pattern(template: str, names: Iterable[object] | None = None) -> re.Pattern[str]:
    """Return what the files of some channels, or of any, are called."""
    longest_first = sorted(map(str, names or ()), key=len, reverse=True)
    groups = {
        CHANNEL: "|".join(map(re.escape, longest_first)) or "[^/]+?",
        IMAGE: "[^/]+" if FOLDER in template else ".+",
        FOLDER: ".+",
    }
    pattern = re.escape(template).replace(re.escape(ANYTHING), "[^/]*")
    for word, group in groups.items():
        first, *more = pattern.split(re.escape(word))
        name = word[1:-1]
        once, again = f"(?P<{name}>{group})", f"(?P={name})"
        pattern = first + "".join(
            (again if number else once) + part for number, part in enumerate(more)
        )
    return re.compile(pattern)
