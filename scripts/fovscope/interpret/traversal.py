"""Traversals: what changes when one latent dimension is swept and the others stay.

A decoded feature vector cannot be turned into pixels, so a sweep is shown as the real images
nearest to it (method, section 8); a model of pixels shows what it decodes. Nearest is meant after
both went through the decoder: what the model leaves out of an image would otherwise decide, and
the image with the least of it would be the neighbour of everything. Where factors are known, the
same sweep is measured: from many images, each dimension is set to a low and to a high value, and
it is asked how far each factor of the nearest images moves in between, compared with two images
drawn at random.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from fovscope.factors import Factor
from fovscope.images.channels import rgb_view

ENDS = (5.0, 95.0)
"""Percentiles of a dimension's values between which it is swept."""


MOST_STRIPS = 20
"""Dimensions of which a strip is shown: where there are more, those that vary most."""

_STARTS, _DECODED = 100, 2_000
"""Images from which it is measured how far factors move, and how many are decoded for it."""


def swept_dimensions(codes: NDArray) -> NDArray[np.intp]:
    """Return which dimensions of codes (N, d) are shown, in their order."""
    return np.sort(np.argsort(-codes.std(axis=0), kind="stable")[:MOST_STRIPS])


def movement_starts(codes: NDArray, rng: np.random.Generator) -> NDArray:
    """Draw the codes (A, d) from which movement is measured: fewer of many dimensions."""
    many = max(1, min(_STARTS, len(codes), _DECODED // (2 * codes.shape[1])))
    return codes[rng.choice(len(codes), many, replace=False)]


def typical_row(codes: NDArray) -> int:
    """Return the row of codes (N, d) that is nearest to their mean, in units of their SD."""
    spread = np.maximum(codes.std(axis=0), np.finfo(np.float32).tiny)
    return int(np.square((codes - codes.mean(axis=0)) / spread).sum(axis=1).argmin())


def sweep(codes: NDArray, starts: NDArray, *, steps: int) -> NDArray[np.float32]:
    """Sweep each dimension between the percentiles `ENDS` of all codes.

    Parameters
    ----------
    codes : ndarray, shape (N, d)
        Codes of a data set, which give the range of each dimension.
    starts : ndarray, shape (A, d)
        Codes to start from.
    steps : int
        Values per sweep, evenly spaced, both ends included.

    Returns
    -------
    ndarray of float32, shape (A, d, steps, d)
        Entry [a, k, s] is start a with dimension k at its value s.
    """
    low, high = np.percentile(codes, ENDS, axis=0)
    d = starts.shape[1]
    swept = np.tile(starts[:, None, None, :], (1, d, steps, 1)).astype(np.float32)
    for k in range(d):
        swept[:, k, :, k] = np.linspace(low[k], high[k], steps)
    return swept


def nearest_rows(queries: NDArray, known: NDArray) -> tuple[NDArray[np.intp], NDArray]:
    """Return row and Euclidean distance of the nearest of `known` (N, D) to queries (..., D)."""
    # Here, because scikit-learn takes a second or two to import and every picture does without.
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
    distance, row = search.kneighbors(queries.reshape(-1, queries.shape[-1]))
    return row.reshape(queries.shape[:-1]), distance.reshape(queries.shape[:-1])


def factor_movement(
    low: NDArray,
    high: NDArray,
    values: NDArray,
    *,
    nominal: bool = False,
    period: float | None = None,
) -> NDArray[np.float64]:
    """Measure how far one factor moves when each dimension is swept.

    Parameters
    ----------
    low, high : ndarray of int, shape (A, d)
        Rows of the images at both ends of the sweep of each dimension, from A images.
    values : ndarray, shape (N,)
        The factor's value of each image.
    nominal : bool
        Whether values are names only: then they differ or not.
    period : float, optional
        Of a direction: the value after which it repeats. Two of them differ by the shorter way
        around the circle.

    Returns
    -------
    ndarray, shape (d,)
        Mean absolute difference between the ends over that between two images drawn at
        random: 0 where the factor stays, 1 where it is anybody's guess, above 1 where the
        ends are systematically apart.

    Raises
    ------
    ValueError
        If the factor is constant.
    """
    values = np.asarray(values)
    if period is not None:
        values = values % period
    _, level = np.unique(values, return_inverse=True)
    share = np.bincount(level) / len(level)
    if len(share) == 1:
        raise ValueError("a constant factor cannot move; leave it out")
    if nominal:
        return (level[low] != level[high]).mean(axis=0) / (1 - np.square(share).sum())
    values = values.astype(float)
    moved = np.abs(values[low] - values[high])
    if period is None:
        return moved.mean(axis=0) / _mean_absolute_difference(values)
    moved = np.minimum(moved, period - moved)
    return moved.mean(axis=0) / _mean_circular_distance(values, period)


def factor_movements(
    table: pd.DataFrame, factors: Sequence[Factor], ends: NDArray[np.intp]
) -> dict[str, float]:
    """Measure how far each factor moves when each dimension is swept; see `factor_movement`.

    Parameters
    ----------
    table : pandas.DataFrame
        An image table with a column per factor.
    factors : sequence of Factor
        What its columns mean.
    ends : ndarray of int, shape (A, d, 2)
        Rows of the table at both ends of the sweep of each dimension, from A images.

    Returns
    -------
    dict of str to float
        Scores ``moves[z<k>,<factor>]``. A factor that is constant in the table has none.
    """
    moved = {
        factor.name: factor_movement(
            *(ends[..., 0], ends[..., 1], table[factor.column].to_numpy()),
            nominal=factor.nominal,
            period=factor.period,
        )
        for factor in factors
        if table[factor.column].nunique() > 1
    }
    return {
        f"moves[z{k},{name}]": float(value)
        for name, of_factor in moved.items()
        for k, value in enumerate(of_factor)
    }


def _mean_absolute_difference(values: NDArray[np.float64]) -> float:
    """Return the mean of |x − y| over all pairs of rows, each with itself included (Gini)."""
    n = len(values)
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float(2 * (weights * np.sort(values)).sum() / n**2)


def _mean_circular_distance(values: NDArray[np.float64], period: float) -> float:
    """Return the mean way around the circle over all pairs of rows, each with itself included.

    Two values (from 0 to the period) lie apart by the length of the starts in the first half
    circle from which a half circle holds one of them and not the other. Counted so, each start
    has m (n − m) such pairs, where m of n values lie in its half circle: no matrix of pairs.
    """
    n, half, ordered = len(values), period / 2, np.sort(values)
    edges = np.unique([0, half, *(values % half)])
    start = (edges[1:] + edges[:-1]) / 2
    held = np.searchsorted(ordered, start + half) - np.searchsorted(ordered, start)
    return float(2 * (held * (n - held) * np.diff(edges)).sum() / n**2)


def traversal_table(
    swept: NDArray, rows: NDArray, distance: NDArray, images: pd.DataFrame, dimensions: NDArray
) -> pd.DataFrame:
    """Return the sweeps (K, steps, d) of some dimensions (K,) from one image as a table.

    Returns
    -------
    pandas.DataFrame
        ``dimension, step, value, image_id`` of the nearest image, ``distance`` to it in
        decoded, scaled units.
    """
    place, step = np.indices(rows.shape).reshape(2, -1)
    dimension = np.asarray(dimensions)[place]
    return pd.DataFrame(
        {
            "dimension": dimension,
            "step": step,
            "value": swept[place, step, dimension],
            "image_id": images["image_id"].to_numpy()[rows.ravel()],
            "distance": distance.ravel(),
        }
    )


def as_png(images: NDArray[np.uint8]) -> list[bytes]:
    """Return images (..., H, W, C) as PNG files, in their order: their pictures (`rgb_view`)."""
    files = []
    for image in images.reshape(-1, *images.shape[-3:]):
        file = io.BytesIO()
        Image.fromarray(rgb_view(image)).save(file, "PNG")
        files.append(file.getvalue())
    return files


def movement_matrix(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores ``moves[z<k>,<factor>]`` as a matrix (d, factors), with names."""
    parts = scores["score"].str.extract(r"^moves\[z(?P<dimension>\d+),(?P<factor>.+)\]$")
    moves = scores.assign(dimension=parts["dimension"].astype(int), factor=parts["factor"])
    matrix = moves.pivot(index="dimension", columns="factor", values="value")
    return matrix[list(dict.fromkeys(parts["factor"]))]  # pandas' pivot sorts them
