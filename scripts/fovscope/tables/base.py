"""What every table is made of: score rows in, a long table and its views out.

A table is a function of score rows and of facts of the study, declared with
``@table(name, kinds=…, facts=…, section=…, order=…, caption=…)``: the kinds of score rows that it
is made from, the facts that it asks for, and where and under which sentence it stands in the
report. Facts are plain values:

* ``variant``: of the study;
* ``recipes``: by name ``source``, ``objective``, ``supervision``, ``variant`` and ``family``.
  Recipes of one family differ in β alone; their models are pooled, as in the paper;
* ``labels``: what tables call a representation;
* where declared, ``probes`` (title by probe), ``scores`` (``title`` and ``group`` by score, in
  order), ``published`` (``data``, ``images`` and ``stand_ins``: the targets that are generated) and
  ``factors`` (those of each source, as `Factor.to_json` gives them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

RECIPE = ("recipe", "source", "objective", "supervision")
"""What a line of a long table says of how its models were made; empty without a model."""

STAGES = ("source", "transferred", "finetuned", "scratch", "baseline")
"""In the order of tables."""

IMAGES = "images"
"""Backbone of a representation that needs no network."""


@dataclass(frozen=True)
class Views:
    """A table, for programs and for people.

    Attributes
    ----------
    long : pandas.DataFrame
        The table itself, one row per number.
    view : pandas.DataFrame
        What a person reads: one row per line, cells as text.
    blocks : mapping of str to pandas.DataFrame, optional
        The view as several tables by title, where one would be too wide for a page.
    bold : mapping of str to pandas.DataFrame, optional
        Which cells are set in bold, as `fovscope.tables.render.write_views` has them.
    """

    long: pd.DataFrame
    view: pd.DataFrame
    blocks: Mapping[str, pd.DataFrame] | None = None
    bold: Mapping[str, pd.DataFrame] | None = None


def by_family(scores: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return score rows with the names of tables, and with the family as their recipe.

    Parameters
    ----------
    scores : pandas.DataFrame
        Score rows; their recipe is a name, or empty for what needs no model.
    facts : mapping
        Facts of the study, of which ``recipes`` is used.

    Returns
    -------
    pandas.DataFrame
        The rows with data set as ``target``, backbone as ``input`` (empty for what is of none),
        the columns `RECIPE`, and ``model``, which tells the models of one family apart.
    """
    names = scores["recipe"].fillna("")
    rows = scores.rename(columns={"dataset": "target", "backbone": "input"})
    rows["input"] = rows["input"].fillna("")
    rows["model"] = names + " " + rows["seed"].astype(str)
    keys = {"recipe": "family"} | {key: key for key in RECIPE[1:]}
    for column, key in keys.items():
        known = {name: recipe[key] for name, recipe in facts["recipes"].items()}
        rows[column] = names.map(known | {"": ""})
    return rows


def at_last_stage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of models at the last stage that they reach on each target.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows with ``target, input, recipe, stage``. Those of the stage ``baseline`` stay.
    """
    rank = rows["stage"].map(STAGES.index)
    last = rank.groupby([rows[key] for key in ("target", "input", "recipe")]).transform("max")
    return rows[rank == last]


def variant_of(facts: Mapping[str, Any]) -> Callable[[pd.DataFrame], pd.Series]:
    """Return what gives each line its variant: that of its recipe, of the study without one."""
    known = {recipe["family"]: recipe["variant"] for recipe in facts["recipes"].values()}
    return lambda table: table["recipe"].map(known | {"": facts["variant"]})


def row_of(
    row: Sequence[str], facts: Mapping[str, Any], long: pd.DataFrame | None = None
) -> list[str]:
    """Return the identity columns that a view shows.

    Parameters
    ----------
    row : sequence of str
        Identity columns of the long table.
    facts : mapping
        Facts of the study, of which ``recipes`` is used.
    long : pandas.DataFrame, optional
        The lines of the view, if it shows a representation only where there are several.

    Returns
    -------
    list of str
        `row` without the columns of `RECIPE` that are the same for all models of the study.
    """
    families = list(facts["recipes"].values())
    keys = {"recipe": "family"} | {key: key for key in RECIPE[1:]}
    same = {name for name, key in keys.items() if len({f[key] for f in families}) < 2}
    if long is not None and long["representation"].nunique() < 2:
        same.add("representation")
    return [column for column in row if column not in same]


def label_of(facts: Mapping[str, Any], representation: str) -> str:
    """Return what tables call a representation; its name where nothing else is known."""
    return facts["labels"].get(representation, representation)


def labelled(names: pd.Series, facts: Mapping[str, Any]) -> pd.Series:
    """Return what tables call each representation."""
    return names.map(lambda name: label_of(facts, name))


def in_order(
    table: pd.DataFrame,
    keys: Sequence[str],
    facts: Mapping[str, Any],
    **orders: Iterable[str],
) -> pd.DataFrame:
    """Return a table sorted by `keys`, whose rows otherwise stay in their order.

    Parameters
    ----------
    table : pandas.DataFrame
        Any long table.
    keys : sequence of str
        Its columns to sort by, the first one first.
    facts : mapping
        Facts of the study: families of recipes come in the order of its recipes.
    **orders
        Values of further columns in their order; what is not among them comes last. Stages come
        in the order of `STAGES`, all other columns by the alphabet.
    """
    families = (recipe["family"] for recipe in facts["recipes"].values())
    orders = {"stage": STAGES, "recipe": families} | orders
    ranks = {column: _ranks(values) for column, values in orders.items()}

    def rank(column: pd.Series) -> pd.Series:
        return ranks[column.name](column) if column.name in ranks else column

    return table.sort_values(list(keys), key=rank, kind="stable", ignore_index=True)


def _ranks(values: Iterable[str]) -> Callable[[pd.Series], pd.Series]:
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return lambda column: column.map(places).astype(float)
