"""Quality of the transfer, without labels.

Does a named factor follow its own counterpart? For each factor that the source names: the
strongest |r| of its dimension with a handcrafted counterpart on the target (Scale: area, …), the
strongest with a feature of any other factor, and the gap between the two. A factor that
transferred has a large first number and a wide gap. The two dimensions of a direction are judged
together (`fovscope.interpret.association`).

The stress test asks whether that hangs on a few features: features that say nearly the same
(`Feature.kin`) are left out together, one group after the other, and the gap taken again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from fovscope.interpret.features import FEATURES
from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, row_of, variant_of
from fovscope.tables.matching import (
    LATENTS,
    factors_of,
    in_named_order,
    meaningful,
    name_dimensions,
    with_names,
)
from fovscope.tables.render import mean_sd, versions_of

CONFIDENCE = 0.95

_STRESS = "gap, kindred features left out"
_KEYS = ["target", "input", *RECIPE, "stage", "dimension"]
_ROW = [*_KEYS[:-1], "factor"]


@table(
    "transfer",
    kinds=("correlation",),
    facts=("factors",),
    section="What each dimension means",
    order=10,
    caption="Does a named factor follow its own handcrafted counterpart on the target? Strongest "
    "|r| (where a factor owns two dimensions, the R of both) with a counterpart and with any other "
    "feature (in brackets which, in most models), mean ± SD over n models (all β and seeds); their "
    "gap with a 95 % t-interval over models; the range of the gap when kindred features are left "
    "out together (in brackets those that move it most). Supervision: {supervision}. "
    "Variant: {variant}.",
)
def transfer(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Whether each named factor follows its own counterpart on the target.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``correlation`` of all models.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × factor that is no
        nuisance: `own_mean`, `own_sd`, `own_feature` (the most frequent one), likewise `other_…`;
        `gap_mean`, `gap_sd`, `gap_low`, `gap_high` (95 % t-interval of the mean over models),
        `positive` (share of models with a gap above 0), `n` models; of the stress test `gap_min`,
        `gap_max` over the groups of features left out, and `sensitive_to`, the group that moves
        the gap most.
    """
    rows = by_family(scores, facts)
    rows = rows[(rows["score"] == "pearson") & (rows["representation"] == LATENTS)]
    named = with_names(rows, name_dimensions(rows, facts))
    keys, lines = [*_KEYS, "weights_digest", "data_digest"], []
    for key, of_line in named.groupby(keys, sort=False, dropna=False):
        line = dict(zip(keys, key, strict=True))
        own = {f.name: f.counterparts for f in meaningful(factors_of(line["source"], facts))}
        if line["dimension"] in own:
            strength = of_line.pivot(index="model", columns="feature", values="value").abs()
            line |= gap_line(strength, own[line["dimension"]])
            if pd.notna(line["gap_mean"]):
                line |= _stress(strength, own[line["dimension"]])
            line |= {"fovscope": versions_of(of_line["fovscope"])}
            lines.append(line)
    long = in_named_order(pd.DataFrame(lines, columns=None if lines else keys), _KEYS, facts)
    long = long.rename(columns={"dimension": "factor"}).assign(variant=variant_of(facts))
    return Views(long, _view(long, facts))


class Contrast(NamedTuple):
    """How the dimension of a factor in M models divides between its own and other features.

    Attributes
    ----------
    own, other : ndarray, shape (M,)
        Strongest |r| with a counterpart of the factor, and with any other feature.
    own_feature, other_feature : ndarray of int, shape (M,)
        Which features these are.
    """

    own: NDArray[np.float64]
    other: NDArray[np.float64]
    own_feature: NDArray[np.intp]
    other_feature: NDArray[np.intp]

    @property
    def gap(self) -> NDArray[np.float64]:
        """Own minus other, shape (M,)."""
        return self.own - self.other


def contrast(strength: NDArray[np.float64], is_own: NDArray[np.bool_]) -> Contrast:
    """Find the strongest own and the strongest other feature in each model.

    Parameters
    ----------
    strength : ndarray, shape (M, F)
        |r| of the factor's dimension with F features in M models.
    is_own : ndarray of bool, shape (F,)
        Which features are counterparts of the factor; at least one is, and one is not.
    """
    own, other = np.where(is_own, strength, -1.0), np.where(is_own, -1.0, strength)
    return Contrast(own.max(axis=1), other.max(axis=1), own.argmax(axis=1), other.argmax(axis=1))


