"""What makes a difference: paired comparisons over models.

Does fine-tuning help, are the latents better than a baseline of the same features, is one input or
one recipe better than another, and the published variant than ours? Each question compares pairs
of models on the same images by the signed-rank test (`fovscope.tables.statistics`); p-values are
corrected for all comparisons of a question on one target by one probe (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from fovscope.registry import table
from fovscope.tables.base import (
    IMAGES,
    RECIPE,
    STAGES,
    Views,
    by_family,
    in_order,
    label_of,
    row_of,
    variant_of,
)
from fovscope.tables.render import interval, mean_sd, versions_of
from fovscope.tables.statistics import (
    ALPHA,
    can_tell,
    holm,
    interval_over_models,
    paired_differences,
    signed_rank,
)

_ROW = ["target", "input", *RECIPE, "stage", "probe"]
_QUESTION = ["target", "question", "probe"]
_LATENTS = "latents"
_QUESTIONS = {
    "stage": "Before and after fine-tuning",
    "baseline": "Latents against baselines",
    "input": "One input against another",
    "recipe": "One recipe against another",
    "variant": "Our defaults against the published choices",
}
"""Title of the block of each question, in their order."""

_STATISTICS = ["mean", "sd", "low", "high", "n", "effect", "p", "smallest_p"]


@table(
    "comparisons",
    kinds=("accuracy",),
    facts=("probes",),
    section="Accuracy",
    order=20,
    caption="Balanced accuracy of latents minus that of what they are compared with, in points, "
    "mean ± SD over n pairs of models, 95 % bootstrap interval of the mean over pairs (from 5 on); "
    "effect: matched-pairs rank-biserial correlation, -1 to 1; two-sided signed-rank test: p, the "
    "smallest p that n pairs can give, and p by Holm over the comparisons of one question on one "
    "target by one probe. Where so few pairs could not have given .05 the verdict is open: that is "
    "no sign of equality. Variant: {variant}.",
)
def comparisons(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Latents against those of another stage, input, recipe or variant, and against baselines.

    Baselines are those of the same input, and those that need no network. Of a recipe the last
    stage counts: fine-tuned where its models are.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``accuracy`` of all models and baselines.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × probe × ``question``
        × ``compared_with``: mean and SD in points of the difference in balanced accuracy over
        pairs of models, ``low, high`` (95 % interval of the mean over pairs, missing for fewer
        than 5), their number n, ``effect`` (matched-pairs rank-biserial correlation), two-sided
        ``p``, ``smallest_p`` that n pairs can give, ``p_holm``, over how many ``comparisons`` it
        is corrected, and ``verdict``: ``higher``, ``lower``, ``not told apart`` or ``open``.
    """
    rows = by_family(scores[scores["score"] == "balanced_accuracy"], facts)
    lines = [
        line
        for _, of_probe in rows.groupby(["target", "probe"], sort=False)
        for line in _lines(of_probe, facts)
    ]
    columns = [*_ROW, "question", "compared_with", *_STATISTICS, "fovscope"]
    long = _judged(pd.DataFrame(lines, columns=columns)).assign(variant=variant_of(facts))
    keys = ["target", "question", "input", "recipe", "probe"]
    long = in_order(long, keys, facts, question=_QUESTIONS)
    view = _view(long, facts)
    blocks = {
        title: view[long["question"] == question].drop(columns="question")
        for question, title in _QUESTIONS.items()
        if (long["question"] == question).any()
    }
    return Views(long, view, blocks or None)


def _lines(rows: pd.DataFrame, facts: Mapping[str, Any]) -> Iterator[tuple]:
    """Yield the comparisons on one target by one probe."""
    latents = rows[(rows["recipe"] != "") & (rows["representation"] == _LATENTS)]
    by_stage = {
        place: [
            stages[stages["stage"] == stage] for stage in STAGES if stage in set(stages["stage"])
        ]
        for place, stages in latents.groupby(["input", "recipe"], sort=False)
    }
    last = {place: stages[-1] for place, stages in by_stage.items()}
    baselines = rows[rows["stage"] == "baseline"]
    for (of_input, _), (*earlier, models) in by_stage.items():
        for before in earlier:
            name = f"{before['stage'].iloc[0]} {label_of(facts, _LATENTS)}"
            yield _line("stage", models, before, name)
        beside = baselines[baselines["input"].isin([of_input, IMAGES])]
        for representation, values in beside.groupby("representation", sort=False):
            yield _line("baseline", models, values, label_of(facts, representation))
    for (place, models), (other, others) in combinations(last.items(), 2):
        if place[1] == other[1]:
            yield from _comparable("input", models, others, f"input {other[0]}")
        elif place[0] == other[0]:
            question = _question(models, others, facts)
            yield from _comparable(question, models, others, f"recipe {other[1]}")


def _question(first: pd.DataFrame, second: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """Say whether two recipes are the same in both variants, or different ones."""
    variants = [variant_of(facts)(rows).iloc[0] for rows in (first, second)]
    same = (first[[*RECIPE[1:]]].iloc[0] == second[[*RECIPE[1:]]].iloc[0]).all()
    return "variant" if same and variants[0] != variants[1] else "recipe"


def _comparable(
    question: str, first: pd.DataFrame, second: pd.DataFrame, name: str
) -> Iterator[tuple]:
    """Yield the comparison of models that have seeds in common."""
    if len(paired_differences(first, second)):
        yield _line(question, first, second, name)


def _line(question: str, first: pd.DataFrame, second: pd.DataFrame, name: str) -> tuple:
    points = 100 * paired_differences(first, second)
    test = signed_rank(points)
    return (
        *first.iloc[0][_ROW],
        *(question, name),
        *(points.mean(), pd.Series(points).std(), *interval_over_models(points), len(points)),
        *(test.effect, test.p, test.smallest),
        versions_of([*first["fovscope"], *second["fovscope"]]),
    )


def _judged(long: pd.DataFrame) -> pd.DataFrame:
    """Add Holm's p, over how many comparisons, and what may be concluded."""
    groups = long.groupby(_QUESTION, sort=False)
    adjusted = groups["p"].transform(holm)
    sizes = groups["p"].transform("size")
    verdicts = [
        _verdict(*each) for each in zip(long["mean"], long["n"], sizes, adjusted, strict=True)
    ]
    place = long.columns.get_loc("fovscope")
    for name, values in (("verdict", verdicts), ("comparisons", sizes), ("p_holm", adjusted)):
        long.insert(place, name, values)
    return long


def _verdict(mean: float, n: int, comparisons: int, p: float) -> str:
    if p < ALPHA:
        return "higher" if mean > 0 else "lower"
    return "not told apart" if can_tell(n, comparisons) else "open"


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    view = long[[*row_of(_ROW, facts), "question", "compared_with"]].copy()
    view["probe"] = view["probe"].map(facts["probes"])
    view["difference"] = _cells(mean_sd, long["mean"], long["sd"])
    view["95 % over models"] = _cells(interval, long["low"], long["high"])
    view["effect"] = [f"{effect:+.2f}" for effect in long["effect"]]
    view["n"] = long["n"]
    for title, column in (("p", "p"), ("smallest p", "smallest_p"), ("p (Holm)", "p_holm")):
        view[title] = [f"{p:.2g}" for p in long[column]]
    view["verdict"] = long["verdict"]
    return view.rename(columns={"compared_with": "compared with"})


def _cells(text: Any, first: Sequence[float], second: Sequence[float]) -> list[str]:  # noqa: ANN401
    return [text(*each, digits=1) for each in zip(first, second, strict=True)]
