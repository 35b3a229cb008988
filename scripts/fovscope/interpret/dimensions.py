"""What latent dimensions are called: after the factors that training bound them to, or z0, z1."""

from __future__ import annotations

from fovscope.data.design import FACTORS

NAMED = tuple(name for name in FACTORS if not name.startswith("Pos"))
"""Names that mean something on a target; its objects are centred, so that positions do not."""


def dimension_names(count: int, *, bound: bool) -> list[str]:
    """Return the names of the first `count` dimensions.

    Parameters
    ----------
    count : int
        Number of latent dimensions.
    bound : bool
        Whether the source training bound dimension i to factor i (supervision ``labels``).
    """
    names = FACTORS if bound else ()
    return [names[k] if k < len(names) else f"z{k}" for k in range(count)]
