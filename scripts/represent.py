"""Represent the images of a data set without a model; fit without a class if one is held out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fovscope.factors import Factor
from fovscope.records import read_table, representation_table, write_table
from fovscope.representations.base import Given
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json


def read(files: Mapping[str, str], prefix: str, held_out: str, file: str) -> Given:
    """Return what there is of the images whose inputs have a prefix."""
    images = read_table(files[f"{prefix}table"])
    fit = images["split"] == "train"
    if held_out:
        fit &= images["label"] != held_out
    objects = None
    if f"{prefix}objects" in files:
        objects = read_table(files[f"{prefix}objects"]).set_index("image_id")
        objects = objects.loc[images["image_id"]]
    features = None
    if f"{prefix}features" in files:
        # Here, because Zarr takes half a second to import and most representations need none.
        from fovscope.features.store import read_store

        features = read_store(files[f"{prefix}features"])
    factors = ()
    if f"{prefix}facts" in files:
        facts = read_json(files[f"{prefix}facts"])
        factors = [Factor.from_json(factor) for factor in facts.get("factors", ())]
    return Given(
        images,
        fit=fit.to_numpy(),
        features=features,
        objects=objects,
        file=Path(file) if file else None,
        factors=factors,
    )


with logged(snakemake) as job:
    files, what = dict(snakemake.input.items()), snakemake.params.job
    given = read(files, "", snakemake.params.get("held_out", ""), what.get("file", ""))
    images = given.images
    if "natural_table" in files:
        given = given.fitted_on(read(files, "natural_", "", ""))
    if "source_table" in files:
        given = replace(given, source=read(files, "source_", "", ""))
    one = what["representation"]
    values = job.catalogue.load("representation", one["representation"])(given, **one["options"])
    table = representation_table(images["image_id"], values[-len(images) :])
    write_table(snakemake.output[0], table)
