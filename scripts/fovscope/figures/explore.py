"""The explorer: one page that opens from disk, on which every image is a point and a picture.

For each target and model that the figures show, the page holds the images as thumbnails, their
codes, a map of them in two dimensions, and how odd each one is. What a person asks for in the page
is computed there, by `explore.js`: which images are nearest to a point of the latent space, which
of those on show are the oddest. The look is in `explore.html.j2`. Nothing is fetched.

* Distances are Euclidean in the active dimensions, each divided by its SD over the images.
* Oddness is the distance to the 10th nearest other image (Sun et al. 2022, arXiv 2204.06507).
* The map is a t-SNE of the same (van der Maaten & Hinton 2008, JMLR 9:2579), by scikit-learn, which
  is there already: UMAP would bring a compiler along.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from fovscope.arrays import finite_codes
from fovscope.figures.given import Given
from fovscope.figures.latents import UNKNOWN, class_labels, most_separating
from fovscope.figures.style import MARKERS, class_styles
from fovscope.images.source import ImageSource
from fovscope.interpret.known import NEIGHBOUR
from fovscope.registry import page
from fovscope.runtime.provenance import replacing
from fovscope.texts import legible
from fovscope.verdict import judged_names

MOST = 20_000
"""Images on a page, those of all targets together: some 15 MB."""

SIDES = 40, 96
"""Smallest and largest side of a thumbnail in pixels."""

COLUMNS, PER_SHEET = 32, 1024
"""Thumbnails in a row of a sheet, and on a sheet: so many images are in memory at a time."""

_PIXELS = MOST * SIDES[0] ** 2
_QUALITY = 75
_PERPLEXITY = 30.0

TEMPLATE = Path(__file__).with_name("explore.html.j2")
SCRIPT = Path(__file__).with_name("explore.js")


@dataclass(frozen=True)
class Page:
    """A page as text."""

    html: str

    def write(self, paths: Mapping[str, str]) -> None:
        """Write the page to the file ``html`` of `paths`, whole or not at all."""
        with replacing(paths["html"]) as temporary:
            temporary.write_text(self.html, encoding="utf-8")


@page("explore", needs=("representation", "model"), tables=("names",))
def explore(models: Sequence[Given]) -> Page:
    """Every image of every target, to be looked at by what a model says of it.

    Parameters
    ----------
    models : sequence of Given
        For each model of a target image table and images, representation, what its dimensions are
        bound to; in `place` also its ``stage`` and the ``family`` of its recipe. Where names were
        judged, the long table ``names``. Option ``active_sd``: a dimension with a smaller SD
        counts for no distance.
    """
    counts = {one.place["dataset"]: len(one.image_table) for one in models}
    shares = fair_shares(counts, MOST)
    side = thumbnail_side(sum(shares.values()))
    rows = {name: drawn_rows(counts[name], share, seed=0) for name, share in shares.items()}
    images = {one.place["dataset"]: one.open_images for one in models}
    return Page(
        render(
            {
                "sets": [image_set(one, rows[one.place["dataset"]]) for one in models],
                "pictures": {
                    name: {
                        "side": side,
                        "columns": COLUMNS,
                        "per_sheet": PER_SHEET,
                        "sheets": [_text(s) for s in sprite_sheets(opened(side), rows[name], side)],
                    }
                    for name, opened in images.items()
                },
            }
        )
    )


def render(data: Mapping[str, Any]) -> str:
    """Return the page of some data as HTML.

    Parameters
    ----------
    data : mapping
        ``sets`` (as of `image_set`) and ``pictures``: by data set ``side``, ``columns``,
        ``per_sheet`` and ``sheets``, WebP files as Base64.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(data=data, script=SCRIPT.read_text(encoding="utf-8"))


def image_set(given: Given, rows: NDArray[np.intp]) -> dict[str, Any]:
    """Return what the page says of the images of a target by one model, as plain values.

    Parameters
    ----------
    given : Given
        As for `explore`.
    rows : ndarray of int, shape (N,)
        Rows of the image table that are shown.

    Returns
    -------
    dict
        Of the N images ``ids``, ``class`` and ``split`` (numbers in ``classes`` and ``splits``;
        no classes where none is known) and, as Base64 of 32-bit floats, ``codes`` (dimension by
        dimension), ``map`` (likewise; empty without one) and ``oddness``; of the dimensions
        ``dimensions`` (names) and ``weights``; what is shown (``dataset``, ``model``, ``of``
        images) and the axes to ``start`` with.
    """
    place, table = given.place, given.image_table.iloc[rows].reset_index(drop=True)
    codes = finite_codes(given.values[rows]).astype(np.float32)
    weights = distance_weights(codes, given.options["active_sd"])
    labels = class_labels(table)
    classes, of_class = np.unique(labels, return_inverse=True)
    splits = list(dict.fromkeys(table["split"]))
    mapped = image_map(codes, weights, seed=0)
    return {
        "dataset": place["dataset"],
        "model": _model(place),
        "of": len(given.image_table),
        "ids": [legible(name) for name in table["image_id"]],
        "classes": [] if list(classes) == [UNKNOWN] else [legible(name) for name in classes],
        "class": of_class.tolist(),
        "styles": _styles(classes),
        "splits": splits,
        "split": [splits.index(split) for split in table["split"]],
        "dimensions": shown_names(given),
        "weights": weights.tolist(),
        "codes": _text(codes.T),
        "map": "" if mapped is None else _text(mapped.T),
        "oddness": _text(oddness(codes, weights)),
        "start": (most_separating(codes, labels, 2) * 2)[:2],
    }


