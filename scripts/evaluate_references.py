"""Score codes of known quality on the factors of one data set: floor and ceiling."""

import pandas as pd

from fovscope.evaluation.disentanglement import score_references
from fovscope.records import Identity, read_table, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.study.config import Metrics

with logged(snakemake):
    scored = score_references(
        read_table(snakemake.input.table),
        is_source=snakemake.params.is_source,
        latent_dim=snakemake.params.latent_dim,
        options=Metrics.model_validate(dict(snakemake.params.metrics)),
        threads=snakemake.threads,
    )
    tables = [
        score_table(
            scores,
            Identity(
                kind="disentanglement",
                dataset=snakemake.wildcards.dataset,
                stage="reference",
                representation=code,
            ),
        )
        for code, scores in scored.items()
    ]
    write_table(snakemake.output[0], pd.concat(tables, ignore_index=True))
