"""Aggregate the scores of all jobs to one table and its views."""

from fovscope.records import read_scores
from fovscope.runtime.job import logged
from fovscope.tables.render import caption_of, write_views

with logged(snakemake) as job:
    what = snakemake.params.job
    entry, facts = job.catalogue.entry("table", what["table"]), what["facts"]
    views = entry.load()(read_scores(snakemake.input, *entry.declared["kinds"]), facts)
    files = dict(snakemake.output.items())
    caption = caption_of(entry, facts)
    write_views(views.long, views.view, caption, files, blocks=views.blocks, bold=views.bold)
