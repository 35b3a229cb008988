"""What an evaluation is given.

An evaluation is a function ``(given: Given) -> dict``: from image tables, representations and
options to tables of score rows, by the name of the output that each goes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from fovscope.datasets.listing import read_info
from fovscope.factors import Bound, bound_of
from fovscope.records import Identity, read_table, representation_values
from fovscope.registry import Catalogue
from fovscope.runtime.provenance import read_json


@dataclass(frozen=True)
class View:
    """A representation of the images of one data set, as an evaluation sees it.

    Attributes
    ----------
    images : DataFrame
        The image table, rows that have a representation only.
    facts : mapping
        The facts beside it.
    values : ndarray, shape (N, D)
        The numbers, in the order of the images.
    table : DataFrame
        The table that they come from.
    identity : Identity
        Whose scores these are; `kind` and `probe` are still open.
    """

    images: pd.DataFrame
    facts: Mapping[str, Any]
    values: NDArray
    table: pd.DataFrame
    identity: Identity


@dataclass(frozen=True)
class Given:
    """The inputs of an evaluation.

    Attributes
    ----------
    inputs : mapping of str to object
        Tables and facts by the name that the rule gives them; several of a name are a list.
        ``model`` is what the JSON beside a model holds.
    options : mapping
        What the study says, as plain values.
    identity : Identity
        Data set, backbone, recipe and seed of the job.
    provenance : mapping
        Columns for each score row.
    catalogue : Catalogue
        Metrics, probes and representations by name.
    threads : int
        Cores of the job.
    """

    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    identity: Identity
    provenance: Mapping[str, str]
    catalogue: Catalogue
    threads: int = 1

    @property
    def seed(self) -> int:
        """Seed of all that is fitted: that of the model, 0 without one."""
        return int(self.identity.seed or 0)

    @property
    def bound(self) -> tuple[Bound, ...]:
        """Factors with the latent dimensions of the model that they name; none without a model."""
        return bound_of(self.inputs["model"]) if "model" in self.inputs else ()

    def views(self) -> Iterator[View]:
        """Yield the representations that the job is about, as the rule lists them.

        Each names the inputs that it is made of, ``values``, ``table`` and ``facts``, and those
        parts of its identity that differ from the job's.
        """
        for view in self.options["views"]:
            values = self.inputs[view["values"]]
            images = self.inputs[view.get("table", "table")]
            images = images[images["image_id"].isin(values["image_id"])].reset_index(drop=True)
            yield View(
                images,
                self.inputs[view.get("facts", "facts")],
                representation_values(values, images),
                values,
                self.identity.replace(**view["identity"]),
            )


def read_inputs(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the inputs of an evaluation.

    Parameters
    ----------
    inputs : mapping of str to str or list of str
        Files by name: tables, ``facts`` of data sets, ``model`` (the JSON beside a model) and
        ``features`` (the manifest of a store, for the provenance) and ``…store`` (for the
        numbers).

    Returns
    -------
    inputs : dict
        Tables and facts by name, and the JSON of the model.
    provenance : dict
        ``weights_digest, data_digest`` and more: what scores come from.
    """
    read: dict[str, Any] = {}
    provenance = None
    for name, path in inputs.items():
        if name == "model":
            read[name] = read_json(path)
            provenance = read[name]["provenance"]
        elif name == "features":
            manifest = read_json(path)
            if provenance is None:
                provenance = {k: manifest[k] for k in ("weights_digest", "data_digest")}
        elif name.endswith("store"):
            # Here, because Zarr takes half a second to import and one evaluation needs it.
            from fovscope.features.store import read_store

            read[name] = read_store(path)
        elif name.endswith("facts"):
            read[name] = read_info(path)
        else:
            read[name] = read_table(path) if isinstance(path, str) else _read_all(path)
    if provenance is None:
        provenance = {"weights_digest": "", "data_digest": read["facts"]["images_digest"]}
    return read, provenance


def _read_all(paths: Iterable[str]) -> list[pd.DataFrame]:
    return [read_table(path) for path in paths]
