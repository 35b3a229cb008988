"""The published accuracies, to stand beside ours.

Dapueto et al., IJCNN 2025 (arXiv 2506.20649): balanced accuracy in %, mean and SD in points over
20 models. The paper prints the SD as a fraction beside means in %; here both are points.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

_ROWS = [
    # data, input, stage, GBT mean and SD, MLP mean and SD
    ("Lensless", "RGB", "transferred", 70.32, 2.9, 71.93, 3.0),
    ("Lensless", "RGB", "finetuned", 73.04, 2.4, 75.48, 2.7),
    ("Lensless", "Φ", "transferred", 77.06, 2.0, 77.46, 2.2),
    ("Lensless", "Φ", "finetuned", 93.55, 1.9, 94.62, 1.7),
    ("WHOI15", "RGB", "transferred", 49.90, 1.4, 48.20, 1.8),
    ("WHOI15", "RGB", "finetuned", 50.98, 1.6, 49.29, 2.0),
    ("WHOI15", "Φ", "transferred", 47.92, 1.5, 51.96, 2.3),
    ("WHOI15", "Φ", "finetuned", 60.74, 2.6, 63.17, 3.3),
    ("Vacuoles", "RGB", "transferred", 64.03, 4.1, 59.89, 5.3),
    ("Vacuoles", "RGB", "finetuned", 65.45, 5.4, 62.77, 5.7),
    ("Vacuoles", "Φ", "transferred", 84.95, 2.0, 85.10, 1.8),
    ("Vacuoles", "Φ", "finetuned", 90.45, 1.9, 89.97, 1.9),
    ("SIPaKMeD", "RGB", "transferred", 52.63, 4.3, 51.25, 5.0),
    ("SIPaKMeD", "RGB", "finetuned", 55.10, 4.1, 55.69, 3.8),
    ("SIPaKMeD", "Φ", "transferred", 61.75, 1.9, 63.33, 1.4),
    ("SIPaKMeD", "Φ", "finetuned", 71.17, 2.5, 72.98, 2.2),
]


def published_accuracy() -> pd.DataFrame:
    """Return the published table, one row per number.

    Returns
    -------
    pandas.DataFrame
        ``published_data, published_input`` ("RGB" or "Φ"), ``stage, probe,
        published_mean, published_sd`` (percent, points); score and representation are
        those that the paper reports.
    """
    rows = [
        (data, kind, stage, probe, mean, sd)
        for data, kind, stage, *numbers in _ROWS
        for probe, mean, sd in (("gbt", *numbers[:2]), ("mlp", *numbers[2:]))
    ]
    names = ["published_data", "published_input", "stage", "probe"]
    table = pd.DataFrame(rows, columns=[*names, "published_mean", "published_sd"])
    return table.assign(score="balanced_accuracy", representation="latents")


def beside_published(long: pd.DataFrame, published: Mapping[str, Any]) -> pd.DataFrame:
    """Add ``published_mean, published_sd, difference`` (points), ``stand_in`` to a table.

    Parameters
    ----------
    long : pandas.DataFrame
        Columns ``target, input, stage, representation, probe, score, mean``.
    published : mapping
        ``data``: which published data set a target is, if any; ``images``: the inputs that are
        images, not features of a backbone; ``stand_ins``: the targets that are generated, whose
        difference from the published number says nothing of the method.
    """
    keys = {
        "published_data": [published["data"].get(target) or "" for target in long["target"]],
        "published_input": long["input"].isin(published["images"]).map({True: "RGB", False: "Φ"}),
    }
    joined = long.assign(**keys).merge(published_accuracy(), how="left", validate="many_to_one")
    joined["difference"] = joined["mean"] - joined["published_mean"]
    is_generated = joined["target"].isin(published["stand_ins"])
    joined["stand_in"] = is_generated & joined["published_mean"].notna()
    return joined.drop(columns=list(keys))
