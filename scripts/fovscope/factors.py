"""Factors of variation, as generators declare them and image tables carry them.

A factor is a column ``factor_<name>`` of an image table. What the numbers in it mean, whether
they are ordered, repeat after a period or are names, stands beside the table in its facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
    """

    name: str
    values: int | tuple[Any, ...] | None = None
    limits: tuple[float, float] | None = None
    nominal: bool = False
    period: float | None = None
    nuisance: bool = False
    counterparts: tuple[str, ...] = ()
    unit: str = ""

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

    def to_json(self) -> dict[str, Any]:
        """Return the factor as plain values, the lists as lists."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Factor:
        """Return the factor of `to_json`."""
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in raw.items()})
