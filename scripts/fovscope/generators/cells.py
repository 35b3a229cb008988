"""Images of single cells, as microscopes of several kinds show them: a source made for microscopy.

Factors are what a biologist names first. All else is chance and differs between images: the kind
of microscope, outline, place of the nucleus, depth and rim, colours of the nucleus, background,
neighbours that the frame cuts, debris, blur, noise, native resolution and compression. So a
network that has learnt a factor here has learnt it whatever the look.

Geometry is exact (`outlines`): area, axis ratio and direction of the outline and the area of the
nucleus are those of the factors before pixels are counted. So are mean brightness and, within a
few degrees, mean hue of the object, because nucleus, depth and granules are added as departures
of mean 0. Defined as in `fovscope.interpret.handcrafted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.factors import Factor
from fovscope.generators.base import Drawing, Generator
from fovscope.generators.calibration import calibrated_styles
from fovscope.generators.cell_looks import (
    NUISANCES,
    STYLES,
    Look,
    draw_look,
    draw_nuisances,
)
from fovscope.generators.cell_painting import mask_of, paint, photograph
from fovscope.generators.declared import GeneratorError
from fovscope.generators.outlines import Outlines, draw_outlines
from fovscope.registry import generator, unknown_name

FACTORS = (
    Factor(
        name="Size",
        limits=(30.0, 150.0),
        unit="px",
        log=True,
        counterparts=("area", "equivalent_diameter", "perimeter"),
    ),
    Factor(
        name="Elongation",
        limits=(1.0, 5.0),
        log=True,
        counterparts=("elongation", "eccentricity", "circularity", "hu1", "hu2"),
    ),
    Factor(name="NucleusRatio", limits=(0.08, 0.5)),
    Factor(
        name="Granularity",
        limits=(0.0, 1.0),
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
        name="Hue",
        limits=(0.0, 360.0),
        period=360.0,
        unit="°",
        counterparts=("hue", "mean_red", "mean_green", "mean_blue"),
    ),
    Factor(
        name="Intensity",
        limits=(0.2, 0.85),
        counterparts=("value", "mean_red", "mean_green", "mean_blue"),
    ),
    Factor(
        name="Orientation",
        limits=(0.0, 180.0),
        period=180.0,
        unit="°",
        counterparts=("orientation",),
    ),
    Factor(name="PosX", limits=(0.42, 0.58), nuisance=True),
    Factor(name="PosY", limits=(0.42, 0.58), nuisance=True),
)
"""The factors of a cell, lengths in pixels of the canvas.

