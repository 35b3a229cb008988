"""Generate the images of a target, then check and split them."""

from pathlib import Path

from fovscope.config import Target
from fovscope.data.generate import generate_target
from fovscope.data.listing import write_info
from fovscope.job import logged
from fovscope.tables.records import write_table

with logged(snakemake):
    manifest = generate_target(
        Target.model_validate(dict(snakemake.params.target)),
        Path(snakemake.output.table).parent,
        workers=snakemake.threads,
    )
    write_table(snakemake.output.table, manifest.table)
    write_info(snakemake.output.info, manifest.info)