def gaps_without_each(
    strength: NDArray[np.float64], is_own: NDArray[np.bool_], groups: NDArray[np.str_]
) -> dict[str, float]:
    """Return the mean gap over models when each group of features is left out in turn.

    Parameters
    ----------
    strength, is_own
        As in `contrast`.
    groups : ndarray of str, shape (F,)
        Name of each feature's group.

    Returns
    -------
    dict of str to float
        By group. Left out is a group without which the factor has no counterpart, or nothing else
        is there: then there is nothing to ask.
    """
    gaps = {}
    for group in dict.fromkeys(groups.tolist()):
        kept = groups != group
        if is_own[kept].any() and not is_own[kept].all():
            gaps[group] = float(contrast(strength[:, kept], is_own[kept]).gap.mean())
    return gaps


def gap_line(strength: pd.DataFrame, counterparts: Sequence[str]) -> dict[str, object]:
    """Return how a factor's dimension divides between its own and other features, over models.

    Parameters
    ----------
    strength : DataFrame
        |r| of the dimension in M models (rows) with features (columns).
    counterparts : sequence of str
        The features that are the factor's own.

    Returns
    -------
    dict
        ``n`` models; ``own_mean, own_sd, own_feature`` (the most frequent one), likewise
        ``other_…``; ``gap_mean, gap_sd, gap_low, gap_high`` (95 % t-interval), ``positive``.
        Numbers are NaN where no counterpart can be measured, or nothing else.
    """
    names, values = np.array(strength.columns), strength.to_numpy()
    is_own = np.isin(names, counterparts)
    numbers = ("own", "other", "gap")
    line = {"n": len(values)} | {
        f"{name}_{kind}": np.nan for name in numbers for kind in ("mean", "sd")
    }
    # No sound objects, or all counterparts are constant on this target
    if np.isnan(values).any() or not is_own.any() or is_own.all():
        return line
    found = contrast(values, is_own)
    for name in numbers:
        per_model = getattr(found, name)
        sd = per_model.std(ddof=1) if len(values) > 1 else np.nan
        line |= {f"{name}_mean": per_model.mean(), f"{name}_sd": sd}
    low, high = t_interval(line["gap_mean"], line["gap_sd"], len(values))
    return line | {
        "own_feature": _most_frequent(names[found.own_feature]),
        "other_feature": _most_frequent(names[found.other_feature]),
        "gap_low": low,
        "gap_high": high,
        "positive": float((found.gap > 0).mean()),
    }


def _stress(strength: pd.DataFrame, counterparts: Sequence[str]) -> dict[str, object]:
    """Return the range of the mean gap when features are left out, and which move it most."""
    names, strength = np.array(strength.columns), strength.to_numpy()
    is_own = np.isin(names, counterparts)
    groups = np.array([FEATURES[name].kin or name for name in names])
    gaps = gaps_without_each(strength, is_own, groups)
    if not gaps:
        return {"gap_min": np.nan, "gap_max": np.nan, "sensitive_to": ""}
    gap = contrast(strength, is_own).gap.mean()
    moved = {group: abs(without - gap) for group, without in gaps.items()}
    most = max(moved, key=moved.get)
    return {
        "gap_min": min(gaps.values()),
        "gap_max": max(gaps.values()),
        "sensitive_to": most if moved[most] > 0 else "",
    }


def t_interval(mean: float, sd: float, n: int) -> tuple[float, float]:
    """Return the t-interval of a mean over n models; NaN for a single one."""
    if n < 2:
        return np.nan, np.nan
    half = stdtrit(n - 1, (1 + CONFIDENCE) / 2) * sd / np.sqrt(n)
    return mean - half, mean + half


def _most_frequent(names: NDArray) -> str:
    return Counter(names.tolist()).most_common(1)[0][0]


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    row = row_of(_ROW, facts)
    return pd.DataFrame([_view_line(line, row) for line in long.itertuples()])


def _view_line(line: tuple, row: list[str]) -> dict[str, object]:
    cells = {name: getattr(line, name) for name in (*row, "n")}
    if pd.isna(line.own_mean):
        return cells | dict.fromkeys(("own |r|", "largest other |r|", "gap", _STRESS), "–")
    own, other = (
        f"{mean_sd(mean, sd, digits=2)} ({feature})"
        for mean, sd, feature in (
            (line.own_mean, line.own_sd, line.own_feature),
            (line.other_mean, line.other_sd, line.other_feature),
        )
    )
    interval = "" if line.n < 2 else f" [{line.gap_low:.2f}, {line.gap_high:.2f}]"
    stress = f"{line.gap_min:.2f} to {line.gap_max:.2f}" if pd.notna(line.gap_min) else "–"
    return cells | {
        "own |r|": own,
        "largest other |r|": other,
        "gap": f"{line.gap_mean:.2f}{interval}",
        _STRESS: f"{stress} ({line.sensitive_to})" if line.sensitive_to else stress,
    }
