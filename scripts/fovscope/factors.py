"""Factors of variation, as generators declare them and image tables carry them.

A factor is a column ``factor_<name>`` of an image table. What the numbers in it mean, whether
they are ordered, repeat after a period or are names, stands beside the table in its facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fovscope import FovscopeError

PREFIX = "factor_"
"""What the column of a factor begins with in an image table."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A factor of variation.

    Parameters
    ----------
    name : str
        As in tables, without `PREFIX`.
    values : int or tuple, optional
        The values it takes: a tuple lists them, an integer n stands for 0 to n - 1. None for a
        factor that takes any value of `limits`.
    limits : (float, float), optional
        Smallest and largest value of a factor without a list of values.
    nominal : bool
        Whether values are names, of which two are either the same or not.
    period : float, optional
        Of a direction: the value after which it repeats.
    nuisance : bool
        Whether the factor means nothing on a real image, such as a position where objects are
        centred. Its dimension is bound, but not among the named ones.
    counterparts : tuple of str
        The handcrafted features that measure it on a real image (`fovscope.interpret.features`).
    unit : str
        Unit of the values, empty for a pure number.
    log : bool
        Whether equal ratios of values are equal steps, as of sizes: the scale on which models
        are told a value, and on which it is drawn between limits.
    """

    name: str
    values: int | tuple[Any, ...] | None = None
    limits: tuple[float, float] | None = None
    nominal: bool = False
    period: float | None = None
    nuisance: bool = False
    counterparts: tuple[str, ...] = ()
    unit: str = ""
    log: bool = False

    @property
    def column(self) -> str:
        """Name of its column in an image table."""
        return PREFIX + self.name

    @property
    def size(self) -> int | None:
        """Number of values; None where they are not listed."""
        return (
            self.values if isinstance(self.values, int) or self.values is None else len(self.values)
        )

    @property
    def scale(self) -> dict[str, Any]:
        """What has to agree for values of two factors to be comparable."""
        return {key: getattr(self, key) for key in ("unit", "period", "log", "nominal")}

    def to_json(self) -> dict[str, Any]:
        """Return the factor as plain values, the lists as lists."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Factor:
        """Return the factor of `to_json`."""
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in raw.items()})


@dataclass(frozen=True)
class Bound:
    """A factor and the latent dimensions that training bound to it.

    Attributes
    ----------
    factor : Factor
        Which names the dimensions.
    dimensions : tuple of int
        One; two, cosine and sine, of a direction that was told as an angle.
    """

    factor: Factor
    dimensions: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"factor": self.factor.to_json(), "dimensions": list(self.dimensions)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Bound:
        """Return what `to_json` was made of."""
        return cls(Factor.from_json(raw["factor"]), tuple(raw["dimensions"]))


def bound_of(info: Mapping[str, Any]) -> tuple[Bound, ...]:
    """Return what dimensions of a model are bound to, from the JSON beside it.

    Raises
    ------
    FovscopeError
        If it does not say so.
    """
    if "bound" not in info:
        raise FovscopeError(
            "the JSON beside the model does not say which dimensions have names (no entry "
            "'bound'): it is of an earlier version; run the workflow again, which trains anew"
        )
    return tuple(map(Bound.from_json, info["bound"]))


def bind(factors: Iterable[Factor], *, angles: bool) -> tuple[Bound, ...]:
    """Bind the first latent dimensions to factors, in their order.

    Parameters
    ----------
    factors : iterable of Factor
        What is known.
    angles : bool
        Whether a direction, a factor with a period, gets two dimensions: cosine and sine.
    """
    bound: list[Bound] = []
    start = 0
    for factor in factors:
        stop = start + (2 if angles and factor.period is not None else 1)
        bound.append(Bound(factor, tuple(range(start, stop))))
        start = stop
    return tuple(bound)
