"""The handcrafted features: their names, units and what each of them is about.

Which of them are counterparts of a factor, the source of that factor declares
(`fovscope.factors.Factor`). A list without code, so that tables know it without depending on how
features are measured.
Definitions: docs/interpretability.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """A handcrafted feature.

    Parameters
    ----------
    group : str
        What it is about.
    unit : str
        Unit, empty for a pure number. A pixel (px) is one of the canvas of 224 pixels.
    period : float, optional
        Of a direction: the value after which it repeats, in its unit.
    kin : str, optional
        Name of the features that say nearly the same (rank correlations of about .9 and more on
        generated cells, plankton and red blood cells); a feature by itself has none.
    """

    group: str
    unit: str = ""
    period: float | None = None
    kin: str | None = None


FEATURES: dict[str, Feature] = {
    "area": Feature("Scale", "px²", kin="size"),
    "equivalent_diameter": Feature("Scale", "px", kin="size"),
    "perimeter": Feature("Scale", "px"),
    "circularity": Feature("Shape"),
    "solidity": Feature("Shape"),
    "eccentricity": Feature("Shape", kin="length to width"),
    "elongation": Feature("Shape", kin="length to width"),
    "extent": Feature("Shape"),
    "hu1": Feature("Shape", kin="length to width"),
    "hu2": Feature("Shape", kin="length to width"),
    "hu3": Feature("Shape", kin="hu3, hu4"),
    "hu4": Feature("Shape", kin="hu3, hu4"),
    "hu5": Feature("Shape", kin="hu5, hu6"),
    "hu6": Feature("Shape", kin="hu5, hu6"),
    "hu7": Feature("Shape"),
    "orientation": Feature("Orientation", "°", period=180.0),
    "mean_red": Feature("Color", "grey values", kin="brightness"),
    "mean_green": Feature("Color", "grey values", kin="brightness"),
    "mean_blue": Feature("Color", "grey values", kin="brightness"),
    "hue": Feature("Color", "°", period=360.0),
    "saturation": Feature("Color"),
    "value": Feature("Color", kin="brightness"),
    "intensity_sd": Feature("Texture", "grey values"),
    "entropy": Feature("Texture", "bit", kin="disorder"),
    "glcm_contrast": Feature("Texture", kin="local contrast"),
    "glcm_homogeneity": Feature("Texture", kin="local contrast"),
    "glcm_energy": Feature("Texture", kin="disorder"),
    "glcm_correlation": Feature("Texture"),
    "lbp_spot": Feature("Texture", kin="local patterns"),
    "lbp_edge": Feature("Texture", kin="local patterns"),
    "lbp_flat": Feature("Texture", kin="local patterns"),
    "lbp_nonuniform": Feature("Texture", kin="local patterns"),
    "lbp_entropy": Feature("Texture", "bit", kin="local patterns"),
}
"""All features by name, in the order of tables and figures."""

STAND_INS = ("entropy", "value", "eccentricity", "area", "orientation")
"""One feature per group, to measure disentanglement against where no factor is known; each is
defined for grey images too."""
