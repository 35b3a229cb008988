"""Draw the correlations of latent dimensions with handcrafted features on one target."""

from fovscope.figures.correlation import correlation_size, draw_correlations
from fovscope.figures.style import figure, save
from fovscope.records import read_table
from fovscope.runtime.job import logged

with logged(snakemake):
    wildcards = snakemake.wildcards
    long = read_table(snakemake.input[0])
    long = long[
        (long["target"] == wildcards.dataset)
        & (long["input"] == wildcards.backbone)
        & (long["score"] == "pearson")
    ]
    with figure(*correlation_size(long)) as canvas:
        draw_correlations(canvas, long)
        save(canvas, snakemake.output)
