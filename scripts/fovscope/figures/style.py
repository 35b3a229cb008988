"""The look of all figures, and how they are written.

Colours can be told apart with any colour vision: Okabe and Ito's palette for classes, with
other markers where it is used up, and the diverging map "RdBu" for signed values. Sizes are those
of a paper: `COLUMN` and `PAGE` inches wide, text of 8 points.

Text is shown as it is written: a dollar sign is no mathematics, for classes and factors are called
what their owners call them (a figure that wants formulas says so of a text: ``parse_math=True``).
Names go through `shown_name`, and a legend is given its entries with their names, for matplotlib
leaves out those that begin with an underscore. Characters that the font lacks are taken from
another that is installed; `save` says so where there is none.
"""

from __future__ import annotations

import logging
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import ImageFont

from fovscope.runtime.provenance import replacing
from fovscope.texts import legible

logger = logging.getLogger(__name__)

COLUMN, PAGE = 3.4, 7.0
"""Width of a column and of a page in inches."""

DPI = 200
"""Pixels per inch of figures as PNG files."""

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MARKERS = ("o", "^", "s", "v", "D", "P")

_LINE, _LONGEST = 32, 96
"""Characters of a name on one line, and in all."""

_GAP = 0.06
"""Share of the width of an image in a row that is left free."""

_LAST_RESORT = "LastResort"
"""A font with a box for every character; matplotlib brings it along."""

_PARAMETERS = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.dpi": DPI,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "text.parse_math": False,
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

    def write(self, paths: Mapping[str, str]) -> None:
        """Draw the picture, and write it to each of `paths` (``svg``, ``png``)."""
        with figure(self.width, self.height) as canvas:
            self.draw(canvas)
            save(canvas, paths)


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure in the common style; sizes in inches.

    The style holds inside the ``with`` block, where the figure must be drawn and saved.
    """
    with mpl.rc_context(_PARAMETERS):
        yield Figure(figsize=(width, height))


def save(drawn: Figure, paths: Mapping[str, str]) -> None:
    """Write a figure to each of `paths` (``svg``, ``png``), whole or not at all.

    Nothing in the files tells when they were written: equal figures are equal files. If no
    installed font has a character, it is a box in the PNG file, of which the log warns.
    """
    missing = _write(drawn, paths)
    families = _families_with(missing) if missing else []
    if families:
        for text in drawn.findobj(Text):
            text.set_fontfamily([*text.get_fontfamily(), *families])
        missing = _write(drawn, paths)
    if missing:
        logger.warning(
            "no installed font has the characters %s: boxes stand for them in %s (text of SVG "
            "files is whole, and right where its reader has a font); install one, such as Noto "
            "Sans of their script, and draw again",
            *("".join(sorted(missing)), ", ".join(paths.values())),
        )


def _write(drawn: Figure, paths: Mapping[str, str]) -> set[str]:
    """Write the files, and return the characters of which no font of their text has a shape."""
    no_date = {"svg": {"Date": None}, "png": {"Software": None}}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _lay_out(drawn)
        for kind, path in paths.items():
            with replacing(path) as temporary:
                drawn.savefig(temporary, format=kind, metadata=no_date[kind])
    missing = set()
    for one in said:
        glyph = re.match(r"Glyph (\d+) .*missing from font", str(one.message))
        if glyph:
            missing.add(chr(int(glyph[1])))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return missing


def _lay_out(drawn: Figure) -> None:
    """Place all that a figure has, once for all of its files: `savefig` would do so for each."""
    drawn.set_layout_engine("constrained")
    drawn.draw_without_rendering()
    drawn.get_layout_engine().execute(drawn)  # a second time, now that texts know their size
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        drawn.set_layout_engine(None)


def _families_with(characters: set[str]) -> list[str]:
    """Return installed fonts that have these characters, or as many of them as there are."""
    wanted = {ord(character) for character in characters}
    has = {
        font.name: wanted & FT2Font(font.fname).get_charmap().keys()
        for font in fontManager.ttflist
        if font.style == "normal" and _LAST_RESORT not in font.fname
    }
    families = []
    while has:
        best = max(sorted(has), key=lambda name: len(has[name]))
        found = has.pop(best)
        if not found:
            break
        families.append(best)
        has = {name: others - found for name, others in has.items()}
    return families


def picture_font(texts: Iterable[str], size: int) -> ImageFont.FreeTypeFont:
    """Return a font for texts that Pillow draws: that of the figures, or one that has more of them.

    If some characters have no shape in it, they are boxes, of which the log warns.

    Parameters
    ----------
    texts : iterable of str
    size : int
        In pixels.
    """
    wanted = {ord(character) for text in texts for character in text}
    usual = str(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans.ttf"))
    best, missing = usual, wanted - FT2Font(usual).get_charmap().keys()
    for font in fontManager.ttflist if missing else ():
        face = FT2Font(font.fname)
        left = wanted - face.get_charmap().keys()
        usable = font.style == "normal" and face.scalable and _LAST_RESORT not in font.fname
        if usable and len(left) < len(missing):
            best, missing = font.fname, left
    if missing:
        logger.warning(
            "no installed font has all characters of the names in this picture: boxes stand for "
            "%s; install one, such as Noto Sans of their script, and draw again",
            "".join(sorted(map(chr, missing))),
        )
    return ImageFont.truetype(best, size)


def shown_name(name: object) -> str:
    """Return a name as figures show it: a long one on several lines, of a very long one the ends.

    Parameters
    ----------
    name : object
        Of a class, say.
    """
    text = legible(name)
    if len(text) <= _LINE:
        return text
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[: half - 1]} … {text[2 - half :]}"
    return "\n".join(textwrap.wrap(text, _LINE, break_on_hyphens=False))


def class_styles(classes: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return colour and marker of each class; no two share both up to 48 classes."""
    styles = cycle(product(MARKERS, PALETTE))
    return {
        name: {"color": colour, "marker": marker}
        for name, (marker, colour) in zip(classes, islice(styles, len(classes)), strict=True)
    }


def show_images(axes: Axes, images: Sequence[NDArray[np.uint8]], room: int = 1) -> None:
    """Draw images of one size (H, W, 3) in a row, each in a thin frame.

    A frame, for the background of an image may be that of the page; one pair of axes for the row,
    for drawing takes as long as there are axes.

    Parameters
    ----------
    axes : Axes
        Where to draw; image k is in the middle of x = k.
    images : sequence of ndarray, shape (H, W, 3)
        From the left.
    room : int
        Images that the row has room for.
    """
    height, width = images[0].shape[:2]
    half = 0.5 * (1 - _GAP), 0.5 * (1 - _GAP) * height / width
    frames = []
    for place, image in enumerate(images):
        left = place - half[0]
        axes.imshow(image, extent=(left, place + half[0], -half[1], half[1]))
        frames.append(Rectangle((left, -half[1]), 2 * half[0], 2 * half[1]))
    frame = {"facecolor": "none", "edgecolor": "0.8", "linewidth": 0.4}
    axes.add_collection(PatchCollection(frames, **frame, zorder=3))
    room = max(room, len(images))
    axes.set(xticks=[], yticks=[], xlim=(-0.5, room - 0.5), ylim=(-half[1], half[1]))
    axes.spines[:].set_visible(False)
