"""What fine-tuning gains and what ten dimensions cost: paired comparisons over models.

Each model (recipe, seed) is compared with itself or with a baseline on the same images, by the
Wilcoxon signed-rank test; p-values are corrected for all comparisons of the table (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import wilcoxon

from fovscope.registry import table
from fovscope.tables.base import IMAGES, RECIPE, Views, by_family, in_order, label_of, row_of
from fovscope.tables.render import mean_sd, versions_of

_ROW = ["target", "input", *RECIPE, "probe"]
_LATENTS = "latents"


@table(
    "comparisons",
    kinds=("accuracy",),
    facts=("probes",),
    section="Accuracy",
    order=20,
    caption="Balanced accuracy of fine-tuned latents minus that of something else, in points, "
    "mean ± SD over n models; Wilcoxon signed-rank test over models, Holm-corrected over this "
    "table. Variant: {variant}.",
)
def comparisons(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Fine-tuned latents against the transferred ones and against each baseline.

    Baselines are those of the same input, and those that need no network.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``accuracy`` of all models and baselines.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × probe × ``compared_with``:
        mean and SD in points of the difference in balanced accuracy over models, their number n,
        two-sided ``p`` and ``p_holm``.
    """
    shown = by_family(scores[scores["score"] == "balanced_accuracy"], facts)
    rows = [line for _, group in _groups(shown, facts) for line in _lines(group, shown, facts)]
    statistics = ["compared_with", "mean", "sd", "n", "p", "fovscope"]
    long = pd.DataFrame(rows, columns=[*_ROW, *statistics])
    long.insert(long.columns.get_loc("p") + 1, "p_holm", holm(long["p"]))
    long = long.assign(variant=facts["variant"])
    return Views(long, _view(long, facts))


def _groups(shown: pd.DataFrame, facts: Mapping[str, Any]) -> Iterator[tuple[tuple, pd.DataFrame]]:
    """Yield the fine-tuned models of each line: targets and inputs as they come, then recipes."""
    tuned = shown[(shown["stage"] == "finetuned") & (shown["representation"] == _LATENTS)]
    place = tuned.groupby(["target", "input"], sort=False).ngroup()
    ordered = in_order(tuned.assign(place=place), ["place", "recipe"], facts)
    return iter(ordered.groupby(_ROW, sort=False))


def _lines(tuned: pd.DataFrame, shown: pd.DataFrame, facts: Mapping[str, Any]) -> Iterator[tuple]:
    """Yield the lines of the models of one recipe, on one target, input and probe."""
    first, value = tuned.iloc[0], tuned.set_index("model")["value"]
    alike = shown[(shown["target"] == first["target"]) & (shown["probe"] == first["probe"])]
    of_input = alike["input"] == first["input"]
    before = alike[
        of_input
        & (alike["recipe"] == first["recipe"])
        & (alike["stage"] == "transferred")
        & (alike["representation"] == _LATENTS)
    ]
    if len(before):
        differences = value - before.set_index("model")["value"]  # paired by model
        name = f"transferred {label_of(facts, _LATENTS)}"
        yield _line(first, name, differences, pd.concat([tuned, before]))
    baselines = alike[(of_input | (alike["input"] == IMAGES)) & (alike["stage"] == "baseline")]
    for representation, rows in baselines.groupby("representation", sort=False):
        differences = value - rows["value"].mean()
        name = label_of(facts, representation)
        yield _line(first, name, differences, pd.concat([tuned, rows]))


def _line(first: pd.Series, name: str, differences: pd.Series, rows: pd.DataFrame) -> tuple:
    points = 100 * differences.to_numpy()
    return *first[_ROW], name, *_statistics(points), versions_of(rows["fovscope"])


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


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    view = long[[*row_of(_ROW, facts), "compared_with"]].copy()
    view["probe"] = view["probe"].map(facts["probes"])
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
