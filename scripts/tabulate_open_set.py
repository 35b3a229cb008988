"""Aggregate the scores of all held-out classes to the table of the open set and its views."""

from fovscope.records import read_scores
from fovscope.runtime.job import logged
from fovscope.tables.open_set import CAPTION, open_set_table, open_set_view
from fovscope.tables.render import write_views

with logged(snakemake):
    variant = snakemake.params.variant
    long = open_set_table(read_scores(snakemake.input, "open_set"), variant=variant)
    write_views(
        long, open_set_view(long), CAPTION.format(variant=variant), dict(snakemake.output.items())
    )
