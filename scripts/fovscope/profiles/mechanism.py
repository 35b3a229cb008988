"""Whether the nearest other treatment has the same mechanism of action (MOA).

Not the same compound (NSC) and not the same compound or batch (NSCB), 1 nearest neighbour by the
cosine: Ljosa et al. 2013 (J Biomol Screen 18:1321), Ando et al. 2017 (bioRxiv 161422).

* Treatments without an MOA are neither asked nor answers.
* A treatment with no other of its MOA among those allowed cannot be right: it is left out, as a
  question and as an answer, and named. On BBBC021 these are in NSCB the two mechanisms of which all
  treatments lie in one batch; there remain 92 of 103.
* To which batch a treatment of several batches belongs, `batch_rule` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.profiles.similarity import similarities
from fovscope.profiles.wells import ProfileError, Profiles

BatchRule = Literal["none", "most", "any"]
"""Batch of a treatment of several: in none (as published), the one of most wells, or in all."""


@dataclass(frozen=True)
class Neighbours:
    """Nearest allowed neighbours of treatments.

    Attributes
    ----------
    found : DataFrame
        A row per query: ``treatment, compound, moa, neighbour, neighbour_moa, similarity,
        correct``, and as ``chance`` the share of its MOA among the neighbours allowed.
    without : tuple of str
        Treatments that have no other of their MOA among those allowed.
    unknown : tuple of str
        Treatments without an MOA.
    """

    found: pd.DataFrame
    without: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of the queries whose neighbour has their MOA; missing without a query."""
        return float(self.found["correct"].mean()) if len(self.found) else np.nan


def nearest_neighbours(
    treatments: Profiles, *, other_batch: bool = False, batch_rule: BatchRule = "none"
) -> Neighbours:
    """Find the nearest treatment of another compound, and of another batch if `other_batch`.

    Parameters
    ----------
    treatments : Profiles
        As of `pool_treatments`.
    other_batch : bool
        NSCB instead of NSC.
    batch_rule : str
        Of treatments that are in several batches.

    Raises
    ------
    ProfileError
        If no treatment has an MOA.
    """
    about = treatments.about
    known = about["moa"].notna().to_numpy()
    if not known.any():
        raise ProfileError("no treatment has a mechanism of action: name them in the MOA column")
    asked = treatments.at(known)
    allowed = _differ(asked.about["compound"])
    if other_batch:
        allowed &= ~share_batch(asked.about, batch_rule)
    same_moa = ~_differ(asked.about["moa"])
    valid = (allowed & same_moa).any(axis=1)
    of_valid = np.ix_(valid, valid)
    found = _nearest(asked.at(valid), allowed[of_valid])
    right = (allowed & same_moa)[of_valid].sum(axis=1)
    found["chance"] = right / allowed[of_valid].sum(axis=1)
    return Neighbours(
        found,
        without=tuple(asked.about["treatment"][~valid]),
        unknown=tuple(about["treatment"][~known]),
    )


def share_batch(about: pd.DataFrame, rule: BatchRule) -> NDArray[np.bool_]:
    """Return which treatments (T, T) share a batch.

    Parameters
    ----------
    about : DataFrame
        Of T treatments, with ``batches``, the one of most wells first.
    rule : str
        ``none``: a treatment of several batches is in none of them. ``most``: it is in the one
        that has most of its wells, the first by name of several. ``any``: it is in all of them.
    """
    members = {"none": _only_one, "most": _first, "any": tuple}[rule]
    chosen = [members(batches) for batches in about["batches"]]
    batches = sorted({batch for each in chosen for batch in each})
    is_in = np.array([[batch in each for batch in batches] for each in chosen], bool)
    is_in = is_in.reshape(len(chosen), len(batches)).astype(np.int32)
    return is_in @ is_in.T > 0


def _only_one(batches: tuple[str, ...]) -> tuple[str, ...]:
    return batches if len(batches) == 1 else ()


def _first(batches: tuple[str, ...]) -> tuple[str, ...]:
    return batches[:1]


def _differ(names: pd.Series) -> NDArray[np.bool_]:
    codes, _ = pd.factorize(names)
    return codes[:, None] != codes


def _nearest(asked: Profiles, allowed: NDArray[np.bool_]) -> pd.DataFrame:
    about = asked.about
    columns = ["treatment", "compound", "moa"]
    if not len(about):
        more = ["neighbour", "neighbour_moa", "similarity", "correct"]
        return pd.DataFrame(columns=[*columns, *more])
    similarity = np.where(allowed, similarities(asked.values), -np.inf)
    nearest = similarity.argmax(axis=1)
    found = about[columns].copy()
    found["neighbour"] = about["treatment"].to_numpy()[nearest]
    found["neighbour_moa"] = about["moa"].to_numpy()[nearest]
    found["similarity"] = similarity[np.arange(len(about)), nearest]
    found["correct"] = found["moa"] == found["neighbour_moa"]
    return found


def confusion(neighbours: Neighbours) -> pd.DataFrame:
    """Return by MOA which the neighbours of its treatments have.

    Returns
    -------
    DataFrame
        ``moa, neighbour_moa, share`` (of the queries of that MOA), ``n`` (queries of that MOA).
    """
    found = neighbours.found
    counts = found.groupby(["moa", "neighbour_moa"]).size().rename("count").reset_index()
    counts["n"] = counts["moa"].map(found["moa"].value_counts())
    counts["share"] = counts.pop("count") / counts["n"]
    return counts[["moa", "neighbour_moa", "share", "n"]]


def bootstrap_mean(values: NDArray, *, resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile interval of a mean over treatments.

    Treatments are drawn with replacement; what was measured of each stays as it is.

    Parameters
    ----------
    values : ndarray, shape (N,)
        One number per treatment, e.g. whether its neighbour is right.
    resamples, seed : int
        Of the bootstrap.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(values), size=(resamples, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
