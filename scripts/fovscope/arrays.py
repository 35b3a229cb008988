"""What the metrics and probes ask of their arrays, checked before any work starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fovscope import FovscopeError

_MOST_VALUES = 20
"""Fractions with no more distinct values may be levels of few rows: as many as MIG has bins."""


class ConstantFactorError(FovscopeError):
    """A factor has one value in all rows that metrics are fitted on."""


def finite_codes(codes: ArrayLike) -> NDArray[np.floating]:
    """Return codes as a matrix of finite numbers.

    Parameters
    ----------
    codes : array_like, shape (N, D)
        One row per sample, one column per latent dimension.

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
    finite = np.isfinite(codes)
    if not finite.all():
        broken = np.flatnonzero(~finite.all(axis=0))
        rows = np.flatnonzero(~finite[:, broken[0]])
        raise ValueError(
            f"code dimension {broken[0]} is not finite in {rows.size} rows (first: row {rows[0]})"
        )
    return codes


def dimension_mask(active: ArrayLike, n_dims: int) -> NDArray[np.bool_]:
    """Return which of `n_dims` code dimensions are active.

    Parameters
    ----------
    active : array_like of bool, shape (D,)
        One entry a dimension; 0 and 1 will do.
    n_dims : int
        Number of dimensions D.

    Returns
    -------
    ndarray of bool, shape (D,)
        The mask.

    Raises
    ------
    ValueError
        If it is no mask, e.g. a list of the active dimensions' numbers.
    """
    active = np.asarray(active)
    if active.shape != (n_dims,) or not np.isin(active, (0, 1)).all():
        raise ValueError(
            f"`active` is a mask, True or False for each of {n_dims} dimensions, "
            f"not {active.tolist()}"
        )
    return active.astype(bool)


def mask_text(active: ArrayLike) -> str:
    """Write a mask of dimensions as text, such as ``"1101"``: without the third of four."""
    return "".join("1" if entry else "0" for entry in np.asarray(active))


def factor_table(
    factors: ArrayLike, n_rows: int, *, continuous: bool | Sequence[bool] = False
) -> NDArray:
    """Return factors as a table that belongs to `n_rows` codes.

    Parameters
    ----------
    factors : array_like, shape (N, K)
        Values of K factors: whole numbers of any range, or names.
    n_rows : int
        Number of codes.
    continuous : bool or sequence of bool, length K
        Which factors may be continuous, because the metric regresses them.

    Returns
    -------
    ndarray, shape (N, K)
        The same values.

    Raises
    ------
    ValueError
        If rows are missing, there is no factor, or a factor is not finite, has one value only,
        or is continuous where it may not be.
    """
    factors = np.asarray(factors)
    if factors.ndim != 2 or len(factors) != n_rows:
        raise ValueError(
            f"factors of shape {factors.shape} do not belong to {n_rows} codes: "
            "give one row per code, one column per factor"
        )
    if factors.shape[1] == 0:
        raise ValueError("there are no factors: give at least one column")
    _refuse_unknown_values(factors)
    may_be = continuous_factors(continuous, factors)
    for k, column in enumerate(factors.T):
        if (column == column[0]).all():
            raise ConstantFactorError(
                f"factor {k} is constant; leave it out, nothing can encode it"
            )
        if not may_be[k] and _is_continuous(column):
            raise ValueError(
                f"factor {k} is continuous: {len(np.unique(column))} values in {len(column)} rows; "
                "cut it into levels first (fovscope.metrics.panel.discretise)"
            )
    return factors


def _is_continuous(column: NDArray) -> bool:
    """Return whether fractions have fewer than two rows a value, too few to learn a value from.

    Whole numbers and names are taken at their word.
    """
    if column.dtype.kind == "O" and all(isinstance(value, float) for value in column):
        column = column.astype(np.float64)  # beside names
    if column.dtype.kind != "f" or (column % 1 == 0).all():
        return False
    return len(np.unique(column)) > max(len(column) / 2, _MOST_VALUES)


