"""Bring a data set that has a name to its place: download, check, unpack and count it."""

import json
from pathlib import Path

from fovscope.datasets.named import DataSet, Place
from fovscope.datasets.retrieve import retrieve
from fovscope.runtime.job import logged
from fovscope.runtime.locks import writing
from fovscope.runtime.provenance import write_json

with logged(snakemake):
    row = DataSet.model_validate(json.loads(snakemake.resources.row))
    facts = Path(snakemake.output[0])
    with writing(facts):  # studies may share the folder
        write_json(facts, retrieve(snakemake.wildcards.named, row, Place(facts.parent)))
