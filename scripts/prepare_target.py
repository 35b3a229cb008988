"""List, check and split the images of a target."""

from fovscope.config import Target
from fovscope.data.listing import write_info
from fovscope.data.targets import build_manifest
from fovscope.job import logged
from fovscope.tables.records import write_table

with logged(snakemake):
    target = Target.model_validate(dict(snakemake.params.target))
    manifest = build_manifest(target, workers=snakemake.threads)
    write_table(snakemake.output.table, manifest.table)
    write_info(snakemake.output.info, manifest.info)
