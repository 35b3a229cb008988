"""What latent dimensions are called in tables and figures."""

from __future__ import annotations

from collections.abc import Sequence


def dimension_names(latent_dim: int, bound: Sequence[str] = ()) -> list[str]:
    """Return a name for each latent dimension.

    Parameters
    ----------
    latent_dim : int
        Number of dimensions d.
    bound : sequence of str
        Factors that source training bound dimensions to, dimension i to factor i (supervision
        ``labels``).

    Returns
    -------
    list of str
        ``z0 Texture`` where a dimension is bound, else ``z0``.
    """
    return [f"z{k} {bound[k]}" if k < len(bound) else f"z{k}" for k in range(latent_dim)]
