"""Whether a target has images enough for what a study is to do with them.

Networks do not run for images with which nothing can be done afterwards: principal components are
at most as many as training images, and a class has a spread from two images on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fovscope.datasets.listing import DataError, listed


def require_enough(images: pd.DataFrame, demands: Mapping[str, Any], where: str) -> None:
    """Raise `DataError` unless the images of a target suffice.

    Parameters
    ----------
    images : DataFrame
        Its image table.
    demands : mapping
        ``at_most_images``, by representation the number of its dimensions where that can be as
        large as there are training images; ``held_out``, the classes without which, in turn, these
        are fitted as well; ``spreads``, whether each class must have a spread. Each may be missing.
    where : str
        The target, for messages.
    """
    train = images[images["split"] == "train"]
    fitted = {"": len(train)}
    for label in demands.get("held_out", ()):
        fitted[f" without the class '{label}'"] = int((train["label"] != label).sum())
    cases = [
        f"{name}: {count} from {rows} training images{without}"
        for name, count in demands.get("at_most_images", {}).items()
        for without, rows in fitted.items()
        if count > rows
    ]
    lists = []
    if cases:
        kind = (
            "more dimensions than training images; add images, set fewer in 'representations', or"
        )
        lists.append(listed(f"{kind} leave the representation out", cases))
    if demands.get("spreads") and "label" in images:
        different = train.groupby("label")["sha256"].nunique()
        cases = [f"{label}: {count}" for label, count in different.items() if count < 2]
        if cases:
            kind = "classes without two different training images, which open_set and encode need"
            lists.append(listed(f"{kind}; add some, or leave the class out", cases))
    if lists:
        raise DataError("\n".join([f"{where} has too few images for this study:", *lists]))
