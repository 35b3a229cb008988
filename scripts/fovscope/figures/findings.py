"""What a study has found, in sentences made from its numbers.

The report begins with them. Each says one thing about one target and where on the page its
evidence stands; all of them come from long tables, so that a sentence is as true as they are.
Models of several kinds (backbone and recipe) get a sentence each, in the order of the tables and
not of success: of many the first ones, and how many more there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fovscope.tables.base import IMAGES, at_last_stage
from fovscope.tables.profiles import PUBLISHED
from fovscope.tables.render import mean_sd
from fovscope.verdict import HOLDS, NOT_MEASURABLE, PARTLY

COMPARED = ("full", "pca", "handcrafted")
"""Representations that ten numbers are held against, in this order."""

FEW = 40
"""Test images of a class: below, a share of one half is known to more than ± 15 points (95 %)."""

_KINDS_SHOWN = 3
"""Kinds of models that get a sentence of their own."""

_PROFILES_SHOWN = 4
"""Representations whose profiles are told of, the best ones."""

_PAIRS_SHOWN = 3
"""Confusions that are named."""


@dataclass(frozen=True)
class Finding:
    """A sentence about a target.

    Attributes
    ----------
    about : str
        What it is about, in a word or two.
    text : str
        The sentence.
    evidence : str
        Anchor of what it rests on; empty where there is nothing to see.
    """

    about: str
    text: str
    evidence: str = ""


@dataclass(frozen=True)
class Known:
    """What is known of a target.

    Attributes
    ----------
    tables : mapping of str to pandas.DataFrame
        Long tables by name, of all targets; those that the study lacks are missing.
    images : pandas.DataFrame
        Image table of the target.
    objects : pandas.DataFrame, optional
        Measured objects of the target: ``segmentation``, ``flag``.
    remarks : sequence of str
        What was warned of when the images were read.
    kinds : mapping of str to str
        By label, as tables have it, the kind of a representation: ``latents``, ``full``, ``pca``…
    probes : mapping of str to str
        Title of each probe; the first one that a table has is told of.
    left_out : collection of str
        Tables that the study does not ask for; nothing is told of them, nor that they are empty.
    """

    tables: Mapping[str, pd.DataFrame]
    images: pd.DataFrame
    objects: pd.DataFrame | None = None
    remarks: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, str] = field(default_factory=dict)
    left_out: Collection[str] = ()

    def of(self, table: str, target: str) -> pd.DataFrame:
        """Return the lines of a long table about a target; none where there is no such table."""
        long = self.tables.get(table)
        if long is None:
            return pd.DataFrame(columns=["target"])
        return long[long["target"] == target]

    def by_first_probe(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the first probe that they have."""
        there = set(rows["probe"])
        return rows[rows["probe"] == next((name for name in self.probes if name in there), None)]

    def is_latents(self, rows: pd.DataFrame) -> pd.Series:
        """Return which rows are about the latents of models."""
        return rows["representation"].map(self.kinds) == "latents"


def findings(target: str, known: Known) -> list[Finding]:
    """Return what a study has found on a target: what holds first, what to beware of last.

    Parameters
    ----------
    target : str
        Its name in the tables.
    known : Known
        Tables of the study, images and objects of the target.
    """
    parts = (_images, _names, _accuracy, _confused, _drawn, _profiles, _odd, _care)
    return [finding for part in parts for finding in part(target, known)]


# Each part yields its findings --------------------------------------------------------------


def _images(target: str, known: Known) -> Iterator[Finding]:
    splits, count = known.images["split"].value_counts(), len(known.images)
    labels = _labels(known.images)
    classes = f"of {labels.nunique()} classes" if labels.notna().any() else "without classes"
    uses = {"train": "to train with", "val": "to validate with", "test": "to test with"}
    shares = [f"{splits[split]:,} {use}" for split, use in uses.items() if split in splits]
    yield Finding("Images", f"{count:,} images {classes}: {_listed(shares)}.", "table-targets")


