"""Whether profiles can be made of a screen: asked when its image table is made.

Networks do not run for a screen whose table lacks a column, or whose plates lack the controls that
a normalisation of the study needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fovscope.profiles.normalisation import require_controls
from fovscope.profiles.wells import (
    COLUMNS,
    ProfileError,
    pool_treatments,
    pool_wells,
    screen_columns,
)


def require_screen(images: pd.DataFrame, options: Mapping[str, Any], where: str) -> None:
    """Raise `ProfileError` unless wells and treatments can be profiled as a study says.

    Parameters
    ----------
    images : DataFrame
        The image table of the target.
    options : mapping
        Its section `profiles`: the names of its columns and the ``normalisations``.
    where : str
        The target, for messages.
    """
    try:
        cells = screen_columns(images, {name: options[name] for name in COLUMNS})
        wells = pool_wells(cells, np.zeros((len(cells), 1)))
        pool_treatments(wells)
        for how in options["normalisations"]:
            require_controls(wells, how)
    except ProfileError as error:
        raise ProfileError(f"{where} cannot be profiled: {error}") from error
