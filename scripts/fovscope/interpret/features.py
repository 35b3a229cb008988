"""The handcrafted features: their names, units and the factor that each is a counterpart of.

A list without code, so that tables know it without depending on how features are measured.
Definitions: docs/interpretability.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """A handcrafted feature.

    Parameters
    ----------
    factor : str
        The source factor whose counterpart on real images it is.
    unit : str
        Unit, empty for a pure number. A pixel (px) is one of the canvas of 224 pixels.
    period : float, optional
        Of a direction: the value after which it repeats, in its unit.
    """

    factor: str
    unit: str = ""
    period: float | None = None


FEATURES: dict[str, Feature] = {
    "area": Feature("Scale", "px²"),
    "equivalent_diameter": Feature("Scale", "px"),
    "perimeter": Feature("Scale", "px"),
    "circularity": Feature("Shape"),
    "solidity": Feature("Shape"),
    "eccentricity": Feature("Shape"),
    "elongation": Feature("Shape"),
    "extent": Feature("Shape"),
    **{f"hu{order}": Feature("Shape") for order in range(1, 8)},
    "orientation": Feature("Orientation", "°", period=180.0),
    "mean_red": Feature("Color", "grey values"),
    "mean_green": Feature("Color", "grey values"),
    "mean_blue": Feature("Color", "grey values"),
    "hue": Feature("Color", "°", period=360.0),
    "saturation": Feature("Color"),
    "value": Feature("Color"),
    "intensity_sd": Feature("Texture", "grey values"),
    "entropy": Feature("Texture", "bit"),
    "glcm_contrast": Feature("Texture"),
    "glcm_homogeneity": Feature("Texture"),
    "glcm_energy": Feature("Texture"),
    "glcm_correlation": Feature("Texture"),
    "lbp_spot": Feature("Texture"),
    "lbp_edge": Feature("Texture"),
    "lbp_flat": Feature("Texture"),
    "lbp_nonuniform": Feature("Texture"),
    "lbp_entropy": Feature("Texture", "bit"),
}
"""All features by name, in the order of tables and figures."""

COUNTERPARTS: dict[str, tuple[str, ...]] = {
    factor: tuple(name for name, feature in FEATURES.items() if feature.factor == factor)
    for factor in ("Texture", "Color", "Shape", "Scale", "Orientation")
}
"""The named factors of the source, each with its features on real images."""
