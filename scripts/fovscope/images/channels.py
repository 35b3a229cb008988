"""The channels of an image, from files of their own or from one file, and as a picture.

From here on an image is (height, width, channels), 8 bit, each channel scaled by its own white.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fovscope.datasets.channel_files import ChannelOptions, channel_files, in_files
from fovscope.datasets.listing import DataError
from fovscope.datasets.stores import content
from fovscope.images.stacks import Stack, read_stack
from fovscope.registry import unknown_name


class Channel(NamedTuple):
    """One channel of an image.

    Attributes
    ----------
    name : str
    samples : ndarray, shape (height, width)
    full_scale : float or None
        Largest value that samples are meant to hold; None where none is usual.
    stored_as : str
        Name that the file gives to it, if it gives any and holds several.
    beside : int
        How many channels its file holds, this one among them.
    """

    name: str
    samples: NDArray
    full_scale: float | None
    stored_as: str = ""
    beside: int = 1


def contents(path: Path, channels: ChannelOptions) -> list[bytes]:
    """Read the files of an image.

    Parameters
    ----------
    path : Path
        Of the image, with ``{channel}`` in it where each channel is a file.
    channels : mapping
        The section `channels` of a target, as plain values.
    """
    return [content(Path(file)) for file in channel_files(str(path), channels)]


def decode_channels(files: Sequence[bytes], path: Path, channels: ChannelOptions) -> list[Channel]:
    """Return the channels of an image, in the order of `use`.

    Parameters
    ----------
    files : sequence of bytes
        What `contents` returned.
    path, channels
        As of `contents`.

    Raises
    ------
    DataError
        If a file cannot be read, or a channel is not in it, or two by its name; channels differ in
        size; or a file of one channel holds several.
    """
    names, projection = channels["names"], channels["projection"]
    if not in_files(channels):
        stack = read_stack(files[0], path, projection)
        places = [_place(use, stack, path) for use in channels["use"]]
        stored_as = stack.names or [""] * stack.samples.shape[2]
        return [
            Channel(name, stack.samples[..., n], stack.full_scale, stored_as[n], len(stored_as))
            for name, n in zip(names, places, strict=True)
        ]
    found = []
    paths = map(Path, channel_files(str(path), channels))
    for name, file, data in zip(names, paths, files, strict=True):
        stack = read_stack(data, file, projection)
        found.append(Channel(name, _only(stack, file), stack.full_scale))
    if len({channel.samples.shape for channel in found}) > 1:
        shapes = ((channel.name, *channel.samples.shape) for channel in found)
        sizes = ", ".join(f"{name} {width}×{height}" for name, height, width in shapes)
        raise DataError(f"{path}: channels of different size: {sizes} pixels; make them of one")
    return found


def _place(use: int | str, stack: Stack, path: Path) -> int:
    """Return the number of a channel in a file."""
    count = stack.samples.shape[2]
    if isinstance(use, int):
        if use >= count:
            raise DataError(
                f"{path}: has {count} channels, so there is no channel {use}; correct 'use' in "
                "'channels', which counts from 0"
            )
        return use
    if not stack.names:
        raise DataError(
            f"{path}: has {count} channels without names, so '{use}' is none of them; give the "
            f"number: 'channels: {{{use}: 0}}', from 0"
        )
    if use not in stack.names:
        raise DataError(f"{path}: {unknown_name('channel', use, stack.names)}")
    place, same = stack.names.index(use), stack.names.count(use)
    if same > 1:
        raise DataError(
            f"{path}: {same} of its {count} channels are called '{use}'; give the number of the "
            f"one that is meant, e.g. 'channels: {{{use}: {place}}}', from 0"
        )
    return place


def _only(stack: Stack, file: Path) -> NDArray:
    """Return the one channel of a file; grey may be stored as colours."""
    first = stack.samples[..., 0]
    if (stack.samples != first[..., np.newaxis]).any():
        raise DataError(
            f"{file}: has {stack.samples.shape[2]} channels, where each file is to be one; leave "
            "'file' out of 'channels' and give their numbers, or save it as grey"
        )
    return first


def each_plane(image: NDArray) -> Iterator[NDArray]:
    """Yield the channels of an image (height, width, channels) as contiguous planes."""
    for number in range(image.shape[2]):
        yield np.ascontiguousarray(image[..., number])


def rgb_view(image: NDArray) -> NDArray:
    """Return the picture of an image of any channels, by which people and measures see it.

    Parameters
    ----------
    image : ndarray, shape (height, width, channels)

    Returns
    -------
    ndarray, shape (height, width, 3)
        The first three channels as red, green and blue, each as bright as it is; of two channels
        blue is black; one is grey. Images of three channels are what they are.
    """
    count = image.shape[2]
    if count == 1:
        return np.repeat(image, 3, axis=2)
    if count == 2:
        return np.concatenate([image, np.zeros_like(image[..., :1])], axis=2)
    return image if count == 3 else np.ascontiguousarray(image[..., :3])
