"""How a picture of a cell looks apart from its factors: the kind of microscope and its faults.

All of it is chance, drawn from wide limits that a calibration may narrow to those of a target
(`fovscope.generators.calibration`). Lengths are in pixels of the canvas of 224 pixels, levels
and amounts in shares of full scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

STYLES = ("stained", "unstained", "fluorescence", "darkfield")
"""Bright field with and without stain, emission and scattering on a dark background."""

Limits = tuple[float, float]

LIMITS: dict[str, Limits] = {
    "background_saturation": (0.0, 0.16),
    "gradient": (0.0, 0.3),
    "noise": (0.002, 0.045),
    "blur": (0.0, 5.0),
    "side": (56.0, 176.0),
}
"""Limits of what is the same in all styles: saturation of the background, rise of the background
from side to side over its level, SD of the noise, SD of the Gaussian blur, native side of the
image in pixels (before it is enlarged to the canvas)."""

STYLE_LIMITS: dict[str, dict[str, Limits]] = {
    "stained": {"background": (0.55, 1.06), "contrast": (-1.0, 0.0), "saturation": (0.2, 0.9)},
    "unstained": {"background": (0.3, 1.06), "contrast": (-1.0, -0.12), "saturation": (0.08, 0.4)},
    "fluorescence": {
        "background": (-0.04, 0.2),
        "contrast": (0.12, 1.0),
        "saturation": (0.3, 1.0),
    },
    "darkfield": {"background": (0.0, 0.35), "contrast": (0.12, 1.0), "saturation": (0.1, 0.8)},
}
"""Limits of what depends on the style: level of the background (outside of 0 to 1 it is clipped,
as cameras do), mean of the object minus level of the background, saturation of the object."""

NUISANCES = ("grey", *LIMITS, *STYLE_LIMITS["stained"])
"""What a calibration can narrow, by name."""

_GREY = {"stained": 0.15, "unstained": 1.0, "fluorescence": 0.35, "darkfield": 0.5}
_NUCLEUS_SHOWS = {"stained": 0.75, "unstained": 0.5, "fluorescence": 0.75, "darkfield": 0.5}
_SILHOUETTE = {"stained": 0.0, "unstained": 0.15, "fluorescence": 0.0, "darkfield": 0.1}


@dataclass(frozen=True)
class Look:
    """What is chosen for one image before its factors are looked at.

    Attributes
    ----------
    style : str
        One of `STYLES`.
    grey : bool
        Whether the image has no colour.
    nucleus, inside : bool
        Whether the nucleus, and anything inside of the outline, can be told.
    """

    style: str
    grey: bool
    nucleus: bool
    inside: bool


def draw_look(
    styles: Sequence[str],
    grey: bool | None,
    calibration: Mapping[str, Sequence[float]],
    rng: np.random.Generator,
) -> Look:
    """Draw the look of an image; see `Look`.

    Parameters
    ----------
    styles : sequence of str
        To choose among.
    grey : bool, optional
        Whether all images, or none, are grey; None leaves it to style and calibration.
    calibration : mapping of str to (float, float)
        ``grey`` as (1, 1) or (0, 0) says the same as `grey`.
    rng : Generator
    """
    choice, colour, nucleus, inside = rng.random(4)
    style = styles[int(choice * len(styles))]
    share = _GREY[style] if grey is None else float(grey)
    if grey is None and "grey" in calibration:
        share = float(np.clip(share, *calibration["grey"]))
    plain = bool(inside < _SILHOUETTE[style])
    return Look(
        style=style,
        grey=bool(colour < share),
        nucleus=bool(nucleus < _NUCLEUS_SHOWS[style]) and not plain,
        inside=not plain,
    )


@dataclass(frozen=True)
class Nuisances:
    """Values of what a calibration can narrow, for one image.

    Attributes
    ----------
    background, saturation, background_saturation, gradient, noise, blur, side : float
        As in `LIMITS` and `STYLE_LIMITS`.
    """

    background: float
    saturation: float
    background_saturation: float
    gradient: float
    noise: float
    blur: float
    side: int


def draw_nuisances(
    look: Look,
    intensity: float,
    calibration: Mapping[str, Sequence[float]],
    rng: np.random.Generator,
) -> Nuisances:
    """Draw nuisances; the number of random numbers does not depend on `intensity`.

    Parameters
    ----------
    look : Look
        Of the image.
    intensity : float
        Mean of its object: the background is moved away from it where it would not stand out.
    calibration : mapping of str to (float, float)
        Limits that replace those of `LIMITS` and `STYLE_LIMITS`.
    rng : Generator
    """
    limits = LIMITS | STYLE_LIMITS[look.style]
    if look.grey and look.style == "stained":
        limits["contrast"] = STYLE_LIMITS["unstained"]["contrast"]
    if look.style == "unstained" and rng.random() < 0.25:  # optically denser, in phase contrast
        limits["contrast"] = STYLE_LIMITS["darkfield"]["contrast"]
    limits |= {name: (low, high) for name, (low, high) in calibration.items() if name in limits}

    def between(name: str, power: float = 1.0) -> float:
        low, high = limits[name]
        return low + (high - low) * rng.random() ** power

    level = between("background")
    faint, strong = intensity - limits["contrast"][1], intensity - limits["contrast"][0]
    level = float(np.clip(level, faint, strong))
    if "background" in calibration:
        level = float(np.clip(level, *limits["background"]))
    low, high = limits["side"]
    side = round(low * (high / low) ** rng.random())
    return Nuisances(
        background=level,
        saturation=between("saturation"),
        background_saturation=between("background_saturation", 2),
        gradient=between("gradient", 2.5),
        noise=between("noise", 2.5),
        blur=between("blur", 2),
        side=min(max(side, 32), 224),
    )
