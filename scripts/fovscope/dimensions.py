"""What latent dimensions are called in tables and figures."""

from __future__ import annotations

from fovscope.datasets.design import FACTORS


def dimension_names(latent_dim: int, *, named: bool) -> list[str]:
    """Return a name for each latent dimension.

    Parameters
    ----------
    latent_dim : int
        Number of dimensions d.
    named : bool
        Whether source training bound dimension i to factor i (supervision ``labels``).

    Returns
    -------
    list of str
        ``z0 Texture`` where a dimension is bound, else ``z0``.
    """
    bound = FACTORS if named else ()
    return [f"z{k} {bound[k]}" if k < len(bound) else f"z{k}" for k in range(latent_dim)]
