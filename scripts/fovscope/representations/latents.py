"""The codes of a model: all dimensions that vary, or those that are named after a factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fovscope.registry import representation
from fovscope.representations.base import Given


@representation("latents", needs="latents", label="latents")
def latents(given: Given) -> NDArray[np.bool_]:
    """Take the active dimensions of a model's posterior means, or all where none is."""
    return given.active if given.active.any() else np.ones_like(given.active)


@representation("named", needs="latents", label="named latents")
def named(given: Given) -> NDArray[np.bool_] | None:
    """Take the dimensions that training bound to factors which mean something on real images."""
    named = [k for one in given.bound if not one.factor.nuisance for k in one.dimensions]
    return np.isin(np.arange(len(given.active)), named) if named else None
