"""A screen in which all is planted: compounds, doses, replicates, batches, mechanisms of action.

Everything happens in the space of six factors of a cell, each as its place between its limits, 0 to
1: the cells of a well lie about 0.5 plus what compound, plate and batch shift.

* A mechanism of action (MOA) shifts factors as `PHENOTYPES` says; a compound has that shift times
  its potency: half of it at the lowest dose, all of it at the highest, in proportion to the
  logarithm between.
* Some compounds do nothing and have no MOA.
* A batch shifts all of its wells alike, and so does a plate. Each compound is in one batch, on
  every plate of it, and the compounds of an MOA are in different batches, as in BBBC021.

Each plate has wells of the solvent, the controls. `wells_of` says what is in a well,
`planted_profiles` what a perfect representation would make of it, without an image.

A screen is taken with one microscope and one stain: nuclei and granules have the same colours in
all cells, and noise, blur and resolution are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.factors import Factor
from fovscope.generators.base import Drawing, Example, Generator, draw_factors
from fovscope.generators.cell_looks import Look, Nuisances
from fovscope.generators.cell_painting import paint, photograph
from fovscope.generators.cells import Cells
from fovscope.generators.declared import GeneratorError
from fovscope.generators.outlines import Outlines, draw_outlines
from fovscope.registry import generator

FACTORS = (
    Factor(
        name="Size",
        limits=(50.0, 130.0),
        unit="px",
        log=True,
        counterparts=("area", "equivalent_diameter", "perimeter"),
    ),
    Factor(
        name="Elongation",
        limits=(1.0, 4.0),
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
        limits=(60.0, 300.0),
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
"""The factors of `fovscope.generators.cells`, between closer limits."""

SHIFTED = ("Size", "Elongation", "NucleusRatio", "Granularity", "Hue", "Intensity")
"""The factors that compounds, plates and batches shift."""

PHENOTYPES = {
    "shrinking": {"Size": -0.30, "Intensity": 0.10},
    "stretching": {"Elongation": 0.30, "Size": 0.05},
    "nuclear swelling": {"NucleusRatio": 0.30},
    "granulating": {"Granularity": 0.30},
    "staining": {"Hue": 0.30, "Granularity": -0.05},
    "spreading": {"Size": 0.25, "NucleusRatio": -0.15},
    "condensing": {"NucleusRatio": -0.25, "Granularity": 0.15},
    "fading": {"Intensity": -0.30},
}
"""MOA → what it shifts, as a share of the range of the factor."""

SOLVENT = "DMSO"
"""Compound of the controls."""

_METADATA = {
    "plate": "Metadata_Plate",
    "well": "Metadata_Well",
    "batch": "Metadata_Batch",
    "compound": "Metadata_Compound",
    "concentration": "Metadata_Concentration",
    "moa": "Metadata_MOA",
    "control": "Metadata_Control",
}
"""Columns of the image table."""

_CELL_SD = 0.1
"""Of the cells of a well, in each factor."""

_LOOK = Look(style="fluorescence", grey=False, nucleus=True, inside=True)
_MICROSCOPE = Nuisances(
    background=0.05,
    saturation=0.7,
    background_saturation=0.1,
    gradient=0.05,
    noise=0.01,
    blur=1.0,
    side=160,
)
_STAIN = 6
"""Seed of the colours: one by which nuclei and granules are brighter than what is about them."""

_ROWS, _COLUMNS = "ABCDEFGH", 12
_MOST_WELLS = len(_ROWS) * _COLUMNS


class _Stained(Cells):
    """Cells of one screen: what `Cells` leaves to microscope and stain is the same in all."""

    def __init__(self) -> None:
        super().__init__(styles=(_LOOK.style,), grey=_LOOK.grey)

    def _look(self, rng: np.random.Generator) -> Look:
        del rng
        return _LOOK

    def _drawn(
        self, factors: Mapping[str, Any], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], Outlines]:
        outlines = draw_outlines(factors["NucleusRatio"], rng)
        stain = np.random.default_rng(_STAIN)
        picture = paint(factors, _LOOK, _MICROSCOPE, outlines, rng, stain=stain)
        return photograph(picture, _MICROSCOPE, rng), outlines


@generator("screen", factors=FACTORS, classes=(), citation="fovscope: a planted screen of cells")
class Screen(Generator):
    """Cells of a screen with planted mechanisms of action, inactive compounds and batch effects.

    Image i of a target is a cell of well i modulo the number of wells, so that as many images as
    wells, or a multiple, give wells of as many cells each.

    Parameters
    ----------
    moas : int
        Mechanisms of action, the first of `PHENOTYPES`.
    compounds : int
        Compounds of each.
    inactive : int
        Compounds that do nothing.
    concentrations : int
        Doses of each compound, a factor of 3 apart.
    batches : int
        Batches; the compounds of a mechanism go round them.
    replicates : int
        Plates of each batch, all of the same layout.
    controls : int
        Wells of the solvent on each plate.
    strength : float
        What the phenotypes are multiplied by.
    batch_effect : float
        SD of the shift of a batch in each factor, as a share of its range.
    plate_effect : float
        SD of the shift of a plate.

    Raises
    ------
    GeneratorError
        If there are more mechanisms than phenotypes, nothing to lay out, or a plate is too small.
    """

    factors = FACTORS

    def __init__(
        self,
        *,
        moas: int = 4,
        compounds: int = 3,
        inactive: int = 3,
        concentrations: int = 2,
        batches: int = 3,
        replicates: int = 3,
        controls: int = 6,
        strength: float = 1.0,
        batch_effect: float = 0.03,
        plate_effect: float = 0.01,
    ) -> None:
        if not 1 <= moas <= len(PHENOTYPES):
            raise GeneratorError(
                f"screen: moas is {moas}; there are 1 to {len(PHENOTYPES)} mechanisms of action"
            )
        numbers = {
            "compounds": compounds,
            "concentrations": concentrations,
            "batches": batches,
            "replicates": replicates,
        }
        for name, number in numbers.items():
            if number < 1:
                raise GeneratorError(f"screen: {name} is {number}; it must be 1 or more")
        for name, number in {"inactive": inactive, "controls": controls}.items():
            if number < 0:
                raise GeneratorError(f"screen: {name} is {number}; it must not be negative")
        self.moas, self.compounds, self.inactive = moas, compounds, inactive
        self.concentrations, self.batches, self.replicates = concentrations, batches, replicates
        self.controls, self.strength = controls, strength
        self.batch_effect, self.plate_effect = batch_effect, plate_effect
        largest = max(len(self._compounds_of(batch)) for batch in range(batches))
        if largest * concentrations + controls > _MOST_WELLS:
            raise GeneratorError(
                f"screen: a plate would have {largest * concentrations + controls} wells, more "
                f"than {_MOST_WELLS}; use more batches, or fewer compounds or concentrations"
            )
        self._cells = _Stained()
        self._plans: dict[int, tuple[list[dict[str, Any]], NDArray]] = {}

    def render(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Drawing:
        """Draw one cell in fluorescence, (224, 224, 3)."""
        return self._cells.render(factors, rng)

    def streams(self, table: pd.DataFrame, *, seed: int) -> NDArray[np.int64]:
        """Return the number of the random stream of each row, as for `Cells`."""
        return self._cells.streams(table, seed=seed)

    def known(self, table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return which factors can be seen in the image of a row, as for `Cells`."""
        return self._cells.known(table, seed=seed)

    def make(self, index: int, seed: int) -> Example:
        """Make cell `index`, with its well, which its split keeps together."""
        if seed not in self._plans:
            about, shifts = self.wells_of(seed)
            self._plans[seed] = (about.to_dict("records"), shifts)
        wells, shifts = self._plans[seed]
        at = index % len(wells)
        rng = np.random.default_rng([seed, index])
        factors = draw_factors(self.factors, rng)
        places = np.clip(0.5 + shifts[at] + _CELL_SD * rng.standard_normal(len(SHIFTED)), 0, 1)
        by_name = {factor.name: factor for factor in self.factors}
        factors |= {
            name: _between(by_name[name], place)
            for name, place in zip(SHIFTED, places, strict=True)
        }
        about = {column: wells[at][name] for name, column in _METADATA.items()}
        group = f"{wells[at]['plate']}-{wells[at]['well']}"
        return Example(self.render(factors, rng), factors, columns=about | {"group": group})

    def wells_of(self, seed: int) -> tuple[pd.DataFrame, NDArray[np.float64]]:
        """Return the wells of the screen, and how much each factor of `SHIFTED` is shifted there.

        Parameters
        ----------
        seed : int
            Of potencies and of the effects of batches and plates.

        Returns
        -------
        about : DataFrame
            ``plate, well, batch, compound, concentration, moa, control`` of W wells, in the order
            of plates.
        shifts : ndarray, shape (W, 6)
            Shares of the range of each factor.
        """
        rng = np.random.default_rng([seed, 1])
        potency = rng.uniform(0.8, 1.2, (self.moas, self.compounds))
        rows, shifts = [], []
        for batch in range(self.batches):
            of_batch = self.batch_effect * rng.standard_normal(len(SHIFTED))
            for replicate in range(self.replicates):
                of_plate = of_batch + self.plate_effect * rng.standard_normal(len(SHIFTED))
                for place, well in enumerate(self._plate(batch)):
                    plate = f"B{batch + 1}-P{replicate + 1}"
                    name = f"{_ROWS[place // _COLUMNS]}{place % _COLUMNS + 1:02}"
                    rows.append({"plate": plate, "well": name, "batch": f"B{batch + 1}"} | well)
                    shifts.append(of_plate + self._shift(well, potency))
        about = pd.DataFrame(rows)
        compound = about.pop("number")
        return about.assign(control=compound < 0), np.array(shifts)

    def planted_profiles(self, seed: int, *, cells: int = 100) -> NDArray[np.float64]:
        """Return what a representation that sees the factors alone would make of each well.

        Parameters
        ----------
        seed : int
            Of the screen, and of what the cells differ in.
        cells : int
            Cells of each well.

        Returns
        -------
        ndarray, shape (W, 6)
            The mean place of the cells in each factor, in units of the SD between cells.
        """
        _, shifts = self.wells_of(seed)
        noise = np.random.default_rng([seed, 2]).standard_normal(shifts.shape)
        return (0.5 + shifts) / _CELL_SD + noise / np.sqrt(cells)

    def _compounds_of(self, batch: int) -> list[int]:
        """Return the compounds of a batch by number, those of an MOA one after the other."""
        active = self.moas * self.compounds
        numbers = [
            m * self.compounds + c
            for m in range(self.moas)
            for c in range(self.compounds)
            if (m + c) % self.batches == batch
        ]
        return numbers + [active + k for k in range(self.inactive) if k % self.batches == batch]

    def _plate(self, batch: int) -> list[dict[str, Any]]:
        """Return what is in the wells of each plate of a batch."""
        solvent = {"compound": SOLVENT, "concentration": np.nan, "moa": None, "number": -1}
        wells = [solvent] * self.controls
        names = list(PHENOTYPES)
        for number in self._compounds_of(batch):
            is_active = number < self.moas * self.compounds
            moa = names[number // self.compounds] if is_active else None
            wells += [
                {
                    "compound": f"C{number + 1:02}",
                    "concentration": float(3**dose),
                    "moa": moa,
                    "number": number,
                }
                for dose in range(self.concentrations)
            ]
        return wells

    def _shift(self, well: Mapping[str, Any], potency: NDArray) -> NDArray:
        """Return what the compound of a well shifts."""
        if well["moa"] is None:
            return np.zeros(len(SHIFTED))
        phenotype = PHENOTYPES[well["moa"]]
        direction = np.array([phenotype.get(name, 0.0) for name in SHIFTED])
        steps = self.concentrations - 1
        log_dose = np.log(well["concentration"]) / np.log(3) / steps if steps else 1.0
        response = (1 + log_dose) / 2
        strength = potency[divmod(well["number"], self.compounds)]
        return self.strength * strength * response * direction


def _between(factor: Factor, place: float) -> float:
    """Return the value of a factor at a place between its limits, 0 to 1."""
    low, high = factor.limits
    return float(low * (high / low) ** place if factor.log else low + place * (high - low))
