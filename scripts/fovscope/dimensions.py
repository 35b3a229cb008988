"""What latent dimensions are called in tables and figures.

A dimension that training bound to a factor has its name. A direction that was told as an angle
owns two dimensions, its cosine and its sine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from fovscope.factors import Bound

PARTS = ("cos", "sin")
"""What of a direction its two dimensions hold, in their order."""

BOTH = "both"
"""In the place of a part: the two dimensions of a direction together."""

_PART = re.compile(rf" \((?:{'|'.join(PARTS)})\)$")
_NUMBER = re.compile(r"^z\d+ ?")


class Owner(NamedTuple):
    """What a latent dimension is bound to.

    Attributes
    ----------
    factor : str
        Name of the factor; empty where the dimension is free.
    part : str
        One of `PARTS` where the factor owns two dimensions; else empty.
    """

    factor: str = ""
    part: str = ""

    @property
    def name(self) -> str:
        """The factor, and where it owns two dimensions which of them: ``Hue (cos)``."""
        return f"{self.factor} ({self.part})" if self.part else self.factor


def owners(latent_dim: int, bound: Iterable[Bound] = ()) -> list[Owner]:
    """Return what each of d latent dimensions is bound to.

    Parameters
    ----------
    latent_dim : int
        Number of dimensions d.
    bound : iterable of Bound
        Factors with the dimensions that they own.
    """
    owned = {}
    for one in bound:
        parts = PARTS if len(one.dimensions) == len(PARTS) else ("",)
        for dimension, part in zip(one.dimensions, parts, strict=True):
            owned[dimension] = Owner(one.factor.name, part)
    return [owned.get(k, Owner()) for k in range(latent_dim)]


def dimension_names(latent_dim: int, bound: Iterable[Bound] = ()) -> list[str]:
    """Return a name for each latent dimension.

    Parameters
    ----------
    latent_dim : int
        Number of dimensions d.
    bound : iterable of Bound
        Factors with the dimensions that training bound to them.

    Returns
    -------
    list of str
        ``z0 Texture`` where a dimension is bound, ``z4 Hue (cos)`` and ``z5 Hue (sin)`` where a
        factor owns two, else ``z0``.
    """
    owned = owners(latent_dim, bound)
    return [f"z{k} {owner.name}" if owner.factor else f"z{k}" for k, owner in enumerate(owned)]


def factor_of(name: str) -> str:
    """Return the factor in a name of `dimension_names`; empty where the dimension is free."""
    return without_part(_NUMBER.sub("", name))


def without_part(name: str) -> str:
    """Return a name without saying which of two dimensions it is."""
    return _PART.sub("", name)
