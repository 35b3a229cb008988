"""The open set: what a representation makes of a class that it was made without."""

from __future__ import annotations

import pandas as pd

from fovscope.dimensions import dimension_names
from fovscope.evaluation.base import Given
from fovscope.interpret.open_set import score_open_set
from fovscope.records import score_table
from fovscope.registry import evaluation


@evaluation("open_set")
def open_set(given: Given) -> dict[str, pd.DataFrame]:
    """Score what probes make of a held-out class, and how well it is told from known ones."""
    (view,) = given.views()
    scores, images = score_open_set(
        view.images,
        view.values,
        held_out=given.options["held_out"],
        dimensions=dimension_names(view.values.shape[1], given.bound),
        active_sd=given.options["active_sd"],
        probes=given.options["probes"],
        catalogue=given.catalogue,
        seed=given.seed,
        threads=given.threads,
    )
    identity = view.identity.replace(kind="open_set")
    scores = score_table(
        scores.assign(held_out=given.options["held_out"]), identity, **given.provenance
    )
    return {"scores": scores, "images": images}
