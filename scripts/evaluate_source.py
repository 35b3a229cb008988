"""Score the disentanglement of one source model."""

import pandas as pd

from fovscope.evaluation.disentanglement import score_source
from fovscope.records import latent_means, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Metrics

with logged(snakemake):
    design = pd.read_parquet(snakemake.input.design).query("role != 'train_pair'")
    codes = latent_means(pd.read_parquet(snakemake.input.latents), design)
    options = Metrics.model_validate(dict(snakemake.params.metrics))
    scores = score_source(design, codes, options=options, threads=snakemake.threads)
    write_table(
        snakemake.output[0],
        score_table(
            scores,
            kind="disentanglement",
            dataset=snakemake.params.source,
            tuned_on="",
            **snakemake.wildcards,
            stage="source",
            representation="latents",
            **read_json(snakemake.input.model)["provenance"],
        ),
    )
