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
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from fovscope.images.source import ImageSource

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
    options: Mapping[str, Any] = field(default_factory=dict)

    def lines(self, table: str) -> pd.DataFrame:
        """Return the lines of a long table that are about this data set and backbone."""
        long = self.tables[table]
        of_place = long["target"] == self.place["dataset"]
        return long[of_place & (long["input"] == self.place["backbone"])]


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
