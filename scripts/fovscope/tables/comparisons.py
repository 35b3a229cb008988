"""What fine-tuning gains and what ten dimensions cost: paired comparisons over models.

Each model (β, seed) is compared with itself or with a baseline on the same images, by the
Wilcoxon signed-rank test; p-values are corrected for all comparisons of the table (Holm 1979).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import wilcoxon

from fovscope.tables.render import mean_sd

_GROUP = ["target", "input", "probe"]
_FINETUNED = ("finetuned", "latents")


def comparison_table(scores: pd.DataFrame, *, variant: str) -> pd.DataFrame:
    """Compare fine-tuned latents with the transferred ones and with each baseline.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``accuracy`` of all models and baselines.
    variant : str
        Of the study; a column of the table.

    Returns
    -------
    pandas.DataFrame
        One row for each target × input × probe × ``compared_with``: mean and SD in points of
        the difference in balanced accuracy over models, their number n, two-sided ``p`` and
        ``p_holm``.
    """
    shown = scores[scores["score"] == "balanced_accuracy"].rename(
        columns={"dataset": "target", "backbone": "input"}
    )
    rows = []
    for group, of_group in shown.groupby(_GROUP, sort=False):
        by_model = of_group.set_index(["recipe", "seed"])
        kinds = dict(list(by_model.groupby(["stage", "representation"], sort=False)["value"]))
        tuned = kinds[_FINETUNED]
        for (stage, representation), other in kinds.items():
            if stage == "transferred" and representation == _FINETUNED[1]:
                name, differences = "transferred latents", tuned - other  # paired by model
            elif stage == "baseline":
                name, differences = representation, tuned - other.item()
            else:
                continue
            rows.append((*group, name, *_statistics(100 * differences.to_numpy())))
    table = pd.DataFrame(rows, columns=[*_GROUP, "compared_with", "mean", "sd", "n", "p"])
    return table.assign(p_holm=holm(table["p"]), variant=variant)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return p-values (m,) adjusted by Holm's step-down procedure.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
    Journal of Statistics 6, 65-70.
    """
    p = np.asarray(p, float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def comparison_view(long: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a person reads."""
    view = long[[*_GROUP, "compared_with"]].copy()
    view["probe"] = view["probe"].str.upper()
    view["difference"] = [
        mean_sd(m, s, digits=1) for m, s in zip(long["mean"], long["sd"], strict=True)
    ]
    view["n"] = long["n"]
    view["p (Holm)"] = [f"{p:.2g}" for p in long["p_holm"]]
    return view.rename(columns={"compared_with": "fine-tuned latents against"})


def _statistics(points: NDArray[np.float64]) -> tuple[float, float, int, float]:
    sd = points.std(ddof=1) if len(points) > 1 else np.nan
    # Without any difference there is nothing to rank.
    p = wilcoxon(points).pvalue if points.any() else 1.0
    return points.mean(), sd, len(points), float(p)


CAPTION = (
    "Balanced accuracy of fine-tuned latents minus that of something else, in points, mean ± SD "
    "over n models; Wilcoxon signed-rank test over models, Holm-corrected over this table. "
    "Variant: {variant}."
)
