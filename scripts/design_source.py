"""Draw the factor design of the source and describe it."""

from fovscope.config import Source
from fovscope.data.prepare_source import prepare_source
from fovscope.job import logged
from fovscope.provenance import write_json
from fovscope.tables.records import write_table

with logged(snakemake):
    design, info = prepare_source(Source.model_validate(dict(snakemake.params.source)))
    write_table(snakemake.output.table, design)
    write_json(snakemake.output.info, info)
