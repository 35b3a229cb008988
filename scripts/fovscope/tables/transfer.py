"""Quality of the transfer, without labels.

Does a named factor follow its own counterpart? For each factor that the source names: the
strongest |r| of its dimension with a handcrafted counterpart on the target (Scale: area, …), the
strongest with a feature of any other factor, and the gap between the two. A factor that
transferred has a large first number and a wide gap.

The stress test asks whether that hangs on a few features: features that say nearly the same
(`Feature.kin`) are left out together, one group after the other, and the gap taken again.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from fovscope.interpret.features import COUNTERPARTS, FEATURES
from fovscope.tables.matching import in_order
from fovscope.tables.render import mean_sd

CONFIDENCE = 0.95

_KEYS = ["target", "input", "stage", "dimension"]


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


def long_table(correlations: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Return the table of transfer quality.

    Parameters
    ----------
    correlations : DataFrame
        Rows of kind ``correlation`` of all models, `with_names`.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    DataFrame
        One row for each target × input × stage × factor: `own_mean`, `own_sd`, `own_feature` (the
        most frequent one), likewise `other_…`; `gap_mean`, `gap_sd`, `gap_low`, `gap_high` (95 %
        t-interval of the mean over models), `positive` (share of models with a gap above 0), `n`
        models; of the stress test `gap_min`, `gap_max` over the groups of features left out, and
        `sensitive_to`, the group that moves the gap most.
    """
    pearson = correlations[
        (correlations["score"] == "pearson") & correlations["dimension"].isin(COUNTERPARTS)
    ]
    keys = [*_KEYS, "weights_digest", "data_digest"]
    lines = []
    for key, rows in pearson.groupby(keys, sort=False, dropna=False):
        strength = rows.pivot(index=["recipe", "seed"], columns="feature", values="value").abs()
        line = dict(zip(keys, key, strict=True))
        versions = ", ".join(sorted(set(rows["fovscope"])))
        line |= _line(strength, COUNTERPARTS[line["dimension"]])
        lines.append(line | {"variant": variant, "fovscope": versions})
    return in_order(pd.DataFrame(lines), _KEYS).rename(columns={"dimension": "factor"})


def _line(strength: pd.DataFrame, counterparts: tuple[str, ...]) -> dict[str, object]:
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
    low, high = _interval(line["gap_mean"], line["gap_sd"], len(values))
    return line | {
        "own_feature": _most_frequent(names[found.own_feature]),
        "other_feature": _most_frequent(names[found.other_feature]),
        "gap_low": low,
        "gap_high": high,
        "positive": float((found.gap > 0).mean()),
        **_stress(values, is_own, names),
    }


def _stress(
    strength: NDArray[np.float64], is_own: NDArray[np.bool_], names: NDArray
) -> dict[str, object]:
    """Return the range of the mean gap when features are left out, and which move it most."""
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


def _interval(mean: float, sd: float, n: int) -> tuple[float, float]:
    """Return the t-interval of a mean over n models; NaN for a single one."""
    if n < 2:
        return np.nan, np.nan
    half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * sd / np.sqrt(n)
    return mean - half, mean + half


def _most_frequent(names: NDArray) -> str:
    return Counter(names.tolist()).most_common(1)[0][0]


def view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads."""
    return pd.DataFrame([_view_line(row) for row in long.itertuples()])


def _view_line(row: tuple) -> dict[str, object]:
    line = {name: getattr(row, name) for name in ("target", "input", "stage", "factor", "n")}
    if pd.isna(row.own_mean):
        return line | dict.fromkeys(("own |r|", "largest other |r|", "gap", _STRESS), "–")
    own, other = (
        f"{mean_sd(mean, sd, digits=2)} ({feature})"
        for mean, sd, feature in (
            (row.own_mean, row.own_sd, row.own_feature),
            (row.other_mean, row.other_sd, row.other_feature),
        )
    )
    interval = "" if row.n < 2 else f" [{row.gap_low:.2f}, {row.gap_high:.2f}]"
    stress = f"{row.gap_min:.2f} to {row.gap_max:.2f}" if pd.notna(row.gap_min) else "–"
    return line | {
        "own |r|": own,
        "largest other |r|": other,
        "gap": f"{row.gap_mean:.2f}{interval}",
        _STRESS: f"{stress} ({row.sensitive_to})" if row.sensitive_to else stress,
    }


_STRESS = "gap, kindred features left out"

CAPTION = (
    "Does a named factor follow its own handcrafted counterpart on the target? Strongest |r| with "
    "a counterpart and with any other feature (in brackets which, in most models), mean ± SD over "
    "n models (all β and seeds); their gap with a 95 % t-interval over models; the range of the "
    "gap when kindred features are left out together (in brackets those that move it most). "
    "Supervision: {supervision}. Variant: {variant}."
)
