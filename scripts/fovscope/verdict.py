"""Does a name hold? What makes a dimension worth its name on a target, and how it is printed.

A name is earned by three kinds of evidence on the target itself: the dimension goes with what its
factor is (|r| with the true factor, or with a measured counterpart), it goes with nothing else as
much (the gap), and it answers when the factor alone is set (interventions).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fovscope.dimensions import owners
from fovscope.factors import Bound

HOLDS = "holds"
PARTLY = "partly"
DOES_NOT_HOLD = "does not hold"
NOT_MEASURABLE = "not measurable here"

VERDICTS = (HOLDS, PARTLY, DOES_NOT_HOLD, NOT_MEASURABLE)
"""From best to worst."""

MEASURED = "measured"
"""In the place of a verdict: no name of a dimension, but what was measured itself."""

OWN = 0.7
"""|r| from which on a name holds: half of the variance (r² = .49) is that of the factor."""

GAP = 0.3
"""Gap from which on a name holds: at |r| .7 the next property shares at most .4² = 16 % of the
variance, a third of what the factor itself shares."""

RESPONSE = 0.67
"""Lead from which on a name holds: set the factor alone, and its own dimension has twice as much
squared movement as any other. The share of all movement would fall with each free dimension."""

DIRECTION = 0.5
"""Correlation of the changes of dimension and setting from which on a name holds: of two random
pairs some two thirds go the same way (Kendall's τ is 2/π·asin(.5) = 1/3 for normal variables)."""

PARTLY_OWN = 0.5
"""|r| from which on a name holds in part: a quarter of the variance, and no other has more."""


class Evidence(NamedTuple):
    """What is known of the dimension of a factor on a target, means over models.

    Attributes
    ----------
    own : float
        |r| with the factor or its strongest counterpart; NaN where neither can be measured.
    gap : float
        `own` less the largest |r| with anything else.
    gap_low : float
        Lower end of its 95 % interval over models; NaN for one model.
    response : float
        Lead of its movement when the factor alone is set; NaN without interventions.
    direction : float
        |correlation| of the changes of dimension and setting; NaN where it is not ordered.
    """

    own: float
    gap: float
    gap_low: float = math.nan
    response: float = math.nan
    direction: float = math.nan


class Verdict(NamedTuple):
    """Whether a name holds.

    Attributes
    ----------
    word : str
        One of `VERDICTS`.
    short_of : tuple of str
        What it falls short of to hold; empty where it does, or where nothing can be measured.
    """

    word: str
    short_of: tuple[str, ...] = ()


def judge(evidence: Evidence) -> Verdict:
    """Say whether a name holds, from means over models.

    What is not known, NaN, does not count against it: the gap of a single model has no interval,
    and a factor may have no intervention.
    """
    if math.isnan(evidence.own):
        return Verdict(NOT_MEASURABLE)
    reached = {
        f"own |r| {OWN}": evidence.own >= OWN,
        f"gap {GAP}": evidence.gap >= GAP,
        "gap interval above 0": math.isnan(evidence.gap_low) or evidence.gap_low > 0,
        f"response {RESPONSE}": math.isnan(evidence.response) or evidence.response >= RESPONSE,
        f"direction {DIRECTION}": math.isnan(evidence.direction) or evidence.direction >= DIRECTION,
    }
    short_of = tuple(what for what, is_reached in reached.items() if not is_reached)
    if not short_of:
        return Verdict(HOLDS)
    in_part = evidence.own >= PARTLY_OWN and evidence.gap > 0
    return Verdict(PARTLY if in_part else DOES_NOT_HOLD, short_of)


def display_name(dimension: str, factor: str, verdict: str) -> str:
    """Return what a dimension is called before a reader on a target.

    Parameters
    ----------
    dimension : str
        Its number, ``z3``; of a factor that owns two ``z3, z4``.
    factor : str
        The factor that training named it after.
    verdict : str
        One of `VERDICTS`.

    Returns
    -------
    str
        ``Size`` where the name holds, ``Size (partly)``, else the number with what it was named:
        ``z3 (named Scale; does not hold here)``.

    Raises
    ------
    ValueError
        If there is no such verdict.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"a verdict is one of {', '.join(VERDICTS)}, not {verdict!r}")
    if verdict == HOLDS:
        return factor
    if verdict == PARTLY:
        return f"{factor} ({PARTLY})"
    here = verdict if verdict.endswith("here") else f"{verdict} here"
    return f"{dimension} (named {factor}; {here})"


def judged_names(latent_dim: int, bound: Iterable[Bound], verdicts: Mapping[str, str]) -> list[str]:
    """Return what each of d latent dimensions is called before a reader on a target.

    Parameters
    ----------
    latent_dim : int
        Number of dimensions d.
    bound : iterable of Bound
        Factors with the dimensions that training bound to them.
    verdicts : mapping of str to str
        Verdict by factor; a factor without one is said to be not judged.

    Returns
    -------
    list of str
        As `display_name` has them, ``z7`` where a dimension is free.
    """
    names = []
    for k, owner in enumerate(owners(latent_dim, bound)):
        dimension = f"z{k}"
        if not owner.factor:
            names.append(dimension)
        elif owner.factor in verdicts:
            names.append(display_name(dimension, owner.name, verdicts[owner.factor]))
        else:
            names.append(f"{dimension} (named {owner.name}; not judged here)")
    return names


def summary(verdicts: Mapping[str, str]) -> str:
    """Return verdicts in a line, the best first: ``holds: Size, Hue; does not hold: Scale``."""
    by_word = {word: [f for f, v in verdicts.items() if v == word] for word in VERDICTS}
    return "; ".join(f"{word}: {', '.join(found)}" for word, found in by_word.items() if found)
