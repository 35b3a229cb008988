"""Compare the models of all seeds on one data set, without labels."""

import pandas as pd

from fovscope.evaluation.agreement import compare_models
from fovscope.records import Identity, read_table, score_table, write_table
from fovscope.runtime.job import logged

with logged(snakemake):
    wildcards = snakemake.wildcards
    images = read_table(snakemake.input.table)
    if "role" in images:  # of the source: the independent rows
        images = images[images["role"].isin(("iid_train", "iid_test"))]
    resamples = snakemake.params.resamples
    tables = []
    for stage in snakemake.params.scope["stages"]:
        latents = {
            str(seed): read_table(path)
            for seed, path in zip(
                snakemake.params.scope["seeds"], snakemake.input[stage], strict=True
            )
        }
        for seed, scores in compare_models(latents, images, resamples=resamples).items():
            identity = Identity(
                kind="disentanglement",
                dataset=wildcards.dataset,
                tuned_on=wildcards.dataset if stage == "finetuned" else "",
                backbone=wildcards.backbone,
                recipe=wildcards.beta,
                seed=int(seed),
                stage=stage,
                representation="seeds",
            )
            tables.append(score_table(scores, identity))
    write_table(snakemake.output[0], pd.concat(tables, ignore_index=True))
