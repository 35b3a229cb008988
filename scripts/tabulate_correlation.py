"""Aggregate what the dimensions of all models mean: three tables and their views."""

from fovscope.records import read_scores
from fovscope.runtime.job import logged
from fovscope.tables import correlation, importance, transfer
from fovscope.tables.matching import name_dimensions, with_names
from fovscope.tables.render import files_of, write_views

with logged(snakemake):
    variant, supervision = (snakemake.params.study[key] for key in ("variant", "supervision"))
    correlations = read_scores(snakemake.input, "correlation")
    importances = read_scores(snakemake.input, "importance")
    names = name_dimensions(correlations, supervision)
    for table, scores in (
        (correlation, correlations),
        (transfer, correlations),
        (importance, importances),
    ):
        long = table.long_table(with_names(scores, names), variant=variant)
        name = table.__name__.rpartition(".")[2]
        caption = table.CAPTION.format(variant=variant, supervision=supervision)
        write_views(long, table.view(long), caption, files_of(snakemake.output, name))
