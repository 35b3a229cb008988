"""The channels of a target's images: which there are, and where they lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from fovscope.datasets.channel_files import CHANNEL, FOLDER, IMAGE
from fovscope.datasets.listing import IMAGE_SUFFIXES, STORE_SUFFIX, kinds_read
from fovscope.registry import unknown_name
from fovscope.study.section import Section, option

_FORMS = (
    "write a list of planes of each file (channels: [0, 2, 1]), names with planes (channels: "
    "{DAPI: 0, Actin: 2}), names that the files have (channels: [DAPI, Actin]), or a file for "
    "each channel (channels: {file: '{channel}/{image}.tif', use: [DAPI, Actin]})"
)


class Channels(Section):
    """The channels of a target's images, in the order in which a network is given them."""

    file: str | None = option(
        None,
        "Where each channel is a file: how these are called, relative to the folder, e.g. "
        "`{channel}/{image}.tif`; class folders are part of `{image}`, or `{folder}` where "
        "channels lie in them: `{folder}/{channel}/{image}.tif`; `*` for what differs besides.",
    )
    columns: str | None = option(
        None,
        "Where a table names the file of each channel: the columns, e.g. "
        "`Image_FileName_{channel}`; the folders are those in `Image_PathName_{channel}`, if there "
        "is such a column.",
    )
    use: tuple[int | str, ...] = option(
        ...,
        "Channels in their order: of files or columns what stands for `{channel}`; else the "
        "numbers of channels in each file, from 0, or the names that OME-XML, OME-Zarr or ImageJ "
        "gives them.",
        min_length=1,
    )
    names: tuple[str, ...] = option((), "What they are called here; by default as in `use`.")
    projection: Literal["max", "mean"] | int | None = option(
        None, "What becomes of planes in z: `max`, `mean`, or the number of one, from 0."
    )
    white_level: dict[str, Annotated[float, Field(gt=0)]] = option(
        {}, "Pixel value shown as white, by name; of others the `white_level` of the target."
    )
    black_level: dict[str, Annotated[float, Field(ge=0)]] = option(
        {}, "Pixel value shown as black, by name; of others the `black_level` of the target."
    )

    @model_validator(mode="before")
    @classmethod
    def _names_and_files(cls, raw: object) -> object:
        """Check what `use` is made of, and complete `names`."""
        if not isinstance(raw, Mapping) or not raw.keys() <= cls.model_fields.keys():
            return raw
        use = raw.get("use")
        if not isinstance(use, Sequence) or isinstance(use, str) or not use:
            raise ValueError(f"'use' is to list channels, not {use!r}; {_FORMS}")
        for one in use:
            if isinstance(one, bool) or not isinstance(one, int | str) or one in ("", None):
                raise ValueError(f"{one!r} is no channel; {_FORMS}")
            if isinstance(one, int) and one < 0:
                raise ValueError(f"there is no channel {one}; the first is 0")
        of_files = raw.get("file") or raw.get("columns")
        use = [str(one) for one in use] if of_files else list(use)
        return {**raw, "use": use, "names": raw.get("names") or [str(one) for one in use]}

    @field_validator("projection", mode="before")
    @classmethod
    def _a_plane_or_all(cls, raw: object) -> object:
        plane = isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0
        if raw is None or raw in ("max", "mean") or plane:
            return raw
        raise ValueError(f"is max, mean or the number of a plane, from 0 (now: {raw!r})")

    @model_validator(mode="after")
    def _are_channels(self) -> Channels:
        for what, listed in (("use", self.use), ("names", self.names)):
            twice = [one for one, count in Counter(listed).items() if count > 1]
            if twice:
                raise ValueError(f"'{what}' has {twice[0]} twice; each channel counts once")
        if len(self.names) != len(self.use):
            raise ValueError(
                f"'names' are {len(self.names)}, but channels {len(self.use)}; name each of them"
            )
        for key in ("white_level", "black_level"):
            for name in getattr(self, key):
                if name not in self.names:
                    raise ValueError(f"{key}: {unknown_name('channel', name, self.names)}")
        if self.file is not None:
            _require_template(self.file)
        if self.columns is not None and self.columns.count(CHANNEL) != 1:
            raise ValueError(
                f"columns '{self.columns}' needs {CHANNEL} once; e.g. Image_FileName_{CHANNEL}"
            )
        return self


def _require_template(file: str) -> None:
    """Raise ValueError unless a template says where channels and images are."""
    place = PurePosixPath(file)
    if file.count(IMAGE) != 1 or CHANNEL not in file:
        raise ValueError(f"file '{file}' needs {CHANNEL} and, once, {IMAGE}; e.g. {_EXAMPLE}")
    rest = file.replace(IMAGE, "").replace(CHANNEL, "").replace(FOLDER, "", 1)
    if any(brace in rest for brace in "{}"):
        raise ValueError(
            f"file '{file}' may have {CHANNEL}, {IMAGE} and, once, {FOLDER} in braces alone"
        )
    if place.is_absolute() or ".." in place.parts or "\\" in file or place.as_posix() != file:
        raise ValueError(
            f"file '{file}' is to be relative to the folder of images, with '/'; e.g. {_EXAMPLE}"
        )
    if place.suffix.lower() not in {*IMAGE_SUFFIXES, STORE_SUFFIX}:
        raise ValueError(f"file '{file}' has to end like an image: {kinds_read()}")


_EXAMPLE = f"{CHANNEL}/{IMAGE}.tif"


def _from_short_form(raw: object) -> object:
    """Return the section that a list of channels, or names with numbers, is short for."""
    if isinstance(raw, list | tuple):
        return {"use": list(raw)}
    if isinstance(raw, Mapping):
        numbers = [isinstance(one, int) and not isinstance(one, bool) for one in raw.values()]
        if raw and all(numbers) and not raw.keys() & {"file", "use"}:
            return {"use": list(raw.values()), "names": [str(name) for name in raw]}
        return raw
    if isinstance(raw, Channels):
        return raw
    raise ValueError(f"{raw!r} says nothing of channels; {_FORMS}")


TargetChannels = Annotated[
    Channels,
    BeforeValidator(_from_short_form, json_schema_input_type=Channels | list[Any] | dict[str, int]),
]
