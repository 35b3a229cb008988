"""List, check and split the images of a target."""

from fovscope.datasets.listing import write_info
from fovscope.datasets.manifest import build_manifest
from fovscope.records import write_table
from fovscope.runtime.job import logged
from fovscope.study.config import Target

with logged(snakemake):
    target = Target.model_validate(dict(snakemake.params.target))
    manifest = build_manifest(target, workers=snakemake.threads)
    write_table(snakemake.output.table, manifest.table)
    write_info(snakemake.output.info, manifest.info)
