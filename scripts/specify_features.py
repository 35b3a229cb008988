"""Write down all that the features of a data set and backbone depend on."""

from fovscope.runtime.job import logged
from fovscope.runtime.provenance import write_json

with logged(snakemake):
    write_json(snakemake.output[0], dict(snakemake.params.items()))
