"""What the metrics of a catalogue declare: presets, titles and ranges, without importing any.

A metric declares

* ``titles``: score → heading in tables, in the order of the columns;
* ``ranges``: score → (smallest, largest), of its breakdown by factor too; infinite where
  unbounded;
* ``group``: ``"information"`` or ``"intervention"``, the table that it stands in;
* ``needs_pairs``: whether it needs pairs that differ in one factor;
* ``fits``: whether it fits classifiers, and so costs seconds instead of milliseconds;
* ``fast``: further options in the preset ``"fast"``; without it the metric is left out there;
* ``options``: options in any panel, where they are not the published defaults;
* ``after``: names of metrics that are computed first, if they are computed at all.

The standard library only, so that a configuration can be checked with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fovscope.registry import Catalogue, Entry, RegistryError, unknown_name

GROUPS = ("information", "intervention")
"""Groups of metrics, as tables show them."""

PRESETS = ("full", "fast")
"""All metrics, or those that a small machine can do, with less effort."""

_READING_ORDER = (
    *("mig", "dci", "infomec", "edi"),
    *("omes", "beta_vae", "factor_vae", "irs", "sap", "modularity", "explicitness", "dci_es"),
)
"""Order of the built-in metrics in presets and tables; what is not named here follows."""

_ACTIVE_DIMS = {"active_dims": (0.0, float("inf"))}
"""A score of every panel, whatever its metrics."""


@dataclass(frozen=True)
class Declaration:
    """What a metric says of itself; the module describes each attribute."""

    titles: Mapping[str, str]
    ranges: Mapping[str, tuple[float, float]]
    group: str = "intervention"
    needs_pairs: bool = False
    fits: bool = False
    fast: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()


def declaration(entry: Entry) -> Declaration:
    """Return what a metric declares.

    Parameters
    ----------
    entry : Entry
        The metric.

    Returns
    -------
    Declaration
        Its declaration.

    Raises
    ------
    RegistryError
        If something is missing, misspelt or contradicts the rest; file and metric are named.
    """

    def refuse(what: str) -> RegistryError:
        return RegistryError(f"{entry.file}: metric '{entry.name}': {what}")

    known = [item.name for item in fields(Declaration)]
    for name in entry.declared:
        if name not in known:
            raise refuse(unknown_name("declaration", name, known))
    for name in ("titles", "ranges"):
        if not entry.declared.get(name):
            raise refuse(f"declare `{name}`, one for each score that it returns")
    declared = Declaration(**entry.declared)
    if declared.titles.keys() != declared.ranges.keys():
        score = sorted(declared.titles.keys() ^ declared.ranges.keys())[0]
        raise refuse(f"the score '{score}' needs both a title and a range")
    if declared.group not in GROUPS:
        raise refuse(unknown_name("group", declared.group, GROUPS))
    for options in (declared.fast or {}, declared.options):
        for name in options:
            if name not in entry.options:
                raise refuse(unknown_name("option", name, entry.options))
    return declared


def ordered_names(catalogue: Catalogue) -> list[str]:
    """Return the names of all metrics, in the order in which tables show them."""
    names = list(catalogue["metric"])
    last = len(_READING_ORDER)
    places = {name: place for place, name in enumerate(_READING_ORDER)}
    return sorted(names, key=lambda name: places.get(name, last))


def preset(catalogue: Catalogue, name: str) -> dict[str, dict[str, Any]]:
    """Return the metrics of a preset and their options.

    Parameters
    ----------
    catalogue : Catalogue
        Where metrics are looked up.
    name : {"full", "fast"}
        Which preset.

    Returns
    -------
    dict of str to dict
        Options by metric, those alone that are not the defaults of its function.

    Raises
    ------
    ValueError
        If there is no such preset.
    RegistryError
        If a declaration is faulty.
    """
    if name not in PRESETS:
        raise ValueError(unknown_name("preset", name, PRESETS))
    every = {
        metric: declaration(catalogue.entry("metric", metric))
        for metric in ordered_names(catalogue)
    }
    if name == "full":
        return {metric: dict(declared.options) for metric, declared in every.items()}
    return {
        metric: {**declared.options, **declared.fast}
        for metric, declared in every.items()
        if declared.fast is not None
    }


def score_titles(
    catalogue: Catalogue, *, metrics: Iterable[str] | None = None, group: str | None = None
) -> dict[str, str]:
    """Return the headings of scores, in the order of the columns.

    Parameters
    ----------
    catalogue : Catalogue
        Where metrics are looked up.
    metrics : iterable of str, optional
        Whose scores; all by default.
    group : {"information", "intervention"}, optional
        Metrics of this group only.

    Returns
    -------
    dict of str to str
        Title by score.
    """
    titles: dict[str, str] = {}
    for name in ordered_names(catalogue) if metrics is None else metrics:
        declared = declaration(catalogue.entry("metric", name))
        if group in (None, declared.group):
            titles |= declared.titles
    return titles


def score_ranges(
    catalogue: Catalogue, metrics: Iterable[str] | None = None
) -> dict[str, tuple[float, float]]:
    """Return the smallest and the largest value of each score, and of its breakdown by factor.

    Parameters
    ----------
    catalogue : Catalogue
        Where metrics are looked up.
    metrics : iterable of str, optional
        Whose scores; all by default.

    Returns
    -------
    dict of str to tuple of float
        Range by score, `active_dims` among them.
    """
    ranges = dict(_ACTIVE_DIMS)
    for name in ordered_names(catalogue) if metrics is None else metrics:
        ranges |= declaration(catalogue.entry("metric", name)).ranges
    return ranges
