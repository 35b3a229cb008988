"""Data sets that can be had by name: the table of them, and where they lie once they are there.

The table is `named.yaml`; a user's own (`data_sets` of the configuration) has rows of the same
form, for a data set more or for another place to have one from. The Snakefile reads it at each
start, so nothing that downloads or reads images is imported here.

A data set lies in a folder of its name: ``archives/`` as downloaded, ``files/`` as used, and
``retrieved.json``, which is written last and says what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, field_validator, model_validator

from fovscope.registry import unknown_name
from fovscope.runtime.provenance import read_json
from fovscope.study.entries import worded
from fovscope.study.paths import normal_path
from fovscope.study.section import ConfigError, Section, option

TABLE = Path(__file__).with_name("named.yaml")

BY_NAME = "retrieve:"
"""What a data set follows in the place of a path: ``retrieve:dsprites``."""

IMAGES, MASKS = "images", "masks"
"""Where the images and masks of a target lie below ``files``."""


class Download(Section):
    """A file that is downloaded, or that a person puts in place."""

    file: str = option(..., "What the file is called here.", pattern=r"[^/\\]+")
    url: str = option("", "Where it is downloaded from.", pattern=r"(https?://\S+)?")
    parts: tuple[str, ...] = option(
        (), "What stands for `{part}` in `file` and `url`, where there are many of a kind."
    )
    page: str = option("", "Where a person can have it, if it cannot be downloaded.")
    sha256: str = option("", "SHA-256 of its content.", pattern="([0-9a-f]{64})?")
    git_sha1: str = option("", "Its name as a Git blob.", pattern="([0-9a-f]{40})?")
    megabytes: int = option(..., "A download that is larger is given up.", ge=1)

    @model_validator(mode="after")
    def _from_somewhere(self) -> Download:
        if not (self.url or self.page):
            raise ValueError("set 'url', or 'page' where a person has to fetch the file")
        return self


class Unpacked(Section):
    """How much may come out of archives; one that holds more is refused."""

    files: int = option(10_000, "Number of files.", ge=1)
    megabytes: int = option(1_000, "Their sizes together.", ge=1)


class DataSet(Section):
    """A data set that can be had by name."""

    title: str = option(..., "What it is.")
    version: str = option(..., "Which edition of it.")
    licence: str = option(..., "Terms of use.")
    citation: str = option(..., "How to cite it.")
    downloads: tuple[Download, ...] = option(..., "The files it comes in.", min_length=1)
    members: dict[str, str] = option(
        {},
        "What is used of ZIP archives: regular expression on the whole name, in any case → name "
        "below `files`. Without it the downloads are used as they are.",
    )
    unpacked: Unpacked = option(Unpacked(), "How much may come out of the archives.")
    origin: str = option(
        "files", "How images come of it: `files` are images, `fields` are cut into cells."
    )
    masks: bool = option(False, "Whether there is a mask for each image.")
    path: str = option("", "What stands for it in the place of a path, below `files`.")
    options: dict[str, Any] = option({}, "Options that a target made of it has unless it says.")
    classes: int | tuple[str, ...] = option(0, "Classes by name, or how many there are.")
    counts: dict[str, int] = option({}, "Published numbers: images, train, test, fields.")
    notes: dict[str, str] = option({}, "Why a published count is known not to be met.")

    @field_validator("members")
    @classmethod
    def _are_patterns(cls, members: dict[str, str]) -> dict[str, str]:
        for pattern in members:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return members

    @property
    def is_target(self) -> bool:
        """Whether it is a set of images to learn on, and not a file that an option names."""
        return not self.path

    def files(self) -> list[Download]:
        """Return what it comes in, one by one."""
        return [
            one.model_copy(
                update={key: getattr(one, key).replace("{part}", part) for key in ("file", "url")}
            )
            for one in self.downloads
            for part in one.parts or ("",)
        ]

    def identity(self) -> dict[str, Any]:
        """Return what its files depend on: not from where they come, nor what is said of them."""
        plain = self.model_dump(mode="json")
        digests = [[one.file, one.sha256, one.git_sha1] for one in self.files()]
        return {key: plain[key] for key in ("version", "members", "masks", "origin")} | {
            "digests": digests
        }


@dataclass(frozen=True)
class Place:
    """Where a data set lies.

    Parameters
    ----------
    folder : Path
        Its folder.
    """

    folder: Path

    @classmethod
    def of(cls, data_folder: str, name: str) -> Place:
        """Return the place of the data set `name` in the folder of all of them."""
        return cls(Path(data_folder, name))

    @property
    def archives(self) -> Path:
        """What was downloaded and is unpacked."""
        return self.folder / "archives"

    @property
    def files(self) -> Path:
        """What is used."""
        return self.folder / "files"

    @property
    def digests(self) -> Path:
        """The digests of `files`, as `fovscope.datasets.content` keeps them."""
        return self.folder / "digests.json"

    @property
    def first(self) -> Path:
        """The digests of downloads of which none is published, as they were seen first."""
        return self.folder / "first.json"

    @property
    def facts(self) -> Path:
        """What was found: the tracked output, written last."""
        return self.folder / "retrieved.json"

    def read_facts(self) -> dict[str, Any]:
        """Return what was found, nothing before the data set is there."""
        return read_json(self.facts, sealed=True) if self.facts.exists() else {}

    def options(self, data_set: DataSet) -> dict[str, str]:
        """Return the options of a target that say where its images and masks are."""
        images = IMAGES if data_set.members else ""
        places = {"folder": images} | ({"masks": MASKS} if data_set.masks else {})
        return {key: normal_path(str(self.files / name)) for key, name in places.items()}

    def path(self, data_set: DataSet) -> str:
        """Return the path that an option stands for which names the data set."""
        return normal_path(str(self.files / data_set.path))


def data_sets(tables: Iterable[str | Path] = ()) -> dict[str, DataSet]:
    """Return the data sets that can be had by name.

    Parameters
    ----------
    tables : iterable of str or Path
        A user's own tables; of rows of one name the last one counts.

    Raises
    ------
    ConfigError
        If a table cannot be read; the row is named.
    """
    found: dict[str, DataSet] = {}
    for table in (TABLE, *map(Path, tables)):
        found |= _rows(table)
    return found


@cache
def _rows(table: Path) -> dict[str, DataSet]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        raw = yaml.load(table.read_text("utf-8"), loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"data_sets: {table} cannot be read: {error}") from error
    if not isinstance(raw, Mapping):
        raise ConfigError(f"data_sets: {table} must have a row for each name")
    rows, mistakes = {}, []
    for name, row in raw.items():
        try:
            rows[str(name)] = DataSet.model_validate(row)
        except ValidationError as error:
            mistakes += worded(error, str(name))
    if mistakes:
        lines = [f"data_sets: {table} has mistakes:", *mistakes]
        raise ConfigError("\n  ".join(lines))
    return rows


def named(value: object) -> str:
    """Return the data set that the value of an option names, empty where it is a path or none."""
    return (
        value.removeprefix(BY_NAME) if isinstance(value, str) and value.startswith(BY_NAME) else ""
    )


def unknown_data_set(name: str, known: Mapping[str, DataSet], *, target: bool) -> str:
    """Return what is wrong with the name of a data set, empty where nothing is."""
    fitting = {key: one for key, one in known.items() if one.is_target == target}
    if name in fitting:
        return ""
    if name in known:
        use = (
            f"{BY_NAME}{name} in the place of a path"
            if target
            else f"'retrieve: {name}' of a target"
        )
        return f"the data set '{name}' is for {use}"
    return unknown_name("data set", name, fitting)
