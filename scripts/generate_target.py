"""Generate the images of a target, then check and split them."""

from pathlib import Path

from fovscope.datasets.generate import generate_target
from fovscope.datasets.listing import write_info
from fovscope.records import write_table
from fovscope.runtime.job import logged
from fovscope.study.config import Target

with logged(snakemake):
    manifest = generate_target(
        Target.model_validate(dict(snakemake.params.target)),
        Path(snakemake.output.table).parent,
        workers=snakemake.threads,
    )
    write_table(snakemake.output.table, manifest.table)
    write_info(snakemake.output.info, manifest.info)
