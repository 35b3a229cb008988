"""How far each treatment moves each dimension from the controls of its plates.

Cohen's d with the SD of the controls: the mean difference of the treatment's wells from the mean
of their plates' controls, over the SD of control wells within plates (Glass's Δ, pooled). The
interval is the normal one of Hedges and Olkin (1985, Statistical Methods for Meta-Analysis,
chapter 5, equation 14).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fovscope.profiles.wells import ProfileError, Profiles

_NORMAL = 1.959964
"""97.5 % quantile of the normal distribution."""


def effect_sizes(wells: Profiles, dimensions: Sequence[str]) -> pd.DataFrame:
    """Return the effect of each treatment on each dimension, in SDs of the plate's controls.

    Parameters
    ----------
    wells : Profiles
        Wells that are not normalised, D dimensions.
    dimensions : sequence of str
        Their D names.

    Returns
    -------
    DataFrame
        ``treatment, compound, concentration, moa, dimension, effect, low, high, wells``. A
        dimension in which controls do not vary within plates is left out.

    Raises
    ------
    ProfileError
        If a plate with treated wells has no controls, or no plate has two.
    """
    about = wells.about
    control = about["control"].to_numpy()
    plates, names = pd.factorize(about["plate"])
    counts = np.bincount(plates[control], minlength=len(names))
    if (counts[plates[~control]] == 0).any():
        bare = names[counts == 0]
        raise ProfileError(
            f"plate {', '.join(map(str, bare[:5]))} has no control wells: there is nothing to "
            "measure effects against"
        )
    freedom = control.sum() - (counts > 0).sum()
    if freedom < 1:
        raise ProfileError("no plate has two control wells: their spread is not known")
    means = np.zeros((len(names), wells.values.shape[1]))
    np.add.at(means, plates[control], wells.values[control])
    differences = wells.values - (means / np.maximum(counts, 1)[:, None])[plates]
    spread = np.sqrt(np.square(differences[control]).sum(axis=0) / freedom)
    varies = spread > 1e-9 * np.abs(wells.values).max(axis=0, initial=0)
    scaled = (differences[:, varies] / spread[varies])[~control]
    kept = [name for name, is_kept in zip(dimensions, varies, strict=True) if is_kept]
    keys = ["treatment", "compound", "concentration", "moa"]
    treated = about.loc[~control, keys].groupby(keys, sort=True, dropna=False)
    treatment, n = treated.ngroup().to_numpy(), treated.size().to_numpy()
    effect = np.zeros((len(n), len(kept)))
    np.add.at(effect, treatment, scaled)
    effect /= n[:, None]
    m = control.sum()
    half = _NORMAL * np.sqrt(((n + m) / (n * m))[:, None] + effect**2 / (2 * (n + m))[:, None])
    long = treated.size().rename("wells").reset_index()
    long = long.loc[np.repeat(long.index, len(kept))].reset_index(drop=True)
    numbers = {"effect": effect, "low": effect - half, "high": effect + half}
    long["dimension"] = np.tile(np.array(kept, dtype=object), len(n))
    long = long.assign(**{name: table.ravel() for name, table in numbers.items()})
    return long[[*keys, "dimension", *numbers, "wells"]]
