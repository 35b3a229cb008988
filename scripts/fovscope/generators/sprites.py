"""Binary 64×64 sprites, rendered or read from the published dSprites archive.

The geometry (method, section 1) was measured on published frames of dSprites (Matthey et
al. 2017, https://github.com/deepmind/dsprites-dataset): pixel centres are sampled at whole
coordinates, without antialiasing, around a centre at 15.5 + 32·position. The centre is
rounded to half a pixel: only then has an upright square the same number of pixels wherever
it stands (100, 144, 196, 256, 324 or 400 by scale), as published squares have.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from skimage.measure import points_in_poly

from fovscope.generators.declared import GeneratorError

SIDE = 64
"""Side of a sprite image in pixels."""

SPRITE_SIZES = (3, 6, 40, 32, 32)
"""Number of shapes, scales, orientations, positions x and y, in the order of the archive."""

SHAPES = ("square", "ellipse", "heart")

_HALF_SQUARE = 9.6
_SEMI_AXES = (12.8, 7.2)
_EXPECTED = (
    "expected dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz, whose 'imgs' are 737280 uint8 "
    "images of 64×64; set the option 'sprites' to it, or leave it out to render "
    "sprites"
)
_REACH = 14
"""No shape reaches further than this from its centre (pixels, scale 1; half the diagonal of
the square is 13.6)."""


def heart_outline(points: int = 32) -> np.ndarray:
    """Return the heart at scale 1 as a polygon around its anchor.

    The right half runs from the tip (parameter 0) to the cleft (1) as a straight line plus
    three sine harmonics, fitted to the outline measured on published frames; the left half
    is its mirror image.

    Parameters
    ----------
    points : int
        Segments of each half.

    Returns
    -------
    (2 * points, 2) array
        x (right) and y (down) in pixels.
    """
    t = np.linspace(0, 1, points + 1)
    sines = np.sin(np.pi * np.outer(t, [1, 2, 3]))
    x = sines @ [8.61, -0.34, -1.13]
    y = 9.05 - 15.09 * t + sines @ [-5.78, 2.56, -0.43]
    right = np.column_stack([x, y])
    left = right[-2:0:-1] * [-1, 1]
    return np.concatenate([right, left])


_HEART = heart_outline()


def sprite(shape: int, scale: int, orientation: int, x: int, y: int) -> np.ndarray:
    """Render one sprite.

    Parameters
    ----------
    shape, scale, orientation, x, y : int
        Factor values: 0-2 (`SHAPES`), 0-5, 0-39, 0-31, 0-31. The orientation turns clockwise
        on the screen.

    Returns
    -------
    (64, 64) array of uint8
        1 inside the shape, 0 outside.
    """
    # Rounded, so that the centre stands between four pixels: see the head of the module.
    left, top = (round(15 + 32 * k / 31) + 1 - _REACH for k in (x, y))
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + 2 * _REACH, left : left + 2 * _REACH] = _stamp(shape, scale, orientation)
    return image


def _stamp(shape: int, scale: int, orientation: int) -> np.ndarray:
    """Return the (28, 28) neighbourhood of a sprite's centre, True inside the shape."""
    # Modulo 39, because the last orientation (2π) is the first: the same pixels, exactly.
    angle = 2 * np.pi * (orientation % 39) / 39
    offset = np.arange(2 * _REACH) + 0.5 - _REACH
    turned = np.exp(-1j * angle) * (offset + 1j * offset[:, None]) / (0.5 + 0.1 * scale)
    u, v = turned.real, turned.imag  # coordinates of the upright shape at scale 1
    match SHAPES[shape]:
        case "square":
            return np.maximum(np.abs(u), np.abs(v)) < _HALF_SQUARE
        case "ellipse":
            return np.hypot(u / _SEMI_AXES[0], v / _SEMI_AXES[1]) < 1
        case "heart":
            return points_in_poly(np.column_stack([u.ravel(), v.ravel()]), _HEART).reshape(u.shape)


def archive_index(factors: np.ndarray, sizes: tuple[int, ...] = SPRITE_SIZES) -> np.ndarray:
    """Return the place of sprites in the archive: mixed radix, Shape slowest, PosY fastest.

    Parameters
    ----------
    factors : (..., 5) array of int
        Shape, Scale, Orientation, PosX and PosY.
    sizes : sequence of int
        Number of values of these factors.

    Returns
    -------
    (...) array of int64

    Raises
    ------
    ValueError
        If a factor value lies outside of its range.
    """
    return np.ravel_multi_index(tuple(np.moveaxis(np.asarray(factors), -1, 0)), sizes)


class PublishedSprites:
    """The sprites of one design, taken from the published archive.

    The archive holds 3 GB of images; they are streamed once, and only the needed ones are
    kept, one bit a pixel.

    Parameters
    ----------
    path : path
        ``dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz``.
    factors : (n, 5) array of int
        Shape, Scale, Orientation, PosX and PosY of the sprites that will be asked for.
    sizes : sequence of int
        Number of values of these factors in the archive.

    Raises
    ------
    GeneratorError
        If the file is not that archive.
    """

    def __init__(
        self, path: str | Path, factors: np.ndarray, sizes: tuple[int, ...] = SPRITE_SIZES
    ) -> None:
        self._sizes = sizes
        self._index = np.unique(archive_index(factors, sizes))
        self._packed = _read_packed(Path(path), self._index, int(np.prod(sizes)))

    def __call__(self, shape: int, scale: int, orientation: int, x: int, y: int) -> np.ndarray:
        """Return one sprite as `sprite` does; KeyError if it is not of the design."""
        wanted = archive_index(np.array([shape, scale, orientation, x, y]), self._sizes)
        row = np.searchsorted(self._index, wanted)
        if row == len(self._index) or self._index[row] != wanted:
            raise KeyError(f"sprite {wanted} of the archive was not read: not of this design")
        return np.unpackbits(self._packed[row], axis=-1)


def _read_packed(path: Path, index: np.ndarray, n_sprites: int) -> np.ndarray:
    """Stream the archive and return the (len(index), 64, 8) packed images at sorted `index`."""
    packed = np.empty((len(index), SIDE, SIDE // 8), np.uint8)
    block = 2048  # 8 MB at a time
    with _open_member(path) as stream:
        _check_header(path, stream, n_sprites)
        for start in range(0, int(index[-1]) + 1, block):
            count = min(block, n_sprites - start)
            data = stream.read(count * SIDE * SIDE)
            if len(data) < count * SIDE * SIDE:
                raise GeneratorError(f"{path}: ends early, at sprite {start}; download it again")
            low, high = np.searchsorted(index, [start, start + count])
            images = np.frombuffer(data, np.uint8).reshape(count, SIDE, SIDE)
            packed[low:high] = np.packbits(images[index[low:high] - start], axis=-1)
    return packed


def _open_member(path: Path) -> IO[bytes]:
    try:
        with zipfile.ZipFile(path) as archive:  # the member keeps the file open
            return archive.open("imgs.npy")
    except (zipfile.BadZipFile, KeyError) as error:
        raise GeneratorError(f"{path}: {error}; {_EXPECTED}") from error


def _check_header(path: Path, stream: IO[bytes], n_sprites: int) -> None:
    """Read the header of the member, up to its first pixel."""
    if np.lib.format.read_magic(stream) != (1, 0):
        raise GeneratorError(f"{path}: 'imgs' is in another version of the npy format; {_EXPECTED}")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
    if shape != (n_sprites, SIDE, SIDE) or dtype != np.uint8 or by_column:
        raise GeneratorError(f"{path}: 'imgs' is {dtype} {shape}; {_EXPECTED}")
