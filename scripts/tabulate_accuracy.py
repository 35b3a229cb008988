"""Aggregate the scores of all jobs to the tables of accuracy and of confusions."""

from fovscope.records import read_scores
from fovscope.runtime.job import logged
from fovscope.tables import confusion
from fovscope.tables.accuracy import CAPTION, accuracy_table, accuracy_view
from fovscope.tables.published import beside_published
from fovscope.tables.render import files_of, write_views

with logged(snakemake):
    variant, published = snakemake.params.variant, snakemake.params.published
    scores = read_scores(snakemake.input, "accuracy")
    long = accuracy_table(scores, variant=variant)
    long = beside_published(long, published["data"], frozenset(published["images"]))
    caption, files = CAPTION.format(variant=variant), files_of(snakemake.output, "accuracy")
    write_views(long, accuracy_view(long), caption, files)
    long = confusion.long_table(scores, variant=variant)
    caption = confusion.CAPTION.format(variant=variant)
    write_views(long, confusion.view(long), caption, files_of(snakemake.output, "confusion"))