def shown_names(given: Given) -> list[str]:
    """Return what each dimension is called here: its factor, as far as the verdict allows."""
    verdicts: dict[str, str] = {}
    if "names" in given.tables:
        lines = given.lines("names")
        mine = (lines["recipe"] == given.place["family"]) & (lines["stage"] == given.place["stage"])
        verdicts = dict(zip(lines["factor"][mine], lines["verdict"][mine], strict=True))
    return judged_names(given.values.shape[1], given.bound, verdicts)


def fair_shares(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Return how many images of each data set are shown, so that there are `most` at most.

    Small data sets are shown whole; the others share what is left.
    """
    shares: dict[str, int] = {}
    left = most
    for place, name in enumerate(sorted(counts, key=counts.__getitem__)):
        shares[name] = min(counts[name], left // (len(counts) - place))
        left -= shares[name]
    return {name: shares[name] for name in counts}


def drawn_rows(count: int, share: int, seed: int) -> NDArray[np.intp]:
    """Draw `share` of `count` rows at random, and return them in their order."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:share])


def thumbnail_side(images: int) -> int:
    """Return the side of thumbnails in pixels: few images are shown larger than many."""
    smallest, largest = SIDES
    side = 8 * int(math.sqrt(_PIXELS / max(images, 1)) / 8)
    return min(max(side, smallest), largest)


def sprite_sheets(images: ImageSource, rows: ArrayLike, side: int) -> list[bytes]:
    """Return images as thumbnails on sheets, WebP files, row by row from the left.

    Parameters
    ----------
    images : ImageSource
        Images of (side, side, 3).
    rows : array_like of int
        Which ones, in their order on the sheets.
    side : int
        Pixels.
    """
    sheets = []
    for first in range(0, len(rows), PER_SHEET):
        shown = rows[first : first + PER_SHEET]
        lines = math.ceil(len(shown) / COLUMNS)
        sheet = Image.new("RGB", (COLUMNS * side, lines * side))
        for place, row in enumerate(shown):
            line, column = divmod(place, COLUMNS)
            sheet.paste(Image.fromarray(images[int(row)]), (column * side, line * side))
        file = io.BytesIO()
        sheet.save(file, "WEBP", quality=_QUALITY)
        sheets.append(file.getvalue())
    return sheets


def distance_weights(codes: NDArray[np.floating], active_sd: float) -> NDArray[np.float64]:
    """Return what each dimension (of d) counts in a distance: 1/SD, nothing if it is inactive.

    If none is active, those that vary count.
    """
    sd = codes.std(axis=0, dtype=np.float64)
    active = sd >= active_sd
    if not active.any():
        active = sd > 0
    return np.divide(1, sd, out=np.zeros_like(sd), where=active & (sd > 0))


def oddness(codes: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the distance of each image to its 10th nearest other, or its last one, (N,)."""
    neighbours = min(NEIGHBOUR, len(codes) - 1)
    if neighbours < 1:
        return np.zeros(len(codes), np.float32)
    # By brute force: a tree is no help in ten dimensions, and takes five times as long.
    search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(codes * weights)
    return search.kneighbors()[0][:, -1].astype(np.float32)


def image_map(
    codes: NDArray[np.floating], weights: NDArray[np.floating], seed: int
) -> NDArray[np.float32] | None:
    """Return a t-SNE of codes (N, d), (N, 2); None where two dimensions or fewer are active.

    On one core, because the sums of several depend on which one is done first.
    """
    active = weights > 0
    if active.sum() <= 2 or len(codes) <= 3:
        return None
    perplexity = min(_PERPLEXITY, (len(codes) - 1) / 3)
    with threadpool_limits(1):
        return TSNE(perplexity=perplexity, random_state=seed).fit_transform(
            (codes * weights)[:, active].astype(np.float32)
        )


def _model(place: Mapping[str, str]) -> str:
    parts = place["backbone"], place["recipe"].partition("@")[0], f"seed {place['seed']}"
    return ", ".join((*parts, place["stage"]))


def _styles(classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return colour and number of the marker of each class, the same as in figures."""
    return [
        {"color": style["color"], "marker": MARKERS.index(style["marker"])}
        for style in class_styles(classes).values()
    ]


def _text(content: bytes | NDArray) -> str:
    """Return bytes, or numbers as 32-bit floats, as Base64."""
    if isinstance(content, np.ndarray):
        content = np.ascontiguousarray(content, "<f4").tobytes()
    return base64.b64encode(content).decode("ascii")
