"""Draw the factor design of the source and describe it."""

from fovscope.datasets.prepare_source import prepare_source
from fovscope.records import write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import write_json
from fovscope.study.config import Source

with logged(snakemake):
    design, info = prepare_source(Source.model_validate(dict(snakemake.params.source)))
    write_table(snakemake.output.table, design)
    write_json(snakemake.output.info, info)
