"""Represent the images of a data set without a model; fit without a class if one is held out."""

from pathlib import Path

from fovscope.features.store import read_store
from fovscope.records import read_table, representation_table, write_table
from fovscope.representations.base import Given
from fovscope.runtime.job import logged

with logged(snakemake) as job:
    given, what = dict(snakemake.input.items()), snakemake.params.job
    images = read_table(given["table"])
    fit = images["split"] == "train"
    if held_out := snakemake.params.get("held_out"):
        fit &= images["label"] != held_out
    objects = None
    if "objects" in given:
        objects = read_table(given["objects"]).set_index("image_id").loc[images["image_id"]]
    represented = Given(
        images,
        fit=fit.to_numpy(),
        features=read_store(given["features"]) if "features" in given else None,
        objects=objects,
        file=Path(what["file"]) if "file" in what else None,
    )
    one = what["representation"]
    make = job.catalogue.load("representation", one["representation"])
    table = representation_table(images["image_id"], make(represented, **one["options"]))
    write_table(snakemake.output[0], table)
