"""What the metrics and probes ask of their arrays, checked before any work starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def finite_codes(codes: ArrayLike) -> NDArray[np.floating]:
    """Return codes as a matrix of finite numbers.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        One row a sample, one column a latent dimension.

    Returns
    -------
    ndarray, shape (N, D)
        The same values in floating point; float32 stays float32.

    Raises
    ------
    ValueError
        If the codes are not a matrix with rows, or a dimension is not finite.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or len(codes) == 0:
        raise ValueError(f"codes must be a matrix (rows, dimensions), not of shape {codes.shape}")
    if codes.dtype.kind != "f":
        codes = codes.astype(np.float64)
    broken = np.flatnonzero(~np.isfinite(codes).all(axis=0))
    if broken.size:
        rows = np.flatnonzero(~np.isfinite(codes[:, broken[0]]))
        raise ValueError(
            f"code dimension {broken[0]} is not finite in {rows.size} rows (first: row {rows[0]})"
        )
    return codes


def factor_table(factors: ArrayLike, n_rows: int) -> NDArray:
    """Return factors as a table that belongs to `n_rows` codes.

    Parameters
    ----------
    factors : array_like, shape (N, K)
        Discrete values of K factors: whole numbers of any range, or names.
    n_rows : int
        Number of codes.

    Returns
    -------
    ndarray, shape (N, K)
        The same values.

    Raises
    ------
    ValueError
        If rows are missing, or a factor is not finite or has one value only.
    """
    factors = np.asarray(factors)
    if factors.ndim != 2 or len(factors) != n_rows:
        raise ValueError(
            f"factors of shape {factors.shape} do not belong to {n_rows} codes: "
            "give one row a code, one column a factor"
        )
    for k, column in enumerate(factors.T):
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            raise ValueError(f"factor {k} is not finite; drop the rows where it is unknown")
        if (column == column[0]).all():
            raise ValueError(f"factor {k} is constant; leave it out, nothing can encode it")
    return factors
