"""The verdict: which names hold on which target, by all the evidence that there is.

A line of `fovscope.tables.transfer` says whether the dimension of a factor goes with what measures
the factor, and with nothing else. Here two kinds of better evidence are put before it. Where the
target's true factors are known and one bears the name, own |r| and gap are taken against true
factors. Where the target was intervened on, the dimension must also answer to the factor when it
alone is set (`fovscope.evaluation.response`).

A setting answers for a factor of its name; else for one that counts the setting's own measure among
its counterparts: do(Size) for Scale, both of which the equivalent diameter measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fovscope.dimensions import BOTH, without_part
from fovscope.factors import Factor
from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, row_of
from fovscope.tables.matching import LATENTS, MODEL, factors_of, name_dimensions, with_names
from fovscope.tables.render import mean_sd
from fovscope.tables.transfer import gap_line, t_interval, transfer
from fovscope.verdict import Evidence, display_name, judge

_PLACE = ["target", "input", *RECIPE, "stage"]
_KEYS = [*_PLACE, "factor"]
_CONTRAST = (
    *("own_mean", "own_sd", "own_feature", "other_mean", "other_sd", "other_feature"),
    *("gap_mean", "gap_sd", "gap_low", "gap_high", "n"),
)
_RESPONSE = ("response_mean", "response_low", "response_high", "share_mean", "direction_mean")
_NONE = "–"


@table(
    "names",
    kinds=("correlation", "truth", "response"),
    facts=("factors",),
    section="What each dimension means",
    order=5,
    caption="Which names hold. A name holds where its dimension has |r| ≥ 0.7 with its factor (the "
    "true one where known, else the strongest of its measured counterparts) and a gap ≥ 0.3 to "
    "anything else, with a 95 % interval over models above 0; where the factor was set in edited "
    "images, it must also have twice the squared movement of any other dimension (response ≥ 0.67, "
    "its part of both) and go with the setting (direction ≥ 0.5). It holds partly with |r| ≥ 0.5 "
    "and a gap above 0. Share: its part of all movement. Means over n models (all β and seeds). "
    "Supervision: {supervision}. Variant: {variant}.",
)
def names(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Which names hold on which target.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``correlation`` of all models; of kind ``truth`` where true factors are known,
        of kind ``response`` where there are interventions.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × factor that is no
        nuisance: `dimension` (``z3``, ``z4, z5``, or of models that differ ``z1/z3``), `verdict`
        (one of `fovscope.verdict.VERDICTS`), `name` (as a reader is shown it), `short_of` (what it
        lacks to hold, or why nothing can be measured), `evidence`, the columns own, other and gap
        of the table ``transfer``, `setting` (that answers for the factor), `response_mean`,
        `response_low`, `response_high` (lead in the movement; interval over models, of one model
        over images), `share_mean` (of all movement), `direction_mean` and `n` models.
    """
    measured = scores[scores["kind"] == "correlation"]
    found = name_dimensions(by_family(measured, facts), facts)
    named = {
        kind: _named(scores[scores["kind"] == kind], found, facts) for kind in ("truth", "response")
    }
    dimensions = _dimensions(measured, found, facts)
    lines = []
    for line in transfer(measured, facts).long.to_dict("records"):
        key = tuple(line[column] for column in _KEYS)
        (factor,) = (f for f in factors_of(line["source"], facts) if f.name == line["factor"])
        truth, response = (rows.get(key) for rows in named.values())
        lines.append(_line(line, factor, dimensions[key], truth, response))
    columns = [*_KEYS, "dimension", "verdict", "name", "short_of", "evidence", *_CONTRAST]
    columns += ["setting", *_RESPONSE, "weights_digest", "data_digest", "fovscope", "variant"]
    long = pd.DataFrame(lines, columns=columns)
    return Views(long, _view(long, facts))


def _named(
    scores: pd.DataFrame, found: pd.DataFrame, facts: Mapping[str, Any]
) -> dict[tuple[str, ...], pd.DataFrame]:
    """Return the rows of latents by place and by the name of their dimension."""
    rows = by_family(scores, facts)
    rows = with_names(rows[rows["representation"] == LATENTS], found)
    rows = rows.drop(columns="factor").rename(columns={"dimension": "factor"})
    return dict(iter(rows.groupby(_KEYS, sort=False)))


def _dimensions(
    measured: pd.DataFrame, found: pd.DataFrame, facts: Mapping[str, Any]
) -> dict[tuple[str, ...], str]:
    """Return which dimensions bear a name in the models of a place, by number."""
    models = by_family(measured, facts)[[*_PLACE, "model", "representation"]].drop_duplicates()
    single = found[found["part"] != BOTH].assign(factor=found["name"].map(without_part))
    rows = models.merge(single, on=MODEL)
    texts = {}
    for key, group in rows.groupby(_KEYS, sort=False):
        numbers = group.groupby("model")["dimension"].apply(lambda k: tuple(sorted(map(int, k))))
        texts[key] = "/".join(", ".join(f"z{k}" for k in of) for of in sorted(set(numbers)))
    return texts


