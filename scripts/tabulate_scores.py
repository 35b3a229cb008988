"""Aggregate the scores of all jobs to one table and its views."""

import pandas as pd

from fovscope.records import read_scores
from fovscope.runtime.job import logged
from fovscope.tables.render import caption_of, write_views

with logged(snakemake) as job:
    entry, facts = job.catalogue.entry("table", snakemake.params.table), snakemake.params.facts
    scores = [read_scores(snakemake.input, kind) for kind in entry.declared["kinds"]]
    views = entry.load()(pd.concat(scores, ignore_index=True), facts)
    files = dict(snakemake.output.items())
    write_views(views.long, views.view, caption_of(entry, facts), files, blocks=views.blocks)
