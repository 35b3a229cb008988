"""Draw the correlations of latent dimensions with handcrafted features on one target."""

import pandas as pd

from fovscope.figures.correlation import correlation_size, draw_correlations
from fovscope.figures.style import figure, save
from fovscope.runtime.job import logged

with logged(snakemake):
    wildcards = snakemake.wildcards
    long = pd.read_parquet(snakemake.input[0])
    long = long[
        (long["target"] == wildcards.dataset)
        & (long["input"] == wildcards.backbone)
        & (long["score"] == "pearson")
    ]
    with figure(*correlation_size(long)) as canvas:
        draw_correlations(canvas, long)
        save(canvas, snakemake.output)
