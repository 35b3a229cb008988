"""The look of all figures, and how they are written.

Colours can be told apart with any colour vision: Okabe and Ito's palette for classes, with
other markers where it is used up, and the diverging map "RdBu" for signed values. Sizes are those
of a paper: `COLUMN` and `PAGE` inches wide, text of 8 points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice, product

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fovscope.runtime.provenance import replacing

COLUMN, PAGE = 3.4, 7.0
"""Width of a column and of a page in inches."""

DPI = 200
"""Pixels per inch of figures as PNG files."""

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MARKERS = ("o", "^", "s", "v", "D", "P")

_PARAMETERS = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.dpi": DPI,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched and edited
    "svg.hashsalt": "fovscope",  # names in the file are the same in every run
}


@dataclass(frozen=True)
class Drawing:
    """A picture that is to be drawn.

    Attributes
    ----------
    width, height : float
        Inches.
    draw : callable
        Draws on an empty figure of that size, in the common style.
    """

    width: float
    height: float
    draw: Callable[[Figure], None]


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure in the common style; sizes in inches.

    The style holds inside the ``with`` block, where the figure must be drawn and saved.
    """
    with mpl.rc_context(_PARAMETERS):
        yield Figure(figsize=(width, height))


def save(drawn: Figure, paths: Mapping[str, str]) -> None:
    """Write a figure to each of `paths` (``svg``, ``png``), whole or not at all.

    Nothing in the files tells when they were written: equal figures are equal files.
    """
    no_date = {"svg": {"Date": None}, "png": {"Software": None}}
    for kind, path in paths.items():
        with replacing(path) as temporary:
            drawn.savefig(temporary, format=kind, metadata=no_date[kind])


def class_styles(classes: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return colour and marker of each class; no two share both up to 48 classes."""
    styles = cycle(product(MARKERS, PALETTE))
    return {
        name: {"color": colour, "marker": marker}
        for name, (marker, colour) in zip(classes, islice(styles, len(classes)), strict=True)
    }


def show_image(axes: Axes, image: NDArray[np.uint8]) -> None:
    """Draw an image (H, W, 3) in a thin frame, for its background may be that of the page."""
    axes.imshow(image)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color="0.8", linewidth=0.4)
