"""Whether a target has images enough for what a study asks of it, told before any network runs.

What an evaluation cannot be done with it says itself, but hours later. What it needs of the image
table alone is asked here: images to fit a representation on, classes to tell apart, images to test
on, factors that vary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from fovscope import FovscopeError
from fovscope.factors import PREFIX
from fovscope.interpret.known import FEWEST_OF_CLASS


class TooFewImagesError(FovscopeError):
    """A target is too small for what is asked of it; the message says for what, and what to do."""


def require_enough(
    images: pd.DataFrame, *, fitted: Mapping[str, int], held_out: Sequence[str] = ()
) -> None:
    """Raise an error, which lists all of it, if there are too few images for anything.

    Parameters
    ----------
    images : DataFrame
        The image table of a target: ``split``, where there are classes ``label``, and ``factor_*``.
    fitted : mapping of str to int
        By representation without a model, how many images it needs to be fitted on.
    held_out : sequence of str
        Classes of the open set.

    Raises
    ------
    TooFewImagesError
        If training images are too few for a representation, or for one without a held-out class;
        have one class only, or a factor only one value; or if a class lacks images that the open
        set needs.
    """
    problems = [
        *_of_fits(images, fitted),
        *_of_classes(images),
        *_of_factors(images),
        *(problem for label in held_out for problem in _of_open_set(images, label, fitted)),
    ]
    if problems:
        raise TooFewImagesError("; ".join(problems))


def _training(images: pd.DataFrame) -> pd.DataFrame:
    return images[images["split"] == "train"]


def _of_fits(images: pd.DataFrame, fitted: Mapping[str, int], without: str = "") -> Iterator[str]:
    count = len(_training(images))
    for name, fewest in fitted.items():
        if count < fewest:
            yield (
                f"{count} training images{without} are too few for the representation '{name}', "
                f"which has {fewest} dimensions; add images, or set its option 'dimensions' to "
                f"{count} or less, or leave it out"
            )


def _of_classes(images: pd.DataFrame) -> Iterator[str]:
    trained = _training(images)["label"].unique() if "label" in images else ()
    if len(trained) == 1:
        yield (
            f"all training images are of the class '{trained[0]}'; a probe needs two to tell "
            "apart: give others to the split 'train' too"
        )


def _of_factors(images: pd.DataFrame) -> Iterator[str]:
    rows = images[images["split"] != "test"]  # as metrics are fitted
    for column in images.columns[images.columns.str.startswith(PREFIX)]:
        if images[column].nunique() > 1 and rows[column].nunique() < 2:
            yield (
                f"factor '{column.removeprefix(PREFIX)}' has one value only outside of the test "
                "split; add images that differ in it, split otherwise, or leave it out"
            )


def _of_open_set(images: pd.DataFrame, label: str, fitted: Mapping[str, int]) -> Iterator[str]:
    known, novel = images[images["label"] != label], images[images["label"] == label]
    where = f"open_set, without the class '{label}': "
    of_class = _training(known)["label"].value_counts()
    for name, count in of_class.items():
        if count < FEWEST_OF_CLASS:
            yield (
                f"{where}the class '{name}' has {count} training image; it needs "
                f"{FEWEST_OF_CLASS} to have a spread"
            )
    if len(of_class) < 2:
        yield f"{where}there are {len(of_class)} classes to train on; a probe needs two"
    for which, rows in (("known", known), ("held-out", novel)):
        if not (rows["split"] == "test").any():
            yield f"{where}no image of {which} classes is in the test split"
    yield from _of_fits(known, fitted, f" without the class '{label}'")
