"""Which named dimension moves under which treatment, and whether its name holds there.

Handcrafted features need no name that holds: of each group one property stands beside the named
dimensions, or alone where no model has any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, in_order, row_of, variant_of
from fovscope.tables.names import names
from fovscope.tables.render import STATISTICS, mean_sd
from fovscope.verdict import HOLDS, MEASURED, NOT_MEASURABLE, PARTLY

_PLACE = ["target", "input", *RECIPE, "stage"]
_TREATMENT = ["compound", "concentration", "treatment", "moa"]
_DIMENSION = ["factor", "part"]
_NONE = "–"


@table(
    "effects",
    kinds=("effects", "correlation", "truth", "response"),
    facts=("factors",),
    section="Profiles",
    order=20,
    caption="What treatments do to named dimensions and to measured properties: difference of "
    "their wells from the controls of the same plate, in SD of the control wells within plates "
    "(mean ± SD over models, of one model [95 % interval]); the sign is that of the first model. "
    "In brackets where the name does not hold on this target (see the table of names): something "
    "else moves. Variant: {variant}.",
)
def effects(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Show effects of treatments on named dimensions.

    Parameters
    ----------
    scores : DataFrame
        Rows of kind ``effects``, and those that the table ``names`` is made from.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × treatment × factor
        (× ``cos`` or ``sin``, where a factor owns two dimensions): mean and SD over models, `low`
        and `high` (95 % interval over wells, mean over models), `wells`, `verdict` on the name
        (``measured`` where it is a handcrafted feature) and `n` models.
    """
    of_effects = scores["kind"] == "effects"
    if "concentration" not in scores or not of_effects.any():
        return _nothing(facts)
    rows = by_family(scores[of_effects], facts)
    known = {name: rows[name].fillna("") for name in ("moa", "model")}  # what is measured has none
    rows = _one_sign(rows.assign(wells=rows["n"], **known))
    keys = [*_PLACE, *_TREATMENT, *_DIMENSION, "weights_digest", "data_digest"]
    groups = rows.groupby(keys, sort=False, as_index=False, dropna=False)
    long = groups.agg(
        **STATISTICS, low=("low", "mean"), high=("high", "mean"), wells=("wells", "max")
    )
    measured = long["stage"] == "baseline"
    if measured.all():
        long["verdict"] = MEASURED
    else:
        verdicts = names(scores[~of_effects], facts).long[[*_PLACE, "factor", "verdict"]]
        found = long.merge(verdicts, on=[*_PLACE, "factor"], how="left")["verdict"]
        long["verdict"] = found.fillna(NOT_MEASURABLE).mask(measured, MEASURED)
    long = in_order(long, [*_PLACE, "compound", "concentration"], facts)
    return Views(long.assign(variant=variant_of(facts)), _view(long, facts))


def _one_sign(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn each model's dimension so that it goes with that of the first model.

    The sign of a latent dimension is arbitrary where training does not set it.
    """
    turned = []
    for _, group in rows.groupby([*_PLACE, *_DIMENSION], sort=False):
        wide = group.pivot_table(index="treatment", columns="model", values="value").fillna(0)
        signs = np.sign(wide.T @ wide[wide.columns[0]]).replace(0, 1)
        sign = group["model"].map(signs)
        bounds = pd.DataFrame({"low": sign * group["low"], "high": sign * group["high"]})
        turned.append(
            group.assign(
                value=sign * group["value"],
                low=bounds.min(axis=1, skipna=False),
                high=bounds.max(axis=1, skipna=False),
            )
        )
    return pd.concat(turned)


def _view(long: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return a line per treatment, a column per named dimension."""
    row = [*row_of(_PLACE, facts), "treatment", "moa"]
    lines = []
    for key, rows in long.groupby(row, sort=False):
        line = dict(zip(row, key, strict=True))
        line["moa"] = line["moa"] or _NONE
        for found in rows.to_dict("records"):
            part = f" ({found['part']})" if found["part"] else ""
            line[found["factor"] + part] = _cell(found)
        lines.append(line | {"n": rows["n"].max()})
    view = pd.DataFrame(lines).fillna(_NONE)
    return view[[*(name for name in view if name != "n"), "n"]]


def _cell(found: Mapping[str, Any]) -> str:
    text = mean_sd(found["mean"], found["sd"], digits=1)
    if pd.isna(found["sd"]):
        text += f" [{found['low']:.1f}, {found['high']:.1f}]"
    return text if found["verdict"] in (HOLDS, PARTLY, MEASURED) else f"({text})"


def _nothing(facts: Mapping[str, Any]) -> Views:
    columns = [*_PLACE, *_TREATMENT, *_DIMENSION, *STATISTICS, "low", "high", "wells", "verdict"]
    long = pd.DataFrame(columns=[*columns, "variant"])
    note = f"no dimension is named, or no plate has controls (variant: {facts['variant']})"
    return Views(long, pd.DataFrame({"effects": [note]}))