def _names(target: str, known: Known) -> Iterator[Finding]:
    lines = known.of("names", target)
    if "names" in known.left_out:
        return
    if lines.empty:
        yield Finding("Names", "No dimension bears a name: no model was bound to a factor.")
        return
    kinds = list(_kinds(at_last_stage(lines)))
    for where, of_kind in kinds[:_KINDS_SHOWN]:
        yield Finding("Names", where + _verdicts(of_kind), "table-names")
    yield from _more("Names", kinds, "table-names")


def _verdicts(lines: pd.DataFrame) -> str:
    held = list(lines.loc[lines["verdict"] == HOLDS, "factor"])
    count = len(lines)
    if not held:
        which = f"None of the {count} names holds" if count > 1 else "The one name does not hold"
        first = f"{which}: read no dimension by its name."
    elif len(held) == count:
        which = f"All {count} names hold" if count > 1 else "The one name holds"
        first = f"{which}: {_listed(held)}."
    else:
        first = f"{len(held)} of {count} names hold: {_listed(held)}."
    rest = (_short_of(line) for line in lines.to_dict("records") if line["verdict"] != HOLDS)
    return " ".join([first, *rest])


def _short_of(line: Mapping[str, object]) -> str:
    """Return why a name does not hold, or not wholly."""
    if line["verdict"] == NOT_MEASURABLE:
        return f"{line['factor']} cannot be judged here: {line['short_of']}."
    word = f"holds {PARTLY}" if line["verdict"] == PARTLY else line["verdict"]
    goes = f"goes with {line['own_feature']} (|r| {line['own_mean']:.2f})"
    if pd.notna(line["other_mean"]):
        goes += f", also with {line['other_feature']} ({line['other_mean']:.2f})"
    return f"{line['factor']} {word}: it {goes}; it falls short of: {line['short_of']}."


def _accuracy(target: str, known: Known) -> Iterator[Finding]:
    rows = known.of("accuracy", target)
    if "accuracy" in known.left_out:
        return
    if rows.empty:
        yield Finding("Accuracy", "Its images have no classes, so that there is none to speak of.")
        return
    rows = known.by_first_probe(rows[rows["score"] == "balanced_accuracy"])
    latents = rows[known.is_latents(rows)]
    kinds = list(_kinds(at_last_stage(latents)))
    for where, of_kind in kinds[:_KINDS_SHOWN]:
        line = of_kind.iloc[0]
        baselines = _compared(rows, line["input"], known.kinds)
        classes = _labels(known.images).nunique()
        text = _recognised(line, classes, known.probes[line["probe"]])
        text += _cost(line, baselines)
        yield Finding("Accuracy", where + text, "table-accuracy")
    yield from _more("Accuracy", kinds, "table-accuracy")


