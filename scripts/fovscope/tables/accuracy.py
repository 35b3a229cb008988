"""Accuracy of the probes: mean ± SD in percentage points over models (method, section 6).

Beside each mean how sure it is, over test images and over models, and how it stands to the best of
its target by a paired test (`fovscope.tables.statistics`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fovscope.registry import table
from fovscope.tables.base import RECIPE, Views, by_family, in_order, labelled, row_of, variant_of
from fovscope.tables.published import beside_published
from fovscope.tables.render import MASKS, STATISTICS, interval, mean_sd, widen
from fovscope.tables.statistics import BEST, TIED, interval_over_models, standings

_ROW = ["target", "input", *RECIPE, "stage", "representation"]
_INTERVALS = ["images_low", "images_high", "models_low", "models_high"]
_STANDINGS = {"tied": "not told apart", "behind": "behind", "open": "no test, too few models"}


@table(
    "accuracy",
    kinds=("accuracy",),
    facts=("probes", "published"),
    section="Accuracy",
    order=10,
    caption="Balanced accuracy in %, mean ± SD in points over n models (all β and seeds); 95 % "
    "intervals by bootstrap, over test images (of one model, bounds averaged over models) and over "
    "models (of the mean; from 5 on). Bold: the best of a target, and what a paired test over "
    "models does not tell from it where it could (signed-rank test, Holm over the lines of the "
    "target, p ≥ .05). Published numbers stand in columns of their own, with ours less the "
    "published one; a stand-in has generated images in the place of the published data. "
    "Variant: {variant}.",
)
def accuracy(scores: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Accuracy of all probes on all representations, beside the published numbers.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows of kind ``accuracy`` of all models and baselines.
    facts : mapping
        Facts of the study, as in `fovscope.tables.base`.

    Returns
    -------
    Views
        The long table has one row for each target × input × recipe × stage × representation ×
        probe × score: mean and SD in percentage points over models (all β and seeds), their
        number n; ``images_low, images_high`` (95 % interval over test images of one model, mean
        over models) and ``models_low, models_high`` (of the mean over models, missing for fewer
        than 5); ``standing`` (``best``, ``tied``, ``behind`` or ``open``, as in
        `fovscope.tables.statistics.standings`, within target, probe and score);
        ``published_mean, published_sd, difference``, ``stand_in``: whether images of another
        origin have the name of the published data; and ``active_mask``: the masks of
        the models' active dimensions, each different one once (``"1101, 1111"``: one or more
        without z2); empty for baselines.
    """
    long = beside_published(_long(scores, facts), facts["published"])
    long["representation"] = labelled(long["representation"], facts)
    return _views(long, facts)


def _long(scores: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    shown = by_family(scores[scores["score"] != "confusion"], facts)
    if "active_mask" not in shown:  # baselines have no dimensions
        shown["active_mask"] = None
    keys = [*_ROW, "probe", "score", "weights_digest", "data_digest"]
    groups = shown.groupby(keys, sort=False, dropna=False)
    long = groups.agg(
        **STATISTICS, **MASKS, images_low=("low", "mean"), images_high=("high", "mean")
    )
    bounds = [interval_over_models(rows["value"]) for _, rows in groups]
    long[_INTERVALS[2:]] = pd.DataFrame(bounds, index=long.index)
    long["standing"] = _standings(groups)
    long = long.reset_index().assign(variant=variant_of(facts))
    long[["mean", "sd", *_INTERVALS]] *= 100
    return in_order(long, ["target", "input", "recipe", "stage"], facts)


def _standings(groups: Any) -> list[str]:  # noqa: ANN401
    """Return how each line stands to the best of its target, probe and score."""
    lines = [rows for _, rows in groups]
    place = pd.DataFrame([rows[["target", "probe", "score"]].iloc[0] for rows in lines])
    found = pd.Series("", index=range(len(lines)))
    for numbers in place.reset_index(drop=True).groupby(list(place)).groups.values():
        found[numbers] = standings([lines[number] for number in numbers])
    return found.tolist()


def _views(long: pd.DataFrame, facts: Mapping[str, Any]) -> Views:
    """Return the balanced accuracy: a column per probe, then all about one probe in a block."""
    row = row_of(_ROW, facts)
    shown = long[long["score"] == "balanced_accuracy"].copy()
    shown["cell"] = [
        mean_sd(m, s, digits=1) for m, s in zip(shown["mean"], shown["sd"], strict=True)
    ]
    titles = {
        probe: title for probe, title in facts["probes"].items() if (shown["probe"] == probe).any()
    }
    wide = widen(shown, [*row, "n"], "probe")[[*row, *titles, "n"]].rename(columns=titles)
    shown["bold"] = shown["standing"].isin([BEST, TIED])
    marks = widen(shown.assign(cell=shown["bold"]), [*row, "n"], "probe").rename(columns=titles)
    bold = {"": marks[list(titles.values())].fillna(False).astype(bool)}
    blocks, view = {"": wide.fillna("–")}, wide
    for probe, title in titles.items():
        of_probe = shown[shown["probe"] == probe].reset_index(drop=True)
        blocks[title] = _block(of_probe, row)
        bold[title] = of_probe[["bold"]].rename(columns={"bold": "accuracy"})
        if "published" in blocks[title]:
            beside = blocks[title][[*row, "published", "ours − published"]]
            names = {"published": f"published {title}", "ours − published": f"{title} − published"}
            view = view.merge(beside.rename(columns=names), on=row, how="left")
    return Views(long, view.fillna("–"), blocks, bold)


def _block(lines: pd.DataFrame, row: list[str]) -> pd.DataFrame:
    """Return all about one probe; without columns that would be empty."""
    block = lines[row].copy()
    block["accuracy"] = lines["cell"]
    for over in ("images", "models"):
        bounds = zip(lines[f"{over}_low"], lines[f"{over}_high"], strict=True)
        block[f"95 % over {over}"] = [interval(*each, digits=1) for each in bounds]
    block["n"] = lines["n"]
    block["against the best"] = lines["standing"].replace(_STANDINGS)
    block["published"] = [
        mean_sd(m, s, digits=1)
        for m, s in zip(lines["published_mean"], lines["published_sd"], strict=True)
    ]
    block["ours − published"] = [
        "–" if pd.isna(difference) else f"{difference:+.1f}{' (stand-in)' * stand_in}"
        for difference, stand_in in zip(lines["difference"], lines["stand_in"], strict=True)
    ]
    return block.loc[:, (block != "–").any()]
