"""Images of Texture-dSprites: sprite × colour, enlarged, × texture.

Definition: method, section 1 (Dapueto et al., IJCNN 2025). The shapes are in `sprites`, the grey
patches in `textures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from PIL import Image

from fovscope.factors import Factor
from fovscope.generators import sprites
from fovscope.generators.base import Drawing, Generator
from fovscope.generators.textures import SIDE, load_textures
from fovscope.images.source import ImageSource
from fovscope.registry import generator
from fovscope.runtime.provenance import digest_bytes, digest_file

FACTORS = (
    Factor(
        name="Texture",
        values=5,
        nominal=True,
        counterparts=(
            "intensity_sd",
            "entropy",
            "glcm_contrast",
            "glcm_homogeneity",
            "glcm_energy",
            "glcm_correlation",
            "lbp_spot",
            "lbp_edge",
            "lbp_flat",
            "lbp_nonuniform",
            "lbp_entropy",
        ),
    ),
    Factor(
        name="Color",
        values=7,
        nominal=True,
        counterparts=("mean_red", "mean_green", "mean_blue", "hue", "saturation", "value"),
    ),
    Factor(
        name="Shape",
        values=3,
        nominal=True,
        counterparts=(
            "circularity",
            "solidity",
            "eccentricity",
            "elongation",
            "extent",
            "hu1",
            "hu2",
            "hu3",
            "hu4",
            "hu5",
            "hu6",
            "hu7",
        ),
    ),
    Factor(name="Scale", values=6, counterparts=("area", "equivalent_diameter", "perimeter")),
    # Once around with both ends included: the first and the last are the same image.
    Factor(name="Orientation", values=40, period=39.0, counterparts=("orientation",)),
    Factor(name="PosX", values=32, nuisance=True),
    Factor(name="PosY", values=32, nuisance=True),
)
"""The factors, in the order of the grid of 25,804,800 images."""

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


class _Sprites(Protocol):
    """Where sprites come from, by Shape, Scale, Orientation, PosX and PosY."""

    def __call__(self, shape: int, scale: int, orientation: int, x: int, y: int) -> np.ndarray:
        """Return a sprite, (64, 64) of uint8."""
        ...


@generator(
    "texture_dsprites",
    factors=FACTORS,
    classes=(),
    citation="Texture-dSprites: Dapueto et al., arXiv 2409.18017; dSprites: Matthey et al. 2017",
    files=("sprites", "textures"),
    stems={"textures": ("D11", "D40", "D23", "D109", "D102")},
)
class TextureDSprites(Generator):
    """Squares, ellipses and hearts in five textures and seven colours on black.

    Parameters
    ----------
    sprites : str, optional
        Published dSprites archive `dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`; without it
        sprites are rendered.
    textures : str, optional
        Folder of the Normalized Brodatz images D11, D40, D23, D109, D102; `procedural`: a
        grating, a checker, speckle, blobs, fine noise; without it brick, grass and gravel of
        scikit-image, a grating, blobs.

    Raises
    ------
    GeneratorError
        If the folder does not hold what it should; a wrong archive is told when it is read.
    """

    factors = FACTORS

    def __init__(
        self,
        *,
        sprites: str | None = None,
        textures: str | Literal["procedural"] | None = None,
    ) -> None:
        self._archive = sprites
        self._textures = load_textures(textures)

    def render(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Drawing:
        """Draw one image; nothing in it is left to chance."""
        del rng
        values = [factors[factor.name] for factor in FACTORS]
        sprite = self._every_sprite(*values[2:])
        enlarged = Image.fromarray(sprite * 255).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        mask = (np.asarray(enlarged) > 127).astype(np.uint8)
        return Drawing(render(values, sprite, self._textures), mask)

    def images(self, table: pd.DataFrame, *, seed: int) -> ImageSource:
        """Return the images of a table; of a published archive only their sprites are read."""
        del seed  # nothing is left to chance
        values = table[[factor.column for factor in FACTORS]].to_numpy()
        return _Images(values, self._sprites_of(values[:, 2:]), self._textures)

    def made_of(self) -> dict[str, str]:
        """Return the digests of the textures and of the archive."""
        return {
            "textures": digest_bytes(self._textures.tobytes()),
            "sprites": digest_file(self._archive) if self._archive else "rendered",
        }

    @cached_property
    def _every_sprite(self) -> _Sprites:
        # 380 MB of a published archive, read once: one by one, each would be a search from its
        # beginning.
        sizes = sprites.SPRITE_SIZES
        every = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=-1)
        return self._sprites_of(every)

    def _sprites_of(self, factors: np.ndarray) -> _Sprites:
        if self._archive is None:
            return sprites.sprite
        return sprites.PublishedSprites(self._archive, factors)


@dataclass(frozen=True, eq=False)
class _Images:
    """The images of a table of factors (N, 7), rendered on demand."""

    factors: np.ndarray
    sprites: _Sprites
    textures: np.ndarray

    def __len__(self) -> int:
        return len(self.factors)

    def __getitem__(self, row: int) -> np.ndarray:
        """Return image `row`, (224, 224, 3) of uint8."""
        values = self.factors[row].tolist()
        return render(values, self.sprites(*values[2:]), self.textures)