def _line(
    line: Mapping[str, Any],
    factor: Factor,
    dimension: str,
    truth: pd.DataFrame | None,
    response: pd.DataFrame | None,
) -> dict[str, Any]:
    """Return the verdict on one name, and the evidence."""
    source = "measured features"
    if truth is not None and (truth["feature"] == factor.name).any():
        pearson = truth[truth["score"] == "pearson"]
        strength = pearson.pivot(index="model", columns="feature", values="value").abs()
        line = dict(line) | gap_line(strength, [factor.name])
        source = "true factors"
    answer = _response(factor, response)
    verdict = judge(
        Evidence(
            *(line[name] for name in ("own_mean", "gap_mean")),
            line.get("gap_low", np.nan),
            answer["response_mean"],
            np.nan if factor.nominal else answer["direction_mean"],
        )
    )
    others = "interventions" if answer["setting"] else "correlation alone"
    return {
        **line,
        **answer,
        "dimension": dimension,
        "verdict": verdict.word,
        "name": display_name(dimension, factor.name, verdict.word),
        "short_of": ", ".join(verdict.short_of) or _why_not(factor, line["own_mean"]),
        "evidence": f"{source}, {others}",
    }


def _why_not(factor: Factor, own: float) -> str:
    """Return why nothing can be measured; nothing where it can."""
    if pd.notna(own):
        return ""
    if not factor.counterparts:
        return "no measured feature is its counterpart"
    return "its counterparts do not vary here, or too few objects are beyond doubt"


def _response(factor: Factor, rows: pd.DataFrame | None) -> dict[str, Any]:
    """Return how a factor's dimension answers when the factor alone is set, over models."""
    unknown = {"setting": ""} | dict.fromkeys(_RESPONSE, np.nan)
    if rows is None:
        return unknown
    settings = rows[["setting", "measure"]].drop_duplicates().to_numpy().tolist()
    setting = _setting_of(factor, settings)
    if setting is None:
        return unknown
    rows = rows[rows["setting"] == setting]
    lead, share, direction = (
        rows[rows["score"] == score] for score in ("lead", "share", "direction")
    )
    mean, n = lead["value"].mean(), len(lead)
    bounds = t_interval(mean, lead["value"].std(), n)
    if n == 1:  # of one model over images
        bounds = lead[["low", "high"]].iloc[0]
    low, high = np.clip(np.asarray(bounds, np.float64), 0, 1)
    return {
        "setting": setting,
        "response_mean": mean,
        "response_low": low,
        "response_high": high,
        "share_mean": share["value"].mean(),
        "direction_mean": direction["value"].abs().mean(),  # the sign of a latent is arbitrary
    }


def _setting_of(factor: Factor, settings: Sequence[tuple[str, str]]) -> str | None:
    """Return which of the settings, each with its measure, answers for a factor."""
    same = [name for name, _ in settings if name == factor.name]
    kindred = [name for name, measure in settings if measure in factor.counterparts]
    return next(iter([*same, *kindred]), None)


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    row = row_of(_PLACE, facts)
    return pd.DataFrame([_view_line(line, row) for line in long.to_dict("records")])


def _view_line(line: Mapping[str, Any], row: Sequence[str]) -> dict[str, object]:
    cells = {name: line[name] for name in row} | {
        "name": line["name"],
        "verdict": line["verdict"],
    }
    for title, kind in (("own |r|", "own"), ("largest other |r|", "other")):
        mean, sd = line[f"{kind}_mean"], line[f"{kind}_sd"]
        feature = "" if pd.isna(mean) else f" ({line[f'{kind}_feature']})"
        cells[title] = mean_sd(mean, sd, digits=2) + feature
    return cells | {
        "gap": _with_interval(line, "gap"),
        "response": _with_interval(line, "response"),
        "share": mean_sd(line["share_mean"], np.nan, digits=2),
        "direction": mean_sd(line["direction_mean"], np.nan, digits=2),
        "falls short of": line["short_of"] or _NONE,
        "evidence": line["evidence"],
        "n": line["n"],
    }


def _with_interval(line: Mapping[str, Any], name: str) -> str:
    mean, low, high = (line[f"{name}_{end}"] for end in ("mean", "low", "high"))
    if pd.isna(mean):
        return _NONE
    return f"{mean:.2f}" if pd.isna(low) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"