Size: diameter of the circle of the same area. Elongation: major over minor axis of the ellipse with
the same second moments. NucleusRatio: area of the nucleus over that of the cell. Granularity:
strength of the granules in the cytoplasm. Hue and Intensity: mean colour and mean HSV value of the
object. Orientation: of the major axis, counter-clockwise on the screen. PosX, PosY: centre of the
cell from the top left, share of the side.
"""

ROUND = 1.15
"""Elongation below which a cell has no direction to speak of."""


@generator(
    "cells",
    factors=FACTORS,
    classes=(),
    citation="fovscope: cells drawn for microscopy, one to an image",
)
class Cells(Generator):
    """Single cells in bright field, stained or not, in fluorescence and in dark field.

    Parameters
    ----------
    styles : list of str, optional
        Kinds of microscopy to choose among; without it those that a calibration leaves, or all.
    grey : bool, optional
        Grey images only, or colour images only; both without it.
    shared_nuisances : float
        Share of the pairs whose members differ in the changed factor alone, 0 to 1; the members
        of the others differ in everything that is left to chance as well.
    calibration : mapping, optional
        Limits of nuisances by name that replace the usual ones, as `calibrate` of
        `fovscope.generators.calibration` finds them on a target. Names of factors in it are left
        to the design.

    Raises
    ------
    GeneratorError
        If there is no style to choose, a share is none, or a calibration has unknown names or
        limits that are none.
    """

    factors = FACTORS

    def __init__(
        self,
        *,
        styles: tuple[Literal["stained", "unstained", "fluorescence", "darkfield"], ...]
        | None = None,
        grey: bool | None = None,
        shared_nuisances: float = 0.5,
        calibration: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        if styles is None:
            known = {"background", "grey"} <= set(calibration or {})
            styles = calibrated_styles(calibration) if known else STYLES
        if not styles or set(styles) - set(STYLES):
            raise GeneratorError(
                f"cells: styles is {list(styles)}; name one or more of {', '.join(STYLES)}"
            )
        if not 0 <= shared_nuisances <= 1:
            raise GeneratorError(
                f"cells: shared_nuisances is {shared_nuisances}; it is a share, 0 to 1"
            )
        for name, limits in (calibration or {}).items():
            _check_limits(name, limits)
        self.styles = tuple(styles)
        self.grey = grey
        self.shared_nuisances = shared_nuisances
        self.calibration = dict(calibration or {})

    def render(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Drawing:
        """Draw one cell, (224, 224, 3)."""
        image, outlines = self._drawn(factors, rng)
        return Drawing(image, mask_of(outlines, factors))

    def image(self, factors: Mapping[str, Any], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the image of `render`, without the time for its mask."""
        return self._drawn(factors, rng)[0]

    def _drawn(
        self, factors: Mapping[str, Any], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], Outlines]:
        look = self._look(rng)  # first: `known` draws it again
        nuisances = draw_nuisances(look, factors["Intensity"], self.calibration, rng)
        outlines = draw_outlines(factors["NucleusRatio"], rng)
        picture = paint(factors, look, nuisances, outlines, rng)
        return photograph(picture, nuisances, rng), outlines

    def known(self, table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return where a factor can be seen in the image of a row; see `Generator.known`.

        A grey image shows no hue, some cells hide their nucleus or all that is inside, and a
        round one has no direction.
        """
        looks = [self._look_of(number, seed) for number in self.streams(table, seed=seed)]
        seen = {factor.name: np.ones(len(table), bool) for factor in self.factors}
        seen["Hue"] = np.array([not look.grey for look in looks], bool)
        seen["NucleusRatio"] = np.array([look.nucleus for look in looks], bool)
        seen["Granularity"] = np.array([look.inside for look in looks], bool)
        seen["Orientation"] = table["factor_Elongation"].to_numpy() >= ROUND
        return pd.DataFrame(seen, index=table.index)

    def streams(self, table: pd.DataFrame, *, seed: int) -> NDArray[np.int64]:
        """Return the number of each row's random stream: in a part of the pairs the first's.

        Pairs whose changed factor could not be seen in the shared look share nothing, as their
        members would be the same image.
        """
        numbers = super().streams(table, seed=seed)
        if "pair" not in table:
            return numbers
        first = numbers - table["member"].to_numpy(np.int64)  # the members of a pair are adjacent
        rows = zip(first.tolist(), table["pair"], table["changed"], strict=True)
        shared = [
            pair >= 0 and self._shares(number, seed, changed.split(","))
            for number, pair, changed in rows
        ]
        return np.where(shared, first, numbers)

    def _shares(self, first: int, seed: int, changed: Sequence[str]) -> bool:
        """Whether the members of a pair share their nuisances; `first` numbers the first one."""
        if np.random.default_rng([seed, first, 1]).random() >= self.shared_nuisances:
            return False
        look = self._look_of(first, seed)
        hidden = {
            "Hue": look.grey,
            "NucleusRatio": not look.nucleus,
            "Granularity": not look.inside,
        }
        return not all(hidden.get(name, False) for name in changed)

    def _look_of(self, number: int, seed: int) -> Look:
        return self._look(np.random.default_rng([seed, number]))

    def _look(self, rng: np.random.Generator) -> Look:
        return draw_look(self.styles, self.grey, self.calibration, rng)


def _check_limits(name: str, limits: Sequence[float]) -> None:
    """Refuse a name that nothing has, which would change nothing, and limits that are none."""
    known = {*NUISANCES, *(factor.name for factor in FACTORS)}
    if name not in known:
        raise GeneratorError(f"cells: {unknown_name('name in calibration', name, known)}")
    if len(limits) != 2 or not limits[0] <= limits[1]:
        raise GeneratorError(
            f"cells: calibration has {name}: {list(limits)}; write two numbers, the smaller first"
        )
