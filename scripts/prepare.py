"""Make the image table of a data set, from files, a generator or a design."""

from pathlib import Path

from fovscope.datasets.listing import write_info
from fovscope.records import write_table
from fovscope.runtime.job import logged

with logged(snakemake) as job:
    what = snakemake.params.job
    prepare = job.catalogue.load("origin", what["origin"])
    manifest = prepare(
        what["options"],
        Path(snakemake.output.table).parent,
        catalogue=job.catalogue,
        workers=snakemake.threads,
    )
    write_table(snakemake.output.table, manifest.table)
    write_info(snakemake.output.facts, manifest.info)
