"""Aggregate the scores of all jobs to the accuracy table and its views."""

from fovscope.job import logged
from fovscope.tables.accuracy import CAPTION, accuracy_table, accuracy_view
from fovscope.tables.published import beside_published
from fovscope.tables.records import read_scores
from fovscope.tables.render import write_views

with logged(snakemake):
    variant, published = snakemake.params.variant, snakemake.params.published
    long = accuracy_table(read_scores(snakemake.input, "accuracy"), variant=variant)
    long = beside_published(long, published["data"], frozenset(published["images"]))
    write_views(
        long, accuracy_view(long), CAPTION.format(variant=variant), dict(snakemake.output.items())
    )
