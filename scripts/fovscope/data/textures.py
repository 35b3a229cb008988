"""The five grey-level textures of Texture-dSprites.

The study takes five images of the Normalized Brodatz album (`load_brodatz`). Where they are
not at hand, five others of clearly different statistics stand in (`generated_textures`):
three photographs that scikit-image ships (brick, grass, gravel; CC0) and two generated ones.
Definition: method, section 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

SIDE = 224
"""Side of a texture in pixels."""

BRODATZ = ("D11", "D40", "D23", "D109", "D102")

_CROP = slice(20, 20 + SIDE)
_SUFFIXES = (".bmp", ".gif", ".jpg", ".png", ".tif", ".tiff")


def generated_textures() -> np.ndarray:
    """Return the five stand-in textures: brick, grass, gravel, a grating, blobs.

    Returns
    -------
    (5, 224, 224) array of float32
        Grey levels in [0, 1), none of them constant.
    """
    photographs = [image()[_CROP, _CROP] for image in (data.brick, data.grass, data.gravel)]
    # Whole grey levels, like a file's: a product with an 8-bit pixel never ends in exactly .5,
    # so that rounding it does not depend on the arithmetic.
    generated = [np.rint(255 * image) for image in (_grating(), _blobs())]
    return np.stack([*photographs, *generated]).astype(np.float32) / np.float32(255)


def _grating() -> np.ndarray:
    """Return an oblique sine grating with a period of 14 pixels."""
    y, x = np.mgrid[:SIDE, :SIDE]
    phase = 2 * np.pi / 14 * (np.cos(np.pi / 6) * x + np.sin(np.pi / 6) * y)
    return 0.6 + 0.3 * np.sin(phase)


def _blobs() -> np.ndarray:
    """Return soft isotropic blobs some 12 pixels wide, nearly two-valued."""
    noise = np.random.default_rng(0).standard_normal((SIDE, SIDE))
    smooth = gaussian_filter(noise, 3.5, mode="wrap")
    return 0.6 + 0.35 * np.tanh(3 * smooth / smooth.std())


def load_brodatz(folder: str | Path) -> np.ndarray:
    """Read the five textures of the study from a folder.

    Parameters
    ----------
    folder : path
        Holds the Normalized Brodatz images D11, D40, D23, D109 and D102 (e.g. ``D11.tif``);
        suffix and case do not matter.

    Returns
    -------
    (5, 224, 224) array of float32
        Rows and columns [20:244], divided by 255.

    Raises
    ------
    ValueError
        If an image is missing, too small, or not 8-bit.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; set source.textures or leave it out")
    found = {p.stem.upper(): p for p in sorted(folder.iterdir()) if p.suffix.lower() in _SUFFIXES}
    missing = [name for name in BRODATZ if name not in found]
    if missing:
        raise ValueError(
            f"{folder}: no image {', '.join(missing)} ({', '.join(_SUFFIXES)}); the textures are "
            f"{', '.join(BRODATZ)} of the Normalized Brodatz album"
        )
    return np.stack([_read_grey(found[name])[_CROP, _CROP] for name in BRODATZ]) / np.float32(255)


def _read_grey(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        if image.mode not in ("L", "P", "RGB") or min(image.size) < _CROP.stop:
            raise ValueError(
                f"{path}: {image.mode} image of {image.size[0]}×{image.size[1]} pixels; expected "
                f"8 bits and at least {_CROP.stop}×{_CROP.stop}"
            )
        return np.asarray(image.convert("L"), np.float32)
