"""Aggregate the scores of all jobs to the disentanglement table and its views."""

from fovscope.records import read_scores
from fovscope.runtime.job import logged
from fovscope.tables.disentanglement import (
    CAPTION,
    disentanglement_blocks,
    disentanglement_table,
    disentanglement_view,
)
from fovscope.tables.render import write_views

with logged(snakemake):
    variant = snakemake.params.variant
    long = disentanglement_table(read_scores(snakemake.input, "disentanglement"), variant=variant)
    write_views(
        long,
        disentanglement_view(long),
        CAPTION.format(variant=variant),
        dict(snakemake.output.items()),
        blocks=disentanglement_blocks(long),
    )
