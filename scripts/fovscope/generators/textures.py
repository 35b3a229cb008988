"""The five grey-level textures of Texture-dSprites.

The study takes five images of the Normalized Brodatz album (`load_brodatz`). Where they are
not at hand, five others stand in: three photographs that scikit-image ships (brick, grass,
gravel; CC0) and two generated ones (`generated_textures`), or five generated ones that differ
also on small objects (`procedural_textures`). Definition: method, section 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from fovscope.datasets.listing import IMAGE_SUFFIXES
from fovscope.generators.declared import GeneratorError

PROCEDURAL = "procedural"
"""What stands in place of a folder for textures that are all generated."""

SIDE = 224
"""Side of a texture in pixels."""

BRODATZ = ("D11", "D40", "D23", "D109", "D102")

_CROP = slice(20, 20 + SIDE)


def load_textures(which: str | None) -> np.ndarray:
    """Return the textures that an option asks for.

    Parameters
    ----------
    which : str or None
        ``procedural``, a folder with the Brodatz images, or nothing for the default ones.

    Returns
    -------
    (5, 224, 224) array of float32
        Grey levels in [0, 1].

    Raises
    ------
    GeneratorError
        If the folder does not hold the Brodatz images.
    """
    if which is None:
        return generated_textures()
    return procedural_textures() if which == PROCEDURAL else load_brodatz(which)


def generated_textures() -> np.ndarray:
    """Return the five stand-in textures: brick, grass, gravel, a grating, blobs.

    Returns
    -------
    (5, 224, 224) array of float32
        Grey levels in [0, 1), none of them constant.
    """
    photographs = [image()[_CROP, _CROP] for image in (data.brick, data.grass, data.gravel)]
    generated = [_grating(14, 0.3), _blobs(3.5, 0.6, 0.35, np.random.default_rng(0))]
    return _grey_levels([*photographs, *(255 * image for image in generated)])


def procedural_textures() -> np.ndarray:
    """Return five generated textures: a grating, a checker, speckle, blobs, fine noise.

    Unlike the photographs, each fills a range of grey levels at a scale of a few pixels, so
    that they can be told apart on the smallest object.

    Returns
    -------
    (5, 224, 224) array of float32
        Grey levels in [0, 1), none of them constant.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    checker = np.where((x // 8 + y // 8) % 2 == 0, 0.98, 0.35)
    grains = gaussian_filter(rng.exponential(size=(SIDE, SIDE)), 1.2, mode="wrap")
    speckle = np.clip(grains / np.quantile(grains, 0.98), 0, 0.98)
    noise = rng.uniform(0.3, 0.98, (SIDE, SIDE))
    images = (_grating(12, 0.38), checker, speckle, _blobs(5, 0.55, 0.4, rng), noise)
    return _grey_levels([255 * image for image in images])


def _grey_levels(images: list[np.ndarray]) -> np.ndarray:
    """Stack images of 0 to 255 as fractions of 255.

    Whole grey levels, like a file's: a product with an 8-bit pixel then never ends in exactly
    .5, so that rounding it does not depend on the arithmetic.
    """
    return np.rint(np.stack(images)).astype(np.float32) / np.float32(255)


def _grating(period: float, amplitude: float) -> np.ndarray:
    """Return an oblique sine grating; period in pixels."""
    y, x = np.mgrid[:SIDE, :SIDE]
    phase = 2 * np.pi / period * (np.cos(np.pi / 6) * x + np.sin(np.pi / 6) * y)
    return 0.6 + amplitude * np.sin(phase)


def _blobs(sd: float, mean: float, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Return soft isotropic blobs, nearly two-valued, some 3.5 `sd` pixels wide."""
    smooth = gaussian_filter(rng.standard_normal((SIDE, SIDE)), sd, mode="wrap")
    return mean + amplitude * np.tanh(3 * smooth / smooth.std())


def load_brodatz(folder: str | Path) -> np.ndarray:
    """Read the five textures of the study from a folder.

    Parameters
    ----------
    folder : path
        Holds the Normalized Brodatz images D11, D40, D23, D109 and D102 (e.g. ``D11.tif``),
        in any format that images may have; case does not matter.

    Returns
    -------
    (5, 224, 224) array of float32
        Rows and columns [20:244], divided by 255.

    Raises
    ------
    GeneratorError
        If an image is missing, too small, or not 8-bit.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise GeneratorError(
            f"{folder}: no such folder; set the option 'textures' to one, or leave it out"
        )
    # The suffixes that also the Snakefile looks for: an image that is read is one that counts.
    images = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in IMAGE_SUFFIXES]
    found = {path.stem.upper(): path for path in images}
    missing = [name for name in BRODATZ if name not in found]
    if missing:
        raise GeneratorError(
            f"{folder}: no image {', '.join(missing)} ({', '.join(sorted(IMAGE_SUFFIXES))}); the "
            f"textures are {', '.join(BRODATZ)} of the Normalized Brodatz album"
        )
    return np.stack([_read_grey(found[name])[_CROP, _CROP] for name in BRODATZ]) / np.float32(255)


def _read_grey(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        if image.mode not in ("L", "P", "RGB") or min(image.size) < _CROP.stop:
            raise GeneratorError(
                f"{path}: {image.mode} image of {image.size[0]}×{image.size[1]} pixels; expected "
                f"8 bits and at least {_CROP.stop}×{_CROP.stop}"
            )
        return np.asarray(image.convert("L"), np.float32)
