"""Mean average precision (mAP) of treatments, through copairs (Kalinin et al. 2025, Nat Commun
16:5181), with what is easily got wrong settled here.

Activity asks whether the wells of a treatment are nearer to each other than to the controls *of
their plate*: with the controls of all plates pooled, treatments without effect look active, as
wells of a plate resemble each other. Consistency asks whether treatments of a mechanism of action
(MOA) but of different compounds are nearer to each other than to those of other MOAs.

p-values are those of copairs 0.5.5, which counts the draws of the null that are *above* the mAP.
Its null lies in a fresh folder: in the home folder, where it would be by default, it would depend
on what was computed before.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass

import numpy as np
import pandas as pd
from copairs.map import average_precision, mean_average_precision
from copairs.matching import UnpairedException

from fovscope.profiles.similarity import comparable, pair_similarities
from fovscope.profiles.wells import ProfileError, Profiles

logging.getLogger("copairs").setLevel(logging.WARNING)  # it tells each of its steps

SIGNIFICANT = 0.05
"""Corrected p-value below which a treatment is active and an MOA consistent."""

_COLUMNS = ["map", "normalised_map", "p_value", "corrected_p_value"]


@dataclass(frozen=True)
class Precision:
    """Mean average precision of groups.

    Attributes
    ----------
    scores : DataFrame
        A row per group: its name (``treatment`` or ``moa``), ``map``, ``normalised_map``
        ((AP − μ₀)/(1 − μ₀), μ₀ that of random ranks), ``p_value, corrected_p_value`` (Benjamini
        and Hochberg) and ``significant``.
    without : tuple of str
        Groups with nothing to find: a treatment of one well, an MOA of one compound.
    """

    scores: pd.DataFrame
    without: tuple[str, ...]


def activity(wells: Profiles, *, null_size: int = 10_000, seed: int = 0) -> Precision:
    """Score how well the wells of a treatment find each other among their plates' controls.

    Parameters
    ----------
    wells : Profiles
        Wells, controls among them.
    null_size, seed : int
        Random ranks to compare with, and their seed.

    Raises
    ------
    ProfileError
        If no treatment has two wells, or no plate with treatments has controls.
    """
    about = wells.about
    control = about["control"].to_numpy()
    # A control differs from every other in `reference`, treated wells do not: so are treated wells
    # paired with controls, never with each other, and controls never with controls.
    reference = np.where(control, np.arange(len(about)), -1)
    treatment = pd.factorize(about["treatment"].where(~control, "control"))[0]
    meta = pd.DataFrame(
        {
            "treatment": np.where(control, -1, treatment),
            "reference": reference,
            "plate": pd.factorize(about["plate"])[0],
        }
    )
    precision = _average_precision(
        meta,
        wells,
        pos_sameby=["treatment", "reference"],
        pos_diffby=[],
        neg_sameby=["plate"],
        neg_diffby=["treatment", "reference"],
        otherwise="no treatment has two wells, or none shares its plate with controls: there is "
        "no activity to measure",
    )
    precision["treatment"] = about["treatment"].to_numpy()
    return _mean(precision[~control], "treatment", null_size, seed)


def consistency(treatments: Profiles, *, null_size: int = 10_000, seed: int = 0) -> Precision:
    """Score how well treatments of an MOA find those of other compounds among all others.

    Parameters
    ----------
    treatments : Profiles
        As of `pool_treatments`; those without an MOA are left out.
    null_size, seed : int
        Random ranks to compare with, and their seed.

    Raises
    ------
    ProfileError
        If there is no MOA with two compounds, or only one MOA.
    """
    known = treatments.at(treatments.about["moa"].notna().to_numpy())
    about = known.about
    meta = pd.DataFrame({k: pd.factorize(about[k])[0] for k in ("moa", "compound")})
    precision = _average_precision(
        meta,
        known,
        pos_sameby=["moa"],
        pos_diffby=["compound"],
        neg_sameby=[],
        neg_diffby=["moa"],
        otherwise="no mechanism of action has two compounds, or there is only one mechanism: "
        "there is no consistency to measure",
    )
    precision["moa"] = about["moa"].to_numpy()
    return _mean(precision, "moa", null_size, seed)


def _average_precision(
    meta: pd.DataFrame,
    profiles: Profiles,
    *,
    otherwise: str,
    **pairs: list[str],
) -> pd.DataFrame:
    try:
        return average_precision(
            meta,
            comparable(profiles.values),
            **pairs,
            distance=pair_similarities,
            progress_bar=False,
        )
    except UnpairedException:
        raise ProfileError(otherwise) from None


def _mean(precision: pd.DataFrame, group: str, null_size: int, seed: int) -> Precision:
    unpaired = (precision["n_pos_pairs"] == 0) | (
        precision["n_pos_pairs"] == precision["n_total_pairs"]
    )
    usable = precision[~unpaired]
    without = sorted(set(precision[group]) - set(usable[group]))
    if not len(usable):
        raise ProfileError(f"no {group} has both what it should find and what it should not")
    with tempfile.TemporaryDirectory() as folder:
        scores = mean_average_precision(
            usable,
            [group],
            null_size=null_size,
            threshold=SIGNIFICANT,
            seed=seed,
            progress_bar=False,
            max_workers=1,
            cache_dir=folder,
        )
    scores = scores.rename(
        columns={
            "mean_average_precision": "map",
            "mean_normalized_average_precision": "normalised_map",
        }
    )[[group, *_COLUMNS]]
    return Precision(
        scores.assign(significant=scores["corrected_p_value"] < SIGNIFICANT), tuple(without)
    )