def _compared(rows: pd.DataFrame, backbone: str, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return the baselines of a backbone, and of none, that the latents are held against."""
    rank = rows["representation"].map(kinds).map({kind: n for n, kind in enumerate(COMPARED)})
    mine = (rows["stage"] == "baseline") & rows["input"].isin([backbone, IMAGES])
    return rows.assign(rank=rank)[mine & rank.notna()].sort_values("rank", kind="stable")


def _recognised(line: pd.Series, classes: int, probe: str) -> str:
    numbers = _numbers(line["active_mask"])
    models = f"mean ± SD over {line['n']} models" if line["n"] > 1 else "one model"
    value = mean_sd(line["mean"], line["sd"], digits=1)
    return (
        f"From {numbers} per image, {probe} tells the {classes} classes apart with a balanced "
        f"accuracy of {value} % ({models}; chance {100 / classes:.1f} %)."
    )


def _numbers(masks: object) -> str:
    """Return how many dimensions are active, from the masks of the models."""
    counts = sorted({mask.count("1") for mask in str(masks).split(", ")})
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{span} number{'' if counts[-1] == 1 else 's'}"


def _cost(line: pd.Series, baselines: pd.DataFrame) -> str:
    """Return by how many points the latents are below or above each baseline."""
    parts = []
    for other in baselines.to_dict("records"):
        points = line["mean"] - other["mean"]
        shown = f"{abs(points):.1f}"
        by = f"{shown} points {'more' if points > 0 else 'less'} than"
        by = "as much as" if float(shown) == 0 else by
        spread = ", within the spread of models" if abs(points) <= line["sd"] else ""
        parts.append(f"{by} {other['representation']} ({other['mean']:.1f} %{spread})")
    return f" That is {_listed(parts)}." if parts else ""


def _confused(target: str, known: Known) -> Iterator[Finding]:
    rows = known.of("confusion", target)
    if rows.empty:
        return
    rows = known.by_first_probe(rows[known.is_latents(rows)])
    kinds = list(_kinds(at_last_stage(rows)))
    for where, of_kind in kinds[:_KINDS_SHOWN]:
        wrong = of_kind[(of_kind["class"] != of_kind["predicted"]) & (of_kind["mean"] > 0)]
        most = wrong.nlargest(_PAIRS_SHOWN, "mean").to_dict("records")
        pairs = [f"{w['class']} for {w['predicted']} ({w['mean']:.0f} %)" for w in most]
        text = "No class is taken for another in the test images."
        if pairs:
            text = f"Taken for one another most often: {_listed(pairs)} of the test images."
        yield Finding("Confused", where + text, "table-confusion")
    yield from _more("Confused", kinds, "table-confusion")


def _drawn(target: str, known: Known) -> Iterator[Finding]:
    rows = known.of("reconstruction", target)
    if rows.empty:
        return
    scores = at_last_stage(rows).pivot_table(
        index=["recipe", "input"], columns="score", values="mean", sort=False
    )
    kinds = list(scores.itertuples())
    several = len(scores.index.unique("input")) > 1
    said = [
        f"{one.Index[0]}{f' on {one.Index[1]}' if several else ''} with SSIM {one.ssim:.2f} and "
        f"sharpness {one.sharpness:.2f}"
        for one in kinds[:_KINDS_SHOWN]
    ]
    text = f"Test images are drawn by {_listed(said)} (of the images themselves: 1 and 1)."
    yield Finding("Reconstruction", text, "table-reconstruction")
    yield from _more("Reconstruction", kinds, "table-reconstruction")


def _profiles(target: str, known: Known) -> Iterator[Finding]:
    rows = known.of("profiles", target)
    if rows.empty:
        return
    rows = rows[(rows["score"] == "nsc") & (rows["stage"] != PUBLISHED)].dropna(subset=["mean"])
    rows = at_last_stage(rows).sort_values("mean", ascending=False, kind="stable")
    best = rows.drop_duplicates(["input", "recipe", "representation"])
    if best.empty:
        return
    said = [_share_found(line) for line in best.head(_PROFILES_SHOWN).to_dict("records")]
    first = best.iloc[0]
    text = (
        f"Of {first['asked']:.0f} treatments the nearest of another compound has their mechanism "
        f"of action for {_listed(said)}; chance is {100 * first['chance']:.0f} %. Of each "
        "representation the best normalisation is told, chosen on these treatments: others may "
        "find less."
    )
    yield Finding("Profiles", text, "table-profiles")


def _share_found(line: Mapping[str, Any]) -> str:
    """Return ``62 % by latents of vae (tvn)``."""
    of = f" of {line['recipe']}" if line["recipe"] else ""
    on = f" of {line['input']}" if line["input"] != IMAGES and not of else ""
    how = "" if line["normalisation"] == "none" else f" ({line['normalisation']})"
    return f"{100 * line['mean']:.0f} % by {line['representation']}{of or on}{how}"


def _odd(target: str, known: Known) -> Iterator[Finding]:
    rows = known.of("open_set", target)
    if not rows.empty:
        for _, of_kind in list(_kinds(rows[known.is_latents(rows)]))[:1]:
            for held_out, of_class in of_kind.groupby("held_out", sort=False):
                yield Finding("Odd images", _unseen(held_out, of_class, known), "table-open_set")
    if known.objects is not None and len(known.objects):
        yield Finding("Odd images", _doubts(known.objects["flag"]), f"figure-masks_{target}")


def _unseen(held_out: str, rows: pd.DataFrame, known: Known) -> str:
    shares = known.by_first_probe(rows[rows["score"] == "share"]).set_index("mistaken_for")["mean"]
    found = rows[rows["score"] == "auroc"].set_index("detector")["mean"]
    return (
        f"Kept from the models, {held_out} is mostly taken for {shares.idxmax()} "
        f"({100 * shares.max():.0f} %); {found.idxmax()}, the best of {len(found)} detectors, "
        f"finds it odd with an AUROC of {found.max():.2f}."
    )


def _doubts(flags: pd.Series) -> str:
    doubtful = flags[flags != ""]
    if doubtful.empty:
        return f"None: the outlines of all {len(flags):,} objects are beyond doubt."
    reasons = doubtful.str.split(", ").explode().value_counts()
    counts = _listed([f"{reason}: {count:,}" for reason, count in reasons.items()])
    return (
        f"{len(doubtful):,} of {len(flags):,} objects have a doubtful outline ({counts}) and are "
        "left out of correlations."
    )


def _care(target: str, known: Known) -> Iterator[Finding]:
    about = "Take care"
    for remark in known.remarks:
        head, *cases = remark.splitlines()
        example = f": {cases[0].strip()}{' …' if len(cases) > 1 else ''}" if cases else ""
        text = f"{head[:1].upper()}{head[1:]}".rstrip(":.") + (example or ".")
        yield Finding(about, text, f"remarks-{target}")
    objects = known.objects
    if objects is not None and (objects["segmentation"] == "automatic").any():
        count = int((objects["segmentation"] == "automatic").sum())
        text = f"{count:,} objects were outlined automatically: look at the outlines before you "
        yield Finding(about, text + "believe a correlation.", f"figure-masks_{target}")
    yield from _few(_labels(known.images)[known.images["split"] == "test"], about)
    for table in ("names", "accuracy", "reconstruction", "profiles"):
        rows = known.of(table, target)
        if not rows.empty and rows["n"].max() == 1:
            text = "One model of each kind (one seed): how much models differ is not known."
            yield Finding(about, text, f"table-{table}")
            break
    yield from _traces(known.of("interventions", target), about)


def _few(labels: pd.Series, about: str) -> Iterator[Finding]:
    sizes = labels.value_counts()
    if len(sizes) and sizes.min() < FEW:
        half = 98 / np.sqrt(sizes.min())  # 1.96·√(.5·.5/n), in points
        text = (
            f"The smallest class, {sizes.idxmin()}, has {sizes.min()} test images: its share of "
            f"right answers is known to ± {half:.0f} points at best (95 %, at one half)."
        )
        yield Finding(about, text, "table-targets")


def _traces(rows: pd.DataFrame, about: str) -> Iterator[Finding]:
    if rows.empty:
        return
    traces = rows[(rows["score"] == "trace") & (rows["low"] > 0.5)]
    if len(traces):
        worst = traces.loc[traces["value"].idxmax()]
        text = (
            f"Edited images can be told from natural ones (trace: AUROC {worst['value']:.2f} on "
            f"{worst['input']}, 0.50 is none): a response may be one to the editing."
        )
        yield Finding(about, text, "table-interventions")


# Words --------------------------------------------------------------------------------------


def _labels(images: pd.DataFrame) -> pd.Series:
    return images["label"] if "label" in images else pd.Series(None, images.index, dtype="str")


def _kinds(lines: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the lines of each kind of models, after what tells it from the others."""
    groups = list(lines.groupby(["recipe", "input"], sort=False))
    for (recipe, backbone), of_kind in groups:
        yield (f"{recipe} on {backbone}: " if len(groups) > 1 else ""), of_kind


def _more(about: str, kinds: Sequence[object], evidence: str) -> Iterator[Finding]:
    if len(kinds) > _KINDS_SHOWN:
        left = len(kinds) - _KINDS_SHOWN
        yield Finding(about, f"The table tells of {left} more kinds of models.", evidence)


def _listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them: ``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
