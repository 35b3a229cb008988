"""Which representations are made of the codes of a model: active dimensions, named ones, others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fovscope.evaluation.base import Given, View
from fovscope.representations.base import Given as Represented


def choices(given: Given, view: View) -> Iterator[tuple[str, NDArray, NDArray[np.bool_] | None]]:
    """Yield name, numbers and mask of what probes and profiles see: of a model, each choice.

    Parameters
    ----------
    given : Given
        Its options have ``derived``, the representations to make of codes (without it there are
        none but the view itself), and ``active_sd``.
    view : View
        The codes of a model, or a representation without one.
    """
    derived = given.options.get("derived")
    if derived is None:
        yield view.identity.representation, view.values, None
        return
    represented = Represented(
        view.images,
        fit=(view.images["split"] == "train").to_numpy(),
        seed=given.seed,
        codes=view.values,
        active=view.values.std(axis=0) >= given.options["active_sd"],
        bound=given.bound,
    )
    for name, one in derived.items():
        make = given.catalogue.load("representation", one["representation"])
        chosen = make(represented, **one["options"])
        if chosen is None:
            continue
        chosen = np.asarray(chosen)
        if chosen.dtype == bool:
            yield name, view.values, chosen
        else:
            yield name, chosen, None
