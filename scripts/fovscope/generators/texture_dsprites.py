"""Images of Texture-dSprites: sprite × colour, enlarged, × texture.

Definition: method, section 1 (Dapueto et al., IJCNN 2025). The grid and its samples are in
`design`, the shapes in `sprites`, the grey patches in `textures`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from fovscope.datasets.design import FACTORS
from fovscope.generators import sprites
from fovscope.generators.textures import SIDE, load_textures
from fovscope.study.config import Source

PALETTE = np.array(
    [
        (1, 1, 1),
        (0.9096, 0.5884, 0.3658),
        (0.6350, 0.6928, 0.3627),
        (0.3765, 0.7284, 0.5963),
        (0.3955, 0.7074, 0.7875),
        (0.6964, 0.6221, 0.8997),
        (0.9082, 0.5511, 0.7494),
    ]
)
"""RGB of the object: white, then six husl colours of equal lightness (h .1, s .7, l .7)."""

_PALETTE_8BIT = np.rint(PALETTE * 255).astype(np.uint8)


def render(factors: Sequence[int], sprite: np.ndarray, textures: np.ndarray) -> np.ndarray:
    """Render one image.

    Parameters
    ----------
    factors : sequence of 7 int
        Factor values in the order of `FACTORS`; Texture and Color are used here.
    sprite : (64, 64) array of uint8
        1 inside the object, 0 outside.
    textures : (n, 224, 224) array of float32
        Grey levels in [0, 1].

    Returns
    -------
    (224, 224, 3) array of uint8
        The object on black.
    """
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    rows, columns = (_even_span(sprite.any(axis=axis)) for axis in (1, 0))
    if not rows.stop or not columns.stop:
        return image
    # Work on the surroundings of the object only: 2 sprite pixels are exactly 7 image pixels.
    coloured = sprite[rows, columns, None] * _PALETTE_8BIT[factors[1]]
    area = tuple(slice(span.start * 7 // 2, span.stop * 7 // 2) for span in (rows, columns))
    size = (coloured.shape[1] * 7 // 2, coloured.shape[0] * 7 // 2)
    enlarged = Image.fromarray(coloured).resize(size, Image.Resampling.BILINEAR)
    shaded = np.asarray(enlarged) * textures[factors[0]][area][..., None]
    image[area] = shaded + np.float32(0.5)  # the conversion truncates: rounds to the nearest
    return image


def _even_span(occupied: np.ndarray) -> slice:
    """Return the occupied range, with a margin that the interpolation sees, on even limits."""
    places = np.flatnonzero(occupied)
    if not places.size:
        return slice(0, 0)
    start, stop = int(places[0]) - 1, int(places[-1]) + 2
    return slice(max(start - start % 2, 0), min(stop + stop % 2, len(occupied)))


class TextureDSprites:
    """The images of a design, rendered on demand.

    Parameters
    ----------
    design : DataFrame
        One row an image with the columns `FACTORS`, e.g. of `sample_design`.
    options : Source
        Where published sprites and textures lie, if they are to be used.

    Raises
    ------
    ValueError
        If a configured archive or folder does not hold what it should.
    """

    def __init__(self, design: pd.DataFrame, options: Source) -> None:
        self._factors = design[list(FACTORS)].to_numpy()
        self._textures = load_textures(options.textures)
        self._sprite = (
            sprites.PublishedSprites(options.sprites, self._factors[:, 2:])
            if options.sprites
            else sprites.sprite
        )

    def __len__(self) -> int:
        return len(self._factors)

    def __getitem__(self, i: int) -> np.ndarray:
        """Return image `i` as a (224, 224, 3) array of uint8."""
        factors = self._factors[i].tolist()
        return render(factors, self._sprite(*factors[2:]), self._textures)
