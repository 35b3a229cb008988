"""Check the shards of a feature store and write its manifest."""

from fovscope.features.store import seal_store
from fovscope.job import logged
from fovscope.provenance import write_json

with logged(snakemake):
    seal_store(snakemake.output[0], parts=len(snakemake.input))
    write_json(snakemake.params.cut, len(snakemake.input))
