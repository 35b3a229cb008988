"""Which metrics a study computes, with which options: read from their declarations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fovscope.registry import Catalogue


def panel_metrics(
    catalogue: Catalogue, which: str, options: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the metrics of a preset by name, with their options.

    Parameters
    ----------
    catalogue : Catalogue
        Where the metrics are.
    which : {"full", "fast"}
        All metrics, or those that declare options for ``fast``.
    options : mapping of str to mapping, optional
        Options by metric that win over the declared ones.
    """
    chosen = {}
    for name, entry in catalogue["metric"].items():
        declared = entry.declared
        if which == "fast" and "fast" not in declared:
            continue
        preset = declared["fast"] if which == "fast" else {}
        chosen[name] = {**declared.get("options", {}), **preset, **(options or {}).get(name, {})}
    return chosen
