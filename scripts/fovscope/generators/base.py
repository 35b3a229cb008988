"""The contract of generators: images whose factors of variation are known.

A generator is a class in a file of its own, here or in a plug-in, that declares its factors and
draws an image of given ones:

    @generator("discs", factors=FACTORS)
    class Discs(Generator):
        factors = FACTORS

        def render(self, factors, rng): ...

It serves as a source, whose images are rendered on demand from a table of factors, and as a target,
whose images are written to files once. Whatever the factors leave open is drawn from the generator
of random numbers that `render` is given, so that an image depends on seed and row alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.factors import Factor
from fovscope.generators.declared import (
    GeneratorError,
    declared_factors,
    resolved_options,
)
from fovscope.images.source import ImageSource
from fovscope.registry import Entry


@dataclass(frozen=True, eq=False)
class Drawing:
    """A rendered image.

    Attributes
    ----------
    image : ndarray of uint8, shape (H, W, C)
        Grey (C = 1) or RGB (C = 3).
    mask : ndarray of uint8, shape (H, W), optional
        Not 0 inside the object.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Example:
    """An image of a generated target and what is known of it.

    Attributes
    ----------
    drawing : Drawing
        The image.
    factors : dict
        Value of each factor by name.
    label : str, optional
        Its class.
    columns : dict
        What else its row of the image table says: ``group`` and ``Metadata_…`` by name.
    """

    drawing: Drawing
    factors: dict[str, Any]
    label: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)


class Generator(ABC):
    """Makes images of given factors.

    Options of a subclass are the keyword-only parameters of its ``__init__``, each with a
    description in the docstring. Instances are picklable.

    Attributes
    ----------
    factors : tuple of Factor
        As declared.
    """

    factors: ClassVar[tuple[Factor, ...]]

    @abstractmethod
    def render(self, factors: Mapping[str, Any], rng: np.random.Generator) -> Drawing:
        """Draw one image.

        Parameters
        ----------
        factors : mapping
            Value of each factor by name.
        rng : Generator
            For everything that the factors leave open.
        """

    def image(self, factors: Mapping[str, Any], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the image of `render` alone; a generator may do so faster than with its mask."""
        return self.render(factors, rng).image

    def images(self, table: pd.DataFrame, *, seed: int) -> ImageSource:
        """Return the images of a table, each rendered when it is asked for.

        Parameters
        ----------
        table : DataFrame
            One row per image, with its number as ``image_id`` (as in a design: an image stays
            the same in a part of the table) and a column per factor.
        seed : int
            Image i is rendered with ``numpy.random.default_rng([seed, i])``, i from `streams`.
        """
        values = {factor.name: table[factor.column].to_numpy() for factor in self.factors}
        return _Rendered(self, self.streams(table, seed=seed), values, seed)

    def streams(self, table: pd.DataFrame, *, seed: int) -> NDArray[np.int64]:
        """Return the number of the random stream of each row: by default that of its image.

        Parameters
        ----------
        table : DataFrame
            As for `images`, or a part of it.
        seed : int
            As for `images`.
        """
        del seed
        return table["image_id"].to_numpy().astype(np.int64)

    def known(self, table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return which factors can be seen in which image of `images`: by default all in each.

        A factor that leaves no trace in an image, such as the hue in a grey one, cannot be learnt
        from it.

        Parameters
        ----------
        table : DataFrame
            As for `images`, or a part of it.
        seed : int
            As for `images`.

        Returns
        -------
        DataFrame of bool
            The rows of the table; a column per factor, by its name.
        """
        del seed
        names = [factor.name for factor in self.factors]
        return pd.DataFrame(True, index=table.index, columns=names)

    def make(self, index: int, seed: int) -> Example:
        """Make image `index` of a target: by default factors at random and no label."""
        rng = np.random.default_rng([seed, index])
        factors = draw_factors(self.factors, rng)
        return Example(self.render(factors, rng), factors)

    def made_of(self) -> dict[str, str]:
        """Return a digest of everything outside of the code that images depend on, by name.

        An option that is declared as a file has an entry of its name here when it is given.
        """
        return {}


@dataclass(frozen=True, eq=False)
class _Rendered:
    """Images of a generator, rendered one by one."""

    generator: Generator
    numbers: NDArray[np.int64]
    values: Mapping[str, NDArray]
    seed: int

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        factors = {name: _plain(values[row]) for name, values in self.values.items()}
        rng = np.random.default_rng([self.seed, int(self.numbers[row])])
        return self.generator.image(factors, rng)


def _plain(value: Any) -> Any:  # noqa: ANN401
    return value.item() if isinstance(value, np.generic) else value


def draw_factors(factors: Sequence[Factor], rng: np.random.Generator) -> dict[str, Any]:
    """Draw a value of each factor, independently and uniformly, in their order."""
    return {factor.name: _draw(factor, rng) for factor in factors}


def _draw(factor: Factor, rng: np.random.Generator) -> Any:  # noqa: ANN401
    if factor.limits is not None:
        low, high = factor.limits
        place = rng.uniform()
        return float(low * (high / low) ** place if factor.log else low + place * (high - low))
    level = int(rng.integers(factor.size))
    return level if isinstance(factor.values, int) else factor.values[level]


def load_generator(entry: Entry, options: Mapping[str, Any]) -> Generator:
    """Import a generator and set it up.

    Parameters
    ----------
    entry : Entry
        Of a catalogue.
    options : mapping
        Its options, as the configuration gives them.

    Raises
    ------
    GeneratorError
        If an option is unknown or missing, or the class does not have the factors that it
        declares.
    """
    factors = declared_factors(entry)
    made = entry.load()(**resolved_options(entry, options))
    if getattr(made, "factors", None) != factors:
        raise GeneratorError(
            f"{entry.file}: class {entry.definition} needs the factors that it declares as its "
            "attribute: factors = FACTORS"
        )
    return made
