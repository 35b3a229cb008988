"""What can be set on a real image; the standard library only, because a plan asks for it.

Settings are absolute, so that one value means the same on every image, rendered or real.
"""

from __future__ import annotations

from fovscope.factors import Factor
from fovscope.interpret.features import FEATURES

TEXTURE = tuple(name for name, feature in FEATURES.items() if feature.group == "Texture")

FACTORS = (
    Factor(
        name="Size",
        limits=(8.0, 224.0),
        log=True,
        unit="px",
        counterparts=("area", "equivalent_diameter", "perimeter"),
    ),
    Factor(
        name="Elongation",
        limits=(1.0, 20.0),
        log=True,
        counterparts=("elongation", "eccentricity", "circularity", "hu1", "hu2"),
    ),
    Factor(
        name="Orientation",
        limits=(0.0, 180.0),
        period=180.0,
        unit="°",
        counterparts=("orientation",),
    ),
    Factor(
        name="Hue",
        limits=(0.0, 360.0),
        period=360.0,
        unit="°",
        counterparts=("hue", "mean_red", "mean_green", "mean_blue"),
    ),
    Factor(
        name="Intensity",
        limits=(0.0, 1.0),
        counterparts=("value", "mean_red", "mean_green", "mean_blue"),
    ),
    Factor(name="Texture", limits=(0.001, 0.5), log=True, counterparts=TEXTURE),
    Factor(name="PosX", limits=(0.0, 1.0), nuisance=True),
    Factor(name="PosY", limits=(0.0, 1.0), nuisance=True),
)
"""Everything that can be set.

Size: equivalent diameter √(4·area/π), pixels of the canvas of 224. Elongation: major over minor
axis of the ellipse with the same second moments, at unchanged area. Orientation: of the major
axis, from the x axis, counter-clockwise on the screen. Hue: direction of the mean colour.
Intensity: mean HSV value. Texture: RMS contrast of detail finer than about 15 pixels of the
canvas, off the outline, as a share of the full scale. PosX, PosY: centre of mass, from the left
and from the top, as a share of the canvas.
"""
