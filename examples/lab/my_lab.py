"""What a laboratory brings to a study: one of each kind, in one file.

``plugins: [examples/lab/my_lab.py]`` in a configuration is all that it takes. Docs: docs/extend.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from fovscope.factors import Factor
from fovscope.figures.given import Given as ForFigure
from fovscope.figures.style import COLUMN, Drawing
from fovscope.generators.base import Drawing as Image
from fovscope.generators.base import Example, Generator
from fovscope.metrics.work import Values, Work
from fovscope.objectives.base import Batch, Number, Objective
from fovscope.registry import figure, generator, metric, objective, probe, representation, table
from fovscope.representations.base import Given as ForRepresentation
from fovscope.tables.base import RECIPE, Views, by_family, labelled, row_of

# A generator: rings of known size, thickness and brightness -------------------------------

SIDE = 64
FACTORS = (
    Factor(name="Radius", values=(8.0, 11.0, 14.0, 17.0), counterparts=("equivalent_diameter",)),
    Factor(name="Hole", values=(0.0, 0.3, 0.6), counterparts=("solidity", "extent")),
    Factor(name="Brightness", limits=(90.0, 230.0), counterparts=("value",), unit="grey values"),
    Factor(name="PosX", limits=(-8.0, 8.0), nuisance=True, unit="px"),
)


@generator("rings", factors=FACTORS, classes=("disc", "ring"), citation="My lab, 2026.")
class Rings(Generator):
    """Discs and rings on a dark, noisy ground.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise in grey values.
    """

    factors = FACTORS

    def __init__(self, *, noise: float = 6.0) -> None:
        self.noise = noise

    def render(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Image:
        """Draw one image; only the noise is left to chance."""
        y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
        distance = np.hypot(x - factors["PosX"], y) / factors["Radius"]
        mask = (distance <= 1) & (distance >= factors["Hole"])
        grey = 20 + np.where(mask, factors["Brightness"] - 20, 0)
        grey = grey + rng.normal(0, self.noise, grey.shape)
        pixels = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
        return Image(np.repeat(pixels[..., None], 3, axis=2), mask.astype(np.uint8))

    def make(self, index: int, seed: int) -> Example:
        """Make an image of a target: its class is whether there is a hole."""
        example = super().make(index, seed)
        return replace(example, label="ring" if example.factors["Hole"] else "disc")


# An objective: the KL term is held at a capacity that grows -------------------------------


@objective("capacity_vae")
class CapacityVAE(Objective):
    """Reconstruction + γ·|KL − C|, where C grows during the warm-up (Burgess et al. 2018).

    Parameters
    ----------
    gamma : float
        Weight of the distance from the capacity.
    capacity : float
        Capacity C in nats, once the warm-up is over.
    """

    def __init__(self, *, gamma: float = 10.0, capacity: float = 8.0) -> None:
        self.gamma, self.capacity = gamma, capacity

    def coefficients(self, step: int, warmth: float) -> dict[str, float]:
        """Return the capacity of the step."""
        del step
        return {"capacity": self.capacity * warmth}

    def losses(self, batch: Batch, coefficients: Mapping[str, Number]) -> dict[str, Tensor]:
        """Return loss, reconstruction and KL."""
        reconstruction, kl = batch.reconstruction, batch.kl
        loss = reconstruction + self.gamma * (kl - coefficients["capacity"]).abs()
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}


# A metric: how much of a dimension's variance lies between the values of a factor ---------


@metric("eta", titles={"eta": "η²"}, ranges={"eta": (0.0, 1.0)}, group="information", fast={})
def eta(work: Work, *, best: int = 1) -> Values:
    """Share of a dimension's variance that lies between the values of a factor (η²).

    Parameters
    ----------
    work : Work
        Codes and factors.
    best : int
        Number of dimensions that are averaged for each factor, those with the largest shares.
    """
    codes, factors = work.codes.train, work.factors.train
    shares = np.zeros((codes.shape[1] + best, factors.shape[1]))
    total = np.where(np.ptp(codes, axis=0) > 0, codes.var(axis=0), np.inf)
    for k, column in enumerate(factors.T):
        of_value = [codes[column == value] for value in np.unique(column)]
        within = sum(len(rows) * rows.var(axis=0) for rows in of_value) / len(codes)
        shares[: codes.shape[1], k] = np.where(np.isinf(total), 0, 1 - within / total)
    return {"eta": np.sort(shares, axis=0)[-best:].mean(axis=0)}


# A probe ------------------------------------------------------------------------------------


@probe("nearest", title="k-NN")
def nearest(
    codes: NDArray, classes: NDArray, seed: int, threads: int, *, neighbours: int = 5
) -> KNeighborsClassifier:
    """Vote of the nearest training images.

    Parameters
    ----------
    codes : ndarray, shape (N, D)
        A representation.
    classes : ndarray of int, shape (N,)
        Class numbers.
    seed, threads : int
        Not needed.
    neighbours : int
        Number of images that vote.
    """
    del seed, threads
    return KNeighborsClassifier(neighbours).fit(codes, classes)


# A representation: the features that vary most ----------------------------------------------


@representation("liveliest", needs="features", label="{dimensions} liveliest features of Φ")
def liveliest(given: ForRepresentation, *, dimensions: int = 8) -> NDArray:
    """Keep the features with the largest variance over the training images.

    Parameters
    ----------
    dimensions : int
        Features to keep.
    """
    variance = given.features[given.fit].var(axis=0)
    return given.features[:, np.argsort(-variance)[:dimensions]]


# A table ------------------------------------------------------------------------------------


@table(
    "best_probe",
    kinds=("accuracy",),
    facts=("probes",),
    section="Accuracy",
    order=50,
    caption="Which probe does best on each representation: mean balanced accuracy in % over all "
    "models. Variant: {variant}.",
)
def best_probe(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Find the best probe of each representation.

    Parameters
    ----------
    scores : DataFrame
        Score rows of kind ``accuracy``.
    facts : mapping
        Facts of the study.
    """
    shown = by_family(scores[scores["score"] == "balanced_accuracy"], facts)
    row = ["target", "input", *RECIPE, "stage", "representation"]
    means = shown.groupby([*row, "probe"], as_index=False, sort=False).agg(
        mean=("value", "mean"), n=("value", "size"), fovscope=("fovscope", "first")
    )
    best = means.groupby(row, sort=False)["mean"].idxmax()
    long = means.loc[best].reset_index(drop=True).assign(variant=facts["variant"])
    long["mean"] *= 100
    long["representation"] = labelled(long["representation"], facts)
    view = long[[*row_of(row, facts), "probe", "mean", "n"]].assign(
        probe=long["probe"].map(facts["probes"]), mean=long["mean"].map("{:.1f}".format)
    )
    return Views(long, view)


# A figure, made from a table of the study ---------------------------------------------------


@figure(
    "eta_bars",
    scope="study",
    of="with_factors",
    needs=("table:disentanglement",),
    section="Disentanglement",
    order=90,
    caption="η², averaged over the models of a stage; the line is that of a perfect code.",
)
def eta_bars(given: ForFigure) -> Drawing:
    """Draw η² of each data set and stage.

    Parameters
    ----------
    given : Given
        The table of disentanglement.
    """
    long = given.tables["disentanglement"]
    rows = long[(long["score"] == "eta") & ~long["stage"].str.startswith("code")]
    names = (rows["measured_on"] + ", " + rows["stage"]).tolist()

    def draw(canvas: Figure) -> None:
        axes = canvas.subplots()
        axes.barh(names, rows["mean"], color="#0072B2")
        axes.plot(rows["ceiling"], names, "|", color="black", ms=12)
        axes.set(xlim=(0, 1), xlabel="η²")

    return Drawing(COLUMN + 1.5, 0.22 * len(names) + 0.8, draw)
