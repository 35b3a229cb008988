"""How well a model draws: how near to the images, how sharp, and how like them as a whole.

Squared error and SSIM (Wang et al. 2004) compare each image with its reconstruction; both are kind
to blur. Sharpness and the Fréchet distance (Heusel et al., NeurIPS 2017, arXiv 1706.08500, there
of another network's features) compare all of them, and blur is what they see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import laplace

SCORES = {"mse": "MSE", "ssim": "SSIM", "sharpness": "sharpness", "frechet": "Fréchet distance"}
"""Scores by name, with their titles in the order of tables."""

MOST = 1_000
"""Test images that are reconstructed."""

SHOWN = 8
"""Images, samples and steps of an interpolation that are shown."""


def reconstruction_scores(images: NDArray, drawn: NDArray) -> dict[str, float]:
    """Compare images with their reconstructions.

    Parameters
    ----------
    images, drawn : ndarray, shape (N, H, W, C)
        In [0, 1]; sides of at least 7 pixels.

    Returns
    -------
    dict of str to float
        ``mse``; ``ssim``, mean over images; ``sharpness``, the mean squared Laplacian of the
        reconstructions over that of the images: 1 as sharp, 0 flat. Noise counts as sharp.
    """
    # Here, because it takes long to import and few jobs need it.
    from skimage.metrics import structural_similarity

    similar = [
        structural_similarity(image, made, channel_axis=2, data_range=1.0)
        for image, made in zip(images, drawn, strict=True)
    ]
    return {
        "mse": float(np.square(images - drawn).mean()),
        "ssim": float(np.mean(similar)),
        "sharpness": _edge_energy(drawn) / _edge_energy(images),
    }


def frechet_distance(first: NDArray, second: NDArray) -> float:
    """Return the Fréchet distance of two sets of features, taken for Gaussian.

    ‖μ₁ − μ₂‖² + tr C₁ + tr C₂ − 2 tr (C₁ C₂)^½. With centred rows A and B, C₁ = AᵀA/n and
    C₂ = BᵀB/m, the eigenvalues of C₁ C₂ are the squared singular values of ABᵀ/√(nm): no root of a
    matrix is taken, and there may be more features than rows. It depends on the number of rows;
    compare distances of as many.

    Parameters
    ----------
    first, second : ndarray, shapes (n, D) and (m, D)
        Features.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    apart = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    a, b = (rows - rows.mean(axis=0) for rows in (first, second))
    spread = np.square(a).sum() / len(a) + np.square(b).sum() / len(b)
    common = np.linalg.svd(a @ b.T, compute_uv=False).sum() / np.sqrt(len(a) * len(b))
    return float(apart + spread - 2 * common)


def shown_codes(
    codes: NDArray, images: pd.DataFrame, *, classes: str = "label", seed: int
) -> tuple[NDArray[np.intp], dict[str, NDArray[np.float32]]]:
    """Return the images to reconstruct, and which codes are shown as pictures.

    Parameters
    ----------
    codes : ndarray, shape (N, d)
        Codes of all images.
    images : pandas.DataFrame
        Image table, whose test split is reconstructed, up to `MOST` images.
    classes : str
        Its column of classes, or of what stands for them, such as mechanisms of action; without
        that column ``label`` is taken.
    seed : int
        Of the draw.

    Returns
    -------
    rows : ndarray of int
        Of test images, in an order that is drawn.
    lines : dict of str to ndarray, shape (up to `SHOWN`, d)
        Codes of the first of these; codes on the way between the mean codes of the first two
        classes, or between two test images where there are no classes; draws of the prior.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(images["split"] == "test"))[:MOST]
    ends = {"": codes[rows[0]], " ": codes[rows[-1]]}
    classes = classes if classes in images else "label"
    if classes in images and images[classes].nunique() > 1:
        labels = images[classes].to_numpy()
        chosen = sorted(images[classes].dropna().unique())[:2]
        ends = {name: codes[labels == name].mean(axis=0) for name in chosen}
    (first, start), (last, end) = ends.items()
    between = f"{first} to {last}" if first else "between two images"
    return rows, {
        "reconstruction": codes[rows[:SHOWN]],
        between: interpolation(start, end, SHOWN),
        "samples": rng.standard_normal((SHOWN, codes.shape[1])).astype(np.float32),
    }


def decoded_table(pictures: Mapping[str, Sequence[bytes]], recipe: str) -> pd.DataFrame:
    """Return pictures by kind as a table ``recipe, kind, place, picture``."""
    return pd.DataFrame(
        [
            {"recipe": recipe, "kind": kind, "place": place, "picture": file}
            for kind, files in pictures.items()
            for place, file in enumerate(files)
        ]
    )


def interpolation(first: NDArray, last: NDArray, steps: int) -> NDArray[np.float32]:
    """Return codes (steps, d) on the straight line between two codes (d,), both included."""
    return np.linspace(first, last, steps).astype(np.float32)


def _edge_energy(images: NDArray) -> float:
    """Return the mean squared Laplacian over all images and channels."""
    edges = laplace(images, axes=(1, 2), mode="nearest")
    return float(np.square(edges).mean())
