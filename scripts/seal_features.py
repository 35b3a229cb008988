"""Check the shards of a feature store and write its manifest."""

from fovscope.features.store import seal_store
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import write_json

LATENCY = 60.0  # seconds, as `latency-wait` of the profile for clusters

with logged(snakemake):
    parts = len(snakemake.input)
    seal_store(snakemake.output[0], parts=parts, patience=LATENCY)
    write_json(snakemake.params.cut, {"parts": parts, "images": snakemake.params.images})