def _refuse_unknown_values(factors: NDArray) -> None:
    for k, column in enumerate(factors.T):
        if column.dtype.kind == "f":
            unknown = ~np.isfinite(column)
        elif column.dtype.kind == "O":
            unknown = np.fromiter(map(_is_unknown, column), bool, len(column))
        else:
            unknown = column != column  # only "not a time" differs from itself
        if unknown.any():
            raise ValueError(
                f"factor {k} is not finite in {unknown.sum()} rows (first: row "
                f"{unknown.argmax()}); drop the rows where it is unknown"
            )


def _is_unknown(value: object) -> bool:
    """Return whether an entry of a table of objects is None, NaN, infinite, or pandas' NA or NaT.

    What is unknown differs from itself; NA does not even say whether it does.
    """
    same = value == value
    known = value is not None and isinstance(same, bool | np.bool_) and same
    return not known or (isinstance(value, float | np.floating) and not np.isfinite(value))


def train_and_test(
    codes_train: ArrayLike,
    factors_train: ArrayLike,
    codes_test: ArrayLike,
    factors_test: ArrayLike,
    *,
    continuous: bool | Sequence[bool] = False,
) -> tuple[NDArray[np.floating], NDArray, NDArray[np.floating], NDArray]:
    """Return codes and factors of training and test rows that fit together.

    Parameters
    ----------
    codes_train, codes_test : array_like, shape (N, D), (M, D)
        Latent codes.
    factors_train, factors_test : array_like, shape (N, K), (M, K)
        Factor values; a test column may be constant, a training column may not.
    continuous : bool or sequence of bool, length K
        As for `factor_table`.

    Returns
    -------
    tuple of ndarray
        The four, in this order.

    Raises
    ------
    ValueError
        If something is not finite, a training factor is constant, or continuous where it may
        not be, or shapes disagree.
    """
    codes_train, codes_test = finite_codes(codes_train), finite_codes(codes_test)
    if codes_train.shape[1] != codes_test.shape[1]:
        raise ValueError(
            f"codes have {codes_train.shape[1]} dimensions in training rows "
            f"and {codes_test.shape[1]} in test rows"
        )
    factors_train = factor_table(factors_train, len(codes_train), continuous=continuous)
    factors_test = np.asarray(factors_test)
    expected = (len(codes_test), factors_train.shape[1])
    if factors_test.shape != expected:
        raise ValueError(f"test factors have shape {factors_test.shape}, expected {expected}")
    _refuse_unknown_values(factors_test)
    return codes_train, factors_train, codes_test, factors_test


def continuous_factors(continuous: bool | Sequence[bool], *tables: NDArray) -> NDArray[np.bool_]:
    """Return which factors are numbers to regress, not names to classify.

    Parameters
    ----------
    continuous : bool or sequence of bool, length K
        One for all factors, or one for each.
    *tables : ndarray, shape (N, K)
        Tables of factors.

    Returns
    -------
    ndarray of bool, shape (K,)
        One for each factor.

    Raises
    ------
    ValueError
        If there are not K of them, or a continuous factor has a value that is no number.
    """
    n_factors = tables[0].shape[1]
    if np.ndim(continuous) and len(continuous) != n_factors:
        raise ValueError(f"`continuous` has {len(continuous)} entries for {n_factors} factors")
    chosen = np.broadcast_to(np.asarray(continuous, dtype=bool), n_factors)
    for k in np.flatnonzero(chosen):
        for table in tables:
            try:
                table[:, k].astype(np.float64)
            except ValueError as error:
                raise ValueError(f"factor {k} is not continuous: {error}") from None
    return chosen


def as_labels(known: ArrayLike, wanted: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number the values of a factor, which may be names or fractions, as classifiers want.

    Parameters
    ----------
    known, wanted : array_like, shape (N,), (M,)
        Values of one factor in training and test rows.

    Returns
    -------
    tuple of ndarray of int
        The same with equal numbers for equal values; not all need occur in both.
    """
    _, label = np.unique(np.concatenate([known, wanted]), return_inverse=True)
    return label[: len(known)], label[len(known) :]
