"""Cache a part of the features of one data set and backbone."""

from fovscope.features.job import ExtractionJob, run_job
from fovscope.runtime.job import logged

with logged(snakemake, lasting=False):  # what stays is noted by `seal_features`
    run_job(
        ExtractionJob(
            manifest=snakemake.params.manifest,
            task=snakemake.input.task,
            table=snakemake.input.table,
            info=snakemake.input.facts,
            part=int(snakemake.wildcards.part),
            parts=int(snakemake.wildcards.parts),
            threads=snakemake.threads,
            log=snakemake.log[0],
        ),
        tasks=snakemake.resources.tasks,
    )
