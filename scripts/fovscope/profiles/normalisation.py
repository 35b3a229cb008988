"""What is done to wells so that plates and batches can be compared; all of it by their controls.

Robust scores by plate; typical variation normalisation (TVN, Ando et al. 2017, bioRxiv 161422);
correlation alignment of batches (CORAL, Sun et al. 2016, AAAI) after it, with the constants that
Moshkov et al. 2024 (Nat Commun 15:1594) use on BBBC021; Harmony (Korsunsky et al. 2019, Nat
Methods 16:1289) through its library.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fovscope.profiles.wells import ProfileError, Profiles

_MAD_TO_SD = 1.4826
"""A normal distribution's SD over its median absolute deviation."""

_NEEDED = 2
"""Control wells without which there is no covariance."""

HARMONY = "2.1.0"
"""The version of harmonypy that is meant; its defaults changed at 2.0."""


def normalise(wells: Profiles, how: str, *, regularisation: float = 1.0, seed: int = 0) -> Profiles:
    """Return the wells normalised in one of the ways of `NORMALISATIONS`.

    Parameters
    ----------
    wells : Profiles
        Wells of all plates, controls among them.
    how : str
        ``none``, ``mad``, ``tvn``, ``tvn_coral`` or ``harmony``.
    regularisation : float
        λ, added to the variances that TVN divides by; published: 1, beside features of networks.
    seed : int
        Of Harmony's clusters.

    Raises
    ------
    ProfileError
        If the controls are missing that it needs, or the library of Harmony is.
    """
    require_controls(wells, how)
    return NORMALISATIONS[how](wells, regularisation, seed)


def require_controls(wells: Profiles, how: str) -> None:
    """Raise `ProfileError` unless the wells have the controls that a normalisation needs.

    Parameters
    ----------
    wells : Profiles
        Of which `about` counts.
    how : str
        As for `normalise`.
    """
    if how in _CONTROLS:
        _require(wells.about, *_CONTROLS[how])


def none(wells: Profiles, regularisation: float, seed: int) -> Profiles:
    """Leave the wells as they are."""
    del regularisation, seed
    return wells


def mad(wells: Profiles, regularisation: float, seed: int) -> Profiles:
    """Subtract the median of the plate's controls, divide by their median absolute deviation.

    A dimension in which the controls of a plate do not deviate is divided by the deviation over
    the controls of all plates, each about its own median; by 1 if that is 0 as well.
    """
    del regularisation, seed
    plates, control = wells.about["plate"].to_numpy(), wells.about["control"].to_numpy()
    values = wells.values.copy()
    scales = {}
    for plate in np.unique(plates):
        of_plate = plates == plate
        values[of_plate] -= np.median(values[of_plate & control], axis=0)
        scales[plate] = np.median(np.abs(values[of_plate & control]), axis=0)
    pooled = np.median(np.abs(values[control]), axis=0)
    pooled = np.where(pooled > 0, pooled, 1 / _MAD_TO_SD)
    for plate, scale in scales.items():
        values[plates == plate] /= _MAD_TO_SD * np.where(scale > 0, scale, pooled)
    return Profiles(wells.about, values)


def tvn(wells: Profiles, regularisation: float, seed: int) -> Profiles:
    """Whiten by the covariance of the controls: x ↦ (x − μ)·V·(s + λ)^(−½).

    V and s are eigenvectors and eigenvalues of C = XᵀX/n of the n centred control wells; there is
    no rotation back. λ keeps finite what the controls do not vary in, be there fewer of them than
    dimensions or not.
    """
    del seed
    controls = wells.values[wells.about["control"].to_numpy()]
    mean = controls.mean(axis=0)
    variances, axes = np.linalg.eigh(_covariance(controls))
    floor = max(regularisation, np.finfo(float).eps * max(variances.max(), 1.0))
    scale = 1 / np.sqrt(np.clip(variances, 0, None) + floor)
    return Profiles(wells.about, (wells.values - mean) @ (axes * scale))


def tvn_coral(wells: Profiles, regularisation: float, seed: int) -> Profiles:
    """Give the controls of each batch the covariance of all, after `tvn`.

    X_b ↦ X_b·(C_b + I)^(−½)·(C + I)^(½), where C_b and C are the covariances of the control wells
    of batch b and of all batches, each about its own mean.
    """
    whitened = tvn(wells, regularisation, seed)
    batches, control = wells.about["batch"].to_numpy(), wells.about["control"].to_numpy()
    colour = _power(_covariance(whitened.values[control]), 0.5)
    values = np.empty_like(whitened.values)
    for batch in np.unique(batches):
        of_batch = batches == batch
        spread = _covariance(whitened.values[of_batch & control])
        values[of_batch] = whitened.values[of_batch] @ _power(spread, -0.5) @ colour
    return Profiles(wells.about, values)


def harmony(wells: Profiles, regularisation: float, seed: int) -> Profiles:
    """Move the wells of all batches into common clusters; needs no controls.

    The library is under the GPL and so no part of the environment: see docs/profiling.md.
    """
    del regularisation
    try:
        library = importlib.import_module("harmonypy")
    except ImportError:
        raise ProfileError(
            "the normalisation harmony needs a library that is not there (it is under the GPL, "
            f"and so not installed with fovscope): pip install harmonypy=={HARMONY}"
        ) from None
    moved = library.run_harmony(
        wells.values, wells.about, ["batch"], random_state=seed, verbose=False
    )
    return Profiles(wells.about, np.asarray(moved.Z_corr, dtype=np.float64))


NORMALISATIONS: dict[str, Callable[[Profiles, float, int], Profiles]] = {
    "none": none,
    "mad": mad,
    "tvn": tvn,
    "tvn_coral": tvn_coral,
    "harmony": harmony,
}
"""All normalisations by name."""

_CONTROLS: dict[str, tuple[str | None, int]] = {
    "mad": ("plate", 1),
    "tvn": (None, _NEEDED),
    "tvn_coral": ("batch", _NEEDED),
}
"""Of what each needs how many control wells at least: each plate, each batch, or all together."""


def _require(about: pd.DataFrame, of: str | None, at_least: int) -> None:
    control = about["control"]
    if control.sum() < _NEEDED:
        raise ProfileError(
            f"there are {control.sum()} control wells: a normalisation by controls needs two and "
            "more. Say in the column of controls which wells are, or use the normalisation none"
        )
    if of is None:
        return
    counts = control.groupby(about[of]).sum()
    without = counts.index[counts < at_least]
    if len(without):
        wanted = "no control wells" if at_least == 1 else f"fewer than {at_least} control wells"
        raise ProfileError(
            f"{of} {', '.join(map(str, without[:5]))} has {wanted} ({len(without)} of "
            f"{len(counts)}): leave it out, or use a normalisation that needs none"
        )


def _covariance(values: NDArray) -> NDArray[np.float64]:
    centred = values - values.mean(axis=0)
    return centred.T @ centred / len(values)


def _power(covariance: NDArray, exponent: float) -> NDArray[np.float64]:
    """Return (C + I) to a power, of a covariance C."""
    variances, axes = np.linalg.eigh(covariance)
    return (axes * (np.clip(variances, 0, None) + 1) ** exponent) @ axes.T
