"""Make one table of the study and its views from the scores of all jobs."""

from fovscope.records import read_scores
from fovscope.runtime.job import logged
from fovscope.tables.render import caption_of, write_views

with logged(snakemake) as job:
    what = snakemake.params.job
    entry = job.catalogue.entry("table", what["table"])
    scores = read_scores(snakemake.input, entry.declared["kinds"])
    views = entry.load()(scores, what["facts"])
    write_views(views, caption_of(entry, what["facts"]), dict(snakemake.output.items()))
