"""What a figure is drawn from.

A figure is a function from `Given` to `Drawing`, declared with ``@figure(name, scope=…, of=…,
needs=…, section=…, order=…, caption=…)``:

* ``scope``, what one picture is about: ``study``, ``dataset``, ``input`` (data set × backbone) or
  ``model`` (data set × backbone × recipe × seed);
* ``of``, the data sets that it is drawn for: ``datasets``, ``targets``, ``sources``,
  ``with_factors`` (known ones), ``open_set`` (with held-out classes) or ``profiled`` (screens);
* ``needs``: ``table:<name>`` (a long table), ``images`` (image table, facts and images),
  ``representation`` (the values of the model's last stage on the data set, with its image table),
  ``strips`` and ``moves`` (of the traversal), ``wells`` (of a screen, by the codes of the model),
  ``decoded`` (what models of images draw; such a figure is of pixels alone);
* ``facts``, what of the study it wants in `Given.options`: ``factors``, ``metrics``, ``profiles``.

What a figure does not ask for is empty or None.

A page (``@page``) is a function from a `Given` for each model that figures show to what writes it.
It has their images, what else it ``needs`` of each, and of the ``tables`` those that there are.
There is one, `fovscope.figures.explore`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from fovscope.datasets.listing import read_info
from fovscope.dimensions import dimension_names
from fovscope.factors import Bound, bound_of
from fovscope.images.source import ImageSource, RGBView, open_images
from fovscope.interpret.traversal import movement_matrix
from fovscope.records import read_table, representation_values
from fovscope.registry import Catalogue
from fovscope.runtime.provenance import read_json

THUMBNAIL = 112
"""Side of images in figures, pixels."""


@dataclass(frozen=True)
class Given:
    """What a figure is drawn from.

    Attributes
    ----------
    place : mapping of str to str
        ``dataset, backbone, recipe, seed``, as far as the figure's scope has them.
    tables : mapping of str to pandas.DataFrame
        Long tables by name.
    image_table : pandas.DataFrame, optional
        One row per image.
    info : mapping
        The facts beside the image table.
    open_images : callable, optional
        From a side in pixels to the images, in the order of the image table.
    values : ndarray, shape (N, d), optional
        Representation of the images, in the order of the image table.
    strips : pandas.DataFrame, optional
        ``dimension, step, value, image_id`` of a traversal.
    decoded : pandas.DataFrame, optional
        ``recipe, kind, place, picture`` of all recipes: what models of images draw.
    wells : pandas.DataFrame, optional
        ``Metadata_…`` of wells, and the mean of each dimension of the model at its last stage.
    moves : pandas.DataFrame, optional
        Scores ``moves[z<k>,<factor>]`` of a traversal.
    dimensions : sequence of str
        Names of the model's d dimensions.
    bound : sequence of Bound
        Factors with the dimensions of the model that training bound to them.
    options : mapping
        What the study tells figures: ``factors`` (of the sources, as `Factor.to_json` gives
        them), ``metrics``, ``profiles`` (the section of this target).
    """

    place: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    image_table: pd.DataFrame | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    open_images: Callable[[int], ImageSource] | None = None
    values: NDArray | None = None
    strips: pd.DataFrame | None = None
    moves: pd.DataFrame | None = None
    wells: pd.DataFrame | None = None
    decoded: pd.DataFrame | None = None
    dimensions: Sequence[str] = ()
    bound: Sequence[Bound] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def lines(self, table: str) -> pd.DataFrame:
        """Return the lines of a long table that are about this data set and backbone."""
        long = self.tables[table]
        of_place = long["target"] == self.place["dataset"]
        return long[of_place & (long["input"] == self.place["backbone"])]


def read_given(
    files: Mapping[str, Any],
    *,
    place: Mapping[str, str],
    options: Mapping[str, Any],
    catalogue: Catalogue,
) -> Given:
    """Read what a figure is drawn from.

    Parameters
    ----------
    files : mapping of str to str or sequence of str
        Inputs by the name that the study gives them: ``tables`` and ``decoded`` are several, and
        ``model`` is the JSON beside a model.
    place, options : mapping
        As in `Given`.
    catalogue : Catalogue
        Where readers and generators of images are.
    """
    given: dict[str, Any] = {"place": place, "options": options}
    given["tables"] = {Path(path).stem: read_table(path) for path in files.get("tables", [])}
    dimensions = 0
    if "table" in files:
        images, facts = read_table(files["table"]), read_info(files["facts"])
        if "representation" in files:  # pairs that only training saw have none
            values = read_table(files["representation"])
            images = images[images["image_id"].isin(values["image_id"])].reset_index(drop=True)
            given["values"] = representation_values(values, images)
            dimensions = given["values"].shape[1]
        opened = partial(open_images, images, facts, interpolation="bilinear", catalogue=catalogue)
        given |= {"image_table": images, "info": facts}
        given["open_images"] = lambda size: RGBView(opened(size=size))
    for name in ("strips", "moves", "wells"):
        if name in files:
            given[name] = read_table(files[name])
    if "decoded" in files:
        given["decoded"] = pd.concat(map(read_table, files["decoded"]), ignore_index=True)
    if "strips" in given:
        dimensions = given["strips"]["dimension"].max() + 1
    if "moves" in given:
        dimensions = len(movement_matrix(given["moves"]))
    bound = bound_of(read_json(files["model"])) if "model" in files else ()
    return Given(**given, dimensions=dimension_names(dimensions, bound), bound=bound)


def kinds_of(long: pd.DataFrame) -> pd.Series:
    """Return in words what tells a line's recipe and representation from others of the table.

    Parameters
    ----------
    long : pandas.DataFrame
        Lines with ``recipe`` and ``representation``.

    Returns
    -------
    pandas.Series of str
        ``"ada, named latents"``; a part that all lines with a model share is left out, the
        recipe also where there is no model.
    """
    with_model = long[long["recipe"] != ""]
    parts = []
    for column in ("recipe", "representation"):
        same = with_model[column].iloc[0] if with_model[column].nunique() == 1 else ""
        parts.append(long[column].where(long[column] != same, ""))
    recipe, representation = parts
    comma = ((recipe != "") & (representation != "")).map({True: ", ", False: ""})
    return recipe + comma + representation
