"""Score what needs no model on one target: full features, their PCA, a constant."""

import pandas as pd

from fovscope.evaluation.accuracy import probe_baselines
from fovscope.features.store import read_store
from fovscope.records import Identity, read_table, score_table, write_table
from fovscope.runtime.job import logged
from fovscope.runtime.provenance import read_json
from fovscope.study.config import Probes

with logged(snakemake):
    features = read_json(snakemake.input.features)
    scored = probe_baselines(
        read_table(snakemake.input.manifest),
        read_store(snakemake.input.features),
        latent_dim=snakemake.params.latent_dim,
        options=Probes.model_validate(dict(snakemake.params.probes)),
        threads=snakemake.threads,
    )
    tables = [
        score_table(
            scores,
            Identity(
                kind="accuracy",
                dataset=snakemake.wildcards.dataset,
                backbone=snakemake.wildcards.backbone,
                stage="baseline",
                representation=representation,
                probe=probe,
            ),
            weights_digest=features["weights_digest"],
            data_digest=features["data_digest"],
        )
        for representation, by_probe in scored.items()
        for probe, scores in by_probe.items()
    ]
    write_table(snakemake.output[0], pd.concat(tables, ignore_index=True))
