"""Compare fine-tuned latents with transferred ones and with the baselines, over models."""

from fovscope.records import read_scores
from fovscope.runtime.job import logged
from fovscope.tables.comparisons import CAPTION, comparison_table, comparison_view
from fovscope.tables.render import write_views

with logged(snakemake):
    variant = snakemake.params.variant
    long = comparison_table(read_scores(snakemake.input, "accuracy"), variant=variant)
    write_views(
        long, comparison_view(long), CAPTION.format(variant=variant), dict(snakemake.output.items())
    )
