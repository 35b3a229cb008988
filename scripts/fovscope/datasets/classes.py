"""Which classes a target has, known before any image is read; the standard library only.

The Snakefile asks this when it is parsed, for targets of which a class is to be held out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fovscope.datasets.layout import list_folder
from fovscope.datasets.listing import DataError, composed
from fovscope.datasets.tables import read_columns
from fovscope.registry import unknown_name
from fovscope.runtime.provenance import digest_bytes

EACH = "each"
"""In the place of a list of classes: every class in turn."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LONGEST = 60


def class_names(target: Mapping[str, Any]) -> list[str]:
    """Return the classes of a target: those of a column, or of a folder's folders.

    Parameters
    ----------
    target : mapping
        The configuration of a target, as plain values.

    Returns
    -------
    list of str
        Sorted; the labels that its manifest has, or will have.
    """
    if target["table"]:
        columns = read_columns(Path(target["table"]))
    else:
        masks = Path(target["masks"]) if target["masks"] else None
        channels = target.get("channels")
        columns = list_folder(Path(target["folder"]), masks, channels=channels).columns
    return sorted({label for label in columns.get("label", ()) if label})


def held_out_classes(
    name: str, known: Sequence[str], chosen: str | Sequence[str]
) -> dict[str, str]:
    """Return the classes of a target to hold out, by the name that each has in file names.

    Parameters
    ----------
    name : str
        Of the target, for messages.
    known : sequence of str
        Its classes.
    chosen : "each" or sequence of str
        Classes.

    Returns
    -------
    dict of str to str
        File name → class.

    Raises
    ------
    DataError
        If the target has no such class, or fewer than two classes would be left.
    """
    wanted = known if chosen == EACH else sorted(map(composed, chosen))
    for label in wanted if known else ():
        if label not in known:
            kind = f"class of '{name}'"
            raise DataError(f"open_set: {unknown_name(kind, label, known)}")
    if chosen and not known:
        raise DataError(f"open_set: '{name}' has no classes, so none can be held out")
    if wanted and len(known) < 3:
        raise DataError(
            f"open_set: '{name}' has {len(known)} classes ({', '.join(known)}); holding one out "
            "must leave two to tell apart"
        )
    return {file_name(label): label for label in wanted}


def file_name(label: str) -> str:
    """Return a class name as part of a file name: itself, or what is legible and a digest."""
    if _PLAIN.fullmatch(label) and len(label) <= _LONGEST:
        return label
    legible = re.sub(r"[^A-Za-z0-9_-]+", "_", label).strip("_-")[:_LONGEST]
    return f"{legible or 'class'}.{digest_bytes(label.encode('utf-8', 'surrogateescape'))[:8]}"
